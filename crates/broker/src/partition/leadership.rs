//! Who leads a partition, as the metadata image says, readable without a lock.

use metadata::image::PartitionState;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use types::{LeaderEpoch, NodeId};

#[derive(Debug)]
pub(super) struct Leadership {
    /// Leader and epoch in one word, so that they always belong together.
    leader_and_epoch: AtomicU64,
    replicas: AtomicU32,
    in_sync: AtomicU32,
}

/// A leader and its term.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Leader {
    pub id: NodeId,
    pub epoch: LeaderEpoch,
}

impl Leader {
    fn packed(self) -> u64 {
        u64::from(self.id.0.cast_unsigned()) << 32 | u64::from(self.epoch.0.cast_unsigned())
    }

    fn unpacked(word: u64) -> Self {
        let [a, b, c, d, e, f, g, h] = word.to_be_bytes();
        Self {
            id: NodeId(i32::from_be_bytes([a, b, c, d])),
            epoch: LeaderEpoch(i32::from_be_bytes([e, f, g, h])),
        }
    }
}

impl Leadership {
    pub(super) fn new(state: &PartitionState) -> Self {
        let leadership = Self {
            leader_and_epoch: AtomicU64::new(0),
            replicas: AtomicU32::new(0),
            in_sync: AtomicU32::new(0),
        };
        leadership.set(state);
        leadership
    }

    pub(super) fn set(&self, state: &PartitionState) {
        let count = |nodes: &[NodeId]| u32::try_from(nodes.len()).unwrap_or(u32::MAX);
        let leader = Leader { id: state.leader, epoch: state.leader_epoch };
        self.replicas.store(count(&state.replicas), Ordering::Release);
        self.in_sync.store(count(&state.isr), Ordering::Release);
        self.leader_and_epoch.store(leader.packed(), Ordering::Release);
    }

    /// Nobody leads any more, as far as this node knows.
    pub(super) fn end(&self) {
        let nobody = Leader { id: NodeId::NONE, ..self.leader() };
        self.leader_and_epoch.store(nobody.packed(), Ordering::Release);
    }

    pub(super) fn leader(&self) -> Leader {
        Leader::unpacked(self.leader_and_epoch.load(Ordering::Acquire))
    }

    /// A node's term as the leader.
    ///
    /// # Errors
    /// The leader that a client should go to.
    pub(super) fn led_by(&self, node: NodeId) -> Result<LeaderEpoch, Leader> {
        let leader = self.leader();
        if leader.id == node { Ok(leader.epoch) } else { Err(leader) }
    }

    pub(super) fn is_replicated(&self) -> bool {
        self.replicas.load(Ordering::Acquire) > 1
    }

    /// Whether `node` leads others.
    pub(super) fn has_followers(&self, node: NodeId) -> bool {
        self.is_replicated() && self.led_by(node).is_ok()
    }

    /// Takes over an ISR that the leader knows before the image does.
    pub(super) fn set_in_sync(&self, count: usize) {
        self.in_sync.store(u32::try_from(count).unwrap_or(u32::MAX), Ordering::Release);
    }

    /// Whether as many replicas are in sync as `in_sync_min` and the replication factor ask for
    /// (rule 21).
    pub(super) fn has_enough_in_sync(&self, in_sync_min: usize) -> bool {
        let in_sync = self.in_sync.load(Ordering::Acquire);
        let needed = u32::try_from(in_sync_min).unwrap_or(u32::MAX);
        in_sync >= needed.min(self.replicas.load(Ordering::Acquire))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leader_and_epoch_survive_packing() {
        for (id, epoch) in [(0, 0), (1, 7), (-1, -1), (i32::MAX, i32::MIN)] {
            let leader = Leader { id: NodeId(id), epoch: LeaderEpoch(epoch) };
            assert_eq!(Leader::unpacked(leader.packed()), leader);
        }
    }
}
