//! Brokers and controllers in the image, as they registered themselves.

use std::collections::BTreeMap;
use std::sync::Arc;

use types::{BrokerEpoch, DirectoryId, NodeId, Uuid};
use wire::broker_registration_change_record::BrokerRegistrationChangeRecord;
use wire::register_broker_record::RegisterBrokerRecord;
use wire::register_controller_record::RegisterControllerRecord;

use super::{DIRECTORY_LOST, DIRECTORY_MIGRATING, DIRECTORY_UNASSIGNED};
use crate::features::{LevelRange, SHORT_SESSIONS};

/// All nodes that are registered.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Cluster {
    /// Brokers by id, fenced ones included.
    pub brokers: BTreeMap<NodeId, Arc<BrokerRegistration>>,
    /// Controllers by id.
    pub controllers: BTreeMap<NodeId, Arc<ControllerRegistration>>,
}

/// Where a node listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// Listener name, as `PLAINTEXT`.
    pub listener: Box<str>,
    /// Host that clients connect to.
    pub host: Box<str>,
    /// Port that clients connect to.
    pub port: u16,
    /// Kafka's id of the security protocol: 0 PLAINTEXT, 1 SSL, 2 SASL_PLAINTEXT, 3 SASL_SSL.
    pub security_protocol: i16,
}

/// A broker's registration and whether it is in service.
#[derive(Clone, Debug, PartialEq)]
pub struct BrokerRegistration {
    /// Its `node.id`.
    pub id: NodeId,
    /// Offset of its registration record: identifies this run of the broker.
    pub epoch: BrokerEpoch,
    /// Random id of the broker's process.
    pub incarnation: Uuid,
    /// Its listeners in the order of registration.
    pub endpoints: Vec<Endpoint>,
    /// Features and levels that it understands.
    pub features: BTreeMap<Box<str>, LevelRange>,
    /// Its `broker.rack`.
    pub rack: Option<Arc<str>>,
    /// Out of service: it leads nothing and joins no ISR.
    pub fenced: bool,
    /// About to stop: it leads nothing any more.
    pub in_controlled_shutdown: bool,
    /// A broker that still belonged to ZooKeeper when it registered.
    pub migrating: bool,
    /// Its log directories that work.
    pub directories: Vec<DirectoryId>,
    /// Directories that take no more replicas; unknown until its first heartbeat (KIP-1066).
    pub cordoned: Option<Vec<DirectoryId>>,
}

/// A controller's registration.
#[derive(Clone, Debug, PartialEq)]
pub struct ControllerRegistration {
    /// Its `node.id`.
    pub id: NodeId,
    /// Random id of the controller's process.
    pub incarnation: Uuid,
    /// Whether it was ready to take over from ZooKeeper.
    pub zk_migration_ready: bool,
    /// Its listeners.
    pub endpoints: Vec<Endpoint>,
    /// Features and levels that it understands.
    pub features: BTreeMap<Box<str>, LevelRange>,
}

impl Cluster {
    /// The broker of that id.
    #[must_use]
    pub fn broker(&self, id: NodeId) -> Option<&BrokerRegistration> {
        self.brokers.get(&id).map(Arc::as_ref)
    }

    /// Whether the broker is registered, unfenced and not about to stop: it may lead.
    #[must_use]
    pub fn is_active(&self, id: NodeId) -> bool {
        self.broker(id).is_some_and(BrokerRegistration::is_active)
    }

    /// The broker's registration, to change it, where it still has that epoch.
    pub(super) fn broker_mut(&mut self, id: i32, epoch: i64) -> Option<&mut BrokerRegistration> {
        let broker = self.brokers.get_mut(&NodeId(id))?;
        (broker.epoch == BrokerEpoch(epoch)).then(|| Arc::make_mut(broker))
    }
}

impl BrokerRegistration {
    /// Unfenced and not about to stop.
    #[must_use]
    pub fn is_active(&self) -> bool {
        !self.fenced && !self.in_controlled_shutdown
    }

    /// Whether it beats so often that a short session is enough for it.
    #[must_use]
    pub fn has_short_sessions(&self) -> bool {
        self.features.get(SHORT_SESSIONS).is_some_and(|range| range.max > 0)
    }

    /// Whether it takes replicas: one of its directories is not cordoned, or it named none.
    #[must_use]
    pub fn takes_replicas(&self) -> bool {
        let Some(cordoned) = &self.cordoned else { return true };
        self.directories.is_empty() || self.directories.iter().any(|dir| !cordoned.contains(dir))
    }

    /// Whether a replica in that directory can be used: one whose place is not known is.
    #[must_use]
    pub fn has_online(&self, directory: DirectoryId) -> bool {
        match directory {
            DIRECTORY_UNASSIGNED | DIRECTORY_MIGRATING => true,
            DIRECTORY_LOST => false,
            // brokers of before 3.7-IV2 name none
            known => self.directories.is_empty() || self.directories.contains(&known),
        }
    }

    /// The endpoint of a listener, whose name is compared as it was registered.
    #[must_use]
    pub fn endpoint(&self, listener: &str) -> Option<&Endpoint> {
        self.endpoints.iter().find(|endpoint| &*endpoint.listener == listener)
    }

    pub(super) fn from_record(record: &RegisterBrokerRecord<'_>) -> Self {
        Self {
            id: NodeId(record.broker_id),
            epoch: BrokerEpoch(record.broker_epoch),
            incarnation: record.incarnation_id,
            endpoints: record
                .end_points
                .iter()
                .map(|e| Endpoint::new(&e.name, &e.host, e.port, e.security_protocol))
                .collect(),
            features: record
                .features
                .iter()
                .map(|f| feature(&f.name, f.min_supported_version, f.max_supported_version))
                .collect(),
            rack: record.rack.as_deref().map(Arc::from),
            fenced: record.fenced,
            in_controlled_shutdown: record.in_controlled_shutdown,
            migrating: record.is_migrating_zk_broker,
            directories: record.log_dirs.clone(),
            cordoned: record.cordoned_log_dirs.clone(),
        }
    }

    pub(super) fn change(&mut self, record: &BrokerRegistrationChangeRecord) {
        match record.fenced {
            0 => {}
            change => self.fenced = change > 0,
        }
        match record.in_controlled_shutdown {
            0 => {}
            change => self.in_controlled_shutdown = change > 0,
        }
        if !record.log_dirs.is_empty() {
            self.directories.clone_from(&record.log_dirs);
        }
        if record.cordoned_log_dirs.is_some() {
            self.cordoned.clone_from(&record.cordoned_log_dirs);
        }
    }
}

impl ControllerRegistration {
    pub(super) fn from_record(record: &RegisterControllerRecord<'_>) -> Self {
        Self {
            id: NodeId(record.controller_id),
            incarnation: record.incarnation_id,
            zk_migration_ready: record.zk_migration_ready,
            endpoints: record
                .end_points
                .iter()
                .map(|e| Endpoint::new(&e.name, &e.host, e.port, e.security_protocol))
                .collect(),
            features: record
                .features
                .iter()
                .map(|f| feature(&f.name, f.min_supported_version, f.max_supported_version))
                .collect(),
        }
    }
}

impl Endpoint {
    /// An endpoint of its parts.
    #[must_use]
    pub fn new(listener: &str, host: &str, port: u16, security_protocol: i16) -> Self {
        Self { listener: listener.into(), host: host.into(), port, security_protocol }
    }
}

fn feature(name: &str, min: i16, max: i16) -> (Box<str>, LevelRange) {
    (name.into(), LevelRange { min, max })
}
