//! The file that saves a reader of the log from its beginning: the producers as of an offset.
//!
//! ```text
//!   at bytes field
//!    0   2   version                 1
//!    2   4   CRC-32C                 of everything behind it
//!    6   4   count                   of the entries that follow, 46 bytes each:
//!        8   producer id
//!        2   epoch
//!        4   last sequence           -1 with the next three if no batch is known
//!        8   last offset
//!        4   offset delta            of the last batch: last offset less first
//!        8   timestamp               greatest of the last batch
//!        4   coordinator epoch       of the last end marker, -1 before
//!        8   transaction's first offset, -1 if none is open
//! ```

use record::crc32c;
use types::{Offset, ProducerEpoch, ProducerId, Sequence, TimestampMs};

use super::{AppendedBatch, ProducerEntry, Producers};

const VERSION: i16 = 1;
const CRC_FROM: usize = 6;
const ENTRY_BYTES: usize = 46;

/// Why a snapshot cannot be used; an older one and the log serve instead.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum SnapshotError {
    Version(i16),
    Crc,
    Length,
}

pub(crate) fn encode(producers: &Producers) -> Vec<u8> {
    let mut entries = Vec::new();
    let mut count = 0_i32;
    for (id, entry) in producers.entries() {
        encode_entry(&mut entries, id, entry);
        count += 1;
    }
    let checked = [&count.to_be_bytes(), entries.as_slice()].concat();
    let mut bytes = VERSION.to_be_bytes().to_vec();
    bytes.extend(crc32c(&checked).to_be_bytes());
    bytes.extend(checked);
    bytes
}

fn encode_entry(out: &mut Vec<u8>, id: ProducerId, entry: &ProducerEntry) {
    let last = entry.last_batch().copied().unwrap_or(AppendedBatch {
        last_sequence: Sequence::NONE,
        last_offset: Offset(-1),
        offset_delta: 0,
        timestamp: entry.last_timestamp,
    });
    out.extend(id.0.to_be_bytes());
    out.extend(entry.epoch.0.to_be_bytes());
    out.extend(last.last_sequence.0.to_be_bytes());
    out.extend(last.last_offset.0.to_be_bytes());
    out.extend(last.offset_delta.to_be_bytes());
    out.extend(entry.last_timestamp.0.to_be_bytes());
    out.extend(entry.coordinator_epoch.to_be_bytes());
    out.extend(entry.txn_first_offset.map_or(-1, |offset| offset.0).to_be_bytes());
}

pub(crate) fn decode(bytes: &[u8]) -> Result<Vec<(ProducerId, ProducerEntry)>, SnapshotError> {
    let mut fields = Fields(bytes);
    let version = i16::from_be_bytes(fields.take()?);
    if version != VERSION {
        return Err(SnapshotError::Version(version));
    }
    if u32::from_be_bytes(fields.take()?) != crc32c(&bytes[CRC_FROM..]) {
        return Err(SnapshotError::Crc);
    }
    let count = usize::try_from(i32::from_be_bytes(fields.take()?));
    if count.ok().and_then(|count| count.checked_mul(ENTRY_BYTES)) != Some(fields.0.len()) {
        return Err(SnapshotError::Length);
    }
    let mut entries = Vec::new();
    while !fields.0.is_empty() {
        entries.push(decode_entry(&mut fields)?);
    }
    Ok(entries)
}

fn decode_entry(fields: &mut Fields<'_>) -> Result<(ProducerId, ProducerEntry), SnapshotError> {
    let id = ProducerId(i64::from_be_bytes(fields.take()?));
    let epoch = ProducerEpoch(i16::from_be_bytes(fields.take()?));
    let last_sequence = Sequence(i32::from_be_bytes(fields.take()?));
    let last_offset = Offset(i64::from_be_bytes(fields.take()?));
    let offset_delta = i32::from_be_bytes(fields.take()?);
    let timestamp = TimestampMs(i64::from_be_bytes(fields.take()?));
    let coordinator_epoch = i32::from_be_bytes(fields.take()?);
    let txn_first = i64::from_be_bytes(fields.take()?);
    let mut entry = ProducerEntry::default();
    entry.epoch = epoch;
    entry.coordinator_epoch = coordinator_epoch;
    entry.last_timestamp = timestamp;
    entry.txn_first_offset = (txn_first >= 0).then_some(Offset(txn_first));
    if last_offset.0 >= 0 {
        entry.push(AppendedBatch { last_sequence, last_offset, offset_delta, timestamp });
    }
    Ok((id, entry))
}

struct Fields<'a>(&'a [u8]);

impl Fields<'_> {
    fn take<const N: usize>(&mut self) -> Result<[u8; N], SnapshotError> {
        let (field, rest) = self.0.split_first_chunk().ok_or(SnapshotError::Length)?;
        self.0 = rest;
        Ok(*field)
    }
}
