//! A replica that moves to this directory from another one of the same broker.
//!
//! ```text
//!   there   t-0                         ·········▸  t-0.<uuid>-delete     LogDir::retire_log
//!   here    t-0.<uuid>-future ▸ checkpoints ▸ t-0                         LogDir::promote
//! ```
//!
//! At every point one folder at least is the partition's. A crash between the last two steps leaves
//! two, which hold the same: whoever finds them keeps either.

use std::path::PathBuf;

use types::{Offset, Partition, TimestampMs, TopicId, Uuid};

use super::LogDir;
use crate::checkpoint::OffsetsByPartition;
use crate::config::LogConfig;
use crate::disk::Disk;
use crate::error::{Attempt as _, LogError, StorageError};
use crate::log::{Log, Opening};
use crate::names::FolderName;

/// What the directory that a log leaves knows of it.
#[derive(Clone, Copy, Debug)]
pub struct Relocated {
    /// How far it is replicated.
    pub high_watermark: Offset,
    /// Up to where it is compacted.
    pub cleaned_to: Offset,
}

impl<D: Disk> LogDir<D> {
    /// Creates the folder of a copy; `None` where the topic's name is too long for one.
    ///
    /// # Errors
    /// `DiskFull`, `Storage`.
    pub fn create_future(
        &self,
        topic: &str,
        partition: Partition,
        topic_id: TopicId,
        unique: Uuid,
        config: LogConfig,
        now: TimestampMs,
    ) -> Result<Option<Log<D>>, LogError> {
        let Some(name) = FolderName::future(topic, partition, unique) else { return Ok(None) };
        let folder = self.path.join(name);
        self.create_folder_of(&folder, topic_id)?;
        Ok(Some(Log::create(self.disk.clone(), self.files.clone(), folder, config, now)))
    }

    /// Opens a copy that an earlier run has begun; `None` where it is no copy of that topic.
    ///
    /// # Errors
    /// As [`Log::open`].
    pub fn open_future(
        &self,
        folder: PathBuf,
        topic_id: TopicId,
        config: LogConfig,
        now: TimestampMs,
    ) -> Result<Option<Log<D>>, LogError> {
        if self.topic_of(&folder)? != Some(topic_id) {
            return Ok(None);
        }
        let (start_offset, recovery_point) = (Offset::ZERO, Offset::ZERO);
        let opening = Opening { start_offset, recovery_point, is_clean: false, now };
        Log::open(self.disk.clone(), self.files.clone(), folder, config, opening).map(Some)
    }

    /// Makes a copy, which has everything that `current` has, the partition's log. Nobody may
    /// append to either meanwhile. The other directory's folder is to be retired then.
    ///
    /// # Errors
    /// `Storage`, `DiskFull`: `current` goes on.
    pub fn promote(
        &self,
        copy: &mut Log<D>,
        current: &Log<D>,
        topic: &str,
        partition: Partition,
        known: Relocated,
        now: TimestampMs,
    ) -> Result<(), LogError> {
        assert_eq!(copy.end_offset(), current.end_offset(), "the whole log was copied");
        assert_eq!(copy.start_offset(), current.start_offset(), "the copy begins with the log");
        copy.flush(now)?;
        let key = (topic.to_owned(), partition);
        let only = |offset: Offset| OffsetsByPartition::from([(key.clone(), offset)]);
        let mut kept = self.kept();
        kept.recovery_points.store(&self.disk, &only(copy.recovery_point()))?;
        kept.start_offsets.store(&self.disk, &only(copy.start_offset()))?;
        kept.high_watermarks.store(&self.disk, &only(known.high_watermark))?;
        kept.cleaned.store(&self.disk, &only(known.cleaned_to))?;
        kept.touched.insert(key);
        drop(kept);
        let (from, to) = (copy.folder().to_owned(), self.log_path(topic, partition));
        self.disk.rename(&from, &to).attempt("rename", &from)?;
        copy.take_place_of(current, to);
        Ok(self.sync_names()?)
    }

    fn sync_names(&self) -> Result<(), StorageError> {
        self.disk.sync_dir(&self.path).attempt("sync", &self.path)
    }
}
