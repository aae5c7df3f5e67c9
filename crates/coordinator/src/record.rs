//! What decisions consist of: records that `__consumer_offsets` keeps, and changes that only memory needs.

use std::sync::Arc;

use types::TimestampMs;

use crate::{
    Bytes, ClassicGroup, CommittedOffset, GroupId, GroupKind, InstanceId, Instant, MemberId, Text,
};

/// One step of a decision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Record {
    /// To be written to the log.
    Stored(StoredRecord),
    /// To be applied only: forgotten when the shard is reloaded.
    Volatile(Volatile),
}

impl Record {
    /// The part that the log keeps, if it does.
    #[must_use]
    pub const fn stored(&self) -> Option<&StoredRecord> {
        match self {
            Self::Stored(record) => Some(record),
            Self::Volatile(_) => None,
        }
    }
}

/// A record of `__consumer_offsets`; `None` as value is a tombstone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoredRecord {
    Offset {
        key: OffsetKey,
        value: Option<CommittedOffset>,
    },
    Group {
        group: GroupId,
        value: Option<StoredGroup>,
    },
    /// The group belongs to a protocol that this shard keeps but does not run.
    Foreign {
        group: GroupId,
        kind: GroupKind,
        present: bool,
    },
}

/// What a committed offset is for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct OffsetKey {
    pub group: GroupId,
    pub topic: Text,
    pub partition: i32,
}

/// A generation of a classic group as the log keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredGroup {
    /// Empty where the group never had members.
    pub protocol_type: Text,
    pub generation: i32,
    pub protocol: Option<Text>,
    pub leader: Option<MemberId>,
    /// When the group came into its state; -1 in records of old brokers.
    pub since: TimestampMs,
    pub members: Vec<StoredMember>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredMember {
    pub member: MemberId,
    pub instance: Option<InstanceId>,
    pub client_id: Text,
    pub client_host: Text,
    /// -1 in records of old brokers: the session timeout stands for it.
    pub rebalance_timeout_ms: i32,
    pub session_timeout_ms: i32,
    /// What the member said for the generation's protocol.
    pub subscription: Bytes,
    pub assignment: Bytes,
}

/// A change that needs no record: a new leader starts without it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Volatile {
    /// The group is now this.
    Group(Arc<ClassicGroup>),
    /// A member was heard of, and is expected again before the instant.
    Alive { group: GroupId, member: MemberId, until: Instant },
}
