//! The time index: from which offset on there can be records as young as that.

use types::{Offset, TimestampMs};

use super::entries::{Entries, Place};
use super::offset::relative;
use crate::disk::Disk;
use crate::error::StorageError;

/// ```text
///   at bytes field
///    0   8   timestamp         the greatest of the segment up to then, in whatever order
///    8   4   relative offset   of the last record of the batch that brought it
/// ```
pub(crate) const ENTRY_BYTES: u32 = 12;

/// A timestamp and the last offset of the batch that has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TimePoint {
    pub(crate) timestamp: TimestampMs,
    pub(crate) offset: Offset,
}

/// The running maximum of a segment's timestamps; both columns rise strictly.
#[derive(Debug)]
pub(crate) struct TimeIndex {
    entries: Entries<12>,
    base_offset: Offset,
    last: Option<TimePoint>,
}

impl TimeIndex {
    pub(crate) fn new(base_offset: Offset) -> Self {
        Self { entries: Entries::default(), base_offset, last: None }
    }

    pub(crate) fn open<D: Disk>(
        base_offset: Offset,
        place: &Place<'_, D>,
    ) -> Result<Self, StorageError> {
        let mut index = Self { entries: Entries::open(place)?, base_offset, last: None };
        index.reload_last(place)?;
        Ok(index)
    }

    pub(crate) const fn entries(&mut self) -> &mut Entries<12> {
        &mut self.entries
    }

    /// Kafka leaves room for the entry that closes the segment.
    pub(crate) fn is_full(&self, bytes_max: u32) -> bool {
        self.entries.count() + 1 >= bytes_max / ENTRY_BYTES
    }

    pub(crate) const fn last(&self) -> Option<TimePoint> {
        self.last
    }

    /// Adds `point` unless it brings no later time.
    pub(crate) fn push(&mut self, point: TimePoint) {
        let is_later = self.last.is_none_or(|last| point.timestamp > last.timestamp);
        let relative = relative(point.offset, self.base_offset);
        let (true, Some(relative)) = (is_later && point.timestamp.0 >= 0, relative) else { return };
        let mut entry = [0; 12];
        entry[..8].copy_from_slice(&point.timestamp.0.to_be_bytes());
        entry[8..].copy_from_slice(&relative.to_be_bytes());
        self.entries.push(entry);
        self.last = Some(point);
    }

    /// The last point before `target`: no record in front of its offset is as young as `target`.
    pub(crate) fn lookup<D: Disk>(
        &mut self,
        target: TimestampMs,
        place: &Place<'_, D>,
    ) -> Result<Option<TimePoint>, StorageError> {
        let base = self.base_offset;
        let is_before = |entry: &[u8; 12]| point(entry, base).timestamp < target;
        let (_, found) = self.entries.search(place, is_before)?;
        Ok(found.map(|entry| point(&entry, base)))
    }

    /// Drops the points at or behind `end`.
    pub(crate) fn truncate<D: Disk>(
        &mut self,
        end: Offset,
        place: &Place<'_, D>,
    ) -> Result<(), StorageError> {
        let base = self.base_offset;
        let (kept, _) = self.entries.search(place, |entry| point(entry, base).offset < end)?;
        self.entries.truncate(kept, place)?;
        self.reload_last(place)
    }

    fn reload_last<D: Disk>(&mut self, place: &Place<'_, D>) -> Result<(), StorageError> {
        self.last = self.entries.last(place)?.map(|entry| point(&entry, self.base_offset));
        Ok(())
    }
}

fn point(entry: &[u8; 12], base: Offset) -> TimePoint {
    let (timestamp, relative) = entry.split_first_chunk::<8>().expect("12 bytes hold 8");
    let relative = relative.first_chunk::<4>().expect("12 bytes hold 8 and 4");
    TimePoint {
        timestamp: TimestampMs(i64::from_be_bytes(*timestamp)),
        offset: base.plus(i64::from(u32::from_be_bytes(*relative))),
    }
}
