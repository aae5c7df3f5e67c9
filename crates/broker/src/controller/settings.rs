//! What the controller is started with, as the node's configuration says it.

use std::path::PathBuf;
use std::time::Duration;

use metadata::SessionTimeouts;
use metadata::config::{ConfigValue, GroupBounds, ServerConfig};
use metadata::decide;
use raft::{Endpoint, Endpoints, KRAFT_VERSIONS, ReplicaKey, Timeouts, Voter, VoterSet};
use types::DirectoryId;

use super::chores::ChoreIntervals;
use super::membership::Membership;
use super::metadata_log::MetadataLogSettings;
use super::quorum::AnswerSizes;

/// Everything that the controller is started with.
#[derive(Clone, Debug)]
pub struct ControllerSettings {
    /// `metadata.log.dir`, or the first of `log.dirs`.
    pub directory: PathBuf,
    /// Who this node is.
    pub membership: Membership,
    /// This node's place in the quorum; the seed is another at each start.
    pub quorum: raft::Config,
    /// How much other nodes of the quorum send at a time.
    pub sizes: AnswerSizes,
    /// Whether a directory that nobody has formatted becomes a cluster of this node alone.
    pub may_stand_alone: bool,
    /// `broker.session.timeout.ms`.
    pub sessions: SessionTimeouts,
    /// What it does unasked.
    pub chores: ChoreIntervals,
    /// What decisions fall back to.
    pub decide: decide::Settings,
    /// Segments and snapshots.
    pub log: MetadataLogSettings,
}

impl ControllerSettings {
    /// What a node's configuration says of its controller.
    #[must_use]
    pub fn from_config(
        config: &ServerConfig,
        membership: Membership,
        directory_id: DirectoryId,
    ) -> Self {
        let quorum = quorum_config(config, &membership, directory_id);
        let has_no_voters = quorum.static_voters.is_empty();
        Self {
            directory: PathBuf::from(&config.metadata_log_dir),
            may_stand_alone: config.roles.controller
                && has_no_voters
                && quorum.bootstrap.len() <= 1,
            quorum,
            sizes: answer_sizes(config),
            membership,
            sessions: session_timeouts(config),
            chores: ChoreIntervals::from_config(config),
            decide: decide_settings(config),
            log: MetadataLogSettings::from_config(config),
        }
    }
}

fn answer_sizes(config: &ServerConfig) -> AnswerSizes {
    let defaults = AnswerSizes::default();
    let bytes = |key, default| {
        let value = config.value(key).as_i64().and_then(|bytes| u32::try_from(bytes).ok());
        value.unwrap_or(default)
    };
    AnswerSizes {
        records_bytes_max: bytes("controller.quorum.fetch.max.bytes", defaults.records_bytes_max),
        snapshot_bytes_max: bytes(
            "controller.quorum.fetch.snapshot.max.bytes",
            defaults.snapshot_bytes_max,
        ),
    }
}

/// Of brokers of Apache Kafka where nobody says otherwise: they beat every two seconds.
const APACHE_SESSION_MS: i32 = 9_000;

/// A file that says how long sessions are speaks of all brokers.
fn session_timeouts(config: &ServerConfig) -> SessionTimeouts {
    const KEY: &str = "broker.session.timeout.ms";
    let value = config.value(KEY).as_i64().and_then(|n| i32::try_from(n).ok());
    let short_ms = value.unwrap_or(i32::MAX);
    let is_set = config.file().contains_key(KEY);
    SessionTimeouts { ms: if is_set { short_ms } else { APACHE_SESSION_MS }, short_ms }
}

/// A time in milliseconds that is at least 0.
pub(super) fn millis(config: &ServerConfig, key: &str) -> Duration {
    let millis = config.value(key).as_i64().and_then(|n| u64::try_from(n).ok());
    Duration::from_millis(millis.unwrap_or_default())
}

fn decide_settings(config: &ServerConfig) -> decide::Settings {
    let defaults = decide::Settings::default();
    let number = |key| config.value(key).as_i64();
    let flag = |key| config.value(key) == ConfigValue::Boolean(true);
    decide::Settings {
        node: config.node_id,
        num_partitions: number("num.partitions")
            .and_then(|n| i32::try_from(n).ok())
            .unwrap_or(defaults.num_partitions),
        default_replication_factor: number("default.replication.factor")
            .and_then(|n| i16::try_from(n).ok())
            .unwrap_or(defaults.default_replication_factor),
        min_insync_replicas: number("min.insync.replicas")
            .and_then(|n| usize::try_from(n).ok())
            .unwrap_or(defaults.min_insync_replicas),
        unclean_leader_election: flag("unclean.leader.election.enable"),
        unstable_features: flag("unstable.feature.versions.enable"),
        group_bounds: GroupBounds::of(config),
    }
}

fn quorum_config(
    config: &ServerConfig,
    membership: &Membership,
    directory: DirectoryId,
) -> raft::Config {
    let listener = config.listeners.controller_names.first().cloned().unwrap_or_default();
    let voter = |voter: &metadata::config::Voter| Voter {
        key: ReplicaKey { id: voter.id, directory: None },
        endpoints: Endpoints::one(
            &listener,
            Endpoint { host: voter.host.clone(), port: voter.port },
        ),
        kraft_versions: KRAFT_VERSIONS,
    };
    let auto_join = config.value("controller.quorum.auto.join.enable");
    let endpoints = membership.quorum_endpoints();
    let bootstrap: Vec<Endpoint> =
        config.quorum.bootstrap_servers.iter().filter_map(|at| endpoint(at)).collect();
    let mut static_voters: VoterSet = config.quorum.voters.iter().map(voter).collect();
    if config.roles.controller
        && endpoints.0.is_empty()
        && bootstrap.len() <= 1
        && static_voters.is_empty()
    {
        // nobody else can reach this controller: it is the whole quorum
        let key = ReplicaKey { id: config.node_id, directory: None };
        let me = Voter { key, endpoints: Endpoints::default(), kraft_versions: KRAFT_VERSIONS };
        static_voters = std::iter::once(me).collect();
    }
    raft::Config {
        node: config.node_id,
        directory,
        endpoints,
        can_become_voter: config.roles.controller,
        auto_join: auto_join == ConfigValue::Boolean(true),
        bootstrap,
        static_voters,
        timeouts: timeouts(config),
        listener,
        seed: 0,
    }
}

fn timeouts(config: &ServerConfig) -> Timeouts {
    let millis = |key| u32::try_from(millis(config, key).as_millis()).unwrap_or(u32::MAX);
    Timeouts {
        election_ms: millis("controller.quorum.election.timeout.ms"),
        fetch_ms: millis("controller.quorum.fetch.timeout.ms"),
        election_backoff_ms_max: millis("controller.quorum.election.backoff.max.ms"),
        request_ms: millis("controller.quorum.request.timeout.ms"),
        retry_backoff_ms: millis("controller.quorum.retry.backoff.ms"),
    }
}

fn endpoint(server: &str) -> Option<Endpoint> {
    let (host, port) = server.rsplit_once(':')?;
    let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
    Some(Endpoint { host, port: port.parse().ok()? })
}
