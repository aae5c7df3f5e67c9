//! The controller's decisions beside Apache Kafka's own controller: same answers, same records.
//!
//! Four brokers that are only requests over a socket do to a real Kafka 4.4.0 what comes to mind by
//! chance. The image is built from Kafka's own log, each request is decided against it as well, and
//! what Kafka then writes and answers must be what was decided, byte by byte.
//! `SEED=n` replays one history.

#![allow(clippy::disallowed_methods, reason = "SEED replays one history")]

#[path = "controller/cluster_wide.rs"]
mod cluster_wide;
#[path = "controller/configs.rs"]
mod configs;
#[path = "controller/differences.rs"]
mod differences;
#[path = "controller/sessions.rs"]
mod sessions;
#[path = "controller/topics.rs"]
mod topics;

use std::collections::BTreeSet;

use e2e::Kafka;
use e2e::raw::Connection;
use metadata::decide::{
    AllocateProducerIds, AlterPartition, AlterPartitionReassignments, AssignReplicasToDirs,
    Command, Controller, ElectLeaders, Heartbeat, RegisterBroker, Settings, UnregisterBroker,
    record_version,
};
use metadata::image::{Image, PartitionState, Replay};
use metadata::{Seeded, features};
use record::{batches, with_scratch};
use types::{BrokerEpoch, DirectoryId, NodeId, Offset, TopicId, Uuid};
use wire::alter_partition_reassignments_request::{ReassignablePartition, ReassignableTopic};
use wire::alter_partition_request::{self, BrokerState};
use wire::assign_replicas_to_dirs_request;
use wire::broker_registration_request::{Feature, Listener};
use wire::elect_leaders_request::TopicPartitions;
use wire::record_frame::MetadataRecord;
use wire::{
    AllocateProducerIdsRequest, AlterPartitionReassignmentsRequest, AlterPartitionRequest,
    AssignReplicasToDirsRequest, BrokerHeartbeatRequest, BrokerRegistrationRequest,
    ElectLeadersRequest, Message, UnregisterBrokerRequest,
};

const SEEDS: std::ops::Range<u64> = 0..2;
const STEPS: usize = 250;
/// Not every step finds something to do.
const COMPARED_MIN: usize = 150;
/// Kafka's own broker is node 1: it has no replicas and does not interfere.
const KAFKA: i32 = 1;
const BROKERS: [i32; 4] = [11, 12, 13, 14];
const CLUSTER: &str = "4L6g3nShT-eMCtK--X86sw";
/// Nothing happens by itself.
const QUIET: &str = "broker.session.timeout.ms=600000\nauto.leader.rebalance.enable=false\n\
                     metadata.max.idle.interval.ms=0\n";

struct Beside {
    kafka: Kafka,
    connection: Connection,
    replay: Replay,
    settings: Settings,
    /// Everything before it is in the image.
    next: i64,
    bytes_read: usize,
    dice: Seeded,
    incarnation: u8,
    /// Decisions that were held against each other.
    compared: usize,
    /// Topics that Klamm, for a reason, would have brought into another state than Kafka did.
    parted: BTreeSet<TopicId>,
}

/// Has Kafka do what `$command` decides, and compares.
macro_rules! hold {
    ($beside:ident, $request:ty, $given:expr, $command:expr) => {{
        let given = $given;
        let asked = format!("{given:?}");
        let version = <$request>::VERSIONS.max;
        $beside.connection.send(&given, version).expect("connected");
        let theirs = $beside
            .connection
            .receive::<$request, _>(version, |reply| format!("{reply:?}"))
            .expect("an answer");
        let (records, reply) = $beside.decide(&$command(given));
        $beside.compare(&asked, &records, &format!("{reply:?}"), &theirs);
    }};
}
use hold;

#[test]
fn decisions_are_those_of_kafkas_controller() {
    let only = std::env::var("SEED").ok().map(|seed| seed.parse().expect("SEED is a number"));
    for seed in only.map_or(SEEDS, |seed: u64| seed..seed + 1) {
        let Some(mut beside) = Beside::start(seed) else { return };
        eprintln!("SEED={seed}");
        BROKERS.iter().for_each(|broker| beside.register(*broker));
        BROKERS.iter().for_each(|broker| beside.beat(*broker, false, false));
        for _ in 0..STEPS {
            beside.step();
            beside.delete_parted();
        }
        eprintln!("{} decisions are the same", beside.compared);
        assert!(beside.compared >= COMPARED_MIN, "{} decisions", beside.compared);
    }
}

impl Beside {
    fn start(seed: u64) -> Option<Self> {
        Self::start_with(seed, "")
    }

    fn start_with(seed: u64, more: &str) -> Option<Self> {
        let kafka = Kafka::with(&format!("{QUIET}{more}"))?;
        let properties = std::fs::read_to_string(kafka.properties()).expect("its properties");
        let port = properties
            .lines()
            .find_map(|line| line.strip_prefix("controller.quorum.bootstrap.servers=127.0.0.1:"));
        let port = port.expect("a controller").parse().expect("a port");
        let mut beside = Self {
            connection: Connection::open(port).expect("its controller listens"),
            kafka,
            replay: Replay::from_image(Image::default()),
            settings: Settings { node: NodeId(KAFKA), ..Settings::default() },
            next: 0,
            bytes_read: 0,
            dice: Seeded::new(seed),
            incarnation: 0,
            compared: 0,
            parted: BTreeSet::new(),
        };
        e2e::wait::until("Kafka's own broker is let in", || {
            beside.catch_up();
            beside.image().is_active(NodeId(KAFKA)).then_some(())
        });
        Some(beside)
    }

    fn image(&self) -> &Image {
        self.replay.latest()
    }

    /// What Kafka has written since, as it stands in its log.
    fn catch_up(&mut self) -> Vec<Vec<u8>> {
        let folder = self.kafka.data().join("__cluster_metadata-0");
        let bytes = std::fs::read(folder.join("00000000000000000000.log")).expect("its log");
        let mut written = Vec::new();
        for batch in batches(&bytes[self.bytes_read..]).map_while(Result::ok) {
            let header = batch.header();
            self.bytes_read += header.total_bytes();
            self.next = header.next_offset().0;
            if header.attributes.is_control() {
                continue;
            }
            with_scratch(|scratch| {
                for record in batch.records(scratch).expect("readable") {
                    let record = record.expect("a record");
                    let value = record.value.expect("a value");
                    let (decoded, _) = MetadataRecord::decode(value).expect("a metadata record");
                    self.replay.apply(record.offset, header.leader_epoch, &decoded);
                    if !is_its_own(&decoded) {
                        written.push(value.to_vec());
                    }
                }
            });
        }
        written
    }

    fn decide<C: Command>(&self, command: &C) -> (Vec<MetadataRecord<'static>>, C::Reply) {
        let next_offset = Offset(self.next);
        let (image, settings) = (self.replay.latest(), &self.settings);
        let decision = command.decide(&Controller { image, settings, next_offset, seed: 1 });
        (decision.records, decision.reply)
    }

    fn compare(
        &mut self,
        asked: &str,
        ours: &[MetadataRecord<'static>],
        reply: &str,
        theirs: &str,
    ) {
        let before = self.image().clone();
        assert_eq!(reply, theirs, "{asked}\n{}", show_partitions(&before));
        let written = self.catch_up();
        self.compare_written(asked, &before, ours, written);
    }

    /// What was decided in the image `before` is what Kafka has written.
    fn compare_written(
        &mut self,
        asked: &str,
        before: &Image,
        ours: &[MetadataRecord<'static>],
        written: Vec<Vec<u8>>,
    ) {
        let release = before.features().metadata_version();
        let encode = |record: &MetadataRecord<'_>| {
            record.encode(record_version(record, release)).expect("it fits its version")
        };
        // Kafka looks at partitions in the order of a hash table
        let ours: BTreeSet<Vec<u8>> = ours.iter().map(encode).collect();
        let mut theirs = BTreeSet::new();
        for record in written {
            let Some(parted) = differences::parted(before, &record) else {
                theirs.insert(record);
                continue;
            };
            eprintln!("{asked}\n  differs, as {}", parted.reasons.join("; "));
            theirs.extend(parted.amended);
            self.parted.insert(parted.topic);
        }
        self.compared += 1;
        if ours == theirs {
            return;
        }
        let show = |bytes: &Vec<u8>| {
            let (record, version) = MetadataRecord::decode(bytes).expect("it was read before");
            format!("v{version} {record:?}")
        };
        let only = |these: &BTreeSet<Vec<u8>>, those: &BTreeSet<Vec<u8>>| {
            these.difference(those).map(show).collect::<Vec<_>>().join("\n    ")
        };
        panic!(
            "decision {}: {asked}\n  only we:\n    {}\n  only Kafka:\n    {}\n  before:\n{}",
            self.compared,
            only(&ours, &theirs),
            only(&theirs, &ours),
            show_partitions(before),
        );
    }

    fn step(&mut self) {
        match self.below(100) {
            0..8 => self.create_topic(),
            8..11 => self.delete_topic(),
            11..14 => self.grow_topic(),
            14..18 => self.configure(),
            18..36 => {
                let (fence, shut_down) = (self.chance(30), self.chance(20));
                let broker = self.broker();
                self.beat(broker, fence, shut_down);
            }
            36..46 => {
                let broker = self.broker();
                self.register(broker);
            }
            46..72 => self.alter_partition(),
            72..82 => {
                self.reassign();
                self.list_reassignments();
            }
            82..88 => self.assign_directory(),
            88..94 => self.elect(),
            94..96 => self.unregister(),
            _ => self.producer_ids(),
        }
    }

    fn register(&mut self, broker: i32) {
        let stays = self.chance(10);
        if !stays {
            self.incarnation += 1;
        }
        let known = self.image().cluster().broker(NodeId(broker)).cloned();
        if known.as_ref().is_some_and(|known| !known.fenced) {
            return; // its session would keep another process out
        }
        let is_clean = self.chance(50);
        let request = BrokerRegistrationRequest {
            broker_id: broker,
            cluster_id: CLUSTER.into(),
            incarnation_id: Uuid([self.incarnation; 16]),
            listeners: vec![Listener {
                name: "PLAINTEXT".into(),
                host: "127.0.0.1".into(),
                port: 1,
                security_protocol: 0,
            }],
            features: features::supported(false)
                .into_iter()
                .map(|(name, range)| Feature {
                    name: name.into(),
                    min_supported_version: range.min,
                    max_supported_version: range.max,
                })
                .collect(),
            rack: None,
            log_dirs: directories(broker).to_vec(),
            previous_broker_epoch: known.filter(|_| is_clean).map_or(-1, |known| known.epoch.0),
            ..BrokerRegistrationRequest::default()
        };
        // a fenced broker's session lives on for a while, and keeps another process out
        let asked = format!("{request:?}");
        let version = BrokerRegistrationRequest::VERSIONS.max;
        self.connection.send(&request, version).expect("connected");
        let (code, theirs) = self
            .connection
            .receive::<BrokerRegistrationRequest<'_>, _>(version, |reply| {
                (reply.error_code, format!("{reply:?}"))
            })
            .expect("an answer");
        let session_alive = code == types::ErrorCode::DuplicateBrokerRegistration.code();
        let command = RegisterBroker { request, cluster: CLUSTER, session_alive };
        let (records, reply) = self.decide(&command);
        self.compare(&asked, &records, &format!("{reply:?}"), &theirs);
    }

    fn beat(&mut self, broker_id: i32, want_fence: bool, want_shut_down: bool) {
        let Some(broker) = self.image().cluster().broker(NodeId(broker_id)).cloned() else {
            return;
        };
        if broker.fenced && (broker.in_controlled_shutdown || want_shut_down) {
            // where this controller differs: who said goodbye comes back only by registering again,
            // and a fenced broker that goes is not written down as fenced once more
            return;
        }
        let is_quiet = !want_fence && !want_shut_down && !broker.fenced;
        let lost = broker.directories.get(1).copied().filter(|_| is_quiet && self.chance(10));
        let cordoned = broker.directories.first().copied().filter(|_| self.chance(10));
        let request = BrokerHeartbeatRequest {
            broker_id,
            broker_epoch: broker.epoch.0 - i64::from(self.chance(3)),
            current_metadata_offset: if self.chance(10) { 0 } else { self.next },
            want_fence,
            want_shut_down,
            offline_log_dirs: lost.into_iter().collect(),
            cordoned_log_dirs: Some(cordoned.into_iter().collect()),
        };
        let (asked, version) = (format!("{request:?}"), BrokerHeartbeatRequest::VERSIONS.max);
        self.connection.send(&request, version).expect("connected");
        let (others_have_seen, theirs) = self
            .connection
            .receive::<BrokerHeartbeatRequest, _>(version, |reply| {
                (reply.should_shut_down, format!("{reply:?}"))
            })
            .expect("an answer");
        let (records, reply) = self.decide(&Heartbeat { request, others_have_seen });
        self.compare(&asked, &records, &format!("{reply:?}"), &theirs);
    }

    fn configure(&mut self) {
        let value = self.pick(&[None, Some("1"), Some("2"), Some("3")]);
        let resource = self.pick(&["a", "b", "c"]);
        let operation = i8::from(value.is_none());
        let known = self.image().topics().named(resource);
        let mut states = known.into_iter().flat_map(|topic| topic.partitions.values());
        if states.any(|state| !state.eligible_leaders.is_empty()) {
            return; // left out, see `differences`
        }
        self.alter_config(configs::TOPIC, resource, "min.insync.replicas", operation, value);
    }

    fn alter_partition(&mut self) {
        let Some((_, topic_id, index, state)) = self.some_partition() else { return };
        let wanted: Vec<NodeId> = state
            .replicas
            .iter()
            .filter(|id| **id == state.leader || self.chance(70))
            .copied()
            .collect();
        let member = |id: &NodeId| BrokerState { broker_id: id.0, broker_epoch: self.epoch(id.0) };
        let new_isr_with_epochs = wanted.iter().map(member).collect();
        let (leader, broker_epoch) = (state.leader.0, self.epoch(state.leader.0));

        let partition = alter_partition_request::PartitionData {
            partition_index: index,
            new_isr_with_epochs,
            leader_epoch: state.leader_epoch.0 + self.rarely(),
            leader_recovery_state: i8::from(state.recovering && self.chance(50)),
            partition_epoch: state.partition_epoch + self.rarely(),
            new_isr: Vec::new(),
        };
        let partitions = vec![partition];
        let request = AlterPartitionRequest {
            broker_id: leader,
            broker_epoch,
            topics: vec![alter_partition_request::TopicData { topic_id, partitions }],
        };
        hold!(self, AlterPartitionRequest, request, AlterPartition);
    }

    fn reassign(&mut self) {
        let Some((name, _, partition_index, state)) = self.some_partition() else { return };
        // Kafka keeps marks of a reassignment that another one replaces: left out here
        let replicas = (!state.is_reassigning()).then(|| {
            let count = self.pick(&[3, 3, 4]);
            self.brokers(count)
        });
        let partitions = vec![ReassignablePartition { partition_index, replicas }];
        let request = AlterPartitionReassignmentsRequest {
            topics: vec![ReassignableTopic { name: name.into(), partitions }],
            allow_replication_factor_change: self.chance(80),
            ..AlterPartitionReassignmentsRequest::default()
        };
        hold!(self, AlterPartitionReassignmentsRequest<'_>, request, AlterPartitionReassignments);
    }

    fn assign_directory(&mut self) {
        let Some((_, topic_id, partition_index, _)) = self.some_partition() else { return };
        let broker_id = self.broker();
        let id = self.pick(&directories(broker_id));
        let partitions = vec![assign_replicas_to_dirs_request::PartitionData { partition_index }];
        let topics = vec![assign_replicas_to_dirs_request::TopicData { topic_id, partitions }];
        let request = AssignReplicasToDirsRequest {
            broker_id,
            broker_epoch: self.epoch(broker_id),
            directories: vec![assign_replicas_to_dirs_request::DirectoryData { id, topics }],
        };
        hold!(self, AssignReplicasToDirsRequest, request, AssignReplicasToDirs);
    }

    fn elect(&mut self) {
        let Some((name, _, index, _)) = self.some_partition() else { return };
        let request = ElectLeadersRequest {
            election_type: i8::from(self.chance(30)),
            topic_partitions: Some(vec![TopicPartitions {
                topic: name.into(),
                partitions: vec![index],
            }]),
            ..ElectLeadersRequest::default()
        };
        hold!(self, ElectLeadersRequest<'_>, request, ElectLeaders);
    }

    fn unregister(&mut self) {
        let broker_id = self.broker();
        let request = UnregisterBrokerRequest { broker_id };
        let version = UnregisterBrokerRequest::VERSIONS.max;
        self.connection.send(&request, version).expect("connected");
        let theirs = self
            .connection
            .receive::<UnregisterBrokerRequest, _>(version, |reply| reply.error_code)
            .expect("an answer");
        let (records, reply) = self.decide(&UnregisterBroker { broker: NodeId(broker_id) });
        let ours = reply.err().map_or(0, |refusal| refusal.code.code());
        self.compare(&format!("{request:?}"), &records, &ours.to_string(), &theirs.to_string());
    }

    fn producer_ids(&mut self) {
        let broker_id = self.broker();
        let request = AllocateProducerIdsRequest { broker_id, broker_epoch: self.epoch(broker_id) };
        hold!(self, AllocateProducerIdsRequest, request, |r: AllocateProducerIdsRequest| {
            AllocateProducerIds { broker: NodeId(r.broker_id), epoch: BrokerEpoch(r.broker_epoch) }
        });
    }

    fn epoch(&self, broker: i32) -> i64 {
        self.image().cluster().broker(NodeId(broker)).map_or(-1, |broker| broker.epoch.0)
    }

    fn some_partition(&mut self) -> Option<(String, TopicId, i32, PartitionState)> {
        let partitions = |topic: &std::sync::Arc<metadata::image::Topic>| {
            let (name, id) = (topic.name.to_string(), topic.id);
            let rows = topic.partitions.iter();
            rows.map(|(i, s)| (name.clone(), id, *i, PartitionState::clone(s))).collect::<Vec<_>>()
        };
        let all: Vec<_> = self.image().topics().iter().flat_map(partitions).collect();
        (!all.is_empty()).then(|| self.pick(&all))
    }

    fn below(&mut self, bound: usize) -> usize {
        self.dice.index_below(bound)
    }

    fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    fn rarely(&mut self) -> i32 {
        match self.below(40) {
            0 => 1,
            1 => -1,
            _ => 0,
        }
    }

    fn pick<T: Clone>(&mut self, items: &[T]) -> T {
        let index = self.below(items.len());
        items[index].clone()
    }

    fn broker(&mut self) -> i32 {
        self.pick(&BROKERS)
    }

    /// So many different brokers in a random order.
    fn brokers(&mut self, count: usize) -> Vec<i32> {
        let mut brokers = BROKERS;
        self.dice.shuffle(&mut brokers);
        brokers[..count].to_vec()
    }
}

/// Whether Kafka wrote the record by itself: it beats, and its own broker lives its life.
fn is_its_own(record: &MetadataRecord<'_>) -> bool {
    match record {
        MetadataRecord::NoOp(_) => true,
        MetadataRecord::BrokerRegistrationChange(change) => change.broker_id == KAFKA,
        _ => false,
    }
}

fn show_partitions(image: &Image) -> String {
    let partitions = image.topics().iter().flat_map(|topic| {
        topic
            .partitions
            .iter()
            .map(|(index, state)| format!("    {}-{index} {state:?}\n", topic.name))
    });
    let brokers = image.cluster().brokers.values().map(|b| {
        format!("    {} fenced {} stopping {}\n", b.id, b.fenced, b.in_controlled_shutdown)
    });
    partitions.chain(brokers).collect()
}

/// The log directories of a broker.
fn directories(broker: i32) -> [DirectoryId; 2] {
    let byte = u8::try_from(broker).expect("a small id");
    [Uuid([100 + byte; 16]), Uuid([150 + byte; 16])]
}
