//! When each broker was last heard of, and what it has seen: the controller's memory of heartbeats.
//!
//! None of it is in the log. A controller that takes over gives every broker a whole session
//! ([`Sessions::take_over`]); what it does not know counts as not seen.

use std::collections::{BTreeMap, BTreeSet};

use types::{BrokerEpoch, Instant, NodeId};

use crate::image::{BrokerRegistration, Cluster};

/// A broker's run whose session is over, or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct BrokerRun {
    /// The broker's id.
    pub broker: NodeId,
    /// Which of its runs it is.
    pub epoch: BrokerEpoch,
}

/// How long brokers may be silent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionTimeouts {
    /// Of brokers that beat as Apache Kafka's do.
    pub ms: i32,
    /// Of brokers that have [`BrokerRegistration::has_short_sessions`].
    pub short_ms: i32,
}

/// The brokers' sessions (`broker.session.timeout.ms`).
#[derive(Clone, Debug)]
pub struct Sessions {
    timeouts: SessionTimeouts,
    /// The broker in the controller's own process: it lives, and has seen everything, as long as
    /// the controller does.
    local: Option<NodeId>,
    brokers: BTreeMap<NodeId, Session>,
    ends: BTreeSet<(Instant, NodeId)>,
}

#[derive(Clone, Copy, Debug)]
struct Session {
    epoch: BrokerEpoch,
    ends_at: Instant,
    /// How far the broker has read the metadata log; -1 where it has not said.
    metadata_offset: i64,
    /// Offset of the last record by which it gave up leadership.
    gave_up_at: Option<i64>,
    /// The connection that it beat on has closed since it was last heard of.
    is_cut_off: bool,
    /// It was prolonged since the broker was last heard of.
    is_excused: bool,
}

impl Sessions {
    /// No broker has been heard of.
    #[must_use]
    pub fn new(timeouts: SessionTimeouts) -> Self {
        Self { timeouts, local: None, brokers: BTreeMap::new(), ends: BTreeSet::new() }
    }

    /// How long sessions are.
    #[must_use]
    pub const fn timeouts(&self) -> SessionTimeouts {
        self.timeouts
    }

    /// The same for a controller whose process is that broker too.
    #[must_use]
    pub fn beside(self, local: NodeId) -> Self {
        Self { local: Some(local), ..self }
    }

    /// Starts anew with every broker of the cluster that is in service. Each has a whole session,
    /// and counts as cut off until it is heard of.
    pub fn take_over(&mut self, now: Instant, cluster: &Cluster) {
        self.brokers.clear();
        self.ends.clear();
        let local = self.local;
        let others = cluster.brokers.values().filter(|broker| Some(broker.id) != local);
        for broker in others.filter(|broker| !broker.fenced) {
            self.hear(now, broker, -1);
        }
        self.brokers.values_mut().for_each(|session| session.is_cut_off = true);
    }

    /// The runs of which nothing was heard since their connections closed.
    pub fn all_cut_off(&self) -> impl Iterator<Item = BrokerRun> {
        let runs = self.brokers.iter().filter(|(_, session)| session.is_cut_off);
        runs.map(|(broker, session)| BrokerRun { broker: *broker, epoch: session.epoch })
    }

    /// A broker has registered, or beaten at this offset of the metadata log (-1: not known).
    pub fn hear(&mut self, now: Instant, broker: &BrokerRegistration, metadata_offset: i64) {
        let before = self.forget(broker.id);
        let gave_up_at = before.filter(|b| b.epoch == broker.epoch).and_then(|b| b.gave_up_at);
        let SessionTimeouts { ms, short_ms } = self.timeouts;
        let ends_at = now.plus_ms(if broker.has_short_sessions() { short_ms } else { ms });
        let session = Session {
            epoch: broker.epoch,
            ends_at,
            metadata_offset,
            gave_up_at,
            is_cut_off: false,
            is_excused: false,
        };
        self.brokers.insert(broker.id, session);
        self.ends.insert((ends_at, broker.id));
    }

    /// The connection that the broker beat on has closed. Whether that run of it is known.
    pub fn cut_off(&mut self, run: BrokerRun) -> bool {
        let session = self.brokers.get_mut(&run.broker).filter(|s| s.epoch == run.epoch);
        session.map(|session| session.is_cut_off = true).is_some()
    }

    /// Whether nothing was heard of the run since its connection closed.
    #[must_use]
    pub fn is_cut_off(&self, run: BrokerRun) -> bool {
        let session = self.brokers.get(&run.broker);
        session.is_some_and(|session| session.epoch == run.epoch && session.is_cut_off)
    }

    /// The controller itself was away for so long and could hear nobody: no session ends for that.
    /// Once until the broker is heard again, so that one who is always late misses brokers too.
    /// Whether any session is longer than before.
    pub fn excuse(&mut self, ms: u64) -> bool {
        let mut is_any = false;
        for (broker, session) in self.brokers.iter_mut().filter(|(_, session)| !session.is_excused)
        {
            self.ends.remove(&(session.ends_at, *broker));
            session.ends_at = Instant(session.ends_at.0.saturating_add(ms));
            session.is_excused = true;
            self.ends.insert((session.ends_at, *broker));
            is_any = true;
        }
        is_any
    }

    /// A session ends then, if nothing is heard before.
    pub fn put_off(&mut self, broker: NodeId, until: Instant) {
        if let Some(session) = self.brokers.get_mut(&broker) {
            self.ends.remove(&(session.ends_at, broker));
            session.ends_at = until;
            self.ends.insert((until, broker));
        }
    }

    /// The broker's process was silent for so long before its session began, which counts. It has
    /// until `least` to be heard of.
    pub fn was_silent(&mut self, broker: NodeId, for_ms: u32, least: Instant) {
        if let Some(session) = self.brokers.get(&broker) {
            let began_earlier = Instant(session.ends_at.0.saturating_sub(for_ms.into()));
            self.put_off(broker, began_earlier.max(least));
        }
    }

    /// The broker has begun its controlled shutdown: the last record of that stands at `offset`.
    pub fn gave_up(&mut self, broker: NodeId, offset: i64) {
        if let Some(session) = self.brokers.get_mut(&broker) {
            session.gave_up_at.get_or_insert(offset);
        }
    }

    /// Whether every active broker has read the records by which this one gave up leadership: from
    /// then on no client is sent to it.
    #[must_use]
    pub fn all_have_seen(&self, cluster: &Cluster, broker: NodeId) -> bool {
        let Some(last) = self.brokers.get(&broker).and_then(|session| session.gave_up_at) else {
            return false;
        };
        let others = cluster.brokers.values().filter(|b| b.is_active() && b.id != broker);
        others
            .filter(|other| Some(other.id) != self.local)
            .map(|other| self.brokers.get(&other.id))
            .all(|session| session.is_some_and(|session| session.metadata_offset >= last))
    }

    /// Whether that run of the broker is alive, so that another process must wait.
    #[must_use]
    pub fn is_alive(&self, now: Instant, run: BrokerRun) -> bool {
        let session = self.brokers.get(&run.broker);
        Some(run.broker) == self.local
            || session.is_some_and(|session| session.epoch == run.epoch && session.ends_at > now)
    }

    /// The broker's process is known to be gone: its session ends now.
    pub fn end(&mut self, broker: NodeId) -> Option<BrokerRun> {
        self.forget(broker).map(|session| BrokerRun { broker, epoch: session.epoch })
    }

    /// When the next session ends, if nothing is heard before.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Instant> {
        self.ends.first().map(|(at, _)| *at)
    }

    /// The session that is over for the longest time: it is to be [ended](Self::end) when its
    /// broker is fenced.
    #[must_use]
    pub fn expired(&self, now: Instant) -> Option<BrokerRun> {
        let (_, broker) = *self.ends.first().filter(|(at, _)| *at <= now)?;
        let epoch = self.brokers.get(&broker)?.epoch;
        Some(BrokerRun { broker, epoch })
    }

    fn forget(&mut self, broker: NodeId) -> Option<Session> {
        let session = self.brokers.remove(&broker)?;
        self.ends.remove(&(session.ends_at, broker));
        Some(session)
    }
}
