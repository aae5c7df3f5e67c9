//! A batch that its producer sends again, older than what is remembered: the log itself has it.
//!
//! ```text
//!   log   ▪▪▪▪▪▪▪▪▪▪▪▪▪▪▪▪▪▪▪▪▪▪▪▪▪▪▪▪▪▪▪ before   remembered batches    end
//!              ◀── stride ◀── stride ◀── stride
//! ```
//!
//! Five batches of a producer are remembered, but a snapshot has only the last one, and a client that
//! changes to another leader has five on their way to each. Nothing of this costs a log that is
//! opened anything: the headers are read when a retry asks for them.

use std::ops::Range;

use record::BatchHeader;
use types::Offset;

use super::Log;
use crate::disk::Disk;
use crate::error::{Attempt as _, LogError};
use crate::names::Part;
use crate::producer::AppendedBatch;
use crate::scan::Scanner;

/// What other producers can have written while one waited for its answer; some milliseconds to walk
/// over, header by header.
const LOOK_BACK_BYTES_MAX: u32 = 16 << 20;
/// So much is walked over at once: most retries are of one of the last batches.
const STRIDE_BYTES: u32 = 256 << 10;

/// What a stretch of the log says of a batch.
#[derive(Clone, Copy, Debug)]
enum Trace {
    Here(AppendedBatch),
    /// Its producer has no batch here that would come before it.
    MaybeEarlier,
    Nowhere,
}

impl<D: Disk> Log<D> {
    /// The batch before an offset that has the producer, epoch and sequences of `wanted`.
    pub(super) fn look_back(
        &mut self,
        wanted: &BatchHeader,
        before: Offset,
    ) -> Result<Option<AppendedBatch>, LogError> {
        let mut bytes_left = LOOK_BACK_BYTES_MAX;
        for index in (0..=self.segment_at(before.plus(-1))).rev() {
            let segment = &mut self.segments[index];
            let place = segment.locate(&self.home, before)?;
            let mut end = place.map_or(segment.bytes, |place| place.position);
            while end > 0 && bytes_left > 0 {
                let stride = STRIDE_BYTES.min(bytes_left);
                let segment = &mut self.segments[index];
                let start = segment.batch_up_to(&self.home, end.saturating_sub(stride))?;
                match self.trace(index, start..end, wanted)? {
                    Trace::Here(found) => return Ok(Some(found)),
                    Trace::MaybeEarlier => {}
                    Trace::Nowhere => return Ok(None),
                }
                bytes_left = bytes_left.saturating_sub(end - start);
                end = start;
            }
        }
        Ok(None)
    }

    /// Walks over the batches of a segment that lie in `range`.
    fn trace(
        &mut self,
        index: usize,
        range: Range<u32>,
        wanted: &BatchHeader,
    ) -> Result<Trace, LogError> {
        let segment = &mut self.segments[index];
        let path = self.home.path(segment.base_offset, Part::Log);
        let file = segment.file(&self.home)?;
        let mut scanner = Scanner::sweep(file.file(), range.start, range.end);
        let mut trace = Trace::MaybeEarlier;
        loop {
            let header = match scanner.step().attempt("read", &path)? {
                Ok(Some(batch)) => batch.header,
                Ok(None) => return Ok(trace),
                // only an index that lies leads there; what cannot be found is refused
                Err(_) => return Ok(Trace::Nowhere),
            };
            let is_of_producer = header.producer_id == wanted.producer_id;
            if !is_of_producer || header.attributes.is_control() {
                continue;
            }
            let is_of_epoch = header.producer_epoch == wanted.producer_epoch;
            if is_of_epoch && header.base_sequence == wanted.base_sequence {
                let is_same = header.last_sequence() == wanted.last_sequence();
                return Ok(if is_same { Trace::Here((&header).into()) } else { Trace::Nowhere });
            }
            if is_of_epoch && wanted.base_sequence.until(header.base_sequence).is_some() {
                return Ok(trace);
            }
            trace = Trace::Nowhere;
        }
    }
}
