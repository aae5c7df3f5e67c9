//! The partitions that this broker holds: each one log, its ends, and those who wait for it.

mod directories;
mod directory;
mod ends;
mod flush;
mod future;
mod leadership;
mod moves;
mod neighbours;
mod opening;
mod openings;
mod part;
mod place;
mod pool;
mod registry;
mod relocations;
mod rules;
mod term;
mod throttle;
mod topic;
mod waiters;

pub(crate) use directory::{LogDirectory, folder_bytes, now};
pub(crate) use ends::EndsSeen;
pub(crate) use future::{FutureReplica, Step};
pub(crate) use leadership::Leader;
pub(crate) use moves::Move;
pub(crate) use neighbours::{Neighbours, Proposed, ReplicaTerms};
pub(crate) use part::FetchingReplica;
pub(crate) use pool::BlockingPool;
pub(crate) use registry::Partitions;
pub(crate) use relocations::Relocations;
pub(crate) use rules::TopicRules;
pub(crate) use term::ELECTION_GRACE;
pub(crate) use throttle::{Throttle, Throttled};
pub(crate) use topic::{Topic, TopicFacts};
pub(crate) use waiters::Waiter;

use directory::PartitionLog;
use ends::Ends;
use flush::Flushing;
use leadership::Leadership;
use log::{Appended, LogError, Origin};
use metadata::image::PartitionState;
use moves::Moves;
use opening::Opening;
use part::Part;
use place::Place;
use record::ValidBatch;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use types::{
    DirectoryId, ErrorCode, LeaderEpoch, NodeId, Offset, ProducerId, Sequence, TimestampMs,
};

/// One replica of a partition on this broker.
pub(crate) struct Partition {
    pub topic: Arc<TopicFacts>,
    pub index: i32,
    place: Place,
    neighbours: Arc<Neighbours>,
    leadership: Leadership,
    replica: Mutex<Replica>,
    opening: Opening,
    is_open: AtomicBool,
    is_gone: AtomicBool,
    ends: Ends,
    moves: Moves,
    flushing: Flushing,
}

/// What the lock guards: the log, and the part that this replica plays with it.
struct Replica {
    log: LogState,
    part: Part,
    /// What the part follows from.
    state: Arc<PartitionState>,
    /// Whether the term before was this node's.
    has_led_before: bool,
    /// As far as it is known here.
    high_watermark: Offset,
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
    replica: MutexGuard<'a, Replica>,
}

/// Why a leader has not appended.
#[derive(Debug)]
pub(crate) enum AppendError {
    /// This node does not lead, or in another term.
    NotLeader(Leader),
    /// The batch before it may be on its way to an earlier leader, or come again after it was refused:
    /// it is to be sent again behind it.
    Overtakes {
        producer: ProducerId,
        sequence: Sequence,
    },
    Log(LogError),
}

impl fmt::Display for AppendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotLeader(leader) => {
                write!(f, "broker {} leads in epoch {}", leader.id, leader.epoch)
            }
            Self::Overtakes { producer, sequence } => write!(
                f,
                "producer {producer} comes with sequence {sequence} to a leader that is new: what \
                 comes before may be on its way to the one before, or was refused just now"
            ),
            Self::Log(error) => error.fmt(f),
        }
    }
}

impl From<LogError> for AppendError {
    fn from(error: LogError) -> Self {
        Self::Log(error)
    }
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
        state: &Arc<PartitionState>,
        directory: Arc<LogDirectory>,
        neighbours: Arc<Neighbours>,
    ) -> Self {
        let replica = Replica {
            log: LogState::Closed,
            part: Part::Idle,
            state: Arc::clone(state),
            has_led_before: false,
            high_watermark: Offset::ZERO,
        };
        Self {
            topic,
            index,
            place: Place::new(directory),
            neighbours,
            leadership: Leadership::new(state),
            replica: Mutex::new(replica),
            opening: Opening::default(),
            is_open: AtomicBool::new(false),
            is_gone: AtomicBool::new(false),
            ends: Ends::default(),
            moves: Moves::default(),
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

    /// Where it is at this moment.
    pub(crate) fn directory(&self) -> Arc<LogDirectory> {
        self.place.directory()
    }

    /// Takes over where the image says that it is.
    pub(crate) fn set_assigned(&self, directory: DirectoryId) {
        self.place.set_assigned(directory);
    }

    /// The directory that it is in, or about to be in, if the controller does not know.
    pub(crate) fn untold_directory(&self) -> Option<DirectoryId> {
        self.place.untold().filter(|_| !self.is_gone())
    }

    /// Whether it was deleted.
    pub(crate) fn is_gone(&self) -> bool {
        self.is_gone.load(Ordering::Acquire)
    }

    /// Takes over what the image says.
    pub(crate) fn set_state(&self, state: &Arc<PartitionState>) {
        let mut replica = self.replica();
        let before = self.leader();
        self.leadership.set(state);
        replica.state = Arc::clone(state);
        if self.leader() != before {
            replica.has_led_before = before.id == self.neighbours.node;
        }
        if matches!(replica.log, LogState::Open(_)) {
            let mut log = LogGuard { partition: self, replica };
            log.take_part();
            log.show_and_wake();
        } else {
            drop(replica);
        }
        if self.leader() != before {
            self.moves.wake_all();
        }
    }

    /// Whether there are other replicas than this one.
    pub(crate) fn is_replicated(&self) -> bool {
        self.leadership.is_replicated()
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

    /// The log, locked, if it is open.
    pub(crate) fn log_if_open(&self) -> Option<LogGuard<'_>> {
        let replica = self.replica();
        matches!(replica.log, LogState::Open(_)).then_some(LogGuard { partition: self, replica })
    }

    /// Puts the topic's present rules in force in an open log.
    pub(crate) fn refresh_config(&self) {
        if let Some(mut log) = self.log_if_open() {
            log.set_config(self.topic.rules.load().log.clone());
            log.obey_rules(self.leader_rules());
        }
    }

    fn leader_rules(&self) -> replica::Rules {
        replica::Rules {
            lag_ms_max: self.neighbours.terms.lag_ms_max,
            in_sync_min: self.topic.rules.load().in_sync_min,
        }
    }

    /// Wakes `waiter` at the next move of that kind; see [`Waiter`].
    pub(crate) fn await_move(&self, of: Move, waiter: &Arc<Waiter>) {
        self.moves.of(of).add(waiter);
    }

    pub(crate) fn forget(&self, of: Move, waiter: &Arc<Waiter>) {
        self.moves.of(of).remove(waiter);
    }

    fn replica(&self) -> MutexGuard<'_, Replica> {
        // A panic under the lock leaves the log as consistent as a crash does; its files stay right.
        self.replica.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl LogGuard<'_> {
    /// Appends as the leader, moves the ends and wakes who waits for them.
    ///
    /// # Errors
    /// Where this node does not lead in `epoch`, or leads since too short a time for what comes in the
    /// middle of a sequence; as the log's own append.
    pub(crate) fn append(
        mut self,
        batch: &ValidBatch<'_>,
        origin: Origin,
        epoch: LeaderEpoch,
        now: TimestampMs,
    ) -> Result<Stored, AppendError> {
        if self.replica.part.leads_in() != Some(epoch) {
            return Err(AppendError::NotLeader(self.partition.leader()));
        }
        let header = batch.header();
        if origin == Origin::Client && self.begins_midway(header) && self.awaits_stragglers() {
            let (producer, sequence) = (header.producer_id, header.base_sequence);
            return Err(AppendError::Overtakes { producer, sequence });
        }
        let appended = match self.replica.opened().append(batch, origin, epoch, now) {
            Ok(appended) => appended,
            Err(error) => return Err(self.refusal(error, origin)),
        };
        let log = self.replica.opened();
        let unsynced = log.end_offset().0 - log.recovery_point().0;
        let ends = self.publish();
        Ok(Stored { appended, ends, unsynced })
    }

    /// A gap in front of a batch is none while what belongs there may have been refused just now.
    fn refusal(&self, error: LogError, origin: Origin) -> AppendError {
        let LogError::OutOfOrderSequence { producer, expected, got } = error else {
            return error.into();
        };
        let is_ahead = expected.until(got).is_some();
        if origin == Origin::Client && is_ahead && self.awaits_refused() {
            return AppendError::Overtakes { producer, sequence: got };
        }
        error.into()
    }

    /// Moves the ends to where the log's are by now and wakes who waits for them.
    pub(crate) fn publish(mut self) -> EndsSeen {
        self.take_note();
        self.show_and_wake()
    }

    fn show_and_wake(mut self) -> EndsSeen {
        let before = self.ends();
        let ends = self.show_ends();
        let partition = self.partition;
        drop(self);
        partition.moves.wake(before, ends);
        ends
    }

    fn show_ends(&mut self) -> EndsSeen {
        let high_watermark = self.replica.high_watermark;
        self.set_high_watermark(high_watermark);
        let unstable = self.first_unstable_offset().unwrap_or(high_watermark);
        let ends = EndsSeen {
            log_start: self.start_offset(),
            last_stable: unstable.min(high_watermark),
            high_watermark,
            log_end: self.end_offset(),
        };
        self.partition.ends.set(ends);
        ends
    }

    /// The ends, which stay as they are while the lock is held.
    pub(crate) fn ends(&self) -> EndsSeen {
        self.partition.ends.see()
    }
}

impl Replica {
    fn opened(&mut self) -> &mut PartitionLog {
        self.log_and_part().0
    }

    fn log_and_part(&mut self) -> (&mut PartitionLog, &mut Part) {
        match &mut self.log {
            LogState::Open(log) => (log, &mut self.part),
            LogState::Closed | LogState::Gone => {
                unreachable!("a guard is only given for an open log")
            }
        }
    }
}

impl std::ops::Deref for LogGuard<'_> {
    type Target = PartitionLog;

    fn deref(&self) -> &PartitionLog {
        match &self.replica.log {
            LogState::Open(log) => log,
            LogState::Closed | LogState::Gone => {
                unreachable!("a guard is only given for an open log")
            }
        }
    }
}

impl std::ops::DerefMut for LogGuard<'_> {
    fn deref_mut(&mut self) -> &mut PartitionLog {
        self.replica.opened()
    }
}
