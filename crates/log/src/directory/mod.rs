//! A log directory: the partitions' folders side by side, and the files that speak of all of them.
//!
//! Opening a directory costs a few files and one listing, whatever the number of partitions. A partition's log costs
//! nothing until someone opens it: the checkpoints keep what is needed to do that at any later time, and a log that
//! nobody has opened cannot have changed. The directory counts as left in disorder from its opening until
//! [`LogDir::mark_clean`].

mod meta;

use std::io;
use std::path::{Path, PathBuf};

use types::{Offset, Partition, TimestampMs, TopicId, Uuid};

pub use meta::MetaProperties;

use crate::checkpoint::{
    OffsetsByPartition, offsets_text, parse_offsets, parse_partition_metadata,
    partition_metadata_text,
};
use crate::config::LogConfig;
use crate::disk::{Access, Disk, DiskFile, Durability, read_whole, replace_whole};
use crate::error::{Attempt as _, LogError, StorageError};
use crate::file_cache::FileCache;
use crate::log::{Log, Opening};
use crate::names::{
    CLEAN_SHUTDOWN, FolderName, HIGH_WATERMARKS, LOCK, LOG_START_OFFSETS, META_PROPERTIES,
    PARTITION_METADATA, RECOVERY_POINTS,
};

/// A line for each of a million partitions with names of full length fits; more is no checkpoint.
const CHECKPOINT_BYTES_MAX: u64 = 512 << 20;
/// `partition.metadata` and `meta.properties` have a few short lines.
const PROPERTIES_BYTES_MAX: u64 = 64 << 10;

/// One of the `log.dirs`, locked for this process.
#[derive(Debug)]
pub struct LogDir<D: Disk> {
    disk: D,
    files: FileCache<D::File>,
    path: PathBuf,
    lock: D::Lock,
    was_clean: bool,
    recovery_points: OffsetsByPartition,
    start_offsets: OffsetsByPartition,
    high_watermarks: OffsetsByPartition,
}

/// A partition's folder as a directory lists it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Folder {
    pub name: FolderName,
    pub path: PathBuf,
}

impl<D: Disk> LogDir<D> {
    /// Locks the directory, which exists, and reads its checkpoints. Whether it was left in order is remembered, and
    /// its mark taken away: from here on a crash leaves it in disorder.
    ///
    /// # Errors
    /// `WouldBlock` within when another process has locked it; what the disk says.
    pub fn open(disk: D, files: FileCache<D::File>, path: PathBuf) -> Result<Self, StorageError> {
        let lock_path = path.join(LOCK);
        let lock = disk.lock(&lock_path).attempt("lock", &lock_path)?;
        let was_clean = take_clean_mark(&disk, &path)?;
        let recovery_points = load_offsets(&disk, &path.join(RECOVERY_POINTS))?;
        let start_offsets = load_offsets(&disk, &path.join(LOG_START_OFFSETS))?;
        let high_watermarks = load_offsets(&disk, &path.join(HIGH_WATERMARKS))?;
        Ok(Self {
            disk,
            files,
            path,
            lock,
            was_clean,
            recovery_points,
            start_offsets,
            high_watermarks,
        })
    }

    /// The directory's path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The disk that it lies on.
    pub const fn disk(&self) -> &D {
        &self.disk
    }

    /// Whether the last owner left it in order.
    pub const fn was_clean(&self) -> bool {
        self.was_clean
    }

    /// The high watermarks of the last owner.
    pub const fn high_watermarks(&self) -> &OffsetsByPartition {
        &self.high_watermarks
    }

    /// The partitions' folders, in order.
    ///
    /// # Errors
    /// What the disk says.
    pub fn folders(&self) -> Result<Vec<Folder>, StorageError> {
        let entries = self.disk.list(&self.path).attempt("list", &self.path)?;
        let folders = entries.into_iter().filter(|entry| entry.is_folder);
        let mut folders: Vec<Folder> = folders
            .filter_map(|entry| {
                let name = FolderName::parse(&entry.name)?;
                Some(Folder { name, path: self.path.join(&entry.name) })
            })
            .collect();
        folders.sort_unstable();
        Ok(folders)
    }

    /// Opens a partition's log. It recovers what a crash has left, if need be.
    ///
    /// # Errors
    /// See [`Log::open`].
    pub fn open_log(
        &self,
        topic: &str,
        partition: Partition,
        config: LogConfig,
        now: TimestampMs,
    ) -> Result<Log<D>, LogError> {
        let key = (topic.to_owned(), partition);
        let offset_in = |offsets: &OffsetsByPartition| offsets.get(&key).copied();
        let opening = Opening {
            start_offset: offset_in(&self.start_offsets).unwrap_or(Offset::ZERO),
            recovery_point: offset_in(&self.recovery_points).unwrap_or(Offset::ZERO),
            is_clean: self.was_clean,
            now,
        };
        let folder = self.log_path(topic, partition);
        Log::open(self.disk.clone(), self.files.clone(), folder, config, opening)
    }

    /// Creates a partition's folder with its identity, and opens the log. There is no segment file before the first
    /// append: a thousand new partitions are a thousand folders with one small file each.
    ///
    /// # Errors
    /// `AlreadyExists` within when the folder is there; `DiskFull`; what the disk says.
    pub fn create_log(
        &self,
        topic: &str,
        partition: Partition,
        topic_id: TopicId,
        config: LogConfig,
        now: TimestampMs,
    ) -> Result<Log<D>, LogError> {
        let folder = self.log_path(topic, partition);
        self.disk.create_folder(&folder).attempt("create", &folder)?;
        let path = folder.join(PARTITION_METADATA);
        let text = partition_metadata_text(topic_id);
        let file = self.disk.open(&path, Access::Create).attempt("create", &path)?;
        file.write_at(text.as_bytes(), &[], 0).attempt("write", &path)?;
        Ok(Log::create(self.disk.clone(), self.files.clone(), folder, config, now))
    }

    /// The topic that a folder belongs to; `None` where nothing in it says so.
    ///
    /// # Errors
    /// What the disk says, damage included.
    pub fn topic_id(
        &self,
        topic: &str,
        partition: Partition,
    ) -> Result<Option<TopicId>, StorageError> {
        let path = self.log_path(topic, partition).join(PARTITION_METADATA);
        let text = match read_text(&self.disk, &path, PROPERTIES_BYTES_MAX)? {
            Some(text) if !text.is_empty() => text,
            // the power went before the file's contents were on disk
            Some(_) | None => return Ok(None),
        };
        let id = parse_partition_metadata(&text);
        id.map(Some).map_err(|why| StorageError::corrupt(&path, why))
    }

    /// Gives a folder that has none its identity.
    ///
    /// # Errors
    /// What the disk says.
    pub fn set_topic_id(
        &self,
        topic: &str,
        partition: Partition,
        topic_id: TopicId,
    ) -> Result<(), StorageError> {
        let path = self.log_path(topic, partition).join(PARTITION_METADATA);
        let text = partition_metadata_text(topic_id);
        replace_whole(&self.disk, &path, text.as_bytes(), Durability::Synced)
            .attempt("write", &path)
    }

    /// Takes a partition's folder out of the way under a name that marks it for removal. Readers that hold its files
    /// go on. The folder that is returned is to be removed by [`LogDir::remove_folder`] after the topic's
    /// `file.delete.delay.ms`; one that is left over is found by [`LogDir::folders`].
    ///
    /// # Errors
    /// What the disk says.
    pub fn retire_log(
        &self,
        topic: &str,
        partition: Partition,
        unique: Uuid,
    ) -> Result<PathBuf, StorageError> {
        let from = self.log_path(topic, partition);
        let to = self.path.join(FolderName::deleted(topic, partition, unique));
        self.disk.rename(&from, &to).attempt("rename", &from)?;
        self.disk.sync_dir(&self.path).attempt("sync", &self.path)?;
        Ok(to)
    }

    /// Removes a retired folder with all that is in it.
    ///
    /// # Errors
    /// What the disk says.
    pub fn remove_folder(&self, path: &Path) -> Result<(), StorageError> {
        match self.disk.remove_folder(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            outcome => outcome.attempt("remove", path),
        }
    }

    /// Writes up to where each log is on disk. Logs that were not opened since [`LogDir::open`] keep what stood there
    /// if they are not in `offsets`; so do those of the next two.
    ///
    /// # Errors
    /// What the disk says; the old checkpoint stands then.
    pub fn store_recovery_points(&self, offsets: &OffsetsByPartition) -> Result<(), StorageError> {
        self.store_offsets(RECOVERY_POINTS, &self.recovery_points, offsets)
    }

    /// Writes where each log begins.
    ///
    /// # Errors
    /// What the disk says; the old checkpoint stands then.
    pub fn store_start_offsets(&self, offsets: &OffsetsByPartition) -> Result<(), StorageError> {
        self.store_offsets(LOG_START_OFFSETS, &self.start_offsets, offsets)
    }

    /// Writes each partition's high watermark.
    ///
    /// # Errors
    /// What the disk says; the old checkpoint stands then.
    pub fn store_high_watermarks(&self, offsets: &OffsetsByPartition) -> Result<(), StorageError> {
        self.store_offsets(HIGH_WATERMARKS, &self.high_watermarks, offsets)
    }

    fn store_offsets(
        &self,
        name: &str,
        before: &OffsetsByPartition,
        offsets: &OffsetsByPartition,
    ) -> Result<(), StorageError> {
        let mut all = before.clone();
        all.extend(offsets.iter().map(|(log, offset)| (log.clone(), *offset)));
        let path = self.path.join(name);
        replace_whole(&self.disk, &path, offsets_text(&all).as_bytes(), Durability::Synced)
            .attempt("write", &path)
    }

    /// Marks the directory as left in order: every log that was opened is closed, the checkpoints are written.
    ///
    /// # Errors
    /// What the disk says.
    pub fn mark_clean(self) -> Result<(), StorageError> {
        let path = self.path.join(CLEAN_SHUTDOWN);
        // the layout of Kafka 4; -1: no epoch that the next start could compare
        let text = br#"{"version":0,"brokerEpoch":-1}"#;
        replace_whole(&self.disk, &path, text, Durability::Synced).attempt("write", &path)?;
        drop(self.lock);
        Ok(())
    }

    /// What the directory says of cluster, node and itself; `None` before it is formatted.
    ///
    /// # Errors
    /// What the disk says, damage included.
    pub fn meta_properties(&self) -> Result<Option<MetaProperties>, StorageError> {
        MetaProperties::load(&self.disk, &self.path)
    }

    fn log_path(&self, topic: &str, partition: Partition) -> PathBuf {
        self.path.join(FolderName::live(topic, partition))
    }
}

fn take_clean_mark<D: Disk>(disk: &D, path: &Path) -> Result<bool, StorageError> {
    let mark = path.join(CLEAN_SHUTDOWN);
    match disk.remove_file(&mark) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        outcome => {
            outcome.attempt("remove", &mark)?;
            // were the mark to come back after a crash, torn logs would be taken for whole ones
            disk.sync_dir(path).attempt("sync", path)?;
            Ok(true)
        }
    }
}

fn load_offsets<D: Disk>(disk: &D, path: &Path) -> Result<OffsetsByPartition, StorageError> {
    match read_text(disk, path, CHECKPOINT_BYTES_MAX)? {
        // Kafka creates them empty
        Some(text) if !text.is_empty() => {
            parse_offsets(&text).map_err(|why| StorageError::corrupt(path, why))
        }
        Some(_) | None => Ok(OffsetsByPartition::new()),
    }
}

fn read_text<D: Disk>(
    disk: &D,
    path: &Path,
    bytes_max: u64,
) -> Result<Option<String>, StorageError> {
    match read_whole(disk, path, bytes_max) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        bytes => {
            let text = String::from_utf8(bytes.attempt("read", path)?);
            text.map(Some).map_err(|_| StorageError::corrupt(path, "the text is not UTF-8"))
        }
    }
}
