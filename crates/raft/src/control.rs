//! The control records of the log that the quorum itself reads, and what they say at each offset.

use std::collections::BTreeSet;

use types::{LeaderEpoch, NodeId, Offset};

use crate::voters::VoterSet;

/// A record of a control batch in `__cluster_metadata-0`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ControlRecord {
    /// The first record of an epoch.
    LeaderChange { leader: NodeId, voters: BTreeSet<NodeId>, granting: BTreeSet<NodeId> },
    /// `KRaftVersionRecord`
    KraftVersion(i16),
    /// `VotersRecord`
    Voters(VoterSet),
}

/// A control record and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlacedControl {
    pub offset: Offset,
    pub record: ControlRecord,
}

/// What a snapshot's control records say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SnapshotControl {
    pub kraft_version: i16,
    pub voters: Option<VoterSet>,
}

/// The voters and the version of the protocol, as of every offset that may still be cut off. A change
/// holds from the moment it is in the log, committed or not (Raft's single-server change).
#[derive(Debug, Clone, Default)]
pub(crate) struct ControlHistory {
    static_voters: VoterSet,
    /// By offset. A snapshot's records stand at its end offset minus one: the bootstrap snapshot's at -1.
    voters: Vec<(Offset, VoterSet)>,
    versions: Vec<(Offset, i16)>,
}

impl ControlHistory {
    pub fn new(static_voters: VoterSet) -> Self {
        Self { static_voters, ..Self::default() }
    }

    pub fn voters(&self) -> &VoterSet {
        self.voters.last().map_or(&self.static_voters, |(_, voters)| voters)
    }

    /// Where the voters stand; `None` for static ones.
    pub fn voters_offset(&self) -> Option<Offset> {
        self.voters.last().map(|(offset, _)| *offset)
    }

    /// The voters before the last change, as long as the log holds them.
    pub fn former_voters(&self) -> Option<&VoterSet> {
        let (_, former) = self.voters.split_last()?;
        former.last().map(|(_, voters)| voters)
    }

    pub fn kraft_version(&self) -> i16 {
        self.versions.last().map_or(0, |(_, version)| *version)
    }

    /// The voters and the version at every offset.
    #[cfg(any(test, feature = "broken"))]
    pub fn hash_sameness(&self, to: &mut impl std::hash::Hasher) {
        use std::hash::Hash;
        self.versions.hash(to);
        for (offset, voters) in &self.voters {
            offset.hash(to);
            voters.iter().for_each(|voter| voter.key.hash(to));
        }
    }

    pub fn append(&mut self, offset: Offset, record: &ControlRecord) {
        match record {
            ControlRecord::LeaderChange { .. } => {}
            ControlRecord::KraftVersion(version) => self.versions.push((offset, *version)),
            ControlRecord::Voters(voters) => self.voters.push((offset, voters.clone())),
        }
    }

    pub fn load_snapshot(&mut self, end: Offset, control: SnapshotControl) {
        let at = end.plus(-1);
        self.voters.clear();
        self.versions.clear();
        if let Some(voters) = control.voters {
            self.voters.push((at, voters));
        }
        self.versions.push((at, control.kraft_version));
    }

    /// Forgets what stood at `end` and behind.
    pub fn truncate_to(&mut self, end: Offset) {
        self.voters.retain(|(offset, _)| *offset < end);
        self.versions.retain(|(offset, _)| *offset < end);
    }

    /// Forgets what later records below `start` replaced.
    pub fn cleaned(&mut self, start: Offset) {
        forget_before(&mut self.voters, start);
        forget_before(&mut self.versions, start);
    }
}

fn forget_before<T>(entries: &mut Vec<(Offset, T)>, start: Offset) {
    let below = entries.partition_point(|(offset, _)| *offset < start);
    entries.drain(..below.saturating_sub(1));
}

/// Names an epoch's leader in answers and in role changes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LeaderInfo {
    pub id: Option<NodeId>,
    pub epoch: LeaderEpoch,
    /// Empty where not known.
    pub endpoints: crate::voters::Endpoints,
}
