//! Which leader epoch wrote which offsets: what a follower or client is told after a change of
//! leaders.

use types::{LeaderEpoch, Offset};

/// Where an epoch's records begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EpochStart {
    pub epoch: LeaderEpoch,
    pub start_offset: Offset,
}

/// The answer to "where does that epoch end?" (KIP-101, KIP-279).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EpochEnd {
    /// The largest epoch that is known and not larger than the one asked for.
    pub epoch: LeaderEpoch,
    /// One behind its last record.
    pub end_offset: Offset,
}

/// The epochs of a log, both epochs and offsets strictly rising.
#[derive(Clone, Debug, Default)]
pub(crate) struct Epochs {
    entries: Vec<EpochStart>,
    changes: u64,
    changes_stored: u64,
}

impl Epochs {
    /// Takes what the checkpoint holds; an order that cannot be is repaired by dropping the earlier
    /// entry.
    pub(crate) fn from_stored(stored: Vec<EpochStart>) -> Self {
        let mut epochs = Self::default();
        for entry in stored {
            epochs.assign(entry.epoch, entry.start_offset);
        }
        epochs.changes_stored = epochs.changes;
        epochs
    }

    pub(crate) fn entries(&self) -> &[EpochStart] {
        &self.entries
    }

    pub(crate) fn latest(&self) -> Option<LeaderEpoch> {
        self.entries.last().map(|last| last.epoch)
    }

    /// Whether the checkpoint holds these entries.
    pub(crate) fn is_stored(&self) -> bool {
        self.changes_stored == self.changes
    }

    /// Counts every change: what a checkpoint holds is told by the count it was written at.
    pub(crate) const fn changes(&self) -> u64 {
        self.changes
    }

    pub(crate) fn mark_stored(&mut self, changes: u64) {
        self.changes_stored = self.changes_stored.max(changes);
    }

    /// Notes that `epoch` begins at `start_offset`; entries that contradict it go.
    pub(crate) fn assign(&mut self, epoch: LeaderEpoch, start_offset: Offset) {
        if epoch.0 < 0 || start_offset.0 < 0 {
            return;
        }
        if let Some(last) = self.entries.last()
            && last.epoch == epoch
            && last.start_offset <= start_offset
        {
            return;
        }
        let contradicts =
            |entry: &EpochStart| entry.epoch >= epoch || entry.start_offset >= start_offset;
        while self.entries.last().is_some_and(contradicts) {
            self.entries.pop();
        }
        self.entries.push(EpochStart { epoch, start_offset });
        self.changes += 1;
    }

    /// Notes a batch's epoch, unless it is the latest or before it: so a batch that is read again
    /// changes nothing.
    pub(crate) fn assign_later(&mut self, epoch: LeaderEpoch, start_offset: Offset) {
        if self.latest().is_none_or(|latest| latest < epoch) {
            self.assign(epoch, start_offset);
        }
    }

    /// The epoch that wrote `offset`.
    pub(crate) fn at(&self, offset: Offset) -> Option<LeaderEpoch> {
        let behind = self.entries.partition_point(|entry| entry.start_offset <= offset);
        Some(self.entries[behind.checked_sub(1)?].epoch)
    }

    /// `None` when the epoch is unknown: negative, or larger than every one here.
    pub(crate) fn end_of(&self, requested: LeaderEpoch, log_end: Offset) -> Option<EpochEnd> {
        if requested.0 < 0 {
            return None;
        }
        let behind = self.entries.partition_point(|entry| entry.epoch <= requested);
        let known = behind.checked_sub(1).map(|i| self.entries[i].epoch);
        match self.entries.get(behind) {
            Some(next) => {
                let epoch = known.unwrap_or(requested);
                Some(EpochEnd { epoch, end_offset: next.start_offset })
            }
            None if known == Some(requested) => {
                Some(EpochEnd { epoch: requested, end_offset: log_end })
            }
            None => None,
        }
    }

    /// Forgets what begins at or behind `end`.
    pub(crate) fn truncate_end(&mut self, end: Offset) {
        let kept = self.entries.partition_point(|entry| entry.start_offset < end);
        if kept < self.entries.len() {
            self.entries.truncate(kept);
            self.changes += 1;
        }
    }

    /// Forgets what ends before `start`; the epoch that holds `start` begins there from then on.
    pub(crate) fn truncate_start(&mut self, start: Offset) {
        let before = self.entries.partition_point(|entry| entry.start_offset <= start);
        let Some(holder) = before.checked_sub(1) else { return };
        if holder == 0 && self.entries[0].start_offset == start {
            return;
        }
        self.entries.drain(..holder);
        self.entries[0].start_offset = start;
        self.changes += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn epochs(entries: &[(i32, i64)]) -> Epochs {
        let mut epochs = Epochs::default();
        for (epoch, start) in entries {
            epochs.assign(LeaderEpoch(*epoch), Offset(*start));
        }
        epochs
    }

    fn pairs(epochs: &Epochs) -> Vec<(i32, i64)> {
        epochs.entries().iter().map(|entry| (entry.epoch.0, entry.start_offset.0)).collect()
    }

    #[test]
    fn a_contradiction_gives_way_to_what_came_last() {
        let check = |assigned: &[(i32, i64)], kept: &[(i32, i64)]| {
            assert_eq!(pairs(&epochs(assigned)), kept);
        };
        check(&[(0, 0), (0, 9), (2, 10)], &[(0, 0), (2, 10)]);
        check(&[(0, 0), (2, 10), (3, 10)], &[(0, 0), (3, 10)]);
        check(&[(0, 0), (5, 10), (3, 20)], &[(0, 0), (3, 20)]);
        check(&[(-1, 0), (1, 0)], &[(1, 0)]);
    }

    #[test]
    fn the_end_of_an_epoch_is_the_start_of_the_next_one() {
        let epochs = epochs(&[(2, 10), (4, 20), (5, 30)]);
        let check = |requested, expected: Option<(i32, i64)>| {
            let end = epochs.end_of(LeaderEpoch(requested), Offset(99));
            assert_eq!(end.map(|end| (end.epoch.0, end.end_offset.0)), expected, "{requested}");
        };
        check(-1, None);
        check(0, Some((0, 10)));
        check(2, Some((2, 20)));
        check(3, Some((2, 20)));
        check(4, Some((4, 30)));
        check(5, Some((5, 99)));
        check(6, None);
    }

    #[test]
    fn truncation_keeps_what_still_has_records() {
        let all = [(2, 10), (4, 20), (5, 30)];
        let check_start = |start, kept: &[(i32, i64)]| {
            let mut epochs = epochs(&all);
            epochs.truncate_start(Offset(start));
            assert_eq!(pairs(&epochs), kept);
        };
        check_start(5, &all);
        check_start(15, &[(2, 15), (4, 20), (5, 30)]);
        check_start(20, &[(4, 20), (5, 30)]);
        check_start(99, &[(5, 99)]);
        let mut epochs = epochs(&all);
        epochs.truncate_end(Offset(20));
        assert_eq!(pairs(&epochs), [(2, 10)]);
        assert_eq!(epochs.at(Offset(15)), Some(LeaderEpoch(2)));
        assert_eq!(epochs.at(Offset(9)), None);
    }
}
