//! One pass over a batch's records that proves them well-formed and keeps a few sums.

use types::TimestampMs;

use crate::header::BatchHeader;
use crate::item::RecordError;
use crate::varint::{Cursor, unzigzag};

/// What all records of a batch are, taken together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Walk {
    pub(super) min_timestamp: TimestampMs,
    /// At least -1, which stands for none.
    pub(super) max_timestamp: TimestampMs,
    /// The first record that has it.
    pub(super) max_timestamp_index: i32,
    pub(super) has_keyless: bool,
    /// Whether the offset deltas are 0, 1, 2, …
    pub(super) are_offsets_dense: bool,
}

/// What the walk needs of one record.
#[derive(Clone, Copy)]
struct Seen {
    timestamp_delta: i64,
    offset_delta: i64,
    is_keyless: bool,
    /// Where the next record begins.
    end: usize,
}

/// Walks the inflated records section behind `header`.
///
/// This is the inner loop of every Produce request. Nearly all records have short varints and no
/// headers; [`glance`] reads those from three words, and leaves every other to [`read`], which
/// alone decides what is malformed.
pub(super) fn walk(records: &[u8], header: &BatchHeader) -> Result<Walk, RecordError> {
    let mut walked = Walk::new();
    let mut last_delta = None;
    let mut at = 0;
    for index in 0..header.record_count {
        let seen = glance(records, at)
            .or_else(|| read(records, at))
            .ok_or(RecordError::Malformed { index })?;
        at = seen.end;
        walked.are_offsets_dense &= seen.offset_delta == i64::from(index);
        walked.has_keyless |= seen.is_keyless;
        if last_delta != Some(seen.timestamp_delta) {
            last_delta = Some(seen.timestamp_delta);
            let timestamp = header.base_timestamp.0.wrapping_add(seen.timestamp_delta);
            walked.add_timestamp(TimestampMs(timestamp), index);
        }
    }
    match records.len() - at {
        0 => Ok(walked),
        bytes => Err(RecordError::Surplus { bytes }),
    }
}

impl Walk {
    fn new() -> Self {
        Self {
            min_timestamp: TimestampMs(i64::MAX),
            max_timestamp: TimestampMs::NONE,
            max_timestamp_index: 0,
            has_keyless: false,
            are_offsets_dense: true,
        }
    }

    fn add_timestamp(&mut self, timestamp: TimestampMs, index: i32) {
        self.min_timestamp = self.min_timestamp.min(timestamp);
        if timestamp > self.max_timestamp {
            self.max_timestamp = timestamp;
            self.max_timestamp_index = index;
        }
    }
}

/// The record at `at` if it is an ordinary one: short varints, no headers, and not in the last
/// bytes of the section.
#[inline(always)]
fn glance(records: &[u8], at: usize) -> Option<Seen> {
    let mut word = Word::at(records, at)?;
    let content_bytes = word.nullable_length()?;
    let end = at + word.taken + content_bytes;
    let fields_at = at + word.taken + ATTRIBUTES_BYTES;
    let mut word = Word::at(records, fields_at)?;
    let timestamp_delta = unzigzag(word.varint()?);
    let offset_delta = unzigzag(word.varint()?);
    let is_keyless = word.is_null();
    let key_bytes = word.nullable_length()?;
    if word.taken > Word::BYTES {
        return None;
    }
    let value_at = fields_at + word.taken + key_bytes;
    let mut word = Word::at(records, value_at)?;
    let value_bytes = word.nullable_length()?;
    let headers_at = value_at + word.taken + value_bytes;
    if headers_at + 1 != end || *records.get(headers_at)? != NO_HEADERS {
        return None;
    }
    Some(Seen { timestamp_delta, offset_delta, is_keyless, end })
}

/// The record at `at`, whatever it looks like; `None` if it is malformed.
#[cold]
fn read(records: &[u8], at: usize) -> Option<Seen> {
    let mut cursor = Cursor::new(records.get(at..)?);
    let content_bytes = usize::try_from(cursor.varint()?).ok()?;
    let mut record = Cursor::new(cursor.take(content_bytes)?);
    let _unused_attributes = record.byte()?;
    let timestamp_delta = record.varlong()?;
    let offset_delta = record.varint()?.into();
    let is_keyless = record.nullable_bytes()?.is_none();
    record.nullable_bytes()?;
    for _ in 0..u32::try_from(record.varint()?).ok()? {
        record.nullable_bytes()??;
        record.nullable_bytes()?;
    }
    let end = records.len() - cursor.remaining();
    (record.remaining() == 0).then_some(Seen { timestamp_delta, offset_delta, is_keyless, end })
}

const ATTRIBUTES_BYTES: usize = 1;
/// A header count of zero.
const NO_HEADERS: u8 = 0;
/// The varint of -1, the length of what is null.
const NULL: u64 = 1;

/// Eight bytes of a section, consumed from the front. Zeros follow them, so a reader that may come
/// to their end has to compare `taken` in the end.
struct Word {
    bits: u64,
    taken: usize,
}

impl Word {
    const BYTES: usize = 8;

    #[inline(always)]
    fn at(bytes: &[u8], at: usize) -> Option<Self> {
        let word = bytes.get(at..)?.first_chunk::<{ Self::BYTES }>()?;
        Some(Self { bits: u64::from_le_bytes(*word), taken: 0 })
    }

    /// The raw value of a varint of one to three bytes.
    #[inline(always)]
    fn varint(&mut self) -> Option<u64> {
        let bits = self.bits;
        let (value, bytes) = if bits & 0x80 == 0 {
            (bits & 0x7f, 1)
        } else if bits & 0x8000 == 0 {
            (bits & 0x7f | bits >> 1 & 0x3f80, 2)
        } else if bits & 0x80_0000 == 0 {
            (bits & 0x7f | bits >> 1 & 0x3f80 | bits >> 2 & 0x1f_c000, 3)
        } else {
            return None;
        };
        self.bits >>= 8 * bytes;
        self.taken += bytes;
        Some(value)
    }

    #[inline(always)]
    fn is_null(&self) -> bool {
        self.bits & 0xff == NULL
    }

    /// A length, with 0 for null.
    #[inline(always)]
    fn nullable_length(&mut self) -> Option<usize> {
        let raw = self.varint()?;
        if raw & 1 != 0 && raw != NULL {
            return None;
        }
        usize::try_from(raw >> 1).ok()
    }
}
