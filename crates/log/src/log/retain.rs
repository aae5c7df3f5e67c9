//! Retention: which segments have had their time, and the files that wait to be removed.

use std::path::PathBuf;

use types::{Offset, TimestampMs};

use super::Log;
use crate::disk::Disk;
use crate::error::{Attempt as _, LogError, StorageError};
use crate::names::{FileName, Part, Stage};

/// Files that are no part of the log any more and go when their time has come; readers may still
/// hold them open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Retired {
    /// By the names they have by now.
    pub paths: Vec<PathBuf>,
    /// When they may go: `file.delete.delay.ms` from their retirement.
    pub due: TimestampMs,
}

impl Retired {
    /// Removes the files; those that are gone already do not matter.
    ///
    /// # Errors
    /// What the disk says of the first that stays; it may be tried again.
    pub fn remove<D: Disk>(&self, disk: &D) -> Result<(), StorageError> {
        for path in &self.paths {
            match disk.remove_file(path) {
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                outcome => outcome.attempt("remove", path)?,
            }
        }
        Ok(())
    }
}

impl<D: Disk> Log<D> {
    /// Raises the log's start to `start`, as DeleteRecords asks. Segments wholly before it go at
    /// the next [`Log::apply_retention`]. Returns the log's start.
    ///
    /// # Errors
    /// `OffsetOutOfRange` behind the log's end.
    pub fn delete_records(&mut self, start: Offset) -> Result<Offset, LogError> {
        if start > self.end {
            let (start, offset, end) = (self.start, start, self.end);
            return Err(LogError::OffsetOutOfRange { offset, start, end });
        }
        if start > self.start {
            self.start = start;
            self.epochs.truncate_start(start);
        }
        Ok(self.start)
    }

    /// Takes segments out of the log that are before its start, too old, or too much. None that the
    /// high watermark has not passed, and none behind one that stays.
    ///
    /// # Errors
    /// `Storage`, `DiskFull`: what was not taken out stays for the next time; what was, and is not
    /// told of then, goes at the next start.
    pub fn apply_retention(
        &mut self,
        high_watermark: Offset,
        now: TimestampMs,
    ) -> Result<Retired, LogError> {
        let mut count = self.count_before_start();
        if self.config.cleanup_delete {
            count = count.max(self.count_too_much());
            count = count.max(self.count_too_old(now)?);
        }
        while count > 0 && self.segment_end(count - 1) > high_watermark {
            count -= 1;
        }
        if count == self.segments.len() {
            self.roll(now)?;
            // an active segment without batches is the log's only trace of its end: it stays
            count = count.min(self.segments.len() - 1);
        }
        self.retire(count, now)
    }

    fn count_before_start(&self) -> usize {
        let mut ends = self.segments.iter().skip(1).map(|next| next.base_offset);
        ends.position(|end| end > self.start).unwrap_or(self.segments.len() - 1)
    }

    fn count_too_much(&self) -> usize {
        let Ok(bytes_max) = u64::try_from(self.config.retention_bytes) else { return 0 };
        let Some(mut excess) = self.bytes().checked_sub(bytes_max) else { return 0 };
        let goes = |bytes: u32| {
            let is_spare = u64::from(bytes) <= excess;
            excess = excess.saturating_sub(u64::from(bytes));
            is_spare
        };
        self.segments.iter().map(|segment| segment.bytes).map(goes).take_while(|goes| *goes).count()
    }

    fn count_too_old(&mut self, now: TimestampMs) -> Result<usize, StorageError> {
        if self.config.retention_ms < 0 {
            return Ok(0);
        }
        let oldest = now.0.saturating_sub(self.config.retention_ms);
        for (index, segment) in self.segments.iter_mut().enumerate() {
            let newest = match segment.max_time(&self.home)? {
                Some(max) if max.timestamp.0 >= 0 => max.timestamp,
                _ => segment.modified,
            };
            if newest.0 >= oldest {
                return Ok(index);
            }
        }
        Ok(self.segments.len())
    }

    /// Takes the first `count` segments out of the log and renames their files.
    fn retire(&mut self, count: usize, now: TimestampMs) -> Result<Retired, LogError> {
        let due = TimestampMs(now.0.saturating_add(self.config.file_delete_delay_ms));
        let mut retired = Retired { paths: Vec::new(), due };
        for _ in 0..count {
            // the log's own file first: while it has its name, the segment is part of the log
            let base_offset = self.segments[0].base_offset;
            self.rename_deleted(base_offset, Part::Log, &mut retired)?;
            self.segments.remove(0).close_file(&self.home);
            self.start = self.start.max(self.segments[0].base_offset);
            self.epochs.truncate_start(self.start);
            self.durable.recovery_point = self.durable.recovery_point.max(self.start);
            for part in Part::BESIDE_THE_LOG {
                self.rename_deleted(base_offset, part, &mut retired)?;
            }
        }
        Ok(retired)
    }

    pub(super) fn rename_deleted(
        &self,
        base_offset: Offset,
        part: Part,
        retired: &mut Retired,
    ) -> Result<(), StorageError> {
        let from = self.home.path(base_offset, part);
        let name = FileName { base_offset, part, stage: Stage::Deleted };
        let to = self.home.join(&name.text());
        match self.home.disk.rename(&from, &to) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
            outcome => {
                outcome.attempt("rename", &from)?;
                retired.paths.push(to);
                Ok(())
            }
        }
    }
}
