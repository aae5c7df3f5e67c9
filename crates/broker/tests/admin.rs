//! Topics, features and ids over the wire, and that they are there after a restart.

mod common;

use common::{Client, Server};
use std::collections::BTreeSet;
use types::{ErrorCode, TopicId};
use wire::create_partitions_request::CreatePartitionsTopic;
use wire::create_topics_request::{CreatableTopic, CreatableTopicConfig};
use wire::create_topics_response::CreatableTopicResult;
use wire::delete_topics_request::DeleteTopicState;
use wire::describe_topic_partitions_request::{Cursor, TopicRequest};
use wire::update_features_request::FeatureUpdateKey;
use wire::{
    ApiVersionsRequest, CreatePartitionsRequest, CreateTopicsRequest, DeleteTopicsRequest,
    DescribeClusterRequest, DescribeTopicPartitionsRequest, ElectLeadersRequest,
    InitProducerIdRequest, UpdateFeaturesRequest,
};

const SOURCE_TOPIC: i8 = 1;
const SOURCE_DEFAULT: i8 = 5;

fn topic(name: &str, partitions: i32) -> CreatableTopic<'static> {
    CreatableTopic {
        name: name.to_owned().into(),
        num_partitions: partitions,
        replication_factor: -1,
        ..CreatableTopic::default()
    }
}

async fn create(
    client: &mut Client,
    topic: CreatableTopic<'static>,
    validate_only: bool,
) -> CreatableTopicResult<'static> {
    let request = CreateTopicsRequest { topics: vec![topic], timeout_ms: 5_000, validate_only };
    client.call(&request, 7).await.topics.remove(0)
}

async fn names(client: &mut Client) -> Vec<String> {
    let request = DescribeTopicPartitionsRequest {
        response_partition_limit: 1000,
        ..DescribeTopicPartitionsRequest::default()
    };
    let response = client.call(&request, 0).await;
    response.topics.into_iter().filter_map(|topic| topic.name).map(Into::into).collect()
}

#[tokio::test]
async fn a_topic_lives_from_its_creation_to_its_deletion() {
    let server = Server::start().await;
    let mut client = server.connect().await;
    let config = CreatableTopicConfig { name: "retention.ms".into(), value: Some("1000".into()) };
    let wanted = CreatableTopic { configs: vec![config], ..topic("flights", 3) };

    let dry = create(&mut client, wanted.clone(), true).await;
    assert_eq!((dry.error_code, dry.num_partitions), (0, 3));
    assert!(names(&mut client).await.is_empty(), "validate_only created");

    let created = create(&mut client, wanted.clone(), false).await;
    assert_eq!((created.error_code, created.num_partitions, created.replication_factor), (0, 3, 1));
    assert_ne!(created.topic_id, TopicId::ZERO);
    let configs = created.configs.expect("v5 and later report configs");
    let source = |name: &str| {
        let config = configs.iter().find(|config| config.name == name).expect("every key");
        (config.value.as_deref().unwrap_or("-"), config.config_source)
    };
    assert_eq!(source("retention.ms"), ("1000", SOURCE_TOPIC));
    assert_eq!(source("cleanup.policy"), ("delete", SOURCE_DEFAULT));
    let again = create(&mut client, wanted, false).await;
    assert_eq!(again.error_code, ErrorCode::TopicAlreadyExists.code());

    let server = server.restart(&[]).await;
    let mut client = server.connect().await;
    assert_eq!(names(&mut client).await, ["flights"]);
    let state = DeleteTopicState { name: None, topic_id: created.topic_id };
    let request = DeleteTopicsRequest { topics: vec![state], ..Default::default() };
    let deleted = client.call(&request, 6).await;
    assert_eq!(deleted.responses[0].error_code, 0);
    assert_eq!(deleted.responses[0].name.as_deref(), Some("flights"));
    assert!(names(&mut client).await.is_empty());
    server.stop().await;
}

#[tokio::test]
async fn topics_grow_and_leaders_stay() {
    let server = Server::start().await;
    let mut client = server.connect().await;
    create(&mut client, topic("t", 1), false).await;
    let wanted = CreatePartitionsTopic { name: "t".into(), count: 4, assignments: None };
    let request = CreatePartitionsRequest { topics: vec![wanted], ..Default::default() };
    assert_eq!(client.call(&request, 3).await.results[0].error_code, 0);
    let again = client.call(&request, 3).await;
    assert_eq!(again.results[0].error_code, ErrorCode::InvalidPartitions.code());
    let request = ElectLeadersRequest {
        topic_partitions: Some(vec![wire::elect_leaders_request::TopicPartitions {
            topic: "t".into(),
            partitions: vec![0, 3, 9],
        }]),
        ..ElectLeadersRequest::default()
    };
    let elected = client.call(&request, 2).await;
    let codes: Vec<_> = elected.replica_election_results[0]
        .partition_result
        .iter()
        .map(|partition| ErrorCode::from_wire(partition.error_code))
        .collect();
    use ErrorCode as E;
    assert_eq!(codes, [E::ElectionNotNeeded, E::ElectionNotNeeded, E::UnknownTopicOrPartition]);
    server.stop().await;
}

#[tokio::test]
async fn topics_are_described_page_by_page() {
    let server = Server::start().await;
    let mut client = server.connect().await;
    for (name, partitions) in [("a", 3), ("b", 1), ("c", 4)] {
        create(&mut client, topic(name, partitions), false).await;
    }
    let mut seen = Vec::new();
    let mut cursor = None;
    loop {
        let request = DescribeTopicPartitionsRequest {
            response_partition_limit: 2,
            cursor,
            ..DescribeTopicPartitionsRequest::default()
        };
        let page = client.call(&request, 0).await;
        let partitions: usize = page.topics.iter().map(|topic| topic.partitions.len()).sum();
        assert!(partitions <= 2, "{page:?}");
        for topic in &page.topics {
            let name = topic.name.clone().expect("a name");
            seen.extend(topic.partitions.iter().map(|p| format!("{name}-{}", p.partition_index)));
        }
        let Some(next) = page.next_cursor else { break };
        cursor =
            Some(Cursor { topic_name: next.topic_name, partition_index: next.partition_index });
    }
    assert_eq!(seen, ["a-0", "a-1", "a-2", "b-0", "c-0", "c-1", "c-2", "c-3"]);

    let asked = ["b", "nowhere", "no/name"].map(|name| TopicRequest { name: name.into() });
    let request = DescribeTopicPartitionsRequest {
        topics: asked.to_vec(),
        response_partition_limit: 100,
        cursor: None,
    };
    let found = client.call(&request, 0).await;
    let codes: Vec<_> = found.topics.iter().map(|t| ErrorCode::from_wire(t.error_code)).collect();
    use ErrorCode as E;
    assert_eq!(codes, [E::None, E::InvalidTopicException, E::UnknownTopicOrPartition]);
    server.stop().await;
}

#[tokio::test]
async fn producer_ids_are_never_given_twice() {
    let server = Server::start().await;
    let mut client = server.connect().await;
    let request = InitProducerIdRequest {
        transactional_id: None,
        transaction_timeout_ms: i32::MAX,
        producer_id: -1,
        producer_epoch: -1,
        ..InitProducerIdRequest::default()
    };
    let mut ids = BTreeSet::new();
    for _ in 0..3 {
        let reply = client.call(&request, 5).await;
        assert_eq!((reply.error_code, reply.producer_epoch), (0, 0));
        assert!(ids.insert(reply.producer_id));
    }
    let server = server.restart(&[]).await;
    let mut client = server.connect().await;
    let reply = client.call(&request, 5).await;
    assert!(ids.insert(reply.producer_id), "{} again", reply.producer_id);
    let named = InitProducerIdRequest { transactional_id: Some("".into()), ..request };
    let refused = client.call(&named, 5).await;
    assert_eq!(refused.error_code, ErrorCode::InvalidRequest.code());
    server.stop().await;
}

#[tokio::test]
async fn the_cluster_is_described_by_kind_of_endpoint() {
    let server = Server::start().await;
    let mut client = server.connect().await;
    let request = |endpoint_type| DescribeClusterRequest { endpoint_type, ..Default::default() };
    let brokers = client.call(&request(1), 1).await;
    assert_eq!(brokers.error_code, 0);
    assert_eq!(brokers.brokers.len(), 1);
    assert_eq!(brokers.controller_id, brokers.brokers[0].broker_id);
    assert_eq!(u16::try_from(brokers.brokers[0].port).unwrap(), server.address().port());
    let controllers = client.call(&request(2), 1).await;
    assert_eq!(controllers.error_code, ErrorCode::MismatchedEndpointType.code());
    let unknown = client.call(&request(7), 1).await;
    assert_eq!(unknown.error_code, ErrorCode::UnsupportedEndpointType.code());
    server.stop().await;
}

#[tokio::test]
async fn finalized_features_have_the_quorums_among_them() {
    let server = Server::start().await;
    let mut client = server.connect().await;
    let request = ApiVersionsRequest {
        client_software_name: "test".into(),
        client_software_version: "1".into(),
        cluster_id: None,
        node_id: -1,
    };
    let response = client.call(&request, 4).await;
    let level = |name: &str| {
        let mut features = response.finalized_features.iter();
        features.find(|feature| feature.name == name).map(|feature| feature.max_version_level)
    };
    assert_eq!(level("kraft.version"), Some(1), "a fresh directory knows its voter");
    assert_eq!(level("metadata.version"), Some(33));
    server.stop().await;
}

#[tokio::test]
async fn features_are_updated_all_or_none() {
    let server = Server::start().await;
    let mut client = server.connect().await;
    let update = |feature: &'static str, level, upgrade_type| FeatureUpdateKey {
        feature: feature.into(),
        max_version_level: level,
        upgrade_type,
        ..FeatureUpdateKey::default()
    };
    let request = UpdateFeaturesRequest {
        feature_updates: vec![update("group.version", 0, 2), update("share.version", 9, 1)],
        ..UpdateFeaturesRequest::default()
    };
    let refused = client.call(&request, 2).await;
    assert_eq!(refused.error_code, ErrorCode::InvalidUpdateVersion.code());
    let request = UpdateFeaturesRequest {
        feature_updates: vec![update("group.version", 0, 2)],
        ..UpdateFeaturesRequest::default()
    };
    assert_eq!(client.call(&request, 2).await.error_code, 0);
    server.stop().await;
}
