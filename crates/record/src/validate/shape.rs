//! Records that are laid out like the one before them: fixed-size values, keys of one length.

use super::walk::{ATTRIBUTES_BYTES, NO_HEADERS, NULL, Seen, Word};
use crate::varint::unzigzag;

/// Where the fields of a record are, and the bits that every record of the same layout has.
///
/// ```text
/// front word:  length ▪ attributes ▪ timestamp delta ▪ offset delta ▪ key length   at most 8 bytes
///   compared:  all      none         continuation      continuation   all
/// value word:  value length ▪ …    compared: the length
/// last byte:   0, no headers
/// ```
/// Comparing these three is a third of the work of reading the record, and does not wait for the
/// record's length to know where the next one begins.
#[derive(Clone, Copy)]
pub(super) struct Shape {
    front: Masked,
    timestamp: Field,
    offset: Field,
    is_keyless: bool,
    value_at: usize,
    value: Masked,
    headers_at: usize,
}

/// Bits that a word is to have under a mask.
#[derive(Clone, Copy)]
struct Masked {
    mask: u64,
    bits: u64,
}

/// A varint within a word.
#[derive(Clone, Copy)]
struct Field {
    shift: usize,
    mask: u64,
}

/// How many records of one size make it worth noting their shape.
const RUN_RECORDS_MIN: u32 = 4;

/// The shape of the records at hand, once enough of them had the same size.
pub(super) struct Shapes {
    shape: Option<Shape>,
    bytes: usize,
    run: u32,
}

impl Shapes {
    pub(super) fn new() -> Self {
        Self { shape: None, bytes: 0, run: 0 }
    }

    /// The record at `at`, if it has the noted shape.
    #[inline(always)]
    pub(super) fn read(&self, records: &[u8], at: usize) -> Option<Seen> {
        self.shape.as_ref()?.read(records, at)
    }

    /// How many records behind `seen`, which was just read in the noted shape and began at `at`,
    /// have that shape too, the same timestamp, and offsets that count on: up to `count_max`.
    #[inline(always)]
    pub(super) fn repeats(&self, records: &[u8], at: usize, count_max: usize) -> usize {
        self.shape.as_ref().and_then(|shape| shape.repeats(records, at, count_max)).unwrap_or(0)
    }

    /// Notes a record that had another shape and was read by other means.
    #[inline]
    pub(super) fn note(&mut self, records: &[u8], at: usize, seen: &Seen) {
        let bytes = seen.end - at;
        if bytes != self.bytes {
            self.bytes = bytes;
            self.run = 0;
            return;
        }
        self.run += 1;
        if self.run >= RUN_RECORDS_MIN {
            self.run = 0;
            self.shape = Shape::of(records, at, seen);
        }
    }
}

impl Shape {
    /// The shape of a well-formed record; `None` where it has headers or wide fields.
    #[cold]
    fn of(records: &[u8], at: usize, seen: &Seen) -> Option<Self> {
        let mut word = Word::at(records, at)?;
        let bits = word.bits;
        word.varint()?;
        let timestamp_at = word.taken + ATTRIBUTES_BYTES;
        let mut front = Masked::of_bytes(bits, 0, word.taken);
        let mut word = Word::at(records, at + timestamp_at)?;
        word.varint()?;
        let offset_at = timestamp_at + word.taken;
        word.varint()?;
        let key_at = timestamp_at + word.taken;
        let key_raw = word.varint()?;
        let fields_end = timestamp_at + word.taken;
        if fields_end > Word::BYTES {
            return None;
        }
        front.add(Masked::of_continuation(bits, timestamp_at, key_at));
        front.add(Masked::of_bytes(bits, key_at, fields_end));
        let key_bytes = if key_raw == NULL { 0 } else { usize::try_from(key_raw >> 1).ok()? };
        let value_at = fields_end + key_bytes;
        let mut value = Word::at(records, at + value_at)?;
        let value_bits = value.bits;
        value.varint()?;
        let headers_at = seen.end - at - 1;
        (records.get(at + headers_at) == Some(&NO_HEADERS)).then(|| Self {
            front,
            timestamp: Field::new(timestamp_at, offset_at),
            offset: Field::new(offset_at, key_at),
            is_keyless: seen.is_keyless,
            value_at,
            value: Masked::of_bytes(value_bits, 0, value.taken),
            headers_at,
        })
    }

    #[inline(always)]
    fn read(&self, records: &[u8], at: usize) -> Option<Seen> {
        let front = Word::at(records, at)?.bits;
        let value = Word::at(records, at + self.value_at)?.bits;
        let headers = *records.get(at + self.headers_at)?;
        if !self.front.holds(front) || !self.value.holds(value) || headers != NO_HEADERS {
            return None;
        }
        Some(Seen {
            timestamp_delta: self.timestamp.read(front),
            offset_delta: self.offset.read(front),
            is_keyless: self.is_keyless,
            end: at + self.headers_at + 1,
        })
    }
}

impl Shape {
    /// See [`Shapes::repeats`]. The offset is counted in its lowest group of seven bits and never
    /// beyond, where it would carry into bits that mean something else.
    #[inline(always)]
    fn repeats(&self, records: &[u8], at: usize, count_max: usize) -> Option<usize> {
        let bytes = self.headers_at + 1;
        let all = self.front.mask | self.timestamp.placed() | self.offset.placed();
        let mut front = Word::at(records, at)?.bits & all;
        let group = front >> self.offset.shift & 0x7f;
        let until_carry = usize::try_from((0x7f - group) >> 1).ok()?;
        let one_on = 2 << self.offset.shift;
        let mut at = at;
        for count in 0..count_max.min(until_carry) {
            at += bytes;
            front += one_on;
            let is_repeat = Word::at(records, at).is_some_and(|word| word.bits & all == front)
                && Word::at(records, at + self.value_at)
                    .is_some_and(|word| self.value.holds(word.bits))
                && records.get(at + self.headers_at) == Some(&NO_HEADERS);
            if !is_repeat {
                return Some(count);
            }
        }
        Some(count_max.min(until_carry))
    }
}

impl Masked {
    /// The bytes `from..to` of `word`.
    fn of_bytes(word: u64, from: usize, to: usize) -> Self {
        let mask = bytes_mask(from, to);
        Self { mask, bits: word & mask }
    }

    /// The continuation bits of the bytes `from..to` of `word`.
    fn of_continuation(word: u64, from: usize, to: usize) -> Self {
        let mask = bytes_mask(from, to) & 0x8080_8080_8080_8080;
        Self { mask, bits: word & mask }
    }

    fn add(&mut self, other: Self) {
        self.mask |= other.mask;
        self.bits |= other.bits;
    }

    #[inline(always)]
    fn holds(self, word: u64) -> bool {
        word & self.mask == self.bits
    }
}

impl Field {
    fn new(from: usize, to: usize) -> Self {
        Self { shift: 8 * from, mask: bytes_mask(0, to - from) & 0x7f7f_7f7f_7f7f_7f7f }
    }

    /// Its value bits where they are in the word.
    #[inline(always)]
    fn placed(self) -> u64 {
        self.mask << self.shift
    }

    /// The value of a varint of at most three bytes.
    #[inline(always)]
    fn read(self, word: u64) -> i64 {
        let groups = word >> self.shift & self.mask;
        unzigzag(groups & 0x7f | groups >> 1 & 0x3f80 | groups >> 2 & 0x1f_c000)
    }
}

/// All bits of the bytes `from..to` of a word.
fn bytes_mask(from: usize, to: usize) -> u64 {
    let below = |at: usize| if at >= Word::BYTES { u64::MAX } else { (1 << (8 * at)) - 1 };
    below(to) & !below(from)
}
