//! Where a log begins, ends and held a given time; and what moves its start.

mod common;

use common::records::{PLAIN, TOPIC, batch, fetch, produce};
use common::{Client, Server};
use record::{BatchBuilder, Codec, with_scratch};
use types::{ErrorCode, TimestampMs};
use wire::delete_records_request::{DeleteRecordsPartition, DeleteRecordsTopic};
use wire::list_offsets_request::{ListOffsetsPartition, ListOffsetsTopic};
use wire::offset_for_leader_epoch_request::{OffsetForLeaderPartition, OffsetForLeaderTopic};
use wire::{
    DeleteRecordsRequest, DescribeLogDirsRequest, DescribeProducersRequest, ListOffsetsRequest,
    MetadataRequest, OffsetForLeaderEpochRequest,
};

async fn list(client: &mut Client, topic: &str, timestamp: i64, version: i16) -> (i16, i64, i64) {
    let partition = ListOffsetsPartition { timestamp, ..Default::default() };
    let topic = ListOffsetsTopic { name: topic.to_owned().into(), partitions: vec![partition] };
    let request = ListOffsetsRequest { replica_id: -1, topics: vec![topic], ..Default::default() };
    let response = client.call(&request, version).await;
    let found = &response.topics[0].partitions[0];
    (found.error_code, found.offset, found.timestamp)
}

async fn delete(client: &mut Client, offset: i64) -> (i16, i64) {
    let partition = DeleteRecordsPartition { partition_index: 0, offset };
    let topic = DeleteRecordsTopic { name: TOPIC.into(), partitions: vec![partition] };
    let request = DeleteRecordsRequest { topics: vec![topic], timeout_ms: 1_000 };
    let response = client.call(&request, 2).await;
    let result = &response.topics[0].partitions[0];
    (result.error_code, result.low_watermark)
}

fn at_times(times: &[i64]) -> Vec<u8> {
    let mut builder = BatchBuilder::new();
    for time in times {
        builder.append(TimestampMs(*time), None, Some(b"x"), &[]).expect("a small batch");
    }
    with_scratch(|scratch| builder.seal(Codec::NONE, PLAIN, scratch)).to_vec()
}

#[tokio::test]
async fn offsets_are_found_by_time_and_by_every_special_timestamp() {
    let server = Server::start().await;
    let mut client = server.connect().await;
    client.auto_create(TOPIC).await;
    assert_eq!(list(&mut client, TOPIC, -1, 11).await, (0, 0, -1));
    produce(&mut client, at_times(&[1_000, 3_000, 2_000])).await;
    produce(&mut client, at_times(&[2_500])).await;
    for (timestamp, expected) in [
        (-1, (0, 4, -1)),
        (-2, (0, 0, -1)),
        (-3, (0, 1, 3_000)),
        (-4, (0, 0, -1)),
        (-5, (0, -1, -1)),
        (-6, (0, -1, -1)),
        (0, (0, 0, 1_000)),
        (1_001, (0, 1, 3_000)),
        (2_000, (0, 1, 3_000)),
        (3_001, (0, -1, -1)),
    ] {
        assert_eq!(list(&mut client, TOPIC, timestamp, 11).await, expected, "{timestamp}");
    }
    let unsupported = ErrorCode::UnsupportedVersion.code();
    assert_eq!(list(&mut client, TOPIC, -3, 6).await.0, unsupported);
    assert_eq!(list(&mut client, TOPIC, -9, 11).await.0, unsupported);
    let unknown = ErrorCode::UnknownTopicOrPartition.code();
    assert_eq!(list(&mut client, "nobody", -1, 5).await.0, unknown);
    server.stop().await;
}

#[tokio::test]
async fn who_asks_twice_for_an_offset_is_refused_once() {
    let server = Server::start().await;
    let mut client = server.connect().await;
    client.auto_create(TOPIC).await;
    client.auto_create("other").await;
    let topic = |name: &'static str, times: &[i64]| ListOffsetsTopic {
        name: name.into(),
        partitions: times
            .iter()
            .map(|timestamp| ListOffsetsPartition { timestamp: *timestamp, ..Default::default() })
            .collect(),
    };
    let topics = vec![topic(TOPIC, &[-1, -2]), topic("other", &[-1])];
    let request = ListOffsetsRequest { replica_id: -1, topics, ..Default::default() };
    let response = client.call(&request, 11).await;
    let told = response.topics.iter().map(|topic| {
        let codes = topic.partitions.iter().map(|found| (found.error_code, found.offset));
        (&*topic.name, codes.collect::<Vec<_>>())
    });
    let refused = (ErrorCode::InvalidRequest.code(), -1);
    assert_eq!(told.collect::<Vec<_>>(), [(TOPIC, vec![refused]), ("other", vec![(0, 0)])]);
    server.stop().await;
}

#[tokio::test]
async fn deleted_records_are_out_of_range_also_after_a_restart() {
    let server = Server::start().await;
    let mut client = server.connect().await;
    client.auto_create(TOPIC).await;
    produce(&mut client, batch(&["a", "b", "c"])).await;
    let out_of_range = ErrorCode::OffsetOutOfRange.code();
    assert_eq!(delete(&mut client, 4).await, (out_of_range, -1));
    assert_eq!(delete(&mut client, 2).await, (0, 2));
    assert_eq!(fetch(&mut client, 1).await.error_code, out_of_range);
    assert_eq!(fetch(&mut client, 2).await.log_start_offset, 2);
    let server = server.restart(&[]).await;
    let mut client = server.connect().await;
    assert_eq!(list(&mut client, TOPIC, -2, 11).await, (0, 2, -1));
    assert_eq!(delete(&mut client, -1).await, (0, 3));
    assert_eq!(fetch(&mut client, 3).await.error_code, 0);
    server.stop().await;
}

#[tokio::test]
async fn compacted_topics_do_not_delete_on_request() {
    let server = Server::start_with(&[("log.cleanup.policy", "compact")]).await;
    let mut client = server.connect().await;
    client.auto_create(TOPIC).await;
    assert_eq!(delete(&mut client, 0).await.0, ErrorCode::PolicyViolation.code());
    let keyless = produce(&mut client, batch(&["a"])).await;
    assert_eq!(keyless.error_code, ErrorCode::InvalidRecord.code());
    assert_eq!(keyless.record_errors[0].batch_index, 0);
    server.stop().await;
}

#[tokio::test]
async fn only_where_records_are_compacted_alone_is_deletion_refused() {
    for policy in ["", "delete", "compact,delete"] {
        let server = Server::start_with(&[("log.cleanup.policy", policy)]).await;
        let mut client = server.connect().await;
        client.auto_create(TOPIC).await;
        assert_eq!(delete(&mut client, 0).await, (0, 0), "{policy:?}");
        server.stop().await;
    }
}

#[tokio::test]
async fn an_epoch_ends_where_the_log_does() {
    let server = Server::start().await;
    let mut client = server.connect().await;
    client.auto_create(TOPIC).await;
    produce(&mut client, batch(&["a", "b"])).await;
    for (epoch, current, expected) in [
        (0, -1, ("NONE", 0, 2)),
        (7, -1, ("NONE", -1, -1)),
        (0, 7, ("UNKNOWN_LEADER_EPOCH", -1, -1)),
    ] {
        let partition = OffsetForLeaderPartition {
            partition: 0,
            current_leader_epoch: current,
            leader_epoch: epoch,
        };
        let topic = OffsetForLeaderTopic { topic: TOPIC.into(), partitions: vec![partition] };
        let request = OffsetForLeaderEpochRequest { topics: vec![topic], ..Default::default() };
        let response = client.call(&request, 4).await;
        let end = &response.topics[0].partitions[0];
        let code = ErrorCode::from_wire(end.error_code).name();
        assert_eq!((code, end.leader_epoch, end.end_offset), expected, "{epoch} {current}");
    }
    server.stop().await;
}

#[tokio::test]
async fn what_lies_on_disk_and_who_wrote_it_is_described() {
    let server = Server::start().await;
    let mut client = server.connect().await;
    client.auto_create(TOPIC).await;
    let bytes = batch(&["a", "b"]);
    let size = i64::try_from(bytes.len()).expect("small");
    produce(&mut client, bytes).await;
    let request = DescribeLogDirsRequest { topics: None };
    let response = client.call(&request, 4).await;
    let directory = &response.results[0];
    assert!(directory.total_bytes >= directory.usable_bytes && directory.usable_bytes > 0);
    assert_eq!(directory.topics[0].partitions[0].partition_size, size);
    let topic = wire::describe_producers_request::TopicRequest {
        name: TOPIC.into(),
        partition_indexes: vec![0, 9],
    };
    let request = DescribeProducersRequest { topics: vec![topic] };
    let response = client.call(&request, 0).await;
    let [known, unknown] = &response.topics[0].partitions[..] else { panic!("two partitions") };
    assert_eq!((known.error_code, known.active_producers.len()), (0, 0));
    assert_eq!(unknown.error_code, ErrorCode::UnknownTopicOrPartition.code());
    server.stop().await;
}

#[tokio::test]
async fn metadata_shows_this_broker_and_creates_topics_only_when_asked() {
    let server = Server::start_with(&[("num.partitions", "3")]).await;
    let mut client = server.connect().await;
    let topic = |name: &str| wire::metadata_request::MetadataRequestTopic {
        name: Some(name.to_owned().into()),
        ..Default::default()
    };
    let ask = |names: &[&str], create| MetadataRequest {
        topics: Some(names.iter().map(|name| topic(name)).collect()),
        allow_auto_topic_creation: create,
        ..Default::default()
    };
    let refused = client.call(&ask(&["new", "bad name"], false), 12).await;
    let codes = [ErrorCode::UnknownTopicOrPartition, ErrorCode::InvalidTopicException];
    let found: Vec<_> = refused.topics.iter().map(|topic| topic.error_code).collect();
    assert_eq!(found, codes.map(ErrorCode::code));
    let created = client.call(&ask(&["new", "bad name", "new"], true), 12).await;
    assert_eq!((created.topics[0].error_code, created.topics[0].partitions.len()), (0, 3));
    assert_eq!(created.topics[1].error_code, ErrorCode::InvalidTopicException.code());
    assert_eq!(i32::from(server.address().port()), created.brokers[0].port);
    assert_eq!(created.topics[0].partitions[0].leader_id, created.brokers[0].node_id);
    for version in 0..=13 {
        let all = MetadataRequest {
            topics: if version == 0 { Some(Vec::new()) } else { None },
            ..Default::default()
        };
        let response = client.call(&all, version).await;
        let names: Vec<_> = response.topics.iter().filter_map(|t| t.name.as_deref()).collect();
        assert_eq!(names, ["new"], "version {version}");
    }
    let none = client.call(&ask(&[], true), 12).await;
    assert!(none.topics.is_empty());
    server.stop().await;
}
