//! UpdateRaftVoter: a voter says where it listens and which versions of the quorum it runs.

use super::quorum::{check_cluster, endpoints, leader_endpoint, leader_id, serve};
use crate::dispatch::RequestContext;
use raft::{Answer, ReplicaKey, Request, VersionRange, Voter, message};
use std::borrow::Cow;
use types::{ErrorCode, LeaderEpoch, NodeId};
use wire::update_raft_voter_request::UpdateRaftVoterRequest;
use wire::update_raft_voter_response::{CurrentLeader, UpdateRaftVoterResponse};

pub(crate) async fn answer(
    context: &RequestContext<'_>,
    request: UpdateRaftVoterRequest<'_>,
) -> UpdateRaftVoterResponse<'static> {
    if let Err(code) = check_cluster(context, request.cluster_id.as_deref()) {
        return refused(code);
    }
    let told = request.listeners.iter();
    let told = told.map(|at| (at.name.to_string(), at.host.to_string(), at.port));
    let feature = &request.kraft_version_feature;
    let update = message::UpdateVoterRequest {
        current_epoch: LeaderEpoch(request.current_leader_epoch),
        voter: Voter {
            key: ReplicaKey::new(NodeId(request.voter_id), request.voter_directory_id),
            endpoints: endpoints(told),
            kraft_versions: VersionRange {
                min: feature.min_supported_version,
                max: feature.max_supported_version,
            },
        },
    };
    match serve(context, Request::UpdateVoter(update)).await.map(|served| served.answer) {
        Ok(Answer::UpdateVoter(answer)) => response(context, &answer),
        Ok(_) => refused(ErrorCode::UnknownServerError),
        Err(code) => refused(code),
    }
}

fn response(
    context: &RequestContext<'_>,
    answer: &message::EpochAnswer,
) -> UpdateRaftVoterResponse<'static> {
    let mut leader = CurrentLeader {
        leader_id: leader_id(&answer.leader),
        leader_epoch: answer.leader.epoch.0,
        ..CurrentLeader::default()
    };
    if let Some((_, endpoint)) = leader_endpoint(context, &answer.leader) {
        leader.host = Cow::Owned(endpoint.host.clone());
        leader.port = i32::from(endpoint.port);
    }
    UpdateRaftVoterResponse {
        error_code: answer.error.code(),
        current_leader: leader,
        ..UpdateRaftVoterResponse::default()
    }
}

fn refused(code: ErrorCode) -> UpdateRaftVoterResponse<'static> {
    UpdateRaftVoterResponse { error_code: code.code(), ..UpdateRaftVoterResponse::default() }
}
