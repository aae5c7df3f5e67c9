//! One log directory as partitions use it: which logs it has, and threads that may block on it.

use super::BlockingPool;
use log::{
    FolderState, Log, LogConfig, LogDir, LogError, OffsetsByPartition, RealDisk, Space,
    StorageError, VolumeSynced,
};
use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError, RwLock};
use std::time::{SystemTime, UNIX_EPOCH};
use types::{BrokerEpoch, DirectoryId, Offset, Partition, TimestampMs, TopicId, Uuid};

/// A log on the machine's file system.
pub(crate) type PartitionLog = Log<RealDisk>;

#[derive(Debug)]
pub(crate) struct LogDirectory {
    pub id: DirectoryId,
    pub path: PathBuf,
    pub pool: BlockingPool,
    /// In which epoch this broker left it in order the last time, if it did.
    pub epoch_left_in: Option<BrokerEpoch>,
    /// `None` once it was marked clean and its lock given up.
    files: RwLock<Option<LogDir<RealDisk>>>,
    /// Which partitions had a folder at the start.
    found: HashMap<Box<str>, HashSet<i32>>,
    /// Folders that are no partition's any more and wait to be removed.
    aside: Mutex<Vec<Aside>>,
}

/// A retired partition folder, and when nobody reads from it any more.
#[derive(Debug)]
pub(crate) struct Aside {
    pub path: PathBuf,
    pub due: TimestampMs,
}

impl LogDirectory {
    /// Takes over a directory that is locked.
    ///
    /// # Errors
    /// When it cannot be listed.
    pub(crate) fn new(id: DirectoryId, files: LogDir<RealDisk>) -> Result<Self, StorageError> {
        let mut found: HashMap<Box<str>, HashSet<i32>> = HashMap::new();
        // put aside by an earlier run: whoever read from it has gone
        let due = now();
        let mut aside = Vec::new();
        for folder in files.folders()? {
            match folder.name.state {
                FolderState::Live => {
                    let indexes = found.entry(folder.name.topic.into()).or_default();
                    indexes.insert(folder.name.partition.0);
                }
                FolderState::Deleted | FolderState::Future | FolderState::Stray => {
                    aside.push(Aside { path: folder.path, due });
                }
            }
        }
        let path = files.path().to_owned();
        let epoch_left_in = files.epoch_left_in();
        let files = RwLock::new(Some(files));
        let (pool, aside) = (BlockingPool::default(), Mutex::new(aside));
        Ok(Self { id, path, pool, epoch_left_in, files, found, aside })
    }

    /// Whether the directory had the partition's folder when the broker started.
    pub(crate) fn holds(&self, topic: &str, index: i32) -> bool {
        self.found.get(topic).is_some_and(|indexes| indexes.contains(&index))
    }

    /// Opens the partition's log, or creates it. A folder of another topic that had the same name
    /// is put aside first.
    pub(crate) fn open_log(
        &self,
        topic: &str,
        id: TopicId,
        index: i32,
        config: LogConfig,
    ) -> Result<PartitionLog, LogError> {
        let index = Partition(index);
        self.with_files(|files| {
            let folder = files.path().join(log::FolderName::live(topic, index));
            if folder.is_dir() {
                match files.topic_id(topic, index)? {
                    Some(found) if found != id => {
                        let path = files.retire_log(topic, index, unique(found, index))?;
                        self.put_aside(path, config.file_delete_delay_ms);
                    }
                    Some(_) => return files.open_log(topic, index, config, now()),
                    None => {
                        files.set_topic_id(topic, index, id)?;
                        return files.open_log(topic, index, config, now());
                    }
                }
            }
            files.create_log(topic, index, id, config, now())
        })
    }

    /// Puts a deleted partition's folder aside, if it has one, until readers have had `delay_ms` to
    /// finish.
    pub(crate) fn retire(
        &self,
        topic: &str,
        id: TopicId,
        index: i32,
        delay_ms: i64,
    ) -> Result<(), LogError> {
        let index = Partition(index);
        self.with_files(|files| {
            let folder = files.path().join(log::FolderName::live(topic, index));
            // A topic that was made anew may have the name, and the folder, by now.
            if !folder.is_dir() || files.topic_id(topic, index)?.is_some_and(|found| found != id) {
                return Ok(());
            }
            let path = files.retire_log(topic, index, unique(id, index))?;
            self.put_aside(path, delay_ms);
            Ok(())
        })
    }

    fn put_aside(&self, path: PathBuf, delay_ms: i64) {
        let due = TimestampMs(now().0.saturating_add(delay_ms));
        self.aside().push(Aside { path, due });
    }

    /// The folders whose time has come; those that cannot be removed are to be brought back.
    pub(crate) fn take_due(&self, now: TimestampMs) -> Vec<Aside> {
        self.aside().extract_if(.., |aside| aside.due <= now).collect()
    }

    pub(crate) fn bring_back(&self, aside: Aside) {
        self.aside().push(aside);
    }

    fn aside(&self) -> MutexGuard<'_, Vec<Aside>> {
        self.aside.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn remove(&self, folder: &Path) -> Result<(), LogError> {
        self.with_files(|files| Ok(files.remove_folder(folder)?))
    }

    /// Writes the three checkpoints of this directory.
    pub(crate) fn store_checkpoints(&self, logs: &Checkpoints) -> Result<(), LogError> {
        self.with_files(|files| {
            files.store_recovery_points(&logs.recovery_points)?;
            files.store_start_offsets(&logs.start_offsets)?;
            Ok(files.store_high_watermarks(&logs.high_watermarks)?)
        })
    }

    /// A partition's high watermark as it was stored last; 0 without.
    ///
    /// # Errors
    /// When the directory was given up.
    pub(crate) fn high_watermark(&self, topic: &str, index: i32) -> Result<Offset, LogError> {
        let stored = |files: &LogDir<RealDisk>| files.high_watermark(topic, Partition(index));
        self.with_files(|files| Ok(stored(files).unwrap_or(Offset::ZERO)))
    }

    /// Notes up to where one log is on disk.
    ///
    /// # Errors
    /// When the checkpoint cannot be written, or the directory was given up.
    pub(crate) fn store_recovery_point(
        &self,
        topic: &str,
        index: i32,
        offset: Offset,
    ) -> Result<(), LogError> {
        let points = OffsetsByPartition::from([((topic.to_owned(), Partition(index)), offset)]);
        self.with_files(|files| Ok(files.store_recovery_points(&points)?))
    }

    /// Up to where a log is compacted.
    ///
    /// # Errors
    /// When the directory was given up.
    pub(crate) fn cleaned_to(&self, topic: &str, index: i32) -> Result<Offset, LogError> {
        self.with_files(|files| Ok(files.cleaned_to(topic, Partition(index))))
    }

    /// Notes up to where a log is compacted.
    ///
    /// # Errors
    /// When the checkpoint cannot be written, or the directory was given up.
    pub(crate) fn store_cleaned_to(
        &self,
        topic: &str,
        index: i32,
        offset: Offset,
    ) -> Result<(), LogError> {
        self.with_files(|files| Ok(files.store_cleaned_to(topic, Partition(index), offset)?))
    }

    /// Makes everything durable that was written to the directory's volume.
    pub(crate) fn sync_volume(&self) -> Result<VolumeSynced, LogError> {
        self.with_files(|files| Ok(files.sync_volume()?))
    }

    /// Marks the directory as left in order and gives it up.
    pub(crate) fn mark_clean(&self, epoch: Option<BrokerEpoch>) -> Result<(), StorageError> {
        let files = self.files.write().unwrap_or_else(PoisonError::into_inner).take();
        files.map_or(Ok(()), |files| files.mark_clean(epoch))
    }

    /// Bytes of a partition's segments, by its files; 0 where it has none.
    pub(crate) fn log_bytes(&self, topic: &str, index: i32) -> u64 {
        let folder = self.path.join(log::FolderName::live(topic, Partition(index)));
        let files = std::fs::read_dir(folder).into_iter().flatten().flatten();
        let is_log =
            |file: &std::fs::DirEntry| file.file_name().to_string_lossy().ends_with(".log");
        files.filter(is_log).filter_map(|file| Some(file.metadata().ok()?.len())).sum()
    }

    /// Room on the volume.
    pub(crate) fn space(&self) -> std::io::Result<Space> {
        log::Disk::space(&RealDisk, &self.path)
    }

    fn with_files<T>(
        &self,
        work: impl FnOnce(&LogDir<RealDisk>) -> Result<T, LogError>,
    ) -> Result<T, LogError> {
        let files = self.files.read().unwrap_or_else(PoisonError::into_inner);
        match &*files {
            Some(files) => work(files),
            None => Err(LogError::Storage(StorageError {
                attempt: "use",
                path: self.path.clone(),
                source: std::io::Error::other("the directory was given up"),
            })),
        }
    }
}

/// What a directory's checkpoint files hold.
#[derive(Debug, Default)]
pub(crate) struct Checkpoints {
    pub recovery_points: OffsetsByPartition,
    pub start_offsets: OffsetsByPartition,
    pub high_watermarks: OffsetsByPartition,
}

/// The wall clock.
pub(crate) fn now() -> TimestampMs {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    TimestampMs(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

/// An id for a retired folder's name; two partitions of a name never have the same.
fn unique(topic: TopicId, index: Partition) -> Uuid {
    let mut bytes = topic.0;
    for (byte, other) in bytes.iter_mut().zip(index.0.to_be_bytes()) {
        *byte ^= other;
    }
    Uuid(bytes)
}
