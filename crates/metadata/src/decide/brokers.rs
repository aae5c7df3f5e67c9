//! Brokers register and leave for good.

use std::collections::BTreeSet;

use types::{BrokerEpoch, ErrorCode, NodeId};
use wire::Str;
use wire::broker_registration_request::BrokerRegistrationRequest;
use wire::broker_registration_response::BrokerRegistrationResponse;
use wire::register_broker_record::{BrokerEndpoint, BrokerFeature, RegisterBrokerRecord};
use wire::unregister_broker_record::UnregisterBrokerRecord;

use super::leadership::Availability;
use super::{Command, Controller, Decision, Refusal, Unity};
use crate::features::LevelRange;
use crate::image::BrokerRegistration;
use crate::metadata_version::MetadataVersion;

/// Directory ids below this one have a meaning of their own (KIP-858).
const RESERVED_DIRECTORIES: u128 = 100;

/// A broker's process introduces itself. It starts fenced and is let in by its heartbeats.
#[derive(Debug)]
pub struct RegisterBroker<'a> {
    /// What the broker says of itself.
    pub request: BrokerRegistrationRequest<'a>,
    /// `cluster.id` of this controller: brokers of other clusters are turned away.
    pub cluster: &'a str,
    /// Whether an earlier process of the same broker still beats: then this one has to wait.
    pub session_alive: bool,
}

/// A broker is gone for good.
#[derive(Clone, Copy, Debug)]
pub struct UnregisterBroker {
    /// Its id.
    pub broker: NodeId,
}

impl Command for RegisterBroker<'_> {
    type Reply = BrokerRegistrationResponse;

    const UNITY: Unity = Unity::Parts;

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
        let mut records = Vec::new();
        if same.is_none() {
            // the old process may have left without a word: nothing that it led has a leader
            records.extend(controller.follow(self.end_of_previous(controller, known)));
        }
        records.push(self.record(controller, broker_epoch, same).into());
        let reply = BrokerRegistrationResponse { broker_epoch, ..Default::default() };
        Decision { records, reply }
    }
}

impl RegisterBroker<'_> {
    /// A broker that cannot name the epoch in which it stopped has not stopped in order: what it had
    /// not synced may be lost (KIP-966).
    fn end_of_previous(
        &self,
        controller: &Controller<'_>,
        known: Option<&BrokerRegistration>,
    ) -> Availability {
        let id = NodeId(self.request.broker_id);
        let stopped = known.is_some_and(|b| b.epoch.0 == self.request.previous_broker_epoch);
        if stopped || !controller.image.features().eligible_leaders() {
            Availability::Leaving(id)
        } else {
            Availability::Crashed(id)
        }
    }

    fn check(
        &self,
        controller: &Controller<'_>,
        known: Option<&BrokerRegistration>,
        same: bool,
    ) -> Result<(), Refusal> {
        if self.request.cluster_id != self.cluster {
            let (ours, theirs) = (self.cluster, &self.request.cluster_id);
            let message = format!("Expected cluster ID {ours}, but got cluster ID {theirs}");
            return Err(Refusal::new(ErrorCode::InconsistentClusterId, message));
        }
        if known.is_some() && !same && self.session_alive {
            return Err(ErrorCode::DuplicateBrokerRegistration.into());
        }
        if self.request.is_migrating_zk_broker {
            let message = "Controller does not support registering ZK brokers.";
            return Err(Refusal::new(ErrorCode::BrokerIdNotRegistered, message));
        }
        self.check_directories(controller)?;
        self.check_features(controller)
    }

    /// The broker must know every feature that is finalized, at its level.
    fn check_features(&self, controller: &Controller<'_>) -> Result<(), Refusal> {
        let ranges = &self.request.features;
        if !ranges.iter().any(|feature| feature.name == MetadataVersion::FEATURE) {
            let message = "Request features do not contain 'metadata.version'";
            return Err(Refusal::new(ErrorCode::InvalidRegistration, message));
        }
        let finalized = controller.image.features();
        for feature in ranges {
            let (min, max) = (feature.min_supported_version, feature.max_supported_version);
            check_level(&feature.name, finalized.level(&feature.name), LevelRange { min, max })?;
        }
        for (name, level) in finalized.levels() {
            if !ranges.iter().any(|feature| feature.name == name) {
                check_level(name, level, LevelRange { min: 0, max: 0 })?;
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

impl Command for UnregisterBroker {
    type Reply = Result<(), Refusal>;

    const UNITY: Unity = Unity::Parts;

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
}

fn check_level(name: &str, level: i16, range: LevelRange) -> Result<(), Refusal> {
    if range.contains(level) {
        return Ok(());
    }
    let message = format!(
        "Unable to register because the broker does not support finalized version {level} of \
         {name}. The broker wants a version between {} and {}, inclusive.",
        range.min, range.max
    );
    Err(Refusal::new(ErrorCode::UnsupportedVersion, message))
}

fn owned(text: &str) -> Str<'static> {
    Str::Owned(text.to_owned())
}
