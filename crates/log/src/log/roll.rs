//! Closing the active segment and opening the next one.

use types::{Offset, TimestampMs};

use super::Log;
use super::flush::sync_indexes;
use crate::disk::{Access, Disk, Durability, replace_whole};
use crate::error::{Attempt as _, StorageError};
use crate::index::relative;
use crate::names::Part;
use crate::producer;
use crate::segment::Segment;

impl<D: Disk> Log<D> {
    pub(super) fn roll_if_due(
        &mut self,
        batch_bytes: u32,
        last_offset: Offset,
        max_timestamp: TimestampMs,
        now: TimestampMs,
    ) -> Result<(), StorageError> {
        let active = self.segments.last_mut().expect("a log has an active segment");
        let is_full = active.is_full_for(&self.home, batch_bytes, last_offset, &self.config)?;
        if is_full || self.is_active_too_old(max_timestamp, now)? {
            self.roll(now)?;
        }
        Ok(())
    }

    /// The offsets of a compacted log may leap further than an index can say: then a segment begins
    /// at the batch behind the gap.
    pub(super) fn leap_if_too_far(
        &mut self,
        base_offset: Offset,
        last_offset: Offset,
        now: TimestampMs,
    ) -> Result<(), StorageError> {
        let is_too_far = |log: &Self| relative(last_offset, log.active_base()).is_none();
        if base_offset == self.end || !is_too_far(self) {
            return Ok(());
        }
        self.roll(now)?;
        if is_too_far(self) {
            self.replace_empty(base_offset, now)?;
        }
        Ok(())
    }

    /// Lets the active segment, which holds nothing, begin at a later offset.
    fn replace_empty(&mut self, base_offset: Offset, now: TimestampMs) -> Result<(), StorageError> {
        self.open_segment_file(base_offset)?;
        let mut empty = self.segments.pop().expect("a log has an active segment");
        assert_eq!(empty.bytes, 0, "only an empty segment may begin elsewhere");
        empty.close_file(&self.home);
        self.segments.push(Segment::empty(base_offset, now));
        self.end = base_offset;
        self.remove_files(empty.base_offset)
    }

    /// Age is counted in the records' own time; where they have none, from the segment's creation.
    fn is_active_too_old(
        &mut self,
        max_timestamp: TimestampMs,
        now: TimestampMs,
    ) -> Result<bool, StorageError> {
        let age_ms_max = self.config.segment_ms - self.jitter_ms();
        let active = self.segments.last_mut().expect("a log has an active segment");
        if active.bytes == 0 {
            return Ok(false);
        }
        let age_ms = match active.first_timestamp(&self.home)? {
            Some(first) if first.0 >= 0 => max_timestamp.0.saturating_sub(first.0),
            _ => now.0.saturating_sub(active.created.0),
        };
        Ok(age_ms > age_ms_max)
    }

    /// Spreads the rolls of logs that began together: another share of `segment.jitter.ms` for each
    /// segment.
    fn jitter_ms(&self) -> i64 {
        let jitter_ms = self.config.segment_jitter_ms.min(self.config.segment_ms);
        if jitter_ms <= 0 {
            return 0;
        }
        let seed = self.home.folder.as_os_str().as_encoded_bytes();
        let mixed = seed.iter().fold(self.active_base().0, |mixed, byte| {
            (mixed ^ i64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
        });
        mixed.rem_euclid(jitter_ms)
    }

    /// Closes the active segment, with a snapshot of the producers behind it, and begins one at the
    /// log's end. A failure leaves the old one active.
    pub(super) fn roll(&mut self, now: TimestampMs) -> Result<(), StorageError> {
        let end = self.end;
        if self.active_base() == end {
            return Ok(());
        }
        let active = self.segments.last_mut().expect("a log has an active segment");
        active.seal(&self.home)?;
        let is_trimmed = active.trim(&self.home)?;
        if self.durable.recovery_point == end {
            // the log is on disk up to here, so that no recovery will look at this segment again
            sync_indexes(&self.home.disk, &self.home.index_paths(active.base_offset))?;
            if is_trimmed {
                active.sync(&self.home)?;
            }
        }
        self.producers.expire(now, self.config.producer_id_expiration_ms);
        self.store_snapshot(Durability::Rebuildable)?;
        self.open_segment_file(end)?;
        self.active().forget_indexes();
        self.segments.push(Segment::empty(end, now));
        self.recent.clear();
        Ok(())
    }

    /// Creates the file of a segment that begins there.
    fn open_segment_file(&mut self, base_offset: Offset) -> Result<(), StorageError> {
        for path in self.home.index_paths(base_offset) {
            self.home.remove_if_there(&path)?;
        }
        let path = self.home.path(base_offset, Part::Log);
        self.home.disk.open(&path, Access::Replace).attempt("create", &path)?;
        self.durable.names += 1;
        Ok(())
    }

    /// Writes the producers as of the log's end.
    pub(super) fn store_snapshot(&mut self, durability: Durability) -> Result<(), StorageError> {
        let path = self.home.path(self.end, Part::Snapshot);
        let bytes = producer::encode(&self.producers);
        replace_whole(&self.home.disk, &path, &bytes, durability).attempt("write", &path)?;
        self.durable.snapshot = Some(self.end);
        Ok(())
    }
}
