//! When each group wants to be looked at: one entry a group, whatever the number of its members.

use std::collections::{BTreeMap, BTreeSet};

use crate::{GroupId, Instant};

/// Bounds from below: a group may be woken early, find nothing due, and say when it wants to be next.
/// Hence a heartbeat, which only moves a deadline out, need not touch it.
#[derive(Debug, Default)]
pub(crate) struct Wakes {
    at: BTreeMap<GroupId, Instant>,
    order: BTreeSet<(Instant, GroupId)>,
}

impl Wakes {
    /// Sets when the group is to be woken, or that it need not be.
    pub fn set(&mut self, group: &GroupId, at: Option<Instant>) {
        let before = match at {
            Some(at) => self.at.insert(group.clone(), at),
            None => self.at.remove(group),
        };
        if before == at {
            return;
        }
        if let Some(before) = before {
            self.order.remove(&(before, group.clone()));
        }
        if let Some(at) = at {
            self.order.insert((at, group.clone()));
        }
    }

    /// Wakes the group no later than `at`.
    pub fn no_later_than(&mut self, group: &GroupId, at: Instant) {
        if self.at.get(group).is_none_or(|present| at < *present) {
            self.set(group, Some(at));
        }
    }

    pub fn first(&self) -> Option<Instant> {
        self.order.first().map(|(at, _)| *at)
    }

    /// The groups whose time has come.
    pub fn due(&self, now: Instant) -> impl Iterator<Item = &GroupId> {
        self.order.iter().take_while(move |(at, _)| *at <= now).map(|(_, group)| group)
    }
}
