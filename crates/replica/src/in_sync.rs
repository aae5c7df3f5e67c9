//! The set of replicas that are in sync: what the metadata holds, and what the leader has asked for.
//!
//! ```text
//!              propose                        the controller took it, or newer metadata
//!  Committed ──────────▶ Pending ──────────────────────────────────────────▶ Committed
//!      ▲                    │  refused: back to what was committed
//!      └────────────────────┘  unclear: asked again, or left to the metadata
//! ```

use types::{BrokerEpoch, ErrorCode, LeaderEpoch, NodeId, PartitionEpoch};

/// A member of a proposed ISR and the incarnation that the leader has seen (KIP-903).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InSyncReplica {
    pub node: NodeId,
    pub broker_epoch: BrokerEpoch,
}

/// What the leader asks of the controller: the body of AlterPartition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IsrProposal {
    pub leader_epoch: LeaderEpoch,
    /// The state that it is based on.
    pub partition_epoch: PartitionEpoch,
    pub isr: Vec<InSyncReplica>,
}

/// The controller's answer to the proposal that was based on `partition_epoch`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IsrAnswer {
    /// The state that holds.
    Holds {
        leader_epoch: LeaderEpoch,
        partition_epoch: PartitionEpoch,
        isr: Vec<NodeId>,
    },
    Refused(ErrorCode),
}

/// What the leader does next about a proposal that was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// It did not happen: back to what is committed.
    Undone,
    /// It may have happened: the same again.
    AskAgain,
    /// Only newer metadata can tell.
    AwaitMetadata,
}

impl Refusal {
    /// Kafka's rule for AlterPartition's error codes.
    pub(crate) fn of(code: ErrorCode) -> Self {
        match code {
            ErrorCode::OperationNotAttempted | ErrorCode::IneligibleReplica => Self::Undone,
            ErrorCode::UnknownTopicOrPartition
            | ErrorCode::UnknownTopicId
            | ErrorCode::FencedLeaderEpoch
            | ErrorCode::InvalidUpdateVersion
            | ErrorCode::InvalidRequest
            | ErrorCode::NewLeaderElected => Self::AwaitMetadata,
            _ => Self::AskAgain,
        }
    }
}

/// The state above.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct InSync {
    partition_epoch: PartitionEpoch,
    committed: Vec<NodeId>,
    proposed: Option<Vec<NodeId>>,
}

impl InSync {
    pub(crate) fn new(partition_epoch: PartitionEpoch, isr: Vec<NodeId>) -> Self {
        Self { partition_epoch, committed: isr, proposed: None }
    }

    pub(crate) fn partition_epoch(&self) -> PartitionEpoch {
        self.partition_epoch
    }

    pub(crate) fn committed(&self) -> &[NodeId] {
        &self.committed
    }

    pub(crate) fn proposed(&self) -> Option<&[NodeId]> {
        self.proposed.as_deref()
    }

    /// Everyone who may be in sync, whichever way an open proposal ends: the high watermark waits for
    /// all of them, because any of them may be elected.
    pub(crate) fn maximal(&self) -> &[NodeId] {
        match &self.proposed {
            Some(proposed) if proposed.len() > self.committed.len() => proposed,
            _ => &self.committed,
        }
    }

    /// Opens a proposal.
    ///
    /// # Panics
    /// If one is open.
    pub(crate) fn propose(&mut self, isr: Vec<NodeId>) {
        assert!(self.proposed.is_none(), "one proposal at a time: {self:?}");
        self.proposed = Some(isr);
    }

    /// Takes a committed state unless it is older than what is known. Whether it did.
    pub(crate) fn commit(&mut self, partition_epoch: PartitionEpoch, isr: Vec<NodeId>) -> bool {
        if partition_epoch < self.partition_epoch
            || partition_epoch == self.partition_epoch && self.proposed.is_none()
        {
            return false;
        }
        *self = Self::new(partition_epoch, isr);
        true
    }

    pub(crate) fn withdraw(&mut self) {
        self.proposed = None;
    }
}
