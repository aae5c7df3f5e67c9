//! A log directory: the partitions' folders side by side, and the files that speak of all of them.
//!
//! Opening a directory costs a few files and one listing, whatever the number of partitions. A
//! partition's log costs nothing until someone opens it: the checkpoints keep what is needed to do
//! that at any later time, and a log that nobody has opened cannot have changed. The directory
//! counts as left in disorder from its opening until [`LogDir::mark_clean`].

mod checkpoints;
mod clean_mark;
mod meta;
mod relocate;

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use types::{BrokerEpoch, Offset, Partition, TimestampMs, TopicId, Uuid};

pub use meta::MetaProperties;
pub use relocate::Relocated;

use checkpoints::{Checkpoint, Key};
use clean_mark::CleanMark;

use crate::checkpoint::{OffsetsByPartition, parse_partition_metadata, partition_metadata_text};
use crate::config::LogConfig;
use crate::disk::{Access, Disk, DiskFile, Durability, read_whole, replace_whole};
use crate::error::{Attempt as _, LogError, StorageError};
use crate::file_cache::FileCache;
use crate::log::{Log, Opening};
use crate::names::{
    CLEANER_OFFSETS, FolderName, FolderState, HIGH_WATERMARKS, LOCK, LOG_START_OFFSETS,
    META_PROPERTIES, PARTITION_METADATA, RECOVERY_POINTS,
};

/// A line for each of a million partitions with names of full length fits; more is no checkpoint.
const CHECKPOINT_BYTES_MAX: u64 = 512 << 20;
/// Its log has an owner of its own, which recovers it at every start.
const METADATA_TOPIC: &str = "__cluster_metadata";
/// `partition.metadata` and `meta.properties` have a few short lines.
const PROPERTIES_BYTES_MAX: u64 = 64 << 10;

/// One of the `log.dirs`, locked for this process.
#[derive(Debug)]
pub struct LogDir<D: Disk> {
    disk: D,
    files: FileCache<D::File>,
    path: PathBuf,
    lock: D::Lock,
    clean_mark: Option<CleanMark>,
    kept: Mutex<Kept>,
}

/// What is kept of the logs beside them.
#[derive(Debug)]
struct Kept {
    recovery_points: Checkpoint,
    start_offsets: Checkpoint,
    high_watermarks: Checkpoint,
    /// Up to where each log is compacted.
    cleaned: Checkpoint,
    /// The logs that were opened or created since the directory was opened: how the last owner left
    /// them says no more how they are.
    touched: BTreeSet<Key>,
}

impl Kept {
    fn checkpoints(&mut self) -> [&mut Checkpoint; 4] {
        let Self { recovery_points, start_offsets, high_watermarks, cleaned, .. } = self;
        [recovery_points, start_offsets, high_watermarks, cleaned]
    }
}

/// What the open logs of a directory say of themselves.
#[derive(Debug, Default)]
pub struct Collected {
    pub recovery_points: OffsetsByPartition,
    pub start_offsets: OffsetsByPartition,
    pub high_watermarks: OffsetsByPartition,
}

/// The proof of [`LogDir::sync_volume`].
#[derive(Debug)]
pub struct VolumeSynced(());

/// A partition's folder as a directory lists it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Folder {
    pub name: FolderName,
    pub path: PathBuf,
}

impl<D: Disk> LogDir<D> {
    /// Locks the directory, which exists, and reads its checkpoints. Whether it was left in order
    /// is remembered, and its mark taken away: from here on a crash leaves it in disorder.
    ///
    /// # Errors
    /// `WouldBlock` within when another process has locked it; what the disk says.
    pub fn open(disk: D, files: FileCache<D::File>, path: PathBuf) -> Result<Self, StorageError> {
        let lock_path = path.join(LOCK);
        let lock = disk.lock(&lock_path).attempt("lock", &lock_path)?;
        let clean_mark = CleanMark::take(&disk, &path)?;
        let kept = Kept {
            recovery_points: Checkpoint::load(&disk, path.join(RECOVERY_POINTS))?,
            start_offsets: Checkpoint::load(&disk, path.join(LOG_START_OFFSETS))?,
            high_watermarks: Checkpoint::load(&disk, path.join(HIGH_WATERMARKS))?,
            cleaned: Checkpoint::load(&disk, path.join(CLEANER_OFFSETS))?,
            touched: BTreeSet::new(),
        };
        Ok(Self { disk, files, path, lock, clean_mark, kept: Mutex::new(kept) })
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
        self.clean_mark.is_some()
    }

    /// Under which epoch the last owner's broker was registered, if that left it in order.
    pub fn epoch_left_in(&self) -> Option<BrokerEpoch> {
        self.clean_mark.and_then(|mark| mark.epoch)
    }

    /// The high watermarks that were stored last.
    pub fn high_watermarks(&self) -> OffsetsByPartition {
        self.kept().high_watermarks.offsets().clone()
    }

    /// A partition's high watermark as it was stored last.
    pub fn high_watermark(&self, topic: &str, partition: Partition) -> Option<Offset> {
        self.kept().high_watermarks.get(&(topic.to_owned(), partition))
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

    /// Opens a partition's log. It recovers what a crash has left, if need be; one that is opened
    /// again counts as left by a crash.
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
        let mut kept = self.kept();
        let opening = Opening {
            start_offset: kept.start_offsets.get(&key).unwrap_or(Offset::ZERO),
            recovery_point: kept.recovery_points.get(&key).unwrap_or(Offset::ZERO),
            is_clean: self.was_clean() && !kept.touched.contains(&key),
            now,
        };
        kept.touched.insert(key);
        drop(kept);
        let folder = self.log_path(topic, partition);
        Log::open(self.disk.clone(), self.files.clone(), folder, config, opening)
    }

    /// Creates a partition's folder with its identity, and opens the log. There is no segment file
    /// before the first append: a thousand new partitions are a thousand folders with one small
    /// file each.
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
        let key = (topic.to_owned(), partition);
        let mut kept = self.kept();
        for checkpoint in kept.checkpoints() {
            checkpoint.make_way(&self.disk, &key)?;
        }
        kept.touched.insert(key);
        drop(kept);
        let folder = self.log_path(topic, partition);
        self.create_folder_of(&folder, topic_id)?;
        Ok(Log::create(self.disk.clone(), self.files.clone(), folder, config, now))
    }

    /// Creates a log's folder with its identity.
    fn create_folder_of(&self, folder: &Path, topic_id: TopicId) -> Result<(), StorageError> {
        self.disk.create_folder(folder).attempt("create", folder)?;
        let path = folder.join(PARTITION_METADATA);
        let text = partition_metadata_text(topic_id);
        let file = self.disk.open(&path, Access::Create).attempt("create", &path)?;
        file.write_at(text.as_bytes(), &[], 0).attempt("write", &path)
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
        self.topic_of(&self.log_path(topic, partition))
    }

    fn topic_of(&self, folder: &Path) -> Result<Option<TopicId>, StorageError> {
        let path = folder.join(PARTITION_METADATA);
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

    /// Takes a partition's folder out of the way under a name that marks it for removal. Readers
    /// that hold its files go on. The folder that is returned is to be removed by
    /// [`LogDir::remove_folder`] after the topic's `file.delete.delay.ms`; one that is left over is
    /// found by [`LogDir::folders`].
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
        let key = (topic.to_owned(), partition);
        let mut kept = self.kept();
        kept.checkpoints().into_iter().for_each(|checkpoint| checkpoint.forget(&key));
        kept.touched.remove(&key);
        drop(kept);
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

    /// Writes up to where each log is on disk. A log that is not in `offsets` keeps what stood
    /// there until it is retired; so with the next two.
    ///
    /// # Errors
    /// What the disk says; the old checkpoint stands then.
    pub fn store_recovery_points(&self, offsets: &OffsetsByPartition) -> Result<(), StorageError> {
        self.kept().recovery_points.store(&self.disk, offsets)
    }

    /// Writes where each log begins.
    ///
    /// # Errors
    /// What the disk says; the old checkpoint stands then.
    pub fn store_start_offsets(&self, offsets: &OffsetsByPartition) -> Result<(), StorageError> {
        self.kept().start_offsets.store(&self.disk, offsets)
    }

    /// Writes each partition's high watermark.
    ///
    /// # Errors
    /// What the disk says; the old checkpoint stands then.
    pub fn store_high_watermarks(&self, offsets: &OffsetsByPartition) -> Result<(), StorageError> {
        self.kept().high_watermarks.store(&self.disk, offsets)
    }

    /// Before the offsets are read that [`LogDir::store_collected`] gets: what is said of a single
    /// log from here on, and which logs come and go, is newer than they are.
    pub fn begin_to_collect(&self) {
        let mut kept = self.kept();
        let Kept { recovery_points, start_offsets, high_watermarks, .. } = &mut *kept;
        for checkpoint in [recovery_points, start_offsets, high_watermarks] {
            checkpoint.begin_to_collect();
        }
    }

    /// Writes what was collected.
    ///
    /// # Errors
    /// What the disk says; the old checkpoints stand then.
    pub fn store_collected(&self, collected: &Collected) -> Result<(), StorageError> {
        let Collected { recovery_points, start_offsets, high_watermarks } = collected;
        self.kept().recovery_points.store_collected(&self.disk, recovery_points)?;
        self.kept().start_offsets.store_collected(&self.disk, start_offsets)?;
        self.kept().high_watermarks.store_collected(&self.disk, high_watermarks)
    }

    /// Notes up to where a log that was cut is on disk, and that it begins no later than `start`:
    /// what the checkpoints say of it is not to count when it has grown again.
    ///
    /// # Errors
    /// What the disk says.
    pub fn store_cut(
        &self,
        topic: &str,
        partition: Partition,
        recovery_point: Offset,
        start: Offset,
    ) -> Result<(), StorageError> {
        let key = (topic.to_owned(), partition);
        let mut kept = self.kept();
        kept.checkpoints().into_iter().for_each(|checkpoint| checkpoint.overtake(&key));
        let begins_later = kept.start_offsets.get(&key).is_some_and(|known| known > start);
        let only = |offset| OffsetsByPartition::from([(key.clone(), offset)]);
        kept.recovery_points.store(&self.disk, &only(recovery_point))?;
        if begins_later {
            kept.start_offsets.store(&self.disk, &only(start))?;
        }
        Ok(())
    }

    /// Up to where a log is compacted; its beginning where nothing says so.
    pub fn cleaned_to(&self, topic: &str, partition: Partition) -> Offset {
        let cleaned = self.kept().cleaned.get(&(topic.to_owned(), partition));
        cleaned.unwrap_or(Offset::ZERO)
    }

    /// Before a log is compacted of which [`LogDir::store_cleaned_to`] tells then: what becomes of it
    /// meanwhile counts more.
    pub fn begin_to_clean(&self) {
        self.kept().cleaned.begin_to_collect();
    }

    /// Writes up to where a log is compacted, unless it was cut, made anew or put aside since
    /// [`LogDir::begin_to_clean`]: another one may have its name.
    ///
    /// # Errors
    /// What the disk says; the old checkpoint stands then.
    pub fn store_cleaned_to(
        &self,
        topic: &str,
        partition: Partition,
        offset: Offset,
    ) -> Result<(), StorageError> {
        let offsets = OffsetsByPartition::from([((topic.to_owned(), partition), offset)]);
        self.kept().cleaned.store_collected(&self.disk, &offsets)
    }

    /// Makes everything durable that was written to the directory's volume: one call in place of
    /// several for each of many logs, see [`Log::begin_close`]. A log's folder that is a link to
    /// another volume is not reached.
    ///
    /// # Errors
    /// What the disk says.
    pub fn sync_volume(&self) -> Result<VolumeSynced, StorageError> {
        self.disk.sync_volume(&self.lock).attempt("sync the volume of", &self.path)?;
        Ok(VolumeSynced(()))
    }

    /// Marks the directory as left in order: every log that was opened is closed, the checkpoints
    /// are written. There is no mark while a log that a crash has left was not opened since: it
    /// would count as whole unread. `epoch` is that of the broker that leaves.
    ///
    /// # Errors
    /// What the disk says.
    pub fn mark_clean(self, epoch: Option<BrokerEpoch>) -> Result<(), StorageError> {
        if self.was_clean() || self.are_all_touched()? {
            CleanMark { epoch }.write(&self.disk, &self.path)?;
        }
        drop(self.lock);
        Ok(())
    }

    fn are_all_touched(&self) -> Result<bool, StorageError> {
        let folders = self.folders()?;
        let kept = self.kept();
        let mut live = folders.iter().filter(|folder| folder.name.state == FolderState::Live);
        Ok(live.all(|Folder { name, .. }| {
            name.topic == METADATA_TOPIC
                || kept.touched.contains(&(name.topic.clone(), name.partition))
        }))
    }

    /// What the directory says of cluster, node and itself; `None` before it is formatted.
    ///
    /// # Errors
    /// What the disk says, damage included.
    pub fn meta_properties(&self) -> Result<Option<MetaProperties>, StorageError> {
        MetaProperties::load(&self.disk, &self.path)
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn log_path(&self, topic: &str, partition: Partition) -> PathBuf {
        self.path.join(FolderName::live(topic, partition))
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
