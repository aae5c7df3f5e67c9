//! Vote: another voter stands for election, or asks whether it should (KIP-595, KIP-996).

use super::fetch_metadata_log::METADATA_TOPIC;
use super::quorum::{FIRST_VERSION_WITH_KEYS, leader_endpoint, leader_id, only_partition, serve};
use crate::dispatch::RequestContext;
use raft::{Answer, LogEnd, ReplicaKey, Request, message};
use std::borrow::Cow;
use types::{ErrorCode, LeaderEpoch, NodeId, Offset};
use wire::vote_request::VoteRequest;
use wire::vote_response::{NodeEndpoint, PartitionData, TopicData, VoteResponse};

pub(crate) async fn answer(
    context: &RequestContext<'_>,
    request: VoteRequest<'_>,
) -> VoteResponse<'static> {
    let vote = match read(context, &request) {
        Ok(vote) => vote,
        Err(code) => return refused(code),
    };
    match serve(context, Request::Vote(vote)).await.map(|served| served.answer) {
        Ok(Answer::Vote(answer)) => response(context, &answer),
        Ok(_) => refused(ErrorCode::UnknownServerError),
        Err(code) => refused(code),
    }
}

fn read(
    context: &RequestContext<'_>,
    request: &VoteRequest<'_>,
) -> Result<message::VoteRequest, ErrorCode> {
    let asked = request.topics.iter().flat_map(|topic| {
        topic.partitions.iter().map(|p| (&*topic.topic_name, p.partition_index, p))
    });
    let partition = only_partition(context, request.cluster_id.as_deref(), asked)?;
    let names_us = context.version >= FIRST_VERSION_WITH_KEYS && request.voter_id >= 0;
    let voter = ReplicaKey::new(NodeId(request.voter_id), partition.voter_directory_id);
    Ok(message::VoteRequest {
        voter: names_us.then_some(voter),
        replica: ReplicaKey::new(NodeId(partition.replica_id), partition.replica_directory_id),
        epoch: LeaderEpoch(partition.replica_epoch),
        last: LogEnd {
            offset: Offset(partition.last_offset),
            epoch: LeaderEpoch(partition.last_offset_epoch),
        },
        pre_vote: partition.pre_vote,
    })
}

fn response(context: &RequestContext<'_>, answer: &message::VoteAnswer) -> VoteResponse<'static> {
    let partition = PartitionData {
        partition_index: 0,
        error_code: answer.error.code(),
        leader_id: leader_id(&answer.leader),
        leader_epoch: answer.leader.epoch.0,
        vote_granted: answer.granted,
    };
    let endpoint = leader_endpoint(context, &answer.leader);
    let node = endpoint.map(|(id, endpoint)| NodeEndpoint {
        node_id: id.0,
        host: Cow::Owned(endpoint.host.clone()),
        port: endpoint.port,
    });
    let is_told = context.version >= FIRST_VERSION_WITH_KEYS;
    VoteResponse {
        error_code: ErrorCode::None.code(),
        topics: vec![TopicData { topic_name: METADATA_TOPIC.into(), partitions: vec![partition] }],
        node_endpoints: node.filter(|_| is_told).into_iter().collect(),
    }
}

fn refused(code: ErrorCode) -> VoteResponse<'static> {
    VoteResponse { error_code: code.code(), ..VoteResponse::default() }
}
