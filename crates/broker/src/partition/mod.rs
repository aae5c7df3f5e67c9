//! The partitions that this broker holds: each one log, its ends, and those who wait for it.

mod directory;
mod ends;
mod flush;
mod leadership;
mod pool;
mod registry;
mod rules;
mod topic;
mod waiters;

pub(crate) use directory::{Checkpoints, LogDirectory, now};
pub(crate) use ends::EndsSeen;
pub(crate) use leadership::Leader;
pub(crate) use pool::BlockingPool;
pub(crate) use registry::Partitions;
pub(crate) use rules::TopicRules;
pub(crate) use topic::{Topic, TopicFacts};
pub(crate) use waiters::Waiter;

use directory::PartitionLog;
use ends::Ends;
use flush::Flushing;
use leadership::Leadership;
use log::{Appended, LogError, Origin};
use metadata::image::PartitionState;
use record::ValidBatch;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use types::{ErrorCode, LeaderEpoch, NodeId, TimestampMs};
use waiters::Waiters;

/// One replica of a partition on this broker.
pub(crate) struct Partition {
    pub topic: Arc<TopicFacts>,
    pub index: i32,
    directory: Arc<LogDirectory>,
    leadership: Leadership,
    log: Mutex<LogState>,
    is_open: AtomicBool,
    is_gone: AtomicBool,
    ends: Ends,
    waiters: Waiters,
    flushing: Flushing,
}

/// Ten thousand idle partitions must cost little: a log is opened when someone needs it.
enum LogState {
    Closed,
    Open(Box<PartitionLog>),
    /// The topic was deleted, or its directory is lost.
    Gone,
}

/// What an append has led to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stored {
    pub appended: Appended,
    pub ends: EndsSeen,
    /// Records of the log that are not known to be on disk.
    pub unsynced: i64,
}

/// An open log under its lock. Never keep one across an `await`.
pub(crate) struct LogGuard<'a> {
    partition: &'a Partition,
    state: MutexGuard<'a, LogState>,
}

impl fmt::Debug for Partition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.topic.name, self.index)
    }
}

impl Partition {
    pub(crate) fn new(
        topic: Arc<TopicFacts>,
        index: i32,
        state: &PartitionState,
        directory: Arc<LogDirectory>,
    ) -> Self {
        Self {
            topic,
            index,
            directory,
            leadership: Leadership::new(state),
            log: Mutex::new(LogState::Closed),
            is_open: AtomicBool::new(false),
            is_gone: AtomicBool::new(false),
            ends: Ends::default(),
            waiters: Waiters::default(),
            flushing: Flushing::default(),
        }
    }

    pub(crate) fn leader(&self) -> Leader {
        self.leadership.leader()
    }

    /// This node's term as the leader.
    ///
    /// # Errors
    /// `NOT_LEADER_OR_FOLLOWER` with the leader that the client should go to.
    pub(crate) fn led_by(&self, node: NodeId) -> Result<LeaderEpoch, Leader> {
        self.leadership.led_by(node)
    }

    pub(crate) fn has_enough_in_sync(&self) -> bool {
        self.leadership.has_enough_in_sync(self.topic.rules.load().in_sync_min)
    }

    pub(crate) fn directory(&self) -> &Arc<LogDirectory> {
        &self.directory
    }

    /// Whether it was deleted.
    pub(crate) fn is_gone(&self) -> bool {
        self.is_gone.load(Ordering::Acquire)
    }

    /// Takes over what the image says.
    pub(crate) fn set_state(&self, state: &PartitionState) {
        let before = self.leader();
        self.leadership.set(state);
        if self.leader() != before {
            if let LogState::Open(log) = &mut *self.state() {
                log.begin_epoch(state.leader_epoch);
            }
            self.waiters.wake();
        }
    }

    /// The ends, if the log has been opened.
    pub(crate) fn ends_if_open(&self) -> Option<EndsSeen> {
        self.is_open.load(Ordering::Acquire).then(|| self.ends.see())
    }

    /// The ends; opens the log if need be.
    ///
    /// # Errors
    /// As [`Self::log`].
    pub(crate) async fn ends(self: &Arc<Self>) -> Result<EndsSeen, ErrorCode> {
        match self.ends_if_open() {
            Some(ends) => Ok(ends),
            None => self.log().await.map(|_| self.ends.see()),
        }
    }

    /// The log, locked; opened first, on a thread that may block, if nobody has used it yet.
    ///
    /// # Errors
    /// `NOT_LEADER_OR_FOLLOWER` when it was deleted, `KAFKA_STORAGE_ERROR` when it cannot be read.
    pub(crate) async fn log(self: &Arc<Self>) -> Result<LogGuard<'_>, ErrorCode> {
        while !self.is_open.load(Ordering::Acquire) {
            let partition = Arc::clone(self);
            let opened = self.directory.pool.run(move || partition.open().map(drop)).await;
            opened.unwrap_or(Err(ErrorCode::KafkaStorageError))?;
        }
        self.log_if_open().ok_or(ErrorCode::NotLeaderOrFollower)
    }

    /// The log, locked, if it is open.
    pub(crate) fn log_if_open(&self) -> Option<LogGuard<'_>> {
        let state = self.state();
        matches!(*state, LogState::Open(_)).then_some(LogGuard { partition: self, state })
    }

    /// Opens the log in the calling thread, which may block for as long as recovery takes.
    pub(crate) fn open(&self) -> Result<LogGuard<'_>, ErrorCode> {
        let mut state = self.state();
        match &*state {
            LogState::Open(_) => {}
            LogState::Gone => return Err(ErrorCode::NotLeaderOrFollower),
            LogState::Closed => {
                let mut log = self.open_files().map_err(|error| {
                    tracing::error!(partition = ?self, %error, "cannot open a log");
                    ErrorCode::KafkaStorageError
                })?;
                log.begin_epoch(self.leader().epoch);
                let end = log.end_offset();
                log.set_high_watermark(end);
                *state = LogState::Open(Box::new(log));
            }
        }
        let guard = LogGuard { partition: self, state };
        guard.show_ends();
        self.is_open.store(true, Ordering::Release);
        Ok(guard)
    }

    fn open_files(&self) -> Result<PartitionLog, LogError> {
        let config = self.topic.rules.load().log.clone();
        self.directory.open_log(&self.topic.name, self.topic.id, self.index, config)
    }

    /// Puts the topic's present rules in force in an open log.
    pub(crate) fn refresh_config(&self) {
        if let Some(mut log) = self.log_if_open() {
            log.set_config(self.topic.rules.load().log.clone());
        }
    }

    /// Closes a log for good: nobody can open it again.
    pub(crate) fn retire(&self) {
        self.is_gone.store(true, Ordering::Release);
        let mut state = self.state();
        self.is_open.store(false, Ordering::Release);
        *state = LogState::Gone;
        drop(state);
        self.waiters.wake();
    }

    /// Wakes `waiter` at the next move; see [`Waiter`].
    pub(crate) fn await_move(&self, waiter: &Arc<Waiter>) {
        self.waiters.add(waiter);
    }

    pub(crate) fn forget(&self, waiter: &Arc<Waiter>) {
        self.waiters.remove(waiter);
    }

    fn state(&self) -> MutexGuard<'_, LogState> {
        // A panic under the lock leaves the log as consistent as a crash does; its files stay right.
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl LogGuard<'_> {
    /// Appends as the leader, moves the ends and wakes who waits for them.
    ///
    /// # Errors
    /// As the log's own append.
    pub(crate) fn append(
        mut self,
        batch: &ValidBatch<'_>,
        origin: Origin,
        epoch: LeaderEpoch,
        now: TimestampMs,
    ) -> Result<Stored, LogError> {
        let log = self.state.opened();
        let appended = log.append(batch, origin, epoch, now)?;
        let unsynced = log.end_offset().0 - log.recovery_point().0;
        let ends = self.publish();
        Ok(Stored { appended, ends, unsynced })
    }

    /// Moves the ends to where the log's are by now and wakes who waits for them.
    pub(crate) fn publish(mut self) -> EndsSeen {
        let log = self.state.opened();
        // The only replica is always in sync: what it has, everyone has.
        let end = log.end_offset();
        log.set_high_watermark(end);
        let ends = self.show_ends();
        let partition = self.partition;
        drop(self);
        partition.waiters.wake();
        ends
    }

    fn show_ends(&self) -> EndsSeen {
        let log_end = self.end_offset();
        let high_watermark = log_end;
        let unstable = self.first_unstable_offset().unwrap_or(high_watermark);
        let ends = EndsSeen {
            log_start: self.start_offset(),
            last_stable: unstable.min(high_watermark),
            high_watermark,
            log_end,
        };
        self.partition.ends.set(ends);
        ends
    }

    /// The ends, which stay as they are while the lock is held.
    pub(crate) fn ends(&self) -> EndsSeen {
        self.partition.ends.see()
    }
}

impl LogState {
    fn opened(&mut self) -> &mut PartitionLog {
        match self {
            Self::Open(log) => log,
            Self::Closed | Self::Gone => unreachable!("a guard is only given for an open log"),
        }
    }
}

impl std::ops::Deref for LogGuard<'_> {
    type Target = PartitionLog;

    fn deref(&self) -> &PartitionLog {
        match &*self.state {
            LogState::Open(log) => log,
            LogState::Closed | LogState::Gone => {
                unreachable!("a guard is only given for an open log")
            }
        }
    }
}

impl std::ops::DerefMut for LogGuard<'_> {
    fn deref_mut(&mut self) -> &mut PartitionLog {
        self.state.opened()
    }
}
