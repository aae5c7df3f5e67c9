//! The partition that records without a key stick to until a batch's worth went there (KIP-794).

use crate::TopicMetadata;
use crate::random::Random;

/// The choice for one topic.
pub(super) struct Sticky {
    current: Option<i32>,
    /// Bytes that went to `current`.
    produced: usize,
    random: Random,
}

impl Default for Sticky {
    fn default() -> Self {
        Self { current: None, produced: 0, random: Random::new() }
    }
}

impl Sticky {
    /// The partition, chosen anew after a batch's worth. With the lengths of the queues given,
    /// short queues are likelier, else all partitions that have leaders are alike.
    pub(super) fn current(
        &mut self,
        topic: &TopicMetadata,
        queue_lengths: impl FnOnce() -> Option<Vec<usize>>,
    ) -> i32 {
        if let Some(current) = self.current {
            return current;
        }
        let lengths = queue_lengths().unwrap_or_default();
        let length = |partition: i32| {
            usize::try_from(partition).ok().and_then(|at| lengths.get(at)).copied().unwrap_or(0)
        };
        let mut candidates: Vec<i32> =
            topic.partitions.iter().filter(|p| p.leader.is_some()).map(|p| p.partition).collect();
        if candidates.is_empty() {
            candidates = topic.partitions.iter().map(|p| p.partition).collect();
        }
        let longest = candidates.iter().map(|p| length(*p)).max().unwrap_or(0);
        let weight = |partition: i32| longest + 1 - length(partition);
        let mut ticket = self.random.below(candidates.iter().map(|p| weight(*p)).sum());
        let chosen = candidates.iter().copied().find(|partition| {
            let wins = ticket < weight(*partition);
            ticket = ticket.saturating_sub(weight(*partition));
            wins
        });
        *self.current.insert(chosen.unwrap_or(0))
    }

    /// Counts what went to the current partition; behind `batch_bytes` another is chosen.
    pub(super) fn produced(&mut self, bytes: usize, batch_bytes: usize) {
        self.produced += bytes;
        if self.produced >= batch_bytes {
            self.current = None;
            self.produced = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::PartitionMetadata;
    use types::{ErrorCode, Uuid};

    fn topic(leaders: &[Option<i32>]) -> TopicMetadata {
        let partition = |(partition, leader): (i32, &Option<i32>)| PartitionMetadata {
            partition,
            error: ErrorCode::None,
            leader: *leader,
            leader_epoch: 0,
            replicas: vec![],
            isr: vec![],
            offline: vec![],
        };
        TopicMetadata {
            name: "t".into(),
            id: Uuid::ZERO,
            is_internal: false,
            error: ErrorCode::None,
            partitions: (0..).zip(leaders).map(partition).collect(),
        }
    }

    #[test]
    fn it_sticks_for_a_batch_then_moves_among_live_partitions() {
        let topic = topic(&[Some(1), None, Some(1)]);
        let mut sticky = Sticky::default();
        let mut seen = [0; 3];
        for _ in 0..300 {
            let chosen = sticky.current(&topic, || None);
            assert_eq!(sticky.current(&topic, || None), chosen);
            sticky.produced(60, 100);
            assert_eq!(sticky.current(&topic, || None), chosen);
            sticky.produced(60, 100);
            seen[usize::try_from(chosen).expect("a partition")] += 1;
        }
        assert_eq!(seen[1], 0);
        assert!(seen[0] > 75 && seen[2] > 75, "{seen:?}");
    }

    #[test]
    fn long_queues_are_avoided() {
        let topic = topic(&[Some(1), Some(1)]);
        let mut sticky = Sticky::default();
        let mut first = 0;
        for _ in 0..300 {
            first += i32::from(sticky.current(&topic, || Some(vec![9, 0])) == 0);
            sticky.produced(1, 1);
        }
        assert!((1..100).contains(&first), "{first}");
    }
}
