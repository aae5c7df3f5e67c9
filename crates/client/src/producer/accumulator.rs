//! Records that wait to be sent, in batches by partition; and what may leave when.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::batch::{Batch, RecordParts};
use super::delivery::Delivery;
use super::sequences::{Identity, Sequences};
use super::sticky::Sticky;
use crate::{Metadata, ProducerConfig, TopicMetadata};

/// Batches of one partition that may be in the air at once: brokers remember that many.
const PARTITION_IN_FLIGHT_MAX: usize = 5;

/// The queues of all partitions.
pub(super) struct Accumulator {
    topics: HashMap<Arc<str>, TopicQueues>,
    rules: Rules,
    next_batch_id: u64,
    /// Batches whose fate is open, in queues or in the air, and in how many parts.
    unfinished: BTreeMap<u64, usize>,
    /// Everything up to this batch leaves without lingering.
    flush_up_to: Option<u64>,
    pub closing: bool,
}

/// What the settings say about batches.
struct Rules {
    linger: Duration,
    batch_bytes: usize,
    request_bytes_max: usize,
    delivery_timeout: Duration,
    codec: record::Codec,
    adaptive: bool,
    idempotent: bool,
    /// With one request in flight a retry holds back what comes behind it.
    in_order: bool,
}

#[derive(Default)]
struct TopicQueues {
    partitions: Vec<Queue>,
    sticky: Sticky,
}

#[derive(Default)]
struct Queue {
    batches: VecDeque<Batch>,
    in_flight: usize,
    sequences: Sequences,
    /// The broker lost track of us: number everything anew once nothing is in the air.
    restart: bool,
}

/// A batch on its way to a leader.
pub(super) struct Departure {
    pub topic: Arc<str>,
    pub partition: i32,
    pub batch: Batch,
}

/// What [`Accumulator::depart`] found.
#[derive(Default)]
pub(super) struct Departures {
    /// By leader.
    pub by_node: HashMap<i32, Vec<Departure>>,
    /// Leaders with something ready, to which there is no free connection.
    pub unreachable: BTreeSet<i32>,
    /// Something is ready and its leader is unknown.
    pub without_leader: bool,
    /// When to look again.
    pub next: Option<Instant>,
}

/// Why [`Accumulator::append`] did not take a record.
pub(super) enum NoRoom {
    /// A batch must be begun, of that many bytes.
    Batch { bytes: usize },
}

impl Accumulator {
    pub(super) fn new(config: &ProducerConfig) -> Self {
        Self {
            topics: HashMap::new(),
            rules: Rules {
                linger: config.linger,
                batch_bytes: config.batch_bytes,
                request_bytes_max: config.request_bytes_max,
                delivery_timeout: config.delivery_timeout,
                codec: config.codec,
                adaptive: config.partitioner_adaptive,
                idempotent: config.idempotence,
                in_order: config.idempotence || config.in_flight_max == 1,
            },
            next_batch_id: 0,
            unfinished: BTreeMap::new(),
            flush_up_to: None,
            closing: false,
        }
    }

    /// The partition that records without one go to for the moment.
    pub(super) fn sticky_partition(&mut self, topic: &TopicMetadata) -> i32 {
        let adaptive = self.rules.adaptive;
        let queues = Self::queues(&mut self.topics, topic);
        let TopicQueues { partitions, sticky } = queues;
        sticky.current(topic, || {
            adaptive.then(|| partitions.iter().map(|queue| queue.batches.len()).collect())
        })
    }

    /// Adds a record to its partition's open batch, or to a batch begun with the `reserved` bytes.
    /// The flag says whether the sender has something to do.
    pub(super) fn append(
        &mut self,
        topic: &TopicMetadata,
        partition: i32,
        record: &RecordParts<'_>,
        reserved: Option<usize>,
        now: Instant,
    ) -> Result<(Delivery, bool), NoRoom> {
        let batch_bytes = self.rules.batch_bytes;
        let queues = Self::queues(&mut self.topics, topic);
        let index = usize::try_from(partition).unwrap_or(usize::MAX);
        let queue = &mut queues.partitions[index];
        let open = queue.batches.back_mut().filter(|batch| batch.is_open());
        let taken = open.and_then(|batch| Some((batch.append(record)?, batch)));
        let (delivery, wake) = match (taken, reserved) {
            (Some((index, batch)), _) => {
                let full = batch.is_full();
                (batch.delivery(partition, index, record.timestamp), full)
            }
            (None, None) => return Err(NoRoom::Batch { bytes: record.bytes().max(batch_bytes) }),
            (None, Some(bytes)) => {
                let id = self.next_batch_id;
                self.next_batch_id += 1;
                self.unfinished.insert(id, 1);
                let mut batch = Batch::new(id, self.rules.codec, batch_bytes, bytes, now);
                let index = batch.append(record).unwrap_or_default();
                let delivery = batch.delivery(partition, index, record.timestamp);
                queue.batches.push_back(batch);
                // the sender must learn of the new deadline
                (delivery, true)
            }
        };
        Ok((delivery, wake))
    }

    /// Counts a record that went to the sticky partition.
    pub(super) fn produced_sticky(&mut self, topic: &TopicMetadata, bytes: usize) {
        let batch_bytes = self.rules.batch_bytes;
        Self::queues(&mut self.topics, topic).sticky.produced(bytes, batch_bytes);
    }

    fn queues<'a>(
        topics: &'a mut HashMap<Arc<str>, TopicQueues>,
        topic: &TopicMetadata,
    ) -> &'a mut TopicQueues {
        if !topics.contains_key(&topic.name) {
            topics.insert(Arc::clone(&topic.name), TopicQueues::default());
        }
        let queues = topics.get_mut(&topic.name).expect("inserted above");
        if queues.partitions.len() < topic.partitions.len() {
            queues.partitions.resize_with(topic.partitions.len(), Queue::default);
        }
        queues
    }

    /// Takes out every batch that is due and whose leader has room for a request.
    /// `room` says whether a request can be sent to a node right now.
    pub(super) fn depart(
        &mut self,
        now: Instant,
        identity: Option<Identity>,
        metadata: &Metadata,
        starved: bool,
        mut room: impl FnMut(i32) -> bool,
    ) -> Departures {
        let mut found = Departures::default();
        let mut rooms: HashMap<i32, (bool, usize)> = HashMap::new();
        let hurry = self.closing || starved;
        for (name, queues) in &mut self.topics {
            for (partition, queue) in (0i32..).zip(&mut queues.partitions) {
                let Some(due) = queue.due(&self.rules, hurry, self.flush_up_to) else { continue };
                if due > now {
                    found.next = Some(found.next.map_or(due, |next| next.min(due)));
                    continue;
                }
                let Some((leader, _)) = metadata.leader(name, partition) else {
                    found.without_leader = true;
                    continue;
                };
                let (free, used) = rooms.entry(leader.id).or_insert_with(|| (room(leader.id), 0));
                if !*free {
                    found.unreachable.insert(leader.id);
                    continue;
                }
                let bytes = queue.batches.front().map_or(0, Batch::bytes_estimate);
                if *used > 0 && *used + bytes > self.rules.request_bytes_max {
                    found.next = Some(now);
                    continue;
                }
                let Some(batch) = queue.take(&self.rules, identity) else { continue };
                *used += bytes;
                let topic = Arc::clone(name);
                found.by_node.entry(leader.id).or_default().push(Departure {
                    topic,
                    partition,
                    batch,
                });
                if !queue.batches.is_empty() {
                    found.next = Some(now);
                }
            }
        }
        found
    }

    /// A batch came back and is done with.
    pub(super) fn finished(&mut self, topic: &str, partition: i32, batch_id: u64) {
        forget(&mut self.unfinished, batch_id);
        if let Some(queue) = self.queue(topic, partition) {
            queue.in_flight = queue.in_flight.saturating_sub(1);
        }
    }

    /// A batch came back and must leave again, in its old place.
    pub(super) fn requeue(&mut self, topic: &str, partition: i32, batch: Batch) {
        if let Some(queue) = self.queue(topic, partition) {
            queue.in_flight = queue.in_flight.saturating_sub(1);
            queue.insert(batch);
        }
    }

    /// A batch came back as too large for the broker: its halves leave in its place. A batch of one
    /// record is given back.
    pub(super) fn split(
        &mut self,
        topic: &str,
        partition: i32,
        batch: Batch,
        now: Instant,
    ) -> Result<(), Box<Batch>> {
        let halves = batch.split()?;
        *self.unfinished.entry(halves[0].id).or_default() += 1;
        if let Some(queue) = self.queue(topic, partition) {
            queue.in_flight = queue.in_flight.saturating_sub(1);
            for mut half in halves {
                half.leave_again(now);
                queue.insert(half);
            }
        }
        Ok(())
    }

    /// The counters of a partition that has been produced to.
    pub(super) fn sequences(&mut self, topic: &str, partition: i32) -> Option<&mut Sequences> {
        self.queue(topic, partition).map(|queue| &mut queue.sequences)
    }

    /// Lets a partition begin anew under the next identity.
    pub(super) fn restart(&mut self, topic: &str, partition: i32) {
        if let Some(queue) = self.queue(topic, partition) {
            queue.restart = true;
        }
    }

    /// Takes out what waited for longer than `delivery.timeout.ms`.
    pub(super) fn expired(&mut self, now: Instant) -> Vec<Departure> {
        let (timeout, idempotent) = (self.rules.delivery_timeout, self.rules.idempotent);
        let mut expired = Vec::new();
        for (name, queues) in &mut self.topics {
            for (partition, queue) in (0i32..).zip(&mut queues.partitions) {
                while queue.batches.front().is_some_and(|batch| batch.created + timeout <= now) {
                    let Some(batch) = queue.batches.pop_front() else { break };
                    // the broker may have it or not: what follows cannot be numbered behind it
                    queue.restart |= idempotent && batch.number().is_some();
                    forget(&mut self.unfinished, batch.id);
                    expired.push(Departure { topic: Arc::clone(name), partition, batch });
                }
            }
        }
        expired
    }

    /// Takes out everything that waits.
    pub(super) fn drain(&mut self) -> Vec<Batch> {
        let queues = self.topics.values_mut().flat_map(|topic| &mut topic.partitions);
        let batches: Vec<_> = queues.flat_map(|queue| queue.batches.drain(..)).collect();
        for batch in &batches {
            forget(&mut self.unfinished, batch.id);
        }
        batches
    }

    /// Whether any partition waits for the incarnation behind this one.
    pub(super) fn wants_restart(&self, identity: Identity) -> bool {
        let mut queues = self.topics.values().flat_map(|topic| &topic.partitions);
        queues.any(|queue| queue.restart && queue.sequences.identity() == identity)
    }

    /// Whether nothing waits and nothing is in the air.
    pub(super) fn is_idle(&self) -> bool {
        self.unfinished.is_empty()
    }

    /// Ends the lingering of everything that is here now; returns what to wait for.
    pub(super) fn flush(&mut self) -> Option<u64> {
        let last = self.unfinished.last_key_value().map(|(id, _)| *id);
        self.flush_up_to = self.flush_up_to.max(last);
        last
    }

    /// Whether every batch up to this one is done with.
    pub(super) fn is_done_up_to(&self, batch_id: u64) -> bool {
        self.unfinished.first_key_value().is_none_or(|(first, _)| *first > batch_id)
    }

    fn queue(&mut self, topic: &str, partition: i32) -> Option<&mut Queue> {
        let index = usize::try_from(partition).ok()?;
        self.topics.get_mut(topic)?.partitions.get_mut(index)
    }
}

/// One part of a batch is done with.
fn forget(unfinished: &mut BTreeMap<u64, usize>, batch_id: u64) {
    if let Entry::Occupied(mut parts) = unfinished.entry(batch_id) {
        *parts.get_mut() -= 1;
        if *parts.get() == 0 {
            parts.remove();
        }
    }
}

impl Queue {
    /// Puts a batch that has left before into its old place.
    fn insert(&mut self, batch: Batch) {
        let place = |batch: &Batch| (batch.id, batch.first_record);
        let at = self.batches.partition_point(|other| place(other) < place(&batch));
        self.batches.insert(at, batch);
    }

    /// When the front batch is to leave; `None` if there is none or it must wait for others.
    fn due(&self, rules: &Rules, hurry: bool, flush_up_to: Option<u64>) -> Option<Instant> {
        let front = self.batches.front()?;
        if self.in_flight >= PARTITION_IN_FLIGHT_MAX {
            return None;
        }
        let waits_for_others = front.is_retry() || self.restart;
        if rules.in_order && waits_for_others && self.in_flight > 0 {
            return None;
        }
        if let Some(not_before) = front.not_before() {
            return Some(not_before);
        }
        let flushed = flush_up_to.is_some_and(|last| front.id <= last);
        let at_once = hurry || flushed || front.is_full() || self.batches.len() > 1;
        Some(if at_once { front.created } else { front.created + rules.linger })
    }

    /// Takes the front batch out and numbers it.
    fn take(&mut self, rules: &Rules, identity: Option<Identity>) -> Option<Batch> {
        if rules.idempotent {
            let identity = identity?;
            if self.restart || self.sequences.identity() != identity {
                let numbered = self.batches.front().is_some_and(|batch| batch.number().is_some());
                let may_restart = self.in_flight == 0 && (self.restart || !numbered);
                if may_restart && self.sequences.identity() != identity {
                    self.sequences.restart(identity);
                    self.batches.iter_mut().for_each(Batch::forget_number);
                    self.restart = false;
                } else if self.restart || !numbered {
                    return None;
                }
            }
        }
        let mut batch = self.batches.pop_front()?;
        if rules.idempotent && batch.number().is_none() {
            let number = self.sequences.number(batch.record_count());
            batch.set_number(number);
        }
        batch.close();
        self.in_flight += 1;
        Some(batch)
    }
}
