//! DescribeQuorum: who leads the metadata log, and how far its voters and observers are.

use super::fetch_metadata_log::METADATA_TOPIC;
use crate::controller::Authority;
use crate::controller::leader::{QuorumView, ReplicaView};
use crate::dispatch::RequestContext;
use metadata::image::Endpoint;
use std::borrow::Cow;
use types::{DirectoryId, ErrorCode, NodeId};
use wire::describe_quorum_request::DescribeQuorumRequest;
use wire::describe_quorum_response::{
    DescribeQuorumResponse, Listener, Node, PartitionData, ReplicaState, TopicData,
};

const FIRST_VERSION_WITH_DIRECTORIES: i16 = 2;

pub(crate) async fn answer(
    context: &RequestContext<'_>,
    request: DescribeQuorumRequest<'_>,
) -> DescribeQuorumResponse<'static> {
    let asked = request.topics.iter().flat_map(|topic| {
        topic.partitions.iter().map(|partition| (&*topic.topic_name, partition.partition_index))
    });
    if asked.collect::<Vec<_>>() != [(METADATA_TOPIC, 0)] {
        return unknown(&request);
    }
    let answered = match &context.node.controller {
        Authority::Here(controller) => controller.quorum().await.ok().map(|view| response(&view)),
        Authority::Elsewhere(controller) => {
            controller.describe_quorum(request.into_owned()).await.ok()
        }
    };
    let mut response = answered.unwrap_or_else(|| DescribeQuorumResponse {
        error_code: ErrorCode::NotController.code(),
        ..DescribeQuorumResponse::default()
    });
    if context.version < FIRST_VERSION_WITH_DIRECTORIES {
        forget_directories(&mut response);
    }
    response
}

/// Older clients know neither directories nor nodes.
fn forget_directories(response: &mut DescribeQuorumResponse<'static>) {
    response.nodes.clear();
    let partitions = response.topics.iter_mut().flat_map(|topic| &mut topic.partitions);
    for partition in partitions {
        let replicas = partition.current_voters.iter_mut().chain(&mut partition.observers);
        replicas.for_each(|replica| replica.replica_directory_id = DirectoryId::ZERO);
    }
}

fn response(view: &QuorumView) -> DescribeQuorumResponse<'static> {
    let replicas = |views: &[ReplicaView]| views.iter().map(replica).collect();
    let partition = PartitionData {
        leader_id: view.leader.id.0,
        leader_epoch: view.leader.epoch.0,
        high_watermark: view.high_watermark.0,
        current_voters: replicas(&view.voters),
        observers: replicas(&view.observers),
        ..PartitionData::default()
    };
    DescribeQuorumResponse {
        topics: vec![TopicData { topic_name: METADATA_TOPIC.into(), partitions: vec![partition] }],
        nodes: vec![node(view.leader.id, &view.leader.endpoints)],
        ..DescribeQuorumResponse::default()
    }
}

fn replica(view: &ReplicaView) -> ReplicaState {
    ReplicaState {
        replica_id: view.node.0,
        replica_directory_id: view.directory,
        log_end_offset: view.end.0,
        last_fetch_timestamp: view.fetched.0,
        last_caught_up_timestamp: view.caught_up.0,
    }
}

fn node(id: NodeId, endpoints: &[Endpoint]) -> Node<'static> {
    let listener = |endpoint: &Endpoint| Listener {
        name: Cow::Owned(endpoint.listener.to_string()),
        host: Cow::Owned(endpoint.host.to_string()),
        port: endpoint.port,
    };
    Node { node_id: id.0, listeners: endpoints.iter().map(listener).collect() }
}

fn unknown(request: &DescribeQuorumRequest<'_>) -> DescribeQuorumResponse<'static> {
    let partition = |index: i32| PartitionData {
        partition_index: index,
        error_code: ErrorCode::UnknownTopicOrPartition.code(),
        ..PartitionData::default()
    };
    let topics = request.topics.iter().map(|topic| TopicData {
        topic_name: Cow::Owned(topic.topic_name.to_string()),
        partitions: topic.partitions.iter().map(|p| partition(p.partition_index)).collect(),
    });
    DescribeQuorumResponse { topics: topics.collect(), ..DescribeQuorumResponse::default() }
}
