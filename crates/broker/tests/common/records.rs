//! Records for tests: batches, and requests that carry or want them.

use super::Client;
use record::{BatchBuilder, Codec, Producer, with_scratch};
use types::{ProducerEpoch, ProducerId, Sequence, TimestampMs};
use wire::fetch_request::{FetchPartition, FetchTopic};
use wire::fetch_response::PartitionData;
use wire::produce_request::{PartitionProduceData, TopicProduceData};
use wire::produce_response::PartitionProduceResponse;
use wire::{FetchRequest, ProduceRequest, Records};

pub const TOPIC: &str = "orders";

pub fn now() -> TimestampMs {
    let since = std::time::SystemTime::UNIX_EPOCH.elapsed().expect("after 1970");
    TimestampMs(i64::try_from(since.as_millis()).expect("before the year 292 million"))
}

pub const PLAIN: Producer = Producer {
    id: ProducerId::NONE,
    epoch: ProducerEpoch::NONE,
    base_sequence: Sequence::NONE,
    transactional: false,
};

pub fn batch_of(values: &[&str], codec: Codec, producer: Producer) -> Vec<u8> {
    let mut builder = BatchBuilder::new();
    for value in values {
        builder.append(now(), None, Some(value.as_bytes()), &[]).expect("a small batch");
    }
    with_scratch(|scratch| builder.seal(codec, producer, scratch)).to_vec()
}

pub fn batch(values: &[&str]) -> Vec<u8> {
    batch_of(values, Codec::NONE, PLAIN)
}

pub fn produce_request(topic: &str, index: i32, records: Vec<u8>, acks: i16) -> ProduceRequest<'_> {
    let partition = PartitionProduceData { index, records: records.into() };
    let topic = TopicProduceData {
        name: topic.into(),
        partition_data: vec![partition],
        ..Default::default()
    };
    ProduceRequest { acks, timeout_ms: 5_000, topic_data: vec![topic], ..Default::default() }
}

pub async fn produce(client: &mut Client, records: Vec<u8>) -> PartitionProduceResponse<'static> {
    let response = client.call(&produce_request(TOPIC, 0, records, -1), 9).await;
    response.responses[0].partition_responses[0].clone()
}

pub fn fetch_request(offset: i64) -> FetchRequest<'static> {
    let partition =
        FetchPartition { fetch_offset: offset, partition_max_bytes: 1 << 20, ..Default::default() };
    let topic =
        FetchTopic { topic: TOPIC.into(), partitions: vec![partition], ..Default::default() };
    FetchRequest { max_wait_ms: 0, min_bytes: 1, topics: vec![topic], ..Default::default() }
}

pub async fn fetch(client: &mut Client, offset: i64) -> PartitionData<'static> {
    let response = client.call(&fetch_request(offset), 11).await;
    assert_eq!(response.error_code, 0);
    response.responses[0].partitions[0].clone()
}

pub fn values(records: &Records<'_>) -> Vec<(i64, String)> {
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
