//! DeleteRecords: raise the start of a log.

use crate::dispatch::RequestContext;
use crate::partition::{Move, Partition, Waiter};
use metadata::is_internal_topic;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;
use types::{ErrorCode, Offset};
use wire::delete_records_request::{DeleteRecordsPartition, DeleteRecordsRequest};
use wire::delete_records_response::{
    DeleteRecordsPartitionResult, DeleteRecordsResponse, DeleteRecordsTopicResult,
};

/// Stands for the high watermark: everything that can be read.
const EVERYTHING: i64 = -1;

/// Low watermark in an answer with an error.
const UNKNOWN: i64 = -1;

pub(crate) async fn answer<'a>(
    context: &RequestContext<'_>,
    request: DeleteRecordsRequest<'a>,
) -> DeleteRecordsResponse<'a> {
    let timeout = Duration::from_millis(u64::try_from(request.timeout_ms).unwrap_or(0));
    let deadline = Instant::now() + timeout;
    let mut topics = Vec::with_capacity(request.topics.len());
    for topic in request.topics {
        let mut partitions = Vec::with_capacity(topic.partitions.len());
        for wanted in &topic.partitions {
            let outcome = delete(context, &topic.name, wanted, deadline).await;
            partitions.push(DeleteRecordsPartitionResult {
                partition_index: wanted.partition_index,
                low_watermark: outcome.map_or(UNKNOWN, |start| start.0),
                error_code: outcome.err().unwrap_or_default().code(),
            });
        }
        topics.push(DeleteRecordsTopicResult { name: topic.name, partitions });
    }
    DeleteRecordsResponse { topics, ..Default::default() }
}

async fn delete(
    context: &RequestContext<'_>,
    topic: &str,
    wanted: &DeleteRecordsPartition,
    deadline: Instant,
) -> Result<Offset, ErrorCode> {
    if is_internal_topic(topic) {
        return Err(ErrorCode::InvalidTopicException);
    }
    let partition = context.led_partition(topic, wanted.partition_index)?;
    if !partition.topic.rules.load().is_deletable {
        return Err(ErrorCode::PolicyViolation);
    }
    let start = raise_start(&partition, wanted.offset).await?;
    match partition.is_replicated() {
        true => deleted_everywhere(&partition, start, deadline).await,
        false => Ok(start),
    }
}

/// The start that the log has then.
async fn raise_start(partition: &Arc<Partition>, wanted: i64) -> Result<Offset, ErrorCode> {
    let mut log = partition.log().await?;
    let high_watermark = log.ends().high_watermark;
    let start = match wanted {
        EVERYTHING => high_watermark,
        offset => Offset(offset),
    };
    if start < Offset::ZERO || start > high_watermark {
        return Err(ErrorCode::OffsetOutOfRange);
    }
    let start = log.delete_records(start).map_err(|error| error.code())?;
    log.publish();
    Ok(start)
}

/// Waits until every active replica begins at `start` or behind; the least of where they begin.
async fn deleted_everywhere(
    partition: &Arc<Partition>,
    start: Offset,
    deadline: Instant,
) -> Result<Offset, ErrorCode> {
    let waiter = Arc::new(Waiter::default());
    let outcome = loop {
        partition.await_move(Move::Committed, &waiter);
        match partition.low_watermark() {
            Some(low) if low >= start => break Ok(low),
            Some(_) => {}
            None => break Err(ErrorCode::NotLeaderOrFollower),
        }
        if tokio::time::timeout_at(deadline, waiter.woken()).await.is_err() {
            break Err(ErrorCode::RequestTimedOut);
        }
    };
    partition.forget(Move::Committed, &waiter);
    outcome
}
