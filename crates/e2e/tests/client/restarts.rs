//! Our client beside a broker that is killed, comes back, and may have lost what it had written.

use std::fs::File;
use std::ops::DerefMut;
use std::time::Duration;

use client::{Consumer, Producer, ProducerRecord, TopicPartition};
use e2e::instance::Instance;
use e2e::{Kafka, Klamm};

use crate::support::{consumer_config, create_topic, on_runtime, producer_config, read_all};

const RECORDS: usize = 2000;
/// Kafka takes a broker back only when it has missed the one that was killed.
const SOON_MISSED: &str = "broker.session.timeout.ms=1000\nbroker.heartbeat.interval.ms=200";
const LOG: &str = "00000000000000000000.log";

#[test]
fn a_killed_kafka_loses_and_doubles_nothing_of_ours() {
    let Some(kafka) = Kafka::with(SOON_MISSED) else { return };
    on_runtime(async {
        let kafka = produce_across_a_kill(kafka).await;
        lose_the_tail(kafka).await;
    });
}

#[test]
fn a_killed_klamm_loses_and_doubles_nothing_of_ours() {
    on_runtime(async {
        let klamm = produce_across_a_kill(Klamm::start()).await;
        lose_the_tail(klamm).await;
    });
}

async fn produce_across_a_kill<B>(broker: B) -> B
where
    B: DerefMut<Target = Instance> + Send + 'static,
{
    create_topic(&broker, "killed", 1).await;
    let config = producer_config(&broker, &[("batch.size", "300"), ("linger.ms", "1")]);
    let producer = Producer::new(config);
    let mut deliveries = Vec::new();
    let (mut running, mut restarting) = (Some(broker), None);
    for i in 0..RECORDS {
        let value = i.to_string();
        let value = Some(value.as_bytes());
        let record = ProducerRecord { topic: "killed", value, ..Default::default() };
        deliveries.push(producer.send(&record).await.expect("room"));
        if i == RECORDS / 2
            && let Some(mut broker) = running.take()
        {
            restarting = Some(tokio::task::spawn_blocking(move || {
                broker.kill();
                broker.restart();
                broker
            }));
        }
        tokio::task::yield_now().await;
    }
    let broker = restarting.expect("half-way").await.expect("it comes back");
    for delivery in deliveries {
        delivery.await.expect("written in the end");
    }
    let read = read_all(&broker, "killed", RECORDS).await;
    let values: Vec<usize> = read.iter().map(|(_, v)| v.parse().expect("a number")).collect();
    assert_eq!(values, (0..RECORDS).collect::<Vec<_>>());
    broker
}

#[test]
fn records_that_cannot_be_delivered_in_time_fail_and_later_ones_follow() {
    on_runtime(async {
        let mut klamm = Klamm::start();
        create_topic(&klamm, "late", 1).await;
        let properties = [
            ("delivery.timeout.ms", "8000"),
            ("request.timeout.ms", "4000"),
            ("linger.ms", "0"),
            ("reconnect.backoff.max.ms", "50"),
            ("retry.backoff.max.ms", "50"),
        ];
        let producer = Producer::new(producer_config(&klamm, &properties));
        let send = async |value: &str| {
            let value = Some(value.as_bytes());
            let record = ProducerRecord { topic: "late", value, ..Default::default() };
            producer.send(&record).await.expect("room").await
        };
        assert_eq!(send("first").await.map(|ack| ack.offset), Ok(Some(0)));
        klamm.kill();
        let begun = tokio::time::Instant::now();
        let expired = send("never").await.expect_err("nobody is there");
        assert_eq!(expired.code(), types::ErrorCode::RequestTimedOut, "{expired}");
        assert!(begun.elapsed() >= Duration::from_secs(8));
        klamm.restart();
        assert_eq!(send("second").await.map(|ack| ack.offset), Ok(Some(1)));
        let read = read_all(&klamm, "late", 2).await;
        assert_eq!(read.iter().map(|(_, v)| v.as_str()).collect::<Vec<_>>(), ["first", "second"]);
    });
}

/// What was read is gone, and other records have its offsets: they are shown, none left out. That
/// takes a broker that leads in another epoch once it is back.
async fn lose_the_tail(mut broker: impl DerefMut<Target = Instance>) {
    create_topic(&broker, "lost", 1).await;
    write(&broker, "old").await;
    // the consumer sees no metadata between its first records and the restart
    let properties = [("retry.backoff.max.ms", "200")];
    let mut consumer = Consumer::new(consumer_config(&broker, &properties));
    consumer.assign([TopicPartition::new("lost", 0)]).expect("by hand");
    let old = read(&mut consumer, "old").await;
    assert_eq!(old.last().map(|(offset, _)| *offset), Some(99));
    broker.kill();
    let log = File::options().write(true).open(broker.data().join("lost-0").join(LOG));
    let log = log.expect("the partition's log");
    log.set_len(log.metadata().expect("its length").len() / 2).expect("half of it goes");
    broker.restart();
    write(&broker, "new").await;
    let new = read(&mut consumer, "new").await;
    let (first, _) = &new[0];
    assert!((10..90).contains(first), "from {first} on");
    let values: Vec<&str> = new.iter().map(|(_, value)| value.as_str()).collect();
    assert_eq!(values, (0..100).map(|i| format!("new {i}")).collect::<Vec<_>>());
}

/// A hundred records, a batch each.
async fn write(broker: &Instance, what: &str) {
    let producer = Producer::new(producer_config(broker, &[("batch.size", "1")]));
    for i in 0..100 {
        let value = format!("{what} {i}");
        let value = Some(value.as_bytes());
        let record = ProducerRecord { topic: "lost", value, ..Default::default() };
        producer.send(&record).await.expect("room");
    }
    producer.flush().await;
}

/// Polls until the last of a hundred records is there; offsets and values.
async fn read(consumer: &mut Consumer, what: &str) -> Vec<(i64, String)> {
    let last = format!("{what} 99");
    let mut seen: Vec<(i64, String)> = Vec::new();
    while seen.last().is_none_or(|(_, value)| *value != last) {
        let records = consumer.poll(Duration::from_secs(10)).await.expect("polls");
        seen.extend(records.iter().map(|record| {
            let value = record.value.unwrap_or_default().to_vec();
            (record.offset, String::from_utf8(value).expect("text"))
        }));
    }
    seen
}
