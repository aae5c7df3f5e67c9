//! Messages under way: late, lost, twice, out of order, or cut off in one direction.

use std::collections::{BTreeMap, BTreeSet};

use super::disk::Entry;
use crate::chance::Chance;
use crate::{CorrelationId, Reply, Request};

/// A node's number, from 0.
pub type NodeIndex = usize;

#[derive(Debug, Clone)]
pub struct Envelope {
    pub from: NodeIndex,
    pub to: NodeIndex,
    /// Of the node that asks: a restarted one gets no answers to what it asked before.
    pub life: u32,
    pub correlation: CorrelationId,
    pub content: Content,
}

#[derive(Debug, Clone)]
pub enum Content {
    Request(Request),
    /// No reply for a connection that failed; the records that it brings.
    Reply(Option<Reply>, Vec<Entry>),
}

/// How bad the network is; probabilities in thousandths.
#[derive(Debug, Clone, Copy)]
pub struct Weather {
    pub lost: u32,
    pub twice: u32,
    pub slow: u32,
}

pub const FAIR: Weather = Weather { lost: 0, twice: 0, slow: 0 };

#[derive(Debug, Clone)]
pub struct Network {
    under_way: BTreeMap<(i64, u64), Envelope>,
    sequence: u64,
    pub cut: BTreeSet<(NodeIndex, NodeIndex)>,
    pub weather: Weather,
}

impl Network {
    pub fn new(weather: Weather) -> Self {
        Self { under_way: BTreeMap::new(), sequence: 0, cut: BTreeSet::new(), weather }
    }

    pub fn send(&mut self, now: i64, envelope: Envelope, chance: &mut Chance) {
        if self.cut.contains(&(envelope.from, envelope.to))
            || chance.below(1000) < self.weather.lost
        {
            return;
        }
        if chance.below(1000) < self.weather.twice {
            self.post(now, envelope.clone(), chance);
        }
        self.post(now, envelope, chance);
    }

    pub fn next_at(&self) -> Option<i64> {
        self.under_way.first_key_value().map(|((at, _), _)| *at)
    }

    /// The next message that arrives up to `now`, unless its link was cut meanwhile.
    pub fn receive(&mut self, now: i64) -> Option<Envelope> {
        loop {
            let next = self.under_way.first_entry()?;
            if next.key().0 > now {
                return None;
            }
            let envelope = next.remove();
            if !self.cut.contains(&(envelope.from, envelope.to)) {
                return Some(envelope);
            }
        }
    }

    /// Lets a message wait for a node that does nothing.
    pub fn hold(&mut self, until: i64, envelope: Envelope) {
        self.sequence += 1;
        self.under_way.insert((until, self.sequence), envelope);
    }

    fn post(&mut self, now: i64, envelope: Envelope, chance: &mut Chance) {
        let slow = chance.below(1000) < self.weather.slow;
        let delay = if slow { 100 + chance.below(3_000) } else { 1 + chance.below(20) };
        self.sequence += 1;
        self.under_way.insert((now + i64::from(delay), self.sequence), envelope);
    }
}
