//! Reading: which bytes of which file answer a fetch.

use std::io;
use std::sync::Arc;

use types::Offset;

use super::Log;
use crate::disk::{Disk, read_exact_at};
use crate::error::{LogError, StorageError};
use crate::file_cache::OpenFile;
use crate::index::AbortedTxn;
use crate::segment::BatchPlace;

/// A piece of a segment file. The open file keeps it readable whatever becomes of the log.
#[derive(Debug)]
pub struct Slice<F> {
    /// The file; `file.file()` gives what to read or send from.
    pub file: Arc<OpenFile<F>>,
    /// Where the first batch begins.
    pub position: u64,
    /// How many bytes; the last batch may be cut off.
    pub bytes: u32,
    /// The first offset of the first batch, at or before the one that was asked for.
    pub base_offset: Offset,
    /// The size of the first batch, which is never cut off.
    pub first_batch_bytes: u32,
    /// Whether more of what may be read follows in other segments.
    pub continues: bool,
}

impl<F: crate::DiskFile> Slice<F> {
    /// The bytes.
    ///
    /// # Errors
    /// Whatever the file says.
    pub fn to_vec(&self) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; self.bytes as usize];
        read_exact_at(self.file.file(), &mut bytes, self.position)?;
        Ok(bytes)
    }
}

impl<D: Disk> Log<D> {
    /// At most `bytes_max` bytes from the batch that holds `from` on, of records before `upper`.
    /// The first batch is whole; where it is larger than `bytes_max`, it comes alone if `takes_one`
    /// and not at all otherwise. `None` where there is nothing to read.
    ///
    /// # Errors
    /// `OffsetOutOfRange` before the log's start and behind its end; `Storage`.
    pub fn read(
        &mut self,
        from: Offset,
        bytes_max: u32,
        upper: Offset,
        takes_one: bool,
    ) -> Result<Option<Slice<D::File>>, LogError> {
        if from < self.start || from > self.end {
            let (start, end) = (self.start, self.end);
            return Err(LogError::OffsetOutOfRange { offset: from, start, end });
        }
        if from >= upper.min(self.end) {
            return Ok(None);
        }
        let Some((index, first)) = self.locate(from)? else { return Ok(None) };
        let limit = self.position_limit(index, upper)?;
        if first.position >= limit || (first.bytes > bytes_max && !takes_one) {
            return Ok(None);
        }
        let bytes = (limit - first.position).min(bytes_max.max(first.bytes));
        let continues = upper.min(self.end) > self.segment_end(index);
        let file = self.segments[index].file(&self.home)?;
        Ok(Some(Slice {
            file,
            position: u64::from(first.position),
            bytes,
            base_offset: first.base_offset,
            first_batch_bytes: first.bytes,
            continues,
        }))
    }

    /// The batch that holds `from`, or the next one where compaction left a gap.
    pub(super) fn locate(
        &mut self,
        from: Offset,
    ) -> Result<Option<(usize, BatchPlace)>, StorageError> {
        if let Some(place) = self.recent.find(from) {
            return Ok(Some((self.segments.len() - 1, place)));
        }
        for index in self.segment_at(from)..self.segments.len() {
            if let Some(place) = self.segments[index].locate(&self.home, from)? {
                return Ok(Some((index, place)));
            }
        }
        Ok(None)
    }

    /// Where in the segment the batches before `upper` end.
    fn position_limit(&mut self, index: usize, upper: Offset) -> Result<u32, StorageError> {
        if upper >= self.segment_end(index) {
            return Ok(self.segments[index].bytes);
        }
        let is_active = index + 1 == self.segments.len();
        if let Some(place) = self.recent.find(upper).filter(|_| is_active) {
            return Ok(place.position);
        }
        let segment = &mut self.segments[index];
        let place = segment.locate(&self.home, upper)?;
        Ok(place.map_or(segment.bytes, |place| place.position))
    }

    /// The aborted transactions that have records in `from..to`, by the offset of their marker.
    ///
    /// # Errors
    /// `Storage`.
    pub fn aborted_transactions(
        &mut self,
        from: Offset,
        to: Offset,
    ) -> Result<Vec<AbortedTxn>, LogError> {
        let mut found = Vec::new();
        for index in self.segment_at(from)..self.segments.len() {
            let aborted = self.segments[index].aborted(&self.home)?;
            // markers come in the order of their offsets: behind one whose transaction and all open
            // ones began behind the range, nothing can reach back into it
            let is_complete = aborted.iter().any(|txn| txn.last_stable_offset >= to);
            let is_within = |txn: &AbortedTxn| txn.last_offset >= from && txn.first_offset < to;
            found.extend(aborted.into_iter().filter(is_within));
            if is_complete {
                break;
            }
        }
        Ok(found)
    }
}
