//! What a partition refuses, with which code, and that the refused batch leaves no trace.

mod common;

use common::records::{PLAIN, TOPIC, batch, batch_of, fetch, now, produce, produce_request};
use common::{Client, Server};
use record::{Codec, Compression, Producer};
use types::{ErrorCode, ProducerEpoch, ProducerId, Sequence, TopicId};
use wire::produce_request::TopicProduceData;
use wire::{ApiVersionsRequest, ProduceRequest};

const MAGIC_AT: usize = 16;
const CRC_AT: usize = 17;
const LAST_DELTA_AT: usize = 23;
const COUNT_AT: usize = 57;

fn with_crc(mut bytes: Vec<u8>) -> Vec<u8> {
    let crc = record::crc32c(&bytes[CRC_AT + 4..]);
    bytes[CRC_AT..CRC_AT + 4].copy_from_slice(&crc.to_be_bytes());
    bytes
}

fn with_i32(mut bytes: Vec<u8>, at: usize, value: i32) -> Vec<u8> {
    bytes[at..at + 4].copy_from_slice(&value.to_be_bytes());
    with_crc(bytes)
}

fn with_magic(magic: u8) -> Vec<u8> {
    let mut bytes = batch(&["old"]);
    bytes[MAGIC_AT] = magic;
    bytes
}

/// Records of an old message format, as clients before 0.11 wrote them.
fn old_message(magic: u8) -> Vec<u8> {
    let mut message = vec![0, 0, 0, 0, magic, 0];
    message.extend([0; 8].iter().take(if magic == 0 { 0 } else { 8 }));
    message.extend((-1_i32).to_be_bytes());
    message.extend([0, 0, 0, 1, b'x']);
    let mut bytes = vec![0; 8];
    bytes.extend(i32::try_from(message.len()).expect("small").to_be_bytes());
    bytes.extend(message);
    bytes
}

#[tokio::test]
async fn batches_that_are_wrong_are_refused_one_by_one() {
    let server = Server::start().await;
    let mut client = server.connect().await;
    client.auto_create(TOPIC).await;
    let mut torn = batch(&["torn", "in", "two"]);
    torn.truncate(torn.len() - 1);
    let mut flipped = batch(&["flipped"]);
    *flipped.last_mut().expect("bytes") ^= 1;
    let large = "x".repeat(1_100_000);
    let zeros = "\0".repeat(10_000_000);
    let bomb = batch_of(&[zeros.as_str(); 14], Codec::new(Compression::Zstd), PLAIN);
    let cases = [
        ("bad CRC", flipped, ErrorCode::CorruptMessage),
        ("cut off", torn, ErrorCode::InvalidRecord),
        ("too many counted", with_i32(batch(&["a"]), COUNT_AT, 2), ErrorCode::InvalidRecord),
        ("none counted", with_i32(batch(&["a"]), COUNT_AT, 0), ErrorCode::InvalidRecord),
        ("wrong last delta", with_i32(batch(&["a"]), LAST_DELTA_AT, 7), ErrorCode::InvalidRecord),
        ("no batch", Vec::new(), ErrorCode::InvalidRecord),
        ("two batches", [batch(&["a"]), batch(&["b"])].concat(), ErrorCode::InvalidRecord),
        ("magic 0", old_message(0), ErrorCode::InvalidRecord),
        ("magic 1", old_message(1), ErrorCode::InvalidRecord),
        ("a magic of the future", with_magic(3), ErrorCode::CorruptMessage),
        ("oversize", batch(&[large.as_str()]), ErrorCode::MessageTooLarge),
        ("a bomb", bomb, ErrorCode::MessageTooLarge),
    ];
    let mut wrong = Vec::new();
    for (what, records, expected) in cases {
        let code = ErrorCode::from_wire(produce(&mut client, records).await.error_code);
        if code != expected {
            wrong.push((what, code, expected));
        }
    }
    assert!(wrong.is_empty(), "{wrong:?}");
    assert_eq!(fetch(&mut client, 0).await.high_watermark, 0, "nothing was appended");
    assert_eq!(produce(&mut client, batch(&["good"])).await.base_offset, 0);
    server.stop().await;
}

async fn code_of(client: &mut Client, request: &ProduceRequest<'_>, version: i16) -> ErrorCode {
    let response = client.call(request, version).await;
    ErrorCode::from_wire(response.responses[0].partition_responses[0].error_code)
}

#[tokio::test]
async fn places_that_do_not_exist_are_named_as_such() {
    let server = Server::start().await;
    let mut client = server.connect().await;
    let id = client.auto_create(TOPIC).await;
    let by_id = |id: TopicId| {
        let mut request = produce_request("", 0, batch(&["a"]), 1);
        request.topic_data[0].topic_id = id;
        request
    };
    let cases = [
        ("topic", produce_request("nobody", 0, batch(&["a"]), 1), 9, "UNKNOWN_TOPIC_OR_PARTITION"),
        ("partition", produce_request(TOPIC, 7, batch(&["a"]), 1), 9, "UNKNOWN_TOPIC_OR_PARTITION"),
        ("negative", produce_request(TOPIC, -1, batch(&["a"]), 1), 9, "UNKNOWN_TOPIC_OR_PARTITION"),
        ("acks", produce_request(TOPIC, 0, batch(&["a"]), 2), 9, "INVALID_REQUIRED_ACKS"),
        ("both", produce_request(TOPIC, 7, batch(&["a"]), 2), 9, "UNKNOWN_TOPIC_OR_PARTITION"),
        ("id", by_id(TopicId::from_random([7; 16])), 13, "UNKNOWN_TOPIC_ID"),
        ("by id", by_id(id), 13, "NONE"),
    ];
    for (what, request, version, expected) in cases {
        assert_eq!(code_of(&mut client, &request, version).await.name(), expected, "{what}");
    }
    let nothing = ProduceRequest { acks: 1, ..Default::default() };
    assert!(client.call(&nothing, 9).await.responses.is_empty());
    let empty = TopicProduceData { name: TOPIC.into(), ..Default::default() };
    let no_partition = ProduceRequest { acks: 1, topic_data: vec![empty], ..Default::default() };
    assert!(client.call(&no_partition, 9).await.responses[0].partition_responses.is_empty());
    server.stop().await;
}

#[tokio::test]
async fn without_acks_there_is_no_answer_and_an_error_closes_the_connection() {
    let server = Server::start().await;
    let mut client = server.connect().await;
    client.auto_create(TOPIC).await;
    client.send(&produce_request(TOPIC, 0, batch(&["a"]), 0), 9).await;
    let next = ApiVersionsRequest::default();
    assert!(!client.call(&next, 0).await.api_keys.is_empty(), "the first answer is of the second");
    assert_eq!(fetch(&mut client, 0).await.high_watermark, 1);
    client.send(&produce_request("nobody", 0, batch(&["a"]), 0), 9).await;
    client.assert_closed().await;
    server.stop().await;
}

fn sequenced(epoch: i16, sequence: i32, values: &[&str]) -> Vec<u8> {
    let producer = Producer {
        id: ProducerId(42),
        epoch: ProducerEpoch(epoch),
        base_sequence: Sequence(sequence),
        transactional: false,
    };
    batch_of(values, Codec::NONE, producer)
}

#[tokio::test]
async fn sequences_of_a_producer_are_checked_and_repeated_batches_found() {
    let server = Server::start().await;
    let mut client = server.connect().await;
    client.auto_create(TOPIC).await;
    let steps = [
        ("the first", 3, 0, "NONE", 0),
        ("the next", 3, 2, "NONE", 2),
        ("the first again", 3, 0, "NONE", 0),
        ("the next again", 3, 2, "NONE", 2),
        ("a gap", 3, 6, "OUT_OF_ORDER_SEQUENCE_NUMBER", -1),
        ("an old epoch", 2, 4, "INVALID_PRODUCER_EPOCH", -1),
        ("a later epoch from the middle", 4, 4, "OUT_OF_ORDER_SEQUENCE_NUMBER", -1),
        ("a later epoch from the start", 4, 0, "NONE", 4),
    ];
    for (what, epoch, sequence, code, offset) in steps {
        let answer = produce(&mut client, sequenced(epoch, sequence, &["x", "y"])).await;
        assert_eq!(ErrorCode::from_wire(answer.error_code).name(), code, "{what}");
        assert_eq!(answer.base_offset, offset, "{what}");
    }
    let server = server.restart(&[]).await;
    let mut client = server.connect().await;
    let again = produce(&mut client, sequenced(4, 0, &["x", "y"])).await;
    assert_eq!((again.error_code, again.base_offset), (0, 4), "remembered over a restart");
    server.stop().await;
}

#[tokio::test]
async fn timestamps_follow_the_topic_s_rules() {
    let stamping = [("log.message.timestamp.type", "LogAppendTime")];
    let server = Server::start_with(&stamping).await;
    let mut client = server.connect().await;
    client.auto_create(TOPIC).await;
    let before = now();
    let answer = produce(&mut client, batch(&["stamped"])).await;
    assert!(answer.log_append_time_ms >= before.0, "{answer:?}");
    server.stop().await;
}
