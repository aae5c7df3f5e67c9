//! RemoveRaftVoter: a controller votes no longer (KIP-853).

use super::quorum::{check_cluster, is_served_here, serve};
use crate::dispatch::RequestContext;
use raft::{Answer, ReplicaKey, Request};
use std::borrow::Cow;
use types::{ErrorCode, NodeId};
use wire::remove_raft_voter_request::RemoveRaftVoterRequest;
use wire::remove_raft_voter_response::RemoveRaftVoterResponse;

pub(crate) async fn answer(
    context: &RequestContext<'_>,
    request: RemoveRaftVoterRequest<'_>,
) -> RemoveRaftVoterResponse<'static> {
    if !is_served_here(context) {
        let (controller, request) = (&context.node.controller, request.into_owned());
        let passed_on = controller.pass_on(request, |response| response.into_owned()).await;
        return passed_on.unwrap_or_else(|unavailable| refused(unavailable.code(), None));
    }
    if let Err(code) = check_cluster(context, request.cluster_id.as_deref()) {
        return refused(code, None);
    }
    if request.voter_id < 0 || request.voter_directory_id.is_zero() {
        return refused(ErrorCode::InvalidRequest, None);
    }
    let key = ReplicaKey::new(NodeId(request.voter_id), request.voter_directory_id);
    match serve(context, Request::RemoveVoter(key)).await.map(|served| served.answer) {
        Ok(Answer::RemoveVoter(answer)) => refused(answer.error, answer.message),
        Ok(_) => refused(ErrorCode::UnknownServerError, None),
        Err(code) => refused(code, None),
    }
}

fn refused(code: ErrorCode, why: Option<String>) -> RemoveRaftVoterResponse<'static> {
    RemoveRaftVoterResponse {
        error_code: code.code(),
        error_message: why.map(Cow::Owned),
        ..RemoveRaftVoterResponse::default()
    }
}
