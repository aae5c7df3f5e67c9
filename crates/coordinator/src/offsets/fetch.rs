//! OffsetFetch: what was committed, in the order asked for.

use types::TopicId;

use super::{Offsets, Topics};
use crate::{
    CommittedOffset, FetchOffsets, FetchReply, FetchTopic, FetchedPartition, FetchedTopic,
};

impl Offsets {
    /// Nothing here can fail: what was not committed is answered as such.
    pub fn fetch(&self, request: &FetchOffsets) -> FetchReply {
        let committed = self.of_group(&request.group);
        let topics = match &request.topics {
            Some(topics) => topics.iter().map(|topic| fetch_topic(committed, topic)).collect(),
            None => committed.map(all).unwrap_or_default(),
        };
        FetchReply { topics }
    }
}

fn fetch_topic(committed: Option<&Topics>, asked: &FetchTopic) -> FetchedTopic {
    let partitions = committed.and_then(|topics| topics.get(&asked.topic));
    let fetch = |partition: &i32| FetchedPartition {
        partition: *partition,
        committed: partitions
            .and_then(|p| p.get(partition))
            .filter(|offset| offset.is_of_topic(asked.topic_id))
            .cloned(),
    };
    FetchedTopic {
        topic: asked.topic.clone(),
        topic_id: asked.topic_id,
        partitions: asked.partitions.iter().map(fetch).collect(),
    }
}

fn all(topics: &Topics) -> Vec<FetchedTopic> {
    let fetch = |(partition, offset): (&i32, &CommittedOffset)| FetchedPartition {
        partition: *partition,
        committed: Some(offset.clone()),
    };
    topics
        .iter()
        .map(|(topic, partitions)| FetchedTopic {
            topic: topic.clone(),
            topic_id: TopicId::ZERO,
            partitions: partitions.iter().map(fetch).collect(),
        })
        .collect()
}
