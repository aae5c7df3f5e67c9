//! DeleteRecords: raise the start of a log.

use crate::dispatch::RequestContext;
use metadata::is_internal_topic;
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
    let mut topics = Vec::with_capacity(request.topics.len());
    for topic in request.topics {
        let mut partitions = Vec::with_capacity(topic.partitions.len());
        for wanted in &topic.partitions {
            let outcome = delete(context, &topic.name, wanted).await;
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
) -> Result<Offset, ErrorCode> {
    if is_internal_topic(topic) {
        return Err(ErrorCode::InvalidTopicException);
    }
    let partition = context.led_partition(topic, wanted.partition_index)?;
    if !partition.topic.rules.load().is_deletable {
        return Err(ErrorCode::PolicyViolation);
    }
    let mut log = partition.log().await?;
    let high_watermark = log.ends().high_watermark;
    let start = match wanted.offset {
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
