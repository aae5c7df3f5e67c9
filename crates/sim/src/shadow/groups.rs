//! The promises of a group: in one generation each partition has one owner, and offsets stay.

use std::collections::{BTreeMap, BTreeSet};

use coordinator::MemberId;

use super::Shadow;
use crate::env::{Checked, must};

#[derive(Debug, Default)]
pub struct GroupShadow {
    /// Who owns a partition in a generation.
    owners: BTreeMap<(i32, i32), MemberId>,
    /// What was committed for a partition, as far as a client was told.
    committed: BTreeMap<i32, i64>,
    next_offset: i64,
    /// Commits that nobody was told the outcome of: a request whose sender has hung up may still arrive,
    /// and overwrite what was committed since (there is no order between connections).
    given_up: BTreeSet<i64>,
}

impl Shadow {
    /// A member is told that it owns a partition.
    pub fn owns(&mut self, generation: i32, partition: i32, member: &MemberId) -> Checked {
        self.visit("owns a partition");
        let owner =
            self.groups.owners.entry((generation, partition)).or_insert_with(|| member.clone());
        must(owner == member, || {
            format!("{owner} and {member} both own {partition} in generation {generation}")
        })
    }

    /// A number that is committed as an offset; each is greater than those before.
    pub fn next_offset(&mut self) -> i64 {
        self.groups.next_offset += 1;
        self.groups.next_offset
    }

    pub fn offset_committed(&mut self, partition: i32, offset: i64) {
        self.visit("commits an offset");
        let known = self.groups.committed.entry(partition).or_insert(offset);
        *known = offset.max(*known);
    }

    /// A member does not wait for the outcome of its commit any more.
    pub fn offset_given_up(&mut self, offset: i64) {
        self.groups.given_up.insert(offset);
    }

    /// What a member that takes over finds is not older than what was acknowledged before it asked.
    pub fn offset_found(&self, partition: i32, known: i64, found: i64) -> Checked {
        must(found >= known || self.groups.given_up.contains(&found), || {
            format!("the offset {found} is found for {partition}, where {known} was committed")
        })
    }

    pub fn offset_known(&self, partition: i32) -> i64 {
        self.groups.committed.get(&partition).copied().unwrap_or(-1)
    }
}
