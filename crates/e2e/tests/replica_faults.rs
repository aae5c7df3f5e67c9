//! What befalls the replicas of a partition: silence, a full disk, a directory that is gone, a limit
//! to their rate. Nothing acknowledged is lost, and all come back.

#[path = "replication/cluster.rs"]
#[allow(dead_code, reason = "each suite uses a part")]
mod cluster;
#[path = "replica_faults/failing_disk.rs"]
mod failing_disk;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use client::admin::{AlterOp, ConfigChange, ConfigResource, ResourceKind};
use client::config::IsolationLevel;
use client::{EARLIEST_TIMESTAMP, TopicPartition};
use cluster::{Cluster, on_runtime, produce_numbers, raw_fetch, raw_produce, values};
use e2e::Product::Klamm;
use e2e::raw::{Connection, PRODUCE_VERSION, produce_request};
use e2e::{folders, wait};
use record::{BatchBuilder, Codec, Producer, with_scratch};
use types::{ErrorCode, ProducerEpoch, ProducerId, Sequence, TimestampMs};
use wire::delete_records_request::{DeleteRecordsPartition, DeleteRecordsTopic};
use wire::{DeleteRecordsRequest, ProduceRequest};

const FEW: usize = 100;

fn three() -> Cluster {
    Cluster::start(Klamm, &[Klamm; 3], "").expect("nothing else is needed")
}

/// A batch of an idempotent producer with acks=all: the answer, and the offset.
fn produce_numbered(port: u16, number: i32) -> (ErrorCode, i64) {
    let mut builder = BatchBuilder::new();
    let value = number.to_string();
    builder.append(TimestampMs(1), None, Some(value.as_bytes()), &[]).expect("it fits");
    let base_sequence = Sequence(number);
    let (id, epoch) = (ProducerId(4_242), ProducerEpoch(0));
    let producer = Producer { id, epoch, base_sequence, transactional: false };
    let batch = with_scratch(|scratch| builder.finish(Codec::NONE, producer, scratch));
    let request = ProduceRequest { timeout_ms: 500, ..produce_request("t", 0, &batch) };
    let mut connection = Connection::open(port).expect("connect");
    connection.send(&request, PRODUCE_VERSION).expect("send");
    let answer = connection.receive::<ProduceRequest<'_>, _>(PRODUCE_VERSION, |response| {
        let answer = &response.responses[0].partition_responses[0];
        (ErrorCode::from_wire(answer.error_code), answer.base_offset)
    });
    answer.expect("an answer")
}

#[test]
fn what_the_leader_alone_has_is_not_acknowledged_until_it_is_sent_again() {
    let mut cluster = three();
    on_runtime(async {
        cluster.create("t", &[("min.insync.replicas", "2")]).await;
        let leader = cluster.await_in_sync("t", 3).await;
        let port = cluster.brokers[leader].port();
        let mut sent = 0;
        // a machine that is so slow that the controller misses them first refuses before it appends
        wait::eventually("a batch is appended that nobody fetches", async || {
            cluster.await_in_sync("t", 3).await;
            let followers = (0..3).filter(|index| *index != leader);
            followers.clone().for_each(|index| cluster.brokers[index].pause());
            let answer = loop {
                match produce_numbered(port, sent).0 {
                    ErrorCode::None => sent += 1,
                    refused => break refused,
                }
            };
            let end = i64::from(sent);
            let is_shown = !raw_fetch(port, "t", end).1.is_empty();
            followers.for_each(|index| cluster.brokers[index].resume());
            assert!(!is_shown, "what is not committed is not shown");
            match answer {
                ErrorCode::RequestTimedOut => Some(()),
                ErrorCode::NotEnoughReplicas | ErrorCode::NotLeaderOrFollower => None,
                other => panic!("{}", other.name()),
            }
        })
        .await;
        cluster.await_in_sync("t", 3).await;
        for number in 0..=sent + 3 {
            let answer = wait::eventually("it is acknowledged", async || {
                let leader = cluster.state("t").await?.0;
                let answer = produce_numbered(cluster.brokers[leader].port(), number);
                (answer.0 == ErrorCode::None).then_some(answer.1)
            });
            assert_eq!(answer.await, i64::from(number), "each once, and in order");
        }
    });
}

/// Has a leader delete what is before `offset`: the answer, and where its log begins.
fn raw_delete(port: u16, offset: i64) -> (ErrorCode, i64) {
    const VERSION: i16 = 2;
    let partition = DeleteRecordsPartition { offset, ..DeleteRecordsPartition::default() };
    let topic = DeleteRecordsTopic { name: "t".into(), partitions: vec![partition] };
    let request = DeleteRecordsRequest { topics: vec![topic], timeout_ms: 500 };
    let mut connection = Connection::open(port).expect("connect");
    connection.send(&request, VERSION).expect("send");
    let answer = connection.receive::<DeleteRecordsRequest<'_>, _>(VERSION, |response| {
        let answer = &response.topics[0].partitions[0];
        (ErrorCode::from_wire(answer.error_code), answer.low_watermark)
    });
    answer.expect("an answer")
}

#[test]
fn deleted_records_are_deleted_on_every_replica() {
    let mut cluster = three();
    on_runtime(async {
        cluster.create("t", &[]).await;
        let leader = cluster.await_in_sync("t", 3).await;
        let port = cluster.brokers[leader].port();
        produce_numbers(&cluster.producer(&[("acks", "all")]), "t", 0..FEW, |_| {}).await;
        let silent = (leader + 1) % 3;
        const DELETED_MAX: i64 = 50;
        let mut start = 40;
        // a machine that is so slow that the controller misses it first has nobody to wait for
        wait::eventually("a replica that is silent is waited for", async || {
            cluster.await_in_sync("t", 3).await;
            cluster.brokers[silent].pause();
            let (answer, low) = raw_delete(port, start);
            cluster.brokers[silent].resume();
            match answer {
                ErrorCode::RequestTimedOut => Some(()),
                ErrorCode::None => {
                    assert_eq!(low, start);
                    assert!(start < DELETED_MAX, "it is never waited for");
                    start += 1;
                    None
                }
                other => panic!("{}", other.name()),
            }
        })
        .await;
        cluster.await_in_sync("t", 3).await;
        let low = wait::eventually("every replica has deleted them", async || {
            let (answer, low) = raw_delete(port, start);
            (answer == ErrorCode::None).then_some(low)
        });
        assert_eq!(low.await, start);
        cluster.brokers[leader].kill();
        wait::eventually("another one leads", async || {
            cluster.state("t").await.filter(|(next, _)| *next != leader)
        })
        .await;
        let earliest = wait::eventually("it tells where its log begins", async || {
            let asked = BTreeMap::from([(TopicPartition::new("t", 0), EARLIEST_TIMESTAMP)]);
            let isolation = IsolationLevel::ReadUncommitted;
            let listed = cluster.admin().list_offsets(&asked, isolation).await.ok()?;
            listed.into_values().next()?.ok().map(|listed| listed.offset)
        });
        assert_eq!(earliest.await, start);
    });
}

/// A small file system that goes with the test.
struct SmallDisk(tempfile::TempDir);

impl SmallDisk {
    /// `None` where this user may not mount.
    ///
    /// # Panics
    /// In continuous integration, where nothing may be skipped.
    fn mount() -> Option<Self> {
        let folder = folders::scratch();
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", "size=16m", "tmpfs"]).arg(folder.path());
        match mount.output() {
            Ok(output) if output.status.success() => Some(Self(folder)),
            other => {
                let in_ci = std::env::var_os("CI").is_some();
                assert!(!in_ci, "CI must be allowed to mount a tmpfs: {other:?}");
                eprintln!("skipped: this user may not mount a tmpfs");
                None
            }
        }
    }

    fn data(&self) -> PathBuf {
        self.0.path().join("data")
    }

    /// Takes all the room there is; what takes it.
    fn fill(&self) -> PathBuf {
        let path = self.0.path().join("ballast");
        let mut file = File::create(&path).expect("a file");
        let chunk = vec![0; 64 * 1024];
        while file.write_all(&chunk).is_ok() {}
        while file.write_all(&[0]).is_ok() {}
        path
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(self.0.path()).status();
    }
}

fn segment(data: &Path, topic: &str) -> Vec<u8> {
    let log = data.join(format!("{topic}-0")).join("00000000000000000000.log");
    std::fs::read(log).unwrap_or_default()
}

#[test]
fn a_follower_without_room_leaves_and_comes_back_when_there_is_some() {
    const MANY: usize = 2000;
    let Some(disk) = SmallDisk::mount() else { return };
    let more = |index| match index {
        2 => format!("log.dirs={}\n", disk.data().display()),
        _ => String::new(),
    };
    let cluster = Cluster::start_each(Klamm, &[Klamm; 3], more).expect("nothing else is needed");
    on_runtime(async {
        cluster.create("t", &[("min.insync.replicas", "2")]).await;
        assert_eq!(cluster.await_in_sync("t", 3).await, 0);
        let producer = cluster.producer(&[("acks", "all"), ("batch.size", "200")]);
        produce_numbers(&producer, "t", 0..FEW, |_| {}).await;
        let ballast = disk.fill();
        produce_numbers(&producer, "t", FEW..MANY, |_| {}).await;
        await_state(&cluster, "t", (0, vec![Cluster::id(0), Cluster::id(1)])).await;
        std::fs::remove_file(ballast).expect("room is back");
        cluster.await_in_sync("t", 3).await;
        wait::until("it has everything", || {
            let whole = cluster.segment(0, "t");
            let is_whole = values(&whole).into_iter().eq(0..MANY);
            (is_whole && segment(&disk.data(), "t") == whole).then_some(())
        });
    });
}

/// Waits for a leader and those in sync: brokers hear of it after the leader has.
async fn await_state(cluster: &Cluster, topic: &str, expected: (usize, Vec<i32>)) {
    wait::eventually("the leader and those in sync are as they shall be", async || {
        (cluster.state(topic).await.as_ref() == Some(&expected)).then_some(())
    })
    .await;
}

/// Everything that a broker shows of the topic, once it shows so many.
async fn shown(port: u16, count: usize) -> Vec<String> {
    let mut shown = Vec::new();
    wait::eventually("everything is shown", async || {
        let next = i64::try_from(shown.len()).expect("few");
        shown.append(&mut raw_fetch(port, "t", next).1);
        (shown.len() >= count).then_some(())
    })
    .await;
    shown
}

/// Puts a file in the place of a broker's directory; it is undone by [`Self::repair`].
struct BrokenDirectory {
    home: PathBuf,
    away: PathBuf,
}

impl BrokenDirectory {
    /// Of those `homes`, the one with the topic in it.
    fn among(homes: &[PathBuf]) -> Self {
        let home = homes.iter().find(|home| home.join("t-0").exists()).expect("it is somewhere");
        let (home, away) = (home.clone(), home.with_extension("away"));
        std::fs::rename(&home, &away).expect("take the directory away");
        std::fs::write(&home, "a file in its place").expect("write a file");
        Self { home, away }
    }

    fn repair(self) {
        std::fs::remove_file(&self.home).expect("remove the file");
        std::fs::rename(&self.away, &self.home).expect("bring the directory back");
    }
}

#[test]
fn when_a_directory_of_a_follower_or_of_the_leader_fails_the_others_go_on() {
    let folder = folders::scratch();
    let path = |index: usize, name: &str| folder.path().join(format!("{index}-{name}"));
    let more = |index| {
        let [meta, a, b] = ["meta", "a", "b"].map(|name| path(index, name).display().to_string());
        format!("metadata.log.dir={meta}\nlog.dirs={a},{b},{meta}\n")
    };
    let mut cluster =
        Cluster::start_each(Klamm, &[Klamm; 3], more).expect("nothing else is needed");
    on_runtime(async {
        // a segment for each batch
        cluster.create("t", &[("min.insync.replicas", "2"), ("segment.ms", "1")]).await;
        let producer = cluster.producer(&[("acks", "all"), ("batch.size", "200")]);
        let mut sent = 0;
        for place in [1, 0] {
            let victim = (cluster.await_in_sync("t", 3).await + place) % 3;
            produce_numbers(&producer, "t", sent..sent + FEW, |_| {}).await;
            // its own metadata is in neither
            let broken = BrokenDirectory::among(&["a", "b"].map(|name| path(victim, name)));
            produce_numbers(&producer, "t", sent + FEW..sent + 2 * FEW, |_| {}).await;
            sent += 2 * FEW;
            let next = wait::eventually("the two others go on", async || {
                let (leader, isr) = cluster.state("t").await?;
                let others = leader != victim && isr.len() == 2;
                (others && !isr.contains(&Cluster::id(victim))).then_some(leader)
            });
            let next = next.await;
            let everything: Vec<_> = (0..sent).map(|number| number.to_string()).collect();
            assert_eq!(shown(cluster.brokers[next].port(), sent).await, everything);
            broken.repair();
            cluster.brokers[victim].kill();
            cluster.brokers[victim].restart();
        }
        cluster.await_in_sync("t", 3).await;
    });
}

/// Sets what brokers may feed or fetch a second, or lets go.
async fn limit_rate(cluster: &Cluster, brokers: &[usize], rate: &str, bytes: Option<&str>) {
    let change = ConfigChange {
        name: rate.to_owned(),
        op: if bytes.is_some() { AlterOp::Set } else { AlterOp::Delete },
        value: bytes.map(str::to_owned),
    };
    for index in brokers {
        let broker = ConfigResource::new(ResourceKind::Broker, Cluster::id(*index).to_string());
        let altered = cluster.admin().alter_configs(&broker, std::slice::from_ref(&change)).await;
        altered.expect("accepted");
    }
}

const LARGE: usize = 500_000;

/// A replica in sync is never limited: otherwise it would fall out of sync at once.
async fn await_in_sync_although_limited(cluster: &Cluster, rate: &str, limited: &[usize]) {
    wait::eventually("who is in sync gets everything", async || {
        // one that a busy machine has kept for too long comes back without a limit
        limit_rate(cluster, limited, rate, None).await;
        cluster.await_in_sync("t", 3).await;
        limit_rate(cluster, limited, rate, Some("1000")).await;
        for _ in 0..3 {
            let sent = raw_produce(cluster.brokers[0].port(), "t", &"7".repeat(LARGE), -1);
            (sent == ErrorCode::None).then_some(())?;
        }
        let (_, isr) = cluster.state("t").await?;
        (isr.len() == 3).then_some(())
    })
    .await;
}

/// Only one end of the way is limited: that of the leader, or that of the follower which catches up.
/// As much that is not throttled comes by it meanwhile.
fn check_limited_rate(end: &str, limited: &'static [usize]) {
    let mut cluster = three();
    on_runtime(async {
        let replicas = format!("{end}.replication.throttled.replicas");
        let rate = format!("{end}.replication.throttled.rate");
        cluster.create("t", &[(&replicas, "*")]).await;
        cluster.create("free", &[]).await;
        for topic in ["t", "free"] {
            assert_eq!(cluster.await_in_sync(topic, 3).await, 0);
        }
        // a broker must be there to be told
        await_in_sync_although_limited(&cluster, &rate, limited).await;
        cluster.brokers[2].kill();
        for (topic, count) in [("t", 14), ("free", 20)] {
            cluster.await_in_sync(topic, 2).await;
            for _ in 0..count {
                let sent = raw_produce(cluster.brokers[0].port(), topic, &"7".repeat(LARGE), -1);
                assert_eq!(sent, ErrorCode::None);
            }
        }
        cluster.brokers[2].restart();
        cluster.await_in_sync("free", 3).await;
        await_state(&cluster, "t", (0, vec![Cluster::id(0), Cluster::id(1)])).await;
        let whole = cluster.segment(0, "t").len();
        assert!(cluster.segment(2, "t").len() < whole, "there is more than one answer holds");
        limit_rate(&cluster, limited, &rate, None).await;
        cluster.await_in_sync("t", 3).await;
        assert_eq!(cluster.segment(2, "t").len(), whole);
    });
}

#[test]
fn a_follower_catches_up_when_its_leaders_rate_is_not_limited() {
    check_limited_rate("leader", &[0]);
}

#[test]
fn a_follower_catches_up_when_its_own_rate_is_not_limited() {
    check_limited_rate("follower", &[2]);
}
