//! What a group's clients and the broker itself may ask: Kafka's requests without their versions.

use types::TopicId;

use crate::{Bytes, GroupId, InstanceId, MemberId, Text, Ticket};

/// One input of the machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// A client's call; its answer goes to the ticket.
    Call(Ticket, Call),
    /// The log has been replayed: from here on members that it names must be heard of.
    Loaded,
    /// A deadline has come.
    Tick,
    /// Time to drop offsets whose retention is over, and groups that hold nothing any more.
    ExpireOffsets,
    /// These topics are gone for good, and with them what was committed for them.
    TopicsDeleted(Vec<DeletedTopic>),
}

/// A topic that is gone; one that has its name now has another id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeletedTopic {
    pub name: Text,
    pub id: TopicId,
}

/// A call, each on one group except for the list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Call {
    Join(JoinGroup),
    Sync(SyncGroup),
    Heartbeat(Heartbeat),
    Leave(LeaveGroup),
    Commit(CommitOffsets),
    Fetch(FetchOffsets),
    DeleteOffsets(DeleteOffsets),
    DeleteGroup(GroupId),
    Describe(GroupId),
    List(ListGroups),
}

/// Who calls, as DescribeGroups shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Client {
    pub id: Text,
    /// The address in Java's form: a slash, then the number.
    pub host: Text,
}

/// A way to share the work that a member supports, with what it tells the leader about itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Protocol {
    pub name: Text,
    pub metadata: Bytes,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JoinGroup {
    pub group: GroupId,
    pub member: MemberId,
    pub instance: Option<InstanceId>,
    pub client: Client,
    pub session_timeout_ms: i32,
    pub rebalance_timeout_ms: i32,
    pub protocol_type: Text,
    /// In the member's order of preference.
    pub protocols: Vec<Protocol>,
    /// Randomness for a fresh member id.
    pub random: u128,
    /// From v4 on a client joins in two steps, so that a lost answer leaves no ghost (KIP-394).
    pub id_required: bool,
    /// From v9 on a returning static leader can be told to skip the assignment (KIP-814).
    pub can_skip_assignment: bool,
}

impl JoinGroup {
    /// Whether a member id made of the client's or the instance's name can be written down.
    pub(crate) fn names_fit(&self) -> bool {
        let instance = self.instance.as_ref().map_or(0, |instance| instance.as_str().len());
        let prefix_bytes_max = TEXT_BYTES_MAX - MemberId::FRESH_BYTES;
        self.client.id.len().max(instance) <= prefix_bytes_max
    }
}

/// What a record's text can hold (`int16` length).
const TEXT_BYTES_MAX: usize = 0x7fff;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyncGroup {
    pub group: GroupId,
    pub member: MemberId,
    pub instance: Option<InstanceId>,
    pub generation: i32,
    pub protocol_type: Option<Text>,
    pub protocol: Option<Text>,
    /// Of the leader only: what each member gets.
    pub assignments: Vec<(MemberId, Bytes)>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heartbeat {
    pub group: GroupId,
    pub member: MemberId,
    pub instance: Option<InstanceId>,
    pub generation: i32,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeaveGroup {
    pub group: GroupId,
    pub members: Vec<LeavingMember>,
}

/// Named by member id, or by instance alone with an unknown member id (an operator's removal).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeavingMember {
    pub member: MemberId,
    pub instance: Option<InstanceId>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommitOffsets {
    pub group: GroupId,
    pub member: MemberId,
    pub instance: Option<InstanceId>,
    /// -1 for a client that is no member.
    pub generation: i32,
    /// v2–v4 brought a retention of their own; -1 leaves it to the broker.
    pub retention_ms: i64,
    /// From v9 on a client understands that the group itself is not there.
    pub knows_missing_group: bool,
    pub topics: Vec<CommitTopic>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommitTopic {
    pub topic: Text,
    /// Zero where it is not known.
    pub topic_id: TopicId,
    pub partitions: Vec<CommitPartition>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommitPartition {
    pub partition: i32,
    pub offset: i64,
    /// -1 where it is not known.
    pub leader_epoch: i32,
    pub metadata: Text,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FetchOffsets {
    pub group: GroupId,
    /// None for everything that the group has committed.
    pub topics: Option<Vec<FetchTopic>>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FetchTopic {
    pub topic: Text,
    /// Zero where it is not known.
    pub topic_id: TopicId,
    pub partitions: Vec<i32>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeleteOffsets {
    pub group: GroupId,
    pub topics: Vec<TopicPartitions>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicPartitions {
    pub topic: Text,
    pub partitions: Vec<i32>,
}

/// Filters; an empty one lets everything through. Case does not matter.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ListGroups {
    pub states: Vec<Text>,
    pub types: Vec<Text>,
}
