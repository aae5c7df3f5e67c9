//! A log is opened when somebody needs it, once for all who do. Recovery may take long: it holds
//! neither a reactor nor the lock that everything else at the partition needs.
//!
//! ```text
//!   log() ── the first ──▶ a thread of the directory's pool ──▶ open(): files ──▶ lock: part, ends
//!        └── the others wait for its end, whichever it is, and hold no thread
//! ```

use super::directory::Opening as FolderOpening;
use super::part::Part;
use super::{LogDirectory, LogGuard, LogState, Move, Partition, PartitionLog, Replica, Waiter};
use log::LogError;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, MutexGuard};
use types::{ErrorCode, Offset};

/// Attempts to open the log: each counts once when it begins and once when it ends, so that the
/// number is odd while a thread of the pool is at it.
#[derive(Debug, Default)]
pub(super) struct Opening(AtomicU32);

/// Who opens it; another may when this is dropped.
struct Opener(Arc<Partition>);

impl Opening {
    /// Begins an attempt, unless one is under way, which is named.
    fn begin(&self) -> Result<(), u32> {
        let next = |count: u32| count.is_multiple_of(2).then(|| count.wrapping_add(1));
        self.0.fetch_update(Ordering::AcqRel, Ordering::Acquire, next).map(drop)
    }

    fn end(&self) {
        self.0.fetch_add(1, Ordering::Release);
    }

    fn is_under_way(&self, attempt: u32) -> bool {
        self.0.load(Ordering::Acquire) == attempt
    }
}

/// The log as it is found under its lock.
enum Found<'a> {
    Open(LogGuard<'a>),
    Closed(MutexGuard<'a, Replica>),
}

impl Drop for Opener {
    fn drop(&mut self) {
        self.0.opening.end();
        self.0.moves.of(Move::Committed).wake();
    }
}

impl Partition {
    /// The log, locked; opened first, on a thread that may block, if nobody has used it yet.
    ///
    /// # Errors
    /// `NOT_LEADER_OR_FOLLOWER` when it was deleted, `KAFKA_STORAGE_ERROR` when it cannot be read.
    pub(crate) async fn log(self: &Arc<Self>) -> Result<LogGuard<'_>, ErrorCode> {
        if !self.is_open.load(Ordering::Acquire) {
            self.opened().await?;
        }
        self.log_if_open().ok_or(ErrorCode::NotLeaderOrFollower)
    }

    async fn opened(self: &Arc<Self>) -> Result<(), ErrorCode> {
        let waiter = Arc::new(Waiter::default());
        let result = self.opened_beside(&waiter).await;
        self.forget(Move::Committed, &waiter);
        result
    }

    /// Opens it, or waits for the end of the attempt that is under way: where that fails, all fail
    /// who have waited for it, rather than try one after the other.
    async fn opened_beside(self: &Arc<Self>, waiter: &Arc<Waiter>) -> Result<(), ErrorCode> {
        let mut awaited = None;
        loop {
            self.await_move(Move::Committed, waiter);
            // in this order: an attempt that succeeds opens the log before it ends
            let is_over = awaited.is_some_and(|attempt| !self.opening.is_under_way(attempt));
            if self.is_open.load(Ordering::Acquire) || self.is_gone() {
                return Ok(());
            }
            if is_over {
                return Err(ErrorCode::KafkaStorageError);
            }
            if awaited.is_none() {
                match self.opening.begin() {
                    Ok(()) => return self.open_on_pool().await,
                    Err(attempt) => awaited = Some(attempt),
                }
            }
            waiter.woken().await;
        }
    }

    async fn open_on_pool(self: &Arc<Self>) -> Result<(), ErrorCode> {
        let opener = Opener(Arc::clone(self));
        let opened = self.directory().pool.run(move || opener.0.open().map(drop));
        opened.await.unwrap_or(Err(ErrorCode::KafkaStorageError))
    }

    /// Opens the log in the calling thread, which may block for as long as recovery takes.
    ///
    /// # Errors
    /// As [`Self::log`].
    pub(crate) fn open(&self) -> Result<LogGuard<'_>, ErrorCode> {
        if let Found::Open(log) = self.find()? {
            return Ok(log);
        }
        let directory = self.directory();
        let opening = directory.begin_opening(&self.topic.name, self.index);
        let opening = opening.ok_or(ErrorCode::KafkaStorageError)?;
        if let Found::Open(log) = self.find()? {
            return Ok(log);
        }
        let (log, high_watermark) = self.open_files(&directory, &opening).map_err(|error| {
            tracing::error!(partition = ?self, %error, "cannot open a log");
            ErrorCode::KafkaStorageError
        })?;
        self.take_opened(log, high_watermark)
    }

    fn find(&self) -> Result<Found<'_>, ErrorCode> {
        let replica = self.replica();
        match &replica.log {
            LogState::Open(_) => Ok(Found::Open(LogGuard { partition: self, replica })),
            LogState::Gone => Err(ErrorCode::NotLeaderOrFollower),
            LogState::Closed if self.directory().is_offline() => Err(ErrorCode::KafkaStorageError),
            LogState::Closed => Ok(Found::Closed(replica)),
        }
    }

    fn open_files(
        &self,
        directory: &LogDirectory,
        opening: &FolderOpening<'_>,
    ) -> Result<(PartitionLog, Offset), LogError> {
        let config = self.topic.rules.load().log.clone();
        let log = opening.open_log(self.topic.id, config)?;
        Ok((log, directory.high_watermark(&self.topic.name, self.index)?))
    }

    /// Shows the log, in the part and under the rules that hold by now: both may have changed while
    /// the files were opened. It may have been deleted, or its directory have failed, as well.
    fn take_opened(
        &self,
        mut log: PartitionLog,
        high_watermark: Offset,
    ) -> Result<LogGuard<'_>, ErrorCode> {
        let mut replica = match self.find()? {
            Found::Closed(replica) => replica,
            // in another directory, where it was moved to meanwhile
            Found::Open(log) => return Ok(log),
        };
        log.set_config(self.topic.rules.load().log.clone());
        replica.high_watermark = high_watermark.clamp(log.start_offset(), log.end_offset());
        replica.log = LogState::Open(Box::new(log));
        let mut guard = LogGuard { partition: self, replica };
        guard.take_part();
        guard.show_ends();
        self.is_open.store(true, Ordering::Release);
        Ok(guard)
    }

    /// Leaves service: its directory has failed, and nothing there is tried again.
    pub(crate) fn lose(&self) {
        let mut replica = self.replica();
        self.is_open.store(false, Ordering::Release);
        if let LogState::Open(_) = &replica.log {
            replica.log = LogState::Closed;
            replica.part = Part::Idle;
        }
        drop(replica);
        self.moves.wake_all();
    }

    /// Closes a log for good: nobody can open it again.
    pub(crate) fn retire(&self) {
        self.is_gone.store(true, Ordering::Release);
        let mut replica = self.replica();
        self.is_open.store(false, Ordering::Release);
        replica.log = LogState::Gone;
        replica.part = Part::Idle;
        // a term ends with it, for those who wait as well
        self.leadership.end();
        drop(replica);
        self.moves.wake_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::partition::{Neighbours, Partitions, ReplicaTerms, TopicRules};
    use log::{FileCache, LogDir, WatchedDisk};
    use metadata::image::{Changes, Image, Replay};
    use rustix::fs::{CWD, FileType, Mode, mknodat};
    use std::path::PathBuf;
    use std::sync::mpsc;
    use std::thread;
    use std::time::Duration;
    use tokio::task::JoinHandle;
    use tokio::time::timeout;
    use types::{DirectoryId, LeaderEpoch, NodeId, TimestampMs, TopicId};
    use wire::partition_change_record::PartitionChangeRecord;
    use wire::partition_record::PartitionRecord;
    use wire::record_frame::MetadataRecord;
    use wire::topic_record::TopicRecord;

    const ID: TopicId = TopicId::from_random([7; 16]);
    const HERE: i32 = 1;
    /// Far more than anything here takes that is not stuck.
    const PATIENCE: Duration = Duration::from_secs(60);

    /// A broker with a topic of two partitions. Who opens the first one's log is held up in the file
    /// that says whose folder it is: a pipe, until somebody opens its other end.
    struct Broker {
        folder: tempfile::TempDir,
        partitions: Arc<Partitions>,
        replay: Replay,
        image: Image,
    }

    impl Broker {
        fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().to_owned();
            std::fs::create_dir(path.join("t-0")).unwrap();
            mknodat(CWD, pipe(&folder), FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
            let disk = WatchedDisk::new(path.clone());
            let files = LogDir::open(disk, FileCache::new(4), path).unwrap();
            let directory = LogDirectory::new(DirectoryId::ZERO, files).unwrap();
            let terms = ReplicaTerms { lag_ms_max: 1, backoff_ms: 1 };
            let neighbours = Neighbours::new(NodeId(HERE), terms);
            let partitions = Partitions::new(Arc::new(neighbours), vec![Arc::new(directory)]);
            let (replay, image) = (Replay::from_image(Image::default()), Image::default());
            let mut broker = Self { folder, partitions: Arc::new(partitions), replay, image };
            let topic = TopicRecord { name: "t".into(), topic_id: ID };
            let partition = |partition_id| PartitionRecord {
                topic_id: ID,
                partition_id,
                replicas: vec![HERE],
                isr: vec![HERE],
                leader: HERE,
                leader_epoch: 0,
                partition_epoch: 0,
                ..PartitionRecord::default()
            };
            broker.learn(&[
                MetadataRecord::Topic(topic),
                MetadataRecord::Partition(partition(0)),
                MetadataRecord::Partition(partition(1)),
            ]);
            broker
        }

        /// Takes over an image, in a thread that is not held up.
        fn learn(&mut self, records: &[MetadataRecord<'_>]) {
            for record in records {
                self.replay.apply(Offset(0), LeaderEpoch(0), record);
            }
            let image = self.replay.publish();
            let changes = Changes::between(&self.image, &image);
            self.image = image;
            let partitions = Arc::clone(&self.partitions);
            soon(move || partitions.apply(&changes, |_| TopicRules::default()));
        }

        fn move_to(&mut self, node: i32) {
            self.learn(&[MetadataRecord::PartitionChange(PartitionChangeRecord {
                partition_id: 0,
                topic_id: ID,
                replicas: Some(vec![node]),
                isr: Some(vec![node]),
                leader: node,
                ..PartitionChangeRecord::default()
            })]);
        }

        fn partition(&self, index: i32) -> Arc<Partition> {
            Arc::clone(self.partitions.named("t").unwrap().partition(index).unwrap())
        }

        /// Opens the first partition's log, as soon as the pipe lets it.
        fn open(&self) -> thread::JoinHandle<Result<(), ErrorCode>> {
            let partition = self.partition(0);
            thread::spawn(move || partition.open().map(drop))
        }

        /// Returns when somebody was held up, and is no more.
        fn let_go(&self) {
            let pipe = pipe(&self.folder);
            soon(move || std::fs::OpenOptions::new().write(true).open(pipe).unwrap());
        }

        /// Sixteen requests that want the first partition's log.
        async fn requests(&self) -> Vec<JoinHandle<Result<(), ErrorCode>>> {
            let waiting = (0..16)
                .map(|_| self.partition(0))
                .map(|partition| tokio::spawn(async move { partition.log().await.map(drop) }))
                .collect();
            // they come first
            tokio::task::yield_now().await;
            waiting
        }
    }

    fn pipe(folder: &tempfile::TempDir) -> PathBuf {
        folder.path().join("t-0/partition.metadata")
    }

    fn soon<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
        let (done, result) = mpsc::channel();
        thread::spawn(move || done.send(work()));
        result.recv_timeout(PATIENCE).expect("it is held up")
    }

    #[tokio::test]
    async fn a_log_that_is_recovered_holds_up_neither_its_neighbours_nor_the_image() {
        let mut broker = Broker::new();
        let waiting = broker.requests().await;
        let neighbour = broker.partition(1);
        timeout(PATIENCE, neighbour.log()).await.expect("it is held up").map(drop).unwrap();
        broker.learn(&[MetadataRecord::PartitionChange(PartitionChangeRecord {
            partition_id: 0,
            topic_id: ID,
            leader: HERE,
            ..PartitionChangeRecord::default()
        })]);
        assert!(broker.partition(0).log_if_open().is_none(), "the pipe is not open yet");
        broker.let_go();
        for request in waiting {
            timeout(PATIENCE, request).await.expect("it is held up").unwrap().unwrap();
        }
        let (partition, epoch) = (broker.partition(0), broker.partition(0).leader().epoch);
        assert_eq!(epoch, LeaderEpoch(1));
        assert_eq!(partition.log_if_open().unwrap().replica.part.leads_in(), Some(epoch));
    }

    #[tokio::test]
    async fn who_waits_for_a_log_that_cannot_be_opened_waits_for_one_attempt() {
        let broker = Broker::new();
        let partition = broker.partition(0);
        // where the file is to be written that says whose folder it is
        let obstacle = broker.folder.path().join("t-0/partition.metadata.tmp");
        std::fs::create_dir(&obstacle).unwrap();
        let waiting = broker.requests().await;
        broker.let_go();
        for request in waiting {
            // another attempt would be held up
            let outcome = timeout(PATIENCE, request).await.expect("it tries again").unwrap();
            assert_eq!(outcome, Err(ErrorCode::KafkaStorageError));
        }
        assert_eq!(partition.opening.0.load(Ordering::Acquire), 2, "begun once, and ended");
        std::fs::remove_dir(&obstacle).unwrap();
        let behind = broker.requests().await;
        broker.let_go();
        for request in behind {
            timeout(PATIENCE, request).await.expect("it is held up").unwrap().unwrap();
        }
    }

    #[test]
    fn a_replica_that_leaves_while_its_log_is_recovered_takes_its_folder_along_and_no_other() {
        let mut broker = Broker::new();
        let (left, before) = (broker.partition(0), broker.open());
        let directory = left.directory();
        while !directory.is_opening("t", 0) {
            thread::yield_now();
        }
        broker.move_to(2);
        assert!(pipe(&broker.folder).exists(), "it is not taken from under who opens it");
        broker.move_to(HERE);
        let behind = broker.open();
        broker.let_go();
        assert_eq!(before.join().unwrap(), Err(ErrorCode::NotLeaderOrFollower));
        assert_eq!(behind.join().unwrap(), Ok(()));
        let aside = directory.take_due(TimestampMs(i64::MAX));
        assert_eq!(aside.len(), 1, "{aside:?}");
        assert!(pipe(&broker.folder).metadata().unwrap().is_file());
    }
}
