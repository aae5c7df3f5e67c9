//! What goes into the machine and what comes out of it.

use types::{LeaderEpoch, NodeId, Offset};

use crate::control::{ControlRecord, LeaderInfo, SnapshotControl};
use crate::log_state::SnapshotId;
use crate::message::{Answer, CorrelationId, Destination, Reply, Request, RequestId};
use crate::quorum_state::QuorumState;

/// Something that happened. Each is one step; time passes with every one of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    /// [`crate::Raft::next_deadline`] has come.
    Tick,
    Request {
        id: RequestId,
        request: Request,
    },
    Reply {
        correlation: CorrelationId,
        reply: Reply,
    },
    /// A request of ours got no answer that could be read: no connection, a closed one, an error for
    /// the whole request.
    Failed {
        correlation: CorrelationId,
    },
    /// The process of the leader is gone: its connection was closed, and another refused. That is
    /// told on top of [`Input::Failed`]; who is only slow or cut off is not gone.
    LeaderGone(NodeId),
    /// The shell of the leader of `epoch` has written records up to `end`.
    Appended {
        epoch: LeaderEpoch,
        end: Offset,
    },
    /// What the log held below `end` survives a crash.
    Flushed {
        end: Offset,
    },
    /// A snapshot of committed records was taken here.
    SnapshotTaken(SnapshotId),
    /// The log's head was deleted: where it starts and which snapshots are left.
    LogCleaned {
        start: Offset,
        snapshots: Vec<SnapshotId>,
    },
    /// [`Effect::InstallSnapshot`] was performed; what the snapshot's control records say.
    SnapshotInstalled {
        snapshot: SnapshotId,
        control: SnapshotControl,
    },
    /// The state machine above could not do its work as leader of this epoch.
    Resign {
        epoch: LeaderEpoch,
    },
    /// The node stops: hand over what can be handed over within this time.
    Shutdown {
        within_ms: u32,
    },
    /// `kafka-features upgrade --feature kraft.version`: from static voters to dynamic ones.
    UpgradeKraftVersion {
        id: RequestId,
        version: i16,
    },
}

/// Something to do. Effects are performed in their order, see the crate's page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// Replace the file `quorum-state` and sync it, before any later effect.
    Persist(QuorumState),
    /// Write one control batch, as leader of `epoch`.
    Append {
        base: Offset,
        epoch: LeaderEpoch,
        records: Vec<ControlRecord>,
    },
    /// Write the batches that the reply brought, from `base` up to `end`.
    AppendFetched {
        correlation: CorrelationId,
        base: Offset,
        end: Offset,
    },
    /// Cut the log.
    TruncateTo(Offset),
    /// Write the piece of a snapshot that the reply brought; position 0 begins a file anew.
    WriteSnapshot {
        correlation: CorrelationId,
        snapshot: SnapshotId,
        position: u64,
    },
    /// The snapshot is whole: put it in its place, sync it, replace the log by it, report it with
    /// [`Input::SnapshotInstalled`].
    InstallSnapshot(SnapshotId),
    Send {
        to: Destination,
        correlation: CorrelationId,
        request: Request,
    },
    Respond {
        to: RequestId,
        answer: Answer,
    },
    /// The answer to [`Input::UpgradeKraftVersion`].
    RespondUpgrade {
        to: RequestId,
        result: Result<(), String>,
    },
    /// Records below are committed. Never falls while the machine lives.
    HighWatermark(Offset),
    Role(RoleChange),
    /// After [`Input::Shutdown`]: nothing is left to hand over.
    ShutdownDone,
}

/// What this node is, told whenever any of it changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoleChange {
    pub role: RoleKind,
    pub leader: LeaderInfo,
}

/// The states of the machine, see the crate's page. Whether an unattached node or a follower votes is
/// a matter of the voter set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RoleKind {
    Unattached,
    Prospective,
    Candidate,
    Leader,
    Follower,
    Resigned,
}

/// The effects of steps, in order.
pub type Effects = Vec<Effect>;
