//! What the machine answers: Kafka's responses without their versions.

use types::{ErrorCode, TopicId};

use crate::{Bytes, CommittedOffset, GroupId, GroupKind, InstanceId, MemberId, Text};

/// The answer to a call, of the call's own kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    Join(JoinReply),
    Sync(SyncReply),
    Heartbeat(ErrorCode),
    Leave(LeaveReply),
    Commit(CommitReply),
    Fetch(FetchReply),
    DeleteOffsets(OffsetDeleteReply),
    DeleteGroup(ErrorCode),
    Describe(DescribeReply),
    List(Vec<ListedGroup>),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JoinReply {
    pub error: ErrorCode,
    pub member: MemberId,
    /// -1 with an error.
    pub generation: i32,
    pub protocol_type: Option<Text>,
    pub protocol: Option<Text>,
    /// Unknown with an error.
    pub leader: MemberId,
    pub skip_assignment: bool,
    /// For the leader only: all members with what they said about themselves.
    pub members: Vec<JoinedMember>,
}

impl JoinReply {
    /// A refusal that tells `member` nothing but why.
    #[must_use]
    pub fn refuse(error: ErrorCode, member: MemberId) -> Self {
        Self {
            error,
            member,
            generation: -1,
            protocol_type: None,
            protocol: None,
            leader: MemberId::unknown(),
            skip_assignment: false,
            members: Vec::new(),
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JoinedMember {
    pub member: MemberId,
    pub instance: Option<InstanceId>,
    pub metadata: Bytes,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyncReply {
    pub error: ErrorCode,
    pub protocol_type: Option<Text>,
    pub protocol: Option<Text>,
    /// Exactly what the leader gave; empty with an error.
    pub assignment: Bytes,
}

impl SyncReply {
    /// A refusal without an assignment.
    #[must_use]
    pub fn refuse(error: ErrorCode) -> Self {
        Self { error, protocol_type: None, protocol: None, assignment: Bytes::from([]) }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeaveReply {
    pub error: ErrorCode,
    /// One for each that asked, in the request's order.
    pub members: Vec<LeftMember>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeftMember {
    pub member: MemberId,
    pub instance: Option<InstanceId>,
    pub error: ErrorCode,
}

/// Errors in the request's order of topics and partitions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommitReply {
    pub topics: Vec<TopicErrors>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicErrors {
    pub topic: Text,
    pub topic_id: TopicId,
    pub partitions: Vec<PartitionError>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PartitionError {
    pub partition: i32,
    pub error: ErrorCode,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FetchReply {
    pub topics: Vec<FetchedTopic>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FetchedTopic {
    pub topic: Text,
    pub topic_id: TopicId,
    pub partitions: Vec<FetchedPartition>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FetchedPartition {
    pub partition: i32,
    /// None where nothing was committed: offset -1 on the wire, and no error.
    pub committed: Option<CommittedOffset>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OffsetDeleteReply {
    pub error: ErrorCode,
    pub topics: Vec<TopicErrors>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DescribeReply {
    pub error: ErrorCode,
    pub state: &'static str,
    pub protocol_type: Text,
    /// The protocol in use; empty unless the group is stable.
    pub protocol: Text,
    pub members: Vec<DescribedMember>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DescribedMember {
    pub member: MemberId,
    pub instance: Option<InstanceId>,
    pub client_id: Text,
    pub client_host: Text,
    /// Empty unless the group is stable.
    pub metadata: Bytes,
    /// Empty unless the group is stable.
    pub assignment: Bytes,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedGroup {
    pub group: GroupId,
    pub protocol_type: Text,
    pub state: &'static str,
    pub kind: GroupKind,
}
