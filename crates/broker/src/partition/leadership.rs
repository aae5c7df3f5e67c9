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

    pub(super) fn leader(&self) -> Leader {
        Leader::unpacked(self.leader_and_epoch.load(Ordering::Acquire))
    }

    /// A node's term as the leader. Nobody serves a partition of several replicas: an
    /// acknowledgement would promise copies that no follower has.
    ///
    /// # Errors
    /// The leader that a client should go to.
    pub(super) fn led_by(&self, node: NodeId) -> Result<LeaderEpoch, Leader> {
        let leader = self.leader();
        if leader.id != node {
            return Err(leader);
        }
        match self.replicas.load(Ordering::Acquire) {
            0 | 1 => Ok(leader.epoch),
            _ => Err(Leader { id: NodeId::NONE, epoch: leader.epoch }),
        }
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
    use std::sync::Arc;

    #[test]
    fn a_partition_of_several_replicas_is_not_served() {
        let state = |replicas: &[i32]| {
            let nodes: Arc<[NodeId]> = replicas.iter().copied().map(NodeId).collect();
            PartitionState {
                isr: Arc::clone(&nodes),
                replicas: nodes,
                directories: Arc::default(),
                removing: Arc::default(),
                adding: Arc::default(),
                eligible_leaders: Arc::default(),
                last_known_leaders: Arc::default(),
                leader: NodeId(1),
                leader_epoch: LeaderEpoch(4),
                partition_epoch: 0,
                recovering: false,
            }
        };
        let leadership = Leadership::new(&state(&[1]));
        assert_eq!(leadership.led_by(NodeId(1)), Ok(LeaderEpoch(4)));
        let led = Leader { id: NodeId(1), epoch: LeaderEpoch(4) };
        assert_eq!(leadership.led_by(NodeId(2)), Err(led));
        leadership.set(&state(&[1, 2]));
        let nobody = Leader { id: NodeId::NONE, epoch: LeaderEpoch(4) };
        assert_eq!(leadership.led_by(NodeId(1)), Err(nobody));
    }

    #[test]
    fn leader_and_epoch_survive_packing() {
        for (id, epoch) in [(0, 0), (1, 7), (-1, -1), (i32::MAX, i32::MIN)] {
            let leader = Leader { id: NodeId(id), epoch: LeaderEpoch(epoch) };
            assert_eq!(Leader::unpacked(leader.packed()), leader);
        }
    }
}
