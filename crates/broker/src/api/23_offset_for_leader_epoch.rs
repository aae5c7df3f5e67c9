//! OffsetForLeaderEpoch: where an epoch ended in this leader's log (rule 27).

use crate::dispatch::RequestContext;
use log::EpochEnd;
use types::{ErrorCode, LeaderEpoch};
use wire::offset_for_leader_epoch_request::{
    OffsetForLeaderEpochRequest, OffsetForLeaderPartition,
};
use wire::offset_for_leader_epoch_response::{
    EpochEndOffset, OffsetForLeaderEpochResponse, OffsetForLeaderTopicResult,
};

pub(crate) async fn answer<'a>(
    context: &RequestContext<'_>,
    request: OffsetForLeaderEpochRequest<'a>,
) -> OffsetForLeaderEpochResponse<'a> {
    let mut topics = Vec::with_capacity(request.topics.len());
    for topic in request.topics {
        let mut partitions = Vec::with_capacity(topic.partitions.len());
        for wanted in &topic.partitions {
            let found = end_of(context, &topic.topic, wanted).await;
            let end = found.ok().flatten();
            partitions.push(EpochEndOffset {
                error_code: found.err().unwrap_or_default().code(),
                partition: wanted.partition,
                leader_epoch: end.map_or(LeaderEpoch::NONE, |end| end.epoch).0,
                end_offset: end.map_or(-1, |end| end.end_offset.0),
            });
        }
        topics.push(OffsetForLeaderTopicResult { topic: topic.topic, partitions });
    }
    OffsetForLeaderEpochResponse { topics, ..Default::default() }
}

async fn end_of(
    context: &RequestContext<'_>,
    topic: &str,
    wanted: &OffsetForLeaderPartition,
) -> Result<Option<EpochEnd>, ErrorCode> {
    let current = LeaderEpoch(wanted.current_leader_epoch);
    let partition = context.led_partition_in(topic, wanted.partition, current)?;
    Ok(partition.log().await?.epoch_end_offset(LeaderEpoch(wanted.leader_epoch)))
}
