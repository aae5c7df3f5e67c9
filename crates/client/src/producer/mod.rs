//! The producer: records in, batches out, a promise for each record.
//!
//! ```text
//! send() ──▶ Accumulator (queue a partition) ──▶ Sender task ──▶ leaders
//!   ▲ waits for room in buffer.memory               │
//!   └──────────────── Delivery ◀── Completion a batch ◀┘
//! ```

mod accumulator;
mod batch;
mod delivery;
mod partitioner;
mod request;
mod sender;
mod sequences;
mod sticky;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use tokio::sync::{Notify, Semaphore};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use accumulator::{Accumulator, NoRoom};
use batch::RecordParts;
pub use delivery::{Delivery, RecordAck};
use partitioner::Rule;
pub use partitioner::{Partitioner, PartitionerKind, murmur2};

use crate::cluster::Cluster;
use crate::config::ProducerConfig;
use crate::{Error, Metadata, Result, TopicMetadata};

/// A record to send. What it borrows is copied into a batch before `send` returns.
#[derive(Clone, Copy, Debug, Default)]
pub struct ProducerRecord<'a> {
    pub topic: &'a str,
    /// Chosen by the partitioner where `None`.
    pub partition: Option<i32>,
    /// Milliseconds since the epoch; now where `None`.
    pub timestamp: Option<i64>,
    pub key: Option<&'a [u8]>,
    pub value: Option<&'a [u8]>,
    pub headers: &'a [record::Header<'a>],
}

/// Sends records. Cheap to share by reference; dropping it gives up what was not sent yet.
pub struct Producer {
    shared: Arc<Shared>,
    sender: JoinHandle<()>,
}

/// What the callers and the sender's task have in common.
struct Shared {
    config: ProducerConfig,
    cluster: Arc<Cluster>,
    state: Mutex<State>,
    /// Bytes left of `buffer.memory`.
    room: Semaphore,
    /// Callers that wait for room: then nothing lingers.
    starved: AtomicUsize,
    /// The sender has something to do.
    wake: Notify,
    /// A batch is done with.
    progress: Notify,
}

struct State {
    accumulator: Accumulator,
    rule: Rule,
    /// After which nothing can be sent any more.
    failed: Option<Error>,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Producer {
    /// A producer whose task runs on the current tokio runtime. Connections are made when needed.
    #[must_use]
    pub fn new(config: ProducerConfig) -> Self {
        let rule = Rule::named(config.partitioner, config.partitioner_ignore_keys);
        Self::start(config, rule)
    }

    /// The same with the caller's own rule for records that name no partition.
    #[must_use]
    pub fn with_partitioner(config: ProducerConfig, partitioner: Box<dyn Partitioner>) -> Self {
        Self::start(config, Rule::Custom(partitioner))
    }

    fn start(mut config: ProducerConfig, rule: Rule) -> Self {
        config.client.in_flight_max = config.in_flight_max;
        let accumulator = Accumulator::new(&config);
        let shared = Arc::new(Shared {
            cluster: Cluster::new(config.client.clone()),
            state: Mutex::new(State { accumulator, rule, failed: None }),
            room: Semaphore::new(config.buffer_bytes.min(Semaphore::MAX_PERMITS)),
            starved: AtomicUsize::new(0),
            wake: Notify::new(),
            progress: Notify::new(),
            config,
        });
        let sender = tokio::spawn(sender::run(Arc::clone(&shared)));
        Self { shared, sender }
    }

    /// Takes a record into a batch, as soon as its topic is known and there is room, at most
    /// `max.block.ms`. The record is written when the [`Delivery`] says so.
    pub async fn send(&self, record: &ProducerRecord<'_>) -> Result<Delivery> {
        let parts = self.parts(record)?;
        let topic = self.topic(record, self.shared.config.max_block).await?;
        let bytes = match self.append(&topic, record, &parts, None)? {
            Ok(delivery) => return Ok(delivery),
            Err(NoRoom::Batch { bytes }) => bytes,
        };
        self.reserve(bytes).await?;
        self.append_reserved(&topic, record, &parts, bytes)
    }

    /// As [`Producer::send`], but `None` where that would have to wait.
    pub fn try_send(&self, record: &ProducerRecord<'_>) -> Result<Option<Delivery>> {
        let parts = self.parts(record)?;
        let metadata = self.shared.cluster.metadata();
        let Some(topic) = usable(&metadata, record) else { return Ok(None) };
        let bytes = match self.append(topic, record, &parts, None)? {
            Ok(delivery) => return Ok(Some(delivery)),
            Err(NoRoom::Batch { bytes }) => bytes,
        };
        let permits = u32::try_from(bytes).unwrap_or(u32::MAX);
        let Ok(permit) = self.shared.room.try_acquire_many(permits) else { return Ok(None) };
        permit.forget();
        self.append_reserved(topic, record, &parts, bytes).map(Some)
    }

    /// Sends what waits without lingering and returns when everything sent before is decided.
    pub async fn flush(&self) {
        let Some(last) = self.shared.state().accumulator.flush() else { return };
        self.shared.wake.notify_one();
        loop {
            let progress = self.shared.progress.notified();
            let mut progress = std::pin::pin!(progress);
            progress.as_mut().enable();
            if self.shared.state().accumulator.is_done_up_to(last) {
                return;
            }
            progress.await;
        }
    }

    /// Flushes and ends the producer; what is not decided within `timeout` fails.
    pub async fn close(mut self, timeout: Duration) {
        self.shared.state().accumulator.closing = true;
        self.shared.wake.notify_one();
        if tokio::time::timeout(timeout, &mut self.sender).await.is_err() {
            tracing::warn!(?timeout, "closing gives up what was not sent");
        }
    }

    /// The partitions of a topic, asked for if they are not known.
    pub async fn topic_metadata(&self, topic: &str) -> Result<Arc<TopicMetadata>> {
        self.shared.cluster.topic(topic, self.shared.config.max_block).await
    }

    fn parts<'a>(&self, record: &ProducerRecord<'a>) -> Result<RecordParts<'a>> {
        let timestamp = record.timestamp.unwrap_or_else(now_ms);
        if timestamp < 0 {
            let what = format!(
                "Invalid timestamp: {timestamp}. Timestamp should always be \
                                non-negative or null."
            );
            return Err(Error::invalid(what));
        }
        let (key, value, headers) = (record.key, record.value, record.headers);
        let parts = RecordParts { timestamp, key, value, headers };
        let config = &self.shared.config;
        let bytes_max = config.request_bytes_max.min(config.buffer_bytes);
        let bytes = parts.bytes();
        if bytes > bytes_max {
            return Err(Error::RecordTooLarge { bytes, bytes_max });
        }
        Ok(parts)
    }

    async fn topic(&self, record: &ProducerRecord<'_>, w: Duration) -> Result<Arc<TopicMetadata>> {
        if let Some(topic) = usable(&self.shared.cluster.metadata(), record) {
            return Ok(Arc::clone(topic));
        }
        let topic = self.shared.cluster.topic(record.topic, w).await?;
        match record.partition.filter(|p| topic.partition(*p).is_none()) {
            None => Ok(topic),
            Some(partition) => {
                let count = topic.partition_count();
                let name = record.topic;
                let what =
                    format!("topic {name} has {count} partitions, {partition} is none of them");
                Err(Error::invalid(what))
            }
        }
    }

    /// Waits for that much of `buffer.memory`.
    async fn reserve(&self, bytes: usize) -> Result<()> {
        let permits = u32::try_from(bytes).unwrap_or(u32::MAX);
        if let Ok(permit) = self.shared.room.try_acquire_many(permits) {
            permit.forget();
            return Ok(());
        }
        let within = self.shared.config.max_block;
        self.shared.starved.fetch_add(1, Ordering::AcqRel);
        self.shared.wake.notify_one();
        let got = tokio::time::timeout(within, self.shared.room.acquire_many(permits)).await;
        self.shared.starved.fetch_sub(1, Ordering::AcqRel);
        match got {
            Ok(Ok(permit)) => {
                permit.forget();
                Ok(())
            }
            Ok(Err(_)) => Err(Error::Closed),
            Err(_) => Err(Error::timeout(format!("{bytes} bytes of buffer.memory"), within)),
        }
    }

    /// Appends with `bytes` reserved, and gives them back where an open batch had room after all.
    fn append_reserved(
        &self,
        topic: &TopicMetadata,
        record: &ProducerRecord<'_>,
        parts: &RecordParts<'_>,
        bytes: usize,
    ) -> Result<Delivery> {
        let mut used = Some(bytes);
        let delivery = match self.append(topic, record, parts, None) {
            Ok(Ok(delivery)) => Ok(delivery),
            Ok(Err(NoRoom::Batch { .. })) => self
                .append(topic, record, parts, used.take())
                .and_then(|taken| taken.map_err(|_| Error::RecordTooLarge { bytes, bytes_max: 0 })),
            Err(error) => Err(error),
        };
        self.shared.room.add_permits(used.unwrap_or(0));
        delivery
    }

    fn append(
        &self,
        topic: &TopicMetadata,
        record: &ProducerRecord<'_>,
        parts: &RecordParts<'_>,
        reserved: Option<usize>,
    ) -> Result<std::result::Result<Delivery, NoRoom>> {
        let mut state = self.shared.state();
        let State { accumulator, rule, failed } = &mut *state;
        if let Some(error) = failed {
            return Err(error.clone());
        }
        let chosen = match record.partition {
            Some(partition) => Some(partition),
            None => rule.choose(topic, parts.key, parts.value),
        };
        let partition = chosen.unwrap_or_else(|| accumulator.sticky_partition(topic));
        if topic.partition(partition).is_none() {
            return Err(Error::invalid(format!("no partition {partition} in {}", topic.name)));
        }
        match accumulator.append(topic, partition, parts, reserved, Instant::now()) {
            Err(no_room) => Ok(Err(no_room)),
            Ok((delivery, wake)) => {
                if chosen.is_none() {
                    accumulator.produced_sticky(topic, parts.bytes());
                }
                drop(state);
                if wake {
                    self.shared.wake.notify_one();
                }
                Ok(Ok(delivery))
            }
        }
    }
}

impl Drop for Producer {
    fn drop(&mut self) {
        self.sender.abort();
        let batches = self.shared.state().accumulator.drain();
        batches.iter().for_each(|batch| batch.complete(Err(Error::Closed)));
    }
}

/// The topic as known, if the record can go there without asking again.
fn usable<'m>(
    metadata: &'m Metadata,
    record: &ProducerRecord<'_>,
) -> Option<&'m Arc<TopicMetadata>> {
    let topic = metadata.topic(record.topic)?;
    let there = match record.partition {
        Some(partition) => topic.partition(partition).is_some(),
        None => !topic.partitions.is_empty(),
    };
    (there && topic.error.is_none()).then_some(topic)
}

fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}
