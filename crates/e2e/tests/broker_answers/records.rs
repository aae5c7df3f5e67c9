//! Records: taken or refused, found by offset, time and epoch, deleted on request.

use super::asker::Asker;
use e2e::raw;
use types::{TopicId, Uuid};
use wire::delete_records_request::{DeleteRecordsPartition, DeleteRecordsTopic};
use wire::describe_producers_request::TopicRequest;
use wire::elect_leaders_request::TopicPartitions;
use wire::fetch_request::{FetchPartition, FetchTopic};
use wire::list_offsets_request::{ListOffsetsPartition, ListOffsetsTopic};
use wire::offset_for_leader_epoch_request::{OffsetForLeaderPartition, OffsetForLeaderTopic};
use wire::produce_request::{PartitionProduceData, TopicProduceData};
use wire::update_features_request::FeatureUpdateKey;
use wire::{
    DeleteRecordsRequest, DescribeProducersRequest, ElectLeadersRequest, FetchRequest,
    InitProducerIdRequest, ListOffsetsRequest, OffsetForLeaderEpochRequest, ProduceRequest,
    UpdateFeaturesRequest,
};

const TOPIC: &str = "t";
/// Batches of one record, produced before anything else is asked.
const BATCHES: i64 = 3;

pub fn ask(asker: &mut Asker) {
    let id = asker.create(TOPIC, 2);
    produce(asker, id);
    list_offsets(asker);
    fetch(asker, id);
    epochs(asker);
    delete(asker);
    list_offsets(asker);
    producers(asker);
    elections_and_features(asker);
}

fn produce_request(
    name: &'static str,
    id: TopicId,
    index: i32,
    acks: i16,
    records: Vec<u8>,
) -> ProduceRequest<'static> {
    let data = PartitionProduceData { index, records: records.into() };
    let topic = TopicProduceData { name: name.into(), topic_id: id, partition_data: vec![data] };
    ProduceRequest { acks, timeout_ms: 30_000, topic_data: vec![topic], ..Default::default() }
}

fn produce(asker: &mut Asker, id: TopicId) {
    let batch = || raw::batch(["a"]);
    let unknown: TopicId = Uuid([9; 16]);
    for batch_number in 0..BATCHES {
        let question = format!("batch {batch_number}");
        asker.ask(&question, &produce_request(TOPIC, Uuid::ZERO, 0, -1, batch()), 12);
    }
    let two = [batch(), batch()].concat();
    let mut garbled = batch();
    *garbled.last_mut().expect("a batch") ^= 1;
    let mut old = batch();
    old[16] = 1;
    for (question, records) in [
        ("no batch", Vec::new()),
        ("two batches", two),
        ("a wrong sum", garbled),
        ("an old format", old),
        ("half a batch", batch()[..30].to_vec()),
    ] {
        asker.ask(question, &produce_request(TOPIC, Uuid::ZERO, 0, -1, records.clone()), 12);
        asker.ask(question, &produce_request(TOPIC, Uuid::ZERO, 0, -1, records), 3);
    }
    asker.ask("by id", &produce_request("", id, 1, -1, batch()), 13);
    asker.ask("by an unknown id", &produce_request("", unknown, 1, -1, batch()), 13);
    for (question, name, index, acks) in [
        ("of an unknown topic", "nothing", 0, -1),
        ("of an unknown partition", TOPIC, 9, -1),
        ("of a partition below 0", TOPIC, -1, -1),
        ("with wrong acks", TOPIC, 0, 2),
        ("with wrong acks for nothing", "nothing", 0, 2),
        ("of an internal topic", "__consumer_offsets", 0, -1),
    ] {
        asker.ask(question, &produce_request(name, Uuid::ZERO, index, acks, batch()), 12);
    }
    let nothing = ProduceRequest { acks: -1, timeout_ms: 30_000, ..Default::default() };
    asker.ask("of nothing", &nothing, 12);
}

fn list_offsets(asker: &mut Asker) {
    for (question, topic, index, timestamp, epoch) in [
        ("the latest", TOPIC, 0, -1, -1),
        ("the earliest", TOPIC, 0, -2, -1),
        ("the local earliest", TOPIC, 0, -4, -1),
        ("the tiered latest", TOPIC, 0, -5, -1),
        ("the pending earliest", TOPIC, 0, -6, -1),
        ("by a time behind", TOPIC, 0, i64::MAX, -1),
        ("by an unknown sign", TOPIC, 0, -9, -1),
        ("of an unknown partition", TOPIC, 9, -1, -1),
        ("of an unknown topic", "nothing", 0, -1, -1),
        ("in an older epoch", TOPIC, 0, -1, -2),
        ("in a later epoch", TOPIC, 0, -1, 9),
    ] {
        for version in [1, 4, 7, 8, 9, 10, 11] {
            let partition = ListOffsetsPartition {
                partition_index: index,
                current_leader_epoch: epoch,
                timestamp,
            };
            let topics = vec![ListOffsetsTopic { name: topic.into(), partitions: vec![partition] }];
            let request = ListOffsetsRequest {
                replica_id: -1,
                topics,
                timeout_ms: 30_000,
                ..Default::default()
            };
            asker.ask(question, &request, version);
        }
    }
}

fn fetch(asker: &mut Asker, id: TopicId) {
    let unknown: TopicId = Uuid([9; 16]);
    for (question, name, topic_id, index, offset, epoch) in [
        ("the end", TOPIC, id, 0, BATCHES, -1),
        ("behind the end", TOPIC, id, 0, BATCHES + 1, -1),
        ("before the start", TOPIC, id, 0, -1, -1),
        ("an unknown partition", TOPIC, id, 9, 0, -1),
        ("an unknown topic", "nothing", unknown, 0, 0, -1),
        ("a later epoch", TOPIC, id, 0, BATCHES, 9),
        ("an epoch before all", TOPIC, id, 0, BATCHES, -2),
    ] {
        for version in 4..=17 {
            let partition = FetchPartition {
                partition: index,
                fetch_offset: offset,
                current_leader_epoch: epoch,
                partition_max_bytes: 1 << 20,
                ..Default::default()
            };
            let topic = FetchTopic { topic: name.into(), topic_id, partitions: vec![partition] };
            let request = FetchRequest {
                max_bytes: i32::MAX,
                session_epoch: -1,
                isolation_level: (version % 2).try_into().expect("0 or 1"),
                topics: vec![topic],
                ..Default::default()
            };
            asker.ask(question, &request, version);
        }
    }
    for (question, session_id, session_epoch) in
        [("an unknown session", 77, 1), ("the end of an unknown session", 77, -1)]
    {
        let request = FetchRequest { session_id, session_epoch, ..Default::default() };
        asker.ask(question, &request, 12);
    }
}

fn epochs(asker: &mut Asker) {
    for (question, topic, index, current, epoch) in [
        ("this epoch", TOPIC, 0, -1, 0),
        ("a later one", TOPIC, 0, -1, 5),
        ("none", TOPIC, 0, -1, -1),
        ("in a later epoch", TOPIC, 0, 7, 0),
        ("of an unknown partition", TOPIC, 9, -1, 0),
        ("of an unknown topic", "nothing", 0, -1, 0),
    ] {
        for version in 2..=4 {
            let partition = OffsetForLeaderPartition {
                partition: index,
                current_leader_epoch: current,
                leader_epoch: epoch,
            };
            let topics =
                vec![OffsetForLeaderTopic { topic: topic.into(), partitions: vec![partition] }];
            let request = OffsetForLeaderEpochRequest { replica_id: -1, topics };
            asker.ask(question, &request, version);
        }
    }
}

fn delete(asker: &mut Asker) {
    for (question, topic, index, offset) in [
        ("behind the end", TOPIC, 0, BATCHES + 1),
        ("an impossible one", TOPIC, 0, -2),
        ("of an unknown partition", TOPIC, 9, 0),
        ("of an unknown topic", "nothing", 0, 0),
        ("some", TOPIC, 0, 1),
        ("what is gone", TOPIC, 0, 0),
        ("all", TOPIC, 1, -1),
    ] {
        for version in 0..=2 {
            let partition = DeleteRecordsPartition { partition_index: index, offset };
            let topics =
                vec![DeleteRecordsTopic { name: topic.into(), partitions: vec![partition] }];
            asker.ask(question, &DeleteRecordsRequest { topics, timeout_ms: 30_000 }, version);
        }
    }
}

fn producers(asker: &mut Asker) {
    let topics = |name: &'static str, index| {
        vec![TopicRequest { name: name.into(), partition_indexes: vec![index] }]
    };
    for (question, topics) in [
        ("without any", topics(TOPIC, 0)),
        ("of an unknown partition", topics(TOPIC, 9)),
        ("of an unknown topic", topics("nothing", 0)),
        ("of an invalid topic", topics("a b", 0)),
    ] {
        asker.ask(question, &DescribeProducersRequest { topics }, 0);
    }
    for (question, transactional_id, producer_id, producer_epoch) in [
        ("with an empty transactional id", Some(""), -1, -1),
        ("with an id without an epoch", None, 5, -1),
        ("with an epoch without an id", None, -1, 5),
    ] {
        let request = InitProducerIdRequest {
            transactional_id: transactional_id.map(Into::into),
            transaction_timeout_ms: 1000,
            producer_id,
            producer_epoch,
            ..Default::default()
        };
        for version in [3, 5] {
            asker.ask(question, &request, version);
        }
    }
}

fn elections_and_features(asker: &mut Asker) {
    for (question, election_type, topic, index) in [
        ("of a leader that is preferred", 0, TOPIC, 0),
        ("of an unclean leader that is not needed", 1, TOPIC, 0),
        ("of an unknown partition", 0, TOPIC, 9),
        ("of an unknown topic", 0, "nothing", 0),
    ] {
        let topics = vec![TopicPartitions { topic: topic.into(), partitions: vec![index] }];
        let request = ElectLeadersRequest {
            election_type,
            topic_partitions: Some(topics),
            timeout_ms: 30_000,
        };
        for version in [1, 2] {
            asker.ask(question, &request, version);
        }
    }
    for (question, feature, level, upgrade_type) in [
        ("an unknown one", "nothing", 1, 1),
        ("beyond what is known", "metadata.version", 999, 1),
        ("below what it has", "metadata.version", 20, 1),
        ("as it is", "group.version", 1, 1),
        ("an unsafe step down", "group.version", 0, 3),
        ("an unknown type", "group.version", 1, 9),
    ] {
        let update = FeatureUpdateKey {
            feature: feature.into(),
            max_version_level: level,
            upgrade_type,
            ..Default::default()
        };
        let request = UpdateFeaturesRequest {
            timeout_ms: 30_000,
            feature_updates: vec![update],
            validate_only: true,
        };
        for version in [1, 2] {
            asker.ask(question, &request, version);
        }
    }
}
