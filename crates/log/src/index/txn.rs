//! The transaction index: which transactions with records in a segment were aborted.

use types::{Offset, ProducerId};

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

pub(crate) const TXN_ENTRY_BYTES: usize = 34;

impl AbortedTxn {
    pub(crate) fn encode(&self) -> [u8; TXN_ENTRY_BYTES] {
        let mut entry = [0; TXN_ENTRY_BYTES];
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

    fn decode(entry: &[u8]) -> Option<Self> {
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

/// All entries of a transaction index; `None` if the bytes are none.
pub(crate) fn parse_txn_index(bytes: &[u8]) -> Option<Vec<AbortedTxn>> {
    let entries = bytes.chunks_exact(TXN_ENTRY_BYTES);
    entries.remainder().is_empty().then(|| entries.map(AbortedTxn::decode).collect())?
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
        let bytes = [aborted.encode(), aborted.encode()].concat();
        assert_eq!(parse_txn_index(&bytes), Some(vec![aborted, aborted]));
        assert_eq!(parse_txn_index(&bytes[..40]), None);
        assert_eq!(parse_txn_index(&[9; 34]), None);
    }
}
