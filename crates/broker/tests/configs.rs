//! Configs through the wire: altered, described, listed, and in effect before the answer.

mod common;

use common::{Client, Server};
use types::ErrorCode;
use wire::describe_configs_request::DescribeConfigsResource;
use wire::describe_configs_response::DescribeConfigsResult;
use wire::incremental_alter_configs_request::{AlterConfigsResource, AlterableConfig};
use wire::{
    AlterConfigsRequest, DescribeConfigsRequest, IncrementalAlterConfigsRequest,
    ListConfigResourcesRequest, alter_configs_request,
};

const TOPIC: i8 = 2;
const BROKER: i8 = 4;
const LOGGER: i8 = 8;
const METRICS: i8 = 16;
const GROUP: i8 = 32;
const SET: i8 = 0;
const DELETE: i8 = 1;
const APPEND: i8 = 2;

async fn describe(client: &mut Client, kind: i8, name: &str) -> DescribeConfigsResult<'static> {
    let resource = DescribeConfigsResource {
        resource_type: kind,
        resource_name: name.to_owned().into(),
        configuration_keys: None,
    };
    let request = DescribeConfigsRequest {
        resources: vec![resource],
        include_synonyms: true,
        include_documentation: true,
    };
    let mut response = client.call(&request, 4).await;
    response.results.remove(0)
}

/// Value and source of a key.
fn value(result: &DescribeConfigsResult<'_>, key: &str) -> (Option<String>, i8) {
    let config = result.configs.iter().find(|config| config.name == key).expect(key);
    (config.value.as_ref().map(ToString::to_string), config.config_source)
}

async fn alter(
    client: &mut Client,
    kind: i8,
    name: &str,
    key: &str,
    operation: i8,
    value: &str,
) -> (i16, String) {
    let config = AlterableConfig {
        name: key.to_owned().into(),
        config_operation: operation,
        value: Some(value.to_owned().into()),
    };
    let resource = AlterConfigsResource {
        resource_type: kind,
        resource_name: name.to_owned().into(),
        configs: vec![config],
    };
    let request =
        IncrementalAlterConfigsRequest { resources: vec![resource], validate_only: false };
    let response = client.call(&request, 1).await;
    let answer = &response.responses[0];
    (answer.error_code, answer.error_message.as_deref().unwrap_or_default().to_owned())
}

#[tokio::test]
async fn an_altered_key_is_described_with_its_source_and_survives_a_restart() {
    let server = Server::start_with(&[("log.retention.hours", "5")]).await;
    let mut client = server.connect().await;
    client.auto_create("t").await;
    for (kind, name, key, operation, given) in [
        (TOPIC, "t", "segment.ms", SET, "7777"),
        (TOPIC, "t", "cleanup.policy", APPEND, "compact"),
        (BROKER, "", "log.retention.ms", SET, "99999"),
        (BROKER, "1", "message.max.bytes", SET, "3000000"),
    ] {
        let (code, message) = alter(&mut client, kind, name, key, operation, given).await;
        assert_eq!(code, 0, "{key}: {message}");
    }
    let server = server.restart(&[("log.retention.hours", "5")]).await;
    let mut client = server.connect().await;
    let topic = describe(&mut client, TOPIC, "t").await;
    for (key, text, source) in [
        ("segment.ms", "7777", 1),
        ("cleanup.policy", "delete,compact", 1),
        ("retention.ms", "99999", 3),
        ("max.message.bytes", "3000000", 2),
        ("segment.bytes", "1073741824", 5),
    ] {
        assert_eq!(value(&topic, key), (Some(text.to_owned()), source), "{key}");
    }
    assert!(topic.configs.iter().all(|config| config.documentation.is_some()));
    let broker = describe(&mut client, BROKER, "1").await;
    assert_eq!(value(&broker, "log.retention.hours"), (Some("5".to_owned()), 4));
    assert_eq!(describe(&mut client, BROKER, "").await.configs.len(), 2);
    let (code, _) = alter(&mut client, TOPIC, "t", "segment.ms", DELETE, "").await;
    assert_eq!(code, 0);
    let topic = describe(&mut client, TOPIC, "t").await;
    assert_eq!(value(&topic, "segment.ms"), (Some("604800000".to_owned()), 5));
    server.stop().await;
}

#[tokio::test]
async fn what_cannot_be_altered_is_refused_with_a_reason() {
    let server = Server::start().await;
    let mut client = server.connect().await;
    client.auto_create("t").await;
    for (kind, name, key, given, error, words) in [
        (TOPIC, "t", "retention.ms", "x", ErrorCode::InvalidConfig, "Invalid value x"),
        (TOPIC, "t", "retention.m", "1", ErrorCode::InvalidConfig, "Unknown topic config"),
        (TOPIC, "t", "segment.bytes", "5", ErrorCode::InvalidConfig, "at least 1048576"),
        (TOPIC, "no", "segment.ms", "5", ErrorCode::UnknownTopicOrPartition, ""),
        (BROKER, "1", "num.partitions", "5", ErrorCode::InvalidRequest, "num.partitions"),
        (BROKER, "", "listeners", "PLAINTEXT://:1", ErrorCode::InvalidRequest, "listeners"),
        (TOPIC, "t", "remote.storage.enable", "true", ErrorCode::InvalidConfig, "no remote tier"),
        (GROUP, "g", "consumer.session.timeout.ms", "5", ErrorCode::InvalidConfig, "45000 to"),
        (GROUP, "g", "no.such.key", "5", ErrorCode::InvalidConfig, "Unknown group config"),
    ] {
        let (code, message) = alter(&mut client, kind, name, key, SET, given).await;
        assert_eq!(code, error.code(), "{key}: {message}");
        assert!(message.contains(words), "{message}");
    }
    server.stop().await;
}

#[tokio::test]
async fn the_older_alteration_resets_what_it_does_not_mention() {
    let server = Server::start().await;
    let mut client = server.connect().await;
    client.auto_create("t").await;
    alter(&mut client, TOPIC, "t", "segment.ms", SET, "7777").await;
    let config = alter_configs_request::AlterableConfig {
        name: "retention.ms".into(),
        value: Some("5".into()),
    };
    let resource = alter_configs_request::AlterConfigsResource {
        resource_type: TOPIC,
        resource_name: "t".into(),
        configs: vec![config],
    };
    let request = AlterConfigsRequest { resources: vec![resource], validate_only: false };
    assert_eq!(client.call(&request, 2).await.responses[0].error_code, 0);
    let topic = describe(&mut client, TOPIC, "t").await;
    assert_eq!(value(&topic, "retention.ms"), (Some("5".to_owned()), 1));
    assert_eq!(value(&topic, "segment.ms").1, 5);
    server.stop().await;
}

#[tokio::test]
async fn resources_that_are_not_there_have_kafka_s_errors() {
    let server = Server::start().await;
    let mut client = server.connect().await;
    for (kind, name, error) in [
        (TOPIC, "nope", ErrorCode::UnknownTopicOrPartition),
        (TOPIC, "a b", ErrorCode::InvalidTopicException),
        (BROKER, "2", ErrorCode::InvalidRequest),
        (BROKER, "x", ErrorCode::InvalidRequest),
        (GROUP, "", ErrorCode::InvalidRequest),
        (METRICS, "", ErrorCode::InvalidRequest),
        (99, "x", ErrorCode::InvalidRequest),
        (GROUP, "g", ErrorCode::None),
        (METRICS, "m", ErrorCode::None),
        (LOGGER, "1", ErrorCode::None),
    ] {
        let described = describe(&mut client, kind, name).await;
        assert_eq!(described.error_code, error.code(), "{kind} {name}");
        assert_eq!(described.configs.is_empty(), error != ErrorCode::None, "{kind} {name}");
    }
    server.stop().await;
}

#[tokio::test]
async fn resources_are_listed_by_type() {
    let server = Server::start().await;
    let mut client = server.connect().await;
    client.auto_create("t").await;
    alter(&mut client, GROUP, "g", "share.record.lock.duration.ms", SET, "20000").await;
    for (version, types, expected) in [
        (1, vec![TOPIC], vec![(TOPIC, "t")]),
        (1, vec![GROUP, BROKER], vec![(GROUP, "g"), (BROKER, "1")]),
        (1, vec![], vec![(GROUP, "g"), (LOGGER, "1"), (BROKER, "1"), (TOPIC, "t")]),
        (0, vec![], vec![]),
    ] {
        let response =
            client.call(&ListConfigResourcesRequest { resource_types: types }, version).await;
        let listed: Vec<_> = response
            .config_resources
            .iter()
            .map(|r| (r.resource_type, &*r.resource_name))
            .collect();
        let expected: Vec<_> = expected.into_iter().collect();
        assert_eq!((response.error_code, listed), (0, expected));
    }
    let unknown = ListConfigResourcesRequest { resource_types: vec![77] };
    let response = client.call(&unknown, 1).await;
    assert_eq!(response.error_code, ErrorCode::UnsupportedVersion.code());
    server.stop().await;
}

#[tokio::test]
async fn the_level_of_each_logger_is_set_and_reset() {
    let server = Server::start().await;
    let mut client = server.connect().await;
    let level =
        async |client: &mut Client, name: &str| value(&describe(client, LOGGER, "1").await, name);
    let (root, net) = ("root", "broker::net");
    assert_eq!(level(&mut client, net).await, (Some("INFO".to_owned()), 6));
    assert_eq!(alter(&mut client, LOGGER, "1", net, SET, "TRACE").await.0, 0);
    assert_eq!(alter(&mut client, LOGGER, "1", root, SET, "WARN").await.0, 0);
    assert_eq!(level(&mut client, net).await.0.as_deref(), Some("TRACE"));
    assert_eq!(alter(&mut client, LOGGER, "1", net, DELETE, "").await.0, 0);
    assert_eq!(level(&mut client, net).await.0.as_deref(), Some("WARN"), "as what is around it");
    for (name, operation, given, error, words) in [
        (root, DELETE, "", ErrorCode::InvalidRequest, "not allowed"),
        (root, APPEND, "INFO", ErrorCode::InvalidRequest, "APPEND operation"),
        (root, SET, "LOUD", ErrorCode::InvalidConfig, "Valid log levels are"),
        ("nothing", SET, "INFO", ErrorCode::InvalidConfig, "does not exist"),
    ] {
        let (code, message) = alter(&mut client, LOGGER, "1", name, operation, given).await;
        assert_eq!(code, error.code(), "{name}={given}: {message}");
        assert!(message.contains(words), "{message}");
    }
    server.stop().await;
}
