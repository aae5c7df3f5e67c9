//! The transaction index: which transactions with records in a segment were aborted.

use types::{Offset, ProducerId};

use super::entries::{Entries, Place};
use crate::disk::Disk;
use crate::error::StorageError;

/// A transaction that was aborted.
///
/// ```text
///   at bytes field
///    0   2   version              0
///    2   8   producer id
///   10   8   first offset         of the transaction
///   18   8   last offset          of its abort marker
///   26   8   last stable offset   when it was aborted
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AbortedTxn {
    pub producer_id: ProducerId,
    pub first_offset: Offset,
    pub last_offset: Offset,
    pub last_stable_offset: Offset,
}

const ENTRY_BYTES: usize = 34;

/// The aborted transactions whose marker is in a segment, by last offset.
#[derive(Debug, Default)]
pub(crate) struct TxnIndex(Entries<ENTRY_BYTES>);

impl TxnIndex {
    pub(crate) fn open<D: Disk>(place: &Place<'_, D>) -> Result<Self, StorageError> {
        Entries::open(place).map(Self)
    }

    pub(crate) const fn entries(&mut self) -> &mut Entries<ENTRY_BYTES> {
        &mut self.0
    }

    pub(crate) fn push(&mut self, aborted: &AbortedTxn) {
        self.0.push(aborted.encode());
    }

    /// Drops the transactions whose marker is at or behind `end`.
    pub(crate) fn truncate<D: Disk>(
        &mut self,
        end: Offset,
        place: &Place<'_, D>,
    ) -> Result<(), StorageError> {
        let is_before = |entry: &[u8; ENTRY_BYTES]| {
            AbortedTxn::decode(entry).is_some_and(|aborted| aborted.last_offset < end)
        };
        let (kept, _) = self.0.search(place, is_before)?;
        self.0.truncate(kept, place)
    }

    pub(crate) fn read_all<D: Disk>(
        &self,
        place: &Place<'_, D>,
    ) -> Result<Vec<AbortedTxn>, StorageError> {
        let entries = self.0.read_all(place)?;
        let entries: Option<Vec<AbortedTxn>> = entries.iter().map(AbortedTxn::decode).collect();
        entries.ok_or_else(|| StorageError::corrupt(place.path, "an entry of unknown version"))
    }
}

impl AbortedTxn {
    fn encode(&self) -> [u8; ENTRY_BYTES] {
        let mut entry = [0; ENTRY_BYTES];
        let fields = [
            self.producer_id.0,
            self.first_offset.0,
            self.last_offset.0,
            self.last_stable_offset.0,
        ];
        for (place, field) in entry[2..].chunks_exact_mut(8).zip(fields) {
            place.copy_from_slice(&field.to_be_bytes());
        }
        entry
    }

    fn decode(entry: &[u8; ENTRY_BYTES]) -> Option<Self> {
        let (version, fields) = entry.split_first_chunk::<2>()?;
        let mut fields = fields.chunks_exact(8).map(|field| {
            let bytes = field.first_chunk().expect("chunks of 8");
            i64::from_be_bytes(*bytes)
        });
        let aborted = Self {
            producer_id: ProducerId(fields.next()?),
            first_offset: Offset(fields.next()?),
            last_offset: Offset(fields.next()?),
            last_stable_offset: Offset(fields.next()?),
        };
        (*version == [0, 0]).then_some(aborted)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_read_as_they_are_written() {
        let aborted = AbortedTxn {
            producer_id: ProducerId(7),
            first_offset: Offset(10),
            last_offset: Offset(19),
            last_stable_offset: Offset(12),
        };
        assert_eq!(AbortedTxn::decode(&aborted.encode()), Some(aborted));
        assert_eq!(AbortedTxn::decode(&[9; ENTRY_BYTES]), None);
    }
}
