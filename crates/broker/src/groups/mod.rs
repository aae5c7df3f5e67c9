//! The groups that this broker coordinates: the shell around the machine of crate `coordinator`.
//!
//! ```text
//!   handler ──call──▶ ShardOwner of the group's partition ──▶ decide, apply, append, then speak
//!                          ▲            │ next deadline
//!                          └── Tick ── Alarms: one task for all shards
//! ```
//! A shard exists for a partition of `__consumer_offsets` that somebody has asked for. It is made
//! by reading the partition's log, and forgotten when an append fails or another broker leads.

mod alarms;
mod owner;
mod replay;
mod settings;
mod topic;

pub(crate) use settings::GroupSettings;

use crate::partition::{Partition, Partitions, TopicFacts};
use alarms::Alarms;
use coordinator::{Call, DeletedTopic, GroupId, ListGroups, ListedGroup, Now, Reply, Request};
use owner::ShardOwner;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;
use tokio::sync::{Notify, watch};
use types::ErrorCode;

/// Where groups and committed offsets are kept.
pub(crate) const OFFSETS_TOPIC: &str = "__consumer_offsets";

/// Every shard of this broker.
#[derive(Debug)]
pub(crate) struct Groups {
    settings: GroupSettings,
    partitions: Arc<Partitions>,
    clock: Clock,
    alarms: Arc<Alarms>,
    stopping: watch::Receiver<bool>,
    gone: GoneTopics,
    /// Some partition may have another leader.
    moved: Notify,
    owners: Mutex<BTreeMap<i32, Arc<ShardOwner>>>,
}

/// Deleted topics whose offsets are still to be forgotten.
#[derive(Debug, Default)]
struct GoneTopics {
    topics: Mutex<Vec<DeletedTopic>>,
    added: Notify,
}

/// The clocks of the machines: one that never goes back, and the wall's.
#[derive(Clone, Copy, Debug)]
struct Clock {
    origin: Instant,
}

impl Clock {
    fn now(self) -> Now {
        let ms = u64::try_from(self.origin.elapsed().as_millis()).unwrap_or(u64::MAX);
        Now { instant: coordinator::Instant(ms), wall: crate::partition::now() }
    }
}

impl Groups {
    pub(crate) fn new(
        settings: GroupSettings,
        partitions: Arc<Partitions>,
        stopping: watch::Receiver<bool>,
    ) -> Self {
        let clock = Clock { origin: Instant::now() };
        let alarms = Arc::new(Alarms::default());
        let (gone, owners) = (GoneTopics::default(), Mutex::default());
        let moved = Notify::new();
        Self { settings, partitions, clock, alarms, stopping, gone, moved, owners }
    }

    /// Has shards forgotten, soon, whose partitions this broker does not lead any more.
    pub(crate) fn leaders_may_have_moved(&self) {
        self.moved.notify_one();
    }

    /// Has the group's shard answer a call.
    ///
    /// # Errors
    /// `NOT_COORDINATOR` where this broker does not lead the group's partition, and
    /// `COORDINATOR_LOAD_IN_PROGRESS` where its log is still being read.
    pub(crate) async fn call(&self, group: &GroupId, call: Call) -> Result<Reply, ErrorCode> {
        if group.as_str().is_empty() && !takes_empty_id(&call) {
            return Err(ErrorCode::InvalidGroupId);
        }
        let owner = self.owner_of(group)?;
        let mut stopping = self.stopping.clone();
        tokio::select! {
            biased;
            reply = owner.call(call) => reply,
            // a join may wait for minutes: its client finds the next coordinator meanwhile
            () = stopped(&mut stopping) => Err(ErrorCode::NotCoordinator),
        }
    }

    /// The groups of all shards, and whether some shard could not be asked.
    pub(crate) async fn list(&self, filters: &ListGroups) -> (Vec<ListedGroup>, ErrorCode) {
        let mut listed = Vec::new();
        for partition in self.led_partitions() {
            match self.owner(&partition).call(Call::List(filters.clone())).await {
                Ok(Reply::List(groups)) => listed.extend(groups),
                Ok(_) => unreachable!("a list is answered with a list"),
                Err(ErrorCode::NotCoordinator) => {}
                Err(error) => return (Vec::new(), error),
            }
        }
        (listed, ErrorCode::None)
    }

    /// How many groups of the shards in memory are in which state; no shard is loaded for it.
    pub(crate) async fn by_state(&self) -> BTreeMap<&'static str, usize> {
        let loaded: Vec<_> = self.owners().values().filter(|o| o.is_loaded()).cloned().collect();
        let mut by_state = BTreeMap::new();
        for owner in loaded {
            if let Ok(Reply::List(groups)) = owner.call(Call::List(ListGroups::default())).await {
                for group in groups {
                    *by_state.entry(group.state).or_default() += 1;
                }
            }
        }
        by_state
    }

    /// Has what was committed for deleted topics forgotten, soon.
    pub(crate) fn forget_topics<'t>(&self, topics: impl Iterator<Item = &'t TopicFacts>) {
        let deleted = topics.map(|topic| DeletedTopic { name: topic.name.clone(), id: topic.id });
        let mut waiting = self.gone.topics();
        waiting.extend(deleted);
        waiting.dedup();
        if !waiting.is_empty() {
            self.gone.added.notify_one();
        }
    }

    /// Wakes shards at their deadlines, and has them forget old offsets, until the server stops.
    pub(crate) async fn run(&self) {
        let mut stopping = self.stopping.clone();
        let mut expiry = tokio::time::interval(self.settings.expiry_interval);
        expiry.tick().await;
        loop {
            tokio::select! {
                () = self.alarms.ring(self.clock) => {
                    for index in self.alarms.take_due(self.clock.now().instant) {
                        let owner = self.owners().get(&index).cloned();
                        owner.inspect(|owner| owner.tell(Request::Tick));
                    }
                }
                () = self.gone.added.notified() => {
                    let topics = std::mem::take(&mut *self.gone.topics());
                    self.tell_all(|| Request::TopicsDeleted(topics.clone())).await;
                }
                () = self.moved.notified() => {
                    let owners: Vec<_> = self.owners().values().cloned().collect();
                    owners.iter().for_each(|owner| owner.give_up_if_over());
                }
                _ = expiry.tick() => self.tell_all(|| Request::ExpireOffsets).await,
                () = stopped(&mut stopping) => return,
            }
        }
    }

    async fn tell_all(&self, request: impl Fn() -> Request) {
        for partition in self.led_partitions() {
            let owner = self.owner(&partition);
            if owner.ready().await.is_ok() {
                owner.tell(request());
            }
        }
    }

    fn owner_of(&self, group: &GroupId) -> Result<Arc<ShardOwner>, ErrorCode> {
        let topic = self.partitions.named(OFFSETS_TOPIC).ok_or(ErrorCode::NotCoordinator)?;
        let count = i32::try_from(topic.partitions.len()).unwrap_or(i32::MAX);
        let index = types::java_hash::coordinator_partition(group.as_str(), count);
        let partition = topic.partition(index).ok_or(ErrorCode::NotCoordinator)?;
        Ok(self.owner(partition))
    }

    fn led_partitions(&self) -> Vec<Arc<Partition>> {
        let topic = self.partitions.named(OFFSETS_TOPIC);
        let partitions = topic.iter().flat_map(|topic| topic.partitions.iter().flatten().cloned());
        partitions.filter(|p| p.led_by(self.partitions.node()).is_ok()).collect()
    }

    /// The shard of a partition; another one if the topic was deleted and made again.
    fn owner(&self, partition: &Arc<Partition>) -> Arc<ShardOwner> {
        let mut owners = self.owners();
        let present = owners.get(&partition.index).filter(|owner| owner.is_of(partition));
        if let Some(owner) = present {
            return Arc::clone(owner);
        }
        let owner = Arc::new(ShardOwner::new(
            Arc::clone(partition),
            self.partitions.node(),
            &self.settings,
            self.clock,
            Arc::clone(&self.alarms),
        ));
        owners.insert(partition.index, Arc::clone(&owner));
        owner
    }

    fn owners(&self) -> MutexGuard<'_, BTreeMap<i32, Arc<ShardOwner>>> {
        self.owners.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl GoneTopics {
    fn topics(&self) -> MutexGuard<'_, Vec<DeletedTopic>> {
        self.topics.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn stopped(stopping: &mut watch::Receiver<bool>) {
    // whoever would say so may have gone without a word
    let _ = stopping.wait_for(|stop| *stop).await;
}

/// Old clients commit and fetch offsets under an empty group id; only groups with members need one.
fn takes_empty_id(call: &Call) -> bool {
    matches!(call, Call::Commit(_) | Call::Fetch(_) | Call::DeleteGroup(_) | Call::Describe(_))
}
