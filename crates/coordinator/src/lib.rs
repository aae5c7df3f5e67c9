//! Group coordination as a pure core (a crate because of a stricter law: no I/O, no clock, no chance).
//!
//! ```text
//!   request ──▶ decide(&self) ──▶ records ──▶ apply(&mut self)      (at once, in order)
//!                     │              └──────▶ append to the log     (the stored ones)
//!                     └──▶ replies to tickets, spoken once the append is durable
//! ```
//! A [`GroupShard`] holds every group and committed offset of one `__consumer_offsets` partition.
//! The shell that owns the partition decides and applies request by request, appends the stored
//! records of a whole batch, and speaks only then. If the append fails it drops the shard, refuses
//! what waits, and replays the log into another one: what was never durable was never spoken of.

#[cfg(any(test, feature = "broken"))]
mod broken;
mod classic;
mod codec;
mod config;
mod groups;
mod id;
mod offsets;
mod record;
mod reply;
mod request;
mod shard;
mod subscription;
mod wakes;

#[cfg(any(test, feature = "broken"))]
pub use broken::Broken;
pub use classic::{ClassicGroup, Member, State};
pub use codec::RecordBytes;
pub use config::GroupConfig;
pub use groups::{Group, GroupKind, GroupShard};
pub use id::{Bytes, GroupId, InstanceId, MemberId, Text};
pub use offsets::CommittedOffset;
pub use record::{OffsetKey, Record, StoredGroup, StoredMember, StoredRecord, Volatile};
pub use reply::{
    CommitReply, DescribeReply, DescribedMember, FetchReply, FetchedPartition, FetchedTopic,
    JoinReply, JoinedMember, LeaveReply, LeftMember, ListedGroup, OffsetDeleteReply,
    PartitionError, Reply, SyncReply, TopicErrors,
};
pub use request::{
    Call, Client, CommitOffsets, CommitPartition, CommitTopic, DeleteOffsets, DeletedTopic,
    FetchOffsets, FetchTopic, Heartbeat, JoinGroup, LeaveGroup, LeavingMember, ListGroups,
    Protocol, Request, SyncGroup, TopicPartitions,
};
pub use shard::{Decision, Now, Shard, Ticket};
pub use types::Instant;
