//! What a node is told when it starts: who it is, where others may be found, and how patient it is.

use types::{DirectoryId, NodeId};

use crate::voters::{Endpoint, Endpoints, ReplicaKey, VersionRange, Voter, VoterSet};

/// The versions of `kraft.version` that this machine runs: static voters and dynamic ones.
pub const KRAFT_VERSIONS: VersionRange = VersionRange { min: 0, max: 1 };

/// From which `kraft.version` on voters are records in the log (KIP-853).
pub const KRAFT_VERSION_DYNAMIC: i16 = 1;

/// A node's place in the quorum.
#[derive(Debug, Clone)]
pub struct Config {
    pub node: NodeId,
    /// The directory that holds `__cluster_metadata-0`.
    pub directory: DirectoryId,
    /// The listener over which the quorum talks (the first of `controller.listener.names`).
    pub listener: String,
    /// Where this node listens as a controller; empty for a broker.
    pub endpoints: Endpoints,
    /// Whether this node is a controller: only those may be added as voters.
    pub can_become_voter: bool,
    /// `controller.quorum.auto.join.enable` (KIP-1186).
    pub auto_join: bool,
    /// `controller.quorum.bootstrap.servers`; under static voters may stay empty.
    pub bootstrap: Vec<Endpoint>,
    /// `controller.quorum.voters`; empty under dynamic voters.
    pub static_voters: VoterSet,
    pub timeouts: Timeouts,
    /// Spreads election timeouts; must differ between nodes.
    pub seed: u64,
}

impl Config {
    #[must_use]
    pub fn key(&self) -> ReplicaKey {
        ReplicaKey::new(self.node, self.directory)
    }

    /// This node as a `VotersRecord` has it.
    #[must_use]
    pub fn as_voter(&self) -> Voter {
        Voter { key: self.key(), endpoints: self.endpoints.clone(), kraft_versions: KRAFT_VERSIONS }
    }
}

/// All in milliseconds; the defaults are Kafka's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    /// `controller.quorum.election.timeout.ms`; an election takes up to twice this.
    pub election_ms: u32,
    /// `controller.quorum.fetch.timeout.ms`: a follower's patience with its leader.
    pub fetch_ms: u32,
    /// `controller.quorum.election.backoff.max.ms`: spreads the successors of a leader that resigns.
    pub election_backoff_ms_max: u32,
    /// `controller.quorum.request.timeout.ms`
    pub request_ms: u32,
    /// `controller.quorum.retry.backoff.ms`
    pub retry_backoff_ms: u32,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            election_ms: 1_000,
            fetch_ms: 2_000,
            election_backoff_ms_max: 1_000,
            request_ms: 2_000,
            retry_backoff_ms: 20,
        }
    }
}

impl Timeouts {
    /// How long a leader stays one without fetches from a majority: 1.5 times the patience of its
    /// followers, which leaves them time for a slow network or disk.
    #[must_use]
    pub fn check_quorum_ms(&self) -> u32 {
        self.fetch_ms.saturating_add(self.fetch_ms / 2)
    }

    /// How often a leader reminds voters that do not fetch.
    #[must_use]
    pub fn begin_epoch_ms(&self) -> u32 {
        self.fetch_ms / 2
    }
}

/// Followers of a leader that is gone or silent stand within this time, one before the other: a few
/// round trips, so that the first has won before the second asks.
pub const GONE_SPREAD_MS: u32 = 100;
/// After an election that nobody won, the least time before the next is asked for.
pub const LOST_PAUSE_MS: u32 = 20;
/// And how far candidates spread behind it; twice as far each time.
pub const LOST_SPREAD_MS: u32 = 100;
/// How often that doubles.
pub const LOST_DOUBLINGS_MAX: u32 = 4;

/// How long a leader may hold a fetch of ours (Kafka's `MAX_FETCH_WAIT_MS`).
pub const FETCH_WAIT_MS_MAX: u32 = 500;
/// What one fetch or snapshot chunk may bring (Kafka's `internal.metadata.max.fetch.size.in.bytes`).
pub const FETCH_BYTES_MAX: u32 = 8 * 1024 * 1024;
/// After how long without a fetch an observer is no longer listed.
pub const OBSERVER_SESSION_MS: u32 = 300_000;
/// A replica that was never caught up, or not within this time, may not become a voter.
pub const CAUGHT_UP_WITHIN_MS: u32 = 3_600_000;
