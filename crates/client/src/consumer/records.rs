//! Records as they are handed to the application: many in one buffer, borrowed one by one.

use std::ops::Range;
use std::sync::Arc;

pub use record::TimestampType;

/// A run of records of one partition that lie in one buffer.
#[derive(Clone, Debug)]
pub(super) struct Chunk {
    pub topic: Arc<str>,
    pub partition: i32,
    pub leader_epoch: i32,
    pub timestamp_type: TimestampType,
    arena: Arc<Vec<u8>>,
    headers: Arc<Vec<HeaderSpans>>,
    entries: Vec<Entry>,
}

#[derive(Clone, Copy, Debug)]
struct Span {
    start: u32,
    end: u32,
}

#[derive(Clone, Debug)]
struct Entry {
    offset: i64,
    timestamp: i64,
    key: Option<Span>,
    value: Option<Span>,
    headers: Range<u32>,
}

#[derive(Clone, Debug)]
struct HeaderSpans {
    key: Span,
    value: Option<Span>,
}

/// Why the records of a batch cannot be read.
#[derive(Debug)]
pub(super) enum Unreadable {
    Inflate(record::DecompressError),
    Record(record::RecordError),
}

impl std::fmt::Display for Unreadable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Inflate(error) => error.fmt(f),
            Self::Record(error) => error.fmt(f),
        }
    }
}

impl Span {
    /// Copies `bytes` behind what is in the arena.
    fn copy(arena: &mut Vec<u8>, bytes: &[u8]) -> Self {
        let at = |n: usize| u32::try_from(n).expect("batches inflate to less than 4 GiB");
        let start = at(arena.len());
        arena.extend_from_slice(bytes);
        Self { start, end: at(arena.len()) }
    }

    fn of(self, arena: &[u8]) -> &[u8] {
        &arena[self.start as usize..self.end as usize]
    }
}

impl Chunk {
    /// The records of a batch from `from` on.
    pub(super) fn read(
        topic: &Arc<str>,
        partition: i32,
        batch: &record::Batch<'_>,
        from: i64,
        scratch: &mut record::Scratch,
    ) -> Result<Self, Unreadable> {
        let header = batch.header();
        let mut arena = Vec::with_capacity(batch.body().len());
        let (mut entries, mut headers) = (Vec::new(), Vec::new());
        for read in batch.records(scratch).map_err(Unreadable::Inflate)? {
            let read = read.map_err(Unreadable::Record)?;
            if read.offset.0 < from {
                continue;
            }
            let first = headers.len();
            for own in read.headers {
                let key = Span::copy(&mut arena, own.key);
                let value = own.value.map(|value| Span::copy(&mut arena, value));
                headers.push(HeaderSpans { key, value });
            }
            let index = |n: usize| u32::try_from(n).expect("fewer than 4 G headers");
            entries.push(Entry {
                offset: read.offset.0,
                timestamp: read.timestamp.0,
                key: read.key.map(|key| Span::copy(&mut arena, key)),
                value: read.value.map(|value| Span::copy(&mut arena, value)),
                headers: index(first)..index(headers.len()),
            });
        }
        Ok(Self {
            topic: Arc::clone(topic),
            partition,
            leader_epoch: header.leader_epoch.0,
            timestamp_type: header.attributes.timestamp_type(),
            arena: Arc::new(arena),
            headers: Arc::new(headers),
            entries,
        })
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    pub(super) fn last_offset(&self) -> Option<i64> {
        self.entries.last().map(|entry| entry.offset)
    }

    /// Takes the first `count` records out.
    pub(super) fn split_front(&mut self, count: usize) -> Self {
        let rest = self.entries.split_off(count.min(self.entries.len()));
        let front = std::mem::replace(&mut self.entries, rest);
        Self { entries: front, ..self.clone_frame() }
    }

    fn clone_frame(&self) -> Self {
        Self {
            topic: Arc::clone(&self.topic),
            arena: Arc::clone(&self.arena),
            headers: Arc::clone(&self.headers),
            entries: Vec::new(),
            ..*self
        }
    }

    fn record<'r>(&'r self, entry: &'r Entry) -> ConsumerRecord<'r> {
        let bytes = |span: Option<Span>| span.map(|span| span.of(&self.arena));
        ConsumerRecord {
            topic: &self.topic,
            partition: self.partition,
            offset: entry.offset,
            leader_epoch: self.leader_epoch,
            timestamp: entry.timestamp,
            timestamp_type: self.timestamp_type,
            key: bytes(entry.key),
            value: bytes(entry.value),
            chunk: self,
            headers: entry.headers.clone(),
        }
    }
}

/// One record, borrowed from [`ConsumerRecords`].
#[derive(Clone, Debug)]
pub struct ConsumerRecord<'r> {
    pub topic: &'r str,
    pub partition: i32,
    pub offset: i64,
    /// -1 where unknown.
    pub leader_epoch: i32,
    /// Milliseconds since the epoch.
    pub timestamp: i64,
    pub timestamp_type: TimestampType,
    pub key: Option<&'r [u8]>,
    pub value: Option<&'r [u8]>,
    chunk: &'r Chunk,
    headers: Range<u32>,
}

impl<'r> ConsumerRecord<'r> {
    /// Names (UTF-8 by convention) and values in the order of the producer.
    pub fn headers(&self) -> impl Iterator<Item = (&'r [u8], Option<&'r [u8]>)> + 'r {
        let chunk = self.chunk;
        let range = self.headers.start as usize..self.headers.end as usize;
        chunk.headers[range].iter().map(|spans| {
            (spans.key.of(&chunk.arena), spans.value.map(|value| value.of(&chunk.arena)))
        })
    }
}

/// What one poll yields: records in offset order within each partition.
#[derive(Clone, Debug, Default)]
pub struct ConsumerRecords {
    pub(super) chunks: Vec<Chunk>,
}

impl ConsumerRecords {
    #[must_use]
    pub fn len(&self) -> usize {
        self.chunks.iter().map(Chunk::len).sum()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.chunks.iter().all(Chunk::is_empty)
    }

    /// Every record, partition by partition.
    pub fn iter(&self) -> impl Iterator<Item = ConsumerRecord<'_>> {
        self.chunks.iter().flat_map(|chunk| chunk.entries.iter().map(|entry| chunk.record(entry)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use record::{BatchBuilder, Codec, Header, Producer, with_scratch};
    use types::TimestampMs;

    #[test]
    fn records_come_out_as_they_went_in_and_chunks_split() {
        let mut builder = BatchBuilder::new();
        let headers = [Header { key: b"h", value: Some(b"x") }, Header { key: b"i", value: None }];
        for (key, value) in [(Some(&b"k"[..]), None), (None, Some(&b"v"[..])), (None, None)] {
            builder.append(TimestampMs(7), key, value, &headers).expect("fits");
        }
        let bytes = with_scratch(|s| builder.finish(Codec::NONE, Producer::NONE, s));
        let batch = record::batches(&bytes).next().expect("one").expect("whole");
        let mut chunk = with_scratch(|s| Chunk::read(&"t".into(), 3, &batch, 1, s)).expect("reads");
        assert_eq!((chunk.len(), chunk.last_offset()), (2, Some(2)));
        let front = chunk.split_front(1);
        assert_eq!((front.len(), chunk.len()), (1, 1));
        let records = ConsumerRecords { chunks: vec![front, chunk] };
        let read: Vec<_> = records.iter().collect();
        assert_eq!((read[0].offset, read[0].key, read[0].value), (1, None, Some(&b"v"[..])));
        assert_eq!((read[1].offset, read[1].timestamp, read[1].value), (2, 7, None));
        let own: Vec<_> = read[1].headers().collect();
        assert_eq!(own, [(&b"h"[..], Some(&b"x"[..])), (b"i", None)]);
    }
}
