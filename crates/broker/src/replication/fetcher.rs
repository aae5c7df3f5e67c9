//! Follows the partitions that one broker leads, over one connection, in one fetch session.
//!
//! ```text
//!   orders ──▶ ready ──plan──▶ asked ──Fetch──▶ leader
//!                ▲               │
//!                │    records, divergence: at once
//!                └── waiting ◀── refused: at its time
//! ```
//! A partition in which nothing happens stays asked: it costs nothing but its place in the session.

use super::Key;
use super::leader_ends::{self, Asking};
use super::orders::{Order, Orders};
use super::session::Session;
use super::settings::FetcherSettings;
use crate::node::Node;
use crate::partition::Partition;
use crate::peer::{Address, Answered, Peer, PeerError};
use replica::{EpochEnd, Fetch, Fetched, FollowerInput};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinSet;
use types::{BrokerEpoch, ErrorCode, LeaderEpoch, NodeId, Offset, TimestampMs};
use wire::Records;
use wire::fetch_request::{FetchPartition, FetchRequest, FetchTopic, ForgottenTopic, ReplicaState};
use wire::fetch_response::PartitionData;

/// An answer that is about to come is worth so much of a new partition's time.
const GRACE: Duration = Duration::from_millis(5);

/// Between attempts at a broker that does not answer: doubled each time, up to
/// `replica.fetch.backoff.ms`.
const PAUSE_MIN: Duration = Duration::from_millis(10);

/// A partition that is limited looks again whether it may fetch.
const LIMIT_PAUSE_MS: i64 = 100;

pub(super) struct Fetcher {
    leader: NodeId,
    node: Arc<Node>,
    settings: FetcherSettings,
    peer: Peer,
    orders: Arc<Orders>,
    /// Sent again, it makes the connection end.
    address: watch::Sender<Option<Address>>,
    session: Session,
    followed: BTreeMap<Key, Followed>,
    ready: BTreeSet<Key>,
    waiting: BTreeSet<(TimestampMs, Key)>,
    opening: JoinSet<()>,
    pause: Duration,
}

struct Followed {
    partition: Arc<Partition>,
    /// What the session fetches.
    asked: Option<Fetch>,
}

impl Fetcher {
    pub fn new(
        leader: NodeId,
        node: Arc<Node>,
        settings: FetcherSettings,
        peer: Peer,
        orders: Arc<Orders>,
        address: watch::Sender<Option<Address>>,
    ) -> Self {
        Self {
            leader,
            node,
            settings,
            peer,
            orders,
            address,
            session: Session::NONE,
            followed: BTreeMap::new(),
            ready: BTreeSet::new(),
            waiting: BTreeSet::new(),
            opening: JoinSet::new(),
            pause: PAUSE_MIN,
        }
    }

    /// Follows until it is dropped.
    pub async fn run(mut self) {
        loop {
            self.obey_orders();
            self.wake_due();
            let Some(request) = self.next_request() else {
                self.rest().await;
                continue;
            };
            let (peer, orders) = (self.peer.clone(), Arc::clone(&self.orders));
            let news = async {
                orders.given().await;
                tokio::time::sleep(GRACE).await;
            };
            tokio::select! {
                biased;
                answered = peer.call(request) => match answered {
                    Ok(answered) => self.take(answered).await,
                    Err(error) => self.lose(&error).await,
                },
                () = news => self.hang_up(),
            }
        }
    }

    fn obey_orders(&mut self) {
        while self.opening.try_join_next().is_some() {}
        for (key, order) in self.orders.take() {
            match order {
                Order::Follow(partition) if partition.ends_if_open().is_none() => {
                    self.open(key, partition);
                }
                Order::Follow(partition) => {
                    let asked = self.followed.get(&key).and_then(|followed| followed.asked);
                    self.followed.insert(key, Followed { partition, asked });
                    self.ready.insert(key);
                }
                Order::Forget => {
                    let followed = self.followed.remove(&key);
                    if followed.is_some_and(|followed| followed.asked.is_some()) {
                        // the next request names what is left
                        self.session = self.session.anew();
                    }
                }
            }
        }
    }

    /// Opens the log on a thread that may block; it is followed from then on.
    fn open(&mut self, key: Key, partition: Arc<Partition>) {
        let (orders, backoff) = (Arc::clone(&self.orders), self.settings.backoff);
        self.opening.spawn(async move {
            if partition.log().await.is_err() {
                tokio::time::sleep(backoff).await;
            }
            if !partition.is_gone() {
                orders.give(key, Order::Follow(partition));
            }
        });
    }

    fn wake_due(&mut self) {
        let now = self.node.partitions.neighbours().now();
        while let Some((_, key)) = self.waiting.first().copied().filter(|(at, _)| *at <= now) {
            self.waiting.pop_first();
            self.ready.insert(key);
        }
    }

    /// Time until a partition that waits may be asked for again.
    fn next_due(&self) -> Option<Duration> {
        let (at, _) = self.waiting.first()?;
        let millis = at.0.saturating_sub(self.node.partitions.neighbours().now().0).max(1);
        Some(Duration::from_millis(u64::try_from(millis).unwrap_or(1)))
    }

    async fn rest(&self) {
        let until_due = self.next_due().unwrap_or(self.settings.backoff);
        tokio::select! {
            () = self.orders.given() => {}
            () = tokio::time::sleep(until_due) => {}
        }
    }

    /// The next fetch; `None` where there is nothing to follow, or this broker is not registered yet.
    fn next_request(&mut self) -> Option<FetchRequest<'static>> {
        let epoch = self.node.controller.broker_epoch()?;
        if self.session.is_full() {
            self.ready = self.followed.keys().copied().collect();
            self.waiting.clear();
            self.followed.values_mut().for_each(|followed| followed.asked = None);
        }
        let (mut topics, mut forgotten) = (Vec::new(), Vec::new());
        for key in std::mem::take(&mut self.ready) {
            self.plan(key, &mut topics, &mut forgotten);
        }
        if self.followed.values().all(|followed| followed.asked.is_none()) {
            self.session = self.session.anew();
            return None;
        }
        Some(self.request(epoch, topics, forgotten))
    }

    fn plan(
        &mut self,
        key: Key,
        topics: &mut Vec<FetchTopic<'static>>,
        forgotten: &mut Vec<ForgottenTopic<'static>>,
    ) {
        let Some(followed) = self.followed.get_mut(&key) else { return };
        let is_limited = followed.partition.is_fetching_limited();
        let plan = followed.partition.plan_fetch().filter(|plan| plan.leader == self.leader);
        let plan = plan.filter(|_| !is_limited);
        let before = std::mem::replace(&mut followed.asked, plan);
        match plan {
            Some(fetch) if before == Some(fetch) => {}
            Some(fetch) => push(topics, &followed.partition, self.settings.wanted(fetch)),
            None => {
                if before.is_some() {
                    forget(forgotten, &followed.partition);
                }
                let limited = is_limited.then(|| self.node.partitions.neighbours().now());
                let limited = limited.map(|now| TimestampMs(now.0 + LIMIT_PAUSE_MS));
                let deadline = followed.partition.fetch_deadline().or(limited);
                self.waiting.extend(deadline.map(|at| (at, key)));
            }
        }
    }

    fn request(
        &self,
        epoch: BrokerEpoch,
        topics: Vec<FetchTopic<'static>>,
        forgotten_topics_data: Vec<ForgottenTopic<'static>>,
    ) -> FetchRequest<'static> {
        let due_ms = self.next_due().map(|due| i32::try_from(due.as_millis()).unwrap_or(i32::MAX));
        let wait_ms_max = if self.session.may_wait() { self.settings.wait_ms_max } else { 0 };
        FetchRequest {
            cluster_id: Some(self.node.cluster_id.clone().into()),
            replica_state: ReplicaState {
                replica_id: self.node.settings.node_id.0,
                replica_epoch: epoch.0,
            },
            max_wait_ms: due_ms.map_or(wait_ms_max, |due_ms| due_ms.min(wait_ms_max)),
            min_bytes: self.settings.bytes_min,
            max_bytes: self.settings.response_bytes_max,
            session_id: self.session.id,
            session_epoch: self.session.epoch,
            topics,
            forgotten_topics_data,
            ..FetchRequest::default()
        }
    }

    async fn take(&mut self, answered: Answered) {
        let response = match answered.read::<FetchRequest<'static>>() {
            Ok(response) => response,
            Err(error) => return self.lose(&error).await,
        };
        match ErrorCode::from_wire(response.error_code) {
            ErrorCode::None => {}
            ErrorCode::FetchSessionIdNotFound => {
                self.session = Session::NONE;
                return;
            }
            ErrorCode::InvalidFetchSessionEpoch => {
                self.session = self.session.anew();
                return;
            }
            code => return self.lose(&PeerError::Refused(code)).await,
        }
        self.pause = PAUSE_MIN;
        self.session = self.session.answered(response.session_id);
        let mut asking = Vec::new();
        for topic in &response.responses {
            for data in &topic.partitions {
                let key = (topic.topic_id, data.partition_index);
                asking.extend(self.take_partition(key, data));
            }
        }
        if !asking.is_empty() {
            self.ask_ends(asking).await;
        }
    }

    /// Yields a follower that wants to know where its leader's log ends.
    fn take_partition(&mut self, key: Key, data: &PartitionData<'_>) -> Option<Asking> {
        let followed = self.followed.get(&key)?;
        let fetch = followed.asked?;
        let (answer, records) = read(fetch, data);
        if let Fetched::Refused(code) = answer {
            let partition = &followed.partition;
            tracing::debug!(?partition, code = code.name(), leader = %self.leader, "refused");
        }
        self.ready.insert(key);
        followed.partition.has_fetched(records.len());
        let asks = followed.partition.follow(FollowerInput::Fetched { fetch, answer }, records);
        let partition = || Arc::clone(&followed.partition);
        asks.then(|| Asking { key, partition: partition(), epoch: fetch.epoch })
    }

    async fn ask_ends(&mut self, asking: Vec<Asking>) {
        let node = self.node.settings.node_id;
        let ends = leader_ends::ask(&self.peer, node, &asking).await;
        let ends = ends.unwrap_or_else(|error| {
            tracing::warn!(leader = %self.leader, %error, "cannot learn where its logs end");
            BTreeMap::new()
        });
        for Asking { key, partition, epoch } in asking {
            let ends = ends.get(&key).copied();
            partition.follow(FollowerInput::LeaderEnds { epoch, ends }, &[]);
            self.ready.insert(key);
        }
    }

    /// No answer: after a pause, everything is asked for anew.
    async fn lose(&mut self, error: &PeerError) {
        tracing::debug!(leader = %self.leader, %error, "no answer to a fetch");
        self.session = self.session.anew();
        tokio::select! {
            () = self.orders.given() => {}
            () = tokio::time::sleep(self.pause) => {}
        }
        self.pause = (self.pause * 2).min(self.settings.backoff.max(PAUSE_MIN));
    }

    /// Ends a fetch that the leader holds back, so that others are not kept waiting.
    fn hang_up(&mut self) {
        self.session = self.session.anew();
        self.address.send_modify(|_| {});
    }
}

impl FetcherSettings {
    fn wanted(&self, fetch: Fetch) -> FetchPartition {
        FetchPartition {
            current_leader_epoch: fetch.epoch.0,
            fetch_offset: fetch.offset.0,
            last_fetched_epoch: fetch.last_fetched.0,
            log_start_offset: fetch.log_start.0,
            partition_max_bytes: self.partition_bytes_max,
            ..FetchPartition::default()
        }
    }
}

fn push(topics: &mut Vec<FetchTopic<'static>>, partition: &Partition, wanted: FetchPartition) {
    let facts = &partition.topic;
    let wanted = FetchPartition { partition: partition.index, ..wanted };
    match topics.last_mut().filter(|topic| topic.topic_id == facts.id) {
        Some(topic) => topic.partitions.push(wanted),
        None => topics.push(FetchTopic {
            topic: facts.name.to_string().into(),
            topic_id: facts.id,
            partitions: vec![wanted],
        }),
    }
}

fn forget(topics: &mut Vec<ForgottenTopic<'static>>, partition: &Partition) {
    let facts = &partition.topic;
    match topics.last_mut().filter(|topic| topic.topic_id == facts.id) {
        Some(topic) => topic.partitions.push(partition.index),
        None => topics.push(ForgottenTopic {
            topic: facts.name.to_string().into(),
            topic_id: facts.id,
            partitions: vec![partition.index],
        }),
    }
}

/// What an answer says to the follower, and the records that it is to append.
fn read<'r>(fetch: Fetch, data: &'r PartitionData<'_>) -> (Fetched, &'r [u8]) {
    let code = ErrorCode::from_wire(data.error_code);
    if code != ErrorCode::None {
        return (Fetched::Refused(code), &[]);
    }
    let diverging = &data.diverging_epoch;
    if diverging.epoch >= 0 {
        let (epoch, end) = (LeaderEpoch(diverging.epoch), Offset(diverging.end_offset));
        return (Fetched::Diverging(EpochEnd { epoch, end }), &[]);
    }
    let bytes = match &data.records {
        Records::Inline(bytes) => &**bytes,
        Records::Null | Records::Range { .. } => &[],
    };
    match whole_batches(fetch, bytes) {
        Some((next_offset, records)) => {
            let high_watermark = Offset(data.high_watermark);
            let log_start = Offset(data.log_start_offset);
            (Fetched::Records { next_offset, high_watermark, log_start }, records)
        }
        None => (Fetched::Refused(ErrorCode::CorruptMessage), &[]),
    }
}

/// The whole batches in front that a leader of this epoch can have, and the offset behind them;
/// `None` where there are bytes that are none. Checksums are compared when they are appended.
fn whole_batches(fetch: Fetch, bytes: &[u8]) -> Option<(Offset, &[u8])> {
    let (mut next, mut length) = (fetch.offset, 0);
    for batch in record::batches(bytes) {
        let Ok(batch) = batch else {
            tracing::error!(leader = %fetch.leader, offset = %next, "sends what is no batch");
            break;
        };
        let header = batch.header();
        let is_behind = header.next_offset() > next && (length == 0 || header.base_offset >= next);
        if !is_behind || header.leader_epoch > fetch.epoch {
            tracing::error!(leader = %fetch.leader, ?header, offset = %next, "is not the next batch");
            break;
        }
        next = header.next_offset();
        length += batch.bytes().len();
    }
    (length > 0 || bytes.is_empty()).then_some((next, &bytes[..length]))
}
