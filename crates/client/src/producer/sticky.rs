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
        let mut candidates = topic.open_partitions();
        let longest = candidates.clone().map(length).max().unwrap_or(0);
        let weight = |partition: i32| longest + 1 - length(partition);
        let mut ticket = self.random.below(candidates.clone().map(weight).sum());
        let chosen = candidates.find(|partition| {
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
    #[test]
    fn it_sticks_for_a_batch_then_moves_among_live_partitions() {
        let topic = TopicMetadata::led_by(&[Some(1), None, Some(1)]);
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
        let topic = TopicMetadata::led_by(&[Some(1), Some(1)]);
        let mut sticky = Sticky::default();
        let mut first = 0;
        for _ in 0..300 {
            first += i32::from(sticky.current(&topic, || Some(vec![9, 0])) == 0);
            sticky.produced(1, 1);
        }
        assert!((1..100).contains(&first), "{first}");
    }
}
