//! BeginQuorumEpoch: the leader of an epoch says that it leads.

use super::fetch_metadata_log::METADATA_TOPIC;
use super::quorum::{
    FIRST_VERSION_WITH_KEYS, endpoints, epoch_response, leader_endpoint, leader_id, only_partition,
    serve,
};
use crate::dispatch::RequestContext;
use raft::{Answer, ReplicaKey, Request, message};
use types::{ErrorCode, LeaderEpoch, NodeId};
use wire::begin_quorum_epoch_request::BeginQuorumEpochRequest;
use wire::begin_quorum_epoch_response::BeginQuorumEpochResponse;

pub(crate) async fn answer(
    context: &RequestContext<'_>,
    request: BeginQuorumEpochRequest<'_>,
) -> BeginQuorumEpochResponse<'static> {
    let read = match read(context, &request) {
        Ok(read) => read,
        Err(code) => return refused(code),
    };
    match serve(context, Request::BeginQuorumEpoch(read)).await.map(|served| served.answer) {
        Ok(Answer::BeginQuorumEpoch(answer)) => {
            epoch_response!(begin_quorum_epoch_response::BeginQuorumEpochResponse, context, &answer)
        }
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

fn refused(code: ErrorCode) -> BeginQuorumEpochResponse<'static> {
    BeginQuorumEpochResponse { error_code: code.code(), ..BeginQuorumEpochResponse::default() }
}
