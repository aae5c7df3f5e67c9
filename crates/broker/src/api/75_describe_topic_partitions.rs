//! DescribeTopicPartitions: topics in the order of their names, page by page.

use crate::api::metadata::TOPIC_OPERATIONS;
use crate::dispatch::RequestContext;
use metadata::image::{Image, PartitionState, Topic};
use metadata::{check_topic_name, is_internal_topic};
use std::borrow::Cow;
use std::collections::BTreeSet;
use std::sync::Arc;
use types::{ErrorCode, NodeId};
use wire::describe_topic_partitions_request::DescribeTopicPartitionsRequest;
use wire::describe_topic_partitions_response::{
    Cursor, DescribeTopicPartitionsResponse, DescribeTopicPartitionsResponsePartition,
    DescribeTopicPartitionsResponseTopic,
};

type TopicResponse = DescribeTopicPartitionsResponseTopic<'static>;

pub(crate) async fn answer(
    context: &RequestContext<'_>,
    request: DescribeTopicPartitionsRequest<'_>,
) -> DescribeTopicPartitionsResponse<'static> {
    let image = context.node.controller.image();
    let start = request.cursor.as_ref().map_or(("", 0), |c| (&*c.topic_name, c.partition_index));
    let asked: BTreeSet<&str> = request.topics.iter().map(|topic| &*topic.name).collect();
    let is_elsewhere = request.cursor.is_some() && !asked.is_empty() && !asked.contains(start.0);
    if start.1 < 0 || is_elsewhere {
        return refused(&asked, ErrorCode::InvalidRequest);
    }
    let names: Vec<&str> = if asked.is_empty() {
        image.topics().iter_from(start.0).map(|topic| &*topic.name).collect()
    } else {
        asked.iter().copied().filter(|name| *name >= start.0).collect()
    };
    let own_limit = context.node.settings.config.value("max.request.partition.size.limit");
    let own_limit = own_limit.as_i64().unwrap_or(i64::MAX);
    let limit = i64::from(request.response_partition_limit).min(own_limit).max(1);
    let mut page = Page {
        image: &image,
        room: usize::try_from(limit).unwrap_or(usize::MAX),
        topics: Vec::new(),
        next: None,
    };
    for name in names {
        let first = if name == start.0 { start.1 } else { 0 };
        if !page.add(name, first) {
            break;
        }
    }
    DescribeTopicPartitionsResponse {
        topics: page.topics,
        next_cursor: page.next,
        ..Default::default()
    }
}

/// What fits into one response.
struct Page<'i> {
    image: &'i Image,
    /// Partitions that still fit.
    room: usize,
    topics: Vec<TopicResponse>,
    next: Option<Cursor<'static>>,
}

impl Page<'_> {
    /// Adds a topic from its partition `first` on. `false` where the page is full.
    fn add(&mut self, name: &str, first: i32) -> bool {
        if self.room == 0 {
            self.next = cursor(name, first);
            return false;
        }
        let Some(topic) = self.image.topics().named(name) else {
            let code = match check_topic_name(name) {
                Ok(()) => ErrorCode::UnknownTopicOrPartition,
                Err(_) => ErrorCode::InvalidTopicException,
            };
            let topic_authorized_operations = TOPIC_OPERATIONS;
            self.topics.push(TopicResponse { topic_authorized_operations, ..absent(name, code) });
            return true;
        };
        let mut rest = topic.partitions.range(first..);
        let fitting = rest.by_ref().take(self.room);
        let partitions: Vec<_> = fitting.map(|entry| self.partition(entry)).collect();
        self.room -= partitions.len();
        self.topics.push(present(topic, partitions));
        if let Some((index, _)) = rest.next() {
            self.next = cursor(name, *index);
            return false;
        }
        true
    }

    fn partition(
        &self,
        (index, state): (&i32, &Arc<PartitionState>),
    ) -> DescribeTopicPartitionsResponsePartition {
        let ids = |nodes: &[NodeId]| nodes.iter().map(|node| node.0).collect::<Vec<_>>();
        let has_leader = self.image.is_active(state.leader);
        let error = if has_leader { ErrorCode::None } else { ErrorCode::LeaderNotAvailable };
        let offline = self.image.offline_replicas(state);
        DescribeTopicPartitionsResponsePartition {
            error_code: error.code(),
            partition_index: *index,
            leader_id: if has_leader { state.leader } else { NodeId::NONE }.0,
            leader_epoch: state.leader_epoch.0,
            replica_nodes: ids(&state.replicas),
            isr_nodes: ids(&state.isr),
            eligible_leader_replicas: Some(ids(&state.eligible_leaders)),
            last_known_elr: Some(ids(&state.last_known_leaders)),
            offline_replicas: offline.map(|node| node.0).collect(),
        }
    }
}

fn present(
    topic: &Topic,
    partitions: Vec<DescribeTopicPartitionsResponsePartition>,
) -> TopicResponse {
    TopicResponse {
        name: Some(Cow::Owned(topic.name.to_string())),
        topic_id: topic.id,
        is_internal: is_internal_topic(&topic.name),
        partitions,
        topic_authorized_operations: TOPIC_OPERATIONS,
        ..Default::default()
    }
}

fn absent(name: &str, code: ErrorCode) -> TopicResponse {
    TopicResponse {
        error_code: code.code(),
        name: Some(Cow::Owned(name.to_owned())),
        ..Default::default()
    }
}

fn cursor(name: &str, partition_index: i32) -> Option<Cursor<'static>> {
    Some(Cursor { topic_name: Cow::Owned(name.to_owned()), partition_index })
}

fn refused(asked: &BTreeSet<&str>, code: ErrorCode) -> DescribeTopicPartitionsResponse<'static> {
    let topics = asked.iter().map(|name| absent(name, code)).collect();
    DescribeTopicPartitionsResponse { topics, ..Default::default() }
}
