//! Writing batches: record by record into one buffer that is reused for the next batch.

use std::borrow::Cow;
use std::fmt;

use types::{LeaderEpoch, Offset, ProducerEpoch, ProducerId, Sequence, TimestampMs};

use crate::attributes::Attributes;
use crate::compression::{Codec, Scratch};
use crate::header::{BATCH_LENGTH_MIN, BatchHeader, HEADER_BYTES};
use crate::item::Header;
use crate::valid::ValidBatch;
use crate::varint::{push_varint, push_varlong, varint_bytes, varlong_bytes};

/// Collects records and makes one batch of them.
#[derive(Clone, Debug, Default)]
pub struct BatchBuilder {
    records: Vec<u8>,
    count: i32,
    base_timestamp: TimestampMs,
    max_timestamp: TimestampMs,
    max_timestamp_index: i32,
}

/// Who produces a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Producer {
    pub id: ProducerId,
    pub epoch: ProducerEpoch,
    pub base_sequence: Sequence,
    pub transactional: bool,
}

/// A record that would make its batch larger than the format can say (2 GiB).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchTooLarge;

impl fmt::Display for BatchTooLarge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("with this record the batch would have 2 GiB or more; start another batch")
    }
}

impl std::error::Error for BatchTooLarge {}

impl Producer {
    /// Neither idempotent nor transactional.
    pub const NONE: Self = Self {
        id: ProducerId::NONE,
        epoch: ProducerEpoch::NONE,
        base_sequence: Sequence::NONE,
        transactional: false,
    };
}

impl Default for Producer {
    fn default() -> Self {
        Self::NONE
    }
}

/// The content of a record between its offset delta and its end.
pub(crate) struct Content<'c> {
    pub(crate) key: Option<&'c [u8]>,
    pub(crate) value: Option<&'c [u8]>,
    pub(crate) headers: &'c [Header<'c>],
}

/// Half of the greatest length: what is compressed must fit even where compression makes it longer.
const RECORDS_BYTES_MAX: usize = 1 << 30;

impl BatchBuilder {
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// How many records are in.
    #[must_use]
    pub fn record_count(&self) -> i32 {
        self.count
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Bytes of the batch were it finished without compression: never too small.
    #[must_use]
    pub fn bytes_max(&self) -> usize {
        HEADER_BYTES + self.records.len()
    }

    /// Bytes by which [`BatchBuilder::bytes_max`] grows with this record.
    #[must_use]
    pub fn record_bytes(
        &self,
        timestamp: TimestampMs,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        headers: &[Header<'_>],
    ) -> usize {
        let content = Content { key, value, headers };
        let bytes = content.bytes(self.timestamp_delta(timestamp), self.count);
        bytes + length_bytes(bytes)
    }

    /// Adds a record behind those that are in; yields the index that it has in the batch.
    ///
    /// # Errors
    /// When the batch would become too large for the format. It is then unchanged.
    pub fn append(
        &mut self,
        timestamp: TimestampMs,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        headers: &[Header<'_>],
    ) -> Result<i32, BatchTooLarge> {
        let content = Content { key, value, headers };
        let index = self.count;
        let timestamp_delta = self.timestamp_delta(timestamp);
        let bytes = content.bytes(timestamp_delta, index);
        if self.records.len().saturating_add(bytes) > RECORDS_BYTES_MAX {
            return Err(BatchTooLarge);
        }
        push_varint(&mut self.records, i32::try_from(bytes).map_err(|_| BatchTooLarge)?);
        let from = self.records.len();
        content.write(&mut self.records, timestamp_delta, index);
        assert_eq!(self.records.len() - from, bytes, "the length was written before the record");
        if index == 0 {
            self.base_timestamp = timestamp;
        }
        if index == 0 || timestamp > self.max_timestamp {
            self.max_timestamp = timestamp;
            self.max_timestamp_index = index;
        }
        self.count += 1;
        Ok(index)
    }

    /// Forgets the records and keeps the memory.
    pub fn clear(&mut self) {
        self.records.clear();
        self.count = 0;
    }

    /// The batch of the records so far, ready for a Produce request. The builder is then empty and
    /// keeps its memory for the next batch.
    pub fn finish(&mut self, codec: Codec, producer: Producer, scratch: &mut Scratch) -> Vec<u8> {
        let attributes = Attributes::default().with_transactional(producer.transactional);
        let mut out = Vec::with_capacity(self.bytes_max());
        out.resize(HEADER_BYTES, 0);
        scratch.compress(codec, &self.records, &mut out);
        self.header(attributes, codec, producer, &out[HEADER_BYTES..]).encode_into(&mut out);
        self.clear();
        out
    }

    /// As [`BatchBuilder::finish`], for a log of this process.
    pub fn seal(
        &mut self,
        codec: Codec,
        producer: Producer,
        scratch: &mut Scratch,
    ) -> ValidBatch<'static> {
        let attributes = Attributes::default().with_transactional(producer.transactional);
        self.seal_as(attributes, codec, producer, scratch)
    }

    pub(crate) fn seal_as(
        &mut self,
        attributes: Attributes,
        codec: Codec,
        producer: Producer,
        scratch: &mut Scratch,
    ) -> ValidBatch<'static> {
        let mut body = Vec::new();
        scratch.compress(codec, &self.records, &mut body);
        let header = self.header(attributes, codec, producer, &body);
        let max_timestamp_index = self.max_timestamp_index;
        self.clear();
        ValidBatch::new(header, Cow::Owned(body), max_timestamp_index)
    }

    /// The header of the records so far, which `codec` made `body` of.
    fn header(
        &self,
        attributes: Attributes,
        codec: Codec,
        producer: Producer,
        body: &[u8],
    ) -> BatchHeader {
        let is_empty = self.count == 0;
        let mut header = BatchHeader {
            base_offset: Offset::ZERO,
            batch_length: BATCH_LENGTH_MIN,
            leader_epoch: LeaderEpoch::NONE,
            crc: 0,
            attributes: attributes.with_compression(codec.compression()),
            last_offset_delta: self.count - 1,
            base_timestamp: if is_empty { TimestampMs::NONE } else { self.base_timestamp },
            max_timestamp: if is_empty { TimestampMs::NONE } else { self.max_timestamp },
            producer_id: producer.id,
            producer_epoch: producer.epoch,
            base_sequence: producer.base_sequence,
            record_count: self.count,
        };
        header.seal_for(body).expect("records are limited to half of what a length can say");
        header
    }

    fn timestamp_delta(&self, timestamp: TimestampMs) -> i64 {
        if self.is_empty() { 0 } else { timestamp.0.wrapping_sub(self.base_timestamp.0) }
    }
}

impl Content<'_> {
    /// Bytes of the record behind its length.
    pub(crate) fn bytes(&self, timestamp_delta: i64, offset_delta: i32) -> usize {
        let mut bytes = 1 + varlong_bytes(timestamp_delta) + varint_bytes(offset_delta);
        bytes += nullable_bytes(self.key) + nullable_bytes(self.value);
        for header in self.headers {
            bytes += nullable_bytes(Some(header.key)) + nullable_bytes(header.value);
        }
        bytes + length_bytes(self.headers.len())
    }

    pub(crate) fn write(self, out: &mut Vec<u8>, timestamp_delta: i64, offset_delta: i32) {
        out.push(0);
        push_varlong(out, timestamp_delta);
        push_varint(out, offset_delta);
        push_nullable(out, self.key);
        push_nullable(out, self.value);
        push_length(out, self.headers.len());
        for header in self.headers {
            push_nullable(out, Some(header.key));
            push_nullable(out, header.value);
        }
    }
}

fn nullable_bytes(bytes: Option<&[u8]>) -> usize {
    bytes.map_or(varint_bytes(-1), |bytes| length_bytes(bytes.len()).saturating_add(bytes.len()))
}

fn length_bytes(length: usize) -> usize {
    varlong_bytes(i64::try_from(length).unwrap_or(i64::MAX))
}

fn push_nullable(out: &mut Vec<u8>, bytes: Option<&[u8]>) {
    match bytes {
        None => push_varint(out, -1),
        Some(bytes) => {
            push_length(out, bytes.len());
            out.extend_from_slice(bytes);
        }
    }
}

fn push_length(out: &mut Vec<u8>, length: usize) {
    push_varint(out, i32::try_from(length).expect("a record below 1 GiB"));
}
