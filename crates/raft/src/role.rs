//! What each state of the machine remembers.

use std::collections::BTreeSet;

use types::{NodeId, Offset, TimestampMs};

use crate::effect::RoleKind;
use crate::election::Tally;
use crate::leader::Leader;
use crate::log_state::SnapshotId;
use crate::voters::{Endpoints, ReplicaKey};

#[derive(Debug, Clone)]
pub(crate) enum Role {
    Unattached(Unattached),
    Prospective(Prospective),
    Candidate(Candidate),
    Leader(Box<Leader>),
    Follower(Follower),
    Resigned(Resigned),
}

/// Knows an epoch but no leader whom it can reach.
#[derive(Debug, Clone)]
pub(crate) struct Unattached {
    pub leader: Option<NodeId>,
    /// `None` for an observer, which never stands for election.
    pub deadline: Option<TimestampMs>,
}

/// Asks whether it would be elected, before it disturbs anyone with a higher epoch.
#[derive(Debug, Clone)]
pub(crate) struct Prospective {
    pub leader: Option<NodeId>,
    pub endpoints: Endpoints,
    pub tally: Tally,
    pub deadline: TimestampMs,
}

#[derive(Debug, Clone)]
pub(crate) struct Candidate {
    pub tally: Tally,
    pub deadline: TimestampMs,
    /// Whether the deadline was brought forward, which is done once.
    pub is_hurried: bool,
}

#[derive(Debug, Clone)]
pub(crate) struct Follower {
    pub leader: NodeId,
    pub endpoints: Endpoints,
    pub fetch_deadline: TimestampMs,
    /// A follower whose leader serves it refuses pre-votes.
    pub is_served: bool,
    /// When to tell the leader again what it does not know of us.
    pub voter_update: TimestampMs,
    /// Under static voters a leader is told once.
    pub has_told_leader: bool,
    pub download: Option<Download>,
    /// May be ahead of what we have.
    pub leader_high_watermark: Option<Offset>,
}

/// A snapshot that is being fetched.
#[derive(Debug, Clone, Hash)]
pub(crate) struct Download {
    pub snapshot: SnapshotId,
    pub position: u64,
    /// Whole, and waiting for [`crate::Input::SnapshotInstalled`].
    pub is_whole: bool,
}

/// Was the leader of this epoch, and never is again.
#[derive(Debug, Clone)]
pub(crate) struct Resigned {
    pub unacked: BTreeSet<NodeId>,
    pub successors: Vec<ReplicaKey>,
    pub deadline: TimestampMs,
}

impl Role {
    pub fn kind(&self) -> RoleKind {
        match self {
            Self::Unattached(_) => RoleKind::Unattached,
            Self::Prospective(_) => RoleKind::Prospective,
            Self::Candidate(_) => RoleKind::Candidate,
            Self::Leader(_) => RoleKind::Leader,
            Self::Follower(_) => RoleKind::Follower,
            Self::Resigned(_) => RoleKind::Resigned,
        }
    }

    pub fn as_leader(&self) -> Option<&Leader> {
        match self {
            Self::Leader(leader) => Some(leader),
            Self::Unattached(_)
            | Self::Prospective(_)
            | Self::Candidate(_)
            | Self::Follower(_)
            | Self::Resigned(_) => None,
        }
    }

    pub fn as_leader_mut(&mut self) -> Option<&mut Leader> {
        match self {
            Self::Leader(leader) => Some(leader),
            Self::Unattached(_)
            | Self::Prospective(_)
            | Self::Candidate(_)
            | Self::Follower(_)
            | Self::Resigned(_) => None,
        }
    }

    pub fn as_follower_mut(&mut self) -> Option<&mut Follower> {
        match self {
            Self::Follower(follower) => Some(follower),
            Self::Unattached(_)
            | Self::Prospective(_)
            | Self::Candidate(_)
            | Self::Leader(_)
            | Self::Resigned(_) => None,
        }
    }
}
