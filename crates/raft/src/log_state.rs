//! The machine's picture of the log: where it starts and ends, where epochs begin, which snapshots
//! are there. It holds no record; the shell keeps it in step.

use types::{LeaderEpoch, Offset};

/// An end offset and the epoch of the record before it. Orders as elections compare logs: epoch first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct LogEnd {
    pub offset: Offset,
    pub epoch: LeaderEpoch,
}

/// Names a snapshot: it holds what the log held below `offset`, and `epoch` is that of its last record.
pub type SnapshotId = LogEnd;

/// The snapshot that `kafka-storage format` writes: voters and features before any record.
pub const BOOTSTRAP_SNAPSHOT: SnapshotId = LogEnd { offset: Offset(0), epoch: LeaderEpoch(0) };

impl PartialOrd for LogEnd {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for LogEnd {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.epoch, self.offset).cmp(&(other.epoch, other.offset))
    }
}

/// The offset at which the records of an epoch start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct EpochStart {
    pub epoch: LeaderEpoch,
    pub start: Offset,
}

/// How the leader's log judges a follower's position.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Position {
    /// The follower's log is a prefix of ours.
    Valid,
    /// The largest epoch not above the follower's that we know, and where it ends here.
    Diverging(LogEnd),
    /// The follower's position is before our log: it must load this snapshot.
    Snapshot(SnapshotId),
}

/// Where the log stands.
///
/// ```text
///  snapshot          start        high watermark       durable      end
///     |----------------|================|=================|-----------|
///      held by snapshot     committed        may yet change   not flushed
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct LogState {
    pub start: Offset,
    pub end: Offset,
    /// What survives a crash. Ends are counted towards the high watermark only up to here.
    pub durable_end: Offset,
    /// Strictly ascending in epoch and in offset.
    pub epochs: Vec<EpochStart>,
    /// Ascending; the bootstrap snapshot among them where the directory was formatted with voters.
    pub snapshots: Vec<SnapshotId>,
}

impl Default for LogState {
    fn default() -> Self {
        Self {
            start: Offset::ZERO,
            end: Offset::ZERO,
            durable_end: Offset::ZERO,
            epochs: Vec::new(),
            snapshots: Vec::new(),
        }
    }
}

impl LogState {
    /// The epoch of the last record, of the latest snapshot where there is no record, or 0.
    #[must_use]
    pub fn last_epoch(&self) -> LeaderEpoch {
        let of_snapshot = || self.snapshots.last().map(|id| id.epoch);
        self.epochs.last().map(|last| last.epoch).or_else(of_snapshot).unwrap_or(LeaderEpoch(0))
    }

    #[must_use]
    pub fn log_end(&self) -> LogEnd {
        LogEnd { offset: self.end, epoch: self.last_epoch() }
    }

    /// Where `epoch`, or the largest epoch below it, ends here.
    #[must_use]
    pub fn end_of_epoch(&self, epoch: LeaderEpoch) -> LogEnd {
        let next = self.epochs.partition_point(|entry| entry.epoch <= epoch);
        let end = self.epochs.get(next).map_or(self.end, |entry| entry.start);
        let known = next.checked_sub(1).and_then(|index| self.epochs.get(index));
        if known.is_none()
            && let Some(first) = self.snapshots.first()
            && first.offset == end
        {
            return *first;
        }
        LogEnd { offset: end, epoch: known.map_or(epoch, |entry| entry.epoch) }
    }

    /// Judges a position from which a replica wants to read on: `epoch` is that of the record before
    /// `offset` in its log. `Position::Valid` at the empty start of a whole log needs no epoch.
    #[must_use]
    pub fn position(&self, offset: Offset, epoch: LeaderEpoch) -> Position {
        if self.start == Offset::ZERO && offset == Offset::ZERO {
            return Position::Valid;
        }
        if let (Some(first), Some(latest)) = (self.snapshots.first(), self.snapshots.last()) {
            let other_epoch = offset == self.start && epoch != first.epoch;
            if offset < self.start || other_epoch || epoch < first.epoch {
                return Position::Snapshot(*latest);
            }
        }
        let end = self.end_of_epoch(epoch);
        if end.epoch != epoch || end.offset < offset {
            return Position::Diverging(end);
        }
        Position::Valid
    }

    /// Where a follower must cut its log after its leader answered `diverging`.
    #[must_use]
    pub fn truncation_for(&self, diverging: LogEnd) -> Offset {
        if diverging.epoch == LeaderEpoch(0) {
            return self.end.min(diverging.offset);
        }
        let ours = self.end_of_epoch(diverging.epoch);
        if ours.epoch == diverging.epoch { ours.offset.min(diverging.offset) } else { ours.offset }
    }

    /// The log grew to `end`, the records from the former end on being of `epoch`.
    pub(crate) fn append(&mut self, epoch: LeaderEpoch, end: Offset) {
        assert!(epoch >= self.last_epoch(), "epochs never fall: {epoch:?} behind {self:?}");
        if end > self.end && self.epochs.last().is_none_or(|last| last.epoch < epoch) {
            self.epochs.push(EpochStart { epoch, start: self.end });
        }
        assert!(end >= self.end, "a log grows by appending: {end:?} behind {self:?}");
        self.end = end;
    }

    pub(crate) fn truncate_to(&mut self, end: Offset) {
        assert!(end >= self.start, "cut {end:?} below the start of {self:?}");
        self.end = self.end.min(end);
        self.durable_end = self.durable_end.min(end);
        self.epochs.retain(|entry| entry.start < end);
    }

    /// The whole log is replaced by a snapshot.
    pub(crate) fn restart_at(&mut self, snapshot: SnapshotId) {
        self.snapshots = vec![snapshot];
        self.start = snapshot.offset;
        self.end = snapshot.offset;
        self.durable_end = snapshot.offset;
        self.epochs.clear();
    }

    pub(crate) fn add_snapshot(&mut self, snapshot: SnapshotId) {
        let at = self.snapshots.partition_point(|known| known.offset < snapshot.offset);
        if self.snapshots.get(at) != Some(&snapshot) {
            self.snapshots.insert(at, snapshot);
        }
    }

    /// Records below `start` are gone, and so are the snapshots that are not named.
    pub(crate) fn cleaned(&mut self, start: Offset, snapshots: Vec<SnapshotId>) {
        self.start = self.start.max(start);
        self.snapshots = snapshots;
        let covers = self.epochs.partition_point(|entry| entry.start <= self.start);
        self.epochs.drain(..covers.saturating_sub(1));
        if let Some(first) = self.epochs.first_mut() {
            first.start = first.start.max(self.start);
        }
    }
}
