//! OffsetCommit: who may commit, and what is written for it.

use types::{ErrorCode, TimestampMs};

use crate::groups::{Group, GroupShard};
use crate::{
    ClassicGroup, CommitOffsets, CommitPartition, CommitReply, CommitTopic, CommittedOffset,
    Decision, Now, OffsetKey, PartitionError, Record, Reply, State, StoredRecord, Ticket,
    TopicErrors, Volatile,
};

impl GroupShard {
    pub(crate) fn decide_commit(
        &self,
        now: Now,
        ticket: Ticket,
        request: &CommitOffsets,
    ) -> Decision<Record, Reply> {
        if let Err(error) = self.check_commit(request) {
            let topics = request.topics.iter().map(|t| errors(t, |_| error)).collect();
            return Decision::answer(ticket, Reply::Commit(CommitReply { topics }));
        }
        let mut records = Vec::new();
        records.extend(self.keep_committer_alive(now, request));
        let mut topics = Vec::with_capacity(request.topics.len());
        for topic in &request.topics {
            for partition in topic.partitions.iter().filter(|p| self.note_fits(p)) {
                records.push(Record::Stored(record(now, request, topic, partition)));
            }
            topics.push(errors(topic, |partition| {
                if self.note_fits(partition) {
                    ErrorCode::None
                } else {
                    ErrorCode::OffsetMetadataTooLarge
                }
            }));
        }
        Decision { records, replies: vec![(ticket, Reply::Commit(CommitReply { topics }))] }
    }

    fn check_commit(&self, request: &CommitOffsets) -> Result<(), ErrorCode> {
        match self.groups.get(&request.group) {
            Some(Group::Classic(group)) => check_member_commit(group, request),
            // whoever coordinated its members is not here; only clients without a group may commit
            Some(Group::Foreign(_)) if request.generation < 0 && request.member.is_unknown() => {
                Ok(())
            }
            Some(Group::Foreign(_)) => Err(ErrorCode::UnknownMemberId),
            None if request.generation < 0 => Ok(()),
            None if request.knows_missing_group => Err(ErrorCode::GroupIdNotFound),
            None => Err(ErrorCode::IllegalGeneration),
        }
    }

    /// A commit counts as a heartbeat.
    fn keep_committer_alive(&self, now: Now, request: &CommitOffsets) -> Option<Record> {
        let Some(Group::Classic(group)) = self.groups.get(&request.group) else { return None };
        let until = group.session_end(now.instant, &request.member)?;
        let (group, member) = (request.group.clone(), request.member.clone());
        Some(Record::Volatile(Volatile::Alive { group, member, until }))
    }

    fn note_fits(&self, partition: &CommitPartition) -> bool {
        let limit = self.config.offset_metadata_bytes_max;
        // Kafka counts what Java calls chars
        let note = &partition.metadata;
        note.len() <= limit || note.encode_utf16().count() <= limit
    }
}

fn check_member_commit(group: &ClassicGroup, request: &CommitOffsets) -> Result<(), ErrorCode> {
    if request.generation < 0 && group.is_empty() {
        return Ok(());
    }
    let says_it_is_a_member =
        request.generation >= 0 || !request.member.is_unknown() || request.instance.is_some();
    if !says_it_is_a_member {
        return Err(ErrorCode::UnknownMemberId);
    }
    group.check_member(&request.member, request.instance.as_ref())?;
    if request.generation != group.generation {
        return Err(ErrorCode::IllegalGeneration);
    }
    match group.state {
        // the member knows the generation, but not yet what it is to consume in it
        State::CompletingRebalance { .. } => Err(ErrorCode::RebalanceInProgress),
        State::Empty | State::PreparingRebalance { .. } | State::Stable { .. } => Ok(()),
    }
}

fn record(
    now: Now,
    request: &CommitOffsets,
    topic: &CommitTopic,
    partition: &CommitPartition,
) -> StoredRecord {
    let key = OffsetKey {
        group: request.group.clone(),
        topic: topic.topic.clone(),
        partition: partition.partition,
    };
    let retention_ms = Some(request.retention_ms).filter(|ms| *ms >= 0);
    let value = CommittedOffset {
        offset: partition.offset,
        leader_epoch: partition.leader_epoch,
        metadata: partition.metadata.clone(),
        committed_at: now.wall,
        expires_at: retention_ms.map(|ms| TimestampMs(now.wall.0.saturating_add(ms))),
        topic_id: topic.topic_id,
    };
    StoredRecord::Offset { key, value: Some(value) }
}

fn errors(topic: &CommitTopic, error: impl Fn(&CommitPartition) -> ErrorCode) -> TopicErrors {
    let partitions = topic
        .partitions
        .iter()
        .map(|p| PartitionError { partition: p.partition, error: error(p) })
        .collect();
    TopicErrors { topic: topic.topic.clone(), topic_id: topic.topic_id, partitions }
}
