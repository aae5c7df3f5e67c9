//! Whether a producer's batch may enter a log, by the rules of Kafka's leader.

mod rejection;
mod shape;
mod walk;

use std::borrow::Cow;

use types::{ErrorCode, Offset, Sequence, TimestampMs};

pub use rejection::{RecordRejection, Rejection};

use crate::attributes::TimestampType;
use crate::batch::{Batch, batches};
use crate::compression::{Codec, Compression, INFLATED_BYTES_MAX, Scratch};
use crate::crc::crc32c_patched;
use crate::header::{BatchHeader, CRC_FROM};
use crate::item::Records;
use crate::valid::ValidBatch;
use walk::{Walk, walk};

/// What a partition accepts. The default is that of a topic without configs of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rules {
    /// `max.message.bytes`: of the batch as it arrives, and as it is stored.
    pub batch_bytes_max: usize,
    /// How far the records may inflate, all together.
    pub inflated_bytes_max: usize,
    /// `max.decompressed.message.bytes`: of each record that comes compressed.
    pub record_bytes_max: usize,
    /// Whether the request may carry zstd: Produce from v7 on.
    pub zstd_allowed: bool,
    /// `cleanup.policy` contains `compact`: every record needs a key.
    pub compacted: bool,
    /// `message.timestamp.type`.
    pub timestamp_type: TimestampType,
    /// `message.timestamp.before.max.ms`: how old a record may be.
    pub timestamp_before_ms_max: i64,
    /// `message.timestamp.after.max.ms`: how far in the future a record may be.
    pub timestamp_after_ms_max: i64,
    /// `compression.type` with its level; `None` for `producer`, which keeps what arrives.
    pub compression: Option<Codec>,
}

/// How many records a rejection names. A batch that fits a request can inflate to millions of
/// them, and each would cost a hundred bytes in memory and in the response.
const RECORD_ERRORS_MAX: usize = 10_000;

impl Default for Rules {
    fn default() -> Self {
        Self {
            batch_bytes_max: 1_048_588,
            inflated_bytes_max: INFLATED_BYTES_MAX,
            record_bytes_max: usize::MAX,
            zstd_allowed: true,
            compacted: false,
            timestamp_type: TimestampType::CreateTime,
            timestamp_before_ms_max: i64::MAX,
            timestamp_after_ms_max: 3_600_000,
            compression: None,
        }
    }
}

/// Decides on the records of one partition in a Produce request: exactly one batch.
///
/// What comes back is the batch as it is to be stored: max timestamp and attributes as the rules
/// say, compressed anew where `compression.type` differs, the checksum right for both.
///
/// # Errors
/// The code, message and per-record errors that the response shall hold.
pub fn validate<'a>(
    records: &'a [u8],
    rules: &Rules,
    now: TimestampMs,
    scratch: &mut Scratch,
) -> Result<ValidBatch<'a>, Rejection> {
    let limit = scratch.replace_limit(rules.inflated_bytes_max);
    let judged = judge(records, rules, now, scratch);
    scratch.replace_limit(limit);
    judged
}

fn judge<'a>(
    records: &'a [u8],
    rules: &Rules,
    now: TimestampMs,
    scratch: &mut Scratch,
) -> Result<ValidBatch<'a>, Rejection> {
    let batch = only_batch(records, rules)?;
    let header = batch.header();
    rules.check_size(batch.bytes().len())?;
    if !batch.is_crc_valid() {
        return Err(Rejection::crc(header.crc, batch.computed_crc()));
    }
    check_header(header)?;
    let compression = header.attributes.compression();
    let records = scratch.inflate(compression, batch.body())?;
    rules.check_record_sizes(header, records)?;
    let walked = walk(records, header)?;
    rules.check_records(header, records, &walked, now)?;

    match rules.compression {
        Some(codec) if codec.compression() != compression => {
            let stored = rules.recompressed(&batch, codec, &walked, now, scratch);
            rules.check_size(stored.total_bytes())?;
            Ok(stored)
        }
        Some(_) | None => Ok(rules.kept(&batch, &walked, now)),
    }
}

/// The batch, if there is exactly one. A cut-off second one is dropped, as Kafka does.
fn only_batch<'a>(records: &'a [u8], rules: &Rules) -> Result<Batch<'a>, Rejection> {
    let mut framed = batches(records);
    let batch = framed.next().ok_or_else(|| Rejection::batch_count(0))??;
    if batch.header().attributes.compression() == Compression::Zstd && !rules.zstd_allowed {
        return Err(Rejection::zstd());
    }
    match framed.next() {
        None => Ok(batch),
        Some(Ok(_)) => Err(Rejection::batch_count(2)),
        Some(Err(error)) => Err(error.into()),
    }
}

/// What the header alone tells against a client's batch.
fn check_header(header: &BatchHeader) -> Result<(), Rejection> {
    let invalid = |message: String| Err(Rejection::new(ErrorCode::InvalidRecord, message));
    if header.base_offset != Offset::ZERO {
        return invalid(format!(
            "the base offset of a producer's batch must be 0, it is {}",
            header.base_offset
        ));
    }
    if header.record_count <= 0 || header.last_offset_delta != header.record_count - 1 {
        return invalid(format!(
            "the batch counts {} records, but its last offset delta is {}",
            header.record_count, header.last_offset_delta
        ));
    }
    if header.attributes.is_control() {
        return invalid("clients may not write control records".to_owned());
    }
    if header.has_producer_id() && header.base_sequence < Sequence(0) {
        return invalid(format!(
            "invalid sequence {} in a batch of producer {}",
            header.base_sequence, header.producer_id
        ));
    }
    Ok(())
}

impl Rules {
    fn check_size(&self, bytes: usize) -> Result<(), Rejection> {
        if bytes > self.batch_bytes_max {
            return Err(Rejection::size(bytes, self.batch_bytes_max));
        }
        Ok(())
    }

    /// Looks at single records only where all of them together are larger than one may be.
    fn check_record_sizes(&self, header: &BatchHeader, records: &[u8]) -> Result<(), Rejection> {
        let is_compressed = header.attributes.compression() != Compression::None;
        if !is_compressed || records.len() <= self.record_bytes_max {
            return Ok(());
        }
        for record in Records::new(header, records).capped(self.record_bytes_max) {
            record?;
        }
        Ok(())
    }

    /// Judges the records by what the walk saw of all of them together; only where that shows an
    /// offender are they read one by one.
    fn check_records(
        &self,
        header: &BatchHeader,
        records: &[u8],
        walked: &Walk,
        now: TimestampMs,
    ) -> Result<(), Rejection> {
        if !walked.are_offsets_dense {
            return Err(Rejection::offsets());
        }
        let is_stamped = header.attributes.timestamp_type() == TimestampType::LogAppendTime;
        let in_bounds = self.are_in_bounds(walked, now);
        let keys_missing = self.compacted && walked.has_keyless;
        if in_bounds && !keys_missing && !is_stamped {
            return Ok(());
        }
        let mut offenders = Vec::new();
        let mut code = ErrorCode::InvalidRecord;
        let created = BatchHeader {
            attributes: header.attributes.with_timestamp_type(TimestampType::CreateTime),
            ..*header
        };
        for (index, record) in (0..).zip(Records::new(&created, records)) {
            let record = record?;
            let message = if self.compacted && record.key.is_none() {
                "a compacted topic does not accept a record without key".to_owned()
            } else if is_stamped {
                code = ErrorCode::InvalidTimestamp;
                "a producer may not set the timestamp type LogAppendTime".to_owned()
            } else if !self.is_in_bounds(record.timestamp, now) {
                code = ErrorCode::InvalidTimestamp;
                self.out_of_bounds(record.timestamp, now)
            } else {
                continue;
            };
            offenders.push(RecordRejection { index, message: Some(message) });
            if offenders.len() == RECORD_ERRORS_MAX {
                break;
            }
        }
        if offenders.is_empty() { Ok(()) } else { Err(Rejection::records(code, offenders)) }
    }

    /// Whether all records are known to be in bounds. The least timestamp does not tell where some
    /// records have one and some have none, which counts as less than any.
    fn are_in_bounds(&self, walked: &Walk, now: TimestampMs) -> bool {
        let is_mixed =
            walked.min_timestamp == TimestampMs::NONE && walked.max_timestamp != TimestampMs::NONE;
        !is_mixed
            && self.is_in_bounds(walked.min_timestamp, now)
            && self.is_in_bounds(walked.max_timestamp, now)
    }

    /// Records without a timestamp, and all where the leader stamps, pass.
    fn is_in_bounds(&self, timestamp: TimestampMs, now: TimestampMs) -> bool {
        if timestamp == TimestampMs::NONE || self.timestamp_type == TimestampType::LogAppendTime {
            return true;
        }
        let age = now.0.saturating_sub(timestamp.0);
        age <= self.timestamp_before_ms_max && age.saturating_neg() <= self.timestamp_after_ms_max
    }

    fn out_of_bounds(&self, timestamp: TimestampMs, now: TimestampMs) -> String {
        let earliest = now.0.saturating_sub(self.timestamp_before_ms_max);
        let latest = now.0.saturating_add(self.timestamp_after_ms_max);
        format!("timestamp {timestamp} is out of range, it should be within [{earliest}, {latest}]")
    }

    /// The batch with its records section as it came.
    fn kept<'a>(&self, batch: &Batch<'a>, walked: &Walk, now: TimestampMs) -> ValidBatch<'a> {
        let (header, at) = self.stamped(batch.header(), walked, now);
        let patched = patch_crc(batch.header(), header, batch.body().len());
        ValidBatch::new(patched, Cow::Borrowed(batch.body()), at)
    }

    /// The header with the timestamps that are stored, and where its greatest one is.
    fn stamped(&self, header: &BatchHeader, walked: &Walk, now: TimestampMs) -> (BatchHeader, i32) {
        let (max_timestamp, at) = match self.timestamp_type {
            TimestampType::CreateTime => (walked.max_timestamp, walked.max_timestamp_index),
            TimestampType::LogAppendTime => (now, header.last_offset_delta),
        };
        let attributes = header.attributes.with_timestamp_type(self.timestamp_type);
        (BatchHeader { attributes, max_timestamp, ..*header }, at)
    }

    /// The batch with the same records section in another compression. Where the batch came
    /// compressed, `scratch` holds what was inflated of it.
    fn recompressed(
        &self,
        batch: &Batch<'_>,
        codec: Codec,
        walked: &Walk,
        now: TimestampMs,
        scratch: &mut Scratch,
    ) -> ValidBatch<'static> {
        let mut body = Vec::new();
        if batch.header().attributes.compression() == Compression::None {
            scratch.compress(codec, batch.body(), &mut body);
        } else {
            scratch.compress_inflated(codec, &mut body);
        }
        let (mut header, at) = self.stamped(batch.header(), walked, now);
        header.attributes = header.attributes.with_compression(codec.compression());
        header.seal_for(&body).expect("what a scratch inflates fits a batch");
        ValidBatch::new(header, Cow::Owned(body), at)
    }
}

/// `new` with the checksum that `old` has, moved by what differs between them.
fn patch_crc(old: &BatchHeader, new: BatchHeader, body_bytes: usize) -> BatchHeader {
    if *old == new {
        return new;
    }
    let (old_bytes, new_bytes) = (old.encode(), new.encode());
    let crc = crc32c_patched(old.crc, &old_bytes[CRC_FROM..], &new_bytes[CRC_FROM..], body_bytes);
    BatchHeader { crc, ..new }
}
