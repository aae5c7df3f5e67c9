//! One log directory as partitions use it: which logs it has, and threads that may block on it.

use super::BlockingPool;
use super::openings::{FolderKey, Openings, Word};
use crate::storage::random_id;
use log::{
    Collected, FolderState, Log, LogConfig, LogDir, LogError, RealDisk, Relocated, Space,
    StorageError, VolumeSynced, WatchedDisk, Witness,
};
use metadata::image::DIRECTORY_LOST;
use std::collections::{HashMap, HashSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::{SystemTime, UNIX_EPOCH};
use types::{BrokerEpoch, DirectoryId, Offset, Partition, TimestampMs, TopicId};

/// A log on the machine's file system.
pub(crate) type PartitionLog = Log<WatchedDisk>;

#[derive(Debug)]
pub(crate) struct LogDirectory {
    pub id: DirectoryId,
    pub path: PathBuf,
    pub pool: BlockingPool,
    /// In which epoch this broker left it in order the last time, if it did.
    pub epoch_left_in: Option<BrokerEpoch>,
    /// `None` where it could not be used from the start.
    witness: Option<Arc<Witness>>,
    /// `None` once it was marked clean and its lock given up.
    files: RwLock<Option<LogDir<WatchedDisk>>>,
    folders: Mutex<Folders>,
    openings: Openings,
    /// Replicas that are assigned here.
    residents: AtomicUsize,
}

/// What lies in the directory.
#[derive(Debug, Default)]
struct Folders {
    /// Which partitions have a log here.
    live: HashMap<Box<str>, HashSet<i32>>,
    /// Copies that an earlier run has begun.
    futures: HashMap<(Box<str>, i32), PathBuf>,
    /// Folders that are no partition's any more and wait to be removed.
    aside: Vec<Aside>,
}

/// A partition's folder while it is opened; see [`LogDirectory::begin_opening`].
#[derive(Debug)]
pub(super) struct Opening<'a> {
    directory: &'a LogDirectory,
    folder: FolderKey,
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
    pub(crate) fn new(id: DirectoryId, files: LogDir<WatchedDisk>) -> Result<Self, StorageError> {
        let mut folders = Folders::default();
        // put aside by an earlier run: whoever read from it has gone
        let due = now();
        for folder in files.folders()? {
            let (topic, index) = (folder.name.topic.into(), folder.name.partition.0);
            match folder.name.state {
                FolderState::Live => {
                    folders.live.entry(topic).or_default().insert(index);
                }
                FolderState::Future => {
                    if let Some(path) = folders.futures.insert((topic, index), folder.path) {
                        folders.aside.push(Aside { path, due });
                    }
                }
                FolderState::Deleted | FolderState::Stray => {
                    folders.aside.push(Aside { path: folder.path, due });
                }
            }
        }
        Ok(Self {
            id,
            path: files.path().to_owned(),
            pool: BlockingPool::default(),
            epoch_left_in: files.epoch_left_in(),
            witness: Some(files.disk().witness()),
            files: RwLock::new(Some(files)),
            folders: Mutex::new(folders),
            openings: Openings::default(),
            residents: AtomicUsize::new(0),
        })
    }

    /// One that cannot be used: what is in it is out of service until the next start.
    pub(crate) fn unusable(path: PathBuf) -> Self {
        Self {
            id: DIRECTORY_LOST,
            path,
            pool: BlockingPool::default(),
            epoch_left_in: None,
            witness: None,
            files: RwLock::new(None),
            folders: Mutex::default(),
            openings: Openings::default(),
            residents: AtomicUsize::new(0),
        }
    }

    /// Whether it has failed.
    pub(crate) fn is_offline(&self) -> bool {
        self.witness.as_ref().is_none_or(|witness| witness.has_failed())
    }

    /// Names who is told when it fails, in whichever thread meets the fault.
    pub(crate) fn on_failure(&self, tell: impl Fn(&io::Error) + Send + Sync + 'static) {
        if let Some(witness) = &self.witness {
            witness.on_failure(tell);
        }
    }

    /// The disk that it lies on; `None` where it could not be used from the start.
    pub(crate) fn disk(&self) -> Option<WatchedDisk> {
        let files = self.files.read().unwrap_or_else(PoisonError::into_inner);
        files.as_ref().map(|files| files.disk().clone())
    }

    /// How many replicas are assigned here.
    pub(crate) fn residents(&self) -> usize {
        self.residents.load(Ordering::Relaxed)
    }

    pub(super) fn has_come(&self) {
        self.residents.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn has_gone(&self) {
        self.residents.fetch_sub(1, Ordering::Relaxed);
    }

    /// Whether the directory has the partition's folder.
    pub(crate) fn holds(&self, topic: &str, index: i32) -> bool {
        self.folders().live.get(topic).is_some_and(|indexes| indexes.contains(&index))
    }

    /// How far the partition's folder reaches: its last segment, and the bytes in it.
    pub(crate) fn extent(&self, topic: &str, index: i32) -> (String, u64) {
        let folder = self.path.join(log::FolderName::live(topic, Partition(index)));
        segments(&folder).max().unwrap_or_default()
    }

    /// The copy of the partition that an earlier run has begun, once.
    pub(crate) fn take_future(&self, topic: &str, index: i32) -> Option<PathBuf> {
        self.folders().futures.remove(&(topic.into(), index))
    }

    fn note_live(&self, topic: &str, index: i32) {
        let mut folders = self.folders();
        match folders.live.get_mut(topic) {
            Some(indexes) => indexes.insert(index),
            None => folders.live.entry(topic.into()).or_default().insert(index),
        };
    }

    fn note_gone(&self, topic: &str, index: i32) {
        if let Some(indexes) = self.folders().live.get_mut(topic) {
            indexes.remove(&index);
        }
    }

    /// Waits until nobody else opens the partition's folder, and keeps it where it is until the
    /// answer is dropped; `None` once [`Self::end_openings`] was called.
    pub(super) fn begin_opening(&self, topic: &str, index: i32) -> Option<Opening<'_>> {
        let folder = (topic.into(), index);
        self.openings.begin(&folder).then(|| Opening { directory: self, folder })
    }

    /// Whether somebody opens the partition's folder at this moment.
    #[cfg(test)]
    pub(super) fn is_opening(&self, topic: &str, index: i32) -> bool {
        self.openings.is_begun(&(topic.into(), index))
    }

    /// Returns when no log is being opened; none is from then on.
    pub(crate) fn end_openings(&self) {
        self.openings.end_all();
    }

    fn open_log(
        &self,
        (topic, index): (&str, i32),
        id: TopicId,
        config: LogConfig,
    ) -> Result<PartitionLog, LogError> {
        let index = Partition(index);
        self.with_files(|files| {
            let folder = files.path().join(log::FolderName::live(topic, index));
            if folder.is_dir() {
                match files.topic_id(topic, index)? {
                    Some(found) if found != id => {
                        let path = files.retire_log(topic, index, random_id())?;
                        self.put_aside(path, config.file_delete_delay_ms);
                    }
                    Some(_) => return files.open_log(topic, index, config, now()),
                    None => {
                        files.set_topic_id(topic, index, id)?;
                        return files.open_log(topic, index, config, now());
                    }
                }
            }
            let log = files.create_log(topic, index, id, config, now())?;
            self.note_live(topic, index.0);
            Ok(log)
        })
    }

    /// Puts a deleted partition's folder aside, if it has one, until readers have had `delay_ms` to
    /// finish. Where it is being opened at this moment, that comes first, and nobody waits for it.
    pub(crate) fn retire(
        &self,
        topic: &str,
        id: TopicId,
        index: i32,
        delay_ms: i64,
    ) -> Result<(), LogError> {
        let folder = (topic.into(), index);
        let word = Word { id, delay_ms };
        match self.openings.leave_word(&folder, word) {
            true => Ok(()),
            false => self.retire_folder(&folder, word),
        }
    }

    fn retire_folder(&self, (topic, index): &FolderKey, word: Word) -> Result<(), LogError> {
        let index = Partition(*index);
        self.with_files(|files| {
            let folder = files.path().join(log::FolderName::live(topic, index));
            let is_other = |found: TopicId| found != word.id;
            // A topic that was made anew may have the name, and the folder, by now.
            if !folder.is_dir() || files.topic_id(topic, index)?.is_some_and(is_other) {
                return Ok(());
            }
            let path = files.retire_log(topic, index, random_id())?;
            self.note_gone(topic, index.0);
            self.put_aside(path, word.delay_ms);
            Ok(())
        })
    }

    fn put_aside(&self, path: PathBuf, delay_ms: i64) {
        let due = TimestampMs(now().0.saturating_add(delay_ms));
        self.folders().aside.push(Aside { path, due });
    }

    /// The folders whose time has come; those that cannot be removed are to be brought back.
    pub(crate) fn take_due(&self, now: TimestampMs) -> Vec<Aside> {
        self.folders().aside.extract_if(.., |aside| aside.due <= now).collect()
    }

    pub(crate) fn bring_back(&self, aside: Aside) {
        self.folders().aside.push(aside);
    }

    fn folders(&self) -> MutexGuard<'_, Folders> {
        self.folders.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Creates the folder of a copy; `None` where the topic's name is too long for one.
    pub(super) fn create_future(
        &self,
        topic: &str,
        id: TopicId,
        index: i32,
        config: LogConfig,
    ) -> Result<Option<PartitionLog>, LogError> {
        let unique = random_id();
        let create = |files: &LogDir<WatchedDisk>| {
            files.create_future(topic, Partition(index), id, unique, config, now())
        };
        self.with_files(create)
    }

    /// Opens a copy that an earlier run has begun; `None` where it is no copy of that topic.
    pub(super) fn open_future(
        &self,
        folder: &Path,
        id: TopicId,
        config: LogConfig,
    ) -> Result<Option<PartitionLog>, LogError> {
        self.with_files(|files| files.open_future(folder.to_owned(), id, config, now()))
    }

    /// Makes a copy the partition's log; see [`LogDir::promote`].
    pub(super) fn promote(
        &self,
        copy: &mut PartitionLog,
        current: &PartitionLog,
        topic: &str,
        index: i32,
        known: Relocated,
    ) -> Result<(), LogError> {
        let partition = Partition(index);
        self.with_files(|files| files.promote(copy, current, topic, partition, known, now()))?;
        self.note_live(topic, index);
        Ok(())
    }

    pub(crate) fn remove(&self, folder: &Path) -> Result<(), LogError> {
        self.with_files(|files| Ok(files.remove_folder(folder)?))
    }

    /// Writes the three checkpoints of this directory with what `collect` finds.
    pub(crate) fn store_checkpoints(
        &self,
        collect: impl FnOnce() -> Collected,
    ) -> Result<(), LogError> {
        self.with_files(|files| {
            files.begin_to_collect();
            Ok(())
        })?;
        // not with the files in hand: whoever holds a log may wait for them
        let collected = collect();
        self.with_files(|files| Ok(files.store_collected(&collected)?))
    }

    /// A partition's high watermark as it was stored last; 0 without.
    ///
    /// # Errors
    /// When the directory was given up.
    pub(crate) fn high_watermark(&self, topic: &str, index: i32) -> Result<Offset, LogError> {
        let stored = |files: &LogDir<WatchedDisk>| files.high_watermark(topic, Partition(index));
        self.with_files(|files| Ok(stored(files).unwrap_or(Offset::ZERO)))
    }

    /// Notes up to where a log that was cut is on disk, and where it begins at the latest.
    ///
    /// # Errors
    /// When the checkpoint cannot be written, or the directory was given up.
    pub(crate) fn store_cut(
        &self,
        topic: &str,
        index: i32,
        recovery_point: Offset,
        start: Offset,
    ) -> Result<(), LogError> {
        let index = Partition(index);
        self.with_files(|files| Ok(files.store_cut(topic, index, recovery_point, start)?))
    }

    /// Up to where a log is compacted.
    ///
    /// # Errors
    /// When the directory was given up.
    pub(crate) fn cleaned_to(&self, topic: &str, index: i32) -> Result<Offset, LogError> {
        self.with_files(|files| Ok(files.cleaned_to(topic, Partition(index))))
    }

    /// A log that is here is about to be compacted.
    ///
    /// # Errors
    /// When the directory was given up.
    pub(crate) fn begin_to_clean(&self) -> Result<(), LogError> {
        self.with_files(|files| {
            files.begin_to_clean();
            Ok(())
        })
    }

    /// Notes up to where a log is compacted, if it is the one that was here when that began.
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
        folder_bytes(&self.path.join(log::FolderName::live(topic, Partition(index))))
    }

    /// Room on the volume.
    pub(crate) fn space(&self) -> std::io::Result<Space> {
        log::Disk::space(&RealDisk, &self.path)
    }

    fn with_files<T>(
        &self,
        work: impl FnOnce(&LogDir<WatchedDisk>) -> Result<T, LogError>,
    ) -> Result<T, LogError> {
        let files = self.files.read().unwrap_or_else(PoisonError::into_inner);
        match &*files {
            Some(files) => work(files),
            None => Err(LogError::Storage(StorageError {
                attempt: "use",
                path: self.path.clone(),
                source: io::Error::other("the directory was given up"),
            })),
        }
    }
}

impl Opening<'_> {
    /// Opens the partition's log, or creates it. A folder of another topic that had the same name
    /// is put aside first.
    pub(super) fn open_log(
        &self,
        id: TopicId,
        config: LogConfig,
    ) -> Result<PartitionLog, LogError> {
        let (topic, index) = &self.folder;
        self.directory.open_log((topic, *index), id, config)
    }
}

impl Drop for Opening<'_> {
    fn drop(&mut self) {
        while let Some(word) = self.directory.openings.end(&self.folder) {
            if let Err(error) = self.directory.retire_folder(&self.folder, word) {
                let (topic, index) = &self.folder;
                tracing::error!(%topic, index, %error, "cannot put a log aside");
            }
        }
    }
}

/// Bytes of a log's segments, by its files.
pub(crate) fn folder_bytes(folder: &Path) -> u64 {
    segments(folder).map(|(_, bytes)| bytes).sum()
}

/// Name and length of each segment file.
fn segments(folder: &Path) -> impl Iterator<Item = (String, u64)> {
    let files = std::fs::read_dir(folder).into_iter().flatten().flatten();
    files.filter_map(|file| {
        let name = file.file_name().into_string().ok().filter(|name| name.ends_with(".log"))?;
        Some((name, file.metadata().ok()?.len()))
    })
}

/// The wall clock.
pub(crate) fn now() -> TimestampMs {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    TimestampMs(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use log::FileCache;

    const TOPIC: TopicId = TopicId::from_random([7; 16]);

    #[test]
    fn a_replica_may_leave_a_directory_twice_before_its_folder_is_removed() {
        let folder = tempfile::tempdir().unwrap();
        let disk = WatchedDisk::new(folder.path().to_owned());
        let files = LogDir::open(disk, FileCache::new(4), folder.path().to_owned()).unwrap();
        let directory = LogDirectory::new(DirectoryId::ZERO, files).unwrap();
        for _ in 0..2 {
            let opening = directory.begin_opening("t", 0).unwrap();
            drop(opening.open_log(TOPIC, LogConfig::default()).unwrap());
            drop(opening);
            directory.retire("t", TOPIC, 0, 60_000).unwrap();
        }
        assert_eq!(directory.take_due(TimestampMs(i64::MAX)).len(), 2);
    }
}
