//! One shard and its one loop: decide, apply, append what is to be kept, and only then speak.
//!
//! Whoever brings a request runs the loop if nobody does, and takes along what has come meanwhile:
//! requests that wait together are written together, and no task exists for a shard.

use super::Clock;
use super::alarms::Alarms;
use super::replay::replay;
use super::settings::GroupSettings;
use crate::partition::{Move, Partition, Stored, Waiter};
use coordinator::{
    Call, GroupConfig, GroupShard, Record, RecordBytes, Reply, Request, Shard, StoredRecord, Ticket,
};
use log::Origin;
use record::{BatchBuilder, Codec, Producer, ValidBatch, with_scratch};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicI32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};
use std::time::Duration;
use tokio::sync::oneshot;
use types::{ErrorCode, LeaderEpoch, NodeId, Offset, TimestampMs};

/// So long a caller waits for a log to be read before it is told to come again.
const LOAD_PATIENCE: Duration = Duration::from_secs(2);

/// So long an answer waits for the other replicas to have what it says (Kafka's
/// `offsets.commit.timeout.ms`).
const COMMIT_PATIENCE: Duration = Duration::from_secs(5);

/// After so many rounds in a row the thread turns to its other connections first.
const ROUNDS_MAX: usize = 16;

/// What a batch takes around a single record of it.
const BATCH_BYTES_AROUND: usize = 128;

type Answer = oneshot::Sender<Result<Said, ErrorCode>>;

/// What the machine answers, and which records it follows from: those before `end`, of this term.
struct Said {
    reply: Reply,
    end: Offset,
    epoch: LeaderEpoch,
}

/// Something for the loop to do.
enum Job {
    Call(Call, Answer),
    Tell(Request),
}

pub(super) struct ShardOwner {
    partition: Arc<Partition>,
    node: NodeId,
    config: GroupConfig,
    codec: Codec,
    clock: Clock,
    alarms: Arc<Alarms>,
    inbox: Mutex<Vec<Job>>,
    machine: Mutex<Option<Machine>>,
    /// The term in which the machine was loaded; -1 while there is none.
    loaded_in: AtomicI32,
    /// Held while the log is being read.
    loading: Arc<tokio::sync::Mutex<()>>,
}

/// A shard that has been loaded, and who waits for it.
struct Machine {
    shard: GroupShard,
    waiting: BTreeMap<Ticket, Answer>,
    next_ticket: u64,
    /// The term in which it may write.
    epoch: LeaderEpoch,
    /// Where its next record goes: nobody else writes to the partition.
    end: Offset,
}

/// Why the shard must be forgotten.
enum Lost {
    Leadership,
    Log(String),
}

impl fmt::Display for Lost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Leadership => f.write_str("another broker leads it, or this one in another term"),
            Self::Log(why) => write!(f, "its log takes no more records: {why}"),
        }
    }
}

impl fmt::Debug for ShardOwner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ShardOwner({:?})", self.partition)
    }
}

impl ShardOwner {
    pub fn new(
        partition: Arc<Partition>,
        node: NodeId,
        settings: &GroupSettings,
        clock: Clock,
        alarms: Arc<Alarms>,
    ) -> Self {
        let batch_bytes_max = partition.topic.rules.load().records.batch_bytes_max;
        let record_bytes_max = batch_bytes_max.saturating_sub(BATCH_BYTES_AROUND);
        Self {
            partition,
            node,
            config: GroupConfig { record_bytes_max, ..settings.shard.clone() },
            codec: settings.codec,
            clock,
            alarms,
            inbox: Mutex::default(),
            machine: Mutex::default(),
            loaded_in: AtomicI32::new(LeaderEpoch::NONE.0),
            loading: Arc::default(),
        }
    }

    pub fn is_of(&self, partition: &Arc<Partition>) -> bool {
        Arc::ptr_eq(&self.partition, partition)
    }

    pub fn is_loaded(&self) -> bool {
        let loaded_in = self.loaded_in.load(Ordering::Acquire);
        self.partition.led_by(self.node).is_ok_and(|epoch| epoch.0 == loaded_in)
    }

    /// Forgets a machine whose term is over; those who wait for it look elsewhere.
    pub fn give_up_if_over(self: &Arc<Self>) {
        let is_over =
            || self.loaded_in.load(Ordering::Acquire) != LeaderEpoch::NONE.0 && !self.is_loaded();
        if !is_over() {
            return;
        }
        let mut slot = self.machine();
        // the next term's machine may have come in meanwhile
        if is_over() {
            self.loaded_in.store(LeaderEpoch::NONE.0, Ordering::Release);
            self.alarms.set(self.partition.index, None);
            let forgotten = slot.take();
            drop(slot);
            drop(forgotten);
            self.work();
        }
    }

    /// Has the machine answer a call, which may take as long as the machine likes. What it says is
    /// committed then.
    pub async fn call(self: &Arc<Self>, call: Call) -> Result<Reply, ErrorCode> {
        self.ready().await?;
        let (answer, reply) = oneshot::channel();
        self.bring(Job::Call(call, answer));
        let said = reply.await.unwrap_or(Err(ErrorCode::NotCoordinator))?;
        let waiter = Arc::new(Waiter::default());
        let committed = self.committed(&said, &waiter);
        let committed = tokio::time::timeout(COMMIT_PATIENCE, committed).await;
        self.partition.forget(Move::Committed, &waiter);
        committed.unwrap_or(Err(ErrorCode::CoordinatorNotAvailable))?;
        Ok(said.reply)
    }

    /// Returns when every in-sync replica has what was said.
    async fn committed(&self, said: &Said, waiter: &Arc<Waiter>) -> Result<(), ErrorCode> {
        if let Some(outcome) = self.outcome(said) {
            return outcome;
        }
        loop {
            self.partition.await_move(Move::Committed, waiter);
            if let Some(outcome) = self.outcome(said) {
                return outcome;
            }
            waiter.woken().await;
        }
    }

    /// `None` while it may still be committed.
    fn outcome(&self, said: &Said) -> Option<Result<(), ErrorCode>> {
        let ends = self.partition.ends_if_open();
        let is_committed = ends.is_some_and(|ends| ends.high_watermark >= said.end);
        // looked at behind the watermark: one that another leader has moved is not this one's
        match self.partition.led_by(self.node) {
            Ok(epoch) if epoch == said.epoch => is_committed.then_some(Ok(())),
            Ok(_) | Err(_) => Some(Err(ErrorCode::NotCoordinator)),
        }
    }

    /// Hands the machine a request that nobody waits for.
    pub fn tell(self: &Arc<Self>, request: Request) {
        self.bring(Job::Tell(request));
    }

    /// Returns when the shard is loaded.
    ///
    /// # Errors
    /// As [`super::Groups::call`].
    pub async fn ready(self: &Arc<Self>) -> Result<(), ErrorCode> {
        if self.is_loaded() {
            return Ok(());
        }
        let load = async {
            let turn = Arc::clone(&self.loading).lock_owned().await;
            let owner = Arc::clone(self);
            // on its own, so that a caller that goes away does not end it
            let loaded = tokio::spawn(async move {
                let result = owner.load().await;
                drop(turn);
                result
            });
            loaded.await.unwrap_or(Err(ErrorCode::CoordinatorNotAvailable))
        };
        let loaded = tokio::time::timeout(LOAD_PATIENCE, load).await;
        loaded.unwrap_or(Err(ErrorCode::CoordinatorLoadInProgress))
    }

    async fn load(self: &Arc<Self>) -> Result<(), ErrorCode> {
        if self.is_loaded() {
            return Ok(());
        }
        let epoch = self.partition.led_by(self.node).map_err(|_| ErrorCode::NotCoordinator)?;
        let (partition, config) = (Arc::clone(&self.partition), self.config.clone());
        let replayed = self.partition.directory().pool.run(move || replay(&partition, config));
        let (shard, end) =
            replayed.await.unwrap_or(Err(ErrorCode::CoordinatorNotAvailable)).map_err(|error| {
                tracing::warn!(partition = ?self.partition, %error, "cannot load groups");
                ErrorCode::CoordinatorNotAvailable
            })?;
        let waiting = BTreeMap::new();
        let mut slot = self.machine();
        *slot = Some(Machine { shard, waiting, next_ticket: 0, epoch, end });
        // its first round may lose it again: it counts as loaded before that, not behind it
        self.loaded_in.store(epoch.0, Ordering::Release);
        self.inbox().insert(0, Job::Tell(Request::Loaded));
        drop(slot);
        self.work();
        Ok(())
    }

    fn bring(self: &Arc<Self>, job: Job) {
        self.inbox().push(job);
        self.work();
    }

    /// Runs the loop unless somebody is at it, who will find what was brought.
    fn work(self: &Arc<Self>) {
        for _ in 0..ROUNDS_MAX {
            let mut machine = match self.machine.try_lock() {
                Ok(machine) => machine,
                Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
                // who holds it looks into the inbox again after letting go
                Err(TryLockError::WouldBlock) => return,
            };
            let jobs = std::mem::take(&mut *self.inbox());
            if !jobs.is_empty() {
                self.round(&mut machine, jobs);
            }
            drop(machine);
            if self.inbox().is_empty() {
                return;
            }
        }
        let owner = Arc::clone(self);
        tokio::spawn(async move { owner.work() });
    }

    /// One round of the loop. A machine that cannot write any more is forgotten.
    fn round(&self, slot: &mut Option<Machine>, jobs: Vec<Job>) {
        let Some(machine) = slot else {
            for job in jobs {
                job.refuse(ErrorCode::NotCoordinator);
            }
            return;
        };
        let lost = machine.run(self, jobs).err();
        let next = machine.shard.next_deadline();
        self.alarms.set(self.partition.index, next.filter(|_| lost.is_none()));
        if let Some(lost) = lost {
            tracing::warn!(partition = ?self.partition, %lost, "groups of a partition are given up");
            self.loaded_in.store(LeaderEpoch::NONE.0, Ordering::Release);
            // those who wait see their channel close
            *slot = None;
        }
    }

    /// Appends records in as few batches as the topic allows.
    fn append(
        &self,
        records: &[RecordBytes],
        epoch: LeaderEpoch,
        end: Offset,
    ) -> Result<Offset, Lost> {
        if self.partition.led_by(self.node) != Ok(epoch) {
            return Err(Lost::Leadership);
        }
        let now = self.clock.now().wall;
        let batch_bytes_max = self.partition.topic.rules.load().records.batch_bytes_max;
        let mut builder = BatchBuilder::new();
        let mut end = end;
        for record in records {
            let (key, value) = (Some(&*record.key), record.value.as_deref());
            let bytes = builder.record_bytes(now, key, value, &[]);
            if !builder.is_empty() && builder.bytes_max() + bytes > batch_bytes_max {
                end = self.append_batch(&mut builder, epoch, end, now)?;
            }
            builder.append(now, key, value, &[]).map_err(|error| Lost::Log(error.to_string()))?;
        }
        if builder.is_empty() { Ok(end) } else { self.append_batch(&mut builder, epoch, end, now) }
    }

    fn append_batch(
        &self,
        builder: &mut BatchBuilder,
        epoch: LeaderEpoch,
        end: Offset,
        now: TimestampMs,
    ) -> Result<Offset, Lost> {
        let batch: ValidBatch<'_> =
            with_scratch(|scratch| builder.seal(self.codec, Producer::NONE, scratch));
        let log = self.partition.open().map_err(|error| Lost::Log(error.to_string()))?;
        let appended = log.append(&batch, Origin::Coordinator, epoch, now);
        let Stored { appended, .. } = appended.map_err(|error| Lost::Log(error.to_string()))?;
        if appended.base_offset != end {
            return Err(Lost::Log(format!("somebody else has written at {end}")));
        }
        Ok(appended.last_offset.plus(1))
    }

    fn machine(&self) -> MutexGuard<'_, Option<Machine>> {
        self.machine.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn inbox(&self) -> MutexGuard<'_, Vec<Job>> {
        self.inbox.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Machine {
    fn run(&mut self, owner: &ShardOwner, jobs: Vec<Job>) -> Result<(), Lost> {
        let mut stored: Vec<RecordBytes> = Vec::new();
        let mut replies = Vec::new();
        for job in jobs {
            let request = self.admit(job);
            let caller = match &request {
                Request::Call(ticket, _) => Some(*ticket),
                Request::Loaded
                | Request::Tick
                | Request::ExpireOffsets
                | Request::TopicsDeleted(_) => None,
            };
            let decision = self.shard.decide(owner.clock.now(), request);
            let is_kept = |record: &Record| record.stored().is_some();
            if let Some(caller) = caller
                && !owner.partition.has_enough_in_sync()
                && decision.records.iter().any(is_kept)
            {
                // as a producer with acks=all, but nobody is told that it is for want of replicas
                self.answer(caller, Err(ErrorCode::CoordinatorNotAvailable));
                continue;
            }
            for record in &decision.records {
                let ahead = i64::try_from(stored.len()).unwrap_or(i64::MAX);
                self.shard.apply(self.end.plus(ahead), record);
                if let Some(record) = record.stored() {
                    stored.push(encode(record)?);
                }
            }
            replies.extend(decision.replies);
        }
        if !stored.is_empty() {
            self.end = owner.append(&stored, self.epoch, self.end)?;
        }
        for (ticket, reply) in replies {
            let said = Said { reply, end: self.end, epoch: self.epoch };
            self.answer(ticket, Ok(said));
        }
        Ok(())
    }

    fn answer(&mut self, ticket: Ticket, said: Result<Said, ErrorCode>) {
        let answer = self.waiting.remove(&ticket).expect("a ticket is answered once");
        // whoever asked may have gone away
        let _ = answer.send(said);
    }

    fn admit(&mut self, job: Job) -> Request {
        match job {
            Job::Tell(request) => request,
            Job::Call(call, answer) => {
                let ticket = Ticket(self.next_ticket);
                self.next_ticket += 1;
                self.waiting.insert(ticket, answer);
                Request::Call(ticket, call)
            }
        }
    }
}

impl Job {
    fn refuse(self, error: ErrorCode) {
        match self {
            Self::Call(_, answer) => _ = answer.send(Err(error)),
            Self::Tell(_) => {}
        }
    }
}

fn encode(record: &StoredRecord) -> Result<RecordBytes, Lost> {
    record.encode().map_err(|error| Lost::Log(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::partition::{LogDirectory, Neighbours, ReplicaTerms, TopicFacts, TopicRules};
    use arc_swap::ArcSwap;
    use coordinator::{CommitOffsets, CommitPartition, CommitTopic};
    use log::{FileCache, LogDir, WatchedDisk};
    use metadata::image::PartitionState;
    use types::{DirectoryId, TopicId};

    const HERE: NodeId = NodeId(1);

    /// Of two replicas, with so many in sync.
    fn state(isr: &[NodeId]) -> Arc<PartitionState> {
        Arc::new(PartitionState {
            replicas: Arc::new([HERE, NodeId(2)]),
            directories: Arc::new([DirectoryId::ZERO; 2]),
            isr: isr.into(),
            removing: Arc::default(),
            adding: Arc::default(),
            eligible_leaders: Arc::default(),
            last_known_leaders: Arc::default(),
            leader: HERE,
            leader_epoch: LeaderEpoch(0),
            // each set of replicas in sync is another one
            partition_epoch: i32::try_from(isr.len()).unwrap(),
            recovering: false,
        })
    }

    fn partition(folder: &tempfile::TempDir) -> Arc<Partition> {
        let path = folder.path().to_owned();
        let files = LogDir::open(WatchedDisk::new(path.clone()), FileCache::new(4), path).unwrap();
        let directory = LogDirectory::new(DirectoryId::ZERO, files).unwrap();
        let rules = TopicRules { in_sync_min: 2, ..TopicRules::default() };
        let facts = TopicFacts {
            id: TopicId::from_random([7; 16]),
            name: crate::groups::OFFSETS_TOPIC.into(),
            rules: ArcSwap::from_pointee(rules),
        };
        let neighbours = Neighbours::new(HERE, ReplicaTerms { lag_ms_max: 1, backoff_ms: 1 });
        let (directory, neighbours) = (Arc::new(directory), Arc::new(neighbours));
        let state = state(&[HERE]);
        Arc::new(Partition::new(Arc::new(facts), 0, &state, directory, neighbours))
    }

    fn owner(partition: &Arc<Partition>) -> Arc<ShardOwner> {
        let settings = GroupSettings {
            shard: GroupConfig::default(),
            topic_partitions: 1,
            topic_replication_factor: 2,
            topic_segment_bytes: 1 << 20,
            codec: Codec::NONE,
            expiry_interval: Duration::from_secs(1),
        };
        let clock = Clock { origin: std::time::Instant::now() };
        Arc::new(ShardOwner::new(Arc::clone(partition), HERE, &settings, clock, Arc::default()))
    }

    fn commit() -> Call {
        let partition =
            CommitPartition { partition: 0, offset: 5, leader_epoch: -1, metadata: "".into() };
        let topic = CommitTopic {
            topic: "t".into(),
            topic_id: TopicId::default(),
            partitions: vec![partition],
        };
        Call::Commit(CommitOffsets {
            group: "g".into(),
            member: "".into(),
            instance: None,
            generation: -1,
            retention_ms: -1,
            knows_missing_group: true,
            topics: vec![topic],
        })
    }

    #[tokio::test]
    async fn nothing_is_written_for_a_client_while_too_few_are_in_sync() {
        let folder = tempfile::tempdir().unwrap();
        let partition = partition(&folder);
        let owner = owner(&partition);
        let end = || partition.ends_if_open().unwrap().log_end;
        assert_eq!(owner.call(commit()).await, Err(ErrorCode::CoordinatorNotAvailable));
        assert_eq!(end(), Offset(0));
        // what is not to be kept is answered, and the machine is still the one that it was
        assert!(owner.call(Call::Describe("g".into())).await.is_ok());
        assert!(owner.is_loaded());
        partition.set_state(&state(&[HERE, NodeId(2)]));
        let (answer, said) = oneshot::channel();
        owner.bring(Job::Call(commit(), answer));
        assert!(said.await.unwrap().is_ok());
        assert_eq!(end(), Offset(1));
    }
}
