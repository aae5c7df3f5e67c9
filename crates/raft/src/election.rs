//! The count of an election, real or asked for in advance (KIP-996).

use std::collections::{BTreeMap, BTreeSet};

use types::NodeId;

use crate::voters::VoterSet;

/// Votes by voter; `None` for one that has not answered.
#[derive(Debug, Clone, Hash)]
pub(crate) struct Tally {
    votes: BTreeMap<NodeId, Option<bool>>,
    /// Voters that could not be asked when last tried.
    unreachable: BTreeSet<NodeId>,
}

impl Tally {
    /// Nobody but `candidate` has voted.
    pub fn of(voters: &VoterSet, candidate: NodeId) -> Self {
        let vote = |id| (id, (id == candidate).then_some(true));
        let votes = voters.ids().into_iter().map(vote).collect();
        Self { votes, unreachable: BTreeSet::new() }
    }

    /// The voter's answer; the first one counts, and strangers do not vote.
    pub fn record(&mut self, voter: NodeId, granted: bool) {
        if let Some(vote @ None) = self.votes.get_mut(&voter) {
            *vote = Some(granted);
        }
    }

    pub fn is_unreachable(&mut self, voter: NodeId) {
        self.unreachable.insert(voter);
    }

    pub fn is_won(&self) -> bool {
        self.count(Some(true)) >= self.majority()
    }

    /// Whether no further answer can win it.
    pub fn is_lost(&self) -> bool {
        self.count(Some(true)) + self.count(None) < self.majority()
    }

    /// Whether it can be won only with voters that cannot be reached.
    pub fn is_stalled(&self) -> bool {
        let reachable = self.with(None).filter(|voter| !self.unreachable.contains(voter)).count();
        self.count(Some(true)) + reachable < self.majority()
    }

    pub fn granting(&self) -> BTreeSet<NodeId> {
        self.with(Some(true)).collect()
    }

    pub fn unanswered(&self) -> Vec<NodeId> {
        self.with(None).collect()
    }

    fn majority(&self) -> usize {
        self.votes.len() / 2 + 1
    }

    fn count(&self, vote: Option<bool>) -> usize {
        self.with(vote).count()
    }

    fn with(&self, vote: Option<bool>) -> impl Iterator<Item = NodeId> {
        self.votes.iter().filter(move |(_, given)| **given == vote).map(|(id, _)| *id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::voters::{Endpoints, ReplicaKey, VersionRange, Voter};

    fn voters(count: i32) -> VoterSet {
        let voter = |id| Voter {
            key: ReplicaKey { id: NodeId(id), directory: None },
            endpoints: Endpoints::default(),
            kraft_versions: VersionRange { min: 0, max: 1 },
        };
        (1..=count).map(voter).collect()
    }

    #[test]
    fn majorities_win_and_lost_elections_are_known_early() {
        // voters, yes, no, won, lost
        for (count, yes, no, won, lost) in [
            (1, 0, 0, true, false),
            (2, 0, 0, false, false),
            (2, 1, 0, true, false),
            (2, 0, 1, false, true),
            (3, 1, 0, true, false),
            (3, 0, 1, false, false),
            (3, 0, 2, false, true),
            (4, 1, 1, false, false),
            (4, 2, 0, true, false),
            (4, 1, 2, false, true),
            (5, 1, 2, false, false),
            (5, 1, 3, false, true),
        ] {
            let mut tally = Tally::of(&voters(count), NodeId(1));
            (2..2 + yes).for_each(|id| tally.record(NodeId(id), true));
            (2 + yes..2 + yes + no).for_each(|id| tally.record(NodeId(id), false));
            assert_eq!((tally.is_won(), tally.is_lost()), (won, lost), "{count} +{yes} -{no}");
        }
    }

    #[test]
    fn an_election_stalls_when_those_who_could_decide_it_are_gone() {
        let mut tally = Tally::of(&voters(3), NodeId(1));
        tally.is_unreachable(NodeId(3));
        assert!(!tally.is_stalled());
        tally.record(NodeId(2), false);
        assert!(tally.is_stalled() && !tally.is_lost());
        tally.record(NodeId(3), true);
        assert!(tally.is_won(), "it came back");
    }

    #[test]
    fn a_vote_counts_once_and_a_stranger_has_none() {
        let mut tally = Tally::of(&voters(3), NodeId(9));
        assert!(tally.granting().is_empty(), "the candidate is no voter");
        tally.record(NodeId(1), false);
        tally.record(NodeId(1), true);
        tally.record(NodeId(9), true);
        assert!(!tally.is_won());
        assert_eq!(tally.unanswered(), [NodeId(2), NodeId(3)]);
    }
}
