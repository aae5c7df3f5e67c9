//! Making the log durable, in the caller's thread or in one that does not hold the log.

use std::path::PathBuf;
use std::sync::{Arc, Weak};

use types::{Offset, TimestampMs};

use super::epoch_file::EpochFile;
use super::{Generation, Log};
use crate::checkpoint::epochs_text;
use crate::disk::{Access, Disk, DiskFile};
use crate::error::{Attempt as _, LogError, StorageError};
use crate::file_cache::OpenFile;
use crate::names::{LEADER_EPOCHS, Part};

/// What must be synced so that everything before an offset is on disk. It can run while others
/// append and read.
#[derive(Debug)]
pub struct FlushJob<D: Disk> {
    disk: D,
    logs: Vec<(Arc<OpenFile<D::File>>, PathBuf)>,
    indexes: Vec<PathBuf>,
    epochs: Option<StaleEpochs>,
    folder: Option<PathBuf>,
    flushed: Flushed,
}

/// The epochs that are to be written, and where to.
#[derive(Debug)]
struct StaleEpochs {
    file: Weak<EpochFile>,
    path: PathBuf,
    text: String,
}

/// Why a [`FlushJob`] has not run to its end.
#[derive(Debug)]
pub struct FlushFailed {
    pub error: StorageError,
    generation: Generation,
}

/// The proof that a [`FlushJob`] has run.
#[derive(Clone, Copy, Debug)]
pub struct Flushed {
    up_to: Offset,
    at: TimestampMs,
    names: u64,
    pub(super) epoch_changes: u64,
    generation: Generation,
}

impl<D: Disk> FlushJob<D> {
    /// Syncs. The log's recovery point moves when [`Log::end_flush`] gets the proof.
    ///
    /// # Errors
    /// What the disk says; the recovery point must not move then.
    pub fn run(self) -> Result<Flushed, FlushFailed> {
        let generation = self.flushed.generation;
        match self.sync() {
            Ok(()) => Ok(self.flushed),
            Err(error) => Err(FlushFailed { error, generation }),
        }
    }

    fn sync(&self) -> Result<(), StorageError> {
        for (file, path) in &self.logs {
            file.file().sync().attempt("sync", path)?;
        }
        sync_indexes(&self.disk, &self.indexes)?;
        if let Some(StaleEpochs { file, path, text }) = &self.epochs
            && let Some(file) = file.upgrade()
        {
            file.write(&self.disk, path, (text, self.flushed.epoch_changes))?;
        }
        if let Some(folder) = &self.folder {
            self.disk.sync_dir(folder).attempt("sync", folder)?;
            if let Some(parent) = folder.parent() {
                self.disk.sync_dir(parent).attempt("sync", parent)?;
            }
        }
        Ok(())
    }
}

impl<D: Disk> Log<D> {
    /// Makes everything durable.
    ///
    /// # Errors
    /// `DiskFull`, `Storage`: the recovery point stays.
    pub fn flush(&mut self, now: TimestampMs) -> Result<(), LogError> {
        self.check_usable()?;
        if self.durable.recovery_point < self.end || !self.epochs.is_stored() {
            match self.begin_flush(now)?.run() {
                Ok(flushed) => self.end_flush(flushed),
                Err(failed) => {
                    self.flush_failed(&failed);
                    return Err(failed.error.into());
                }
            }
        }
        Ok(())
    }

    /// The work that makes everything durable that is in the log at this moment.
    ///
    /// # Errors
    /// `Storage`, where a file cannot be opened; `Failed`, where a sync has failed before.
    pub fn begin_flush(&mut self, now: TimestampMs) -> Result<FlushJob<D>, LogError> {
        self.check_usable()?;
        let first = self.segment_at(self.durable.recovery_point);
        let mut logs = Vec::new();
        let mut indexes = Vec::new();
        let closed = self.segments.len() - 1;
        for (index, segment) in self.segments.iter_mut().enumerate().skip(first) {
            let path = self.home.path(segment.base_offset, Part::Log);
            if segment.bytes > 0 {
                logs.push((segment.file(&self.home)?, path));
            }
            if index < closed {
                indexes.extend(self.home.index_paths(segment.base_offset));
            }
        }
        let epochs = (!self.epochs.is_stored()).then(|| StaleEpochs {
            file: Arc::downgrade(&self.epoch_file),
            path: self.home.join(LEADER_EPOCHS),
            text: epochs_text(self.epochs.entries()),
        });
        let has_new_names = self.durable.names > self.durable.names_synced;
        Ok(FlushJob {
            disk: self.home.disk.clone(),
            logs,
            indexes,
            epochs,
            folder: has_new_names.then(|| self.home.folder.clone()),
            flushed: self.flushed_at(now),
        })
    }

    /// What a sync of everything would prove.
    pub(super) const fn flushed_at(&self, now: TimestampMs) -> Flushed {
        Flushed {
            up_to: self.end,
            at: now,
            names: self.durable.names,
            epoch_changes: self.epochs.changes(),
            generation: self.generation(),
        }
    }

    /// Moves the recovery point to where the job has synced, unless the log was cut meanwhile, or
    /// another one has taken its place.
    pub fn end_flush(&mut self, flushed: Flushed) {
        if flushed.generation == self.generation() {
            self.durable.names_synced = self.durable.names_synced.max(flushed.names);
            self.epochs.mark_stored(flushed.epoch_changes);
            self.durable.recovery_point = self.durable.recovery_point.max(flushed.up_to);
            self.durable.since = self.durable.since.max(flushed.at);
        }
    }

    /// A [`FlushJob`] has failed. Unless room would mend it, the log takes no more records: the
    /// system may have dropped what it could not write, and a later sync would not tell. A job whose
    /// log was cut since, or replaced, may have lost its files to that: it says nothing of this one.
    /// Tells whether it counts.
    pub fn flush_failed(&mut self, failed: &FlushFailed) -> bool {
        let counts = failed.generation == self.generation();
        self.durable.has_failed |= counts && !failed.error.is_full();
        counts
    }

    /// Whether `flush.ms` asks for a flush, or a closed segment waits for one.
    pub fn is_flush_due(&self, now: TimestampMs) -> bool {
        let has_unsynced = self.durable.recovery_point < self.end;
        let waits_ms = now.0.saturating_sub(self.durable.since.0);
        has_unsynced
            && !self.durable.has_failed
            && (waits_ms >= self.config.flush_ms
                || self.durable.recovery_point < self.active_base())
    }

    pub(super) fn flush_if_due(&mut self, now: TimestampMs) -> Result<(), LogError> {
        let unsynced = self.end.0 - self.durable.recovery_point.0;
        if unsynced >= self.config.flush_messages { self.flush(now) } else { Ok(()) }
    }
}

pub(super) fn sync_indexes<D: Disk>(disk: &D, paths: &[PathBuf]) -> Result<(), StorageError> {
    for path in paths {
        match disk.open(path, Access::Read) {
            // a segment without aborted transactions has no index of them; a segment may be deleted
            // by now
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            file => file.and_then(|file| file.sync()).attempt("sync", path)?,
        }
    }
    Ok(())
}
