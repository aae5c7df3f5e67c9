//! Topics: made, changed, shown and deleted, and everything that is refused on the way.

use super::asker::Asker;
use types::{TopicId, Uuid};
use wire::create_partitions_request::{CreatePartitionsAssignment, CreatePartitionsTopic};
use wire::create_topics_request::{
    CreatableReplicaAssignment, CreatableTopic, CreatableTopicConfig,
};
use wire::delete_topics_request::DeleteTopicState;
use wire::describe_topic_partitions_request::{Cursor, TopicRequest};
use wire::metadata_request::MetadataRequestTopic;
use wire::{
    CreatePartitionsRequest, CreateTopicsRequest, DeleteTopicsRequest,
    DescribeTopicPartitionsRequest, MetadataRequest,
};

const UNKNOWN_ID: TopicId = Uuid([9; 16]);

pub fn ask(asker: &mut Asker) {
    let id = asker.create("kept", 2);
    asker.create("a.b", 1);
    metadata(asker, id);
    create(asker);
    create_partitions(asker);
    describe(asker);
    delete(asker, id);
}

fn metadata(asker: &mut Asker, id: TopicId) {
    let named = |name: Option<&'static str>, id| MetadataRequestTopic {
        topic_id: id,
        name: name.map(Into::into),
    };
    let invalid = "x".repeat(250);
    let questions = [
        ("none", 1..=13, Some(vec![])),
        ("a known one", 0..=13, Some(vec![named(Some("kept"), Uuid::ZERO)])),
        ("an unknown one", 4..=13, Some(vec![named(Some("nothing"), Uuid::ZERO)])),
        ("an invalid one", 4..=13, Some(vec![named(Some("a b"), Uuid::ZERO)])),
        ("an empty one", 4..=13, Some(vec![named(Some(""), Uuid::ZERO)])),
        ("a known id", 12..=13, Some(vec![named(None, id)])),
        ("an unknown id", 12..=13, Some(vec![named(None, UNKNOWN_ID)])),
        ("both ids", 12..=13, Some(vec![named(None, id), named(None, UNKNOWN_ID)])),
    ];
    for (question, versions, topics) in questions {
        for version in versions {
            let request = MetadataRequest {
                topics: topics.clone(),
                allow_auto_topic_creation: version < 4,
                include_topic_authorized_operations: version % 2 == 0 && version >= 8,
                ..MetadataRequest::default()
            };
            asker.ask(question, &request, version);
        }
    }
    let long = MetadataRequestTopic { name: Some(invalid.into()), ..Default::default() };
    let request = MetadataRequest {
        topics: Some(vec![long]),
        allow_auto_topic_creation: true,
        ..MetadataRequest::default()
    };
    asker.ask("a name that is too long", &request, 12);
}

fn topic(name: &str, partitions: i32, factor: i16) -> CreatableTopic<'static> {
    CreatableTopic {
        name: name.to_owned().into(),
        num_partitions: partitions,
        replication_factor: factor,
        ..CreatableTopic::default()
    }
}

fn assigned(name: &str, assignments: &[(i32, &[i32])]) -> CreatableTopic<'static> {
    let assignment = |(index, brokers): &(i32, &[i32])| CreatableReplicaAssignment {
        partition_index: *index,
        broker_ids: brokers.to_vec(),
    };
    let assignments = assignments.iter().map(assignment).collect();
    CreatableTopic { assignments, ..topic(name, -1, -1) }
}

fn configured(name: &'static str, value: Option<&'static str>) -> CreatableTopic<'static> {
    let config = CreatableTopicConfig { name: name.into(), value: value.map(Into::into) };
    CreatableTopic { configs: vec![config], ..topic("new", 1, 1) }
}

fn create(asker: &mut Asker) {
    let long = "x".repeat(250);
    let questions = [
        ("one that is there", vec![topic("kept", 1, 1)]),
        ("the same twice", vec![topic("new", 1, 1), topic("new", 1, 1)]),
        ("a name that collides", vec![topic("a_b", 1, 1)]),
        ("no name", vec![topic("", 1, 1)]),
        ("a dot", vec![topic(".", 1, 1)]),
        ("two dots", vec![topic("..", 1, 1)]),
        ("a space", vec![topic("a b", 1, 1)]),
        ("a long name", vec![topic(&long, 1, 1)]),
        ("the metadata's name", vec![topic("__cluster_metadata", 1, 1)]),
        ("no partitions", vec![topic("new", 0, 1)]),
        ("less than no partitions", vec![topic("new", -2, 1)]),
        ("no replicas", vec![topic("new", 1, 0)]),
        ("less than no replicas", vec![topic("new", 1, -2)]),
        ("too many replicas", vec![topic("new", 1, 2)]),
        ("two wrongs", vec![topic("new", 0, 5)]),
        ("defaults", vec![topic("new", -1, -1)]),
        ("an assignment", vec![assigned("new", &[(0, &[1]), (1, &[1])])]),
        ("an assignment to nobody", vec![assigned("new", &[(0, &[])])]),
        ("an unknown broker", vec![assigned("new", &[(0, &[7])])]),
        ("a broker twice", vec![assigned("new", &[(0, &[1, 1])])]),
        ("a gap", vec![assigned("new", &[(0, &[1]), (2, &[1])])]),
        ("a partition twice", vec![assigned("new", &[(0, &[1]), (0, &[1])])]),
        ("a partition below 0", vec![assigned("new", &[(-1, &[1])])]),
        ("unequal assignments", vec![assigned("new", &[(0, &[1]), (1, &[])])]),
        (
            "an assignment and a count",
            vec![CreatableTopic {
                num_partitions: 1,
                replication_factor: 1,
                ..assigned("new", &[(0, &[1])])
            }],
        ),
        ("a config", vec![configured("segment.ms", Some("5000"))]),
        ("a null config", vec![configured("segment.ms", None)]),
        ("an unknown config", vec![configured("segment.mms", Some("5"))]),
        ("one right and one wrong", vec![topic("new", 1, 1), topic("a b", 1, 1)]),
        ("nothing", vec![]),
    ];
    for (question, topics) in questions {
        for version in [2, 4, 5, 7] {
            let request = CreateTopicsRequest {
                topics: topics.clone(),
                timeout_ms: 30_000,
                validate_only: true,
            };
            asker.ask(question, &request, version);
        }
    }
}

fn create_partitions(asker: &mut Asker) {
    let to = |name: &'static str, count, brokers: Option<&[&[i32]]>| CreatePartitionsTopic {
        name: name.into(),
        count,
        assignments: brokers.map(|all| {
            all.iter().map(|ids| CreatePartitionsAssignment { broker_ids: ids.to_vec() }).collect()
        }),
    };
    for (question, topics) in [
        ("fewer", vec![to("kept", 1, None)]),
        ("as many", vec![to("kept", 2, None)]),
        ("more", vec![to("kept", 3, None)]),
        ("none", vec![to("kept", 0, None)]),
        ("of nothing", vec![to("nothing", 3, None)]),
        ("of the same twice", vec![to("kept", 3, None), to("kept", 4, None)]),
        ("with an assignment", vec![to("kept", 3, Some(&[&[1]]))]),
        ("with too many assignments", vec![to("kept", 3, Some(&[&[1], &[1]]))]),
        ("with no assignment", vec![to("kept", 3, Some(&[]))]),
        ("with an empty assignment", vec![to("kept", 3, Some(&[&[]]))]),
        ("with an unknown broker", vec![to("kept", 3, Some(&[&[7]]))]),
        ("with too many brokers", vec![to("kept", 3, Some(&[&[1, 1]]))]),
    ] {
        let request = CreatePartitionsRequest { topics, timeout_ms: 30_000, validate_only: true };
        asker.ask(question, &request, 3);
    }
}

fn describe(asker: &mut Asker) {
    type Question = (&'static str, &'static [&'static str], i32, Option<(&'static str, i32)>);
    let questions: [Question; 9] = [
        ("all", &[], 2000, None),
        ("some", &["kept", "nothing", "a b"], 2000, None),
        ("a page of one", &[], 1, None),
        ("from a cursor", &[], 2000, Some(("kept", 1))),
        ("from a cursor behind", &[], 2000, Some(("z", 0))),
        ("from a cursor on nothing", &["kept"], 2000, Some(("b", 0))),
        ("from below 0", &[], 2000, Some(("kept", -1))),
        ("a page of none", &[], 0, None),
        ("the same twice", &["kept", "kept"], 2000, None),
    ];
    for (question, names, limit, cursor) in questions {
        let request = DescribeTopicPartitionsRequest {
            topics: names.iter().map(|name| TopicRequest { name: (*name).into() }).collect(),
            response_partition_limit: limit,
            cursor: cursor
                .map(|(name, index)| Cursor { topic_name: name.into(), partition_index: index }),
        };
        asker.ask(question, &request, 0);
    }
}

fn delete(asker: &mut Asker, id: TopicId) {
    let of = |name: Option<&'static str>, topic_id| DeleteTopicState {
        name: name.map(Into::into),
        topic_id,
    };
    for (question, topics) in [
        ("nothing", vec![of(Some("nothing"), Uuid::ZERO)]),
        ("an unknown id", vec![of(None, UNKNOWN_ID)]),
        ("neither", vec![of(None, Uuid::ZERO)]),
        ("both", vec![of(Some("kept"), id)]),
        ("a name twice", vec![of(Some("kept"), Uuid::ZERO), of(Some("kept"), Uuid::ZERO)]),
        ("name and id of one", vec![of(Some("kept"), Uuid::ZERO), of(None, id)]),
        ("an invalid name", vec![of(Some("a b"), Uuid::ZERO)]),
    ] {
        let request = DeleteTopicsRequest { topics, timeout_ms: 30_000, ..Default::default() };
        asker.ask(question, &request, 6);
    }
    for version in [1, 3, 4, 5] {
        let topic_names = vec!["nothing".into(), "nothing".into()];
        let request = DeleteTopicsRequest { topic_names, timeout_ms: 30_000, ..Default::default() };
        asker.ask("an unknown name twice", &request, version);
    }
    let topics = vec![of(None, id)];
    let request = DeleteTopicsRequest { topics, timeout_ms: 30_000, ..Default::default() };
    asker.ask("by id", &request, 6);
    asker.await_gone("kept");
    asker.ask("by an id that is gone", &request, 6);
}
