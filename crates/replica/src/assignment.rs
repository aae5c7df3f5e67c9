//! What a replica is told by the cluster's metadata and by its configuration.

use types::{BrokerEpoch, LeaderEpoch, NodeId, Offset, PartitionEpoch};

/// A partition's state in the cluster's metadata.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assignment {
    pub leader: NodeId,
    pub leader_epoch: LeaderEpoch,
    pub partition_epoch: PartitionEpoch,
    pub replicas: Vec<NodeId>,
    pub isr: Vec<NodeId>,
}

/// What the newest metadata says of brokers.
pub trait Cluster {
    /// The epoch of a broker that is registered; `None` of one that is not.
    fn broker_epoch(&self, node: NodeId) -> Option<BrokerEpoch>;

    /// Whether it may join an ISR: neither fenced nor on its way out (KIP-841).
    fn is_active(&self, node: NodeId) -> bool;
}

/// Settings that a leader obeys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rules {
    /// `replica.lag.time.max.ms`.
    pub lag_ms_max: i64,
    /// `min.insync.replicas`; the number of replicas where that is less.
    pub in_sync_min: usize,
}

/// Where a replica's own log stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogPosition {
    pub log_start: Offset,
    pub end: Offset,
    /// As last checkpointed: the true one is not before it.
    pub high_watermark: Offset,
}
