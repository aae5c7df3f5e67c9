//! OffsetFetch: what groups have committed; one group a request until v7, several from v8 on.

use crate::dispatch::RequestContext;
use coordinator::{Call, FetchOffsets, FetchTopic, FetchedPartition, GroupId, Reply};
use metadata::image::Image;
use std::borrow::Cow;
use types::{ErrorCode, TopicId};
use wire::offset_fetch_request::{
    OffsetFetchRequest, OffsetFetchRequestGroup, OffsetFetchRequestTopics,
};
use wire::offset_fetch_response::{
    OffsetFetchResponse, OffsetFetchResponseGroup, OffsetFetchResponsePartition,
    OffsetFetchResponsePartitions, OffsetFetchResponseTopic, OffsetFetchResponseTopics,
};

/// From this version on an error of the whole group has a field of its own.
const FIRST_VERSION_WITH_TOP_ERROR: i16 = 2;
const FIRST_VERSION_WITH_GROUPS: i16 = 8;
/// From this version on topics are named by id.
const FIRST_VERSION_WITH_IDS: i16 = 10;

/// What stands for an offset where none was committed.
const NO_OFFSET: i64 = -1;
const NO_EPOCH: i32 = -1;

pub(crate) async fn answer<'a>(
    context: &RequestContext<'_>,
    request: OffsetFetchRequest<'a>,
) -> OffsetFetchResponse<'a> {
    if context.version < FIRST_VERSION_WITH_GROUPS {
        let group = fetch(context, only_group(request)).await;
        return single_response(context.version, group);
    }
    let mut groups = Vec::with_capacity(request.groups.len());
    for group in request.groups {
        let fetched = fetch(context, group).await;
        groups.push(if fetched.error_code == 0 { fetched } else { without_topics(fetched) });
    }
    OffsetFetchResponse { groups, ..Default::default() }
}

/// A group that failed as a whole has nothing to say about topics.
fn without_topics(group: OffsetFetchResponseGroup<'_>) -> OffsetFetchResponseGroup<'_> {
    OffsetFetchResponseGroup { topics: Vec::new(), ..group }
}

/// An old request as a group of a newer one.
fn only_group(request: OffsetFetchRequest<'_>) -> OffsetFetchRequestGroup<'_> {
    let topics = request.topics.map(|topics| {
        let newer = topics.into_iter().map(|topic| OffsetFetchRequestTopics {
            name: topic.name,
            topic_id: TopicId::ZERO,
            partition_indexes: topic.partition_indexes,
        });
        newer.collect()
    });
    OffsetFetchRequestGroup { group_id: request.group_id, topics, ..Default::default() }
}

async fn fetch<'a>(
    context: &RequestContext<'_>,
    request: OffsetFetchRequestGroup<'a>,
) -> OffsetFetchResponseGroup<'a> {
    let by_id = context.version >= FIRST_VERSION_WITH_IDS;
    let (known, unknown) = match request.topics {
        None => (None, Vec::new()),
        Some(topics) => {
            let image = context.node.controller.image();
            let (known, unknown) = find_all(&image, by_id, topics);
            (Some(known), unknown)
        }
    };
    let refuse = |topic| refused(topic, ErrorCode::UnknownTopicId);
    let mut topics: Vec<_> = unknown.into_iter().map(refuse).collect();
    let group = GroupId::from(&*request.group_id);
    let call = FetchOffsets { group: group.clone(), topics: known.clone() };
    let error = match context.node.groups.call(&group, Call::Fetch(call)).await {
        Ok(Reply::Fetch(reply)) => {
            let image = context.node.controller.image();
            topics.extend(reply.topics.iter().filter_map(|topic| {
                let name = &*topic.topic;
                let id = image.topics().named(name).map(|topic| topic.id);
                // a client that knows ids only cannot be told of what has none any more
                let topic_id = if by_id { id? } else { TopicId::ZERO };
                let partitions = topic.partitions.iter().map(partition).collect();
                Some(OffsetFetchResponseTopics {
                    name: name.to_owned().into(),
                    topic_id,
                    partitions,
                })
            }));
            ErrorCode::None
        }
        Ok(reply) => unreachable!("{reply:?} to a fetch of offsets"),
        Err(error) => {
            // read by v1 only, which has no other place for it
            topics = known.into_iter().flatten().map(|topic| failed(&topic, error)).collect();
            error
        }
    };
    OffsetFetchResponseGroup { group_id: request.group_id, topics, error_code: error.code() }
}

fn find_all<'a>(
    image: &Image,
    by_id: bool,
    topics: Vec<OffsetFetchRequestTopics<'a>>,
) -> (Vec<FetchTopic>, Vec<OffsetFetchRequestTopics<'a>>) {
    let (mut known, mut unknown) = (Vec::new(), Vec::new());
    for topic in topics {
        let found = match by_id {
            true => image.topics().get(topic.topic_id),
            false => image.topics().named(&topic.name),
        };
        let name = found.map(|found| found.name.clone());
        // by name even a topic that is gone may be asked about
        let name = if by_id { name } else { Some((&*topic.name).into()) };
        match name {
            Some(name) => known.push(FetchTopic {
                topic: name,
                topic_id: found.map_or(TopicId::ZERO, |found| found.id),
                partitions: topic.partition_indexes,
            }),
            None => unknown.push(topic),
        }
    }
    (known, unknown)
}

fn partition(fetched: &FetchedPartition) -> OffsetFetchResponsePartitions<'static> {
    match &fetched.committed {
        Some(committed) => OffsetFetchResponsePartitions {
            partition_index: fetched.partition,
            committed_offset: committed.offset,
            committed_leader_epoch: committed.leader_epoch,
            metadata: Some(committed.metadata.to_string().into()),
            error_code: ErrorCode::None.code(),
        },
        None => without_offset(fetched.partition, ErrorCode::None),
    }
}

fn without_offset(
    partition_index: i32,
    error: ErrorCode,
) -> OffsetFetchResponsePartitions<'static> {
    OffsetFetchResponsePartitions {
        partition_index,
        committed_offset: NO_OFFSET,
        committed_leader_epoch: NO_EPOCH,
        metadata: Some(Cow::Borrowed("")),
        error_code: error.code(),
    }
}

fn refused(topic: OffsetFetchRequestTopics<'_>, error: ErrorCode) -> OffsetFetchResponseTopics<'_> {
    let partitions = topic.partition_indexes.iter().map(|index| without_offset(*index, error));
    OffsetFetchResponseTopics {
        partitions: partitions.collect(),
        name: topic.name,
        topic_id: topic.topic_id,
    }
}

fn failed(topic: &FetchTopic, error: ErrorCode) -> OffsetFetchResponseTopics<'static> {
    let partitions = topic.partitions.iter().map(|index| without_offset(*index, error));
    OffsetFetchResponseTopics {
        name: topic.topic.to_string().into(),
        topic_id: topic.topic_id,
        partitions: partitions.collect(),
    }
}

/// A group's answer as old versions say it: v1 has errors only at partitions, later ones only above.
fn single_response(version: i16, group: OffsetFetchResponseGroup<'_>) -> OffsetFetchResponse<'_> {
    let has_top_error = version >= FIRST_VERSION_WITH_TOP_ERROR;
    if has_top_error && group.error_code != ErrorCode::None.code() {
        return OffsetFetchResponse { error_code: group.error_code, ..Default::default() };
    }
    let topics = group.topics.into_iter().map(|topic| OffsetFetchResponseTopic {
        name: topic.name,
        partitions: topic.partitions.into_iter().map(older).collect(),
    });
    OffsetFetchResponse { topics: topics.collect(), ..Default::default() }
}

fn older(partition: OffsetFetchResponsePartitions<'_>) -> OffsetFetchResponsePartition<'_> {
    OffsetFetchResponsePartition {
        partition_index: partition.partition_index,
        committed_offset: partition.committed_offset,
        committed_leader_epoch: partition.committed_leader_epoch,
        metadata: partition.metadata,
        error_code: partition.error_code,
    }
}
