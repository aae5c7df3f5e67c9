//! A version writes what it has, drops what may be dropped and refuses the rest, as Kafka does.

#![allow(clippy::unwrap_used, reason = "a test helper that fails ends the test")]

use types::Uuid;
use wire::fetch_request::ReplicaState;
use wire::metadata_request::MetadataRequestTopic;
use wire::produce_response::NodeEndpoint;
use wire::{
    ApiKey, EncodeError, FetchRequest, FetchSnapshotResponse, HeartbeatRequest, Malformed, Message,
    MetadataRequest, ProduceResponse, Str, VersionRange,
};

#[test]
fn a_set_field_that_the_version_lacks_is_refused_by_name() {
    let replica = FetchRequest {
        replica_state: ReplicaState { replica_id: 3, ..ReplicaState::default() },
        ..FetchRequest::default()
    };
    let endpoints = ProduceResponse {
        node_endpoints: vec![NodeEndpoint::default()],
        ..ProduceResponse::default()
    };
    let creation = MetadataRequest { allow_auto_topic_creation: false, ..Default::default() };
    let instance = HeartbeatRequest {
        group_instance_id: Some(Str::Borrowed("i")),
        ..HeartbeatRequest::default()
    };
    let absent = |field, version| Err(EncodeError::FieldAbsent { field, version });
    assert_eq!(replica.to_bytes(14), absent("FetchRequest.ReplicaState", 14));
    assert_eq!(endpoints.to_bytes(9), absent("ProduceResponse.NodeEndpoints", 9));
    assert_eq!(creation.to_bytes(3), absent("MetadataRequest.AllowAutoTopicCreation", 3));
    assert_eq!(instance.to_bytes(2), absent("HeartbeatRequest.GroupInstanceId", 2));
    for encoded in
        [replica.to_bytes(15), endpoints.to_bytes(10), creation.to_bytes(4), instance.to_bytes(3)]
    {
        encoded.unwrap();
    }
}

#[test]
fn an_ignorable_field_is_dropped() {
    let cluster = FetchRequest { cluster_id: Some(Str::Borrowed("x")), ..Default::default() };
    assert_eq!(cluster.to_bytes(11), FetchRequest::default().to_bytes(11));
    assert_ne!(cluster.to_bytes(12), FetchRequest::default().to_bytes(12));
}

#[test]
fn null_is_refused_where_the_version_has_none() {
    let all = MetadataRequest { topics: None, ..MetadataRequest::default() };
    let refusal = EncodeError::FieldNull { field: "MetadataRequest.Topics", version: 0 };
    assert_eq!(all.to_bytes(0), Err(refusal));
    let bytes = all.to_bytes(1).unwrap();
    assert_eq!(MetadataRequest::from_bytes(&bytes, 1).unwrap(), all);
    let reason = MetadataRequest::from_bytes(&bytes, 0).unwrap_err().reason;
    assert_eq!(reason, Malformed::Null);

    let snapshot = wire::fetch_snapshot_response::PartitionSnapshot::default();
    let topic = wire::fetch_snapshot_response::TopicSnapshot {
        partitions: vec![snapshot],
        ..Default::default()
    };
    let response = FetchSnapshotResponse { topics: vec![topic], ..Default::default() };
    let refusal =
        EncodeError::FieldNull { field: "PartitionSnapshot.UnalignedRecords", version: 1 };
    assert_eq!(response.to_bytes(1), Err(refusal));
}

#[test]
fn strings_have_the_length_that_kafka_allows() {
    let named = |length| MetadataRequest {
        topics: Some(vec![MetadataRequestTopic {
            name: Some(Str::Owned("x".repeat(length))),
            topic_id: Uuid::ZERO,
        }]),
        ..MetadataRequest::default()
    };
    for version in [1, 12] {
        let longest = named(0x7fff).to_bytes(version).unwrap();
        assert_eq!(MetadataRequest::from_bytes(&longest, version).unwrap(), named(0x7fff));
        let refusal = EncodeError::TooLong { length: 0x8000 };
        assert_eq!(named(0x8000).to_bytes(version), Err(refusal));
    }
    // a compact string of 32,768 bytes: the length can be said, but is refused
    let mut long = vec![2, 0x81, 0x80, 0x02];
    long.resize(long.len() + 0x8000, b'x');
    let reason = MetadataRequest::from_bytes(&long, 9).unwrap_err().reason;
    assert_eq!(reason, Malformed::StringTooLong(0x8000));
}

#[test]
fn text_that_is_not_utf8_is_refused() {
    let bytes = [0, 0, 0, 1, 0, 2, 0xc3, 0x28];
    assert_eq!(MetadataRequest::from_bytes(&bytes, 1).unwrap_err().reason, Malformed::Utf8);
}

#[test]
fn a_version_that_does_not_exist_is_refused_both_ways() {
    let valid = VersionRange { min: 4, max: 18 };
    for version in [3, 19, -1] {
        let message = "FetchRequest";
        let refusal = EncodeError::Version { message, version, valid };
        assert_eq!(FetchRequest::default().to_bytes(version), Err(refusal));
        let reason = FetchRequest::from_bytes(&[0; 100], version).unwrap_err().reason;
        assert_eq!(reason, Malformed::Version { message, version, valid });
    }
}

#[test]
fn unknown_tags_are_skipped_and_known_ones_must_fill_their_size() {
    // correlation id, client id null, then tagged fields
    let header = |tags: &[u8]| [&[0, 18, 0, 3, 0, 0, 0, 1, 0xff, 0xff], tags].concat();
    let read = |tags: &[u8]| {
        wire::RequestHeader::from_bytes(&header(tags), 2).map(wire::RequestHeader::into_owned)
    };
    assert_eq!(read(&[2, 0, 1, 7, 9, 0]), read(&[0]));
    let reason = read(&[1, 0, 5, 7]).unwrap_err().reason;
    assert_eq!(reason, Malformed::TagSize { tag: 0, size: 5 });

    let mut bytes =
        FetchRequest { cluster_id: Some(Str::Borrowed("c")), ..FetchRequest::default() }
            .to_bytes(18)
            .unwrap();
    assert!(bytes.ends_with(&[1, 0, 2, 2, b'c']));
    bytes.truncate(bytes.len() - 3);
    bytes.extend([3, 2, b'c', 0]);
    let reason = FetchRequest::from_bytes(&bytes, 18).unwrap_err().reason;
    assert_eq!(reason, Malformed::TagSize { tag: 0, size: 3 });
}

#[test]
fn a_tag_of_a_later_version_is_refused() {
    let mut bytes = FetchRequest::default().to_bytes(12).unwrap();
    assert_eq!(bytes.pop(), Some(0));
    bytes.extend([1, 1, 13]);
    bytes.extend([0; 13]);
    let reason = FetchRequest::from_bytes(&bytes, 12).unwrap_err().reason;
    assert_eq!(reason, Malformed::TagVersion(1));
}

#[test]
fn the_table_of_keys_is_that_of_kafka() {
    assert_eq!(ApiKey::all().count(), 95);
    let live = || ApiKey::all().filter_map(ApiKey::versions);
    assert_eq!((live().count(), live().map(|v| v.iter().count()).sum()), (91, 309));
    let listens = |broker: bool, controller: bool| {
        let both = ApiKey::all().map(ApiKey::listeners);
        both.filter(|on| on.broker >= broker && on.controller >= controller).count()
    };
    assert_eq!((listens(true, false), listens(false, true), listens(true, true)), (79, 42, 30));
    assert_eq!(ApiKey::from_i16(94), Some(ApiKey::UnregisterController));
    assert_eq!((ApiKey::from_i16(95), ApiKey::from_i16(-1)), (None, None));
    assert_eq!(ApiKey::StopReplica.versions(), None);
    let unstable: Vec<ApiKey> = ApiKey::all().filter(|key| key.latest_unstable()).collect();
    assert_eq!(unstable, [ApiKey::InitProducerId]);
    let stable = ApiKey::InitProducerId.stable_versions();
    assert_eq!(stable, Some(VersionRange { min: 0, max: 5 }));
    for key in [ApiKey::SaslHandshake, ApiKey::OffsetDelete] {
        assert_eq!(key.flexible_from(), i16::MAX);
    }
}
