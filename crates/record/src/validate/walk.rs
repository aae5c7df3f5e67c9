//! One pass over a batch's records that proves them well-formed and keeps a few sums.

use types::TimestampMs;

use crate::header::BatchHeader;
use crate::item::RecordError;
use crate::varint::Cursor;

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

/// Walks the inflated records section behind `header`.
pub(super) fn walk(records: &[u8], header: &BatchHeader) -> Result<Walk, RecordError> {
    let mut cursor = Cursor::new(records);
    let mut walked = Walk {
        min_timestamp: TimestampMs(i64::MAX),
        max_timestamp: TimestampMs::NONE,
        max_timestamp_index: 0,
        has_keyless: false,
        are_offsets_dense: true,
    };
    for index in 0..header.record_count {
        walk_one(&mut cursor, header.base_timestamp, index, &mut walked)
            .ok_or(RecordError::Malformed { index })?;
    }
    match cursor.remaining() {
        0 => Ok(walked),
        bytes => Err(RecordError::Surplus { bytes }),
    }
}

#[inline]
fn walk_one(
    cursor: &mut Cursor<'_>,
    base_timestamp: TimestampMs,
    index: i32,
    walked: &mut Walk,
) -> Option<()> {
    let length = usize::try_from(cursor.varint()?).ok()?;
    let mut record = Cursor::new(cursor.take(length)?);
    record.byte()?;
    let timestamp = TimestampMs(base_timestamp.0.wrapping_add(record.varlong()?));
    walked.are_offsets_dense &= record.varint()? == index;
    walked.has_keyless |= record.nullable_bytes()?.is_none();
    record.nullable_bytes()?;
    for _ in 0..u32::try_from(record.varint()?).ok()? {
        record.nullable_bytes()??;
        record.nullable_bytes()?;
    }
    if record.remaining() != 0 {
        return None;
    }
    walked.min_timestamp = walked.min_timestamp.min(timestamp);
    if timestamp > walked.max_timestamp {
        walked.max_timestamp = timestamp;
        walked.max_timestamp_index = index;
    }
    Some(())
}
