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
    /// Its place among the parts into which the batch of this id was split: the index of its first
    /// record in that batch.
    pub first_record: i32,
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
            first_record: 0,
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
        self.not_before.is_some()
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

    /// Lets it leave again without having failed: as a part of what was too large.
    pub(super) fn leave_again(&mut self, now: Instant) {
        self.not_before = Some(now);
    }

    /// Tells all who wait.
    pub(super) fn complete(&self, outcome: Result<BatchAck>) {
        let first = i64::from(self.first_record);
        self.completion.complete(first..first + i64::from(self.record_count), outcome);
    }

    /// Its first and its second half, closed, which go on under its id with its numbers; the batch
    /// itself where it cannot be split.
    pub(super) fn split(self) -> std::result::Result<[Self; 2], Box<Self>> {
        let middle = self.record_count / 2;
        if middle == 0 || self.is_open() {
            return Err(Box::new(self));
        }
        let [front, back] = halves(self.bytes(), middle);
        let part = |builder: BatchBuilder, first: i32, reserved| {
            let number = self.number.map(|n| Number { base: n.base.plus(first), ..n });
            let mut part = Self {
                first_record: self.first_record + first,
                reserved,
                record_count: builder.record_count(),
                content: Content::Open(builder),
                completion: Arc::clone(&self.completion),
                number,
                ..self
            };
            part.close();
            part
        };
        let reserved = self.reserved / 2;
        Ok([part(front, 0, reserved), part(back, middle, self.reserved - reserved)])
    }
}

/// The records of an encoded batch before and from the one at `middle`.
fn halves(batch: &[u8], middle: i32) -> [BatchBuilder; 2] {
    let mut halves = [BatchBuilder::new(), BatchBuilder::new()];
    record::with_scratch(|scratch| {
        let batch = record::batches(batch).next().expect("one batch").expect("we encoded it");
        for read in batch.records(scratch).expect("we compressed it") {
            let read = read.expect("we encoded it");
            let headers: Vec<_> = read.headers.into_iter().collect();
            let half = &mut halves[usize::from(halves[0].record_count() >= middle)];
            half.append(read.timestamp, read.key, read.value, &headers).expect("fewer records fit");
        }
    });
    halves
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
    fn halves_keep_records_numbers_and_memory() {
        for (count, codec) in [(2, Codec::NONE), (7, record::Compression::Zstd.into())] {
            let mut batch = Batch::new(3, codec, 1 << 10, 101, Instant::now());
            let headers = [Header { key: b"h", value: None }];
            for i in 0..count {
                let value = [b'0' + u8::try_from(i).expect("a digit")];
                let value = Some(&value[..]).filter(|_| i != 1);
                let parts =
                    RecordParts { timestamp: 5 - i, key: Some(b"k"), value, headers: &headers };
                batch.append(&parts).expect("room");
            }
            batch.set_number(number(2, i32::MAX));
            batch.close();
            let [front, back] = batch.split().ok().expect("several records");
            assert_eq!(front.reserved + back.reserved, 101);
            assert_eq!((front.first_record, back.first_record), (0, front.record_count));
            let mut seen = Vec::new();
            for part in [&front, &back] {
                let read = record::batches(part.bytes()).next().expect("one").expect("whole");
                assert!(read.is_crc_valid());
                let base = number(2, i32::MAX).base.plus(part.first_record);
                assert_eq!(read.header().base_sequence, base);
                record::with_scratch(|scratch| {
                    for record in read.records(scratch).expect("inflates") {
                        let record = record.expect("reads");
                        assert_eq!(record.headers.into_iter().next(), Some(headers[0]));
                        seen.push((record.timestamp.0, record.value.map(<[u8]>::to_vec)));
                    }
                });
            }
            let expected = (0..count)
                .map(|i| (5 - i, (i != 1).then(|| vec![b'0' + u8::try_from(i).expect("a digit")])));
            assert_eq!(seen, expected.collect::<Vec<_>>());
            assert_eq!(count > 2, back.split().is_ok());
        }
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
