//! BeginQuorumEpoch: the leader of an epoch says that it leads.

use super::fetch_metadata_log::METADATA_TOPIC;
use super::quorum::{endpoints, leader_endpoint, leader_id, only_partition, serve};
use crate::dispatch::RequestContext;
use raft::{Answer, ReplicaKey, Request, message};
use std::borrow::Cow;
use types::{ErrorCode, LeaderEpoch, NodeId};
use wire::begin_quorum_epoch_request::BeginQuorumEpochRequest;
use wire::begin_quorum_epoch_response::{
    BeginQuorumEpochResponse, NodeEndpoint, PartitionData, TopicData,
};

const FIRST_VERSION_WITH_KEYS: i16 = 1;

pub(crate) async fn answer(
    context: &RequestContext<'_>,
    request: BeginQuorumEpochRequest<'_>,
) -> BeginQuorumEpochResponse<'static> {
    let read = match read(context, &request) {
        Ok(read) => read,
        Err(code) => return refused(code),
    };
    match serve(context, Request::BeginQuorumEpoch(read)).await.map(|served| served.answer) {
        Ok(Answer::BeginQuorumEpoch(answer)) => response(context, &answer),
        Ok(_) => refused(ErrorCode::UnknownServerError),
        Err(code) => refused(code),
    }
}

fn read(
    context: &RequestContext<'_>,
    request: &BeginQuorumEpochRequest<'_>,
) -> Result<message::BeginQuorumEpochRequest, ErrorCode> {
    let asked = request.topics.iter().flat_map(|topic| {
        topic.partitions.iter().map(|p| (&*topic.topic_name, p.partition_index, p))
    });
    let partition = only_partition(context, request.cluster_id.as_deref(), asked)?;
    let has_keys = context.version >= FIRST_VERSION_WITH_KEYS;
    let told = request.leader_endpoints.iter();
    let told = told.map(|at| (at.name.to_string(), at.host.to_string(), at.port));
    let voter = ReplicaKey::new(NodeId(request.voter_id), partition.voter_directory_id);
    Ok(message::BeginQuorumEpochRequest {
        voter: (has_keys && request.voter_id >= 0).then_some(voter),
        leader: NodeId(partition.leader_id),
        epoch: LeaderEpoch(partition.leader_epoch),
        endpoints: endpoints(told),
    })
}

fn response(
    context: &RequestContext<'_>,
    answer: &message::EpochAnswer,
) -> BeginQuorumEpochResponse<'static> {
    let partition = PartitionData {
        partition_index: 0,
        error_code: answer.error.code(),
        leader_id: leader_id(&answer.leader),
        leader_epoch: answer.leader.epoch.0,
    };
    let endpoint = leader_endpoint(context, &answer.leader);
    let node = endpoint.map(|(id, endpoint)| NodeEndpoint {
        node_id: id.0,
        host: Cow::Owned(endpoint.host.clone()),
        port: endpoint.port,
    });
    let is_told = context.version >= FIRST_VERSION_WITH_KEYS;
    BeginQuorumEpochResponse {
        error_code: ErrorCode::None.code(),
        topics: vec![TopicData { topic_name: METADATA_TOPIC.into(), partitions: vec![partition] }],
        node_endpoints: node.filter(|_| is_told).into_iter().collect(),
    }
}

fn refused(code: ErrorCode) -> BeginQuorumEpochResponse<'static> {
    BeginQuorumEpochResponse { error_code: code.code(), ..BeginQuorumEpochResponse::default() }
}
