//! A cluster of 200 brokers and 200,000 partitions in one process: what its controller takes for the
//! loss of a broker and for a start, and what an idle partition costs.

mod records;

use std::io;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use broker::controller::checkpoint::{Checkpoint, Quorum, SnapshotId};
use broker::controller::{Controller, ControllerSettings, FOLDER, Membership};
use e2e::process::succeed;
use e2e::{Node, Product, wait};
use metadata::MetadataVersion;
use metadata::config::{ServerConfig, parse_properties};
use metadata::decide::{FenceBroker, record_version};
use metadata::image::{Endpoint, Image};
use types::{BrokerEpoch, LeaderEpoch, NodeId, Offset, TimestampMs, Uuid};

use crate::footprint::create;
use crate::readings::anonymous_mb;
use crate::table::Row;
use records::{LADEN, LADEN_EPOCH, LED_BY_LADEN, PARTITIONS};

const ROUNDS: usize = 5;
const NODE: NodeId = NodeId(1_000);
const KB_PER_MB: f64 = 1024.0;

/// What one process measured.
struct Measured {
    load_ms: f64,
    loss_ms: f64,
    kb_per_partition: f64,
}

/// The rows of the controller, the best of several processes.
pub fn controller_of_many() -> io::Result<Vec<Row>> {
    let folder = e2e::folders::scratch();
    let rounds = (0..ROUNDS).map(|round| {
        let directory = folder.path().join(round.to_string());
        write_snapshot(&directory)?;
        let mut command = Command::new(std::env::current_exe()?);
        let measured = parse(&succeed(command.arg("scale").arg(&directory), b""))?;
        std::fs::remove_dir_all(directory)?;
        Ok(measured)
    });
    let rounds = rounds.collect::<io::Result<Vec<Measured>>>()?;
    let least = |of: fn(&Measured) -> f64| rounds.iter().map(of).fold(f64::MAX, f64::min);
    let row = |name, number, target| Row::absolute(name, number, None, target);
    Ok(vec![
        row(
            "200,000 partitions: loss of a leader of 10,000, decided and in the log: ms",
            least(|round| round.loss_ms),
            "< 200",
        ),
        row(
            "200,000 partitions: controller started from a snapshot: ms",
            least(|round| round.load_ms),
            "< 2000",
        ),
        row(
            "200,000 partitions: anonymous memory each on the controller: KB",
            least(|round| round.kb_per_partition),
            "reported",
        ),
    ])
}

/// In a process of its own: starts the controller on a folder with a snapshot, loses the laden
/// broker, and prints what that took.
pub fn measure(directory: &Path) -> io::Result<()> {
    let before = anonymous_mb(std::process::id());
    let start = Instant::now();
    let controller = Controller::start(settings(directory)?, Box::new(|_, _| ()));
    let controller = controller.map_err(io::Error::other)?;
    wait::until("the only voter decides", || controller.decides().then_some(()));
    let load_ms = start.elapsed().as_secs_f64() * 1e3;
    let grown = anonymous_mb(std::process::id()) - before;
    assert_eq!(led_by_laden(&controller.image()), LED_BY_LADEN, "the snapshot was loaded");
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    let start = Instant::now();
    let fence = FenceBroker { broker: NodeId(LADEN), epoch: BrokerEpoch(LADEN_EPOCH) };
    let fenced = runtime.block_on(controller.submit(fence)).map_err(io::Error::other)?;
    let loss_ms = start.elapsed().as_secs_f64() * 1e3;
    assert!(fenced, "the broker was in service");
    assert_eq!(led_by_laden(&controller.image()), 0, "others lead what it led");
    let kb_per_partition = grown * KB_PER_MB / f64::from(PARTITIONS);
    println!("{load_ms} {loss_ms} {kb_per_partition}");
    Ok(())
}

fn parse(printed: &str) -> io::Result<Measured> {
    let numbers: Result<Vec<f64>, _> = printed.split_whitespace().map(str::parse).collect();
    match numbers.map_err(io::Error::other)?[..] {
        [load_ms, loss_ms, kb_per_partition] => Ok(Measured { load_ms, loss_ms, kb_per_partition }),
        _ => Err(io::Error::other(format!("no three numbers: {printed}"))),
    }
}

fn led_by_laden(image: &Image) -> i32 {
    let partitions = image.topics().replicas_on(NodeId(LADEN)).flat_map(|(_, of_topic)| of_topic);
    let led = partitions.filter(|(_, state)| state.leader == NodeId(LADEN)).count();
    i32::try_from(led).unwrap_or(i32::MAX)
}

/// A metadata directory as a controller leaves it that has written a snapshot and nothing behind it.
fn write_snapshot(directory: &Path) -> io::Result<()> {
    let release = MetadataVersion::LATEST_PRODUCTION;
    let versioned = |record| {
        let version = record_version(&record, release);
        (record, version)
    };
    let records: Vec<_> = records::records().into_iter().map(versioned).collect();
    let end = Offset(i64::try_from(records.len()).map_err(io::Error::other)?);
    let id = SnapshotId { end, epoch: LeaderEpoch(1) };
    let now = TimestampMs(0);
    let checkpoint = Checkpoint { last_timestamp: now, quorum: Quorum::default(), records };
    let bytes = checkpoint.encode(id, now).map_err(io::Error::other)?;
    let folder = directory.join(FOLDER);
    std::fs::create_dir_all(&folder)?;
    std::fs::write(folder.join(id.file_name()), bytes)
}

/// A controller alone, the only voter, that waits for its brokers for long.
fn settings(directory: &Path) -> io::Result<ControllerSettings> {
    let text = format!(
        "process.roles=controller\nnode.id={NODE}\nlog.dirs={}\n\
         listeners=CONTROLLER://localhost:9093\ncontroller.listener.names=CONTROLLER\n\
         controller.quorum.voters={NODE}@localhost:9093\n\
         broker.session.timeout.ms={}\n",
        directory.display(),
        i32::MAX
    );
    let file = parse_properties(text.as_bytes()).map_err(io::Error::other)?;
    let config = ServerConfig::parse(file).map_err(io::Error::other)?;
    let membership = Membership {
        node: NODE,
        cluster_id: e2e::nodes::CLUSTER.to_owned(),
        incarnation: Uuid([7; 16]),
        broker: None,
        controller_endpoints: vec![Endpoint::new("CONTROLLER", "localhost", 9093, 0)],
        unstable_features: false,
    };
    Ok(ControllerSettings::from_config(&config, membership, Uuid([9; 16])))
}

/// What a broker holds for each partition that nobody has written to.
pub fn idle_partitions_of_a_broker() -> io::Result<Vec<Row>> {
    const TOPICS: usize = 4;
    const OF_EACH: usize = 10_000;
    let klamm = Product::Klamm;
    let controller = Node::controller(klamm, 1, "").ok_or(io::ErrorKind::NotFound)?;
    let broker = Node::broker(klamm, 2, controller.port(), "");
    let mut broker = broker.ok_or(io::ErrorKind::NotFound)?;
    create(broker.port(), "first", 1);
    let before = anonymous_mb(broker.server().pid());
    for topic in 0..TOPICS {
        create(broker.port(), &format!("idle-{topic}"), OF_EACH);
    }
    let grown = anonymous_mb(broker.server().pid()) - before;
    let kb = grown * KB_PER_MB / (TOPICS * OF_EACH) as f64;
    let name = "anonymous memory of an idle partition on its broker: KB";
    Ok(vec![Row::absolute(name, kb, None, "reported")])
}
