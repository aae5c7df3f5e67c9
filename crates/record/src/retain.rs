//! Batches of which some records are left: what compaction writes in place of what it has read.

use types::TimestampMs;

use crate::attributes::TimestampType;
use crate::batch::Batch;
use crate::builder::Content;
use crate::compression::{Codec, Compression, Scratch};
use crate::header::{BatchHeader, HEADER_BYTES};
use crate::item::{Header, Record};
use crate::varint::push_varint;

impl Batch<'_> {
    /// The batch with these of its records, in order and at least one. Offsets, the range of
    /// sequences, producer and epochs stay; timestamps are laid out anew, from `horizon` on where
    /// there is one: the time from which tombstones and markers in the batch may go.
    ///
    /// # Panics
    /// When the records are none, not this batch's, or would need more than a gigabyte.
    #[must_use]
    pub fn with_records(
        &self,
        records: &[Record<'_>],
        horizon: Option<TimestampMs>,
        scratch: &mut Scratch,
    ) -> Vec<u8> {
        let old = self.header();
        let first = records.first().expect("a batch that keeps no record is another one");
        let base_timestamp = horizon.unwrap_or(first.timestamp);
        let mut plain = Vec::new();
        for record in records {
            let offset_delta = i32::try_from(record.offset.0 - old.base_offset.0);
            let offset_delta = offset_delta.expect("an offset of this batch");
            let headers: Vec<Header<'_>> = record.headers.iter().collect();
            let content = Content { key: record.key, value: record.value, headers: &headers };
            let timestamp_delta = record.timestamp.0.wrapping_sub(base_timestamp.0);
            let bytes = i32::try_from(content.bytes(timestamp_delta, offset_delta));
            push_varint(&mut plain, bytes.expect("a record that a batch has held"));
            content.write(&mut plain, timestamp_delta, offset_delta);
        }
        let codec = Codec::new(old.attributes.compression());
        let mut out = vec![0; HEADER_BYTES];
        scratch.compress(codec, &plain, &mut out);
        let youngest = records.iter().map(|record| record.timestamp).max();
        let mut header = BatchHeader {
            attributes: old.attributes.with_delete_horizon(horizon.is_some()),
            base_timestamp,
            max_timestamp: match old.attributes.timestamp_type() {
                TimestampType::CreateTime => youngest.unwrap_or(TimestampMs::NONE),
                TimestampType::LogAppendTime => old.max_timestamp,
            },
            record_count: i32::try_from(records.len()).expect("no more than there were"),
            ..*old
        };
        header.seal_for(&out[HEADER_BYTES..]).expect("records of a batch fit a batch");
        header.encode_into(&mut out);
        out
    }

    /// The batch without records: it stands for its offsets and its producer's sequence.
    #[must_use]
    pub fn without_records(&self) -> Vec<u8> {
        let old = self.header();
        let mut header = BatchHeader {
            attributes: old
                .attributes
                .with_compression(Compression::None)
                .with_delete_horizon(false),
            base_timestamp: TimestampMs::NONE,
            record_count: 0,
            ..*old
        };
        header.seal_for(&[]).expect("nothing fits");
        header.encode().to_vec()
    }
}
