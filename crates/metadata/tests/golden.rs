//! A metadata log that Apache Kafka 4.4.0 wrote makes the image that Kafka had.

mod cluster;

use metadata::decide::record_version;
use metadata::image::{ConfigResource, Image, Replay, ResourceKind};
use record::{Scratch, batches};
use types::{LeaderEpoch, NodeId, Offset, ProducerId};
use wire::record_frame::MetadataRecord;

const LOG: &[u8] = include_bytes!("golden/kafka_4_4_0/00000000000000000000.log");

/// Every metadata record of the log with its offset, epoch, version and bytes.
fn records() -> Vec<(Offset, LeaderEpoch, i16, MetadataRecord<'static>, Vec<u8>)> {
    let mut scratch = Scratch::new();
    let mut found = Vec::new();
    for batch in batches(LOG) {
        let batch = batch.expect("a framed batch");
        assert!(batch.is_crc_valid());
        if batch.header().attributes.is_control() {
            continue;
        }
        let epoch = batch.header().leader_epoch;
        for record in batch.records(&mut scratch).expect("readable") {
            let record = record.expect("a record");
            let bytes = record.value.expect("a value").to_vec();
            let (decoded, version) = MetadataRecord::decode(&bytes).expect("a metadata record");
            found.push((record.offset, epoch, version, decoded.into_owned(), bytes));
        }
    }
    found
}

fn replayed() -> Image {
    let mut replay = Replay::from_image(Image::default());
    for (offset, epoch, _, record, _) in records() {
        replay.apply(offset, epoch, &record);
    }
    replay.publish()
}

#[test]
fn topics_and_configs_are_there() {
    let image = replayed();
    let names: Vec<_> = image.topics().iter().map(|topic| &*topic.name).collect();
    assert_eq!(names, ["flights", "manual"]);
    assert_eq!(image.topics().named("flights").unwrap().partitions.len(), 5);
    let value = |resource: &ConfigResource, key| image.configs().value(resource, key);
    let flights = ConfigResource::topic("flights");
    assert_eq!(value(&flights, "cleanup.policy"), Some("compact"));
    assert_eq!(value(&flights, "retention.ms"), None, "deleted again");
    assert_eq!(value(&flights, "segment.bytes"), Some("2000000"));
    let default = ConfigResource::broker_default();
    assert_eq!(value(&default, "log.retention.ms"), Some("7200000"));
    assert_eq!(value(&default, "min.insync.replicas"), Some("1"));
    let broker = ConfigResource::new(ResourceKind::Broker, "1");
    assert_eq!(value(&broker, "max.connections"), Some("999"));
}

#[test]
fn the_broker_stopped_in_order() {
    let image = replayed();
    let broker = image.cluster().broker(NodeId(1)).expect("registered");
    assert!(broker.fenced && broker.in_controlled_shutdown);
    assert_eq!(broker.endpoint("PLAINTEXT").unwrap().port, 31092);
    assert_eq!(broker.cordoned.as_deref(), Some(&[][..]));
    let state = image.partition("flights", 4).unwrap();
    assert_eq!((state.leader, state.leader_epoch), (NodeId::NONE, LeaderEpoch(1)));
    assert_eq!((&*state.isr, &*state.eligible_leaders), (&[][..], &[NodeId(1)][..]));
    assert_eq!(&*state.last_known_leaders, &[NodeId(1)]);
}

#[test]
fn rows_that_a_single_node_does_not_act_on_are_kept() {
    let image = replayed();
    assert_eq!(image.next_producer_id(), Some(ProducerId(1000)));
    assert_eq!(image.features().level("metadata.version"), 33);
    assert_eq!(image.features().level("share.version"), 2);
    let users: Vec<_> = image.security().scram.keys().map(|(m, user)| (*m, &**user)).collect();
    assert_eq!(users, [(1, "alice"), (2, "bob")]);
    let quotas: Vec<f64> = image.quotas().0.values().flat_map(|q| q.values().copied()).collect();
    assert_eq!(quotas, [2048.0, 1024.0]);
}

#[test]
fn records_have_the_versions_and_bytes_of_kafka() {
    let mut replay = Replay::from_image(Image::default());
    for (offset, epoch, version, record, bytes) in records() {
        // the first records are versioned by what they finalize themselves
        if replay.latest().features().has_metadata_version() {
            let release = replay.latest().features().metadata_version();
            assert_eq!(record_version(&record, release), version, "{}", record.type_name());
        }
        assert_eq!(record.encode(version).expect("encodes"), bytes, "{}", record.type_name());
        replay.apply(offset, epoch, &record);
    }
}

#[test]
fn a_snapshot_of_it_makes_the_same_image() {
    cluster::assert_snapshot_is_equal(&replayed());
}
