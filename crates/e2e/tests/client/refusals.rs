//! What our producer makes of a broker that refuses: it cuts batches, and counts anew.

use client::{Producer, ProducerRecord};
use e2e::instance::Instance;
use e2e::raw::{self, Connection};
use e2e::{Kafka, Klamm};
use record::{BatchBuilder, Codec, with_scratch};
use types::{ErrorCode, ProducerEpoch, ProducerId, Sequence, TimestampMs};
use wire::describe_producers_request::{DescribeProducersRequest, TopicRequest};
use wire::describe_producers_response::DescribeProducersResponse;

use crate::support::{create_topic_with, on_runtime, producer_config, read_all};

const RECORDS: usize = 200;
/// The one record that the topic does not take however it is sent.
const TOO_LARGE: usize = 77;

#[test]
fn what_kafka_refuses_is_split_or_numbered_anew() {
    let Some(kafka) = Kafka::start() else { return };
    on_runtime(async {
        batches_split(&kafka).await;
        lost_track(&kafka).await;
    });
}

#[test]
fn what_klamm_refuses_is_split_or_numbered_anew() {
    on_runtime(async {
        let klamm = Klamm::start();
        batches_split(&klamm).await;
        lost_track(&klamm).await;
    });
}

/// The topic takes less at once than the producer sends: one record of it is too large by itself.
async fn batches_split(broker: &Instance) {
    for (codec, idempotence) in [("none", "true"), ("zstd", "true"), ("none", "false")] {
        let topic = format!("narrow-{codec}-{idempotence}");
        create_topic_with(broker, &topic, 1, &[("max.message.bytes", "1500")]).await;
        let properties = [
            ("batch.size", "20000"),
            ("linger.ms", "1000"),
            ("compression.type", codec),
            ("enable.idempotence", idempotence),
            ("max.in.flight.requests.per.connection", "1"),
        ];
        let producer = Producer::new(producer_config(broker, &properties));
        let values: Vec<String> = (0..RECORDS).map(value).collect();
        let mut deliveries = Vec::new();
        for value in &values {
            let value = Some(value.as_bytes());
            let record = ProducerRecord { topic: &topic, value, ..Default::default() };
            deliveries.push(producer.send(&record).await.expect("room"));
        }
        producer.flush().await;
        let mut next = 0;
        for (index, delivery) in deliveries.into_iter().enumerate() {
            let outcome = delivery.outcome().expect("flush waits for the parts of a batch too");
            if index == TOO_LARGE {
                let refused = outcome.expect_err("nobody can take it");
                assert_eq!(refused.code(), ErrorCode::MessageTooLarge);
            } else {
                assert_eq!(outcome.expect("it fits").offset, Some(next), "{topic} {index}");
                next += 1;
            }
        }
        let expected = values.into_iter().enumerate().filter(|(index, _)| *index != TOO_LARGE);
        let read = read_all(broker, &topic, RECORDS - 1).await;
        assert!(read.into_iter().map(|(_, value)| value).eq(expected.map(|(_, value)| value)));
    }
}

/// Text that zstd cannot make much smaller.
fn value(index: usize) -> String {
    let length = if index == TOO_LARGE { 4000 } else { 90 };
    let mut state = u64::try_from(index).expect("a small number") + 1;
    let letters = (0..length).map(|_| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        char::from(b'!' + u8::try_from(state % 90).expect("below 90"))
    });
    letters.collect()
}

/// Somebody else uses up the sequences that the producer was going to use.
async fn lost_track(broker: &Instance) {
    create_topic_with(broker, "stolen", 1, &[]).await;
    let producer = Producer::new(producer_config(broker, &[]));
    let send = async |value: &[u8]| {
        let record = ProducerRecord { topic: "stolen", value: Some(value), ..Default::default() };
        producer.send(&record).await.expect("room").await.expect("written").offset
    };
    assert_eq!(send(b"first").await, Some(0));
    let mut connection = Connection::open(broker.port()).expect("it listens");
    let thief = producer_of(&mut connection, "stolen");
    let mut builder = BatchBuilder::new();
    for _ in 0..3 {
        builder.append(TimestampMs(1), None, Some(b"stolen"), &[]).expect("fits");
    }
    let batch = with_scratch(|scratch| builder.finish(Codec::NONE, thief, scratch));
    let request = raw::produce_request("stolen", 0, &batch);
    connection.send(&request, raw::PRODUCE_VERSION).expect("sends");
    let answer = |r: wire::ProduceResponse<'_>| r.responses[0].partition_responses[0].error_code;
    let error = connection.receive::<wire::ProduceRequest<'_>, _>(raw::PRODUCE_VERSION, answer);
    assert_eq!(error.expect("answers"), 0);
    assert_eq!(send(b"second").await, Some(4));
    assert_eq!(send(b"third").await, Some(5));
    let now = producer_of(&mut connection, "stolen");
    assert_eq!((now.id, now.epoch), (thief.id, ProducerEpoch(thief.epoch.0 + 1)));
}

/// The only producer of a topic, at its next sequence.
fn producer_of(connection: &mut Connection, topic: &str) -> record::Producer {
    let topic = TopicRequest { name: topic.into(), partition_indexes: vec![0] };
    let request = DescribeProducersRequest { topics: vec![topic] };
    connection.send(&request, 0).expect("sends");
    let read = |response: DescribeProducersResponse<'_>| {
        let producers = &response.topics[0].partitions[0].active_producers;
        assert_eq!(producers.len(), 1);
        record::Producer {
            id: ProducerId(producers[0].producer_id),
            epoch: ProducerEpoch(i16::try_from(producers[0].producer_epoch).expect("an epoch")),
            base_sequence: Sequence(producers[0].last_sequence + 1),
            transactional: false,
        }
    };
    connection.receive::<DescribeProducersRequest<'_>, _>(0, read).expect("answers")
}
