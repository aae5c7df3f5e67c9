//! The offset index: where in the segment a batch lies.

use types::Offset;

use super::entries::{Entries, Place};
use crate::disk::Disk;
use crate::error::StorageError;

/// ```text
///   at bytes field
///    0   4   relative offset   of a batch's last record, to the segment's base offset
///    4   4   position          where the batch begins in the segment
/// ```
pub(crate) const ENTRY_BYTES: u32 = 8;

/// Some batches' last offsets, rising, and where the batches begin.
#[derive(Debug, Default)]
pub(crate) struct OffsetIndex(Entries<8>);

impl OffsetIndex {
    pub(crate) fn open<D: Disk>(place: &Place<'_, D>) -> Result<Self, StorageError> {
        Entries::open(place).map(Self)
    }

    pub(crate) const fn entries(&mut self) -> &mut Entries<8> {
        &mut self.0
    }

    pub(crate) fn is_full(&self, bytes_max: u32) -> bool {
        self.0.count() >= bytes_max / ENTRY_BYTES
    }

    pub(crate) fn push(&mut self, relative_offset: u32, position: u32) {
        let mut entry = [0; 8];
        entry[..4].copy_from_slice(&relative_offset.to_be_bytes());
        entry[4..].copy_from_slice(&position.to_be_bytes());
        self.0.push(entry);
    }

    /// A position at or before the batch that holds the offset `relative` to the base.
    pub(crate) fn lookup<D: Disk>(
        &mut self,
        relative: u32,
        place: &Place<'_, D>,
    ) -> Result<u32, StorageError> {
        let (_, found) = self.0.search(place, |entry| relative_offset(entry) <= relative)?;
        Ok(found.map_or(0, |entry| position(&entry)))
    }

    /// The greatest known position that is not behind `limit`; 0 is always known.
    pub(crate) fn position_up_to<D: Disk>(
        &mut self,
        limit: u32,
        place: &Place<'_, D>,
    ) -> Result<u32, StorageError> {
        let (_, found) = self.0.search(place, |entry| position(entry) <= limit)?;
        Ok(found.map_or(0, |entry| position(&entry)))
    }

    /// The last entry: relative offset and position.
    pub(crate) fn last<D: Disk>(
        &mut self,
        place: &Place<'_, D>,
    ) -> Result<Option<(u32, u32)>, StorageError> {
        let last = self.0.last(place)?;
        Ok(last.map(|entry| (relative_offset(&entry), position(&entry))))
    }

    /// Drops the entries of batches that begin at or behind `position_end`.
    pub(crate) fn truncate<D: Disk>(
        &mut self,
        position_end: u32,
        place: &Place<'_, D>,
    ) -> Result<(), StorageError> {
        let (kept, _) = self.0.search(place, |entry| position(entry) < position_end)?;
        self.0.truncate(kept, place)
    }
}

/// The relative offset of `offset` in a segment, if the format can hold it.
pub(crate) fn relative(offset: Offset, base: Offset) -> Option<u32> {
    let relative = offset.0.checked_sub(base.0)?;
    i32::try_from(relative).ok()?.try_into().ok()
}

fn relative_offset(entry: &[u8; 8]) -> u32 {
    u32::from_be_bytes([entry[0], entry[1], entry[2], entry[3]])
}

fn position(entry: &[u8; 8]) -> u32 {
    u32::from_be_bytes([entry[4], entry[5], entry[6], entry[7]])
}
