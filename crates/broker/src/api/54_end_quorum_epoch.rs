//! EndQuorumEpoch: the leader of an epoch leads no longer, and says who should be next.

use super::fetch_metadata_log::METADATA_TOPIC;
use super::quorum::{
    FIRST_VERSION_WITH_KEYS, endpoints, epoch_response, leader_endpoint, leader_id, only_partition,
    serve,
};
use crate::dispatch::RequestContext;
use raft::{Answer, ReplicaKey, Request, message};
use types::{ErrorCode, LeaderEpoch, NodeId};
use wire::end_quorum_epoch_request::EndQuorumEpochRequest;
use wire::end_quorum_epoch_response::EndQuorumEpochResponse;

pub(crate) async fn answer(
    context: &RequestContext<'_>,
    request: EndQuorumEpochRequest<'_>,
) -> EndQuorumEpochResponse<'static> {
    let read = match read(context, &request) {
        Ok(read) => read,
        Err(code) => return refused(code),
    };
    match serve(context, Request::EndQuorumEpoch(read)).await.map(|served| served.answer) {
        Ok(Answer::EndQuorumEpoch(answer)) => {
            epoch_response!(end_quorum_epoch_response::EndQuorumEpochResponse, context, &answer)
        }
        Ok(_) => refused(ErrorCode::UnknownServerError),
        Err(code) => refused(code),
    }
}

fn read(
    context: &RequestContext<'_>,
    request: &EndQuorumEpochRequest<'_>,
) -> Result<message::EndQuorumEpochRequest, ErrorCode> {
    let asked = request.topics.iter().flat_map(|topic| {
        topic.partitions.iter().map(|p| (&*topic.topic_name, p.partition_index, p))
    });
    let partition = only_partition(context, request.cluster_id.as_deref(), asked)?;
    let has_keys = context.version >= FIRST_VERSION_WITH_KEYS;
    let told = request.leader_endpoints.iter();
    let told = told.map(|at| (at.name.to_string(), at.host.to_string(), at.port));
    let successor = |id: &i32| ReplicaKey { id: NodeId(*id), directory: None };
    let candidates = partition.preferred_candidates.iter();
    let candidates =
        candidates.map(|key| ReplicaKey::new(NodeId(key.candidate_id), key.candidate_directory_id));
    Ok(message::EndQuorumEpochRequest {
        leader: NodeId(partition.leader_id),
        epoch: LeaderEpoch(partition.leader_epoch),
        successors: match has_keys {
            true => candidates.collect(),
            false => partition.preferred_successors.iter().map(successor).collect(),
        },
        endpoints: endpoints(told),
    })
}

fn refused(code: ErrorCode) -> EndQuorumEpochResponse<'static> {
    EndQuorumEpochResponse { error_code: code.code(), ..EndQuorumEpochResponse::default() }
}
