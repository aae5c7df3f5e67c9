//! Committed offsets: what is kept of each, and where.

mod commit;
mod delete;
mod expire;
mod fetch;

use std::collections::BTreeMap;

use types::{TimestampMs, TopicId};

use crate::{GroupId, OffsetKey, StoredRecord, Text};

/// How far a group has come in a partition, as its client told it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommittedOffset {
    pub offset: i64,
    /// Of the last record consumed; -1 where it is not known.
    pub leader_epoch: i32,
    /// The client's own note; comes back as it went in.
    pub metadata: Text,
    pub committed_at: TimestampMs,
    /// Only where the client asked for a retention of its own (v2–v4).
    pub expires_at: Option<TimestampMs>,
    /// Zero where it is not known.
    pub topic_id: TopicId,
}

impl CommittedOffset {
    /// An offset of a topic that was deleted says nothing about its namesake.
    pub(crate) fn is_of_topic(&self, topic: TopicId) -> bool {
        topic.is_zero() || self.topic_id.is_zero() || self.topic_id == topic
    }
}

pub(crate) type Partitions = BTreeMap<i32, CommittedOffset>;
pub(crate) type Topics = BTreeMap<Text, Partitions>;

/// All offsets of a shard, by group, topic and partition. Nothing in it is empty.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Offsets {
    by_group: BTreeMap<GroupId, Topics>,
}

impl Offsets {
    pub fn of_group(&self, group: &GroupId) -> Option<&Topics> {
        self.by_group.get(group)
    }

    pub fn get(&self, group: &GroupId, topic: &str, partition: i32) -> Option<&CommittedOffset> {
        self.by_group.get(group)?.get(topic)?.get(&partition)
    }

    pub fn groups(&self) -> impl Iterator<Item = (&GroupId, &Topics)> {
        self.by_group.iter()
    }

    pub fn set(&mut self, key: &OffsetKey, value: CommittedOffset) {
        let topics = self.by_group.entry(key.group.clone()).or_default();
        topics.entry(key.topic.clone()).or_default().insert(key.partition, value);
    }

    pub fn remove(&mut self, key: &OffsetKey) {
        let Some(topics) = self.by_group.get_mut(&key.group) else { return };
        let Some(partitions) = topics.get_mut(&key.topic) else { return };
        partitions.remove(&key.partition);
        if partitions.is_empty() {
            topics.remove(&key.topic);
        }
        if topics.is_empty() {
            self.by_group.remove(&key.group);
        }
    }
}

/// The record that takes one offset back.
pub(crate) fn tombstone(group: &GroupId, topic: &Text, partition: i32) -> StoredRecord {
    let key = OffsetKey { group: group.clone(), topic: topic.clone(), partition };
    StoredRecord::Offset { key, value: None }
}
