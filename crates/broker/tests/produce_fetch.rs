//! Records in and out over the wire.

mod common;

use common::{Client, Server};
use record::{BatchBuilder, Codec, Producer, with_scratch};
use types::{ProducerEpoch, ProducerId, Sequence, TimestampMs};
use wire::fetch_request::{FetchPartition, FetchTopic};
use wire::fetch_response::PartitionData;

use wire::produce_request::{PartitionProduceData, TopicProduceData};
use wire::produce_response::PartitionProduceResponse;
use wire::{FetchRequest, ProduceRequest, Records};

const TOPIC: &str = "orders";

fn now() -> TimestampMs {
    let since = std::time::SystemTime::UNIX_EPOCH.elapsed().expect("after 1970");
    TimestampMs(i64::try_from(since.as_millis()).expect("before the year 292 million"))
}

const PLAIN: Producer = Producer {
    id: ProducerId::NONE,
    epoch: ProducerEpoch::NONE,
    base_sequence: Sequence::NONE,
    transactional: false,
};

fn batch_of(values: &[&str], codec: Codec, producer: Producer) -> Vec<u8> {
    let mut builder = BatchBuilder::new();
    for value in values {
        builder.append(now(), None, Some(value.as_bytes()), &[]).expect("a small batch");
    }
    with_scratch(|scratch| builder.seal(codec, producer, scratch)).to_vec()
}

fn batch(values: &[&str]) -> Vec<u8> {
    batch_of(values, Codec::NONE, PLAIN)
}

fn produce_request(topic: &str, index: i32, records: Vec<u8>, acks: i16) -> ProduceRequest<'_> {
    let partition = PartitionProduceData { index, records: records.into() };
    let topic = TopicProduceData {
        name: topic.into(),
        partition_data: vec![partition],
        ..Default::default()
    };
    ProduceRequest { acks, timeout_ms: 5_000, topic_data: vec![topic], ..Default::default() }
}

async fn produce(client: &mut Client, records: Vec<u8>) -> PartitionProduceResponse<'static> {
    let response = client.call(&produce_request(TOPIC, 0, records, -1), 9).await;
    response.responses[0].partition_responses[0].clone()
}

fn fetch_request(offset: i64) -> FetchRequest<'static> {
    let partition =
        FetchPartition { fetch_offset: offset, partition_max_bytes: 1 << 20, ..Default::default() };
    let topic =
        FetchTopic { topic: TOPIC.into(), partitions: vec![partition], ..Default::default() };
    FetchRequest { max_wait_ms: 0, min_bytes: 1, topics: vec![topic], ..Default::default() }
}

async fn fetch(client: &mut Client, offset: i64) -> PartitionData<'static> {
    let response = client.call(&fetch_request(offset), 11).await;
    assert_eq!(response.error_code, 0);
    response.responses[0].partitions[0].clone()
}

fn values(records: &Records<'_>) -> Vec<(i64, String)> {
    let mut found = Vec::new();
    for batch in record::batches(records.as_slice().unwrap_or_default()) {
        let batch = batch.expect("a batch");
        assert!(batch.is_crc_valid());
        with_scratch(|scratch| {
            for record in batch.records(scratch).expect("records") {
                let record = record.expect("a record");
                let text = String::from_utf8_lossy(record.value.unwrap_or_default());
                found.push((record.offset.0, text.into_owned()));
            }
        });
    }
    found
}

#[tokio::test]
async fn what_is_produced_is_fetched_before_and_after_a_restart() {
    let server = Server::start().await;
    let mut client = server.connect().await;
    client.auto_create(TOPIC).await;
    let first = produce(&mut client, batch(&["a", "b"])).await;
    assert_eq!((first.error_code, first.base_offset), (0, 0));
    let second = produce(&mut client, batch(&["c"])).await;
    assert_eq!((second.error_code, second.base_offset), (0, 2));
    let expected: Vec<_> =
        [(0, "a"), (1, "b"), (2, "c")].map(|(offset, text)| (offset, text.to_owned())).into();
    let data = fetch(&mut client, 0).await;
    assert_eq!((data.high_watermark, data.log_start_offset), (3, 0));
    assert_eq!(values(&data.records), expected);
    drop(client);
    let server = server.restart(&[]).await;
    let mut client = server.connect().await;
    assert_eq!(values(&fetch(&mut client, 1).await.records), expected, "whole batches");
    assert_eq!(produce(&mut client, batch(&["d"])).await.base_offset, 3);
    server.stop().await;
}
