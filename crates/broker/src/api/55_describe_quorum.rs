//! DescribeQuorum: who leads the metadata log, and how far its voters and observers are.

use super::fetch_metadata_log::METADATA_TOPIC;
use super::quorum::{is_served_here, leader_id, serve};
use crate::controller::Unavailable;
use crate::dispatch::RequestContext;
use raft::message::DescribeQuorumAnswer;
use raft::{Answer, Endpoint, Request, Voter, message};
use std::borrow::Cow;
use types::{DirectoryId, ErrorCode};
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
    let answered = if is_served_here(context) {
        match serve(context, Request::DescribeQuorum).await.map(|served| served.answer) {
            Ok(Answer::DescribeQuorum(answer)) => Ok(response(&answer)),
            Ok(_) | Err(_) => Err(ErrorCode::NotController),
        }
    } else {
        let controller = &context.node.controller;
        let request = request.into_owned();
        let passed_on = controller.pass_on(request, |response| response.into_owned()).await;
        passed_on.map_err(Unavailable::code)
    };
    let mut response = answered.unwrap_or_else(|code| DescribeQuorumResponse {
        error_code: code.code(),
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

fn response(answer: &DescribeQuorumAnswer) -> DescribeQuorumResponse<'static> {
    let replicas = |states: &[message::ReplicaState]| states.iter().map(replica).collect();
    let partition = PartitionData {
        error_code: answer.error.code(),
        leader_id: leader_id(&answer.leader),
        leader_epoch: answer.leader.epoch.0,
        high_watermark: answer.high_watermark.0,
        current_voters: replicas(&answer.voters),
        observers: replicas(&answer.observers),
        ..PartitionData::default()
    };
    DescribeQuorumResponse {
        topics: vec![TopicData { topic_name: METADATA_TOPIC.into(), partitions: vec![partition] }],
        nodes: match answer.error {
            ErrorCode::None => answer.nodes.iter().map(node).collect(),
            _ => Vec::new(),
        },
        ..DescribeQuorumResponse::default()
    }
}

fn replica(state: &message::ReplicaState) -> ReplicaState {
    ReplicaState {
        replica_id: state.key.id.0,
        replica_directory_id: state.key.directory_or_zero(),
        log_end_offset: state.log_end.0,
        last_fetch_timestamp: state.last_fetch.0,
        last_caught_up_timestamp: state.last_caught_up.0,
    }
}

fn node(voter: &Voter) -> Node<'static> {
    let listener = |(name, endpoint): (&String, &Endpoint)| Listener {
        name: Cow::Owned(name.clone()),
        host: Cow::Owned(endpoint.host.clone()),
        port: endpoint.port,
    };
    Node { node_id: voter.key.id.0, listeners: voter.endpoints.0.iter().map(listener).collect() }
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
