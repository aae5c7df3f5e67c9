//! The same work by our own client, on a thread of the test.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use client::{
    Consumer, ConsumerConfig, ConsumerRecords, Delivery, Producer, ProducerConfig, ProducerRecord,
    Properties, RebalanceListener, TopicPartition,
};
use tokio::sync::watch;
use tokio::task::{JoinSet, LocalSet};

use super::Work;
use crate::checker::{Producing, Reading};
use crate::clock::TimeOfDay;

/// How long the last records may take to be decided, once nothing is broken any more.
const CLOSE_PATIENCE: Duration = Duration::from_secs(120);
/// Ticks of a producer a second; it sends a few records each.
const TICK: Duration = Duration::from_millis(20);

/// What the thread is to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Order {
    ProduceAndRead,
    Read,
    End,
}

/// A producer and a group of our own.
#[derive(Debug)]
pub struct Ours {
    orders: watch::Sender<Order>,
    produced: Option<JoinHandle<Producing>>,
    read: JoinHandle<String>,
    name: String,
}

/// [`Work`] that a thread can take along.
#[derive(Clone)]
struct Task {
    topic: String,
    name: String,
    partitions: i32,
    rate: u32,
    properties: Properties,
    orders: watch::Receiver<Order>,
}

impl Ours {
    /// Starts both, with the settings of `work` as our own client takes them.
    ///
    /// # Panics
    /// If a thread cannot be started.
    #[must_use]
    pub fn start(bootstrap: &str, work: &Work<'_>) -> Self {
        let (orders, receiver) = watch::channel(Order::ProduceAndRead);
        let task = |own: &str, other: &str| {
            let mut properties = Properties::new();
            properties.set("bootstrap.servers", bootstrap);
            for pair in work.settings.iter().filter(|pair| !pair.starts_with(other)) {
                properties.set_pair(pair.trim_start_matches(own)).expect("KEY=VALUE");
            }
            Task {
                topic: work.topic.to_owned(),
                name: work.name.to_owned(),
                partitions: work.partitions,
                rate: work.rate,
                properties,
                orders: receiver.clone(),
            }
        };
        let (producer, consumers) =
            (task("producer.", "consumer."), task("consumer.", "producer."));
        let members = work.members;
        let produced = std::thread::spawn(move || on_own_runtime(produce(producer)));
        let read = std::thread::spawn(move || {
            let told = Arc::new(Mutex::new(String::new()));
            on_own_runtime(async {
                let members: Vec<_> = (0..members)
                    .map(|_| {
                        tokio::task::spawn_local(consume(consumers.clone(), Arc::clone(&told)))
                    })
                    .collect();
                for member in members {
                    member.await.expect("a member ends in order");
                }
            });
            std::mem::take(&mut *told.lock().unwrap_or_else(PoisonError::into_inner))
        });
        Self { orders, produced: Some(produced), read, name: work.name.to_owned() }
    }

    /// Ends producing, and returns when all that was sent is decided: what the producer was told.
    ///
    /// # Panics
    /// If it has been stopped before.
    #[must_use]
    pub fn stop_producing(&mut self) -> Producing {
        self.orders.send_replace(Order::Read);
        let produced = self.produced.take().expect("it produces");
        produced.join().expect("the producer ends in order")
    }

    /// Ends reading: what the group read.
    ///
    /// # Panics
    /// If a member did.
    #[must_use]
    pub fn stop_reading(self) -> Reading {
        self.orders.send_replace(Order::End);
        let told = self.read.join().expect("the group ends in order");
        Reading::told(&self.name, &told)
    }
}

fn on_own_runtime<T>(work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime").block_on(LocalSet::new().run_until(work))
}

impl Task {
    fn goes_on(&self, least: Order) -> bool {
        match *self.orders.borrow() {
            Order::ProduceAndRead => true,
            Order::Read => least == Order::Read,
            Order::End => false,
        }
    }
}

async fn produce(task: Task) -> Producing {
    let (config, unknown) =
        ProducerConfig::from_properties(&task.properties).expect("valid settings");
    assert!(unknown.is_empty(), "{unknown:?}");
    let producer = Producer::new(config);
    let mut producing = Producing::new(&task.name);
    let mut undecided = JoinSet::new();
    let mut ticks = tokio::time::interval(TICK);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let each_tick = task.rate / u32::try_from(1000 / TICK.as_millis()).unwrap_or(1);
    let mut partitions = (0..task.partitions).cycle();
    while task.goes_on(Order::ProduceAndRead) {
        ticks.tick().await;
        for partition in partitions.by_ref().take(usize::try_from(each_tick.max(1)).unwrap_or(1)) {
            let sent = producing.sent.entry(partition).or_insert(0);
            let (number, value) = (*sent, sent.to_string());
            let record = ProducerRecord {
                topic: &task.topic,
                partition: Some(partition),
                key: Some(task.name.as_bytes()),
                value: Some(value.as_bytes()),
                ..ProducerRecord::default()
            };
            *sent += 1;
            match producer.send(&record).await {
                Ok(delivery) => {
                    undecided.spawn_local(decided(partition, number, delivery));
                }
                Err(error) => producing.failed.push(format!("{partition} {number} {error}")),
            }
        }
        while let Some(decided) = undecided.try_join_next() {
            decided.expect("it waits in order").note(&mut producing);
        }
    }
    producer.close(CLOSE_PATIENCE).await;
    let all = tokio::time::timeout(CLOSE_PATIENCE, undecided.join_all()).await;
    for decided in all.expect("a closed producer has decided everything") {
        decided.note(&mut producing);
    }
    producing
}

/// What became of a record, and when.
struct Decided {
    partition: i32,
    number: u64,
    offset: Result<i64, String>,
    at_ms: u64,
}

async fn decided(partition: i32, number: u64, delivery: Delivery) -> Decided {
    let offset = match delivery.await {
        Ok(ack) => Ok(ack.offset.unwrap_or(-1)),
        Err(error) => Err(error.to_string()),
    };
    Decided { partition, number, offset, at_ms: TimeOfDay::now().0 }
}

impl Decided {
    fn note(self, producing: &mut Producing) {
        let Self { partition, number, offset, at_ms } = self;
        match offset {
            Ok(offset) => producing.acknowledge(partition, number, Some(offset), at_ms),
            Err(error) => producing.failed.push(format!("{partition} {number} {error}")),
        }
    }
}

/// Which partitions were given to a member and not yet read from.
#[derive(Clone, Default)]
struct Fresh(Arc<Mutex<BTreeSet<i32>>>);

impl RebalanceListener for Fresh {
    fn on_assigned(&mut self, partitions: &[TopicPartition]) {
        let mut fresh = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        fresh.extend(partitions.iter().map(|partition| partition.partition));
    }

    fn on_revoked(&mut self, _: &[TopicPartition]) {}
}

async fn consume(task: Task, told: Arc<Mutex<String>>) {
    let mut properties = task.properties.clone();
    properties.set_default("group.id", &task.name);
    properties.set_default("auto.offset.reset", "earliest");
    properties.set_default("enable.auto.commit", "false");
    let (config, unknown) = ConsumerConfig::from_properties(&properties).expect("valid settings");
    assert!(unknown.is_empty(), "{unknown:?}");
    let fresh = Fresh::default();
    let mut consumer = Consumer::new(config);
    consumer.set_listener(fresh.clone());
    consumer.subscribe([task.topic.as_str()]).expect("it has a group");
    let tell = |lines: &str| {
        told.lock().unwrap_or_else(PoisonError::into_inner).push_str(lines);
    };
    while task.goes_on(Order::Read) {
        match consumer.poll(Duration::from_millis(200)).await {
            Ok(records) if records.is_empty() => {}
            Ok(records) => {
                let (read, behind) = lines(&records, &fresh);
                tell(&read);
                // what is not committed for certain is read again by whoever goes on
                if consumer.commit().await.is_ok() {
                    tell(&behind);
                }
            }
            Err(error) if error.is_retriable() => {}
            Err(error) => tell(&format!("E {error}\n")),
        }
    }
    if let Err(error) = consumer.close(CLOSE_PATIENCE).await {
        tell(&format!("E closing: {error}\n"));
    }
}

/// What was read, and what is committed once that is committed.
fn lines(records: &ConsumerRecords, fresh: &Fresh) -> (String, String) {
    let mut read = String::new();
    let mut next = std::collections::BTreeMap::new();
    let mut fresh = fresh.0.lock().unwrap_or_else(PoisonError::into_inner);
    for record in records.iter() {
        let (partition, offset) = (record.partition, record.offset);
        let text =
            |bytes: Option<&[u8]>| String::from_utf8_lossy(bytes.unwrap_or_default()).into_owned();
        // a string takes whatever is written to it
        if fresh.remove(&partition) {
            let _ = writeln!(read, "S {partition} {offset}");
        }
        let (key, value) = (text(record.key), text(record.value));
        let _ = writeln!(read, "R {partition} {offset} {key} {value}");
        next.insert(partition, offset + 1);
    }
    let behind = next.iter().map(|(partition, next)| format!("C {partition} {next}\n"));
    (read, behind.collect())
}
