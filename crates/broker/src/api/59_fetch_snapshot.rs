//! FetchSnapshot: a snapshot of the metadata log, piece by piece.

use super::fetch_metadata_log::METADATA_TOPIC;
use super::quorum::{check_cluster, leader_endpoint, leader_id, serve};
use crate::controller::Served;
use crate::dispatch::RequestContext;
use raft::message::{self, FetchSnapshotAnswer};
use raft::{Answer, LogEnd, ReplicaKey, Request};
use std::borrow::Cow;
use types::{ErrorCode, LeaderEpoch, NodeId, Offset};
use wire::Records;
use wire::fetch_snapshot_request::FetchSnapshotRequest;
use wire::fetch_snapshot_response::{
    FetchSnapshotResponse, LeaderIdAndEpoch, NodeEndpoint, PartitionSnapshot, SnapshotId,
    TopicSnapshot,
};

const FIRST_VERSION_WITH_ENDPOINTS: i16 = 1;

pub(crate) async fn answer(
    context: &RequestContext<'_>,
    request: FetchSnapshotRequest<'_>,
) -> FetchSnapshotResponse<'static> {
    let fetch = match read(context, &request) {
        Ok(fetch) => fetch,
        Err(code) => return refused(code),
    };
    match serve(context, Request::FetchSnapshot(fetch)).await {
        Ok(Served { answer: Answer::FetchSnapshot(answer), bytes, snapshot_size }) => {
            response(context, &answer, bytes, snapshot_size)
        }
        Ok(_) => refused(ErrorCode::UnknownServerError),
        Err(code) => refused(code),
    }
}

fn read(
    context: &RequestContext<'_>,
    request: &FetchSnapshotRequest<'_>,
) -> Result<message::FetchSnapshotRequest, ErrorCode> {
    check_cluster(context, request.cluster_id.as_deref())?;
    let asked = request.topics.iter().flat_map(|topic| {
        topic.partitions.iter().map(|partition| (&*topic.name, partition.partition, partition))
    });
    let asked: Vec<_> = asked.collect();
    let [(METADATA_TOPIC, 0, partition)] = asked.as_slice() else {
        return Err(ErrorCode::UnknownTopicOrPartition);
    };
    let id = &partition.snapshot_id;
    Ok(message::FetchSnapshotRequest {
        replica: ReplicaKey::new(NodeId(request.replica_id), partition.replica_directory_id),
        current_epoch: LeaderEpoch(partition.current_leader_epoch),
        snapshot: LogEnd { offset: Offset(id.end_offset), epoch: LeaderEpoch(id.epoch) },
        position: u64::try_from(partition.position).map_err(|_| ErrorCode::PositionOutOfRange)?,
        bytes_max: u32::try_from(request.max_bytes).unwrap_or_default(),
    })
}

fn response(
    context: &RequestContext<'_>,
    answer: &FetchSnapshotAnswer,
    bytes: Vec<u8>,
    size: u64,
) -> FetchSnapshotResponse<'static> {
    let (id, leader) = (answer.snapshot, &answer.leader);
    let partition = PartitionSnapshot {
        error_code: answer.error.code(),
        snapshot_id: SnapshotId { end_offset: id.offset.0, epoch: id.epoch.0 },
        current_leader: LeaderIdAndEpoch {
            leader_id: leader_id(leader),
            leader_epoch: leader.epoch.0,
        },
        size: i64::try_from(size).unwrap_or(i64::MAX),
        position: i64::try_from(answer.position).unwrap_or(i64::MAX),
        unaligned_records: Records::Inline(Cow::Owned(bytes)),
        ..PartitionSnapshot::default()
    };
    let told = leader_endpoint(context, leader)
        .filter(|_| context.version >= FIRST_VERSION_WITH_ENDPOINTS);
    let endpoint = told.map(|(id, endpoint)| NodeEndpoint {
        node_id: id.0,
        host: Cow::Owned(endpoint.host.clone()),
        port: endpoint.port,
    });
    FetchSnapshotResponse {
        topics: vec![TopicSnapshot { name: METADATA_TOPIC.into(), partitions: vec![partition] }],
        node_endpoints: endpoint.into_iter().collect(),
        ..FetchSnapshotResponse::default()
    }
}

fn refused(code: ErrorCode) -> FetchSnapshotResponse<'static> {
    FetchSnapshotResponse { error_code: code.code(), ..FetchSnapshotResponse::default() }
}
