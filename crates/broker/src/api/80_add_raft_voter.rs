//! AddRaftVoter: a controller becomes a voter of the quorum (KIP-853, KIP-1186).

use super::quorum::{check_cluster, endpoints, is_served_here, serve};
use crate::dispatch::RequestContext;
use raft::{Answer, ReplicaKey, Request, message};
use std::borrow::Cow;
use std::time::Duration;
use types::{ErrorCode, NodeId};
use wire::add_raft_voter_request::AddRaftVoterRequest;
use wire::add_raft_voter_response::AddRaftVoterResponse;

const FIRST_VERSION_WITH_EARLY_ANSWER: i16 = 1;

pub(crate) async fn answer(
    context: &RequestContext<'_>,
    request: AddRaftVoterRequest<'_>,
) -> AddRaftVoterResponse<'static> {
    if !is_served_here(context) {
        let (controller, request) = (&context.node.controller, request.into_owned());
        let passed_on = controller.pass_on(request, |response| response.into_owned()).await;
        return passed_on.unwrap_or_else(|unavailable| refused(unavailable.code(), None));
    }
    let add = match read(context, &request) {
        Ok(add) => add,
        Err(code) => return refused(code, None),
    };
    let patience = u64::try_from(request.timeout_ms).unwrap_or_default();
    let served = serve(context, Request::AddVoter(add));
    match tokio::time::timeout(Duration::from_millis(patience), served).await {
        Ok(Ok(served)) => match served.answer {
            Answer::AddVoter(answer) => refused(answer.error, answer.message),
            _ => refused(ErrorCode::UnknownServerError, None),
        },
        Ok(Err(code)) => refused(code, None),
        Err(_) => refused(ErrorCode::RequestTimedOut, None),
    }
}

fn read(
    context: &RequestContext<'_>,
    request: &AddRaftVoterRequest<'_>,
) -> Result<message::AddVoterRequest, ErrorCode> {
    check_cluster(context, request.cluster_id.as_deref())?;
    if request.voter_id < 0 || request.voter_directory_id.is_zero() {
        return Err(ErrorCode::InvalidRequest);
    }
    let told = request.listeners.iter();
    let told = told.map(|at| (at.name.to_string(), at.host.to_string(), at.port));
    let is_early =
        context.version >= FIRST_VERSION_WITH_EARLY_ANSWER && !request.ack_when_committed;
    Ok(message::AddVoterRequest {
        voter: ReplicaKey::new(NodeId(request.voter_id), request.voter_directory_id),
        endpoints: endpoints(told),
        ack_when_committed: !is_early,
    })
}

fn refused(code: ErrorCode, why: Option<String>) -> AddRaftVoterResponse<'static> {
    AddRaftVoterResponse {
        error_code: code.code(),
        error_message: why.map(Cow::Owned),
        ..AddRaftVoterResponse::default()
    }
}
