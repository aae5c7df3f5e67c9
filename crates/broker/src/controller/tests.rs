//! The controller on a disk that can crash: what was answered is there at the next start.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use log::{Access, Disk, DiskFile, MemDisk, Survival};
use metadata::decide::{AllocateProducerIds, BATCH_BYTES_MAX, CreateTopics, DeleteTopics};
use metadata::image::{Endpoint, Image};
use metadata::{SessionTimeouts, decide};
use types::{ErrorCode, LeaderEpoch, NodeId, Offset, ProducerId, Uuid};
use wire::broker_heartbeat_request::BrokerHeartbeatRequest;
use wire::create_topics_request::{CreatableTopic, CreateTopicsRequest};
use wire::delete_topics_request::{DeleteTopicState, DeleteTopicsRequest};

use super::*;

const GOLDEN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../metadata/tests/golden/kafka_4_4_0");
const LOG: &str = "00000000000000000000.log";
const SNAPSHOT: &str = "00000000000000000000-0000000000.checkpoint";

pub(super) fn settings(log: MetadataLogSettings) -> ControllerSettings {
    let endpoint = |name, port| Endpoint::new(name, "localhost", port, 0);
    let membership = Membership {
        node: NodeId(1),
        cluster_id: "AAAAAAAAAAAAAAAAAAAAZg".to_owned(),
        incarnation: another_process(),
        broker: Some(BrokerMembership {
            endpoints: vec![endpoint("PLAINTEXT", 9092)],
            rack: None,
            directories: vec![Uuid([9; 16])],
            directory_news: tokio::sync::watch::channel(Default::default()).1,
            epoch_left_in: None,
            beats_often: true,
        }),
        controller_endpoints: vec![endpoint("CONTROLLER", 9093)],
        unstable_features: false,
    };
    ControllerSettings {
        directory: PathBuf::from("data"),
        quorum: raft::Config {
            node: NodeId(1),
            directory: Uuid([9; 16]),
            listener: "CONTROLLER".to_owned(),
            endpoints: membership.quorum_endpoints(),
            can_become_voter: true,
            auto_join: false,
            bootstrap: Vec::new(),
            static_voters: raft::VoterSet::default(),
            timeouts: raft::Timeouts::default(),
            seed: 0,
        },
        sizes: AnswerSizes::default(),
        may_stand_alone: true,
        membership,
        sessions: SessionTimeouts { ms: 9_000, short_ms: 1_500 },
        chores: ChoreIntervals::default(),
        decide: decide::Settings::default(),
        log,
    }
}

/// Each start is another process.
fn another_process() -> Uuid {
    static STARTS: AtomicU64 = AtomicU64::new(1);
    let start = STARTS.fetch_add(1, Ordering::Relaxed);
    Uuid(u128::from(start).to_be_bytes())
}

pub(super) fn disk() -> MemDisk {
    let disk = MemDisk::new();
    disk.create_folder(Path::new("data")).unwrap();
    disk.sync_dir(Path::new("")).unwrap();
    disk
}

fn start(disk: &MemDisk) -> Controller<MemDisk> {
    start_with(disk, MetadataLogSettings::default())
}

fn start_with(disk: &MemDisk, log: MetadataLogSettings) -> Controller<MemDisk> {
    Controller::start_on(disk.clone(), settings(log), Box::new(|_, _| ())).unwrap()
}

fn create_request(name: &str, partitions: i32) -> CreateTopicsRequest<'static> {
    let topic = CreatableTopic {
        name: name.to_owned().into(),
        num_partitions: partitions,
        replication_factor: 1,
        ..CreatableTopic::default()
    };
    CreateTopicsRequest { topics: vec![topic], ..CreateTopicsRequest::default() }
}

async fn create(controller: &Controller<MemDisk>, name: &str, partitions: i32) -> ErrorCode {
    let request = create_request(name, partitions);
    let reply = controller.submit(CreateTopics(request)).await.unwrap();
    ErrorCode::from_wire(reply.topics[0].error_code)
}

fn leader(image: &Image, topic: &str) -> (i32, i32) {
    let state = image.partition(topic, 0).expect("created");
    (state.leader.0, state.leader_epoch.0)
}

fn names(image: &Image) -> Vec<String> {
    image.topics().iter().map(|topic| topic.name.to_string()).collect()
}

#[tokio::test]
async fn an_empty_directory_becomes_a_cluster_of_the_latest_release() {
    let disk = disk();
    let controller = start(&disk);
    let image = controller.image();
    assert_eq!(image.features().metadata_version().level(), 33);
    assert_eq!(image.features().level("transaction.version"), 2);
    assert!(image.is_active(NodeId(1)));
    assert!(image.cluster().controllers.contains_key(&NodeId(1)));
    assert_eq!(image.cluster().broker(NodeId(1)).unwrap().endpoints[0].port, 9092);
    assert_eq!(controller.kraft_version(), 1);
    let min_isr = image
        .configs()
        .value(&metadata::image::ConfigResource::broker_default(), "min.insync.replicas");
    assert_eq!(min_isr, Some("1"));
}

#[tokio::test]
async fn what_was_answered_survives_a_crash_that_loses_all_else() {
    let disk = disk();
    let controller = start(&disk);
    assert_eq!(create(&controller, "kept", 3).await, ErrorCode::None);
    let epoch = controller.image().provenance.epoch;
    let crashed = disk.survive(Survival::SyncedOnly);
    let again = start(&crashed);
    assert_eq!(names(&again.image()), ["kept"]);
    assert!(again.image().provenance.epoch > epoch);
    assert_eq!(leader(&again.image(), "kept").0, 1);
}

#[tokio::test]
async fn a_clean_stop_hands_over_and_the_next_start_leads_again() {
    let disk = disk();
    let controller = start(&disk);
    create(&controller, "t", 1).await;
    assert_eq!(leader(&controller.image(), "t"), (1, 0));
    controller.stop();
    assert_eq!(
        controller
            .submit(AllocateProducerIds {
                broker: NodeId(1),
                epoch: controller.broker_epoch().unwrap(),
            })
            .await,
        Err(Unavailable::NotDone)
    );
    let again = start(&disk);
    assert_eq!(leader(&again.image(), "t"), (1, 2));
}

#[tokio::test]
async fn commands_that_wait_together_are_decided_one_after_another() {
    let disk = disk();
    let controller = Arc::new(start(&disk));
    let same = (0..20).map(|_| {
        let controller = Arc::clone(&controller);
        tokio::spawn(async move { create(&controller, "same", 1).await })
    });
    let mut codes = Vec::new();
    for task in same.collect::<Vec<_>>() {
        codes.push(task.await.unwrap());
    }
    assert_eq!(codes.iter().filter(|code| **code == ErrorCode::None).count(), 1);
    assert_eq!(codes.iter().filter(|code| **code == ErrorCode::TopicAlreadyExists).count(), 19);
}

#[tokio::test]
async fn the_listener_sees_each_change_before_the_answer() {
    let disk = disk();
    let seen = Arc::new(Mutex::new(Vec::new()));
    let noted = Arc::clone(&seen);
    let listener: ImageListener = Box::new(move |old, new| {
        noted.lock().unwrap().push((old.topics().len(), new.topics().len()));
    });
    let controller =
        Controller::start_on(disk, settings(MetadataLogSettings::default()), listener).unwrap();
    create(&controller, "a", 1).await;
    assert_eq!(*seen.lock().unwrap(), [(0, 0), (0, 1)]);
    assert_eq!(create(&controller, "a", 1).await, ErrorCode::TopicAlreadyExists);
    assert_eq!(seen.lock().unwrap().len(), 2);
}

/// What another node of the quorum asks, and the heartbeat of a broker: neither may wait.
async fn answers_others(controller: &Controller<MemDisk>) {
    let served = controller.serve(raft::Request::DescribeQuorum).await.expect("it is served");
    assert!(matches!(served.answer, raft::Answer::DescribeQuorum(_)), "{served:?}");
    let request = BrokerHeartbeatRequest {
        broker_id: 1,
        broker_epoch: controller.broker_epoch().expect("it is registered").0,
        current_metadata_offset: i64::MAX,
        ..BrokerHeartbeatRequest::default()
    };
    assert_eq!(controller.heartbeat(request).await.expect("it is answered").error_code, 0);
}

/// Waits for what another thread does.
async fn until(what: &str, is_so: impl Fn() -> bool) {
    let so = async {
        while !is_so() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), so).await.expect(what);
}

#[tokio::test]
async fn a_slow_listener_holds_up_neither_the_quorum_nor_heartbeats() {
    let (open, gate) = std::sync::mpsc::channel::<()>();
    let (closed, gate) = (Arc::new(AtomicBool::new(false)), Mutex::new(gate));
    let (is_closed, called) = (Arc::clone(&closed), Arc::new(AtomicBool::new(false)));
    let calls = Arc::clone(&called);
    let listener: ImageListener = Box::new(move |_, _| {
        if is_closed.load(Ordering::SeqCst) {
            calls.store(true, Ordering::SeqCst);
            // it is opened by being dropped
            let _ = gate.lock().unwrap().recv();
        }
    });
    let settings = settings(MetadataLogSettings::default());
    let controller = Arc::new(Controller::start_on(disk(), settings, listener).unwrap());
    closed.store(true, Ordering::SeqCst);
    let creating = tokio::spawn({
        let controller = Arc::clone(&controller);
        async move { create(&controller, "slow", 1).await }
    });
    until("the listener is called", || called.load(Ordering::SeqCst)).await;
    answers_others(&controller).await;
    assert!(!creating.is_finished(), "whoever asked for a change sees it when he is answered");
    drop(open);
    assert_eq!(creating.await.unwrap(), ErrorCode::None);
}

#[tokio::test]
async fn a_slow_snapshot_holds_up_neither_the_quorum_nor_commands() {
    let small = MetadataLogSettings { snapshot_bytes: 1024, ..MetadataLogSettings::default() };
    let disk = disk();
    let controller = start_with(&disk, small.clone());
    disk.hold_back(".checkpoint");
    create(&controller, "before", 30).await;
    until("a snapshot is begun", || disk.waiting() > 0).await;
    answers_others(&controller).await;
    assert_eq!(create(&controller, "meanwhile", 1).await, ErrorCode::None);
    disk.release();
    controller.stop();
    assert_eq!(names(&start_with(&disk, small).image()), ["before", "meanwhile"]);
}

#[tokio::test]
async fn snapshots_stand_for_the_log_before_them() {
    let disk = disk();
    let small = MetadataLogSettings {
        segment_bytes: 16 * 1024,
        snapshot_bytes: 8 * 1024,
        retention_bytes: 24 * 1024,
        ..MetadataLogSettings::default()
    };
    let controller = start_with(&disk, small.clone());
    for i in 0..40 {
        assert_eq!(create(&controller, &format!("t{i}"), 20).await, ErrorCode::None);
        let topic = DeleteTopicState { name: Some(format!("t{i}").into()), topic_id: Uuid::ZERO };
        let request = DeleteTopicsRequest { topics: vec![topic], ..Default::default() };
        controller.submit(DeleteTopics(request)).await.unwrap();
    }
    create(&controller, "last", 2).await;
    let before = controller.image();
    let has = |name: &str| {
        let entries = disk.list(Path::new("data/__cluster_metadata-0")).unwrap();
        entries.iter().any(|entry| entry.name == name)
    };
    until("the log's head is gone", || !has(LOG)).await;
    controller.stop();
    let again = start_with(&disk, small);
    assert_eq!(names(&again.image()), ["last"]);
    let topic = again.image().topics().named("last").unwrap().id;
    assert_eq!(topic, before.topics().named("last").unwrap().id);
    assert_eq!(leader(&again.image(), "last").0, 1);
}

#[tokio::test]
async fn a_disk_that_fails_answers_and_recovers() {
    let disk = disk();
    let controller = start(&disk);
    create(&controller, "before", 1).await;
    disk.fail_from(disk.writes(), log::Outage::Full);
    let request = create_request("during", 1);
    assert!(controller.submit(CreateTopics(request)).await.is_err());
    disk.heal();
    assert_eq!(create(&controller, "after", 1).await, ErrorCode::None);
    assert_eq!(names(&controller.image()), ["after", "before"]);
}

fn golden(name: &str) -> Vec<u8> {
    std::fs::read(Path::new(GOLDEN).join(name)).unwrap()
}

fn put(disk: &MemDisk, name: &str, contents: &[u8]) {
    let folder = Path::new("data").join(FOLDER);
    let _ = disk.create_folder(&folder);
    let file = disk.open(&folder.join(name), Access::Replace).unwrap();
    file.write_at(&[], contents, 0).unwrap();
}

#[tokio::test]
async fn a_directory_of_apache_kafka_starts() {
    let disk = disk();
    for name in [LOG, SNAPSHOT, "quorum-state"] {
        put(&disk, name, &golden(name));
    }
    let mut settings = settings(MetadataLogSettings::default());
    let directory = "WBXVe60mS9yv1uHsnbZiog".parse().unwrap();
    settings.membership.broker.as_mut().unwrap().directories = vec![directory];
    settings.quorum.directory = directory;
    let controller = Controller::start_on(disk, settings, Box::new(|_, _| ())).unwrap();
    let image = controller.image();
    assert_eq!(names(&image), ["flights", "manual"]);
    assert_eq!(image.topics().named("flights").unwrap().partitions.len(), 5);
    // Kafka's broker gave up leadership when it stopped; this one takes it again
    assert_eq!(leader(&image, "flights"), (1, 2));
    assert_eq!(image.next_producer_id(), Some(ProducerId(1000)));
    assert_eq!(image.provenance.epoch, LeaderEpoch(2));
    assert_eq!(create(&controller, "ours", 1).await, ErrorCode::None);
}

#[tokio::test]
async fn a_formatted_directory_starts_with_what_was_formatted() {
    let disk = disk();
    put(&disk, SNAPSHOT, &golden(SNAPSHOT));
    let mut settings = settings(MetadataLogSettings::default());
    settings.quorum.directory = "WBXVe60mS9yv1uHsnbZiog".parse().unwrap();
    let controller = Controller::start_on(disk, settings, Box::new(|_, _| ())).unwrap();
    let image = controller.image();
    assert_eq!(image.security().scram.len(), 1);
    assert_eq!(image.features().metadata_version().level(), 33);
    assert_eq!(image.provenance.epoch, LeaderEpoch(1));
}

#[test]
fn checkpoints_have_the_bytes_of_kafka() {
    let bytes = golden(SNAPSHOT);
    let decoded = checkpoint::Checkpoint::decode(&bytes).unwrap();
    assert_eq!(decoded.quorum.kraft_version, 1);
    let voters = &decoded.quorum.voters.as_ref().unwrap().voters;
    assert_eq!(voters[0].voter_id, 1);
    assert_eq!(decoded.records.len(), 7);
    let ours = decoded.encode(checkpoint::SnapshotId::BOOTSTRAP, decoded.last_timestamp).unwrap();
    // batches carry the time of writing, and a checksum over it; everything else is the same
    let blank = |mut bytes: Vec<u8>| {
        let mut at = 0;
        let mut shape = Vec::new();
        while at < bytes.len() {
            let length = i32::from_be_bytes(bytes[at + 8..at + 12].try_into().unwrap());
            bytes[at + 17..at + 21].fill(0);
            bytes[at + 27..at + 43].fill(0);
            at += 12 + usize::try_from(length).unwrap();
            shape.push(length);
        }
        (bytes, shape)
    };
    assert_eq!(blank(ours), blank(bytes));
}

#[test]
fn snapshot_names_are_those_of_kafka() {
    let id = checkpoint::SnapshotId { end: Offset(1234), epoch: LeaderEpoch(5) };
    assert_eq!(id.file_name(), "00000000000000001234-0000000005.checkpoint");
    assert_eq!(checkpoint::SnapshotId::parse(&id.file_name()), Some(id));
    for name in ["1-2.checkpoint", "00000000000000001234-0000000005.checkpoint.part", LOG, ""] {
        assert_eq!(checkpoint::SnapshotId::parse(name), None, "{name}");
    }
}

/// Starts, creates topics and snapshots until the disk crashes; tells what was acknowledged.
async fn run_until_crash(disk: &MemDisk, batch_bytes_max: usize) -> Vec<String> {
    let small = MetadataLogSettings {
        segment_bytes: 2048,
        snapshot_bytes: 1024,
        retention_bytes: 4096,
        batch_bytes_max,
        ..MetadataLogSettings::default()
    };
    let started = Controller::start_on(disk.clone(), settings(small), Box::new(|_, _| ()));
    let Ok(controller) = started else { return Vec::new() };
    let mut acknowledged = Vec::new();
    for i in 0..12 {
        let request = create_request(&format!("t{i:02}"), 3);
        let Ok(reply) = controller.submit(CreateTopics(request)).await else { break };
        assert_eq!(reply.topics[0].error_code, 0);
        acknowledged.push(format!("t{i:02}"));
    }
    acknowledged
}

/// With the disk's power going at one write after another.
async fn crash_at_writes(batch_bytes_max: usize, step: usize) {
    let whole = disk();
    let all = run_until_crash(&whole, batch_bytes_max).await;
    assert_eq!(all.len(), 12);
    let writes = whole.writes();
    assert!(writes > 50, "{writes} writes are no scenario");
    for write in (0..writes).step_by(step) {
        let disk = disk();
        disk.fail_from(write, log::Outage::Crash);
        let acknowledged = run_until_crash(&disk, batch_bytes_max).await;
        for survival in [Survival::SyncedOnly, Survival::Some(write), Survival::Everything] {
            let again = start(&disk.survive(survival));
            let image = again.image();
            let kept = names(&image);
            let lost: Vec<_> = acknowledged.iter().filter(|name| !kept.contains(name)).collect();
            assert!(lost.is_empty(), "crash at write {write}, {survival:?}: {lost:?} lost");
            assert!(image.is_active(NodeId(1)));
            for name in &kept {
                assert_eq!(leader(&image, name).0, 1, "{name} after a crash at write {write}");
                assert_eq!(image.topics().named(name).unwrap().partitions.len(), 3);
            }
        }
    }
}

#[tokio::test]
async fn a_crash_at_any_write_loses_nothing_that_was_acknowledged() {
    crash_at_writes(BATCH_BYTES_MAX, 1).await;
}

#[tokio::test]
async fn a_crash_within_a_transaction_leaves_no_half_of_it() {
    crash_at_writes(256, 5).await;
}

#[tokio::test]
async fn a_disk_that_is_full_within_a_transaction_takes_back_what_was_written() {
    let small = MetadataLogSettings { batch_bytes_max: 200, ..MetadataLogSettings::default() };
    for batches in 0..6 {
        let disk = disk();
        let controller = start_with(&disk, small.clone());
        create(&controller, "before", 1).await;
        let written = disk.writes();
        disk.fail_from(written + batches, log::Outage::Full);
        let request = create_request("during", 9);
        assert!(controller.submit(CreateTopics(request)).await.is_err(), "{batches} were written");
        disk.heal();
        assert_eq!(create(&controller, "after", 9).await, ErrorCode::None, "{batches}");
        assert_eq!(names(&controller.image()), ["after", "before"], "{batches}");
        controller.stop();
        let again = start(&disk);
        assert_eq!(names(&again.image()), ["after", "before"], "{batches}");
        assert_eq!(again.image().topics().named("after").unwrap().partitions.len(), 9);
    }
}

#[test]
fn a_damaged_snapshot_is_refused_and_never_panics() {
    let bytes = golden(SNAPSHOT);
    assert!(checkpoint::Checkpoint::decode(&bytes).is_ok());
    for at in 0..bytes.len() {
        assert!(checkpoint::Checkpoint::decode(&bytes[..at]).is_err(), "cut at {at}");
        let mut flipped = bytes.clone();
        flipped[at] ^= 0x55;
        // offsets and epochs in batch headers stand outside the checksum
        let _ = checkpoint::Checkpoint::decode(&flipped);
    }
}
