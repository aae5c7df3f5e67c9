//! The heart of the consumer: give orders, take what came back, hand out records.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::time::Instant;
use types::ErrorCode;

use super::fetch::{self, FetchAnswer, FetchOrder, Fetched, NextBatch};
use super::join::Joined;
use super::place::Findings;
use super::positions::{Placing, Position};
use super::records::Chunk;
use super::session::Wish;
use super::{Consumer, ConsumerRecords, Ready, Subscription};
use crate::config::OffsetReset;
use crate::net::{Answer, Lane};
use crate::{Error, Result, TopicPartition};

/// How often the clocks of group and metadata are looked at when nothing else happens.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Something that a task came back with.
pub(super) enum Event {
    Fetched { node: i32, asked: BTreeMap<TopicPartition, u64>, result: Result<FetchAnswer> },
    Placed(Findings),
    Joined(Result<Joined>),
    Committed(Result<()>),
    Refreshed(Result<()>),
}

impl Consumer {
    /// The next records, at most `max.poll.records`, as soon as there are any; none after
    /// `timeout`. Records of one partition come in offset order.
    pub async fn poll(&mut self, timeout: Duration) -> Result<ConsumerRecords> {
        let deadline = Instant::now() + timeout;
        loop {
            while let Some(event) = self.tasks.try_join_next() {
                self.handle(event)?;
            }
            if self.woken.swap(false, Ordering::AcqRel) {
                return Err(Error::WokenUp);
            }
            self.tend_group().await?;
            self.tend_metadata();
            self.place()?;
            let records = self.hand_out()?;
            self.fetch();
            if !records.is_empty() || Instant::now() >= deadline {
                return Ok(records);
            }
            let next_look = deadline.min(Instant::now() + LOOK_EVERY);
            tokio::select! {
                Some(event) = self.tasks.join_next() => self.handle(event)?,
                () = self.wake.notified() => {}
                () = tokio::time::sleep_until(next_look) => {}
            }
        }
    }

    fn handle(&mut self, event: std::result::Result<Event, tokio::task::JoinError>) -> Result<()> {
        let event = match event {
            Ok(event) => event,
            Err(error) => return Err(Error::invalid(format!("a task failed: {error}"))),
        };
        match event {
            Event::Fetched { node, asked, result } => self.fetched(node, &asked, result),
            Event::Placed(findings) => self.placed(findings),
            Event::Joined(result) => self.joined(result),
            Event::Committed(result) => {
                self.committed_in_background(&result);
                Ok(())
            }
            Event::Refreshed(result) => {
                self.refreshing = false;
                match result {
                    Err(error) if !error.is_retriable() => Err(error),
                    Ok(()) | Err(_) => Ok(()),
                }
            }
        }
    }

    /// Keeps the metadata fresh, and notes what new leaders mean for positions.
    fn tend_metadata(&mut self) {
        if !self.refreshing {
            let cluster = Arc::clone(&self.cluster);
            let age = cluster.config().metadata_max_age;
            let age = if self.lacks_topics() { cluster.backoff(self.lacking) } else { age };
            let due = cluster.is_stale() || self.metadata_checked.elapsed() >= age;
            if due {
                self.lacking = if self.lacks_topics() { self.lacking.saturating_add(1) } else { 0 };
                self.refreshing = true;
                self.metadata_checked = Instant::now();
                self.tasks.spawn(async move {
                    let result = cluster.refresh().await.map(drop);
                    if result.is_err() {
                        tokio::time::sleep(cluster.backoff(0)).await;
                    }
                    Event::Refreshed(result)
                });
            }
        }
        let metadata = self.cluster.metadata();
        if metadata.generation != self.metadata_generation {
            self.metadata_generation = metadata.generation;
            self.positions.note_leaders(&metadata);
            self.note_topics(&metadata);
        }
    }

    /// Whether a topic that is subscribed to is not there as yet, in the eyes of the broker that was
    /// asked last: others may have heard of it, and so may that one by now.
    fn lacks_topics(&self) -> bool {
        let Subscription::Topics(topics) = &self.subscription else { return false };
        let metadata = self.cluster.metadata();
        topics.iter().any(|topic| metadata.topic(topic).is_some_and(|it| it.error.is_retriable()))
    }

    /// Sends a fetch to every leader that has none of ours in the air.
    fn fetch(&mut self) {
        let metadata = self.cluster.metadata();
        let now = Instant::now();
        let mut wishes: BTreeMap<i32, BTreeMap<TopicPartition, Wish>> = BTreeMap::new();
        let mut asked: BTreeMap<i32, BTreeMap<TopicPartition, u64>> = BTreeMap::new();
        let mut leaderless = false;
        for (partition, assigned) in self.positions.iter_mut() {
            if assigned.paused || self.ready.iter().any(|ready| ready.partition == *partition) {
                continue;
            }
            let Some((leader, epoch)) = metadata.leader(&partition.topic, partition.partition)
            else {
                leaderless |= matches!(assigned.placing, Placing::Placed(_));
                continue;
            };
            // nothing is read from a leader whose log was not compared with what was read before
            assigned.note_leader(epoch);
            let Placing::Placed(position) = assigned.placing else { continue };
            let replica = assigned
                .preferred_replica
                .filter(|(id, until)| *until > now && metadata.nodes.contains_key(id));
            let node = replica.map_or(leader.id, |(id, _)| id);
            if self.fetching.contains(&node) {
                continue;
            }
            let bytes_max = self.config.max_partition_fetch_bytes;
            let wish = Wish { offset: position.offset, leader_epoch: epoch, bytes_max };
            wishes.entry(node).or_default().insert(partition.clone(), wish);
            asked.entry(node).or_default().insert(partition.clone(), assigned.version);
        }
        if leaderless {
            self.cluster.mark_stale();
        }
        for (node, wishes) in wishes {
            let plan = self.sessions.entry(node).or_default().plan(wishes);
            let order = fetch::order(&self.config, &metadata, &plan);
            let asked = asked.remove(&node).unwrap_or_default();
            self.spawn_fetch(node, order, asked);
        }
    }

    fn spawn_fetch(&mut self, node: i32, order: FetchOrder, asked: BTreeMap<TopicPartition, u64>) {
        self.fetching.insert(node);
        let cluster = Arc::clone(&self.cluster);
        let within = self.config.client.request_timeout + self.config.fetch_max_wait;
        self.tasks.spawn(async move {
            let fetching = async {
                let connection = cluster.connection(node, Lane::Data).await?;
                let cap = order.version_cap;
                let version = connection.versions().pick::<wire::FetchRequest<'_>>(cap)?;
                let answer: Answer = connection.call(&order.request, version, within).await?;
                fetch::read(&order, answer)
            };
            let result = fetching.await;
            if result.is_err() {
                tokio::time::sleep(cluster.backoff(0)).await;
            }
            Event::Fetched { node, asked, result }
        });
    }

    fn fetched(
        &mut self,
        node: i32,
        asked: &BTreeMap<TopicPartition, u64>,
        result: Result<FetchAnswer>,
    ) -> Result<()> {
        self.fetching.remove(&node);
        let session = self.sessions.entry(node).or_default();
        let answer = match result {
            Ok(answer) => answer,
            Err(error) => {
                session.reset();
                self.cluster.note(&error);
                return if error.is_retriable() { Ok(()) } else { Err(error) };
            }
        };
        session.answered(answer.error, answer.session_id);
        if !answer.error.is_none() {
            self.cluster.note(&Error::broker(answer.error.code()));
            return Ok(());
        }
        for fetched in answer.partitions {
            let version = asked.get(&fetched.partition).copied();
            self.take_partition(fetched, version)?;
        }
        Ok(())
    }

    /// Takes one partition's part of an answer, unless it was asked for from another position.
    fn take_partition(&mut self, fetched: Fetched, version: Option<u64>) -> Result<()> {
        let Fetched { partition, error, .. } = &fetched;
        let Some(assigned) = self.positions.get_mut(partition) else { return Ok(()) };
        if version != Some(assigned.version) {
            return Ok(());
        }
        if let Some(hint) = &fetched.hint {
            self.cluster.apply_hint(&partition.topic, hint);
        }
        match error {
            ErrorCode::None => {}
            ErrorCode::OffsetOutOfRange if assigned.preferred_replica.take().is_some() => {
                return Ok(());
            }
            ErrorCode::OffsetOutOfRange if self.config.auto_offset_reset == OffsetReset::None => {
                return Err(Error::NoOffset { partition: partition.to_string() });
            }
            ErrorCode::OffsetOutOfRange => {
                tracing::info!(%partition, position = ?assigned.position(), "out of range: reset");
                assigned.place(Placing::Reset);
                return Ok(());
            }
            error => {
                assigned.preferred_replica = None;
                let error = Error::broker(error.code());
                self.cluster.note(&error);
                return if error.is_retriable() { Ok(()) } else { Err(error) };
            }
        }
        if let Some(replica) = fetched.preferred_replica {
            let until = Instant::now() + self.config.client.metadata_max_age;
            assigned.preferred_replica = Some((replica, until));
            return Ok(());
        }
        if let Some(offset) = fetched.diverging {
            assigned.place(Placing::Placed(Position { offset, epoch: -1 }));
            return Ok(());
        }
        assigned.high_watermark = fetched.high_watermark;
        assigned.last_stable_offset = fetched.last_stable_offset;
        if !fetched.data.is_empty() {
            self.ready.push_back(Ready {
                version: assigned.version,
                partition: fetched.partition,
                data: fetched.data,
                rest: None,
            });
        }
        Ok(())
    }

    /// Takes up to `max.poll.records` records out of what was fetched.
    fn hand_out(&mut self) -> Result<ConsumerRecords> {
        let mut records = ConsumerRecords::default();
        let mut left = self.config.max_poll_records;
        let mut turns = self.ready.len();
        while left > 0 && turns > 0 {
            let Some(mut ready) = self.ready.pop_front() else { break };
            let Some(assigned) = self.positions.get(&ready.partition) else {
                turns -= 1;
                continue;
            };
            let position = assigned.position().filter(|_| assigned.version == ready.version);
            let Some(position) = position else {
                turns -= 1;
                continue;
            };
            if assigned.paused {
                self.ready.push_back(ready);
                turns -= 1;
                continue;
            }
            let Some((chunk, behind)) = self.next_chunk(&mut ready, position)? else {
                turns -= 1;
                continue;
            };
            let chunk = self.cut(&mut ready, chunk, behind, left);
            left -= chunk.len();
            records.chunks.push(chunk);
            self.ready.push_front(ready);
        }
        Ok(records)
    }

    /// The next records of fetched data; `None` when there are no more.
    fn next_chunk(
        &mut self,
        ready: &mut Ready,
        mut position: Position,
    ) -> Result<Option<(Chunk, Position)>> {
        if let Some(rest) = ready.rest.take() {
            return Ok(Some(rest));
        }
        loop {
            let next = ready.data.next(&self.config, &ready.partition, position.offset)?;
            let (offset, epoch) = match next {
                NextBatch::End => return Ok(None),
                NextBatch::Skipped { next_offset, leader_epoch } => (next_offset, leader_epoch),
                NextBatch::Records { chunk, next_offset, leader_epoch } => {
                    let behind = Position { offset: next_offset, epoch: leader_epoch };
                    if !chunk.is_empty() {
                        return Ok(Some((chunk, behind)));
                    }
                    (next_offset, leader_epoch)
                }
            };
            if offset > position.offset {
                position = Position { offset, epoch };
                self.positions.advance(&ready.partition, offset, epoch);
            }
        }
    }

    /// Cuts a chunk to what may be handed out, and moves the position behind that.
    fn cut(&mut self, ready: &mut Ready, mut chunk: Chunk, behind: Position, left: usize) -> Chunk {
        let front = if chunk.len() > left {
            let front = chunk.split_front(left);
            ready.rest = Some((chunk, behind));
            front
        } else {
            chunk
        };
        let offset = match &ready.rest {
            None => behind.offset,
            Some(_) => front.last_offset().map_or(behind.offset, |last| last + 1),
        };
        self.positions.advance(&ready.partition, offset, behind.epoch);
        front
    }
}

#[cfg(test)]
mod tests {
    use wire::metadata_response::{
        MetadataResponse, MetadataResponseBroker, MetadataResponsePartition, MetadataResponseTopic,
    };

    use super::*;
    use crate::cluster::{Cluster, LeaderHint};
    use crate::config::{ClientConfig, ConsumerConfig};

    const NODE: i32 = 1;

    /// The only broker, which leads the only partition in an epoch.
    fn led_in(leader_epoch: i32) -> MetadataResponse<'static> {
        let partition =
            MetadataResponsePartition { leader_id: NODE, leader_epoch, ..Default::default() };
        let topic = MetadataResponseTopic {
            name: Some("t".into()),
            partitions: vec![partition],
            ..Default::default()
        };
        let broker =
            MetadataResponseBroker { node_id: NODE, host: "h".into(), ..Default::default() };
        MetadataResponse { brokers: vec![broker], topics: vec![topic], ..Default::default() }
    }

    /// What a broker says that has not heard of the topic.
    fn unheard_of() -> MetadataResponse<'static> {
        let mut response = led_in(0);
        response.topics[0].error_code = ErrorCode::UnknownTopicOrPartition.code();
        response.topics[0].partitions.clear();
        response
    }

    /// A group's leader would share out nothing, and a day may pass before metadata is old.
    #[tokio::test]
    async fn a_topic_that_a_broker_had_not_heard_of_is_asked_for_again_soon() {
        let mut consumer =
            Consumer::new(ConsumerConfig { group_id: Some("g".into()), ..Default::default() });
        consumer.cluster = Cluster::knowing(ClientConfig::default(), &unheard_of());
        consumer.subscription = Subscription::Topics(["t".into()].into());
        consumer.tend_metadata();
        assert!(!consumer.refreshing, "not without a pause");
        consumer.metadata_checked -= Duration::from_secs(2);
        consumer.tend_metadata();
        assert!(consumer.refreshing);

        let known = Cluster::knowing(ClientConfig::default(), &led_in(0));
        (consumer.cluster, consumer.refreshing) = (known, false);
        consumer.metadata_checked -= Duration::from_secs(2);
        consumer.tend_metadata();
        assert!(!consumer.refreshing, "nothing is missing");
    }

    /// A consumer that has read up to an offset under leader epoch 0, and fetches from there.
    fn reader_at(partition: &TopicPartition, offset: i64) -> Consumer {
        let mut consumer = Consumer::new(ConsumerConfig::default());
        consumer.cluster = Cluster::knowing(ClientConfig::default(), &led_in(0));
        let there = Placing::Placed(Position { offset, epoch: 0 });
        consumer.positions.assign(&[partition.clone()].into(), there);
        consumer.tend_metadata();
        consumer.fetch();
        assert!(consumer.fetching.contains(&NODE), "nothing is in doubt yet");
        consumer
    }

    /// The broker's refusal of the fetch: it leads in another epoch by now, and says so.
    fn fenced(partition: &TopicPartition, leader_epoch: i32) -> FetchAnswer {
        let hint = LeaderHint { partition: 0, leader: NODE, leader_epoch, node: None };
        let fetched = Fetched {
            partition: partition.clone(),
            error: ErrorCode::FencedLeaderEpoch,
            high_watermark: -1,
            last_stable_offset: -1,
            preferred_replica: None,
            diverging: None,
            hint: Some(hint),
            data: super::super::Unread::default(),
        };
        FetchAnswer { error: ErrorCode::None, session_id: 0, partitions: vec![fetched] }
    }

    #[tokio::test]
    async fn a_leader_that_a_refused_fetch_names_is_validated_before_it_is_read_from() {
        let partition = TopicPartition::new("t", 0);
        let mut consumer = reader_at(&partition, 100);
        let asked = BTreeMap::from([(partition.clone(), 0)]);
        consumer.fetched(NODE, &asked, Ok(fenced(&partition, 1))).expect("retriable");
        assert!(consumer.cluster.metadata().leader("t", 0).is_some_and(|(_, epoch)| epoch == 1));
        consumer.fetch();
        assert!(consumer.fetching.is_empty(), "what was read may be gone from that leader's log");
        let placing = consumer.positions.get(&partition).map(|assigned| assigned.placing);
        assert_eq!(placing, Some(Placing::Unvalidated(Position { offset: 100, epoch: 0 })));
    }
}
