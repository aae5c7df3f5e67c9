//! What tells two machines apart for a model checker: all that decides what they do next, but for moments,
//! dice and the numbers of requests. A checker lets any timer end at any time.

use std::hash::{Hash, Hasher};

use types::TimestampMs;

use crate::leader::Leader;
use crate::machine::Raft;
use crate::message::CorrelationId;
use crate::role::Role;
use crate::voter_change::ChangeStep;

impl Raft {
    /// Takes in what this machine knows and waits for.
    pub fn hash_sameness(&self, now: TimestampMs, to: &mut impl Hasher) {
        let Self { epoch, voted, persisted, log, high_watermark, announced, lost, .. } = self;
        (epoch, voted, persisted, log, high_watermark, announced, lost).hash(to);
        self.control.hash_sameness(to);
        self.deadline.is_some().hash(to);
        self.connections.hash_sameness(now, to);
        self.role.hash_sameness(to);
    }

    /// Whether an answer is still waited for.
    #[must_use]
    pub fn expects(&self, correlation: CorrelationId) -> bool {
        self.connections.expects(correlation)
    }
}

impl Role {
    fn hash_sameness(&self, to: &mut impl Hasher) {
        self.kind().hash(to);
        match self {
            Self::Unattached(unattached) => unattached.leader.hash(to),
            Self::Prospective(prospective) => (prospective.leader, &prospective.tally).hash(to),
            Self::Candidate(candidate) => (&candidate.tally, candidate.is_hurried).hash(to),
            Self::Follower(follower) => {
                (follower.leader, &follower.download, follower.leader_high_watermark).hash(to);
                (follower.is_served, follower.has_told_leader).hash(to);
            }
            Self::Resigned(resigned) => (&resigned.unacked, &resigned.successors).hash(to),
            Self::Leader(leader) => leader.hash_sameness(to),
        }
    }
}

impl Leader {
    fn hash_sameness(&self, to: &mut impl Hasher) {
        (self.epoch_start, self.must_resign).hash(to);
        for progress in self.voters.values().chain(self.observers.values()) {
            (progress.key, progress.end, progress.last_caught_up.is_some()).hash(to);
        }
        for parked in &self.parked {
            parked.fetch.hash(to);
        }
        match self.change.as_ref().map(|change| &change.step) {
            None => 0.hash(to),
            Some(ChangeStep::Asking { voter, .. }) => (1, voter).hash(to),
            Some(ChangeStep::Adding(at)) => (2, at).hash(to),
            Some(ChangeStep::Removing(at)) => (3, at).hash(to),
        }
    }
}
