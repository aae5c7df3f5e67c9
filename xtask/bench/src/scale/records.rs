//! A large cluster as its metadata records: what a snapshot of it holds.

use std::collections::BTreeMap;

use metadata::MetadataVersion;
use metadata::format::level_records;
use types::Uuid;
use wire::partition_record::PartitionRecord;
use wire::record_frame::MetadataRecord;
use wire::register_broker_record::{BrokerEndpoint, RegisterBrokerRecord};
use wire::topic_record::TopicRecord;

pub const BROKERS: i32 = 200;
pub const TOPICS: i32 = 2_000;
pub const PARTITIONS_PER_TOPIC: i32 = 100;
pub const PARTITIONS: i32 = TOPICS * PARTITIONS_PER_TOPIC;
/// The broker that leads far more than its share.
pub const LADEN: i32 = 1;
/// How many partitions that is.
pub const LED_BY_LADEN: i32 = 10_000;
pub const LADEN_EPOCH: i64 = 1;

const REPLICAS: i32 = 3;

/// Everything: levels, brokers in service, topics with three replicas a partition, all in sync.
pub fn records() -> Vec<MetadataRecord<'static>> {
    let levels = level_records(MetadataVersion::LATEST_PRODUCTION, &BTreeMap::new());
    let mut records = levels.expect("a release's own levels go together");
    records.extend((1..=BROKERS).map(|id| MetadataRecord::from(broker(id))));
    for topic in 0..TOPICS {
        let topic_id = id(0x70, topic);
        let name = format!("topic-{topic:04}").into();
        records.push(TopicRecord { name, topic_id }.into());
        let indexes = 0..PARTITIONS_PER_TOPIC;
        records.extend(indexes.map(|index| MetadataRecord::from(partition(topic, index))));
    }
    records
}

fn broker(node: i32) -> RegisterBrokerRecord<'static> {
    let endpoint = BrokerEndpoint {
        name: "PLAINTEXT".into(),
        host: format!("broker-{node}.example").into(),
        port: 9092,
        security_protocol: 0,
    };
    RegisterBrokerRecord {
        broker_id: node,
        incarnation_id: id(0x11, node),
        broker_epoch: i64::from(node) * LADEN_EPOCH,
        end_points: vec![endpoint],
        rack: None,
        fenced: false,
        log_dirs: vec![id(0xd0, node)],
        ..RegisterBrokerRecord::default()
    }
}

/// The laden broker leads the first partitions; all others are spread evenly.
fn partition(topic: i32, index: i32) -> PartitionRecord {
    let number = topic * PARTITIONS_PER_TOPIC + index;
    let others = BROKERS - 1;
    let first = if number < LED_BY_LADEN { LADEN } else { 2 + number % others };
    let stride = 1 + number / others % (others / REPLICAS);
    let follower = |step: i32| 2 + (number + step * stride) % others;
    let replicas: Vec<i32> = std::iter::once(first).chain((1..REPLICAS).map(follower)).collect();
    PartitionRecord {
        partition_id: index,
        topic_id: id(0x70, topic),
        isr: replicas.clone(),
        directories: replicas.iter().map(|node| id(0xd0, *node)).collect(),
        leader: first,
        replicas,
        ..PartitionRecord::default()
    }
}

/// An id that is one of `kind` and `number` alone.
fn id(kind: u8, number: i32) -> Uuid {
    // scattered, as random ids are
    let low = u64::from(number.unsigned_abs()).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    Uuid((u128::from(kind) << 120 | u128::from(low)).to_be_bytes())
}
