//! The 61 bytes in front of every batch's records.

use std::fmt;

use types::{LeaderEpoch, Offset, ProducerEpoch, ProducerId, Sequence, TimestampMs};

use crate::attributes::{Attributes, UnknownCompression};
use crate::bytes::array_at;
use crate::crc::{crc32c, crc32c_before};

/// Bytes of a v2 batch in front of its records section.
pub const HEADER_BYTES: usize = 61;
/// Bytes of a batch that its `batch_length` does not count: the offset and the length itself.
pub const LENGTH_PREFIX_BYTES: usize = 12;
/// Where the checksummed part begins.
pub(crate) const CRC_FROM: usize = 21;
/// Where the magic byte stands, in every version of the format.
pub(crate) const MAGIC_AT: usize = 16;
/// The only format that a log of Kafka 4 accepts.
pub(crate) const MAGIC: u8 = 2;
/// `batch_length` of a batch without records.
pub(crate) const BATCH_LENGTH_MIN: i32 = 49;

const _: () = assert!(HEADER_BYTES - LENGTH_PREFIX_BYTES == 49);

/// The header of a batch of records, format v2 (all integers big-endian).
///
/// ```text
///  at bytes field
///   0   8   base offset             written by the leader
///   8   4   batch length            bytes behind this field
///  12   4   partition leader epoch  written by the leader
///  16   1   magic                   2
///  17   4   CRC-32C                 of everything behind it: what the leader writes is not covered
///  21   2   attributes              see [`Attributes`]
///  23   4   last offset delta
///  27   8   base timestamp          of the first record, or the delete horizon
///  35   8   max timestamp           of all records; the time of append with LogAppendTime
///  43   8   producer id             -1: not idempotent
///  51   2   producer epoch          -1: not idempotent
///  53   4   base sequence           of the first record; -1: not idempotent
///  57   4   record count
///  61       records                 compressed as the attributes say
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchHeader {
    pub base_offset: Offset,
    /// Bytes of the batch behind this field: the whole is 12 bytes longer. At least 49.
    pub batch_length: i32,
    pub leader_epoch: LeaderEpoch,
    pub crc: u32,
    pub attributes: Attributes,
    pub last_offset_delta: i32,
    pub base_timestamp: TimestampMs,
    pub max_timestamp: TimestampMs,
    pub producer_id: ProducerId,
    pub producer_epoch: ProducerEpoch,
    pub base_sequence: Sequence,
    pub record_count: i32,
}

/// Why 61 bytes are not the header of a v2 batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BatchHeaderError {
    /// Fewer than [`HEADER_BYTES`].
    Short,
    /// Magic 0 and 1 are the formats before Kafka 0.11; the rest is no batch.
    Magic(u8),
    /// `batch_length` is too small to hold the header.
    Length(i32),
    Compression(UnknownCompression),
}

impl fmt::Display for BatchHeaderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Short => write!(f, "a batch header has {HEADER_BYTES} bytes, there are fewer"),
            Self::Magic(magic) => write!(f, "magic {magic}, only record batches of magic 2 exist"),
            Self::Length(length) => {
                write!(f, "batch length {length} is below the least of {BATCH_LENGTH_MIN}")
            }
            Self::Compression(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for BatchHeaderError {}

impl BatchHeader {
    /// Reads the header at the front of `bytes`. The checksum is not compared, the record counts
    /// are not judged; the length and the compression type are known to be possible ones.
    ///
    /// # Errors
    /// See [`BatchHeaderError`].
    pub fn parse(bytes: &[u8]) -> Result<Self, BatchHeaderError> {
        let bytes: &[u8; HEADER_BYTES] = bytes.first_chunk().ok_or(BatchHeaderError::Short)?;
        if bytes[MAGIC_AT] != MAGIC {
            return Err(BatchHeaderError::Magic(bytes[MAGIC_AT]));
        }
        let batch_length = i32::from_be_bytes(at(bytes, 8));
        if batch_length < BATCH_LENGTH_MIN {
            return Err(BatchHeaderError::Length(batch_length));
        }
        let attributes = Attributes::parse(i16::from_be_bytes(at(bytes, 21)));
        Ok(Self {
            base_offset: Offset(i64::from_be_bytes(at(bytes, 0))),
            batch_length,
            leader_epoch: LeaderEpoch(i32::from_be_bytes(at(bytes, 12))),
            crc: u32::from_be_bytes(at(bytes, 17)),
            attributes: attributes.map_err(BatchHeaderError::Compression)?,
            last_offset_delta: i32::from_be_bytes(at(bytes, 23)),
            base_timestamp: TimestampMs(i64::from_be_bytes(at(bytes, 27))),
            max_timestamp: TimestampMs(i64::from_be_bytes(at(bytes, 35))),
            producer_id: ProducerId(i64::from_be_bytes(at(bytes, 43))),
            producer_epoch: ProducerEpoch(i16::from_be_bytes(at(bytes, 51))),
            base_sequence: Sequence(i32::from_be_bytes(at(bytes, 53))),
            record_count: i32::from_be_bytes(at(bytes, 57)),
        })
    }

    /// The header as it is written, with the checksum that it holds.
    #[must_use]
    pub fn encode(&self) -> [u8; HEADER_BYTES] {
        let mut out = [0; HEADER_BYTES];
        put(&mut out, 0, self.base_offset.0.to_be_bytes());
        put(&mut out, 8, self.batch_length.to_be_bytes());
        put(&mut out, 12, self.leader_epoch.0.to_be_bytes());
        out[MAGIC_AT] = MAGIC;
        put(&mut out, 17, self.crc.to_be_bytes());
        put(&mut out, 21, self.attributes.bits().to_be_bytes());
        put(&mut out, 23, self.last_offset_delta.to_be_bytes());
        put(&mut out, 27, self.base_timestamp.0.to_be_bytes());
        put(&mut out, 35, self.max_timestamp.0.to_be_bytes());
        put(&mut out, 43, self.producer_id.0.to_be_bytes());
        put(&mut out, 51, self.producer_epoch.0.to_be_bytes());
        put(&mut out, 53, self.base_sequence.0.to_be_bytes());
        put(&mut out, 57, self.record_count.to_be_bytes());
        out
    }

    /// Writes the header over the front of `out`.
    ///
    /// # Panics
    /// When `out` is shorter than the header: the caller's buffer is the caller's fault.
    pub fn encode_into(&self, out: &mut [u8]) {
        out[..HEADER_BYTES].copy_from_slice(&self.encode());
    }

    /// Bytes of the whole batch, header included.
    #[must_use]
    pub fn total_bytes(&self) -> usize {
        usize::try_from(self.batch_length).expect("checked by parse") + LENGTH_PREFIX_BYTES
    }

    /// The offset of the last record; of the last that was there, in a compacted batch.
    #[must_use]
    pub fn last_offset(&self) -> Offset {
        Offset(self.base_offset.0.saturating_add(self.last_offset_delta.into()))
    }

    /// The offset of whatever comes behind this batch.
    #[must_use]
    pub fn next_offset(&self) -> Offset {
        Offset(self.last_offset().0.saturating_add(1))
    }

    /// The sequence of the last record; none where the first has none.
    #[must_use]
    pub fn last_sequence(&self) -> Sequence {
        match self.base_sequence {
            Sequence::NONE => Sequence::NONE,
            base => base.plus(self.last_offset_delta),
        }
    }

    /// Whether the producer is idempotent.
    #[must_use]
    pub fn has_producer_id(&self) -> bool {
        self.producer_id.0 > ProducerId::NONE.0
    }

    /// From when the tombstones of the batch may be dropped, where compaction has noted it.
    #[must_use]
    pub fn delete_horizon(&self) -> Option<TimestampMs> {
        self.attributes.has_delete_horizon().then_some(self.base_timestamp)
    }

    /// Sets the checksum for a records section of which only the own checksum is at hand.
    pub(crate) fn seal(&mut self, body_crc: u32, body_bytes: usize) {
        self.crc = crc32c_before(&self.encode()[CRC_FROM..], body_crc, body_bytes);
    }

    /// Sets length and checksum for this records section.
    pub(crate) fn seal_for(&mut self, body: &[u8]) -> Result<(), BodyTooLarge> {
        let bytes =
            i32::try_from(body.len()).ok().and_then(|body| body.checked_add(BATCH_LENGTH_MIN));
        self.batch_length = bytes.ok_or(BodyTooLarge)?;
        self.seal(crc32c(body), body.len());
        Ok(())
    }
}

/// A records section of 2 GiB or more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BodyTooLarge;

fn at<const N: usize>(bytes: &[u8; HEADER_BYTES], at: usize) -> [u8; N] {
    array_at(bytes, at).expect("within the header")
}

fn put<const N: usize>(out: &mut [u8; HEADER_BYTES], at: usize, bytes: [u8; N]) {
    out[at..at + N].copy_from_slice(&bytes);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header() -> BatchHeader {
        BatchHeader {
            base_offset: Offset(0x0102_0304_0506_0708),
            batch_length: 49,
            leader_epoch: LeaderEpoch(7),
            crc: 0xdead_beef,
            attributes: Attributes::default().with_transactional(true),
            last_offset_delta: 9,
            base_timestamp: TimestampMs(-5),
            max_timestamp: TimestampMs(1_700_000_000_000),
            producer_id: ProducerId(4711),
            producer_epoch: ProducerEpoch(3),
            base_sequence: Sequence(i32::MAX),
            record_count: 10,
        }
    }

    #[test]
    fn what_is_written_is_read() {
        let bytes = header().encode();
        assert_eq!(BatchHeader::parse(&bytes), Ok(header()));
        assert_eq!(bytes[..8], [1, 2, 3, 4, 5, 6, 7, 8]);
        assert_eq!(bytes[16..21], [2, 0xde, 0xad, 0xbe, 0xef]);
        assert_eq!(header().last_sequence(), Sequence(8));
    }

    #[test]
    fn what_is_no_header_is_refused() {
        let check = |at: usize, value: u8, error: BatchHeaderError| {
            let mut bytes = header().encode();
            bytes[at] = value;
            assert_eq!(BatchHeader::parse(&bytes), Err(error));
        };
        check(16, 1, BatchHeaderError::Magic(1));
        check(11, 48, BatchHeaderError::Length(48));
        check(8, 0xff, BatchHeaderError::Length(-16_777_167));
        check(22, 7, BatchHeaderError::Compression(UnknownCompression(7)));
        assert_eq!(BatchHeader::parse(&[0; 60]), Err(BatchHeaderError::Short));
    }
}
