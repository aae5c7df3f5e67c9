//! Consumer groups: how many in which state, how often they rebalance and commit.

use super::exposition::Exposition;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};

/// Every state of a classic group, in Kafka's words.
const STATES: [&str; 5] = ["PreparingRebalance", "CompletingRebalance", "Stable", "Empty", "Dead"];

#[derive(Debug, Default)]
pub(crate) struct GroupMetrics {
    rebalances: AtomicU64,
    commits: AtomicU64,
}

impl GroupMetrics {
    /// A group has begun a generation.
    pub(crate) fn rebalanced(&self) {
        self.rebalances.fetch_add(1, Ordering::Relaxed);
    }

    /// The offsets of so many partitions were committed.
    pub(crate) fn committed(&self, partitions: usize) {
        self.commits.fetch_add(partitions as u64, Ordering::Relaxed);
    }

    pub(super) fn render(&self, page: &mut Exposition, by_state: &BTreeMap<&str, usize>) {
        let name = "klamm_groups";
        page.family(name, "gauge", "Groups that this broker coordinates and has in memory.");
        for state in STATES {
            page.sample(name, &[("state", state)], by_state.get(state).unwrap_or(&0));
        }
        let name = "klamm_group_rebalances_total";
        page.family(name, "counter", "Generations that groups have begun.");
        page.sample(name, &[], self.rebalances.load(Ordering::Relaxed));
        let name = "klamm_group_offset_commits_total";
        page.family(name, "counter", "Offsets committed, each partition counted.");
        page.sample(name, &[], self.commits.load(Ordering::Relaxed));
    }
}
