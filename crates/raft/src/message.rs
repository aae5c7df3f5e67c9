//! What nodes say to each other: the meaning of Kafka's quorum messages, without their layout.
//!
//! The shell maps wire messages to these and checks what belongs to the envelope: the cluster id
//! (INCONSISTENT_CLUSTER_ID), the topic and partition, authorization.

use types::{ErrorCode, LeaderEpoch, NodeId, Offset, TimestampMs};

pub use crate::control::LeaderInfo;
use crate::control::PlacedControl;
use crate::log_state::{EpochStart, LogEnd, SnapshotId};
use crate::voters::{Endpoint, Endpoints, ReplicaKey, VersionRange, Voter, VoterSet};

/// The shell's name for an inbound request that waits for its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestId(pub u64);

/// The machine's name for an outbound request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CorrelationId(pub u64);

/// Where a request goes. Bootstrap servers, whose ids are not known, have ids from -2 downwards.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Destination {
    pub id: NodeId,
    pub endpoint: Endpoint,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Request {
    Vote(VoteRequest),
    BeginQuorumEpoch(BeginQuorumEpochRequest),
    EndQuorumEpoch(EndQuorumEpochRequest),
    Fetch(FetchRequest),
    FetchSnapshot(FetchSnapshotRequest),
    DescribeQuorum,
    AddVoter(AddVoterRequest),
    /// The voter to remove; its directory must be known.
    RemoveVoter(ReplicaKey),
    UpdateVoter(UpdateVoterRequest),
    /// Sent to a replica that shall become a voter; the shell may answer it without the machine.
    ApiVersions,
}

/// Vote, version 0 to 2 (KIP-595, KIP-853, KIP-996).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VoteRequest {
    /// Whom the sender takes us for; `None` before version 1.
    pub voter: Option<ReplicaKey>,
    /// The candidate, or who would like to become one.
    pub replica: ReplicaKey,
    /// The epoch of the election; of a pre-vote the epoch that the sender is in.
    pub epoch: LeaderEpoch,
    pub last: LogEnd,
    pub pre_vote: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VoteAnswer {
    pub error: ErrorCode,
    pub leader: LeaderInfo,
    pub granted: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BeginQuorumEpochRequest {
    /// Whom the sender takes us for; `None` before version 1.
    pub voter: Option<ReplicaKey>,
    pub leader: NodeId,
    pub epoch: LeaderEpoch,
    /// Empty before version 1.
    pub endpoints: Endpoints,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndQuorumEpochRequest {
    pub leader: NodeId,
    pub epoch: LeaderEpoch,
    /// Who should try first, the most caught up first.
    pub successors: Vec<ReplicaKey>,
    /// Empty before version 1.
    pub endpoints: Endpoints,
}

/// The answer to BeginQuorumEpoch, EndQuorumEpoch and UpdateRaftVoter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EpochAnswer {
    pub error: ErrorCode,
    pub leader: LeaderInfo,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct FetchRequest {
    /// Id -1 for who only reads.
    pub replica: ReplicaKey,
    pub current_epoch: LeaderEpoch,
    pub offset: Offset,
    pub last_fetched_epoch: LeaderEpoch,
    /// What the sender knows of it, -1 for nothing; `i64::MAX` where it cannot say (before version 18).
    pub high_watermark: Offset,
    pub wait_ms_max: i32,
    pub bytes_max: i32,
}

/// The answer to a fetch, as its receiver's shell completes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FetchAnswer {
    pub error: ErrorCode,
    pub leader: LeaderInfo,
    /// -1 where not known.
    pub high_watermark: Offset,
    pub log_start: Offset,
    pub found: Found,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// The shell reads the log from here, committed or not, and at least one batch if there is any.
    Records {
        from: Offset,
        bytes_max: i32,
    },
    Nothing,
    Diverging(LogEnd),
    Snapshot(SnapshotId),
}

/// The answer to a fetch of ours, as our shell understood it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FetchReply {
    pub error: ErrorCode,
    pub leader: LeaderInfo,
    pub high_watermark: Offset,
    pub fetched: Fetched,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fetched {
    Records(FetchedRecords),
    Nothing,
    Diverging(LogEnd),
    Snapshot(SnapshotId),
}

/// What the valid batches of a fetch hold: the shell has checked them (CRC, offsets without gaps,
/// epochs that do not fall) and dropped what follows the first bad one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FetchedRecords {
    pub base: Offset,
    pub end: Offset,
    /// The first of each epoch.
    pub epochs: Vec<EpochStart>,
    pub controls: Vec<PlacedControl>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FetchSnapshotRequest {
    pub replica: ReplicaKey,
    pub current_epoch: LeaderEpoch,
    pub snapshot: SnapshotId,
    pub position: u64,
    pub bytes_max: u32,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FetchSnapshotAnswer {
    pub error: ErrorCode,
    pub leader: LeaderInfo,
    pub snapshot: SnapshotId,
    /// The shell reads the snapshot from here; it answers POSITION_OUT_OF_RANGE itself where the
    /// position is not below the file's size.
    pub position: u64,
    pub bytes_max: u32,
}

/// A piece of a snapshot that has arrived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FetchSnapshotReply {
    pub error: ErrorCode,
    pub leader: LeaderInfo,
    pub snapshot: SnapshotId,
    pub position: u64,
    /// Of the piece.
    pub bytes: u64,
    /// Of the whole snapshot.
    pub size: u64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AddVoterRequest {
    pub voter: ReplicaKey,
    pub endpoints: Endpoints,
    /// Answer when the change is committed, or when it is in the leader's log (KIP-1186).
    pub ack_when_committed: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UpdateVoterRequest {
    pub current_epoch: LeaderEpoch,
    pub voter: Voter,
}

/// The answer to AddRaftVoter and RemoveRaftVoter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangeAnswer {
    pub error: ErrorCode,
    pub message: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DescribeQuorumAnswer {
    pub error: ErrorCode,
    pub leader: LeaderInfo,
    pub high_watermark: Offset,
    pub voters: Vec<ReplicaState>,
    pub observers: Vec<ReplicaState>,
    /// The voters' endpoints, from version 2 on.
    pub nodes: VoterSet,
}

/// A replica as the leader sees it; -1 for what it does not know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReplicaState {
    pub key: ReplicaKey,
    pub log_end: Offset,
    pub last_fetch: TimestampMs,
    pub last_caught_up: TimestampMs,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    Vote(VoteAnswer),
    BeginQuorumEpoch(EpochAnswer),
    EndQuorumEpoch(EpochAnswer),
    Fetch(FetchAnswer),
    FetchSnapshot(FetchSnapshotAnswer),
    DescribeQuorum(DescribeQuorumAnswer),
    AddVoter(ChangeAnswer),
    RemoveVoter(ChangeAnswer),
    UpdateVoter(EpochAnswer),
    ApiVersions(VersionRange),
}

/// An answer to a request of ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    Vote(VoteAnswer),
    /// The peer does not know the version that we asked in: a pre-vote to a node before Kafka 4.0.
    VoteUnsupported,
    BeginQuorumEpoch(EpochAnswer),
    EndQuorumEpoch(EpochAnswer),
    Fetch(FetchReply),
    FetchSnapshot(FetchSnapshotReply),
    AddVoter(ErrorCode),
    RemoveVoter(ErrorCode),
    UpdateVoter(EpochAnswer),
    /// The peer's range of `kraft.version`; `None` where it names none.
    ApiVersions(Option<VersionRange>),
}
