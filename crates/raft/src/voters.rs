//! Who votes: replica keys, their endpoints, and the set that a majority is counted over (KIP-853).

use std::collections::{BTreeMap, BTreeSet};

use types::{DirectoryId, NodeId};

/// A replica as the quorum knows it: a node, and which disk of it where that is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ReplicaKey {
    pub id: NodeId,
    /// `None` under static voters (kraft.version 0), and for replicas that did not say.
    pub directory: Option<DirectoryId>,
}

impl ReplicaKey {
    /// A key as the wire has it: the zero id stands for an unknown directory.
    #[must_use]
    pub fn new(id: NodeId, directory: DirectoryId) -> Self {
        Self { id, directory: (!directory.is_zero()).then_some(directory) }
    }

    /// The directory as the wire has it.
    #[must_use]
    pub fn directory_or_zero(self) -> DirectoryId {
        self.directory.unwrap_or(DirectoryId::ZERO)
    }

    /// Whether `other` is this replica; an unknown directory on our side matches every directory.
    #[must_use]
    pub fn accepts(self, other: Self) -> bool {
        self.id == other.id && (self.directory.is_none() || self.directory == other.directory)
    }
}

/// A place to connect to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Endpoint {
    pub host: String,
    pub port: u16,
}

/// Where a replica listens, by listener name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Endpoints(pub BTreeMap<String, Endpoint>);

impl Endpoints {
    /// One listener.
    #[must_use]
    pub fn one(listener: &str, endpoint: Endpoint) -> Self {
        Self(BTreeMap::from([(listener.to_owned(), endpoint)]))
    }

    #[must_use]
    pub fn get(&self, listener: &str) -> Option<&Endpoint> {
        self.0.get(listener)
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }
}

/// Versions of the feature `kraft.version` that a replica can run, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VersionRange {
    pub min: i16,
    pub max: i16,
}

impl VersionRange {
    #[must_use]
    pub fn contains(self, version: i16) -> bool {
        self.min <= version && version <= self.max
    }
}

/// One voter of a `VotersRecord`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Voter {
    pub key: ReplicaKey,
    pub endpoints: Endpoints,
    pub kraft_versions: VersionRange,
}

/// The voters, at most one per node id.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct VoterSet {
    voters: BTreeMap<NodeId, Voter>,
}

impl FromIterator<Voter> for VoterSet {
    fn from_iter<I: IntoIterator<Item = Voter>>(voters: I) -> Self {
        Self { voters: voters.into_iter().map(|voter| (voter.key.id, voter)).collect() }
    }
}

impl VoterSet {
    pub fn iter(&self) -> impl Iterator<Item = &Voter> {
        self.voters.values()
    }

    /// The node ids in order.
    #[must_use]
    pub fn ids(&self) -> BTreeSet<NodeId> {
        self.voters.keys().copied().collect()
    }

    #[must_use]
    pub fn get(&self, id: NodeId) -> Option<&Voter> {
        self.voters.get(&id)
    }

    #[must_use]
    pub fn len(&self) -> usize {
        self.voters.len()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.voters.is_empty()
    }

    #[must_use]
    pub fn is_voter(&self, key: ReplicaKey) -> bool {
        self.get(key.id).is_some_and(|voter| voter.key.accepts(key))
    }

    #[must_use]
    pub fn is_only_voter(&self, key: ReplicaKey) -> bool {
        self.len() == 1 && self.is_voter(key)
    }

    /// Where a voter listens; empty where it is none.
    #[must_use]
    pub fn endpoints(&self, id: NodeId) -> Endpoints {
        self.get(id).map(|voter| voter.endpoints.clone()).unwrap_or_default()
    }

    /// Whether `voter` is of the set but with other endpoints or versions.
    #[must_use]
    pub fn is_outdated(&self, voter: &Voter) -> bool {
        self.get(voter.key.id).is_some_and(|known| known.key.accepts(voter.key) && known != voter)
    }

    /// The set with one voter more; `None` where its id votes already.
    #[must_use]
    pub fn with(&self, voter: Voter) -> Option<Self> {
        if self.voters.contains_key(&voter.key.id) {
            return None;
        }
        Some(self.replaced(voter))
    }

    /// The set without one voter; `None` where it does not vote, or is the last.
    #[must_use]
    pub fn without(&self, key: ReplicaKey) -> Option<Self> {
        if self.len() == 1 || self.get(key.id).is_none_or(|voter| voter.key != key) {
            return None;
        }
        let mut smaller = self.clone();
        smaller.voters.remove(&key.id);
        Some(smaller)
    }

    /// The set with what a voter says of itself; `None` where it does not vote.
    #[must_use]
    pub fn updated(&self, voter: Voter) -> Option<Self> {
        self.is_voter(voter.key).then(|| self.replaced(voter))
    }

    /// As [`VoterSet::updated`], and the voter may bring a directory id that was not known (the
    /// way from static voters to dynamic ones).
    #[must_use]
    pub fn updated_whatever_directory(&self, voter: Voter) -> Option<Self> {
        self.voters.contains_key(&voter.key.id).then(|| self.replaced(voter))
    }

    fn replaced(&self, voter: Voter) -> Self {
        let mut set = self.clone();
        set.voters.insert(voter.key.id, voter);
        set
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn voter(id: i32, directory: u8) -> Voter {
        Voter {
            key: ReplicaKey::new(NodeId(id), types::Uuid([directory; 16])),
            endpoints: Endpoints::one("C", Endpoint { host: format!("h{id}"), port: 9093 }),
            kraft_versions: VersionRange { min: 0, max: 1 },
        }
    }

    #[test]
    fn a_static_voter_accepts_any_directory_and_a_dynamic_one_only_its_own() {
        let set = VoterSet::from_iter([voter(1, 0), voter(2, 7)]);
        for (id, directory, votes) in [(1, 0, true), (1, 9, true), (2, 7, true), (2, 8, false)] {
            let key = voter(id, directory).key;
            assert_eq!(set.is_voter(key), votes, "{key:?}");
        }
        assert!(!set.is_voter(voter(2, 0).key), "a voter with a directory must say it");
        assert!(!set.is_voter(voter(3, 7).key));
    }

    #[test]
    fn sets_change_by_one_voter_or_not_at_all() {
        let set = VoterSet::from_iter([voter(1, 1), voter(2, 2)]);
        assert_eq!(set.with(voter(2, 9)), None, "the id votes already");
        assert_eq!(set.with(voter(3, 3)).map(|set| set.len()), Some(3));
        assert_eq!(set.without(voter(2, 9).key), None, "another directory of the same node");
        let one = set.without(voter(2, 2).key).expect("it votes");
        assert_eq!(one.without(voter(1, 1).key), None, "the last voter stays");
        assert_eq!(set.updated(voter(2, 9)), None);
        assert!(set.updated_whatever_directory(voter(2, 9)).is_some());
        assert_eq!(set.updated_whatever_directory(voter(3, 3)), None);
    }

    #[test]
    fn a_voter_is_outdated_when_what_it_says_differs() {
        let set = VoterSet::from_iter([voter(1, 1)]);
        assert!(!set.is_outdated(&voter(1, 1)));
        let mut moved = voter(1, 1);
        moved.endpoints = Endpoints::one("C", Endpoint { host: "elsewhere".into(), port: 1 });
        assert!(set.is_outdated(&moved));
        assert!(!set.is_outdated(&voter(1, 2)), "another disk is no update");
    }
}
