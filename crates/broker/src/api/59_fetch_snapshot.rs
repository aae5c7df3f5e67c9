//! FetchSnapshot: a snapshot of the metadata log, piece by piece.

use super::fetch_metadata_log::{METADATA_TOPIC, endpoint};
use crate::controller::checkpoint;
use crate::controller::leader::{LogLeader, SnapshotFetch, SnapshotPart, SnapshotRefusal};
use crate::dispatch::RequestContext;
use std::borrow::Cow;
use types::{ErrorCode, LeaderEpoch, Offset};
use wire::Records;
use wire::fetch_snapshot_request::{self, FetchSnapshotRequest};
use wire::fetch_snapshot_response::{
    FetchSnapshotResponse, LeaderIdAndEpoch, NodeEndpoint, PartitionSnapshot, SnapshotId,
    TopicSnapshot,
};

/// No answer is larger, whatever the request allows.
const RESPONSE_BYTES_MAX: usize = 8 * 1024 * 1024;

const FIRST_VERSION_WITH_ENDPOINTS: i16 = 1;

pub(crate) async fn answer(
    context: &RequestContext<'_>,
    request: FetchSnapshotRequest<'_>,
) -> FetchSnapshotResponse<'static> {
    let cluster = request.cluster_id.as_deref();
    if cluster.is_some_and(|cluster| cluster != context.node.cluster_id) {
        return refused(ErrorCode::InconsistentClusterId);
    }
    let asked = request.topics.iter().flat_map(|topic| {
        topic.partitions.iter().map(|partition| (&*topic.name, partition.partition, partition))
    });
    let asked: Vec<_> = asked.collect();
    let [(METADATA_TOPIC, 0, partition)] = asked.as_slice() else {
        return refused(ErrorCode::UnknownTopicOrPartition);
    };
    let id = &partition.snapshot_id;
    let id = checkpoint::SnapshotId { end: Offset(id.end_offset), epoch: LeaderEpoch(id.epoch) };
    let Ok(position) = u64::try_from(partition.position) else {
        return refused(ErrorCode::PositionOutOfRange);
    };
    let fetch = SnapshotFetch {
        id,
        leader_epoch: LeaderEpoch(partition.current_leader_epoch),
        position,
        bytes_max: usize::try_from(request.max_bytes).unwrap_or_default().min(RESPONSE_BYTES_MAX),
    };
    let Ok(controller) = context.controller() else {
        return refused(ErrorCode::NotController);
    };
    match controller.fetch_snapshot(fetch).await {
        Ok(part) => response(context, partition, part),
        Err(_) => refused(ErrorCode::BrokerNotAvailable),
    }
}

fn response(
    context: &RequestContext<'_>,
    asked: &fetch_snapshot_request::PartitionSnapshot,
    part: Result<SnapshotPart, SnapshotRefusal>,
) -> FetchSnapshotResponse<'static> {
    let mut partition = PartitionSnapshot {
        snapshot_id: SnapshotId {
            end_offset: asked.snapshot_id.end_offset,
            epoch: asked.snapshot_id.epoch,
        },
        unaligned_records: Records::Inline(Cow::Borrowed(&[])),
        ..PartitionSnapshot::default()
    };
    let leader = match part {
        Ok(SnapshotPart { size, bytes, leader }) => {
            partition.size = i64::try_from(size).unwrap_or(i64::MAX);
            partition.position = asked.position;
            partition.unaligned_records = Records::Inline(Cow::Owned(bytes));
            leader
        }
        Err(SnapshotRefusal { code, leader }) => {
            partition.error_code = code.code();
            leader
        }
    };
    partition.current_leader =
        LeaderIdAndEpoch { leader_id: leader.id.0, leader_epoch: leader.epoch.0 };
    FetchSnapshotResponse {
        topics: vec![TopicSnapshot { name: METADATA_TOPIC.into(), partitions: vec![partition] }],
        node_endpoints: node_endpoints(context, &leader),
        ..FetchSnapshotResponse::default()
    }
}

fn node_endpoints(context: &RequestContext<'_>, leader: &LogLeader) -> Vec<NodeEndpoint<'static>> {
    let node = |endpoint: &metadata::image::Endpoint| NodeEndpoint {
        node_id: leader.id.0,
        host: Cow::Owned(endpoint.host.to_string()),
        port: endpoint.port,
    };
    let told =
        endpoint(context, leader).filter(|_| context.version >= FIRST_VERSION_WITH_ENDPOINTS);
    told.map(node).into_iter().collect()
}

fn refused(code: ErrorCode) -> FetchSnapshotResponse<'static> {
    FetchSnapshotResponse { error_code: code.code(), ..FetchSnapshotResponse::default() }
}
