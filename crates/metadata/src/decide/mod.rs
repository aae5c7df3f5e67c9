//! Commands to the cluster, each decided against an image: which records to write, what to answer.
//!
//! Deciding changes nothing. The shell writes the records, applies them, and only then answers.

mod alter_partition;
mod assign_directories;
mod assignment;
mod balance_leaders;
mod batches;
mod brokers;
mod config_rules;
mod configs;
mod controllers;
mod create_partitions;
mod create_topics;
mod delete_topics;
mod elect_leaders;
mod heartbeat;
mod leadership;
mod partition_change;
mod producer_ids;
mod reassignments;
mod record_version;
mod refusal;
mod update_features;

use types::{NodeId, Offset, TopicId, Uuid};
use wire::record_frame::MetadataRecord;

pub use alter_partition::AlterPartition;
pub use assign_directories::AssignReplicasToDirs;
pub use balance_leaders::{BalanceLeaders, ELECTIONS_PER_DECISION_MAX, ElectUncleanLeaders};
pub use batches::{BATCH_BYTES_MAX, Batching, Encoded, Unity};
pub use brokers::{RegisterBroker, UnregisterBroker};
pub use configs::{AlterConfigs, IncrementalAlterConfigs};
pub use controllers::{RegisterController, UnregisterController};
pub use create_partitions::CreatePartitions;
pub use create_topics::{CreateTopics, PARTITIONS_PER_REQUEST_MAX};
pub use delete_topics::DeleteTopics;
pub use elect_leaders::ElectLeaders;
pub use heartbeat::{FenceBroker, Heartbeat};
pub use producer_ids::{AllocateProducerIds, PRODUCER_ID_BLOCK};
pub use reassignments::{AlterPartitionReassignments, ListPartitionReassignments};
pub use record_version::record_version;
pub use refusal::{Refusal, outcome};
pub use update_features::UpdateFeatures;

use crate::config::GroupBounds;
use crate::image::Image;
use crate::random::Seeded;

/// What a command leads to.
#[derive(Clone, Debug, PartialEq)]
pub struct Decision<R> {
    /// Records to write, in order; the command's [`Unity`] says whether all of them or none.
    pub records: Vec<MetadataRecord<'static>>,
    /// The answer, once they are written.
    pub reply: R,
}

/// Something that a client or a node asks of the cluster.
pub trait Command {
    /// What it gets back.
    type Reply;

    /// Whether its records may come into effect one after another; as in Kafka, requests of clients
    /// are carried out as a whole.
    const UNITY: Unity = Unity::Whole;

    /// Decides it against the state that `controller` sees.
    fn decide(&self, controller: &Controller<'_>) -> Decision<Self::Reply>;
}

/// What decisions are made of: the state, the node's own settings, and randomness from outside.
#[derive(Clone, Copy, Debug)]
pub struct Controller<'a> {
    /// The state behind the last record.
    pub image: &'a Image,
    /// Values for what commands leave out.
    pub settings: &'a Settings,
    /// The offset that the first record of the decision gets; a broker's epoch is made of it.
    pub next_offset: Offset,
    /// Seed of ids and placements; each decision needs another.
    pub seed: u64,
}

/// The controller's static configuration, as far as decisions depend on it.
#[derive(Clone, Debug)]
pub struct Settings {
    /// `node.id` of this controller.
    pub node: NodeId,
    /// `num.partitions`.
    pub num_partitions: i32,
    /// `default.replication.factor`.
    pub default_replication_factor: i16,
    /// `min.insync.replicas`.
    pub min_insync_replicas: usize,
    /// `unclean.leader.election.enable`.
    pub unclean_leader_election: bool,
    /// Whether levels that may change can be finalized (`unstable.feature.versions.enable`).
    pub unstable_features: bool,
    /// How far the configs of groups may go.
    pub group_bounds: GroupBounds,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            node: NodeId::NONE,
            num_partitions: 1,
            default_replication_factor: 1,
            min_insync_replicas: 1,
            unclean_leader_election: false,
            unstable_features: false,
            group_bounds: GroupBounds::default(),
        }
    }
}

impl<R> Decision<R> {
    /// An answer that writes nothing.
    pub fn only(reply: R) -> Self {
        Self { records: Vec::new(), reply }
    }
}

impl Controller<'_> {
    /// Random choices of this decision; `salt` keeps uses within it apart. The seeds of two decisions
    /// may be as close to each other as two salts are: what comes of them is not.
    fn random(&self, salt: u64) -> Seeded {
        let mut random = Seeded::new(Seeded::new(self.seed).bits() ^ salt);
        random.bits();
        random
    }
}

/// A topic id that is not reserved and does not look like a flag on a command line.
fn random_topic_id(random: &mut Seeded) -> TopicId {
    loop {
        let id = Uuid::from_random(random.bytes());
        if !id.to_string().starts_with('-') {
            return id;
        }
    }
}
