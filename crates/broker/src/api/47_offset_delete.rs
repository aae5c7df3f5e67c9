//! OffsetDelete: a group forgets what it has committed for topics that it does not consume.

use crate::dispatch::RequestContext;
use coordinator::{Call, DeleteOffsets, GroupId, OffsetDeleteReply, Reply, TopicPartitions};
use types::ErrorCode;
use wire::OffsetDeleteRequest;
use wire::offset_delete_request::OffsetDeleteRequestTopic;
use wire::offset_delete_response::{
    OffsetDeleteResponse, OffsetDeleteResponsePartition, OffsetDeleteResponseTopic,
};

pub(crate) async fn answer<'a>(
    context: &RequestContext<'_>,
    request: OffsetDeleteRequest<'a>,
) -> OffsetDeleteResponse<'a> {
    let (known, unknown): (Vec<_>, Vec<_>) = {
        let image = context.node.controller.image();
        request.topics.into_iter().partition(|topic| image.topics().named(&topic.name).is_some())
    };
    let group = GroupId::from(&*request.group_id);
    let topics = known.iter().map(asked).collect();
    let call = Call::DeleteOffsets(DeleteOffsets { group: group.clone(), topics });
    let reply = match context.node.groups.call(&group, call).await {
        Ok(Reply::DeleteOffsets(reply)) => reply,
        Ok(reply) => unreachable!("{reply:?} to a deletion of offsets"),
        Err(error) => OffsetDeleteReply { error, topics: Vec::new() },
    };
    if !reply.error.is_none() {
        return OffsetDeleteResponse { error_code: reply.error.code(), ..Default::default() };
    }
    let mut topics: Vec<_> = unknown.into_iter().map(not_found).collect();
    topics.extend(reply.topics.iter().map(deleted));
    OffsetDeleteResponse { error_code: 0, throttle_time_ms: 0, topics }
}

fn asked(topic: &OffsetDeleteRequestTopic<'_>) -> TopicPartitions {
    let partitions = topic.partitions.iter().map(|p| p.partition_index).collect();
    TopicPartitions { topic: (&*topic.name).into(), partitions }
}

fn not_found(topic: OffsetDeleteRequestTopic<'_>) -> OffsetDeleteResponseTopic<'_> {
    let error_code = ErrorCode::UnknownTopicOrPartition.code();
    let partitions = topic
        .partitions
        .iter()
        .map(|p| OffsetDeleteResponsePartition { partition_index: p.partition_index, error_code });
    OffsetDeleteResponseTopic { name: topic.name, partitions: partitions.collect() }
}

fn deleted<'r>(topic: &coordinator::TopicErrors) -> OffsetDeleteResponseTopic<'r> {
    let partitions = topic.partitions.iter().map(|p| OffsetDeleteResponsePartition {
        partition_index: p.partition,
        error_code: p.error.code(),
    });
    OffsetDeleteResponseTopic {
        name: topic.topic.to_string().into(),
        partitions: partitions.collect(),
    }
}
