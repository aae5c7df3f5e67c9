//! The consumer: partitions assigned by hand or by a group, read ahead, handed out by `poll`.
//!
//! Everything that talks to brokers is a task; `poll` gives orders, takes what tasks brought back
//! (`Event`) and hands out records. Only heartbeats run without `poll`.

mod assign;
mod fetch;
mod heartbeat;
mod join;
mod membership;
pub(crate) mod offsets;
mod place;
mod poll;
mod positions;
mod records;
mod session;

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::Instant;

pub(crate) use assign::decode_assignment;
pub use offsets::ListedOffset;
pub use positions::OffsetAndMetadata;
pub use records::{ConsumerRecord, ConsumerRecords, TimestampType};

use crate::cluster::Cluster;
use crate::config::{ConsumerConfig, IsolationLevel};
use crate::{Error, Metadata, Result, TopicPartition};
use fetch::Unread;
use membership::Group;
use poll::Event;
use positions::{Placing, Position, Positions};
use records::Chunk;
use session::Session;

/// `ListOffsets` for the first offset.
pub const EARLIEST_TIMESTAMP: i64 = -2;
/// `ListOffsets` for the end.
pub const LATEST_TIMESTAMP: i64 = -1;

/// Is told when a group gives partitions and takes them away, from within `poll` and `close`.
pub trait RebalanceListener: Send {
    /// These are ours now.
    fn on_assigned(&mut self, partitions: &[TopicPartition]);
    /// These will be somebody else's.
    fn on_revoked(&mut self, partitions: &[TopicPartition]);
    /// These may have been somebody else's for a while.
    fn on_lost(&mut self, partitions: &[TopicPartition]) {
        self.on_revoked(partitions);
    }
}

struct NoListener;

impl RebalanceListener for NoListener {
    fn on_assigned(&mut self, _: &[TopicPartition]) {}
    fn on_revoked(&mut self, _: &[TopicPartition]) {}
}

/// Which topic names a consumer wants.
pub type TopicMatcher = Box<dyn Fn(&str) -> bool + Send>;

/// What the application asked for.
enum Subscription {
    Nothing,
    /// Partitions by hand; no group shares them out.
    Manual,
    Topics(BTreeSet<Arc<str>>),
    Pattern(TopicMatcher),
}

/// Fetched data that waits to be handed out.
struct Ready {
    partition: TopicPartition,
    /// That of the placement for which it was fetched.
    version: u64,
    data: Unread,
    /// What is left of a batch that `max.poll.records` cut, and what comes behind it.
    rest: Option<(Chunk, Position)>,
}

/// Reads records. Not shared: all methods that read or seek take `&mut self`.
pub struct Consumer {
    config: Arc<ConsumerConfig>,
    cluster: Arc<Cluster>,
    subscription: Subscription,
    listener: Box<dyn RebalanceListener>,
    positions: Positions,
    group: Option<Group>,
    sessions: HashMap<i32, Session>,
    fetching: BTreeSet<i32>,
    ready: VecDeque<Ready>,
    tasks: JoinSet<Event>,
    wake: Arc<Notify>,
    woken: Arc<AtomicBool>,
    /// No questions about positions before then, after some went wrong.
    place_not_before: Option<Instant>,
    refreshing: bool,
    metadata_checked: Instant,
    metadata_generation: u64,
    /// So often was a topic missing when metadata was asked for, one time after the other.
    lacking: u32,
    /// What was committed last in the background, so that nothing is committed twice.
    last_committed: BTreeMap<TopicPartition, OffsetAndMetadata>,
    /// What an eager member had before it joined again.
    previously_owned: Vec<TopicPartition>,
}

/// Interrupts a `poll` from elsewhere.
#[derive(Clone)]
pub struct Waker {
    wake: Arc<Notify>,
    woken: Arc<AtomicBool>,
}

impl Waker {
    /// Makes the `poll` that runs, or the next one, return [`Error::WokenUp`].
    pub fn wake(&self) {
        self.woken.store(true, Ordering::Release);
        self.wake.notify_one();
    }
}

impl Consumer {
    /// A consumer of nothing yet. Connections are made when needed.
    #[must_use]
    pub fn new(config: ConsumerConfig) -> Self {
        let config = Arc::new(config);
        let group = config.group_id.clone().map(Group::new);
        Self {
            cluster: Cluster::new(config.client.clone()),
            subscription: Subscription::Nothing,
            listener: Box::new(NoListener),
            positions: Positions::default(),
            group,
            sessions: HashMap::new(),
            fetching: BTreeSet::new(),
            ready: VecDeque::new(),
            tasks: JoinSet::new(),
            wake: Arc::default(),
            woken: Arc::default(),
            place_not_before: None,
            refreshing: false,
            metadata_checked: Instant::now(),
            metadata_generation: 0,
            lacking: 0,
            last_committed: BTreeMap::new(),
            previously_owned: Vec::new(),
            config,
        }
    }

    /// Whom to tell about assignments.
    pub fn set_listener(&mut self, listener: impl RebalanceListener + 'static) {
        self.listener = Box::new(listener);
    }

    /// Lets the group share out these topics' partitions.
    pub fn subscribe<'t>(&mut self, topics: impl IntoIterator<Item = &'t str>) -> Result<()> {
        let topics: BTreeSet<Arc<str>> = topics.into_iter().map(Arc::from).collect();
        self.require_group("subscribe")?;
        self.cluster.want_only(topics.iter().cloned());
        self.subscription = Subscription::Topics(topics);
        self.resubscribed();
        Ok(())
    }

    /// Lets the group share out all topics whose names match, also those yet to come.
    pub fn subscribe_matching(&mut self, matcher: TopicMatcher) -> Result<()> {
        self.require_group("subscribe")?;
        self.cluster.want_all();
        self.subscription = Subscription::Pattern(matcher);
        self.resubscribed();
        Ok(())
    }

    /// Reads exactly these partitions, without a group's doing.
    pub fn assign(&mut self, partitions: impl IntoIterator<Item = TopicPartition>) -> Result<()> {
        if matches!(self.subscription, Subscription::Topics(_) | Subscription::Pattern(_)) {
            let what = "Subscription to topics, partitions and pattern are mutually exclusive";
            return Err(Error::invalid(what));
        }
        let partitions: BTreeSet<_> = partitions.into_iter().collect();
        self.subscription = Subscription::Manual;
        let placing = self.first_placing();
        self.positions.assign(&partitions, placing);
        self.cluster.want_only(self.positions.topics());
        Ok(())
    }

    /// The partitions that are read.
    #[must_use]
    pub fn assignment(&self) -> BTreeSet<TopicPartition> {
        self.positions.partitions()
    }

    /// Reads on from `offset`.
    pub fn seek(&mut self, partition: &TopicPartition, offset: i64) -> Result<()> {
        let placing = Placing::Placed(Position { offset, epoch: -1 });
        self.assigned(partition)?.place(placing);
        Ok(())
    }

    /// Reads on from the first record that is not older than `timestamp` (milliseconds), from
    /// [`EARLIEST_TIMESTAMP`] or [`LATEST_TIMESTAMP`].
    pub fn seek_to_time(&mut self, partition: &TopicPartition, timestamp: i64) -> Result<()> {
        self.assigned(partition)?.place(Placing::ByTime(timestamp));
        Ok(())
    }

    /// Hands out nothing of these partitions until they are resumed.
    pub fn pause<'p>(
        &mut self,
        partitions: impl IntoIterator<Item = &'p TopicPartition>,
    ) -> Result<()> {
        partitions.into_iter().try_for_each(|p| self.assigned(p).map(|a| a.paused = true))
    }

    /// Undoes [`Consumer::pause`].
    pub fn resume<'p>(
        &mut self,
        partitions: impl IntoIterator<Item = &'p TopicPartition>,
    ) -> Result<()> {
        partitions.into_iter().try_for_each(|p| self.assigned(p).map(|a| a.paused = false))
    }

    /// The offset that the next record of the partition has at least; `None` while it is unknown.
    #[must_use]
    pub fn position(&self, partition: &TopicPartition) -> Option<i64> {
        Some(self.positions.get(partition)?.position()?.offset)
    }

    /// How far behind the end the consumer is, as of the last fetch.
    #[must_use]
    pub fn lag(&self, partition: &TopicPartition) -> Option<i64> {
        let assigned = self.positions.get(partition)?;
        let end = match self.config.isolation_level {
            IsolationLevel::ReadUncommitted => assigned.high_watermark,
            IsolationLevel::ReadCommitted => assigned.last_stable_offset,
        };
        (end >= 0).then_some(end - assigned.position()?.offset)
    }

    /// What the group committed for these partitions.
    pub async fn committed(
        &self,
        partitions: &[TopicPartition],
    ) -> Result<BTreeMap<TopicPartition, OffsetAndMetadata>> {
        let group = self.require_group("committed")?;
        membership::committed(&self.cluster, group.id(), partitions).await
    }

    /// Commits all positions, and returns once the group's coordinator has them.
    pub async fn commit(&mut self) -> Result<()> {
        self.commit_offsets(self.positions.consumed()).await
    }

    /// Commits these offsets, and returns once the group's coordinator has them.
    pub async fn commit_offsets(
        &mut self,
        offsets: BTreeMap<TopicPartition, OffsetAndMetadata>,
    ) -> Result<()> {
        let committer = self.require_group("commit")?.committer(&self.config);
        let within = self.config.client.default_api_timeout;
        membership::commit(&self.cluster, &committer, &offsets, within).await
    }

    /// Commits all positions in the background; a failure is only logged.
    pub fn commit_in_background(&mut self) -> Result<()> {
        self.require_group("commit")?;
        self.spawn_commit();
        Ok(())
    }

    /// The first and the next offset at these timestamps, special ones included.
    pub async fn list_offsets(
        &self,
        asked: &BTreeMap<TopicPartition, i64>,
    ) -> Result<BTreeMap<TopicPartition, ListedOffset>> {
        let within = self.config.client.default_api_timeout;
        for topic in asked.keys().map(|p| &p.topic).collect::<BTreeSet<_>>() {
            self.cluster.topic(topic, within).await?;
        }
        let isolation = self.config.isolation_level;
        let found = offsets::list_offsets(&self.cluster, asked, isolation).await;
        found.into_iter().map(|(p, listed)| Ok((p, listed?))).collect()
    }

    /// The partitions of a topic, asked for if they are not known.
    pub async fn partitions_of(&self, topic: &str) -> Result<Vec<TopicPartition>> {
        let within = self.config.client.default_api_timeout;
        let topic = self.cluster.topic(topic, within).await?;
        let name = &topic.name;
        let numbers = topic.partitions.iter().map(|p| p.partition);
        Ok(numbers.map(|p| TopicPartition::new(Arc::clone(name), p)).collect())
    }

    /// What is known of the cluster.
    #[must_use]
    pub fn metadata(&self) -> Arc<Metadata> {
        self.cluster.metadata()
    }

    /// What interrupts this consumer's `poll`.
    #[must_use]
    pub fn waker(&self) -> Waker {
        Waker { wake: Arc::clone(&self.wake), woken: Arc::clone(&self.woken) }
    }

    /// Commits if that is automatic, leaves the group, and ends; takes at most `timeout`.
    pub async fn close(mut self, timeout: Duration) -> Result<()> {
        let ending = self.leave_group();
        let ended = tokio::time::timeout(timeout, ending).await;
        self.tasks.abort_all();
        ended.unwrap_or_else(|_| Err(Error::timeout("closing the consumer", timeout)))
    }

    fn require_group(&self, what: &str) -> Result<&Group> {
        let missing = || Error::invalid(format!("{what} needs a group.id"));
        self.group.as_ref().ok_or_else(missing)
    }

    fn first_placing(&self) -> Placing {
        if self.group.is_some() { Placing::Committed } else { Placing::Reset }
    }

    fn assigned(&mut self, partition: &TopicPartition) -> Result<&mut positions::Assigned> {
        let missing = || Error::invalid(format!("No current assignment for partition {partition}"));
        self.positions.get_mut(partition).ok_or_else(missing)
    }
}
