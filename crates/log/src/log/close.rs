//! Leaving a log as a clean shutdown should, with syncs of its own or with those of its volume.

use types::TimestampMs;

use super::flush::sync_indexes;
use super::{Flushed, Log};
use crate::checkpoint::epochs_text;
use crate::directory::VolumeSynced;
use crate::disk::{Disk, Durability, stage_whole, staged_path};
use crate::error::{Attempt as _, LogError, StorageError};
use crate::names::LEADER_EPOCHS;

/// A log that is written to its end and waits for its volume to be synced.
#[derive(Debug)]
pub struct Closing {
    flushed: Flushed,
    has_staged_epochs: bool,
}

impl<D: Disk> Log<D> {
    /// Makes everything durable and leaves the folder as a clean shutdown should: indexes complete,
    /// a producer snapshot at the end. The log can be used on.
    ///
    /// # Errors
    /// `DiskFull`, `Storage`, `Failed`: the next start must recover this log.
    pub fn close(&mut self, now: TimestampMs) -> Result<(), LogError> {
        self.check_usable()?;
        if self.write_end(Durability::Synced)? {
            let active = self.segments.last_mut().expect("a log has an active segment");
            sync_indexes(&self.home.disk, &self.home.index_paths(active.base_offset))?;
            if self.durable.recovery_point == self.end {
                active.sync(&self.home)?;
            }
        }
        self.flush(now)
    }

    /// As [`Log::close`], but the syncs are the caller's, one for all logs of a volume:
    ///
    /// ```text
    ///   begin_close of every log ▸ LogDir::sync_volume ▸ end_close of every log ▸ sync_volume
    /// ```
    ///
    /// and only then the checkpoints and the mark of the directory. A crash on the way leaves what
    /// a crash in front of it would have left.
    ///
    /// # Errors
    /// `DiskFull`, `Storage`, `Failed`: the next start must recover this log.
    pub fn begin_close(&mut self, now: TimestampMs) -> Result<Closing, LogError> {
        self.check_usable()?;
        self.write_end(Durability::Rebuildable)?;
        let has_staged_epochs = !self.epochs.is_stored();
        if has_staged_epochs {
            let path = self.home.join(LEADER_EPOCHS);
            let text = epochs_text(self.epochs.entries());
            stage_whole(&self.home.disk, &path, text.as_bytes()).attempt("stage", &path)?;
        }
        Ok(Closing { flushed: self.flushed_at(now), has_staged_epochs })
    }

    /// Takes note that everything is on disk which was in the log at [`Log::begin_close`].
    ///
    /// # Errors
    /// `Storage`: the next start must recover this log.
    pub fn end_close(&mut self, closing: Closing, _: &VolumeSynced) -> Result<(), LogError> {
        let Closing { flushed, has_staged_epochs } = closing;
        if has_staged_epochs && self.epochs.changes() == flushed.epoch_changes {
            let path = self.home.join(LEADER_EPOCHS);
            self.home.disk.rename(&staged_path(&path), &path).attempt("replace", &path)?;
        }
        self.end_flush(flushed);
        Ok(())
    }

    /// Writes what the batches that came since the last time leave to be written, and cuts off what
    /// is behind them; tells whether there was anything.
    fn write_end(&mut self, durability: Durability) -> Result<bool, StorageError> {
        let is_behind = self.end > self.active_base() && self.durable.snapshot != Some(self.end);
        let active = self.segments.last_mut().expect("a log has an active segment");
        let is_trimmed = active.trim(&self.home)?;
        if is_behind {
            active.seal(&self.home)?;
            self.store_snapshot(durability)?;
        }
        Ok(is_behind || is_trimmed)
    }
}
