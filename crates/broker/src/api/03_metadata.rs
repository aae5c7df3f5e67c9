//! Metadata: brokers, topics and who leads what, through the listener that the request came in by.

use crate::cluster::BrokerEndpoint;
use crate::dispatch::RequestContext;
use metadata::config::ConfigValue;
use metadata::decide::CreateTopics;
use metadata::image::{Image, PartitionState, Topic};
use metadata::{check_topic_name, is_internal_topic};
use std::borrow::Cow;
use std::collections::BTreeMap;
use types::{ErrorCode, NodeId, TopicId};
use wire::create_topics_request::{CreatableTopic, CreateTopicsRequest};
use wire::metadata_request::{MetadataRequest, MetadataRequestTopic};
use wire::metadata_response::{
    MetadataResponse, MetadataResponseBroker, MetadataResponsePartition, MetadataResponseTopic,
};

const FIRST_VERSION_WITH_NULL_FOR_ALL: i16 = 1;
const FIRST_VERSION_WITH_ALL_REPLICAS: i16 = 1;
const FIRST_VERSION_WITH_LISTENER_ERROR: i16 = 6;
const FIRST_VERSION_WITH_USABLE_IDS: i16 = 12;

/// Operations as bits of their ids in the ACL protocol: without an authorizer everyone may do all
/// that a resource has.
const fn operations(ids: &[u8]) -> i32 {
    let (mut bits, mut at) = (0, 0);
    while at < ids.len() {
        bits |= 1 << ids[at];
        at += 1;
    }
    bits
}

/// Read, Write, Create, Delete, Alter, Describe, DescribeConfigs, AlterConfigs.
pub(crate) const TOPIC_OPERATIONS: i32 = operations(&[3, 4, 5, 6, 7, 8, 10, 11]);
/// Create, Alter, Describe, ClusterAction, DescribeConfigs, AlterConfigs, IdempotentWrite.
pub(crate) const CLUSTER_OPERATIONS: i32 = operations(&[5, 7, 8, 9, 10, 11, 12]);

/// Brokers in service that have the request's listener.
type Brokers = BTreeMap<NodeId, BrokerEndpoint>;

pub(crate) async fn answer<'a>(
    context: &RequestContext<'_>,
    request: MetadataRequest<'a>,
) -> MetadataResponse<'a> {
    let mut failed = BTreeMap::new();
    if may_create(context, &request) {
        failed = create_missing(context, request.topics.as_deref().unwrap_or_default()).await;
    }
    let image = context.node.controller.image();
    let brokers = brokers(context, &image);
    let view = View { image: &image, brokers: &brokers, version: context.version };
    let mut topics: Vec<MetadataResponseTopic<'a>> = match asks_for_all(context, &request) {
        true => image.topics().iter().map(|topic| view.topic(topic)).collect(),
        false => {
            let asked = request.topics.unwrap_or_default();
            let mut topics: Vec<_> =
                asked.into_iter().map(|topic| view.asked(topic, &failed)).collect();
            // Kafka tells of unknown ids first
            topics.sort_by_key(|topic| topic.error_code != ErrorCode::UnknownTopicId.code());
            topics
        }
    };
    if request.include_topic_authorized_operations {
        for topic in topics.iter_mut().filter(|topic| topic.name.is_some()) {
            topic.topic_authorized_operations = TOPIC_OPERATIONS;
        }
    }
    let mut response = MetadataResponse {
        cluster_id: Some(Cow::Owned(context.node.cluster_id.clone())),
        controller_id: any_of(&brokers).0,
        topics,
        brokers: brokers.into_values().map(broker).collect(),
        ..Default::default()
    };
    if request.include_cluster_authorized_operations {
        response.cluster_authorized_operations = CLUSTER_OPERATIONS;
    }
    response
}

/// KRaft shows clients a live broker in place of the controller, which they cannot reach.
fn any_of(brokers: &Brokers) -> NodeId {
    use std::hash::{BuildHasher, RandomState};
    let turn = RandomState::new().hash_one(()) % (brokers.len().max(1) as u64);
    let nth = usize::try_from(turn).ok().and_then(|turn| brokers.keys().nth(turn));
    nth.copied().unwrap_or(NodeId::NONE)
}

fn asks_for_all(context: &RequestContext<'_>, request: &MetadataRequest<'_>) -> bool {
    match &request.topics {
        None => true,
        Some(topics) => topics.is_empty() && context.version < FIRST_VERSION_WITH_NULL_FOR_ALL,
    }
}

fn may_create(context: &RequestContext<'_>, request: &MetadataRequest<'_>) -> bool {
    let is_enabled = context.node.settings.config.value("auto.create.topics.enable");
    request.allow_auto_topic_creation && is_enabled == ConfigValue::Boolean(true)
}

/// Creates the topics that are asked for by name and do not exist (rule 51); tells which could
/// not be created, and why.
async fn create_missing(
    context: &RequestContext<'_>,
    asked: &[MetadataRequestTopic<'_>],
) -> BTreeMap<String, ErrorCode> {
    let mut missing = Vec::new();
    {
        let image = context.node.controller.image();
        for name in asked.iter().filter_map(|topic| topic.name.as_deref()) {
            let is_new = image.topics().named(name).is_none() && !is_internal_topic(name);
            if is_new && check_topic_name(name).is_ok() && !missing.contains(&name) {
                missing.push(name);
            }
        }
    }
    if missing.is_empty() {
        return BTreeMap::new();
    }
    let topic = |name: &&str| CreatableTopic {
        name: Cow::Owned((*name).to_owned()),
        num_partitions: -1,
        replication_factor: -1,
        ..Default::default()
    };
    let topics = missing.iter().map(topic).collect();
    let command = CreateTopics(CreateTopicsRequest { topics, ..Default::default() });
    let Ok(reply) = context.node.controller.submit_aside(command).await else {
        let code = ErrorCode::LeaderNotAvailable;
        return missing.into_iter().map(|name| (name.to_owned(), code)).collect();
    };
    let failed = reply.topics.into_iter().filter_map(|topic| {
        let code = ErrorCode::from_wire(topic.error_code);
        is_failure(code).then(|| (topic.name.into_owned(), code))
    });
    failed.collect()
}

/// Whether a client is to hear of it: a topic that another broker created just now only has to
/// reach this broker's image, so it is unknown as yet, which clients ask again about.
fn is_failure(code: ErrorCode) -> bool {
    !matches!(code, ErrorCode::None | ErrorCode::TopicAlreadyExists)
}

fn brokers(context: &RequestContext<'_>, image: &Image) -> Brokers {
    let nodes = image.cluster().brokers.keys();
    nodes.filter_map(|node| Some((*node, context.endpoint_of(*node)?))).collect()
}

fn broker(endpoint: BrokerEndpoint) -> MetadataResponseBroker<'static> {
    MetadataResponseBroker {
        node_id: endpoint.node.0,
        host: Cow::Owned(endpoint.host),
        port: endpoint.port,
        rack: endpoint.rack.map(Cow::Owned),
    }
}

/// The image as one client sees it.
struct View<'v> {
    image: &'v Image,
    brokers: &'v Brokers,
    version: i16,
}

impl View<'_> {
    fn asked<'a>(
        &self,
        asked: MetadataRequestTopic<'a>,
        failed: &BTreeMap<String, ErrorCode>,
    ) -> MetadataResponseTopic<'a> {
        let (name, id) = (asked.name, asked.topic_id);
        let is_by_id = name.is_none();
        let found = match &name {
            Some(name) => self.image.topics().named(name),
            None if self.version >= FIRST_VERSION_WITH_USABLE_IDS => self.image.topics().get(id),
            None => return absent(ErrorCode::InvalidRequest, None, id),
        };
        if let Some(topic) = found {
            return self.topic(topic);
        }
        if is_by_id {
            return absent(ErrorCode::UnknownTopicId, None, id);
        }
        let code = match name.as_deref() {
            Some(text) if check_topic_name(text).is_err() => ErrorCode::InvalidTopicException,
            Some(text) => failed.get(text).copied().unwrap_or(ErrorCode::UnknownTopicOrPartition),
            None => ErrorCode::UnknownTopicOrPartition,
        };
        absent(code, name, TopicId::default())
    }

    fn topic<'a>(&self, topic: &Topic) -> MetadataResponseTopic<'a> {
        let partition = |(index, state): (&i32, &_)| self.partition(*index, state);
        MetadataResponseTopic {
            name: Some(Cow::Owned(topic.name.to_string())),
            topic_id: topic.id,
            is_internal: is_internal_topic(&topic.name),
            partitions: topic.partitions.iter().map(partition).collect(),
            ..Default::default()
        }
    }

    fn partition(
        &self,
        partition_index: i32,
        state: &std::sync::Arc<PartitionState>,
    ) -> MetadataResponsePartition {
        let offline = self.image.offline_replicas(state);
        let (replica_nodes, isr_nodes) = (self.shown(&state.replicas), self.shown(&state.isr));
        let are_all_shown =
            replica_nodes.len() == state.replicas.len() && isr_nodes.len() == state.isr.len();
        let has_leader = self.brokers.contains_key(&state.leader);
        let error = match has_leader {
            true if are_all_shown => ErrorCode::None,
            true => ErrorCode::ReplicaNotAvailable,
            false if self.version < FIRST_VERSION_WITH_LISTENER_ERROR => {
                ErrorCode::LeaderNotAvailable
            }
            false if self.image.is_active(state.leader) => ErrorCode::ListenerNotFound,
            false => ErrorCode::LeaderNotAvailable,
        };
        MetadataResponsePartition {
            error_code: error.code(),
            partition_index,
            leader_id: if has_leader { state.leader } else { NodeId::NONE }.0,
            leader_epoch: state.leader_epoch.0,
            replica_nodes,
            isr_nodes,
            offline_replicas: offline.map(|node| node.0).collect(),
        }
    }

    /// The first clients were told of no replica that they cannot reach.
    fn shown(&self, nodes: &[NodeId]) -> Vec<i32> {
        let shows_all = self.version >= FIRST_VERSION_WITH_ALL_REPLICAS;
        let is_shown = |node: &&NodeId| shows_all || self.brokers.contains_key(node);
        nodes.iter().filter(is_shown).map(|node| node.0).collect()
    }
}

fn absent(
    code: ErrorCode,
    name: Option<Cow<'_, str>>,
    topic_id: TopicId,
) -> MetadataResponseTopic<'_> {
    MetadataResponseTopic { error_code: code.code(), name, topic_id, ..Default::default() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use types::LeaderEpoch;

    #[test]
    fn operations_are_kafka_s_bits() {
        // As Apache Kafka 4.4.0 answers without an authorizer.
        assert_eq!((TOPIC_OPERATIONS, CLUSTER_OPERATIONS), (3576, 8096));
    }

    #[test]
    fn the_first_version_is_told_which_partitions_lack_a_replica() {
        let broker = |node| BrokerEndpoint { node, host: "h".into(), port: 1, rack: None };
        let brokers = Brokers::from([1, 2].map(|id| (NodeId(id), broker(NodeId(id)))));
        let partition = |replicas: &[i32], isr: &[i32], leader, version| {
            let nodes = |ids: &[i32]| ids.iter().copied().map(NodeId).collect();
            let state = PartitionState {
                replicas: nodes(replicas),
                directories: std::sync::Arc::default(),
                isr: nodes(isr),
                removing: std::sync::Arc::default(),
                adding: std::sync::Arc::default(),
                eligible_leaders: std::sync::Arc::default(),
                last_known_leaders: std::sync::Arc::default(),
                leader: NodeId(leader),
                leader_epoch: LeaderEpoch(0),
                partition_epoch: 0,
                recovering: false,
            };
            let view = View { image: &Image::default(), brokers: &brokers, version };
            let told = view.partition(0, &std::sync::Arc::new(state));
            let code = ErrorCode::from_wire(told.error_code);
            (code, told.leader_id, told.replica_nodes, told.isr_nodes)
        };
        let lacks = ErrorCode::ReplicaNotAvailable;
        let (both, all) = (vec![1, 2], vec![1, 2, 3]);
        for (isr, shown) in [(&[1, 2, 3][..], &both), (&[1, 2], &both), (&[1], &vec![1])] {
            let told = partition(&all, isr, 1, 0);
            assert_eq!(told, (lacks, 1, both.clone(), shown.clone()));
        }
        assert_eq!(partition(&both, &both, 1, 0).0, ErrorCode::None);
        assert_eq!(partition(&all, &both, 3, 0).0, ErrorCode::LeaderNotAvailable);
        assert_eq!(partition(&all, &all, 1, 1), (ErrorCode::None, 1, all.clone(), all.clone()));
    }

    #[test]
    fn a_topic_that_another_broker_created_is_no_failure() {
        assert!(!is_failure(ErrorCode::TopicAlreadyExists));
        assert!(is_failure(ErrorCode::InvalidReplicationFactor));
    }
}
