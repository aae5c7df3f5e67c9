//! Replicas for new partitions, placed by Kafka's placer or given by the client.

use std::collections::BTreeSet;

use types::{DirectoryId, ErrorCode, LeaderEpoch, NodeId};

use super::{Controller, Refusal};
use crate::image::{BrokerRegistration, DIRECTORY_MIGRATING, DIRECTORY_UNASSIGNED, PartitionState};
use crate::placement::{StripedPlacer, UsableBroker};

const SALT: u64 = 0x706c_6163_656d_656e;

impl Controller<'_> {
    /// Places `count` partitions with `factor` replicas each. `item` keeps topics of a request apart.
    pub(super) fn place(
        &self,
        item: u64,
        count: usize,
        factor: i16,
    ) -> Result<Vec<PartitionState>, Refusal> {
        let cannot = |why: &str| {
            let message = format!("Unable to replicate the partition {factor} time(s): {why}");
            Refusal::new(ErrorCode::InvalidReplicationFactor, message)
        };
        let brokers = self.image.cluster().brokers.values();
        let usable = brokers.filter(|broker| broker.takes_replicas()).map(|broker| UsableBroker {
            id: broker.id,
            rack: broker.rack.clone(),
            fenced: broker.fenced,
        });
        let seed = self.random(SALT ^ item).bits();
        let lists = StripedPlacer::new(usable, seed)
            .place(count, factor)
            .map_err(|e| cannot(&e.to_string()))?;
        let states = lists.iter().map(|replicas| {
            self.partition_of(replicas).ok_or_else(|| {
                cannot("All brokers are currently fenced or in controlled shutdown.")
            })
        });
        states.collect()
    }

    /// A fresh partition with these replicas; `None` where none of them may lead.
    pub(super) fn partition_of(&self, replicas: &[NodeId]) -> Option<PartitionState> {
        let active = |id: &&NodeId| self.image.is_active(**id);
        let isr: Vec<NodeId> = replicas.iter().filter(active).copied().collect();
        let leader = *isr.first()?;
        Some(PartitionState {
            directories: replicas.iter().map(|id| self.default_directory(*id)).collect(),
            replicas: replicas.into(),
            isr: isr.into(),
            removing: [].into(),
            adding: [].into(),
            eligible_leaders: [].into(),
            last_known_leaders: [].into(),
            leader,
            leader_epoch: LeaderEpoch(0),
            partition_epoch: 0,
            recovering: false,
        })
    }

    /// The directory of a replica that nobody has placed yet: known only where there is no choice.
    pub(super) fn default_directory(&self, id: NodeId) -> DirectoryId {
        match self.image.cluster().broker(id).map(|broker| broker.directories.as_slice()) {
            Some([]) => DIRECTORY_MIGRATING,
            Some([only]) => *only,
            Some(_) | None => DIRECTORY_UNASSIGNED,
        }
    }

    /// Checks replicas that a client chose for one partition.
    pub(super) fn check_manual(
        &self,
        replicas: &[i32],
        factor: Option<usize>,
    ) -> Result<Vec<NodeId>, Refusal> {
        let refuse = |message: String| Refusal::new(ErrorCode::InvalidReplicaAssignment, message);
        if replicas.is_empty() {
            let message = "The manual partition assignment includes an empty replica list.";
            return Err(refuse(message.to_owned()));
        }
        let mut sorted = replicas.to_vec();
        sorted.sort_unstable();
        let mut seen = BTreeSet::new();
        for id in sorted {
            let broker = self.image.cluster().broker(NodeId(id)).ok_or_else(|| {
                refuse(format!(
                    "The manual partition assignment includes broker {id}, but no such broker is \
                     registered."
                ))
            })?;
            if !BrokerRegistration::takes_replicas(broker) {
                return Err(refuse(format!(
                    "The manual partition assignment includes broker {id}, but all its log \
                     directories are cordoned."
                )));
            }
            if !seen.insert(id) {
                return Err(refuse(format!(
                    "The manual partition assignment includes the broker {id} more than once."
                )));
            }
        }
        match factor {
            Some(factor) if factor != replicas.len() => Err(refuse(format!(
                "The manual partition assignment includes a partition with {} replica(s), but \
                 this is not consistent with previous partitions, which have {factor} replica(s).",
                replicas.len()
            ))),
            _ => Ok(replicas.iter().copied().map(NodeId).collect()),
        }
    }
}
