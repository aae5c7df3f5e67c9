//! Configs are set, deleted, appended to and replaced by Kafka's rules (rule 54).

mod cluster;

use cluster::Cluster;
use metadata::decide::{AlterConfigs, CreateTopics, IncrementalAlterConfigs};
use metadata::image::{ConfigResource, ResourceKind};
use types::ErrorCode;
use wire::create_topics_request::{CreatableTopic, CreateTopicsRequest};
use wire::{
    AlterConfigsRequest, IncrementalAlterConfigsRequest, alter_configs_request,
    incremental_alter_configs_request,
};

const SET: i8 = 0;
const DELETE: i8 = 1;
const APPEND: i8 = 2;
const SUBTRACT: i8 = 3;

const TOPIC: i8 = 2;
const METRICS: i8 = 16;
const BROKER: i8 = 4;
const GROUP: i8 = 32;

type Change = (&'static str, i8, Option<&'static str>);

fn cluster() -> Cluster {
    let mut cluster = Cluster::of(1);
    let topic = CreatableTopic {
        name: "t".into(),
        num_partitions: 1,
        replication_factor: 1,
        ..CreatableTopic::default()
    };
    let request = CreateTopicsRequest { topics: vec![topic], ..Default::default() };
    cluster.run(&CreateTopics(request));
    cluster
}

fn change(
    cluster: &mut Cluster,
    kind: i8,
    name: &'static str,
    changes: &[Change],
) -> (ErrorCode, String) {
    use incremental_alter_configs_request::{AlterConfigsResource, AlterableConfig};
    let config = |(name, operation, value): &Change| AlterableConfig {
        name: (*name).into(),
        config_operation: *operation,
        value: value.map(Into::into),
    };
    let resource = AlterConfigsResource {
        resource_type: kind,
        resource_name: name.into(),
        configs: changes.iter().map(config).collect(),
    };
    let request =
        IncrementalAlterConfigsRequest { resources: vec![resource], validate_only: false };
    let reply = cluster.run(&IncrementalAlterConfigs(request));
    let response = &reply.responses[0];
    let message = response.error_message.as_deref().unwrap_or_default().to_owned();
    (ErrorCode::from_wire(response.error_code), message)
}

fn value<'c>(cluster: &'c Cluster, kind: i8, name: &str, key: &str) -> Option<&'c str> {
    let resource = ConfigResource::new(ResourceKind::from_id(kind), name);
    cluster.image().configs().value(&resource, key)
}

#[test]
fn lists_are_appended_to_and_subtracted_from() {
    let mut cluster = cluster();
    let policy = |cluster: &mut Cluster, operation, text| {
        let (code, _) = change(cluster, TOPIC, "t", &[("cleanup.policy", operation, Some(text))]);
        assert_eq!(code, ErrorCode::None);
        value(cluster, TOPIC, "t", "cleanup.policy").map(str::to_owned)
    };
    // the default, delete, is what the first append starts from
    assert_eq!(policy(&mut cluster, APPEND, "compact").as_deref(), Some("delete,compact"));
    assert_eq!(policy(&mut cluster, APPEND, "compact").as_deref(), Some("delete,compact"));
    assert_eq!(policy(&mut cluster, SUBTRACT, "delete").as_deref(), Some("compact"));
    assert_eq!(policy(&mut cluster, SET, "delete").as_deref(), Some("delete"));
    // what is there is left as it was written
    assert_eq!(policy(&mut cluster, SET, "compact, delete").as_deref(), Some("compact, delete"));
    assert_eq!(policy(&mut cluster, APPEND, "compact,,").as_deref(), Some("compact, delete"));
    let append = |cluster: &mut Cluster, kind, name, key, text| {
        change(cluster, kind, name, &[(key, APPEND, Some(text))]).0
    };
    let between = append(&mut cluster, TOPIC, "t", "cleanup.policy", "delete,,compact");
    assert_eq!(between, ErrorCode::InvalidConfig, "an empty item in between");
    let metrics = append(&mut cluster, METRICS, "m", "metrics", "a.b");
    assert_eq!(metrics, ErrorCode::InvalidConfig, "these lists are set whole");
}

#[test]
fn deleting_what_is_not_set_changes_nothing() {
    let mut cluster = cluster();
    let before = cluster.log.len();
    assert_eq!(
        change(&mut cluster, TOPIC, "t", &[("retention.ms", DELETE, None)]).0,
        ErrorCode::None
    );
    assert_eq!(cluster.log.len(), before);
    change(&mut cluster, TOPIC, "t", &[("retention.ms", SET, Some("5"))]);
    assert_eq!(value(&cluster, TOPIC, "t", "retention.ms"), Some("5"));
    change(&mut cluster, TOPIC, "t", &[("retention.ms", DELETE, None)]);
    assert_eq!(value(&cluster, TOPIC, "t", "retention.ms"), None);
}

#[track_caller]
fn check(kind: i8, name: &'static str, changes: &[Change], expected: ErrorCode, message: &str) {
    let mut cluster = cluster();
    let before = cluster.image().clone();
    let (code, said) = change(&mut cluster, kind, name, changes);
    assert_eq!(code, expected, "{said}");
    assert!(said.contains(message), "{said:?}");
    if expected != ErrorCode::None {
        assert_eq!(cluster.image().configs(), before.configs());
    }
}

#[test]
fn wrong_changes_are_refused_in_kafkas_words() {
    use ErrorCode as E;
    let set = |key, value| [(key, SET, Some(value))];
    check(TOPIC, "t", &set("retention.ms", "7"), E::None, "");
    check(TOPIC, "t", &set("no.such", "7"), E::InvalidConfig, "Unknown topic config name: no.such");
    check(TOPIC, "t", &set("retention.ms", "soon"), E::InvalidConfig, "retention.ms");
    check(TOPIC, "t", &set("retention.ms", "-2"), E::InvalidConfig, "retention.ms");
    check(TOPIC, "u", &set("retention.ms", "7"), E::UnknownTopicOrPartition, "does not exist");
    check(TOPIC, "", &set("retention.ms", "7"), E::InvalidRequest, "Default topic resources");
    check(
        TOPIC,
        "t",
        &[("retention.ms", APPEND, Some("7"))],
        E::InvalidConfig,
        "Can't APPEND to key retention.ms because its type is not LIST.",
    );
    check(TOPIC, "t", &[("retention.ms", 9, Some("7"))], E::InvalidRequest, "operations type 9");
    check(
        TOPIC,
        "t",
        &[("retention.ms", SET, None)],
        E::InvalidRequest,
        "Null value not supported",
    );
    check(
        TOPIC,
        "t",
        &[("retention.ms", SET, Some("1")), ("retention.ms", DELETE, None)],
        E::InvalidRequest,
        "duplicate config keys",
    );
    check(
        TOPIC,
        "t",
        &[("min.compaction.lag.ms", SET, Some("9")), ("max.compaction.lag.ms", SET, Some("8"))],
        E::InvalidConfig,
        "min.compaction.lag.ms (9) > max.compaction.lag.ms (8)",
    );
    check(BROKER, "one", &set("max.connections", "5"), E::InvalidRequest, "base 10 number");
    check(BROKER, "9", &set("max.connections", "5"), E::BrokerIdNotRegistered, "9");
    check(BROKER, "1", &set("max.connections", "5"), E::None, "");
    check(BROKER, "", &set("log.retention.ms", "5"), E::None, "");
    check(BROKER, "", &set("node.id", "5"), E::InvalidRequest, "Cannot update these configs");
    check(GROUP, "", &set("consumer.session.timeout.ms", "5"), E::InvalidRequest, "Default group");
    check(99, "x", &set("a", "b"), E::InvalidRequest, "Unknown resource type 99");
}

#[test]
fn with_eligible_leaders_the_least_isr_belongs_to_the_cluster() {
    use ErrorCode as E;
    let key = "min.insync.replicas";
    check(BROKER, "1", &[(key, SET, Some("2"))], E::InvalidConfig, "Broker-level");
    check(BROKER, "1", &[(key, DELETE, None)], E::InvalidConfig, "Broker-level");
    check(BROKER, "", &[(key, DELETE, None)], E::InvalidConfig, "Cluster-level");
    check(BROKER, "", &[(key, SET, Some("2"))], E::None, "");
    check(TOPIC, "t", &[(key, SET, Some("2"))], E::None, "");
}

#[test]
fn only_another_least_isr_forgets_who_is_eligible() {
    let mut cluster = cluster();
    let key = "min.insync.replicas";
    for (operation, value, records) in
        [(SET, Some("2"), 2), (SET, Some("2"), 0), (DELETE, None, 2), (DELETE, None, 0)]
    {
        let before = cluster.log.len();
        change(&mut cluster, TOPIC, "t", &[(key, operation, value)]);
        assert_eq!(cluster.log.len() - before, records, "{operation} {value:?}");
    }
}

#[test]
fn a_resource_may_stand_once_in_a_request() {
    use incremental_alter_configs_request::AlterConfigsResource;
    let resource = || AlterConfigsResource {
        resource_type: TOPIC,
        resource_name: "t".into(),
        ..AlterConfigsResource::default()
    };
    let request = IncrementalAlterConfigsRequest {
        resources: vec![resource(), resource()],
        validate_only: false,
    };
    let reply = cluster().run(&IncrementalAlterConfigs(request));
    for response in reply.responses {
        assert_eq!(response.error_code, ErrorCode::InvalidRequest.code());
    }
}

#[test]
fn the_older_request_resets_what_it_does_not_mention() {
    use alter_configs_request::{AlterConfigsResource, AlterableConfig};
    let mut cluster = cluster();
    change(
        &mut cluster,
        TOPIC,
        "t",
        &[("retention.ms", SET, Some("5")), ("segment.bytes", SET, Some("1048576"))],
    );
    let config = AlterableConfig { name: "retention.ms".into(), value: Some("6".into()) };
    let resource = AlterConfigsResource {
        resource_type: TOPIC,
        resource_name: "t".into(),
        configs: vec![config],
    };
    let request = AlterConfigsRequest { resources: vec![resource], validate_only: false };
    let dry = AlterConfigsRequest { validate_only: true, ..request.clone() };
    assert_eq!(cluster.run(&AlterConfigs(dry)).responses[0].error_code, 0);
    assert_eq!(value(&cluster, TOPIC, "t", "segment.bytes"), Some("1048576"));
    assert_eq!(cluster.run(&AlterConfigs(request)).responses[0].error_code, 0);
    assert_eq!(value(&cluster, TOPIC, "t", "retention.ms"), Some("6"));
    assert_eq!(value(&cluster, TOPIC, "t", "segment.bytes"), None);
}
