//! A cluster in memory: decides commands, puts the records through their bytes, applies them.

#![allow(dead_code, reason = "each test binary uses its own part")]

use metadata::decide::{
    Command, Controller, CreateTopics, FenceBroker, Heartbeat, RegisterBroker, Settings,
    record_version,
};
use metadata::image::{Image, Replay};
use metadata::{MetadataVersion, features};
use types::{BrokerEpoch, LeaderEpoch, NodeId, Offset, Uuid};
use wire::broker_heartbeat_request::BrokerHeartbeatRequest;
use wire::broker_heartbeat_response::BrokerHeartbeatResponse;
use wire::broker_registration_request::{BrokerRegistrationRequest, Feature, Listener};
use wire::create_topics_request::{
    CreatableReplicaAssignment, CreatableTopic, CreatableTopicConfig, CreateTopicsRequest,
};
use wire::feature_level_record::FeatureLevelRecord;
use wire::record_frame::MetadataRecord;

/// `cluster.id`.
pub const CLUSTER: &str = "AAAAAAAAAAAAAAAAAAAAZg";
const EPOCH: LeaderEpoch = LeaderEpoch(1);

/// One controller and what it has written.
pub struct Cluster {
    pub replay: Replay,
    pub settings: Settings,
    /// Every record in the bytes that the log would hold.
    pub log: Vec<Vec<u8>>,
    seed: u64,
}

impl Cluster {
    /// Nothing but a `metadata.version`.
    pub fn at(level: i16) -> Self {
        let mut cluster = Self {
            replay: Replay::from_image(Image::default()),
            settings: Settings { node: NodeId(7), ..Settings::default() },
            log: Vec::new(),
            seed: 0,
        };
        cluster.write(vec![feature_level("metadata.version", level)]);
        cluster
    }

    /// The features of a fresh cluster of this release, and brokers 1 to `brokers`, all active.
    pub fn of(brokers: i32) -> Self {
        let release = MetadataVersion::LATEST_PRODUCTION;
        let mut cluster = Self::at(release.level());
        for feature in features::Feature::ALL {
            let level = feature.default_level(release);
            if feature != features::Feature::Kraft {
                cluster.write(vec![feature_level(feature.name(), level)]);
            }
        }
        (1..=brokers).for_each(|id| cluster.join(id));
        cluster
    }

    /// A broker registers and is let in.
    pub fn join(&mut self, id: i32) {
        let request = registration(id, 1);
        let reply = self.run(&RegisterBroker { request, cluster: CLUSTER, session_alive: false });
        assert_eq!(reply.error_code, 0);
        self.beat(id, false, false);
    }

    pub fn beat(&mut self, id: i32, want_fence: bool, want_shut_down: bool) {
        let reply = self.beat_with(id, true, |request| {
            request.want_fence = want_fence;
            request.want_shut_down = want_shut_down;
        });
        assert_eq!(reply.error_code, 0);
    }

    /// A heartbeat that says more than whether the broker wants in or out.
    pub fn beat_with(
        &mut self,
        id: i32,
        others_have_seen: bool,
        change: impl FnOnce(&mut BrokerHeartbeatRequest),
    ) -> BrokerHeartbeatResponse {
        let mut request = BrokerHeartbeatRequest {
            broker_id: id,
            broker_epoch: self.epoch(id),
            current_metadata_offset: i64::MAX,
            ..BrokerHeartbeatRequest::default()
        };
        change(&mut request);
        self.run(&Heartbeat { request, others_have_seen })
    }

    /// A broker's session is over.
    pub fn fence(&mut self, id: i32) {
        let epoch = BrokerEpoch(self.epoch(id));
        assert!(self.run(&FenceBroker { broker: NodeId(id), epoch }), "it was in service");
    }

    /// A topic whose partitions have these replicas.
    pub fn place(&mut self, name: &'static str, lists: &[&[i32]]) {
        self.place_with(name, lists, &[]);
    }

    /// The same, with configs.
    pub fn place_with(
        &mut self,
        name: &'static str,
        lists: &[&[i32]],
        configs: &[(&'static str, &'static str)],
    ) {
        let assignments = (0..).zip(lists).map(|(partition_index, brokers)| {
            CreatableReplicaAssignment { partition_index, broker_ids: brokers.to_vec() }
        });
        let topic = CreatableTopic {
            name: name.into(),
            num_partitions: -1,
            replication_factor: -1,
            assignments: assignments.collect(),
            configs: configs
                .iter()
                .map(|(name, value)| CreatableTopicConfig {
                    name: (*name).into(),
                    value: Some((*value).into()),
                })
                .collect(),
        };
        let request = CreateTopicsRequest { topics: vec![topic], ..Default::default() };
        assert_eq!(self.run(&CreateTopics(request)).topics[0].error_code, 0);
    }

    /// Leader and epoch, ISR, and what else is not empty: `2@1 isr 2,3 eligible 1 last 1`.
    pub fn show(&self, topic: &str, index: i32) -> String {
        let state = self.image().partition(topic, index).expect("created");
        let ids = |nodes: &[NodeId]| {
            nodes.iter().map(|node| node.0.to_string()).collect::<Vec<_>>().join(",")
        };
        let leader = (state.leader != NodeId::NONE).then_some(state.leader);
        let leader = leader.map_or("none".to_owned(), |leader| leader.to_string());
        let mut shown = format!("{leader}@{} isr {}", state.leader_epoch, ids(&state.isr));
        for (name, nodes) in [
            ("eligible", &state.eligible_leaders),
            ("last", &state.last_known_leaders),
            ("adding", &state.adding),
            ("removing", &state.removing),
        ] {
            if !nodes.is_empty() {
                shown.push_str(&format!(" {name} {}", ids(nodes)));
            }
        }
        if state.recovering {
            shown.push_str(" recovering");
        }
        shown
    }

    /// The replicas of a partition.
    pub fn replicas(&self, topic: &str, index: i32) -> Vec<i32> {
        let state = self.image().partition(topic, index).expect("created");
        state.replicas.iter().map(|node| node.0).collect()
    }

    pub fn epoch(&self, id: i32) -> i64 {
        let broker = self.image().cluster().broker(NodeId(id)).expect("registered");
        broker.epoch.0
    }

    pub fn image(&self) -> &Image {
        self.replay.latest()
    }

    /// Decides without writing.
    pub fn decide<C: Command>(&mut self, command: &C) -> (Vec<MetadataRecord<'static>>, C::Reply) {
        self.seed += 1;
        let controller = Controller {
            image: self.replay.latest(),
            settings: &self.settings,
            next_offset: self.next_offset(),
            seed: self.seed,
        };
        let decision = command.decide(&controller);
        (decision.records, decision.reply)
    }

    /// Decides, writes and answers.
    pub fn run<C: Command>(&mut self, command: &C) -> C::Reply {
        let (records, reply) = self.decide(command);
        self.write(records);
        reply
    }

    pub fn write(&mut self, records: Vec<MetadataRecord<'static>>) {
        let release = self.image().features().metadata_version();
        for record in records {
            let version = record_version(&record, release);
            let bytes = record.encode(version).expect("the record fits its version");
            let (decoded, read) = MetadataRecord::decode(&bytes).expect("our own bytes");
            assert_eq!((&decoded, read), (&record, version));
            self.replay.apply(self.next_offset(), EPOCH, &decoded);
            self.log.push(bytes);
        }
    }

    fn next_offset(&self) -> Offset {
        Offset(i64::try_from(self.log.len()).expect("a short log"))
    }
}

pub fn feature_level(name: &'static str, level: i16) -> MetadataRecord<'static> {
    FeatureLevelRecord { name: name.into(), feature_level: level }.into()
}

pub fn registration(id: i32, incarnation: u8) -> BrokerRegistrationRequest<'static> {
    let byte = u8::try_from(id).expect("a small id");
    BrokerRegistrationRequest {
        broker_id: id,
        cluster_id: CLUSTER.into(),
        incarnation_id: Uuid([incarnation; 16]),
        listeners: vec![Listener {
            name: "PLAINTEXT".into(),
            host: "localhost".into(),
            port: 9092,
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
        log_dirs: vec![Uuid([byte + 100; 16])],
        ..BrokerRegistrationRequest::default()
    }
}

/// Writes the image out, reads it back through bytes, and compares.
#[track_caller]
pub fn assert_snapshot_is_equal(image: &Image) {
    let release = image.features().metadata_version();
    let mut replay = Replay::from_image(Image::default());
    for record in image.to_records() {
        let version = record_version(&record, release);
        let bytes = record.encode(version).expect("the record fits its version");
        let (decoded, _) = MetadataRecord::decode(&bytes).expect("our own bytes");
        replay.apply(image.provenance.offset, image.provenance.epoch, &decoded);
    }
    assert_eq!(replay.publish(), *image);
}
