//! Our client in a cluster of two of Kafka's brokers: it reads nearby, and follows leaders.

use std::ops::Range;
use std::time::Duration;

use client::admin::NewTopic;
use client::{Consumer, Producer, ProducerRecord, TopicPartition};
use e2e::raw::Connection;
use e2e::{Kafka, wait};
use wire::AlterPartitionReassignmentsRequest;
use wire::alter_partition_reassignments_request::{ReassignablePartition, ReassignableTopic};
use wire::alter_partition_reassignments_response::AlterPartitionReassignmentsResponse;

use crate::support::{Proxy, admin, consumer_config, on_runtime, producer_config};

const TOPIC: &str = "racks";
/// A record is so large that metadata is small beside fifty of them.
const RECORD_BYTES: usize = 1000;
const SELECTOR: &str =
    "replica.selector.class=org.apache.kafka.common.replica.RackAwareReplicaSelector";

#[test]
fn a_consumer_reads_in_its_rack_and_clients_follow_the_leader() {
    let Some(kafka) = Kafka::with(&format!("broker.rack=a\n{SELECTOR}")) else { return };
    let door = Proxy::listen();
    let properties = format!("broker.rack=b\n{SELECTOR}\n{}", door.properties());
    let Some(second) = kafka.beside(&properties) else { return };
    door.lead_to(second.port());
    on_runtime(async {
        create(&kafka).await;
        let producer = Producer::new(producer_config(&kafka, &[("retry.backoff.max.ms", "200")]));
        write(&producer, 0..50).await;
        let mut remote = consumer(&kafka, "a");
        read(&mut remote, 0..50).await;
        let before = door.answered();
        assert!(before < 50 * RECORD_BYTES, "the leader is nearest: {before} bytes");
        let mut nearby = consumer(&kafka, "b");
        read(&mut nearby, 0..50).await;
        assert!(door.answered() >= before + 50 * RECORD_BYTES, "the follower is nearer");

        move_to_second(&kafka);
        write(&producer, 50..100).await;
        read(&mut remote, 50..100).await;
        read(&mut nearby, 50..100).await;
    });
}

/// One partition, led by the first broker and followed by the second, once that is there.
async fn create(kafka: &Kafka) {
    let topic = NewTopic {
        name: TOPIC.to_owned(),
        assignments: [(0, vec![1, 2])].into(),
        ..NewTopic::default()
    };
    let patience = tokio::time::Instant::now() + wait::PATIENCE;
    loop {
        let created =
            admin(kafka).create_topics(std::slice::from_ref(&topic), false).await.expect("answers");
        match &created[TOPIC] {
            Ok(()) => return,
            Err(error) => assert!(tokio::time::Instant::now() < patience, "{error}"),
        }
    }
}

fn consumer(kafka: &Kafka, rack: &str) -> Consumer {
    let settings = [("client.rack", rack), ("retry.backoff.max.ms", "200")];
    let mut consumer = Consumer::new(consumer_config(kafka, &settings));
    consumer.assign([TopicPartition::new(TOPIC, 0)]).expect("by hand");
    consumer
}

/// A record's value begins with its number.
async fn write(producer: &Producer, numbers: Range<usize>) {
    for number in numbers {
        let value = format!("{number:<RECORD_BYTES$}");
        let value = Some(value.as_bytes());
        let record = ProducerRecord { topic: TOPIC, value, ..Default::default() };
        producer.send(&record).await.expect("room").await.expect("written");
    }
}

async fn read(consumer: &mut Consumer, numbers: Range<usize>) {
    let mut seen: Vec<usize> = Vec::new();
    while seen.len() < numbers.len() {
        let records = consumer.poll(Duration::from_secs(10)).await.expect("polls");
        seen.extend(records.iter().map(|record| {
            let text = std::str::from_utf8(record.value.unwrap_or_default()).expect("text");
            text.trim_end().parse::<usize>().expect("a number")
        }));
    }
    assert!(seen.into_iter().eq(numbers));
}

/// Makes the second broker the only replica, and waits until the controller has begun to.
fn move_to_second(kafka: &Kafka) {
    let mut connection = Connection::open(kafka.port()).expect("it listens");
    let partition = ReassignablePartition { partition_index: 0, replicas: Some(vec![2]) };
    let topic = ReassignableTopic { name: TOPIC.into(), partitions: vec![partition] };
    let request = AlterPartitionReassignmentsRequest { topics: vec![topic], ..Default::default() };
    connection.send(&request, 0).expect("sends");
    let error =
        |r: AlterPartitionReassignmentsResponse<'_>| r.responses[0].partitions[0].error_code;
    let error = connection.receive::<AlterPartitionReassignmentsRequest<'_>, _>(0, error);
    assert_eq!(error.expect("answers"), 0);
}
