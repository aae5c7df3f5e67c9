//! The cluster's state at one offset of the metadata log: immutable, shared, cheap to clone.
//!
//! ```text
//! records ──apply──▶ Replay ──publish──▶ Image ──to_records──▶ snapshot
//!                                          └─ Changes::between(old, new) ─▶ what the broker must do
//! ```

mod apply;
mod changes;
mod cluster;
mod configs;
mod placements;
mod replay;
mod rows;
mod snapshot;
mod topics;

use std::collections::BTreeMap;
use std::sync::Arc;

use types::{LeaderEpoch, NodeId, Offset, ProducerId};
use wire::record_frame::MetadataRecord;

pub use changes::{Changes, TopicChange};
pub use cluster::{BrokerRegistration, Cluster, ControllerRegistration, Endpoint};
pub use configs::{ConfigResource, ConfigValues, Configs, ResourceKind};
pub use replay::Replay;
pub use rows::{QuotaEntity, QuotaRows, SecurityRows};
pub use topics::{
    DIRECTORY_LOST, DIRECTORY_MIGRATING, DIRECTORY_UNASSIGNED, PartitionState, Topic, Topics,
};

use crate::features::Feature;
use crate::metadata_version::MetadataVersion;

/// Everything that the metadata log says, up to one offset.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Image {
    /// The last record that is in it; [`Provenance::NOTHING`] before the first.
    pub provenance: Provenance,
    features: Arc<FinalizedFeatures>,
    cluster: Arc<Cluster>,
    topics: Topics,
    configs: Arc<Configs>,
    next_producer_id: Option<ProducerId>,
    quotas: Arc<QuotaRows>,
    security: Arc<SecurityRows>,
}

/// Which record of the metadata log an image ends with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Provenance {
    /// Offset of that record.
    pub offset: Offset,
    /// Epoch of the controller that wrote it.
    pub epoch: LeaderEpoch,
}

/// The levels that the cluster has agreed on.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FinalizedFeatures {
    metadata_version: Option<MetadataVersion>,
    levels: BTreeMap<Box<str>, i16>,
}

impl Provenance {
    /// Before the first record.
    pub const NOTHING: Self = Self { offset: Offset(-1), epoch: LeaderEpoch(-1) };
}

impl Default for Provenance {
    fn default() -> Self {
        Self::NOTHING
    }
}

impl Image {
    /// Topics and partitions.
    #[must_use]
    pub fn topics(&self) -> &Topics {
        &self.topics
    }

    /// Brokers and controllers.
    #[must_use]
    pub fn cluster(&self) -> &Cluster {
        &self.cluster
    }

    /// Dynamic configs.
    #[must_use]
    pub fn configs(&self) -> &Configs {
        &self.configs
    }

    /// Finalized features.
    #[must_use]
    pub fn features(&self) -> &FinalizedFeatures {
        &self.features
    }

    /// Client quotas.
    #[must_use]
    pub fn quotas(&self) -> &QuotaRows {
        &self.quotas
    }

    /// ACLs, SCRAM credentials and delegation tokens.
    #[must_use]
    pub fn security(&self) -> &SecurityRows {
        &self.security
    }

    /// The first producer id of the next block; `None` before any block was given out.
    #[must_use]
    pub fn next_producer_id(&self) -> Option<ProducerId> {
        self.next_producer_id
    }

    /// One partition of a topic by name.
    #[must_use]
    pub fn partition(&self, topic: &str, index: i32) -> Option<&PartitionState> {
        self.topics.named(topic)?.partitions.get(&index).map(Arc::as_ref)
    }

    /// The state behind these records too, for decisions in several steps.
    pub(crate) fn after(&self, records: &[MetadataRecord<'_>]) -> Self {
        let mut image = self.clone();
        records.iter().for_each(|record| image.apply(record));
        image
    }

    /// Whether the broker may lead.
    #[must_use]
    pub fn is_active(&self, broker: NodeId) -> bool {
        self.cluster.is_active(broker)
    }

    /// The replicas that cannot be used: their broker is gone or fenced, or has lost their directory.
    pub fn offline_replicas<'a>(
        &'a self,
        partition: &'a PartitionState,
    ) -> impl Iterator<Item = NodeId> + 'a {
        let is_online = |node: &NodeId| {
            let directory = partition.directory_of(*node).unwrap_or(DIRECTORY_MIGRATING);
            let broker = self.cluster.broker(*node);
            broker.is_some_and(|broker| !broker.fenced && broker.has_online(directory))
        };
        partition.replicas.iter().copied().filter(move |node| !is_online(node))
    }
}

impl FinalizedFeatures {
    /// The finalized `metadata.version`; Kafka's minimum where the log has not set it yet.
    #[must_use]
    pub fn metadata_version(&self) -> MetadataVersion {
        self.metadata_version.unwrap_or(MetadataVersion::MINIMUM)
    }

    /// Whether a `metadata.version` was finalized at all.
    #[must_use]
    pub fn has_metadata_version(&self) -> bool {
        self.metadata_version.is_some()
    }

    /// The finalized level of a feature; 0 where it is off.
    #[must_use]
    pub fn level(&self, name: &str) -> i16 {
        if name == MetadataVersion::FEATURE {
            return self.metadata_version.map_or(0, MetadataVersion::level);
        }
        self.levels.get(name).copied().unwrap_or(0)
    }

    /// Whether eligible leader replicas are on (KIP-966).
    #[must_use]
    pub fn eligible_leaders(&self) -> bool {
        self.level(Feature::EligibleLeaderReplicas.name()) > 0
    }

    /// Every finalized feature with its level above 0, by name.
    #[must_use]
    pub fn levels(&self) -> BTreeMap<&str, i16> {
        let release = self.metadata_version.map(|v| (MetadataVersion::FEATURE, v.level()));
        self.levels.iter().map(|(name, level)| (&**name, *level)).chain(release).collect()
    }
}
