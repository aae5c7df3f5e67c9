//! Topics are created, grown and deleted by Kafka's rules, item by item.

mod cluster;

use std::time::Instant;

use cluster::Cluster;
use metadata::decide::{CreatePartitions, CreateTopics, DeleteTopics};
use metadata::image::{Changes, TopicChange};
use types::{ErrorCode, NodeId, TopicId, Uuid};
use wire::create_partitions_request::{
    CreatePartitionsAssignment, CreatePartitionsRequest, CreatePartitionsTopic,
};
use wire::create_topics_request::{
    CreatableReplicaAssignment, CreatableTopic, CreatableTopicConfig, CreateTopicsRequest,
};
use wire::delete_topics_request::{DeleteTopicState, DeleteTopicsRequest};

fn topic(name: &str, partitions: i32, factor: i16) -> CreatableTopic<'static> {
    CreatableTopic {
        name: name.to_owned().into(),
        num_partitions: partitions,
        replication_factor: factor,
        ..CreatableTopic::default()
    }
}

fn with_config(
    name: &str,
    key: &'static str,
    value: Option<&'static str>,
) -> CreatableTopic<'static> {
    let config = CreatableTopicConfig { name: key.into(), value: value.map(Into::into) };
    CreatableTopic { configs: vec![config], ..topic(name, -1, -1) }
}

fn assigned(name: &str, lists: &[(i32, &[i32])]) -> CreatableTopic<'static> {
    let assignments = lists.iter().map(|(index, ids)| CreatableReplicaAssignment {
        partition_index: *index,
        broker_ids: ids.to_vec(),
    });
    CreatableTopic { assignments: assignments.collect(), ..topic(name, -1, -1) }
}

fn create(topics: Vec<CreatableTopic<'static>>) -> CreateTopics<'static> {
    CreateTopics(CreateTopicsRequest { topics, ..CreateTopicsRequest::default() })
}

fn delete(topics: &[(Option<&'static str>, TopicId)]) -> DeleteTopics<'static> {
    let state = |(name, topic_id): &(Option<&'static str>, TopicId)| DeleteTopicState {
        name: name.map(Into::into),
        topic_id: *topic_id,
    };
    let topics = topics.iter().map(state).collect();
    DeleteTopics(DeleteTopicsRequest { topics, ..DeleteTopicsRequest::default() })
}

/// Runs a create of one topic on two brokers with the topics `taken` and `with.dot`.
#[track_caller]
fn check_create(topic: CreatableTopic<'static>, expected: ErrorCode, message: &str) {
    let mut cluster = Cluster::of(2);
    cluster.run(&create(vec![self::topic("taken", 1, 1), self::topic("with.dot", 1, 1)]));
    let before = cluster.image().clone();
    let mut dry = create(vec![topic.clone()]);
    dry.0.validate_only = true;
    let validated = cluster.run(&dry);
    assert_eq!(*cluster.image(), before, "validate_only wrote");
    let reply = cluster.run(&create(vec![topic]));
    let result = &reply.topics[0];
    assert_eq!(ErrorCode::from_wire(result.error_code), expected);
    assert_eq!(result.error_message.as_deref().unwrap_or_default(), message);
    assert_eq!(validated.topics[0].error_code, result.error_code, "validate_only differs");
    assert_eq!(cluster.image().topics().len() == 3, expected == ErrorCode::None);
}

#[test]
fn each_topic_is_judged_by_kafkas_rules() {
    use ErrorCode as E;
    check_create(topic("fresh", 3, 2), E::None, "");
    check_create(topic("fresh", -1, -1), E::None, "");
    check_create(assigned("fresh", &[(1, &[2, 1]), (0, &[1, 2])]), E::None, "");
    check_create(with_config("fresh", "retention.ms", Some("1000")), E::None, "");
    check_create(topic("taken", 1, 1), E::TopicAlreadyExists, "Topic 'taken' already exists.");
    check_create(
        topic("with_dot", 1, 1),
        E::InvalidTopicException,
        "Topic 'with_dot' collides with existing topic: with.dot",
    );
    check_create(
        topic("", 1, 1),
        E::InvalidTopicException,
        "Topic name is invalid: the empty string is not allowed",
    );
    check_create(
        topic("__cluster_metadata", 1, 1),
        E::InvalidRequest,
        "Creation of internal topic __cluster_metadata is prohibited.",
    );
    let partitions = "Number of partitions was set to an invalid non-positive value.";
    check_create(topic("fresh", 0, 1), E::InvalidPartitions, partitions);
    check_create(topic("fresh", -2, 1), E::InvalidPartitions, partitions);
    let factor = "Replication factor must be larger than 0, or -1 to use the default value.";
    check_create(topic("fresh", 1, 0), E::InvalidReplicationFactor, factor);
    check_create(
        topic("fresh", 1, 3),
        E::InvalidReplicationFactor,
        "Unable to replicate the partition 3 time(s): The target replication factor of 3 cannot \
         be reached because only 2 broker(s) are registered or some brokers have all their log \
         directories cordoned.",
    );
    check_create(
        topic("fresh", 10_001, 1),
        E::PolicyViolation,
        "Excessively large number of partitions per request.",
    );
}

/// The seeds of decisions in a row differ by one, as the places of topics in a request do.
#[test]
fn topics_of_neighbouring_requests_have_ids_of_their_own() {
    let mut cluster = Cluster::of(1);
    let mut ids = std::collections::BTreeSet::new();
    for request in 0..64 {
        let topics = (0..1 + request % 4).map(|n| topic(&format!("t{request}-{n}"), 1, 1));
        let reply = cluster.run(&create(topics.collect()));
        assert!(reply.topics.iter().all(|topic| topic.error_code == 0), "{reply:?}");
        for topic in &reply.topics {
            assert!(ids.insert(topic.topic_id), "{} has the id of another", topic.name);
        }
    }
    assert_eq!(cluster.image().topics().len(), ids.len());
}

#[test]
fn a_request_for_too_many_partitions_gets_none_of_them() {
    let mut cluster = Cluster::of(1);
    let mut create = |counts: [i32; 2]| {
        let named = |(name, count): (&'static str, i32)| topic(name, count, 1);
        let topics = ["a", "b"].into_iter().zip(counts).map(named).collect();
        let request = CreateTopicsRequest { topics, ..Default::default() };
        let reply = cluster.run(&CreateTopics(request));
        reply.topics.iter().map(|t| ErrorCode::from_wire(t.error_code)).collect::<Vec<_>>()
    };
    assert_eq!(create([1, 10_000]), [ErrorCode::PolicyViolation; 2]);
    assert_eq!(create([1, -2]), [ErrorCode::None, ErrorCode::InvalidPartitions]);
    assert_eq!(create([9_000, 1_000]), [ErrorCode::TopicAlreadyExists, ErrorCode::None]);
    let mut grow = |counts: [i32; 2]| {
        let named = |(name, count): (&'static str, i32)| CreatePartitionsTopic {
            name: name.into(),
            count,
            assignments: None,
        };
        let topics = ["a", "b"].into_iter().zip(counts).map(named).collect();
        let request = CreatePartitionsRequest { topics, ..Default::default() };
        let reply = cluster.run(&CreatePartitions(request));
        reply.results.iter().map(|t| ErrorCode::from_wire(t.error_code)).collect::<Vec<_>>()
    };
    assert_eq!(grow([2, 11_001]), [ErrorCode::PolicyViolation; 2]);
    assert_eq!(grow([2, 11_000 - 1]), [ErrorCode::None; 2]);
}

#[test]
fn assignments_and_configs_are_checked_too() {
    use ErrorCode as E;
    let both = CreatableTopic { num_partitions: 2, ..assigned("fresh", &[(0, &[1])]) };
    check_create(
        both,
        E::InvalidRequest,
        "A manual partition assignment was specified, but numPartitions was not set to -1.",
    );
    check_create(
        assigned("fresh", &[(0, &[1]), (2, &[1])]),
        E::InvalidReplicaAssignment,
        "partitions should be a consecutive 0-based integer sequence",
    );
    check_create(
        assigned("fresh", &[(0, &[1, 1])]),
        E::InvalidReplicaAssignment,
        "The manual partition assignment includes the broker 1 more than once.",
    );
    check_create(
        assigned("fresh", &[(0, &[9])]),
        E::InvalidReplicaAssignment,
        "The manual partition assignment includes broker 9, but no such broker is registered.",
    );
    check_create(
        assigned("fresh", &[(0, &[1]), (1, &[1, 2])]),
        E::InvalidReplicaAssignment,
        "The manual partition assignment includes a partition with 2 replica(s), but this is not \
         consistent with previous partitions, which have 1 replica(s).",
    );
    check_create(
        with_config("fresh", "no.such.key", Some("1")),
        E::InvalidConfig,
        "Unknown topic config name: no.such.key",
    );
    check_create(
        with_config("fresh", "retention.ms", None),
        E::InvalidConfig,
        "Null value not supported for topic configs: retention.ms",
    );
    let bad = create(vec![with_config("fresh", "cleanup.policy", Some("shred"))]);
    assert_eq!(Cluster::of(1).run(&bad).topics[0].error_code, E::InvalidConfig.code());
}

#[test]
fn a_name_that_stands_twice_is_refused_once_and_others_live() {
    let mut cluster = Cluster::of(1);
    let request = create(vec![topic("a", 1, 1), topic("b", 1, 1), topic("a", 2, 1)]);
    let reply = cluster.run(&request);
    let codes: Vec<_> = reply.topics.iter().map(|t| (&*t.name, t.error_code)).collect();
    assert_eq!(codes, [("a", ErrorCode::InvalidRequest.code()), ("b", 0)]);
    assert!(cluster.image().topics().named("a").is_none());
}

#[test]
fn a_created_topic_is_led_and_placed() {
    let mut cluster = Cluster::of(3);
    let reply = cluster.run(&create(vec![topic("t", 6, 3)]));
    let created = cluster.image().topics().named("t").expect("created").clone();
    assert_eq!(reply.topics[0].topic_id, created.id);
    assert_eq!((reply.topics[0].num_partitions, reply.topics[0].replication_factor), (6, 3));
    assert_eq!(created.partitions.len(), 6);
    for state in created.partitions.values() {
        assert_eq!(state.isr, state.replicas);
        assert_eq!(state.leader, state.replicas[0]);
        for (replica, directory) in state.replicas.iter().zip(state.directories.iter()) {
            assert_eq!(*directory, Uuid([u8::try_from(replica.0).unwrap() + 100; 16]));
        }
    }
    assert_ne!(created.partitions[&0].leader, NodeId::NONE);
}

#[test]
fn topics_are_deleted_by_name_and_by_id_once() {
    let mut cluster = Cluster::of(1);
    cluster.run(&create(["a", "b", "c", "d"].map(|name| topic(name, 1, 1)).to_vec()));
    let id = |cluster: &Cluster, name| cluster.image().topics().named(name).unwrap().id;
    let (b, d) = (id(&cluster, "b"), id(&cluster, "d"));
    let none = TopicId::ZERO;
    let reply = cluster.run(&delete(&[
        (Some("a"), none),
        (None, b),
        (Some("nowhere"), none),
        (None, Uuid([9; 16])),
        (None, none),
        (Some("c"), none),
        (Some("c"), none),
        (Some("d"), none),
        (None, d),
        (Some("x"), d),
    ]));
    let outcome: Vec<_> = reply
        .responses
        .iter()
        .map(|r| (r.name.as_deref().unwrap_or("-"), ErrorCode::from_wire(r.error_code)))
        .collect();
    use ErrorCode as E;
    assert_eq!(
        outcome,
        [
            ("a", E::None),
            ("b", E::None),
            ("nowhere", E::UnknownTopicOrPartition),
            ("-", E::UnknownTopicId),
            ("-", E::InvalidRequest),
            ("c", E::InvalidRequest),
            ("d", E::InvalidRequest),
            ("x", E::InvalidRequest),
        ]
    );
    let left: Vec<_> = cluster.image().topics().iter().map(|t| t.name.to_string()).collect();
    assert_eq!(left, ["c", "d"], "Apache Kafka keeps what is named twice");
}

#[test]
fn deleting_takes_the_configs_along() {
    let mut cluster = Cluster::of(1);
    cluster.run(&create(vec![with_config("t", "retention.ms", Some("5"))]));
    assert_eq!(cluster.image().configs().iter().count(), 1);
    let before = cluster.image().clone();
    cluster.run(&delete(&[(Some("t"), TopicId::ZERO)]));
    assert_eq!(cluster.image().configs().iter().count(), 0);
    let changes = Changes::between(&before, cluster.image());
    assert!(matches!(changes.topics.values().next(), Some(TopicChange::Deleted(_))));
    assert!(changes.configs.is_empty());
}

#[test]
fn topics_grow_and_never_shrink() {
    let mut cluster = Cluster::of(2);
    cluster.run(&create(vec![topic("t", 2, 1), topic("u", 1, 2)]));
    let mut grow = |name: &'static str, count, lists: Option<&[&[i32]]>| {
        let assignments = lists.map(|lists| {
            lists
                .iter()
                .map(|ids| CreatePartitionsAssignment { broker_ids: ids.to_vec() })
                .collect()
        });
        let topics = vec![CreatePartitionsTopic { name: name.into(), count, assignments }];
        let request = CreatePartitionsRequest { topics, ..Default::default() };
        ErrorCode::from_wire(cluster.run(&CreatePartitions(request)).results[0].error_code)
    };
    use ErrorCode as E;
    assert_eq!(grow("t", 2, None), E::InvalidPartitions);
    assert_eq!(grow("t", 1, None), E::InvalidPartitions);
    assert_eq!(grow("t", 20_000, None), E::PolicyViolation);
    assert_eq!(grow("nowhere", 3, None), E::UnknownTopicOrPartition);
    assert_eq!(grow("t", 4, Some(&[&[1]])), E::InvalidReplicaAssignment);
    assert_eq!(grow("t", 3, Some(&[&[1, 2]])), E::InvalidReplicaAssignment);
    assert_eq!(grow("t", 4, Some(&[&[2], &[1]])), E::None);
    assert_eq!(grow("u", 3, None), E::None);
    let image = cluster.image();
    assert_eq!(image.partition("t", 2).unwrap().replicas[..], [NodeId(2)]);
    assert_eq!(image.partition("t", 3).unwrap().replicas[..], [NodeId(1)]);
    assert_eq!(image.topics().named("u").unwrap().partitions.len(), 3);
}

#[test]
fn five_thousand_partitions_are_decided_in_one_batch() {
    let mut cluster = Cluster::of(1);
    let command = create(vec![topic("wide", 5_000, 1)]);
    let start = cluster.log.len();
    #[allow(clippy::disallowed_methods, reason = "prints a measurement, decides nothing")]
    let now = Instant::now();
    let (records, _) = cluster.decide(&command);
    for (offset, record) in records.iter().enumerate() {
        let offset = types::Offset(i64::try_from(start + offset).unwrap());
        cluster.replay.apply(offset, types::LeaderEpoch(1), record);
    }
    let published = cluster.replay.publish();
    println!("5,000 partitions decided and applied in {:?}", now.elapsed());
    assert_eq!(published.topics().named("wide").unwrap().partitions.len(), 5_000);
    assert_eq!(records.len(), 5_001);
}

#[test]
fn brokers_whose_directories_are_cordoned_get_no_replicas() {
    let mut cluster = Cluster::of(2);
    cluster.beat_with(1, true, |request| {
        request.cordoned_log_dirs = Some(vec![Uuid([101; 16])]);
    });
    let reply = cluster.run(&create(vec![topic("one", 4, 1), topic("two", 1, 2)]));
    let codes: Vec<_> = reply.topics.iter().map(|t| ErrorCode::from_wire(t.error_code)).collect();
    assert_eq!(codes, [ErrorCode::None, ErrorCode::InvalidReplicationFactor]);
    assert!((0..4).all(|index| cluster.replicas("one", index) == [2]));
}

#[test]
fn a_topic_that_comes_again_is_another_one() {
    let mut cluster = Cluster::of(2);
    cluster.place("t", &[&[1, 2]]);
    cluster.fence(1);
    assert_eq!(cluster.show("t", 0), "2@1 isr 2");
    let first = cluster.image().topics().named("t").expect("created").id;
    cluster.run(&delete(&[(Some("t"), TopicId::ZERO)]));
    cluster.place("t", &[&[2, 1]]);
    assert_eq!(cluster.show("t", 0), "2@0 isr 2", "epochs start anew: the id tells them apart");
    assert_ne!(cluster.image().topics().named("t").expect("created").id, first);
    assert!(cluster.image().topics().get(first).is_none());
}
