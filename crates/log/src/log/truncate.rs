//! Cutting a log at an offset: a follower that diverged, a replica that starts over.

use types::{Offset, TimestampMs};

use super::Log;
use crate::checkpoint::epochs_text;
use crate::disk::Disk;
use crate::error::{Attempt as _, LogError, StorageError};
use crate::names::{FileName, LEADER_EPOCHS, Part, Stage};
use crate::segment::Segment;

impl<D: Disk> Log<D> {
    /// Cuts everything from `end` on; of the batch that holds it, all. Behind the log's end there is
    /// nothing to cut but an epoch that a leader announced and wrote nothing in: another leader has had
    /// that offset since. A log that began behind `end` begins there from then on. The recovery point may
    /// go back: it is to be stored before the log grows again, lest a crash finds more counted as
    /// durable than is.
    ///
    /// # Errors
    /// `Storage`, `DiskFull`.
    pub fn truncate_to(&mut self, end: Offset, now: TimestampMs) -> Result<(), LogError> {
        if end >= self.end {
            self.epochs.truncate_end(self.end);
            return self.store_epochs();
        }
        if end <= self.segments[0].base_offset {
            return self.start_over_at(end, now);
        }
        self.durable.truncations += 1;
        let kept = self.segments.partition_point(|segment| segment.base_offset < end);
        for mut segment in self.segments.split_off(kept) {
            segment.close_file(&self.home);
            self.remove_files(segment.base_offset)?;
        }
        self.recent.clear();
        self.end = self.cut_last_segment(end)?;
        self.start = self.start.min(self.end);
        self.epochs.truncate_end(self.end);
        self.durable.recovery_point = self.durable.recovery_point.min(self.end);
        self.store_epochs()?;
        self.reload_producers()
    }

    /// Drops everything; the log is empty and begins at `start`.
    ///
    /// # Errors
    /// `Storage`, `DiskFull`.
    pub fn start_over_at(&mut self, start: Offset, now: TimestampMs) -> Result<(), LogError> {
        self.durable.truncations += 1;
        for mut segment in std::mem::take(&mut self.segments) {
            segment.close_file(&self.home);
        }
        self.segments.push(Segment::empty(start, now));
        (self.start, self.end, self.durable.recovery_point) = (start, start, start);
        self.recent.clear();
        self.epochs.truncate_end(Offset(0));
        self.producers = Default::default();
        self.durable.snapshot = None;
        let entries = self.home.disk.list(&self.home.folder).attempt("list", &self.home.folder)?;
        for entry in entries {
            if FileName::parse(&entry.name).is_some_and(|file| file.stage == Stage::Live) {
                self.home.remove_if_there(&self.home.join(&entry.name))?;
            }
        }
        // the name keeps the offset for the next start
        let path = self.home.path(start, Part::Log);
        self.home.disk.open(&path, crate::Access::Replace).attempt("create", &path)?;
        self.durable.names += 1;
        self.store_epochs()
    }

    /// Cuts the last segment in front of the batch that holds `end`; returns the log's end.
    fn cut_last_segment(&mut self, end: Offset) -> Result<Offset, LogError> {
        let active = self.segments.last_mut().expect("at least one segment begins before");
        match active.locate(&self.home, end)? {
            None => Ok(active.read_end_offset(&self.home)?),
            Some(place) => {
                active.truncate(&self.home, place.position, place.base_offset)?;
                Ok(place.base_offset.min(end))
            }
        }
    }

    /// What the checkpoint says of epochs that were cut must not meet what is appended instead.
    fn store_epochs(&mut self) -> Result<(), LogError> {
        if !self.epochs.is_stored() {
            let path = self.home.join(LEADER_EPOCHS);
            let text = epochs_text(self.epochs.entries());
            let changes = self.epochs.changes();
            self.epoch_file.write(&self.home.disk, &path, (&text, changes))?;
            self.epochs.mark_stored(changes);
        }
        Ok(())
    }

    fn reload_producers(&mut self) -> Result<(), LogError> {
        let entries = self.home.disk.list(&self.home.folder).attempt("list", &self.home.folder)?;
        let files = entries.iter().filter_map(|entry| FileName::parse(&entry.name));
        let snapshots = files.filter(|f| f.part == Part::Snapshot && f.stage == Stage::Live);
        let mut offsets: Vec<Offset> = snapshots.map(|file| file.base_offset).collect();
        offsets.sort_unstable();
        for offset in offsets.iter().filter(|offset| **offset > self.end) {
            self.home.remove_if_there(&self.home.path(*offset, Part::Snapshot))?;
        }
        let from = self.load_snapshot(&offsets, self.end)?;
        self.replay_producers(from.unwrap_or(self.start), self.end)
    }

    /// Removes all files of a segment that is no longer one.
    pub(super) fn remove_files(&self, base_offset: Offset) -> Result<(), StorageError> {
        for part in Part::ALL {
            self.home.remove_if_there(&self.home.path(base_offset, part))?;
        }
        Ok(())
    }
}
