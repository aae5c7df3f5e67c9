//! Compaction's part that needs the log: what may be cleaned, and taking the place of segments.

use types::{Offset, TimestampMs};

use super::{Log, Retired};
use crate::clean::{Cleaned, Cleaning, Input, Source, cleaned_path};
use crate::disk::Disk;
use crate::error::{Attempt as _, LogError, StorageError};
use crate::names::{FileName, Part, Stage};
use crate::segment::Segment;

/// The configs of a compacted topic.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Compaction {
    /// `min.cleanable.dirty.ratio`.
    pub dirty_ratio_min: f64,
    /// `min.compaction.lag.ms`: a segment with younger records is left alone.
    pub lag_ms_min: i64,
    /// `max.compaction.lag.ms`: a segment whose first record is older is cleaned at any ratio.
    pub lag_ms_max: i64,
    /// `delete.retention.ms`: tombstones and markers stay so long after they were cleaned first.
    pub delete_retention_ms: i64,
}

/// How much of a log waits to be cleaned.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Dirtiness {
    /// The first offset that was never cleaned.
    pub first_dirty: Offset,
    /// The first offset that must not be cleaned yet.
    pub until: Offset,
    pub clean_bytes: u64,
    pub dirty_bytes: u64,
    /// Whether `max.compaction.lag.ms` is exceeded.
    pub is_overdue: bool,
}

impl Dirtiness {
    /// The part of the cleanable log that was never cleaned.
    #[must_use]
    #[allow(clippy::cast_precision_loss, reason = "a ratio to compare with a config")]
    pub fn ratio(&self) -> f64 {
        let all = self.clean_bytes + self.dirty_bytes;
        if all == 0 { 0.0 } else { self.dirty_bytes as f64 / all as f64 }
    }

    /// Whether the log is to be cleaned.
    #[must_use]
    pub fn is_due(&self, compaction: &Compaction) -> bool {
        self.dirty_bytes > 0 && (self.is_overdue || self.ratio() > compaction.dirty_ratio_min)
    }
}

impl<D: Disk> Log<D> {
    /// How much of the log waits to be cleaned, of what lies below the last stable offset and is
    /// old enough. `cleaned_to` is what the cleaner's checkpoint says; outside of the log it counts
    /// as its start.
    ///
    /// # Errors
    /// `Storage`.
    pub fn dirtiness(
        &mut self,
        cleaned_to: Offset,
        high_watermark: Offset,
        compaction: &Compaction,
        now: TimestampMs,
    ) -> Result<Dirtiness, LogError> {
        let is_within = (self.start..=self.end).contains(&cleaned_to);
        let first_dirty = if is_within { cleaned_to } else { self.start };
        let closed = self.segments.len() - 1;
        let stable = self.first_unstable_offset().unwrap_or(high_watermark).min(high_watermark);
        let mut until = self.active_base().min(stable);
        let mut dirtiness =
            Dirtiness { first_dirty, until, clean_bytes: 0, dirty_bytes: 0, is_overdue: false };
        for index in 0..closed {
            let end = self.segment_end(index);
            let segment = &mut self.segments[index];
            if end > first_dirty && compaction.lag_ms_min > 0 {
                let youngest = segment.max_time(&self.home)?.map(|max| max.timestamp);
                let youngest = youngest.filter(|time| time.0 >= 0).unwrap_or(segment.modified);
                if youngest.0 > now.0.saturating_sub(compaction.lag_ms_min) {
                    until = until.min(segment.base_offset);
                }
            }
            if segment.base_offset >= until {
                break;
            }
            if end <= first_dirty {
                dirtiness.clean_bytes += u64::from(segment.bytes);
                continue;
            }
            if first_dirty >= until {
                break;
            }
            dirtiness.dirty_bytes += u64::from(segment.bytes);
            let first = segment.first_timestamp(&self.home)?.filter(|first| first.0 > 0);
            dirtiness.is_overdue |= first
                .is_some_and(|first| first.0 < now.0.saturating_sub(compaction.lag_ms_max.max(0)));
        }
        Ok(Dirtiness { until: until.max(first_dirty), ..dirtiness })
    }

    /// Takes what a cleaning needs: from here on it runs without the log.
    ///
    /// # Errors
    /// `Storage`, `Failed`.
    pub fn begin_clean(
        &mut self,
        dirtiness: &Dirtiness,
        high_watermark: Offset,
        compaction: &Compaction,
        now: TimestampMs,
    ) -> Result<Cleaning<D>, LogError> {
        self.check_usable()?;
        let mut sources = Vec::new();
        for index in 0..self.segments.len() - 1 {
            let end = self.segment_end(index);
            let segment = &mut self.segments[index];
            if segment.base_offset >= dirtiness.until {
                break;
            }
            sources.push(Source {
                base_offset: segment.base_offset,
                end,
                bytes: segment.bytes,
                modified: segment.modified,
                file: segment.file(&self.home)?,
                path: self.home.path(segment.base_offset, Part::Log),
            });
        }
        let first = self.segments[0].base_offset;
        let input = Input {
            first_dirty: dirtiness.first_dirty,
            until: dirtiness.until,
            high_watermark,
            aborted: self.aborted_transactions(first, dirtiness.until)?,
            producers: self.producers.last_records(),
            now,
            delete_retention_ms: compaction.delete_retention_ms,
            record_bytes_max: self.config.record_bytes_max,
            segment_bytes: self.config.segment_bytes,
            index_interval_bytes: self.config.index_interval_bytes,
            truncations: self.durable.truncations,
        };
        let (disk, folder) = (self.home.disk.clone(), self.home.folder.clone());
        Ok(Cleaning::new(disk, folder, sources, input))
    }

    /// Puts a group in the place of its segments; whoever reads these reads on. `None` where the
    /// segments are no longer what was cleaned: then the group is removed.
    ///
    /// ```text
    ///   .cleaned  ▸ .swap     a crash before the last one leaves the old segments, behind it the new
    ///   old ones  ▸ .deleted  but for the first
    ///   .swap     ▸           over the first one
    /// ```
    ///
    /// # Errors
    /// `Storage`: the log must be opened anew.
    pub fn replace(
        &mut self,
        cleaned: Cleaned,
        now: TimestampMs,
    ) -> Result<Option<Retired>, LogError> {
        self.check_usable()?;
        let (base_offset, _) = *cleaned.replaces.first().expect("a group has segments");
        let Some(at) = self.find_replaced(&cleaned) else {
            for part in Part::SEGMENT {
                let path = cleaned_path(&self.home.folder, base_offset, part);
                self.home.remove_if_there(&path)?;
            }
            return Ok(None);
        };
        let due = TimestampMs(now.0.saturating_add(self.config.file_delete_delay_ms));
        let mut retired = Retired { paths: Vec::new(), due };
        if let Err(error) = self.swap(&cleaned, base_offset, &mut retired) {
            self.durable.has_failed = true;
            return Err(error.into());
        }
        let Cleaned { replaces, bytes, modified, has_aborted, .. } = cleaned;
        let fresh = match bytes {
            0 => Segment::empty(base_offset, modified),
            _ => Segment::existing(base_offset, bytes, modified, has_aborted),
        };
        for mut old in self.segments.splice(at..at + replaces.len(), [fresh]) {
            old.close_file(&self.home);
        }
        Ok(Some(retired))
    }

    /// Where the segments are that a group stands for, if they still are what it was made of.
    fn find_replaced(&self, cleaned: &Cleaned) -> Option<usize> {
        let (base_offset, _) = *cleaned.replaces.first()?;
        let at = self.segment_at(base_offset);
        let closed = &self.segments[..self.segments.len() - 1];
        let now = closed.get(at..at + cleaned.replaces.len())?;
        let is_same = now
            .iter()
            .zip(&cleaned.replaces)
            .all(|(segment, known)| (segment.base_offset, segment.bytes) == *known);
        (is_same && cleaned.truncations == self.durable.truncations).then_some(at)
    }

    fn swap(
        &self,
        cleaned: &Cleaned,
        base_offset: Offset,
        retired: &mut Retired,
    ) -> Result<(), StorageError> {
        self.rename_parts(base_offset, Stage::Cleaned, Stage::Swap)?;
        let folder = &self.home.folder;
        self.home.disk.sync_dir(folder).attempt("sync", folder)?;
        // the last one first: what is left of them is without a gap
        for (other, _) in cleaned.replaces.iter().skip(1).rev() {
            self.rename_deleted(*other, Part::Log, retired)?;
            for part in Part::BESIDE_THE_LOG {
                self.rename_deleted(*other, part, retired)?;
            }
        }
        if !cleaned.has_aborted {
            self.home.remove_if_there(&self.home.path(base_offset, Part::TxnIndex))?;
        }
        self.rename_parts(base_offset, Stage::Swap, Stage::Live)?;
        self.home.disk.sync_dir(folder).attempt("sync", folder)
    }

    /// Renames the parts of a segment that are there, the log first.
    fn rename_parts(
        &self,
        base_offset: Offset,
        from: Stage,
        to: Stage,
    ) -> Result<(), StorageError> {
        for part in Part::SEGMENT {
            let path = |stage| self.home.join(&FileName { base_offset, part, stage }.text());
            match self.home.disk.rename(&path(from), &path(to)) {
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                outcome => outcome.attempt("rename", &path(from))?,
            }
        }
        Ok(())
    }
}
