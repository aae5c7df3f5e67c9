//! A log that takes another one's place: it copies what that one has, agrees with whatever happens
//! to it meanwhile, and steps in when it has everything.
//!
//! ```text
//!   current   start ▪▪▪▪▪▪▪▪▪▪▪▪▪▪▪▪▪▪▪▪▪▪▪ end    is served, appended to, cut, retained
//!   future    start ▪▪▪▪▪▪▪▪▪▪▪ end ─▶ pieces       begins where the current one begins
//! ```
//!
//! A future log is neither retained nor compacted by itself: its start follows the current one's.

use std::path::PathBuf;

use types::TimestampMs;

use super::{Log, Slice};
use crate::disk::Disk;
use crate::error::{Attempt as _, LogError};

/// Batches of the current log that the future one gets next. They are read without holding either.
#[derive(Debug)]
pub struct Piece<F> {
    slice: Slice<F>,
    path: PathBuf,
    truncations: u64,
}

impl<F: crate::DiskFile> Piece<F> {
    /// Reads the batches.
    ///
    /// # Errors
    /// `Storage`.
    pub fn read(&self) -> Result<Vec<u8>, LogError> {
        Ok(self.slice.to_vec().attempt("read", &self.path)?)
    }
}

impl<D: Disk> Log<D> {
    /// As the future log: cuts itself where the current one was cut, begins where that one begins,
    /// and yields what comes next; `None` where it has everything.
    ///
    /// # Errors
    /// `Storage`, `DiskFull`.
    pub fn next_piece(
        &mut self,
        current: &mut Self,
        bytes_max: u32,
        now: TimestampMs,
    ) -> Result<Option<Piece<D::File>>, LogError> {
        self.agree_with(current, now)?;
        let from = if self.is_empty() { current.start } else { self.end };
        let Some(slice) = current.read(from, bytes_max, current.end, true)? else {
            return Ok(None);
        };
        if self.is_empty() && slice.base_offset < self.end {
            // the log begins in the middle of a batch
            self.start_over_at(slice.base_offset, now)?;
        }
        let path = current.home.folder.clone();
        Ok(Some(Piece { slice, path, truncations: current.durable.truncations }))
    }

    /// As the current log: whether a piece still is what it was when it was yielded. What was read
    /// of it else may be garbled.
    pub fn still_has(&self, piece: &Piece<D::File>) -> bool {
        piece.truncations == self.durable.truncations
    }

    /// As the future log: takes a piece's batches.
    ///
    /// # Errors
    /// As [`Log::append_replicated`].
    pub fn take_piece(&mut self, bytes: &[u8], now: TimestampMs) -> Result<(), LogError> {
        self.append_replicated(bytes, now).map(drop)
    }

    /// As the future log, which has everything and is on disk: is the log from here on. Proofs of
    /// work that was begun on the current one do not count for this one.
    pub(crate) fn take_place_of(&mut self, current: &Self, folder: PathBuf) {
        self.home.folder = folder;
        self.durable.truncations += current.durable.truncations + 1;
        if let Some(epoch) = current.epochs.latest() {
            // its leader may not have appended anything yet
            self.epochs.assign_later(epoch, self.end);
        }
    }

    fn is_empty(&self) -> bool {
        self.start == self.end
    }

    fn agree_with(&mut self, current: &Self, now: TimestampMs) -> Result<(), LogError> {
        self.cut_where_it_differs(current, now)?;
        if self.end < current.start {
            self.start_over_at(current.start, now)?;
        }
        if current.start > self.start {
            self.delete_records(current.start)?;
        }
        Ok(())
    }

    /// Batches of the same epoch at the same offset are the same: behind the last epoch that both
    /// have, as far as both have it, everything is another leader's.
    fn cut_where_it_differs(&mut self, current: &Self, now: TimestampMs) -> Result<(), LogError> {
        while let Some(last) = self.epochs.entries().last().copied() {
            let known = current.epochs.end_of(last.epoch, current.end);
            let is_known = known.filter(|known| known.epoch == last.epoch);
            let end = is_known.map_or(last.start_offset, |known| known.end_offset);
            if end <= current.start {
                return self.start_over_at(current.start, now);
            }
            let is_common = is_known.is_some() || end >= self.end;
            self.truncate_to(end, now)?;
            if is_common {
                break;
            }
        }
        Ok(())
    }
}
