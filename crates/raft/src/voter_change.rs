//! A change of the voter set that has not ended yet; there is at most one.

use types::{Offset, TimestampMs};

use crate::message::{CorrelationId, RequestId};
use crate::voters::{Endpoints, ReplicaKey};

#[derive(Debug, Clone)]
pub(crate) struct VoterChange {
    /// Who waits for the answer; `None` where it was given already.
    pub request: Option<RequestId>,
    pub until: TimestampMs,
    pub step: ChangeStep,
}

#[derive(Debug, Clone)]
pub(crate) enum ChangeStep {
    /// The voter-to-be is asked which versions it can run.
    Asking {
        correlation: CorrelationId,
        voter: ReplicaKey,
        endpoints: Endpoints,
        ack_when_committed: bool,
    },
    /// The record with the voter stands at this offset and is not known to be committed.
    Adding(Offset),
    /// The record without the voter.
    Removing(Offset),
}
