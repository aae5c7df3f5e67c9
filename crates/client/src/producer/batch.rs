//! Records of one partition on their way together, from the first append to the last retry.

use std::sync::Arc;

use record::{BatchBuilder, BatchHeader, Codec, Header, Producer};
use tokio::time::Instant;
use types::TimestampMs;

use super::delivery::{BatchAck, Completion, Delivery};
use super::sequences::Number;
use crate::Result;

/// The checksum of a batch covers what comes behind this byte.
const CRC_FROM: usize = 21;
/// What a record takes besides key, value and headers, at most.
const RECORD_OVERHEAD_BYTES: usize = 21;

/// A record as it enters a batch.
pub(super) struct RecordParts<'a> {
    pub timestamp: i64,
    pub key: Option<&'a [u8]>,
    pub value: Option<&'a [u8]>,
    pub headers: &'a [Header<'a>],
}

impl RecordParts<'_> {
    /// The room that it takes uncompressed in a batch of its own, rounded up.
    pub(super) fn bytes(&self) -> usize {
        let length = |bytes: Option<&[u8]>| bytes.map_or(0, <[u8]>::len);
        let headers = self.headers.iter().map(|h| h.key.len() + length(h.value) + 10);
        record::HEADER_BYTES
            + RECORD_OVERHEAD_BYTES
            + length(self.key)
            + length(self.value)
            + headers.sum::<usize>()
    }
}

/// Collected, or encoded.
enum Content {
    Open(BatchBuilder),
    Closed(Vec<u8>),
}

/// A batch and its fate.
pub(super) struct Batch {
    pub id: u64,
    pub created: Instant,
    /// What it holds of `buffer.memory`.
    pub reserved: usize,
    content: Content,
    codec: Codec,
    bytes_max: usize,
    record_count: i32,
    completion: Arc<Completion>,
    number: Option<Number>,
    not_before: Option<Instant>,
    attempts: u32,
}

impl Batch {
    pub(super) fn new(
        id: u64,
        codec: Codec,
        bytes_max: usize,
        reserved: usize,
        created: Instant,
    ) -> Self {
        Self {
            id,
            created,
            reserved,
            content: Content::Open(BatchBuilder::new()),
            codec,
            bytes_max,
            record_count: 0,
            completion: Arc::default(),
            number: None,
            not_before: None,
            attempts: 0,
        }
    }

    /// Whether records may still be added.
    pub(super) fn is_open(&self) -> bool {
        matches!(self.content, Content::Open(_))
    }

    /// Adds a record if there is room; a first record always fits. Yields its index.
    pub(super) fn append(&mut self, record: &RecordParts<'_>) -> Option<i32> {
        let Content::Open(builder) = &mut self.content else { return None };
        let timestamp = TimestampMs(record.timestamp);
        let (key, value, headers) = (record.key, record.value, record.headers);
        if !builder.is_empty() {
            let bytes = builder.record_bytes(timestamp, key, value, headers);
            if builder.bytes_max() + bytes > self.bytes_max {
                return None;
            }
        }
        let index = builder.append(timestamp, key, value, headers).ok()?;
        self.record_count = builder.record_count();
        Some(index)
    }

    pub(super) fn delivery(&self, partition: i32, index: i32, timestamp: i64) -> Delivery {
        Delivery::new(&self.completion, partition, i64::from(index), timestamp)
    }

    /// Whether it is worth sending without lingering.
    pub(super) fn is_full(&self) -> bool {
        match &self.content {
            Content::Open(builder) => builder.bytes_max() + RECORD_OVERHEAD_BYTES >= self.bytes_max,
            Content::Closed(_) => true,
        }
    }

    /// Its size, uncompressed as long as it is open.
    pub(super) fn bytes_estimate(&self) -> usize {
        match &self.content {
            Content::Open(builder) => builder.bytes_max(),
            Content::Closed(bytes) => bytes.len(),
        }
    }

    pub(super) fn record_count(&self) -> i32 {
        self.record_count
    }

    pub(super) fn number(&self) -> Option<Number> {
        self.number
    }

    pub(super) fn set_number(&mut self, number: Number) {
        self.number = Some(number);
        let Content::Closed(bytes) = &mut self.content else { return };
        let mut header = BatchHeader::parse(bytes).expect("we encoded it");
        header.producer_id = number.identity.id;
        header.producer_epoch = number.identity.epoch;
        header.base_sequence = number.base;
        header.encode_into(bytes);
        header.crc = record::crc32c(&bytes[CRC_FROM..]);
        header.encode_into(bytes);
    }

    /// It will leave under another number.
    pub(super) fn forget_number(&mut self) {
        self.number = None;
    }

    /// Ends appending and encodes.
    pub(super) fn close(&mut self) {
        let Content::Open(builder) = &mut self.content else { return };
        let producer = self.number.map_or(Producer::NONE, |number| Producer {
            id: number.identity.id,
            epoch: number.identity.epoch,
            base_sequence: number.base,
            transactional: false,
        });
        let bytes = record::with_scratch(|scratch| builder.finish(self.codec, producer, scratch));
        self.content = Content::Closed(bytes);
    }

    /// The encoded batch; empty while it is open.
    pub(super) fn bytes(&self) -> &[u8] {
        match &self.content {
            Content::Open(_) => &[],
            Content::Closed(bytes) => bytes,
        }
    }

    /// Whether it has left before.
    pub(super) fn is_retry(&self) -> bool {
        self.attempts > 0
    }

    pub(super) fn attempts(&self) -> u32 {
        self.attempts
    }

    /// When a batch that failed may leave again.
    pub(super) fn not_before(&self) -> Option<Instant> {
        self.not_before
    }

    /// Notes a failed attempt.
    pub(super) fn failed_attempt(&mut self, not_before: Instant) {
        self.attempts += 1;
        self.not_before = Some(not_before);
    }

    /// Tells all who wait.
    pub(super) fn complete(&self, outcome: Result<BatchAck>) {
        self.completion.complete(outcome);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::producer::sequences::Identity;
    use types::{ProducerEpoch, ProducerId, Sequence};

    fn number(epoch: i16, base: i32) -> Number {
        let identity = Identity { id: ProducerId(9), epoch: ProducerEpoch(epoch) };
        Number { identity, base: Sequence(base) }
    }

    #[test]
    fn renumbering_keeps_the_batch_whole() {
        let mut batch = Batch::new(0, Codec::NONE, 1 << 10, 0, Instant::now());
        let parts = RecordParts { timestamp: 5, key: None, value: Some(b"v"), headers: &[] };
        assert_eq!(batch.append(&parts), Some(0));
        assert_eq!(batch.append(&parts), Some(1));
        batch.set_number(number(0, 70));
        batch.close();
        assert_eq!(batch.append(&parts), None);
        batch.forget_number();
        batch.set_number(number(1, 0));
        let read = record::batches(batch.bytes()).next().expect("one").expect("whole");
        assert!(read.is_crc_valid());
        let header = read.header();
        assert_eq!((header.producer_epoch, header.base_sequence), (ProducerEpoch(1), Sequence(0)));
        assert_eq!(header.record_count, 2);
    }

    #[test]
    fn a_first_record_always_fits_and_a_second_only_with_room() {
        let mut batch = Batch::new(0, Codec::NONE, 100, 0, Instant::now());
        let big = [0; 500];
        let parts = RecordParts { timestamp: 5, key: None, value: Some(&big), headers: &[] };
        assert_eq!(batch.append(&parts), Some(0));
        assert_eq!(batch.append(&parts), None);
        assert!(batch.is_full());
    }
}
