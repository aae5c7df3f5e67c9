//! This node's own place in the cluster: it registers, is let in, and takes its leave.

use log::Disk;
use metadata::decide::{Heartbeat, RegisterBroker, RegisterController};
use metadata::features::{self, LevelRange};
use metadata::format;
use metadata::image::Endpoint;
use tokio::sync::watch;
use types::{BrokerEpoch, DirectoryId, ErrorCode, NodeId, TimestampMs, Uuid};
use wire::broker_heartbeat_request::BrokerHeartbeatRequest;
use wire::controller_registration_request::ControllerRegistrationRequest;
use wire::voters_record::VotersRecord;
use wire::{broker_registration_request, controller_registration_request};

use super::checkpoint::Quorum;
use super::error::ControllerError;
use super::state::State;

/// Who this node is to the cluster.
#[derive(Clone, Debug)]
pub struct Membership {
    /// `node.id`.
    pub node: NodeId,
    /// `cluster.id`.
    pub cluster_id: String,
    /// Random id of this process.
    pub incarnation: Uuid,
    /// The broker's part; `None` where `process.roles` has no broker.
    pub broker: Option<BrokerMembership>,
    /// Listeners that controllers are reached on.
    pub controller_endpoints: Vec<Endpoint>,
    /// Whether levels that may change are offered.
    pub unstable_features: bool,
}

/// What a broker tells when it registers.
#[derive(Clone, Debug)]
pub struct BrokerMembership {
    /// Advertised listeners.
    pub endpoints: Vec<Endpoint>,
    /// `broker.rack`.
    pub rack: Option<String>,
    /// Ids of the log directories that worked at the start.
    pub directories: Vec<DirectoryId>,
    /// What has become of them since.
    pub directory_news: watch::Receiver<DirectoryNews>,
    /// The epoch of its last run, if that ended in order.
    pub epoch_left_in: Option<BrokerEpoch>,
    /// Whether a controller may miss it soon.
    pub beats_often: bool,
}

/// What heartbeats tell of log directories.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DirectoryNews {
    /// Those that have failed since the start.
    pub offline: Vec<DirectoryId>,
    /// Those that get no new replicas (KIP-1066).
    pub cordoned: Vec<DirectoryId>,
}

impl Membership {
    /// Where the quorum reaches this node.
    pub(super) fn quorum_endpoints(&self) -> raft::Endpoints {
        let place = |endpoint: &Endpoint| {
            let (host, port) = (endpoint.host.to_string(), endpoint.port);
            (endpoint.listener.to_string(), raft::Endpoint { host, port })
        };
        raft::Endpoints(self.controller_endpoints.iter().map(place).collect())
    }

    /// What heartbeats tell of this broker's directories.
    pub(super) fn directory_news(&self) -> DirectoryNews {
        self.broker
            .as_ref()
            .map(|broker| broker.directory_news.borrow().clone())
            .unwrap_or_default()
    }

    /// A quorum of this node alone, known by its metadata directory.
    pub(super) fn alone(&self, quorum: &raft::Config) -> Quorum {
        let voters = self.controller_endpoints.first().map(|endpoint| {
            let (listener, host) = (&endpoint.listener, &endpoint.host);
            let voter = format::voter(self.node, quorum.directory, listener, host, endpoint.port);
            VotersRecord { version: 0, voters: vec![voter] }
        });
        Quorum { kraft_version: i16::from(voters.is_some()), voters }
    }

    /// Registers this node as a controller, where the cluster's release knows such.
    pub(super) fn introduce<D: Disk>(
        &self,
        state: &mut State<D>,
        now: TimestampMs,
    ) -> Result<(), ControllerError> {
        let release = state.replay.latest().features().metadata_version();
        if release < metadata::MetadataVersion::CONTROLLER_REGISTRATION {
            return Ok(());
        }
        let known = state.replay.latest().cluster().controllers.get(&self.node);
        if known.is_some_and(|known| known.incarnation == self.incarnation) {
            return Ok(());
        }
        let introduced = state.decide(&RegisterController(self.controller_request()), now)?;
        introduced.map_err(|refusal| {
            let why = refusal.message.as_deref().unwrap_or(refusal.code.name());
            ControllerError::Registration { why: why.to_owned() }
        })
    }

    /// Registers the broker beside the only controller and lets it in. Yields the broker's epoch.
    pub(super) fn join<D: Disk>(
        &self,
        state: &mut State<D>,
        now: TimestampMs,
    ) -> Result<Option<BrokerEpoch>, ControllerError> {
        let Some(broker) = &self.broker else { return Ok(None) };
        let mut request = self.broker_request(broker);
        // whether the run before this one ended in order matters only to other replicas: there are
        // none where this is the only broker
        let cluster = state.replay.latest().cluster();
        if cluster.brokers.keys().all(|broker| *broker == self.node) {
            let before = cluster.broker(self.node);
            request.previous_broker_epoch = before.map_or(-1, |before| before.epoch.0);
        }
        let cluster = &self.cluster_id;
        let reply =
            state.decide(&RegisterBroker { request, cluster, session_alive: false }, now)?;
        refuse_unless_none(reply.error_code)?;
        let epoch = BrokerEpoch(reply.broker_epoch);
        self.beat(state, epoch, false, now)?;
        Ok(Some(epoch))
    }

    /// Gives up leadership, then takes leave: two heartbeats, as a broker sends them.
    pub(super) fn leave<D: Disk>(
        &self,
        state: &mut State<D>,
        epoch: BrokerEpoch,
        now: TimestampMs,
    ) -> Result<(), ControllerError> {
        self.beat(state, epoch, true, now)?;
        self.beat(state, epoch, true, now)
    }

    /// Tells that the broker lives, and of its directories.
    pub(super) fn beat<D: Disk>(
        &self,
        state: &mut State<D>,
        epoch: BrokerEpoch,
        want_shut_down: bool,
        now: TimestampMs,
    ) -> Result<(), ControllerError> {
        let news = self.directory_news();
        let reply = state.decide(
            &Heartbeat {
                request: BrokerHeartbeatRequest {
                    broker_id: self.node.0,
                    broker_epoch: epoch.0,
                    current_metadata_offset: state.log.end_offset().0,
                    want_shut_down,
                    offline_log_dirs: news.offline,
                    cordoned_log_dirs: Some(news.cordoned),
                    ..BrokerHeartbeatRequest::default()
                },
                others_have_seen: true,
            },
            now,
        )?;
        refuse_unless_none(reply.error_code)
    }

    pub(super) fn controller_request(&self) -> ControllerRegistrationRequest<'static> {
        use controller_registration_request::{Feature, Listener};
        let listeners = self.controller_endpoints.iter().map(|endpoint| Listener {
            name: endpoint.listener.to_string().into(),
            host: endpoint.host.to_string().into(),
            port: endpoint.port,
            security_protocol: endpoint.security_protocol,
        });
        let features = features::supported(self.unstable_features).into_iter();
        ControllerRegistrationRequest {
            controller_id: self.node.0,
            incarnation_id: self.incarnation,
            zk_migration_ready: false,
            listeners: listeners.collect(),
            features: features
                .map(|(name, range)| Feature {
                    name: name.into(),
                    min_supported_version: range.min,
                    max_supported_version: range.max,
                })
                .collect(),
        }
    }

    pub(super) fn broker_request(
        &self,
        broker: &BrokerMembership,
    ) -> broker_registration_request::BrokerRegistrationRequest<'static> {
        use broker_registration_request::{BrokerRegistrationRequest, Feature, Listener};
        let listeners = broker.endpoints.iter().map(|endpoint| Listener {
            name: endpoint.listener.to_string().into(),
            host: endpoint.host.to_string().into(),
            port: endpoint.port,
            security_protocol: endpoint.security_protocol,
        });
        let short = LevelRange { min: 0, max: i16::from(broker.beats_often) };
        let features = features::supported(self.unstable_features).into_iter();
        let features = features.chain([(features::SHORT_SESSIONS, short)]);
        BrokerRegistrationRequest {
            broker_id: self.node.0,
            cluster_id: self.cluster_id.clone().into(),
            incarnation_id: self.incarnation,
            listeners: listeners.collect(),
            features: features
                .map(|(name, range)| Feature {
                    name: name.into(),
                    min_supported_version: range.min,
                    max_supported_version: range.max,
                })
                .collect(),
            rack: broker.rack.clone().map(Into::into),
            log_dirs: broker.directories.clone(),
            previous_broker_epoch: broker.epoch_left_in.map_or(-1, |epoch| epoch.0),
            ..BrokerRegistrationRequest::default()
        }
    }
}

fn refuse_unless_none(code: i16) -> Result<(), ControllerError> {
    match ErrorCode::from_wire(code) {
        ErrorCode::None => Ok(()),
        code => Err(ControllerError::Registration { why: code.name().to_owned() }),
    }
}
