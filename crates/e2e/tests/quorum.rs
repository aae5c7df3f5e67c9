//! Quorums of several controllers, of Klamm and of Apache Kafka mixed: they elect, commit, and outlive
//! any one of them.

#[path = "quorum/combined.rs"]
mod combined;
#[path = "quorum/steps.rs"]
mod steps;
#[path = "quorum/voters.rs"]
mod voters;

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use e2e::cluster::{Cluster, Quorum};
use e2e::java::{Release, class};
use e2e::process::{output, succeed};
use e2e::raw::{CREATE_VERSION, Connection, create_request};
use e2e::{Product, klamm};
use steps::{EAGER_SNAPSHOTS, create, leader, make_lead, plan, snapshots};
use types::ErrorCode;
use wire::create_partitions_request::CreatePartitionsTopic;
use wire::{
    CreatePartitionsRequest, CreateTopicsRequest, DeleteTopicsRequest, ElectLeadersRequest,
};

/// Behind the three controllers.
const BROKER: u8 = 4;

/// Everything that a controller's log holds as of its first segment.
fn log_of(cluster: &Cluster, id: u8) -> Vec<u8> {
    let path = cluster.node(id).metadata().join("00000000000000000000.log");
    let bytes = std::fs::read(path).unwrap_or_default();
    // Apache Kafka sets space aside behind the records
    let end = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    bytes[..end].to_vec()
}

/// Waits until all three controllers hold the same log.
fn await_equal_logs(cluster: &Cluster) {
    cluster.await_state("the controllers' logs are equal", || {
        let logs = [1, 2, 3].map(|id| log_of(cluster, id));
        !logs[0].is_empty() && logs[0] == logs[1] && logs[1] == logs[2]
    });
}

/// Has each of `leaders` lead without the one, lead without the other, and then be lost itself.
fn lose_any_one(cluster: &mut Cluster, leaders: &[u8]) {
    for leading in leaders {
        let others = (1..=3).filter(|id| id != leading);
        for lost in others.chain([*leading]) {
            make_lead(cluster, *leading);
            cluster.node_mut(lost).kill();
            create(cluster, &format!("under-{leading}-without-{lost}"));
            cluster.node_mut(lost).restart();
            create(cluster, &format!("under-{leading}-with-{lost}"));
        }
    }
}

/// Prints a metadata log or a snapshot with Java's tool.
fn dump(file: &Path) -> Option<String> {
    let mut command = class(Release::Tools, "org.apache.kafka.tools.DumpLogSegments")?;
    command.args(["--cluster-metadata-decoder", "--files"]).arg(file);
    Some(succeed(&mut command, b""))
}

/// Has every controller write a snapshot: one is due after so many bytes of records, which Apache
/// Kafka's count anew in each process.
fn await_snapshots(cluster: &Cluster) {
    let mut topics = 0;
    cluster.await_state("every controller has written a snapshot", || {
        topics += 1;
        create(cluster, &format!("more-{topics}"));
        (1..=3).all(|id| !snapshots(&cluster.node(id).metadata()).is_empty())
    });
}

fn quorum_tool(flag: &str, address: &str, words: &[&str]) -> Option<Command> {
    let mut command = class(Release::Tools, "org.apache.kafka.tools.MetadataQuorumCommand")?;
    command.args([flag, address]).args(words);
    Some(command)
}

#[test]
fn three_controllers_outlive_any_one_of_them() {
    let plan = plan([Product::Klamm; 3], Product::Klamm, Quorum::Dynamic, "");
    let mut cluster = Cluster::start(&plan).expect("nothing but Klamm is needed");
    create(&cluster, "first");
    lose_any_one(&mut cluster, &[1, 2, 3]);
    await_equal_logs(&cluster);
    let Some(dumped) = dump(&cluster.node(1).metadata().join("00000000000000000000.log")) else {
        return;
    };
    for word in ["LeaderChange", "KRaftVoters", "TOPIC_RECORD", "REGISTER_CONTROLLER_RECORD"] {
        assert!(dumped.contains(word), "{word} is missing in\n{dumped}");
    }
}

#[test]
fn a_quorum_of_static_voters_elects_and_hands_over() {
    let plan = plan([Product::Klamm; 3], Product::Klamm, Quorum::Static, EAGER_SNAPSHOTS);
    let mut cluster = Cluster::start(&plan).expect("nothing but Klamm is needed");
    for round in 0..3 {
        create(&cluster, &format!("t{round}"));
        let stopped = leader(&cluster);
        cluster.node_mut(stopped).terminate();
        let next = leader(&cluster);
        assert_ne!(next, stopped);
        cluster.node_mut(stopped).restart();
    }
    create(&cluster, "last");
    await_snapshots(&cluster);
    for id in 1..=3 {
        let taken = snapshots(&cluster.node(id).metadata()).pop().expect("awaited");
        let Some(dumped) = dump(&taken) else { return };
        assert!(dumped.contains("SnapshotHeader") && dumped.contains("SnapshotFooter"), "{dumped}");
    }
}

#[test]
fn without_a_majority_brokers_answer_and_commands_wait_in_vain() {
    let plan = plan([Product::Klamm; 3], Product::Klamm, Quorum::Dynamic, "");
    let mut cluster = Cluster::start(&plan).expect("nothing but Klamm is needed");
    create(&cluster, "kept");
    cluster.node_mut(1).kill();
    cluster.node_mut(2).kill();
    cluster.await_state("the last controller leads no more", || cluster.controller().is_none());
    let broker = cluster.node(BROKER).address().parse().expect("an address");
    let refused = refusals(broker);
    assert_eq!(refused, [ErrorCode::RequestTimedOut.code(); 4], "{}", cluster.story());
    assert!(cluster.topic("kept").is_some(), "reads go on");
    cluster.node_mut(1).restart();
    create(&cluster, "again");
}

/// What a broker says to requests that wait for a controller, all at the same time.
fn refusals(broker: SocketAddr) -> [i16; 4] {
    const PATIENCE: Duration = Duration::from_secs(60);
    const DELETE_VERSION: i16 = 5;
    const GROW_VERSION: i16 = 3;
    const ELECT_VERSION: i16 = 2;
    let timeout_ms = 2_000;
    let create = CreateTopicsRequest { timeout_ms, ..create_request("lost", 1) };
    let topic_names = vec!["kept".into()];
    let delete = DeleteTopicsRequest { topic_names, timeout_ms, ..Default::default() };
    let grown = CreatePartitionsTopic { name: "kept".into(), count: 9, assignments: None };
    let grow = CreatePartitionsRequest { topics: vec![grown], timeout_ms, validate_only: false };
    let elect = ElectLeadersRequest { timeout_ms, ..Default::default() };
    let connect = |_| Connection::to(broker, PATIENCE).expect("it listens");
    let [mut creating, mut deleting, mut growing, mut electing] = [(); 4].map(connect);
    creating.send(&create, CREATE_VERSION).expect("sent");
    deleting.send(&delete, DELETE_VERSION).expect("sent");
    growing.send(&grow, GROW_VERSION).expect("sent");
    electing.send(&elect, ELECT_VERSION).expect("sent");
    let answers = [
        creating.receive::<CreateTopicsRequest<'_>, _>(CREATE_VERSION, |r| r.topics[0].error_code),
        deleting
            .receive::<DeleteTopicsRequest<'_>, _>(DELETE_VERSION, |r| r.responses[0].error_code),
        growing
            .receive::<CreatePartitionsRequest<'_>, _>(GROW_VERSION, |r| r.results[0].error_code),
        electing.receive::<ElectLeadersRequest<'_>, _>(ELECT_VERSION, |r| r.error_code),
    ];
    answers.map(|code| code.expect("an answer"))
}

fn mixed(controllers: [Product; 3], broker: Product) {
    let plan = plan(controllers, broker, Quorum::Dynamic, EAGER_SNAPSHOTS);
    let Some(mut cluster) = Cluster::start(&plan) else { return };
    create(&cluster, "first");
    // who is lost comes back from one
    await_snapshots(&cluster);
    // either product leads the other
    lose_any_one(&mut cluster, &[1, 3]);
    await_equal_logs(&cluster);
    let status = quorum_tool(
        "--bootstrap-server",
        &cluster.node(BROKER).address(),
        &["describe", "--status"],
    );
    let told = succeed(&mut status.expect("Java is there"), b"");
    assert!(told.contains("CurrentVoters"), "{told}");
}

#[test]
fn two_controllers_of_klamm_and_one_of_apache_kafka_are_a_quorum() {
    mixed([Product::Klamm, Product::Klamm, Product::Kafka], Product::Kafka);
}

#[test]
fn one_controller_of_klamm_and_two_of_apache_kafka_are_a_quorum() {
    mixed([Product::Klamm, Product::Kafka, Product::Kafka], Product::Klamm);
}

#[test]
fn voters_are_removed_and_added_with_our_tool_and_javas() {
    const MAIN: &str = "org.apache.kafka.tools.MetadataQuorumCommand";
    let plan = plan([Product::Klamm; 3], Product::Klamm, Quorum::Dynamic, "");
    let mut cluster = Cluster::start(&plan).expect("nothing but Klamm is needed");
    create(&cluster, "first");
    remove_and_add_leader(&cluster, "ours", || klamm::tool("kafka-metadata-quorum"));
    if class(Release::Tools, MAIN).is_some() {
        let javas = || class(Release::Tools, MAIN).expect("it was there before");
        remove_and_add_leader(&cluster, "javas", javas);
    }
    let killed = leader(&cluster);
    cluster.node_mut(killed).kill();
    create(&cluster, "by-the-two-others");
}

/// Has the active controller leave the voters and come back by `tool`.
fn remove_and_add_leader(cluster: &Cluster, name: &str, tool: impl Fn() -> Command) {
    let bootstrap = cluster.node(BROKER).address();
    let removed = leader(cluster);
    let (id, directory) = (removed.to_string(), directory_of(cluster, removed));
    let words = ["remove-controller", "--controller-id", &id, "--controller-directory-id"];
    let mut remove = tool();
    remove.args(["--bootstrap-server", &bootstrap]).args(words).arg(&directory);
    let told = succeed(&mut remove, b"");
    let done = format!("Removed  KRaft controller {id} with directory id {directory}");
    assert!(told.contains(&done), "{told}");
    cluster.await_state("another leads", || cluster.controller().is_some_and(|id| id != removed));
    create(cluster, &format!("by-two-{name}"));
    await_status(cluster, removed, "Observer");
    let properties = cluster.node(removed).properties();
    let mut add = tool();
    add.args(["--bootstrap-server", &bootstrap, "--command-config"]).arg(&properties);
    let added = output(add.arg("add-controller"), b"");
    assert!(added.status.success(), "{added:?}\n{}", cluster.story());
    let told = String::from_utf8_lossy(&added.stdout);
    let done = format!("Added controller {id} with directory id {directory}");
    assert!(told.contains(&done), "{told}");
    await_status(cluster, removed, "Follower");
}

/// A leader knows an observer from its first fetch on.
fn await_status(cluster: &Cluster, id: u8, status: &str) {
    let bootstrap = cluster.node(BROKER).address();
    cluster.await_state(&format!("{id} is shown as {status}"), || {
        let mut describe = klamm::tool("kafka-metadata-quorum");
        let words = ["--bootstrap-server", &bootstrap, "describe", "--replication"];
        let told = output(describe.args(words), b"");
        let told = String::from_utf8_lossy(&told.stdout).into_owned();
        let row = told.lines().find(|line| line.starts_with(&id.to_string()));
        row.is_some_and(|row| row.contains(status))
    });
}

/// The id that a controller's directory was formatted with.
fn directory_of(cluster: &Cluster, id: u8) -> String {
    let folder = cluster.node(id).metadata();
    let path = folder.parent().expect("a log directory").join("meta.properties");
    let text = std::fs::read_to_string(path).expect("it was formatted");
    let line = text.lines().find_map(|line| line.strip_prefix("directory.id="));
    line.expect("a directory has an id").to_owned()
}
