//! Limits on replication traffic (KIP-73): so many bytes a second for replicas that catch up.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Mutex, PoisonError};
use types::{NodeId, TimestampMs};

/// The rate that is none.
const UNLIMITED: i64 = i64::MAX;

/// One direction's limit. What was overdrawn is waited for; a second's worth may be saved.
#[derive(Debug)]
pub(crate) struct Throttle {
    bytes_a_second: AtomicI64,
    budget: Mutex<Budget>,
}

#[derive(Clone, Copy, Debug)]
struct Budget {
    bytes: i64,
    at: TimestampMs,
}

impl Default for Throttle {
    fn default() -> Self {
        let budget = Budget { bytes: 0, at: TimestampMs(0) };
        Self { bytes_a_second: AtomicI64::new(UNLIMITED), budget: Mutex::new(budget) }
    }
}

impl Throttle {
    /// Puts another rate in force; `None` for no limit.
    pub(crate) fn set_rate(&self, bytes_a_second: Option<i64>) {
        self.bytes_a_second.store(bytes_a_second.unwrap_or(UNLIMITED), Ordering::Release);
    }

    /// Whether nothing more may flow at this time.
    pub(crate) fn is_exceeded(&self, now: TimestampMs) -> bool {
        self.rate().is_some_and(|rate| self.change(rate, now, 0) <= 0)
    }

    /// Takes note of bytes that flow.
    pub(crate) fn take(&self, bytes: usize, now: TimestampMs) {
        if let Some(rate) = self.rate() {
            self.change(rate, now, i64::try_from(bytes).unwrap_or(i64::MAX));
        }
    }

    fn rate(&self) -> Option<i64> {
        Some(self.bytes_a_second.load(Ordering::Acquire)).filter(|rate| *rate != UNLIMITED)
    }

    fn change(&self, rate: i64, now: TimestampMs, taken: i64) -> i64 {
        let mut budget = self.budget.lock().unwrap_or_else(PoisonError::into_inner);
        let elapsed_ms = now.0.saturating_sub(budget.at.0).max(0);
        let earned = i128::from(rate) * i128::from(elapsed_ms) / 1000;
        let earned = i64::try_from(earned).unwrap_or(i64::MAX);
        budget.bytes = budget.bytes.saturating_add(earned).min(rate).saturating_sub(taken);
        budget.at = now;
        budget.bytes
    }
}

/// Which replicas of a topic are limited: `leader.` or `follower.replication.throttled.replicas`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Throttled {
    #[default]
    Nobody,
    All,
    /// Partition and broker.
    These(BTreeSet<(i32, NodeId)>),
}

impl Throttled {
    /// From `partition:broker` each, or a `*`; the config's own check has been passed.
    pub(crate) fn parse(entries: &[String]) -> Self {
        if entries.iter().any(|entry| entry == "*") {
            return Self::All;
        }
        let pair = |entry: &String| {
            let (partition, broker) = entry.split_once(':')?;
            Some((partition.trim().parse().ok()?, NodeId(broker.trim().parse().ok()?)))
        };
        let these: BTreeSet<_> = entries.iter().filter_map(pair).collect();
        if these.is_empty() { Self::Nobody } else { Self::These(these) }
    }

    pub(crate) fn contains(&self, partition: i32, broker: NodeId) -> bool {
        match self {
            Self::Nobody => false,
            Self::All => true,
            Self::These(these) => these.contains(&(partition, broker)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_overdrawn_is_waited_for_and_no_more_than_a_second_is_saved() {
        let throttle = Throttle::default();
        let at = |ms: i64| TimestampMs(1_000_000 + ms);
        throttle.take(1 << 30, at(0));
        assert!(!throttle.is_exceeded(at(0)), "there is no limit");
        throttle.set_rate(Some(1000));
        assert!(!throttle.is_exceeded(at(0)));
        throttle.take(3000, at(0));
        assert!(throttle.is_exceeded(at(1999)));
        assert!(!throttle.is_exceeded(at(2001)));
        assert!(!throttle.is_exceeded(at(60_000)));
        throttle.take(1000, at(60_000));
        assert!(throttle.is_exceeded(at(60_000)), "a minute of rest is worth a second");
        throttle.set_rate(None);
        assert!(!throttle.is_exceeded(at(60_000)));
    }

    #[test]
    fn replicas_are_listed_by_partition_and_broker() {
        let parse = |text: &str| Throttled::parse(&[text.to_owned(), "7:8".to_owned()]);
        assert!(parse("0:1").contains(0, NodeId(1)) && parse("0:1").contains(7, NodeId(8)));
        assert!(!parse("0:1").contains(1, NodeId(0)));
        assert!(parse("*").contains(5, NodeId(5)));
        assert_eq!(Throttled::parse(&[]), Throttled::Nobody);
    }
}
