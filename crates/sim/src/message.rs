//! What nodes and clients say to each other: the meaning of Kafka's requests, without their bytes.

use coordinator::Call;
use metadata::decide::UpdateFeatures;
use metadata::image::Image;
use replica::{Fetch, Fetched};
use types::{BrokerEpoch, ErrorCode, LeaderEpoch, NodeId, Offset, TopicId};
use wire::{
    AllocateProducerIdsResponse, AlterPartitionReassignmentsRequest, AlterPartitionRequest,
    AlterPartitionResponse, AssignReplicasToDirsRequest, BrokerHeartbeatRequest,
    BrokerHeartbeatResponse, BrokerRegistrationRequest, BrokerRegistrationResponse,
    CreateTopicsRequest, DeleteTopicsRequest, ElectLeadersRequest, UpdateFeaturesRequest,
};

use crate::env::Place;

/// A partition, whatever its topic is called.
pub type Key = (TopicId, i32);

#[derive(Debug, Clone)]
pub struct Envelope {
    pub from: Place,
    pub to: Place,
    /// Of the one that asks: a restarted one gets no answers to what it asked before.
    pub life: u32,
    pub number: u64,
    pub content: Content,
}

#[derive(Debug, Clone)]
pub enum Content {
    Request(Box<Request>),
    /// None where the connection failed.
    Reply(Option<Box<Reply>>),
    /// The sender's process is gone; which run of its broker that was.
    Gone(BrokerEpoch),
}

#[derive(Debug, Clone)]
pub enum Request {
    Quorum(raft::Request),
    Control(Box<Command>),
    Follow(FollowRequest),
    /// Where a partition's log starts and ends, asked by a follower.
    Ends(Key, LeaderEpoch),
    Metadata,
    Produce(ProduceRequest),
    Consume(Key, Offset),
    Group(Turn, Call),
}

#[derive(Debug, Clone)]
pub enum Reply {
    Quorum {
        reply: raft::Reply,
        bytes: Vec<u8>,
    },
    Control(Outcome),
    Follow(Vec<(Key, Fetch, Fetched, Vec<u8>)>),
    Ends(Option<(Offset, Offset)>),
    Metadata(Box<Image>),
    /// The base offset.
    Produce(Result<Offset, ErrorCode>),
    Consume(Result<Consumed, ErrorCode>),
    /// None where this broker does not coordinate the group.
    Group(Option<coordinator::Reply>),
}

/// A command to the active controller.
#[derive(Debug, Clone)]
pub enum Command {
    Register(BrokerRegistrationRequest<'static>),
    Heartbeat(BrokerHeartbeatRequest),
    AlterPartition(AlterPartitionRequest),
    AssignDirectories(AssignReplicasToDirsRequest),
    AllocateProducerIds(NodeId, BrokerEpoch),
    CreateTopics(CreateTopicsRequest<'static>),
    DeleteTopics(DeleteTopicsRequest<'static>),
    Reassign(AlterPartitionReassignmentsRequest<'static>),
    ElectLeaders(ElectLeadersRequest<'static>),
    UpdateFeatures(UpdateFeaturesRequest<'static>),
    UnregisterBroker(NodeId),
}

impl Command {
    /// The command as `metadata` takes it.
    pub fn update(request: UpdateFeaturesRequest<'static>) -> UpdateFeatures<'static> {
        UpdateFeatures { request, version: 2, kraft_version: 1 }
    }
}

#[derive(Debug, Clone)]
pub enum Outcome {
    /// The addressee is not the active controller.
    NotController,
    Register(BrokerRegistrationResponse),
    Heartbeat(BrokerHeartbeatResponse),
    AlterPartition(AlterPartitionResponse),
    AllocateProducerIds(AllocateProducerIdsResponse),
    /// The error of an admin's command; of its only item where it has one.
    Admin(ErrorCode),
}

/// A follower's fetch of everything that one leader has for it.
#[derive(Debug, Clone)]
pub struct FollowRequest {
    pub replica: NodeId,
    pub broker_epoch: BrokerEpoch,
    pub parts: Vec<(Key, Fetch)>,
}

#[derive(Debug, Clone)]
pub struct ProduceRequest {
    pub key: Key,
    pub acks_all: bool,
    pub turn: Turn,
    /// One batch as the producer sealed it.
    pub bytes: Vec<u8>,
}

/// The how manieth request of a connection. A connection keeps the order: what has lost a request
/// brings none that was sent behind it.
#[derive(Debug, Clone, Copy)]
pub struct Turn {
    pub connection: u64,
    pub index: u32,
}

/// What a consumer reads: whole batches below the high watermark.
#[derive(Debug, Clone)]
pub struct Consumed {
    pub high_watermark: Offset,
    pub bytes: Vec<u8>,
}
