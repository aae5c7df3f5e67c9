//! A cluster in memory: decides commands, puts the records through their bytes, applies them.

#![allow(dead_code, reason = "each test binary uses its own part")]

use metadata::decide::{Command, Controller, Heartbeat, RegisterBroker, Settings, record_version};
use metadata::image::{Image, Replay};
use metadata::{MetadataVersion, features};
use types::{LeaderEpoch, NodeId, Offset, Uuid};
use wire::broker_heartbeat_request::BrokerHeartbeatRequest;
use wire::broker_registration_request::{BrokerRegistrationRequest, Feature, Listener};
use wire::feature_level_record::FeatureLevelRecord;
use wire::record_frame::MetadataRecord;

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
        let reply = self.run(&RegisterBroker { request, session_alive: false });
        assert_eq!(reply.error_code, 0);
        self.beat(id, false, false);
    }

    pub fn beat(&mut self, id: i32, want_fence: bool, want_shut_down: bool) {
        let reply = self.run(&Heartbeat {
            request: BrokerHeartbeatRequest {
                broker_id: id,
                broker_epoch: self.epoch(id),
                current_metadata_offset: i64::MAX,
                want_fence,
                want_shut_down,
                ..BrokerHeartbeatRequest::default()
            },
        });
        assert_eq!(reply.error_code, 0);
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
        cluster_id: "AAAAAAAAAAAAAAAAAAAAZg".into(),
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
