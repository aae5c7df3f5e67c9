//! Fetch on a controller's listener: the metadata log, for brokers that follow it.

use super::quorum::{check_cluster, leader_endpoint, leader_id, serve};
use crate::controller::Served;
use crate::dispatch::RequestContext;
use raft::message::{FetchAnswer, Found};
use raft::{Answer, ReplicaKey, Request};
use std::borrow::Cow;
use types::{ErrorCode, LeaderEpoch, NodeId, Offset, TopicId, Uuid};
use wire::Records;
use wire::fetch_request::{FetchPartition, FetchRequest};
use wire::fetch_response::{
    EpochEndOffset, FetchResponse, FetchableTopicResponse, LeaderIdAndEpoch, NodeEndpoint,
    PartitionData, SnapshotId,
};

/// The only topic of a controller.
pub(crate) const METADATA_TOPIC: &str = "__cluster_metadata";
pub(crate) const METADATA_TOPIC_ID: TopicId = Uuid::ONE;

/// The quorum follows its leader in these versions only (KIP-595); older ones read plain records.
const FIRST_VERSION_OF_RAFT: i16 = 12;
const FIRST_VERSION_WITH_IDS: i16 = 13;
const FIRST_VERSION_WITH_REPLICA_STATE: i16 = 15;
const FIRST_VERSION_WITH_ENDPOINTS: i16 = 16;

const FIRST_VERSION_WITH_WATERMARK: i16 = 18;

pub(crate) async fn answer(
    context: &RequestContext<'_>,
    request: FetchRequest<'_>,
) -> FetchResponse<'static> {
    let fetch = match read(context, &request) {
        Ok(fetch) => fetch,
        Err(code) => return refused(code),
    };
    let mut stopping = context.node.stopping.clone();
    let served = tokio::select! {
        served = serve(context, Request::Fetch(fetch)) => served,
        _ = stopping.wait_for(|stop| *stop) => Err(ErrorCode::BrokerNotAvailable),
        // nobody reads it; the quorum holds back only so many, for so long
        () = context.peer.hung_up() => Err(ErrorCode::RequestTimedOut),
    };
    match served {
        Ok(Served { answer: Answer::Fetch(answer), bytes, .. }) => response(context, answer, bytes),
        Ok(_) => refused(ErrorCode::UnknownServerError),
        Err(code) => refused(code),
    }
}

fn read(
    context: &RequestContext<'_>,
    request: &FetchRequest<'_>,
) -> Result<raft::message::FetchRequest, ErrorCode> {
    check_cluster(context, request.cluster_id.as_deref())?;
    let [topic] = request.topics.as_slice() else { return Err(ErrorCode::InvalidRequest) };
    let is_ours = match context.version {
        FIRST_VERSION_WITH_IDS.. => topic.topic_id == METADATA_TOPIC_ID,
        _ => topic.topic == METADATA_TOPIC,
    };
    let [partition] = topic.partitions.as_slice() else { return Err(ErrorCode::InvalidRequest) };
    let is_raft = context.version >= FIRST_VERSION_OF_RAFT;
    if !is_raft || !is_ours || partition.partition != 0 {
        return Err(ErrorCode::InvalidRequest);
    }
    Ok(raft::message::FetchRequest {
        replica: replica(context, request, partition),
        current_epoch: LeaderEpoch(partition.current_leader_epoch),
        offset: Offset(partition.fetch_offset),
        last_fetched_epoch: LeaderEpoch(partition.last_fetched_epoch),
        high_watermark: match context.version {
            FIRST_VERSION_WITH_WATERMARK.. => Offset(partition.high_watermark),
            _ => Offset(i64::MAX),
        },
        wait_ms_max: match request.min_bytes {
            ..=0 => 0,
            _ => request.max_wait_ms,
        },
        bytes_max: request.max_bytes.min(partition.partition_max_bytes).max(1),
    })
}

fn replica(
    context: &RequestContext<'_>,
    request: &FetchRequest<'_>,
    partition: &FetchPartition,
) -> ReplicaKey {
    let node = match context.version {
        FIRST_VERSION_WITH_REPLICA_STATE.. => request.replica_state.replica_id,
        _ => request.replica_id,
    };
    ReplicaKey::new(NodeId(node), partition.replica_directory_id)
}

fn response(
    context: &RequestContext<'_>,
    answer: FetchAnswer,
    bytes: Vec<u8>,
) -> FetchResponse<'static> {
    let FetchAnswer { error, leader, high_watermark, log_start, found } = answer;
    let mut partition = PartitionData {
        error_code: error.code(),
        high_watermark: high_watermark.0,
        last_stable_offset: high_watermark.0,
        log_start_offset: log_start.0,
        current_leader: LeaderIdAndEpoch {
            leader_id: leader_id(&leader),
            leader_epoch: leader.epoch.0,
        },
        records: Records::Inline(Cow::Owned(bytes)),
        ..PartitionData::default()
    };
    match found {
        Found::Records { .. } | Found::Nothing => {}
        Found::Diverging(end) => {
            partition.diverging_epoch =
                EpochEndOffset { epoch: end.epoch.0, end_offset: end.offset.0 };
        }
        Found::Snapshot(id) => {
            partition.snapshot_id = SnapshotId { end_offset: id.offset.0, epoch: id.epoch.0 };
        }
    }
    let told = leader_endpoint(context, &leader)
        .filter(|_| context.version >= FIRST_VERSION_WITH_ENDPOINTS);
    let endpoint = told.map(|(id, endpoint)| NodeEndpoint {
        node_id: id.0,
        host: Cow::Owned(endpoint.host.clone()),
        port: i32::from(endpoint.port),
        rack: None,
    });
    FetchResponse {
        responses: vec![FetchableTopicResponse {
            topic: METADATA_TOPIC.into(),
            topic_id: METADATA_TOPIC_ID,
            partitions: vec![partition],
        }],
        node_endpoints: endpoint.into_iter().collect(),
        ..FetchResponse::default()
    }
}

fn refused(code: ErrorCode) -> FetchResponse<'static> {
    FetchResponse { error_code: code.code(), ..FetchResponse::default() }
}
