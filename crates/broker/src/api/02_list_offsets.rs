//! ListOffsets: where a partition begins, ends, or held a given time.

use crate::dispatch::RequestContext;
use crate::partition::{LogGuard, Partition};
use log::TimestampedOffset;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use types::{ErrorCode, LeaderEpoch, Offset, TimestampMs};
use wire::list_offsets_request::{ListOffsetsPartition, ListOffsetsRequest, ListOffsetsTopic};
use wire::list_offsets_response::{
    ListOffsetsPartitionResponse, ListOffsetsResponse, ListOffsetsTopicResponse,
};

/// Timestamps below zero have meanings of their own.
const LATEST: i64 = -1;
const EARLIEST: i64 = -2;
const MAX_TIMESTAMP: i64 = -3;
const EARLIEST_LOCAL: i64 = -4;
const LATEST_TIERED: i64 = -5;
const EARLIEST_PENDING_UPLOAD: i64 = -6;

/// The first version that knows each of them.
const FIRST_VERSION: [(i64, i16); 4] =
    [(MAX_TIMESTAMP, 7), (EARLIEST_LOCAL, 8), (LATEST_TIERED, 9), (EARLIEST_PENDING_UPLOAD, 11)];

/// The first version that has room for the epoch of what was found.
const FIRST_VERSION_WITH_EPOCH: i16 = 4;

const FIRST_VERSION_WITH_NOT_AVAILABLE: i16 = 5;

/// A consumer's id in place of a replica's.
const CONSUMER: i32 = -1;
/// A debugging consumer, who may ask any replica.
const DEBUGGER: i32 = -2;
const READ_COMMITTED: i8 = 1;

/// Where reading may go up to.
#[derive(Clone, Copy)]
pub(crate) enum Bound {
    LogEnd,
    HighWatermark,
    LastStable,
}

pub(crate) async fn answer<'a>(
    context: &RequestContext<'_>,
    request: ListOffsetsRequest<'a>,
) -> ListOffsetsResponse<'a> {
    let bound = match (request.replica_id, request.isolation_level) {
        (CONSUMER, READ_COMMITTED) => Bound::LastStable,
        (CONSUMER, _) => Bound::HighWatermark,
        (_, _) => Bound::LogEnd,
    };
    let mut doubled = doubled(&request.topics);
    let mut topics = Vec::with_capacity(request.topics.len());
    for topic in &request.topics {
        let mut partitions = Vec::with_capacity(topic.partitions.len());
        for wanted in &topic.partitions {
            if let Some(is_refused) = doubled.get_mut(&(&*topic.name, wanted.partition_index)) {
                if !std::mem::replace(is_refused, true) {
                    let refused = Err(ErrorCode::InvalidRequest);
                    partitions.push(response(wanted.partition_index, refused));
                }
                continue;
            }
            let found = match partition(context, request.replica_id, &topic.name, wanted) {
                Ok(partition) => find(&partition, context.version, wanted.timestamp, bound).await,
                Err(code) => Err(code),
            };
            let mut found = response(wanted.partition_index, found);
            if context.version < FIRST_VERSION_WITH_EPOCH {
                found.leader_epoch = LeaderEpoch::NONE.0;
            }
            partitions.push(found);
        }
        topics.push(ListOffsetsTopicResponse { name: topic.name.clone(), partitions });
    }
    ListOffsetsResponse { topics, ..Default::default() }
}

/// Partitions that are asked for more than once, which is refused once for each; none is yet.
fn doubled<'r>(topics: &'r [ListOffsetsTopic<'_>]) -> BTreeMap<(&'r str, i32), bool> {
    let mut seen = BTreeSet::new();
    let asked = topics.iter().flat_map(|topic| {
        topic.partitions.iter().map(|partition| (&*topic.name, partition.partition_index))
    });
    asked.filter(|asked| !seen.insert(*asked)).map(|doubled| (doubled, false)).collect()
}

/// Nothing found is not an error: offset and timestamp are -1 then (rule 28).
fn response(
    partition_index: i32,
    found: Result<Option<TimestampedOffset>, ErrorCode>,
) -> ListOffsetsPartitionResponse {
    match found {
        Ok(Some(found)) => ListOffsetsPartitionResponse {
            partition_index,
            timestamp: found.timestamp.0,
            offset: found.offset.0,
            leader_epoch: found.leader_epoch.unwrap_or(LeaderEpoch::NONE).0,
            ..Default::default()
        },
        Ok(None) => ListOffsetsPartitionResponse { partition_index, ..Default::default() },
        Err(code) => ListOffsetsPartitionResponse {
            partition_index,
            error_code: code.code(),
            ..Default::default()
        },
    }
}

/// The partition that is asked, if this replica may answer.
fn partition(
    context: &RequestContext<'_>,
    replica_id: i32,
    topic: &str,
    wanted: &ListOffsetsPartition,
) -> Result<Arc<Partition>, ErrorCode> {
    let first_version = FIRST_VERSION.iter().find(|(time, _)| *time == wanted.timestamp);
    if first_version.is_some_and(|(_, version)| context.version < *version) {
        return Err(ErrorCode::UnsupportedVersion);
    }
    let current = LeaderEpoch(wanted.current_leader_epoch);
    match replica_id {
        DEBUGGER => context.partition_in(topic, wanted.partition_index, current),
        _ => context.led_partition_in(topic, wanted.partition_index, current),
    }
}

/// What `timestamp`, or what it stands for, leads to within the bound.
pub(crate) async fn find(
    partition: &Arc<Partition>,
    version: i16,
    timestamp: i64,
    bound: Bound,
) -> Result<Option<TimestampedOffset>, ErrorCode> {
    match timestamp {
        LATEST => {
            let log = partition.log().await?;
            if !is_known(&log, bound) {
                return Err(not_yet_known(version));
            }
            Ok(at(upper(&log, bound), log.latest_epoch()))
        }
        EARLIEST | EARLIEST_LOCAL => {
            let log = partition.log().await?;
            let start = log.start_offset();
            Ok(at(start, log.epoch_at(start)))
        }
        // Nothing is tiered: nothing was uploaded, and nothing waits for that.
        LATEST_TIERED | EARLIEST_PENDING_UPLOAD => Ok(None),
        MAX_TIMESTAMP => search(partition, version, bound, |log| log.max_timestamp()).await,
        time if time >= 0 => {
            let look = move |log: &mut LogGuard<'_>| log.offset_for_timestamp(TimestampMs(time));
            search(partition, version, bound, look).await
        }
        _ => Err(ErrorCode::UnsupportedVersion),
    }
}

/// Soon after an election a client must not be told that there is no more than what this leader knows
/// to be committed: its predecessor may have told of more (KIP-207).
fn is_known(log: &LogGuard<'_>, bound: Bound) -> bool {
    matches!(bound, Bound::LogEnd) || log.is_watermark_known()
}

fn not_yet_known(version: i16) -> ErrorCode {
    match version >= FIRST_VERSION_WITH_NOT_AVAILABLE {
        true => ErrorCode::OffsetNotAvailable,
        false => ErrorCode::LeaderNotAvailable,
    }
}

fn at(offset: Offset, leader_epoch: Option<LeaderEpoch>) -> Option<TimestampedOffset> {
    Some(TimestampedOffset { offset, timestamp: TimestampMs::NONE, leader_epoch })
}

fn upper(log: &LogGuard<'_>, bound: Bound) -> Offset {
    let ends = log.ends();
    match bound {
        Bound::LogEnd => ends.log_end,
        Bound::HighWatermark => ends.high_watermark,
        Bound::LastStable => ends.last_stable,
    }
}

/// Searches by time on a thread that may block: batches are read from the file, cold or not.
async fn search(
    partition: &Arc<Partition>,
    version: i16,
    bound: Bound,
    look: impl FnOnce(&mut LogGuard<'_>) -> Result<Option<TimestampedOffset>, log::LogError>
    + Send
    + 'static,
) -> Result<Option<TimestampedOffset>, ErrorCode> {
    let searched = Arc::clone(partition);
    let work = move || {
        let mut log = searched.open()?;
        let found = look(&mut log).map_err(|error| {
            tracing::error!(partition = ?searched, %error, "cannot search by time");
            error.code()
        })?;
        match found.filter(|found| found.offset < upper(&log, bound)) {
            None if !is_known(&log, bound) => Err(not_yet_known(version)),
            found => Ok(found),
        }
    };
    let found = partition.directory().pool.run(work).await;
    found.unwrap_or(Err(ErrorCode::KafkaStorageError))
}
