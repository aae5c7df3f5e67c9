//! The partitions that a consumer reads, and where it is in each.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use tokio::time::Instant;

use crate::{Metadata, TopicPartition};

/// An offset to commit, or that was committed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OffsetAndMetadata {
    pub offset: i64,
    /// The epoch of the last consumed record; -1 where unknown.
    pub leader_epoch: i32,
    pub metadata: String,
}

impl From<i64> for OffsetAndMetadata {
    fn from(offset: i64) -> Self {
        Self { offset, leader_epoch: -1, metadata: String::new() }
    }
}

/// Where to read next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Position {
    pub offset: i64,
    /// The epoch of the record before; -1 where unknown.
    pub epoch: i32,
}

/// How a partition comes to its position.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Placing {
    /// The committed offset is to be asked for.
    Committed,
    /// The policy, or a seek, decides: an offset or a special timestamp of ListOffsets.
    ByTime(i64),
    /// `auto.offset.reset` is to be applied.
    Reset,
    /// There, as far as is known.
    Placed(Position),
    /// The leader changed: whether its log holds what was read is to be asked (KIP-320).
    Unvalidated(Position),
}

/// One partition.
#[derive(Clone, Debug)]
pub(super) struct Assigned {
    pub placing: Placing,
    pub paused: bool,
    /// A task is finding the position out.
    pub busy: bool,
    /// Counts placements, so that an answer to an older question is known as such.
    pub version: u64,
    /// The leader's epoch for which the position was validated; -1 for none yet.
    pub validated_epoch: i32,
    /// -1 until the first fetch.
    pub high_watermark: i64,
    /// -1 until the first fetch.
    pub last_stable_offset: i64,
    pub preferred_replica: Option<(i32, Instant)>,
}

impl Assigned {
    fn new(placing: Placing) -> Self {
        Self {
            placing,
            paused: false,
            busy: false,
            version: 0,
            validated_epoch: -1,
            high_watermark: -1,
            last_stable_offset: -1,
            preferred_replica: None,
        }
    }

    pub(super) fn position(&self) -> Option<Position> {
        match self.placing {
            Placing::Placed(position) | Placing::Unvalidated(position) => Some(position),
            Placing::Committed | Placing::ByTime(_) | Placing::Reset => None,
        }
    }

    /// Moves the partition somewhere else; answers that are under way no longer count.
    pub(super) fn place(&mut self, placing: Placing) {
        self.placing = placing;
        self.busy = false;
        self.version += 1;
    }

    /// Takes note of the leader's epoch: a position that was come to under an older one is to be
    /// validated.
    pub(super) fn note_leader(&mut self, epoch: i32) {
        let Placing::Placed(position) = self.placing else { return };
        if epoch <= self.validated_epoch {
            return;
        }
        if position.epoch >= 0 && position.epoch < epoch {
            self.place(Placing::Unvalidated(position));
        } else {
            self.validated_epoch = epoch;
        }
    }
}

/// All partitions of one consumer.
#[derive(Default)]
pub(super) struct Positions(BTreeMap<TopicPartition, Assigned>);

impl Positions {
    /// Makes these the assigned partitions; those that stay keep their positions.
    pub(super) fn assign(&mut self, partitions: &BTreeSet<TopicPartition>, placing: Placing) {
        self.0.retain(|partition, _| partitions.contains(partition));
        for partition in partitions {
            self.0.entry(partition.clone()).or_insert_with(|| Assigned::new(placing));
        }
    }

    pub(super) fn partitions(&self) -> BTreeSet<TopicPartition> {
        self.0.keys().cloned().collect()
    }

    pub(super) fn get(&self, partition: &TopicPartition) -> Option<&Assigned> {
        self.0.get(partition)
    }

    pub(super) fn get_mut(&mut self, partition: &TopicPartition) -> Option<&mut Assigned> {
        self.0.get_mut(partition)
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = (&TopicPartition, &mut Assigned)> {
        self.0.iter_mut()
    }

    /// What there is to commit: every position.
    pub(super) fn consumed(&self) -> BTreeMap<TopicPartition, OffsetAndMetadata> {
        let placed = self.0.iter().filter_map(|(partition, assigned)| {
            let Position { offset, epoch } = assigned.position()?;
            let leader_epoch = epoch;
            Some((
                partition.clone(),
                OffsetAndMetadata { offset, leader_epoch, metadata: String::new() },
            ))
        });
        placed.collect()
    }

    /// Marks what must be validated because the metadata has leaders of a newer epoch.
    pub(super) fn note_leaders(&mut self, metadata: &Metadata) {
        for (partition, assigned) in &mut self.0 {
            if let Some((_, epoch)) = metadata.leader(&partition.topic, partition.partition) {
                assigned.note_leader(epoch);
            }
        }
    }

    /// Moves behind a record that was handed out, or over what cannot be.
    pub(super) fn advance(&mut self, partition: &TopicPartition, offset: i64, epoch: i32) {
        if let Some(assigned) = self.0.get_mut(partition)
            && let Placing::Placed(_) = assigned.placing
        {
            assigned.placing = Placing::Placed(Position { offset, epoch });
        }
    }

    /// The topics of all partitions.
    pub(super) fn topics(&self) -> BTreeSet<Arc<str>> {
        self.0.keys().map(|partition| Arc::clone(&partition.topic)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stays_assigned_keeps_its_position() {
        let (a, b) = (TopicPartition::new("t", 0), TopicPartition::new("t", 1));
        let mut positions = Positions::default();
        positions.assign(&[a.clone()].into(), Placing::Committed);
        let placed = Placing::Placed(Position { offset: 5, epoch: 1 });
        positions.get_mut(&a).expect("assigned").place(placed);
        positions.assign(&[a.clone(), b.clone()].into(), Placing::Reset);
        assert_eq!(positions.get(&a).map(|p| p.placing), Some(placed));
        assert_eq!(positions.get(&b).map(|p| p.placing), Some(Placing::Reset));
        assert_eq!(positions.consumed().len(), 1);
        positions.assign(&[b].into(), Placing::Reset);
        assert!(positions.get(&a).is_none());
    }
}
