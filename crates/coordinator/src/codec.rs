//! Records of `__consumer_offsets` to and from bytes, in the versions that Kafka 4.4 writes.
//!
//! ```text
//! key    [i16 type][body]      1 offset (0 in old logs), 2 classic group, 3 and up: other protocols
//! value  [i16 version][body]   absent: tombstone
//! ```

use types::{LeaderEpoch, TimestampMs, TopicId};
use wire::group_metadata_value::MemberMetadata;
use wire::record_frame::{OffsetsKey, decode_value, encode_key, encode_value, key_type};
use wire::{
    DecodeError, EncodeError, GroupMetadataKey, GroupMetadataValue, LegacyOffsetCommitValue,
    OffsetCommitKey, OffsetCommitValue,
};

use crate::{
    CommittedOffset, GroupId, GroupKind, OffsetKey, StoredGroup, StoredMember, StoredRecord,
};

/// The version with the topic's id. Only the first that has `expireTimestamp` keeps a retention.
const OFFSET_VERSION: i16 = 4;
const OFFSET_VERSION_WITH_EXPIRY: i16 = 1;
/// The last that every broker since 2.3 reads (KIP-915).
const GROUP_VERSION: i16 = 3;

/// Type ids of keys, as far as they say what protocol a group speaks.
const LEGACY_OFFSET: i16 = 0;
const KEY_TYPES_KNOWN: std::ops::RangeInclusive<i16> = LEGACY_OFFSET..=23;

/// Key and value as they stand in a batch; no value is a tombstone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordBytes {
    pub key: Vec<u8>,
    pub value: Option<Vec<u8>>,
}

impl StoredRecord {
    /// The bytes that Kafka would write.
    ///
    /// # Errors
    /// A text or an assignment that is longer than its field can say.
    pub fn encode(&self) -> Result<RecordBytes, EncodeError> {
        match self {
            Self::Offset { key, value } => Ok(RecordBytes {
                key: encode_key(&OffsetCommitKey {
                    group: key.group.as_str().into(),
                    topic: (&*key.topic).into(),
                    partition: key.partition,
                })?,
                value: value.as_ref().map(encode_offset).transpose()?,
            }),
            Self::Group { group, value } => Ok(RecordBytes {
                key: encode_key(&GroupMetadataKey { group: group.as_str().into() })?,
                value: value.as_ref().map(encode_group).transpose()?,
            }),
            Self::Foreign { .. } => unreachable!("records of other protocols are only read"),
        }
    }

    /// Reads a record back; none where it is of no concern to classic groups and offsets.
    ///
    /// # Errors
    /// Bytes that are no such record, or a version that is not known.
    pub fn decode(key: &[u8], value: Option<&[u8]>) -> Result<Option<Self>, DecodeError> {
        if !KEY_TYPES_KNOWN.contains(&key_type(key)?.0) {
            return Ok(None); // of a later broker's
        }
        let foreign = |group: &str, kind| {
            let (group, present) = (GroupId::from(group), value.is_some());
            Some(Self::Foreign { group, kind, present })
        };
        Ok(match OffsetsKey::decode(key)? {
            OffsetsKey::OffsetCommit(key) => Some(Self::Offset {
                key: offset_key(&key.group, &key.topic, key.partition),
                value: value.map(decode_offset).transpose()?,
            }),
            OffsetsKey::LegacyOffsetCommit(key) => Some(Self::Offset {
                key: offset_key(&key.group, &key.topic, key.partition),
                value: value.map(decode_legacy_offset).transpose()?,
            }),
            OffsetsKey::GroupMetadata(key) => Some(Self::Group {
                group: GroupId::from(&*key.group),
                value: value.map(decode_group).transpose()?,
            }),
            OffsetsKey::ConsumerGroupMetadata(k) => foreign(&k.group_id, GroupKind::Consumer),
            OffsetsKey::ShareGroupMetadata(k) => foreign(&k.group_id, GroupKind::Share),
            OffsetsKey::StreamsGroupMetadata(k) => foreign(&k.group_id, GroupKind::Streams),
            // members, targets and assignments of those groups
            _ => None,
        })
    }
}

fn offset_key(group: &str, topic: &str, partition: i32) -> OffsetKey {
    OffsetKey { group: GroupId::from(group), topic: topic.into(), partition }
}

fn encode_offset(value: &CommittedOffset) -> Result<Vec<u8>, EncodeError> {
    let version = match value.expires_at {
        Some(_) => OFFSET_VERSION_WITH_EXPIRY,
        None => OFFSET_VERSION,
    };
    let value = OffsetCommitValue {
        offset: value.offset,
        leader_epoch: value.leader_epoch,
        metadata: (&*value.metadata).into(),
        commit_timestamp: value.committed_at.0,
        expire_timestamp: value.expires_at.unwrap_or(TimestampMs::NONE).0,
        topic_id: value.topic_id,
    };
    encode_value(&value, version)
}

fn decode_offset(bytes: &[u8]) -> Result<CommittedOffset, DecodeError> {
    let (value, _version) = decode_value::<OffsetCommitValue<'_>>(bytes)?;
    Ok(CommittedOffset {
        offset: value.offset,
        leader_epoch: value.leader_epoch,
        metadata: (&*value.metadata).into(),
        committed_at: TimestampMs(value.commit_timestamp),
        expires_at: known(TimestampMs(value.expire_timestamp)),
        topic_id: value.topic_id,
    })
}

fn decode_legacy_offset(bytes: &[u8]) -> Result<CommittedOffset, DecodeError> {
    let (value, _version) = decode_value::<LegacyOffsetCommitValue<'_>>(bytes)?;
    Ok(CommittedOffset {
        offset: value.offset,
        leader_epoch: LeaderEpoch::NONE.0,
        metadata: (&*value.metadata).into(),
        committed_at: TimestampMs(value.commit_timestamp),
        expires_at: None,
        topic_id: TopicId::ZERO,
    })
}

fn known(at: TimestampMs) -> Option<TimestampMs> {
    Some(at).filter(|at| *at != TimestampMs::NONE)
}

fn encode_group(group: &StoredGroup) -> Result<Vec<u8>, EncodeError> {
    let value = GroupMetadataValue {
        protocol_type: (&*group.protocol_type).into(),
        generation: group.generation,
        protocol: group.protocol.as_deref().map(Into::into),
        leader: group.leader.as_ref().map(|leader| leader.as_str().into()),
        current_state_timestamp: group.since.0,
        members: group.members.iter().map(member_metadata).collect(),
    };
    encode_value(&value, GROUP_VERSION)
}

fn member_metadata(member: &StoredMember) -> MemberMetadata<'_> {
    MemberMetadata {
        member_id: member.member.as_str().into(),
        group_instance_id: member.instance.as_ref().map(|instance| instance.as_str().into()),
        client_id: (&*member.client_id).into(),
        client_host: (&*member.client_host).into(),
        rebalance_timeout: member.rebalance_timeout_ms,
        session_timeout: member.session_timeout_ms,
        subscription: (&*member.subscription).into(),
        assignment: (&*member.assignment).into(),
    }
}

fn decode_group(bytes: &[u8]) -> Result<StoredGroup, DecodeError> {
    let (value, _version) = decode_value::<GroupMetadataValue<'_>>(bytes)?;
    Ok(StoredGroup {
        protocol_type: (&*value.protocol_type).into(),
        generation: value.generation,
        protocol: value.protocol.as_deref().map(Into::into),
        leader: value.leader.as_deref().map(Into::into),
        since: TimestampMs(value.current_state_timestamp),
        members: value.members.iter().map(stored_member).collect(),
    })
}

fn stored_member(member: &MemberMetadata<'_>) -> StoredMember {
    StoredMember {
        member: (&*member.member_id).into(),
        instance: member.group_instance_id.as_deref().map(Into::into),
        client_id: (&*member.client_id).into(),
        client_host: (&*member.client_host).into(),
        rebalance_timeout_ms: member.rebalance_timeout,
        session_timeout_ms: member.session_timeout,
        subscription: (&*member.subscription).into(),
        assignment: (&*member.assignment).into(),
    }
}
