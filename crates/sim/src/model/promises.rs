//! What every state of a model must keep.

use std::collections::BTreeMap;
use std::hash::{Hash, Hasher};

use raft::{Effect, RoleKind};
use types::LeaderEpoch;

use super::node::{Body, Node, Record, index};
use crate::env::Place;

/// A promise of the quorum.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Promise {
    /// One leader an epoch.
    OneLeader,
    /// What is committed is never lost or changed, and whoever leads has it.
    Committed,
}

/// A promise that was broken, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Breach {
    pub promise: Promise,
    pub text: String,
}

#[derive(Debug, Clone, Default)]
pub struct Promises {
    leaders: BTreeMap<LeaderEpoch, (Place, u32)>,
    /// What some node called committed, and in which epoch it did so first.
    committed: Vec<(Record, LeaderEpoch)>,
}

impl Hash for Promises {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        self.leaders.hash(hasher);
        for (record, within) in &self.committed {
            (record, within).hash(hasher);
        }
    }
}

impl Promises {
    pub fn elections(&self) -> usize {
        self.leaders.len()
    }

    pub fn committed(&self) -> usize {
        self.committed.len()
    }

    /// How many changes of the voters are committed.
    pub fn changes(&self) -> usize {
        let is_change =
            |record: &Record| matches!(&record.body, Body::Control(raft::ControlRecord::Voters(_)));
        self.committed.iter().filter(|(record, _)| is_change(record)).count()
    }

    /// Looks at an effect that is about to be performed.
    pub fn effect(&mut self, node: &Node, effect: &Effect) -> Result<(), Breach> {
        match effect {
            Effect::Role(change) if change.role == RoleKind::Leader => self.leads(node),
            Effect::HighWatermark(end) => self.commit(node, index(*end)),
            Effect::TruncateTo(end) => self.cut(node, index(*end)),
            _ => Ok(()),
        }
    }

    fn leads(&mut self, node: &Node) -> Result<(), Breach> {
        let (epoch, who) = (node.raft.epoch(), (node.place, node.life));
        let first = *self.leaders.entry(epoch).or_insert(who);
        must(Promise::OneLeader, first == who, || {
            format!("{first:?} and {who:?} both lead {epoch:?}")
        })?;
        let before = self.committed.iter().enumerate().filter(|(_, (_, within))| *within < epoch);
        let lacks = before.into_iter().find(|(at, (r, _))| node.disk.log.get(*at) != Some(r));
        must(Promise::Committed, lacks.is_none(), || {
            format!("{who:?} leads {epoch:?} without the committed {lacks:?}")
        })
    }

    fn commit(&mut self, node: &Node, end: usize) -> Result<(), Breach> {
        let (place, epoch) = (node.place, node.raft.epoch());
        must(Promise::Committed, end <= node.disk.log.len(), || {
            format!("{place} lacks what it calls committed at {end}")
        })?;
        for (at, record) in node.disk.log.iter().enumerate().take(end) {
            match self.committed.get(at) {
                None => self.committed.push((record.clone(), epoch)),
                Some((known, _)) => must(Promise::Committed, known == record, || {
                    format!("{place} has {record:?} at {at}, where {known:?} was committed")
                })?,
            }
        }
        Ok(())
    }

    /// A leader has what was committed before it, so its followers do not cut that.
    fn cut(&self, node: &Node, end: usize) -> Result<(), Breach> {
        let epoch = node.raft.epoch();
        let held = node.disk.log.iter().enumerate().skip(end);
        let is_committed = |(at, record): (usize, &Record)| {
            self.committed
                .get(at)
                .is_some_and(|(known, within)| known == record && *within <= epoch)
        };
        let lost = held.into_iter().any(is_committed);
        must(Promise::Committed, !lost, || format!("{} cuts what is committed", node.place))
    }
}

fn must(promise: Promise, holds: bool, text: impl FnOnce() -> String) -> Result<(), Breach> {
    if holds { Ok(()) } else { Err(Breach { promise, text: text() }) }
}
