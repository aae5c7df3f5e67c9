//! OffsetCommit: a group notes how far it has come.

use crate::dispatch::RequestContext;
use coordinator::{
    Call, CommitOffsets, CommitPartition, CommitTopic, GroupId, InstanceId, MemberId, Reply,
    TopicErrors,
};
use metadata::image::Image;
use types::ErrorCode;
use wire::offset_commit_request::{
    OffsetCommitRequest, OffsetCommitRequestPartition, OffsetCommitRequestTopic,
};
use wire::offset_commit_response::{
    OffsetCommitResponse, OffsetCommitResponsePartition, OffsetCommitResponseTopic,
};

/// From this version on a client can be told that the group is not there (KIP-848).
const FIRST_VERSION_WITH_NOT_FOUND: i16 = 9;
/// From this version on topics are named by id.
const FIRST_VERSION_WITH_IDS: i16 = 10;

pub(crate) async fn answer<'a>(
    context: &RequestContext<'_>,
    request: OffsetCommitRequest<'a>,
) -> OffsetCommitResponse<'a> {
    let mut known = Vec::with_capacity(request.topics.len());
    let mut topics = Vec::with_capacity(request.topics.len());
    {
        let image = context.node.controller.image();
        for topic in request.topics {
            match find(&image, context.version, &topic) {
                Ok(found) => known.push(found),
                Err(error) => topics.push(refused(topic, error)),
            }
        }
    }
    if !known.is_empty() {
        let group = GroupId::from(&*request.group_id);
        let commit = CommitOffsets {
            group: group.clone(),
            member: MemberId::from(&*request.member_id),
            instance: request.group_instance_id.as_deref().map(InstanceId::from),
            generation: request.generation_id_or_member_epoch,
            retention_ms: request.retention_time_ms,
            knows_missing_group: context.version >= FIRST_VERSION_WITH_NOT_FOUND,
            topics: known.clone(),
        };
        match context.node.groups.call(&group, Call::Commit(commit)).await {
            Ok(Reply::Commit(reply)) => {
                let partitions = reply.topics.iter().flat_map(|topic| &topic.partitions);
                let kept = partitions.filter(|partition| partition.error == ErrorCode::None);
                context.node.metrics.groups.committed(kept.count());
                topics.extend(reply.topics.iter().map(committed));
            }
            Ok(reply) => unreachable!("{reply:?} to a commit"),
            Err(error) => topics.extend(known.iter().map(|topic| failed(topic, error))),
        }
    }
    OffsetCommitResponse { throttle_time_ms: 0, topics }
}

fn find(
    image: &Image,
    version: i16,
    topic: &OffsetCommitRequestTopic<'_>,
) -> Result<CommitTopic, ErrorCode> {
    let found = match version >= FIRST_VERSION_WITH_IDS {
        true => image.topics().get(topic.topic_id).ok_or(ErrorCode::UnknownTopicId)?,
        false => image.topics().named(&topic.name).ok_or(ErrorCode::UnknownTopicOrPartition)?,
    };
    let partition = |p: &OffsetCommitRequestPartition<'_>| CommitPartition {
        partition: p.partition_index,
        offset: p.committed_offset,
        leader_epoch: p.committed_leader_epoch,
        metadata: p.committed_metadata.as_deref().unwrap_or_default().into(),
    };
    Ok(CommitTopic {
        topic: found.name.clone(),
        topic_id: found.id,
        partitions: topic.partitions.iter().map(partition).collect(),
    })
}

fn refused(topic: OffsetCommitRequestTopic<'_>, error: ErrorCode) -> OffsetCommitResponseTopic<'_> {
    let partitions = topic.partitions.iter().map(|p| response(p.partition_index, error)).collect();
    OffsetCommitResponseTopic { name: topic.name, topic_id: topic.topic_id, partitions }
}

fn failed<'r>(topic: &CommitTopic, error: ErrorCode) -> OffsetCommitResponseTopic<'r> {
    OffsetCommitResponseTopic {
        name: topic.topic.to_string().into(),
        topic_id: topic.topic_id,
        partitions: topic.partitions.iter().map(|p| response(p.partition, error)).collect(),
    }
}

fn committed<'r>(topic: &TopicErrors) -> OffsetCommitResponseTopic<'r> {
    OffsetCommitResponseTopic {
        name: topic.topic.to_string().into(),
        topic_id: topic.topic_id,
        partitions: topic.partitions.iter().map(|p| response(p.partition, p.error)).collect(),
    }
}

fn response(partition_index: i32, error: ErrorCode) -> OffsetCommitResponsePartition {
    OffsetCommitResponsePartition { partition_index, error_code: error.code() }
}
