//! How far those are who copy the metadata log, for DescribeQuorum.

use std::collections::BTreeMap;
use types::{DirectoryId, NodeId, Offset, TimestampMs};

/// After so long without a fetch an observer is no longer shown (Kafka's time).
const FORGOTTEN_AFTER_MS: i64 = 5 * 60 * 1000;

/// A replica of the metadata log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ReplicaKey {
    pub node: NodeId,
    pub directory: DirectoryId,
}

/// How far a replica is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::controller) struct Progress {
    pub end: Offset,
    pub fetched: TimestampMs,
    /// When it last had everything; -1 if never.
    pub caught_up: TimestampMs,
}

#[derive(Debug, Default)]
pub(in crate::controller) struct Observers(BTreeMap<ReplicaKey, Progress>);

impl Observers {
    /// `replica` has fetched from `offset`, while the log ended at `end`.
    pub fn fetched(&mut self, replica: ReplicaKey, offset: Offset, end: Offset, now: TimestampMs) {
        let before = self.0.get(&replica).map_or(TimestampMs(-1), |known| known.caught_up);
        let caught_up = if offset >= end { now } else { before };
        self.0.insert(replica, Progress { end: offset, fetched: now, caught_up });
        self.0.retain(|_, progress| now.0 - progress.fetched.0 < FORGOTTEN_AFTER_MS);
    }

    pub fn all(&self) -> impl Iterator<Item = (&ReplicaKey, &Progress)> {
        self.0.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_observer_is_caught_up_when_it_fetches_from_the_end_and_forgotten_when_silent() {
        let key = |node| ReplicaKey { node: NodeId(node), directory: DirectoryId::ZERO };
        let mut observers = Observers::default();
        observers.fetched(key(2), Offset(10), Offset(10), TimestampMs(5));
        observers.fetched(key(2), Offset(10), Offset(12), TimestampMs(7));
        let seen: Vec<_> = observers.all().map(|(key, p)| (key.node, *p)).collect();
        let fetched = TimestampMs(7);
        let progress = Progress { end: Offset(10), fetched, caught_up: TimestampMs(5) };
        assert_eq!(seen, [(NodeId(2), progress)]);
        let later = TimestampMs(7 + FORGOTTEN_AFTER_MS);
        observers.fetched(key(3), Offset(0), Offset(12), later);
        assert_eq!(observers.all().map(|(key, _)| key.node).collect::<Vec<_>>(), [NodeId(3)]);
    }
}
