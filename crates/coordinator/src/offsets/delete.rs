//! Taking offsets back: one by one, with their group, or with their topic.

use types::{ErrorCode, TopicId};

use super::tombstone;
use crate::groups::{Group, GroupShard};
use crate::{
    Decision, DeleteOffsets, DeletedTopic, GroupId, OffsetDeleteReply, PartitionError, Record,
    Reply, StoredRecord, Ticket, TopicErrors, TopicPartitions,
};

impl GroupShard {
    pub(crate) fn decide_delete_offsets(
        &self,
        ticket: Ticket,
        request: &DeleteOffsets,
    ) -> Decision<Record, Reply> {
        let error = self.check_delete_offsets(&request.group);
        if !error.is_none() {
            let reply = OffsetDeleteReply { error, topics: Vec::new() };
            return Decision::answer(ticket, Reply::DeleteOffsets(reply));
        }
        let mut records = Vec::new();
        let mut topics = Vec::with_capacity(request.topics.len());
        for asked in &request.topics {
            let error = self.delete_topic_offsets(&request.group, asked, &mut records);
            let say = |partition: &i32| PartitionError { partition: *partition, error };
            let partitions = asked.partitions.iter().map(say).collect();
            let topic = asked.topic.clone();
            topics.push(TopicErrors { topic, topic_id: TopicId::ZERO, partitions });
        }
        let reply = Reply::DeleteOffsets(OffsetDeleteReply { error, topics });
        Decision { records, replies: vec![(ticket, reply)] }
    }

    fn check_delete_offsets(&self, group: &GroupId) -> ErrorCode {
        match self.groups.get(group) {
            None => ErrorCode::GroupIdNotFound,
            Some(Group::Classic(group)) if !group.is_empty() && !group.is_of_consumers() => {
                ErrorCode::NonEmptyGroup
            }
            Some(Group::Classic(_) | Group::Foreign(_)) => ErrorCode::None,
        }
    }

    fn delete_topic_offsets(
        &self,
        group: &GroupId,
        asked: &TopicPartitions,
        records: &mut Vec<Record>,
    ) -> ErrorCode {
        if let Some(Group::Classic(group)) = self.groups.get(group)
            && group.is_subscribed_to(&asked.topic)
        {
            return ErrorCode::GroupSubscribedToTopic;
        }
        for partition in &asked.partitions {
            if self.offsets.get(group, &asked.topic, *partition).is_some() {
                records.push(Record::Stored(tombstone(group, &asked.topic, *partition)));
            }
        }
        ErrorCode::None
    }

    /// A group goes with everything that it has committed.
    pub(crate) fn decide_delete_group(
        &self,
        ticket: Ticket,
        id: &GroupId,
    ) -> Decision<Record, Reply> {
        let error = match self.groups.get(id) {
            None => ErrorCode::GroupIdNotFound,
            Some(Group::Classic(group)) if !group.is_empty() => ErrorCode::NonEmptyGroup,
            Some(Group::Classic(_)) => ErrorCode::None,
            // its members' records are not this shard's to take back
            Some(Group::Foreign(_)) => ErrorCode::NonEmptyGroup,
        };
        let records = if error.is_none() { self.delete_group(id) } else { Vec::new() };
        Decision { records, replies: vec![(ticket, Reply::DeleteGroup(error))] }
    }

    fn delete_group(&self, id: &GroupId) -> Vec<Record> {
        let offsets = self.offsets.of_group(id).into_iter().flatten();
        let mut records: Vec<Record> = offsets
            .flat_map(|(topic, partitions)| partitions.keys().map(move |p| (topic, *p)))
            .map(|(topic, partition)| Record::Stored(tombstone(id, topic, partition)))
            .collect();
        let group = StoredRecord::Group { group: id.clone(), value: None };
        records.push(Record::Stored(group));
        records
    }

    /// What was committed for topics that are gone would mislead consumers of their namesakes.
    pub(crate) fn decide_topics_deleted(&self, gone: &[DeletedTopic]) -> Decision<Record, Reply> {
        let mut records = Vec::new();
        for (group, topics) in self.offsets.groups() {
            for topic in gone {
                let partitions = topics.get(&topic.name).into_iter().flatten();
                for (partition, _) in partitions.filter(|(_, o)| o.is_of_topic(topic.id)) {
                    records.push(Record::Stored(tombstone(group, &topic.name, *partition)));
                }
            }
        }
        Decision { records, replies: Vec::new() }
    }
}
