//! Who may be asked now: one request in flight a node, a pause after a failure.

use std::collections::BTreeMap;

use types::{NodeId, TimestampMs};

use crate::clock::{after, earlier};
use crate::config::Timeouts;
use crate::message::CorrelationId;

#[derive(Debug, Clone, Copy)]
enum Connection {
    InFlight { correlation: CorrelationId, until: TimestampMs },
    BackingOff { until: TimestampMs },
}

/// The nodes that are busy; every other one may be asked.
#[derive(Debug, Clone, Default)]
pub(crate) struct Connections {
    busy: BTreeMap<NodeId, Connection>,
    next_correlation: u64,
}

impl Connections {
    /// Forgets every request: no answer to one of them is expected any more.
    pub fn reset(&mut self) {
        self.busy.clear();
    }

    pub fn reset_node(&mut self, node: NodeId) {
        self.busy.remove(&node);
    }

    pub fn is_ready(&self, node: NodeId, now: TimestampMs) -> bool {
        self.busy.get(&node).is_none_or(|connection| connection.until() <= now)
    }

    /// Whether a request to `node` is older than the request timeout.
    pub fn has_timed_out(&self, node: NodeId, now: TimestampMs) -> bool {
        matches!(self.busy.get(&node), Some(Connection::InFlight { until, .. }) if *until <= now)
    }

    pub fn is_backing_off(&self, node: NodeId, now: TimestampMs) -> bool {
        matches!(self.busy.get(&node), Some(Connection::BackingOff { until }) if *until > now)
    }

    pub fn has_any_in_flight(&self, now: TimestampMs) -> bool {
        self.busy
            .values()
            .any(|busy| matches!(busy, Connection::InFlight { until, .. } if *until > now))
    }

    /// Marks a request to `node` as sent.
    pub fn send(&mut self, node: NodeId, now: TimestampMs, timeouts: &Timeouts) -> CorrelationId {
        self.next_correlation += 1;
        let correlation = CorrelationId(self.next_correlation);
        let until = after(now, timeouts.request_ms);
        self.busy.insert(node, Connection::InFlight { correlation, until });
        correlation
    }

    /// Whom `correlation` was sent to, if its answer is still expected; the node is free again.
    pub fn complete(&mut self, correlation: CorrelationId) -> Option<NodeId> {
        let sent_as = |busy: &Connection| matches!(busy, Connection::InFlight { correlation: c, .. } if *c == correlation);
        let node = self.busy.iter().find(|(_, busy)| sent_as(busy)).map(|(node, _)| *node)?;
        self.busy.remove(&node);
        Some(node)
    }

    pub fn back_off(&mut self, node: NodeId, now: TimestampMs, timeouts: &Timeouts) {
        let until = after(now, timeouts.retry_backoff_ms);
        self.busy.insert(node, Connection::BackingOff { until });
    }

    /// Whom it has asked and whom it lets rest, without moments and numbers.
    #[cfg(any(test, feature = "broken"))]
    pub fn hash_sameness(&self, now: TimestampMs, to: &mut impl std::hash::Hasher) {
        use std::hash::Hash;
        for (node, busy) in &self.busy {
            let is_asked = matches!(busy, Connection::InFlight { .. });
            (node, is_asked, busy.until() <= now).hash(to);
        }
    }

    /// Whether an answer is still expected.
    #[cfg(any(test, feature = "broken"))]
    pub fn expects(&self, correlation: CorrelationId) -> bool {
        let expected = |busy: &Connection| matches!(busy, Connection::InFlight { correlation: c, .. } if *c == correlation);
        self.busy.values().any(expected)
    }

    /// When the next busy node is free.
    pub fn next_change(&self, now: TimestampMs) -> Option<TimestampMs> {
        let untils = self.busy.values().map(|busy| busy.until()).filter(|until| *until > now);
        untils.fold(None, |soonest, until| earlier(soonest, Some(until)))
    }
}

impl Connection {
    fn until(&self) -> TimestampMs {
        match self {
            Self::InFlight { until, .. } | Self::BackingOff { until } => *until,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_is_asked_once_and_rests_after_a_failure() {
        let timeouts = Timeouts::default();
        let (node, mut now) = (NodeId(1), TimestampMs(100));
        let mut connections = Connections::default();
        let first = connections.send(node, now, &timeouts);
        assert!(!connections.is_ready(node, now) && connections.is_ready(NodeId(2), now));
        assert_eq!(connections.next_change(now), Some(TimestampMs(2_100)));
        assert_eq!(connections.complete(first), Some(node));
        assert_eq!(connections.complete(first), None, "an answer counts once");
        connections.back_off(node, now, &timeouts);
        assert!(connections.is_backing_off(node, now) && !connections.has_any_in_flight(now));
        now = TimestampMs(120);
        assert!(connections.is_ready(node, now));
        let second = connections.send(node, now, &timeouts);
        assert!(connections.has_timed_out(node, TimestampMs(2_120)));
        connections.reset();
        assert_eq!(connections.complete(second), None, "forgotten");
    }
}
