//! One pass over a batch's records that proves them well-formed and keeps a few sums.

use types::TimestampMs;

use super::shape::Shapes;
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
pub(super) struct Seen {
    pub(super) timestamp_delta: i64,
    pub(super) offset_delta: i64,
    pub(super) is_keyless: bool,
    /// Where the next record begins.
    pub(super) end: usize,
}

/// Walks the inflated records section behind `header`.
///
/// This is the inner loop of every Produce request. Nearly all records have short varints and no
/// headers; [`glance`] reads those from three words, and leaves every other to [`read`], which
/// alone decides what is malformed.
pub(super) fn walk(records: &[u8], header: &BatchHeader) -> Result<Walk, RecordError> {
    let mut walked = Walk::new();
    let mut shapes = Shapes::new();
    let mut last_delta = None;
    let (mut at, mut index) = (0, 0);
    while index < header.record_count {
        let (seen, repeats) = match shapes.read(records, at) {
            Some(seen) => {
                let behind = usize::try_from(header.record_count - index - 1).unwrap_or(0);
                (seen, shapes.repeats(records, at, behind))
            }
            None => {
                let seen = glance(records, at)
                    .or_else(|| read(records, at))
                    .ok_or(RecordError::Malformed { index })?;
                shapes.note(records, at, &seen);
                (seen, 0)
            }
        };
        walked.are_offsets_dense &= seen.offset_delta == i64::from(index);
        walked.has_keyless |= seen.is_keyless;
        if last_delta != Some(seen.timestamp_delta) {
            last_delta = Some(seen.timestamp_delta);
            let timestamp = header.base_timestamp.0.wrapping_add(seen.timestamp_delta);
            walked.add_timestamp(TimestampMs(timestamp), index);
        }
        at = seen.end + repeats * (seen.end - at);
        index += 1 + i32::try_from(repeats).unwrap_or(0);
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

pub(super) const ATTRIBUTES_BYTES: usize = 1;
/// A header count of zero.
pub(super) const NO_HEADERS: u8 = 0;
/// The varint of -1, the length of what is null.
pub(super) const NULL: u64 = 1;

/// Eight bytes of a section, consumed from the front. Zeros follow them, so a reader that may come
/// to their end has to compare `taken` in the end.
pub(super) struct Word {
    pub(super) bits: u64,
    pub(super) taken: usize,
}

impl Word {
    pub(super) const BYTES: usize = 8;

    #[inline(always)]
    pub(super) fn at(bytes: &[u8], at: usize) -> Option<Self> {
        let word = bytes.get(at..)?.first_chunk::<{ Self::BYTES }>()?;
        Some(Self { bits: u64::from_le_bytes(*word), taken: 0 })
    }

    /// The raw value of a varint of one to three bytes.
    #[inline(always)]
    pub(super) fn varint(&mut self) -> Option<u64> {
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::builder::{BatchBuilder, Producer};
    use crate::compression::{Codec, Scratch};
    use crate::header::HEADER_BYTES;

    /// The walk without any of its shortcuts.
    fn plainly(records: &[u8], header: &BatchHeader) -> Result<Walk, RecordError> {
        let mut walked = Walk::new();
        let mut at = 0;
        for index in 0..header.record_count {
            let seen = read(records, at).ok_or(RecordError::Malformed { index })?;
            at = seen.end;
            walked.are_offsets_dense &= seen.offset_delta == i64::from(index);
            walked.has_keyless |= seen.is_keyless;
            let timestamp = header.base_timestamp.0.wrapping_add(seen.timestamp_delta);
            walked.add_timestamp(TimestampMs(timestamp), index);
        }
        match records.len() - at {
            0 => Ok(walked),
            bytes => Err(RecordError::Surplus { bytes }),
        }
    }

    /// Key and value lengths and the step in time of so many records.
    fn runs() -> impl Strategy<Value = Vec<(Option<usize>, Option<usize>, i64, usize)>> {
        let length = || prop::option::of(prop_oneof![0..4_usize, 60..70_usize, Just(9000)]);
        let step = prop_oneof![Just(0), Just(1), -70..70_i64, Just(3_000_000)];
        prop::collection::vec((length(), length(), step, 0..150_usize), 0..4)
    }

    fn built(runs: &[(Option<usize>, Option<usize>, i64, usize)]) -> (BatchHeader, Vec<u8>) {
        let mut builder = BatchBuilder::new();
        let mut timestamp = 1_700_000_000_000;
        for &(key, value, step, count) in runs {
            for _ in 0..count {
                timestamp += step;
                let [key, value] = [key, value].map(|length| length.map(|length| vec![0; length]));
                let at = TimestampMs(timestamp);
                builder.append(at, key.as_deref(), value.as_deref(), &[]).expect("small");
            }
        }
        let bytes = builder.finish(Codec::NONE, Producer::NONE, &mut Scratch::new());
        let header = BatchHeader::parse(&bytes).expect("a batch");
        (header, bytes[HEADER_BYTES..].to_vec())
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..Default::default() })]

        #[test]
        fn shortcuts_see_what_plain_reading_sees(
            runs in runs(),
            changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..3),
            near_the_front in any::<bool>(),
        ) {
            let (header, mut records) = built(&runs);
            prop_assert_eq!(walk(&records, &header), plainly(&records, &header));
            for (at, value) in changes {
                let bytes = if near_the_front { records.len().min(600) } else { records.len() };
                if bytes > 0 {
                    records[at.index(bytes)] = value;
                }
                prop_assert_eq!(walk(&records, &header), plainly(&records, &header));
            }
        }
    }

    /// Every byte of a run of equal records, changed to what might mislead a comparison.
    #[test]
    fn no_single_byte_misleads() {
        let (header, records) = built(&[(None, Some(3), 0, 68), (Some(2), Some(70), 1, 8)]);
        for at in 0..records.len() {
            for value in [0x00, 0x01, 0x02, 0x7e, 0x80, 0x81, 0xff] {
                let mut records = records.clone();
                records[at] = value;
                assert_eq!(walk(&records, &header), plainly(&records, &header), "{at} {value:x}");
            }
        }
    }

    /// The offset 63 counts on to bytes that are those of 64 only in a record laid out otherwise.
    #[test]
    fn a_repeated_offset_does_not_carry() {
        let (mut header, mut records) = built(&[(None, Some(3), 0, 64)]);
        let bytes = records.len() / 64;
        let last = records[records.len() - bytes..].to_vec();
        assert_eq!(last[3], 2 * 63);
        records.extend_from_slice(&last);
        let offset_at = records.len() - bytes + 3;
        records[offset_at] += 2;
        // Room for the comparison of whole words behind it.
        records.extend_from_slice(&last);
        header.record_count = 66;
        assert_eq!(walk(&records, &header), Err(RecordError::Malformed { index: 64 }));
        assert_eq!(plainly(&records, &header), Err(RecordError::Malformed { index: 64 }));
    }
}
