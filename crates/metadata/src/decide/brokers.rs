//! Brokers register, beat, stop and leave.

use std::collections::BTreeSet;

use types::{BrokerEpoch, DirectoryId, ErrorCode, NodeId};
use wire::Str;
use wire::broker_heartbeat_request::BrokerHeartbeatRequest;
use wire::broker_heartbeat_response::BrokerHeartbeatResponse;
use wire::broker_registration_change_record::BrokerRegistrationChangeRecord;
use wire::broker_registration_request::BrokerRegistrationRequest;
use wire::broker_registration_response::BrokerRegistrationResponse;
use wire::record_frame::MetadataRecord;
use wire::register_broker_record::{BrokerEndpoint, BrokerFeature, RegisterBrokerRecord};
use wire::unregister_broker_record::UnregisterBrokerRecord;

use super::leadership::Availability;
use super::{Command, Controller, Decision, Refusal};
use crate::features::LevelRange;
use crate::image::BrokerRegistration;
use crate::metadata_version::MetadataVersion;

const BECOMES: i8 = 1;
const CEASES: i8 = -1;

/// Directory ids below this one have a meaning of their own (KIP-858).
const RESERVED_DIRECTORIES: u128 = 100;

/// A broker's process introduces itself. It starts fenced and is let in by its heartbeats.
#[derive(Debug)]
pub struct RegisterBroker<'a> {
    /// What the broker says of itself.
    pub request: BrokerRegistrationRequest<'a>,
    /// Whether an earlier process of the same broker still beats: then this one has to wait.
    pub session_alive: bool,
}

/// A broker is alive, and says whether it wants in or out.
#[derive(Debug)]
pub struct Heartbeat {
    /// The broker's words.
    pub request: BrokerHeartbeatRequest,
}

/// A broker is gone for good.
#[derive(Clone, Copy, Debug)]
pub struct UnregisterBroker {
    /// Its id.
    pub broker: NodeId,
}

impl Command for RegisterBroker<'_> {
    type Reply = BrokerRegistrationResponse;

    fn decide(&self, controller: &Controller<'_>) -> Decision<Self::Reply> {
        let request = &self.request;
        let known = controller.image.cluster().broker(NodeId(request.broker_id));
        let same = known.filter(|broker| broker.incarnation == request.incarnation_id);
        if let Err(refusal) = self.check(controller, known, same.is_some()) {
            return Decision::only(BrokerRegistrationResponse {
                error_code: refusal.code.code(),
                ..BrokerRegistrationResponse::default()
            });
        }
        let broker_epoch = same.map_or(controller.next_offset.0, |broker| broker.epoch.0);
        let mut records = vec![self.record(controller, broker_epoch, same).into()];
        if known.is_some() && same.is_none() {
            // the old process left without a word: nothing that it led has a leader
            records.extend(controller.follow(Availability::Leaving(NodeId(request.broker_id))));
        }
        let reply = BrokerRegistrationResponse { broker_epoch, ..Default::default() };
        Decision { records, reply }
    }
}

impl RegisterBroker<'_> {
    fn check(
        &self,
        controller: &Controller<'_>,
        known: Option<&BrokerRegistration>,
        same: bool,
    ) -> Result<(), Refusal> {
        if known.is_some() && !same && self.session_alive {
            return Err(ErrorCode::DuplicateBrokerRegistration.into());
        }
        if self.request.is_migrating_zk_broker {
            let message = "Controller does not support registering ZK brokers.";
            return Err(Refusal::new(ErrorCode::BrokerIdNotRegistered, message));
        }
        self.check_directories(controller)?;
        let ranges = &self.request.features;
        if !ranges.iter().any(|feature| feature.name == MetadataVersion::FEATURE) {
            let message = "Request features do not contain 'metadata.version'";
            return Err(Refusal::new(ErrorCode::InvalidRegistration, message));
        }
        for feature in ranges {
            let range = LevelRange {
                min: feature.min_supported_version,
                max: feature.max_supported_version,
            };
            let level = controller.image.features().level(&feature.name);
            if level != 0 && !range.contains(level) {
                let message = format!(
                    "Unable to register because the broker does not support finalized version \
                     {level} of {}. The broker wants a version between {} and {}, inclusive.",
                    feature.name, range.min, range.max
                );
                return Err(Refusal::new(ErrorCode::UnsupportedVersion, message));
            }
        }
        Ok(())
    }

    fn check_directories(&self, controller: &Controller<'_>) -> Result<(), Refusal> {
        if controller.image.features().metadata_version() < MetadataVersion::DIRECTORIES {
            return Ok(());
        }
        let refuse = |message: String| Err(Refusal::new(ErrorCode::InvalidRegistration, message));
        let directories = &self.request.log_dirs;
        if directories.is_empty() {
            return refuse("No directories specified in request".to_owned());
        }
        if directories.iter().any(|dir| u128::from_be_bytes(dir.0) < RESERVED_DIRECTORIES) {
            return refuse("Reserved directory ID in request".to_owned());
        }
        if directories.iter().collect::<BTreeSet<_>>().len() != directories.len() {
            return refuse("Duplicate directory ID in request".to_owned());
        }
        let others = controller.image.cluster().brokers.values();
        for other in others.filter(|other| other.id != NodeId(self.request.broker_id)) {
            if let Some(dir) = directories.iter().find(|dir| other.directories.contains(dir)) {
                let id = other.id;
                return refuse(format!("Broker {id} is already registered with directory {dir}"));
            }
        }
        Ok(())
    }

    fn record(
        &self,
        controller: &Controller<'_>,
        broker_epoch: i64,
        same: Option<&BrokerRegistration>,
    ) -> RegisterBrokerRecord<'static> {
        let release = controller.image.features().metadata_version();
        let request = &self.request;
        let endpoints = request.listeners.iter().map(|listener| BrokerEndpoint {
            name: owned(&listener.name),
            host: owned(&listener.host),
            port: listener.port,
            security_protocol: listener.security_protocol,
        });
        let features = request.features.iter().map(|feature| BrokerFeature {
            name: owned(&feature.name),
            min_supported_version: feature.min_supported_version,
            max_supported_version: feature.max_supported_version,
        });
        let knows_directories = release >= MetadataVersion::DIRECTORIES;
        RegisterBrokerRecord {
            broker_id: request.broker_id,
            incarnation_id: request.incarnation_id,
            broker_epoch,
            end_points: endpoints.collect(),
            features: features.collect(),
            rack: request.rack.as_deref().map(owned),
            fenced: same.is_none_or(|broker| broker.fenced),
            in_controlled_shutdown: same.is_some_and(|broker| broker.in_controlled_shutdown),
            log_dirs: if knows_directories { request.log_dirs.clone() } else { Vec::new() },
            ..RegisterBrokerRecord::default()
        }
    }
}

/// Where a broker is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Fenced,
    Active,
    /// It has given up leadership bit by bit and may stop once it leads nothing.
    Stopping,
    Stopped,
}

impl Command for Heartbeat {
    type Reply = BrokerHeartbeatResponse;

    fn decide(&self, controller: &Controller<'_>) -> Decision<Self::Reply> {
        let (id, epoch) = (NodeId(self.request.broker_id), BrokerEpoch(self.request.broker_epoch));
        let broker = match controller.check_broker_epoch(id, epoch) {
            Ok(broker) => broker,
            Err(refusal) => {
                return Decision::only(BrokerHeartbeatResponse {
                    error_code: refusal.code.code(),
                    ..BrokerHeartbeatResponse::default()
                });
            }
        };
        let (stage, next) = self.stages(controller, broker);
        let mut records = self.directory_changes(controller, broker);
        if stage != next {
            records.extend(controller.enter(broker, next));
        }
        let reply = BrokerHeartbeatResponse {
            is_caught_up: self.request.current_metadata_offset >= broker.epoch.0,
            is_fenced: matches!(next, Stage::Fenced | Stage::Stopped),
            should_shut_down: next == Stage::Stopped,
            ..BrokerHeartbeatResponse::default()
        };
        Decision { records, reply }
    }
}

impl Heartbeat {
    fn stages(&self, controller: &Controller<'_>, broker: &BrokerRegistration) -> (Stage, Stage) {
        let request = &self.request;
        let stage = match (broker.fenced, broker.in_controlled_shutdown) {
            (true, _) => Stage::Fenced,
            (false, false) => Stage::Active,
            (false, true) => Stage::Stopping,
        };
        let caught_up = request.current_metadata_offset >= broker.epoch.0;
        let next = match stage {
            Stage::Fenced if request.want_shut_down => Stage::Stopped,
            // who said goodbye comes back only by registering again
            Stage::Fenced if broker.in_controlled_shutdown => Stage::Fenced,
            Stage::Fenced if !request.want_fence && caught_up => Stage::Active,
            Stage::Active if request.want_fence && request.want_shut_down => Stage::Stopped,
            Stage::Active if request.want_fence => Stage::Fenced,
            Stage::Active if request.want_shut_down && controller.leads_any(broker.id) => {
                Stage::Stopping
            }
            Stage::Active if request.want_shut_down => Stage::Stopped,
            Stage::Stopping if !controller.leads_any(broker.id) => Stage::Stopped,
            Stage::Fenced | Stage::Active | Stage::Stopping | Stage::Stopped => stage,
        };
        (stage, next)
    }

    /// Directories that failed or were cordoned since the last heartbeat.
    fn directory_changes(
        &self,
        controller: &Controller<'_>,
        broker: &BrokerRegistration,
    ) -> Vec<MetadataRecord<'static>> {
        let release = controller.image.features().metadata_version();
        let mut records = Vec::new();
        let online = |dir: &&DirectoryId| !self.request.offline_log_dirs.contains(dir);
        let log_dirs: Vec<_> = broker.directories.iter().filter(online).copied().collect();
        if log_dirs != broker.directories && !log_dirs.is_empty() {
            records.push(change(broker, |record| record.log_dirs = log_dirs));
        }
        let cordoned = &self.request.cordoned_log_dirs;
        let news = cordoned.is_some() && broker.cordoned != *cordoned;
        if news && release >= MetadataVersion::CORDONED_DIRECTORIES {
            let cordoned = cordoned.clone();
            records.push(change(broker, |record| record.cordoned_log_dirs = cordoned));
        }
        records
    }
}

impl Command for UnregisterBroker {
    type Reply = Result<(), Refusal>;

    fn decide(&self, controller: &Controller<'_>) -> Decision<Self::Reply> {
        let Some(broker) = controller.image.cluster().broker(self.broker) else {
            let message = format!("Broker ID {} is not currently registered", self.broker);
            return Decision::only(Err(Refusal::new(ErrorCode::BrokerIdNotRegistered, message)));
        };
        let mut records = controller.follow(Availability::Leaving(broker.id));
        let record =
            UnregisterBrokerRecord { broker_id: broker.id.0, broker_epoch: broker.epoch.0 };
        records.push(record.into());
        Decision { records, reply: Ok(()) }
    }
}

impl<'a> Controller<'a> {
    /// The registration that a broker's request must come from.
    pub(super) fn check_broker_epoch(
        &self,
        id: NodeId,
        epoch: BrokerEpoch,
    ) -> Result<&'a BrokerRegistration, Refusal> {
        let Some(broker) = self.image.cluster().broker(id) else {
            let message = format!("No broker registration found for broker id {id}");
            return Err(Refusal::new(ErrorCode::StaleBrokerEpoch, message));
        };
        if broker.epoch != epoch {
            let message =
                format!("Expected broker epoch {}, but got broker epoch {epoch}", broker.epoch);
            return Err(Refusal::new(ErrorCode::StaleBrokerEpoch, message));
        }
        Ok(broker)
    }

    fn leads_any(&self, id: NodeId) -> bool {
        let mut topics = self.image.topics().iter();
        topics.any(|topic| topic.partitions.values().any(|state| state.leader == id))
    }

    fn enter(&self, broker: &BrokerRegistration, stage: Stage) -> Vec<MetadataRecord<'static>> {
        match stage {
            Stage::Active => {
                let mut records = vec![change(broker, |record| record.fenced = CEASES)];
                records.extend(self.follow(Availability::Coming(broker.id)));
                records
            }
            Stage::Stopping => {
                let stopping = |record: &mut BrokerRegistrationChangeRecord| {
                    record.in_controlled_shutdown = BECOMES;
                };
                let mut records = vec![change(broker, stopping)];
                records.extend(self.follow(Availability::Leaving(broker.id)));
                records
            }
            Stage::Fenced | Stage::Stopped if broker.fenced => Vec::new(),
            Stage::Fenced | Stage::Stopped => {
                let mut records = self.follow(Availability::Leaving(broker.id));
                records.push(change(broker, |record| record.fenced = BECOMES));
                records
            }
        }
    }
}

fn change(
    broker: &BrokerRegistration,
    set: impl FnOnce(&mut BrokerRegistrationChangeRecord),
) -> MetadataRecord<'static> {
    let mut record = BrokerRegistrationChangeRecord {
        broker_id: broker.id.0,
        broker_epoch: broker.epoch.0,
        ..BrokerRegistrationChangeRecord::default()
    };
    set(&mut record);
    record.into()
}

fn owned(text: &str) -> Str<'static> {
    Str::Owned(text.to_owned())
}
