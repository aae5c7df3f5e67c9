//! Fetch on a controller's listener: the metadata log, for brokers that follow it.

use crate::controller::leader::{LogAnswer, LogFetch, LogFound, LogLeader, ReplicaKey};
use crate::dispatch::RequestContext;
use metadata::image::Endpoint;
use std::borrow::Cow;
use std::time::Duration;
use tokio::time::Instant;
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

/// No answer is larger, whatever the request allows; Kafka's bound of `raft` fetches.
const RESPONSE_BYTES_MAX: u32 = 8 * 1024 * 1024;

pub(crate) async fn answer(
    context: &RequestContext<'_>,
    request: FetchRequest<'_>,
) -> FetchResponse<'static> {
    let fetch = match read(context, &request) {
        Ok(fetch) => fetch,
        Err(code) => return refused(code),
    };
    match fetched(context, &request, fetch).await {
        Ok(answer) => response(context, answer),
        Err(code) => refused(code),
    }
}

fn read(context: &RequestContext<'_>, request: &FetchRequest<'_>) -> Result<LogFetch, ErrorCode> {
    let cluster = request.cluster_id.as_deref();
    if cluster.is_some_and(|cluster| cluster != context.node.cluster_id) {
        return Err(ErrorCode::InconsistentClusterId);
    }
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
    let bytes_max = request.max_bytes.min(partition.partition_max_bytes);
    Ok(LogFetch {
        replica: replica(context, request, partition),
        leader_epoch: Some(LeaderEpoch(partition.current_leader_epoch))
            .filter(|epoch| *epoch >= LeaderEpoch(0)),
        offset: Offset(partition.fetch_offset),
        last_epoch: LeaderEpoch(partition.last_fetched_epoch),
        bytes_max: u32::try_from(bytes_max).unwrap_or_default().clamp(1, RESPONSE_BYTES_MAX),
    })
}

fn replica(
    context: &RequestContext<'_>,
    request: &FetchRequest<'_>,
    partition: &FetchPartition,
) -> Option<ReplicaKey> {
    let node = match context.version {
        FIRST_VERSION_WITH_REPLICA_STATE.. => request.replica_state.replica_id,
        _ => request.replica_id,
    };
    let directory = partition.replica_directory_id;
    (node >= 0).then_some(ReplicaKey { node: NodeId(node), directory })
}

/// Fetches; where there is nothing to be had, waits for it as long as the request says.
async fn fetched(
    context: &RequestContext<'_>,
    request: &FetchRequest<'_>,
    fetch: LogFetch,
) -> Result<LogAnswer, ErrorCode> {
    let controller = context.controller()?;
    let wait = Duration::from_millis(u64::try_from(request.max_wait_ms).unwrap_or_default());
    let until = Instant::now() + wait;
    let mut stopping = context.node.stopping.clone();
    loop {
        let answer = controller.fetch(fetch).await.map_err(|_| ErrorCode::BrokerNotAvailable)?;
        let is_empty = matches!(&answer.found, LogFound::Records(bytes) if bytes.is_empty());
        if !is_empty || request.min_bytes <= 0 {
            return Ok(answer);
        }
        tokio::select! {
            () = controller.committed_past(answer.high_watermark) => {}
            () = tokio::time::sleep_until(until) => return Ok(answer),
            _ = stopping.wait_for(|stop| *stop) => return Ok(answer),
        }
    }
}

fn response(context: &RequestContext<'_>, answer: LogAnswer) -> FetchResponse<'static> {
    let LogAnswer { found, leader, high_watermark, start } = answer;
    let mut partition = PartitionData {
        high_watermark: high_watermark.0,
        last_stable_offset: high_watermark.0,
        log_start_offset: start.0,
        current_leader: LeaderIdAndEpoch { leader_id: leader.id.0, leader_epoch: leader.epoch.0 },
        records: Records::Inline(Cow::Borrowed(&[])),
        ..PartitionData::default()
    };
    match found {
        LogFound::Records(bytes) => partition.records = Records::Inline(Cow::Owned(bytes)),
        LogFound::Diverging { epoch, end } => {
            partition.diverging_epoch = EpochEndOffset { epoch: epoch.0, end_offset: end.0 };
        }
        LogFound::Snapshot(id) => {
            partition.snapshot_id = SnapshotId { end_offset: id.end.0, epoch: id.epoch.0 };
        }
        LogFound::Refused(code) => partition.error_code = code.code(),
    }
    let told =
        endpoint(context, &leader).filter(|_| context.version >= FIRST_VERSION_WITH_ENDPOINTS);
    let endpoints = told.map(node_endpoint(&leader)).into_iter().collect();
    FetchResponse {
        responses: vec![FetchableTopicResponse {
            topic: METADATA_TOPIC.into(),
            topic_id: METADATA_TOPIC_ID,
            partitions: vec![partition],
        }],
        node_endpoints: endpoints,
        ..FetchResponse::default()
    }
}

/// The leader's endpoint on the listener that the request came in by.
pub(crate) fn endpoint<'l>(
    context: &RequestContext<'_>,
    leader: &'l LogLeader,
) -> Option<&'l Endpoint> {
    let listener = &context.connection.listener;
    leader.endpoints.iter().find(|endpoint| *endpoint.listener == **listener)
}

fn node_endpoint(leader: &LogLeader) -> impl Fn(&Endpoint) -> NodeEndpoint<'static> {
    let node_id = leader.id.0;
    move |endpoint| NodeEndpoint {
        node_id,
        host: Cow::Owned(endpoint.host.to_string()),
        port: i32::from(endpoint.port),
        rack: None,
    }
}

fn refused(code: ErrorCode) -> FetchResponse<'static> {
    FetchResponse { error_code: code.code(), ..FetchResponse::default() }
}
