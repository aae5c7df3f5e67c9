//! Random numbers for jitter and for partitions: fast, unpredictable enough, never for secrets.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::time::Duration;

/// xorshift64* seeded from the operating system by way of the standard hasher.
#[derive(Debug)]
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new() -> Self {
        Self(RandomState::new().build_hasher().finish() | 1)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    /// A number below `bound`, which must be positive.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        assert!(bound > 0, "there must be something to choose from");
        let bound = u64::try_from(bound).unwrap_or(u64::MAX);
        usize::try_from((self.next() >> 32) % bound).unwrap_or(0)
    }
}

/// The wait before attempt number `failures` + 1: doubles from `first` to `most`, with 20 %
/// jitter (KIP-580).
pub(crate) fn backoff(failures: u32, first: Duration, most: Duration) -> Duration {
    let doubled = first.saturating_mul(1u32.checked_shl(failures.min(20)).unwrap_or(1));
    let jitter = 80 + u32::try_from(Random::new().below(41)).unwrap_or(20);
    doubled.min(most) * jitter / 100
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn backoff_doubles_up_to_its_bound_and_jitters_by_a_fifth() {
        let (first, most) = (Duration::from_millis(100), Duration::from_millis(1000));
        for (failures, middle) in [(0, 100), (1, 200), (3, 800), (4, 1000), (4_000_000, 1000)] {
            let wait = backoff(failures, first, most).as_millis();
            assert!((middle * 8 / 10..=middle * 12 / 10).contains(&wait), "{failures}: {wait}");
        }
    }

    #[test]
    fn below_reaches_every_number() {
        let mut random = Random::new();
        let mut seen = [false; 5];
        for _ in 0..1000 {
            seen[random.below(5)] = true;
        }
        assert_eq!(seen, [true; 5]);
    }
}
