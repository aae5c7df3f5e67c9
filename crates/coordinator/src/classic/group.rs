//! The state of one classic group, and what can be said of it without changing it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use types::{ErrorCode, TimestampMs};

use super::member::Member;
use crate::subscription;
use crate::{GroupId, InstanceId, Instant, MemberId, Protocol, Text};

/// The protocol type of Kafka's consumers; only its subscriptions can be read by a broker.
pub(crate) const CONSUMER_PROTOCOL_TYPE: &str = "consumer";

/// A classic group. Cloning shares the members.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClassicGroup {
    pub id: GroupId,
    /// Counts rebalances; 0 before the first.
    pub generation: i32,
    /// What kind of work the members share; none before the first has joined.
    pub protocol_type: Option<Text>,
    /// How they share it in this generation.
    pub protocol: Option<Text>,
    pub leader: Option<MemberId>,
    pub state: State,
    /// When it came into this state; none in records of old brokers.
    pub since: Option<TimestampMs>,
    pub members: BTreeMap<MemberId, Arc<Member>>,
    /// The present member id of each instance.
    pub instances: BTreeMap<InstanceId, MemberId>,
    /// Ids that were given out but have not joined yet, and until when they may.
    pub pending: BTreeMap<MemberId, Instant>,
    /// Topics that the members consume; none where that cannot be known.
    pub subscribed: Option<Arc<BTreeSet<Text>>>,
}

/// Where the group stands in its protocol (the drawing is above).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    Empty,
    /// Members are called in; at `until` those who came make the next generation.
    PreparingRebalance {
        until: Instant,
        initial: Option<InitialDelay>,
    },
    /// All have joined; at `until` those who have not synced are thrown out.
    CompletingRebalance {
        until: Instant,
    },
    /// The assignment stands; the last syncs may be due until `until`.
    Stable {
        until: Option<Instant>,
    },
}

/// An empty group waits for more members before its first generation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InitialDelay {
    /// The step that ends at `until`.
    pub step_ms: i32,
    /// What may still follow it.
    pub remaining_ms: i32,
    /// Somebody joined during this step.
    pub grew: bool,
}

impl State {
    /// Kafka's name of the state.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Empty => "Empty",
            Self::PreparingRebalance { .. } => "PreparingRebalance",
            Self::CompletingRebalance { .. } => "CompletingRebalance",
            Self::Stable { .. } => "Stable",
        }
    }

    /// The state's own deadline.
    pub(crate) const fn deadline(&self) -> Option<Instant> {
        match self {
            Self::Empty => None,
            Self::PreparingRebalance { until, .. } | Self::CompletingRebalance { until } => {
                Some(*until)
            }
            Self::Stable { until } => *until,
        }
    }
}

impl ClassicGroup {
    /// A group without members, as the first join or commit makes it.
    #[must_use]
    pub fn new(id: GroupId) -> Self {
        Self {
            id,
            generation: 0,
            protocol_type: None,
            protocol: None,
            leader: None,
            state: State::Empty,
            since: None,
            members: BTreeMap::new(),
            instances: BTreeMap::new(),
            pending: BTreeMap::new(),
            subscribed: None,
        }
    }

    /// Whether it has no generation with members, nor one in the making.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.state == State::Empty
    }

    /// Whether its members are consumers of topics, rather than, say, Connect's workers.
    #[must_use]
    pub fn is_of_consumers(&self) -> bool {
        self.protocol_type.as_deref() == Some(CONSUMER_PROTOCOL_TYPE)
    }

    pub(crate) fn is_leader(&self, member: &MemberId) -> bool {
        self.leader.as_ref() == Some(member)
    }

    /// Whether a member may be consuming the topic; consumers of whom nothing is known may.
    pub(crate) fn is_subscribed_to(&self, topic: &str) -> bool {
        match &self.subscribed {
            Some(topics) => topics.contains(topic),
            None => self.is_of_consumers(),
        }
    }

    /// Whether somebody with these protocols could take part without splitting the group.
    pub(crate) fn accepts(&self, protocol_type: &str, protocols: &[Protocol]) -> bool {
        if self.is_empty() {
            return !protocol_type.is_empty() && !protocols.is_empty();
        }
        self.protocol_type.as_deref() == Some(protocol_type)
            && protocols.iter().any(|p| self.members.values().all(|m| m.supports(&p.name)))
    }

    /// Refuses who is not, or no longer, the member it says it is.
    pub(crate) fn check_member(
        &self,
        member: &MemberId,
        instance: Option<&InstanceId>,
    ) -> Result<(), ErrorCode> {
        if let Some(instance) = instance {
            match self.instances.get(instance) {
                None => return Err(ErrorCode::UnknownMemberId),
                Some(current) if current != member => return Err(ErrorCode::FencedInstanceId),
                Some(_) => {}
            }
        }
        if self.members.contains_key(member) { Ok(()) } else { Err(ErrorCode::UnknownMemberId) }
    }

    /// The longest that any member may take to come back.
    pub(crate) fn rebalance_timeout_ms(&self) -> i32 {
        self.members.values().map(|m| m.rebalance_timeout_ms).max().unwrap_or(0)
    }

    /// How many members wait in a join.
    pub(crate) fn awaiting_join(&self) -> usize {
        self.members.values().filter(|m| m.awaits_join()).count()
    }

    /// Whether the next generation need not wait for anybody.
    pub(crate) fn all_joined(&self) -> bool {
        self.pending.is_empty() && self.members.values().all(|m| m.awaits_join())
    }

    /// The protocol with most votes among those that all support; the first by name on a tie.
    pub(crate) fn elect_protocol(&self) -> Option<Text> {
        let mut members = self.members.values();
        let first = members.next()?;
        let mut candidates: BTreeSet<&str> = first.protocol_names().map(|name| &**name).collect();
        for member in members {
            candidates.retain(|name| member.supports(name));
        }
        let mut votes: BTreeMap<&str, usize> = BTreeMap::new();
        for member in self.members.values() {
            if let Some(name) = member.vote(&candidates) {
                *votes.entry(name).or_default() += 1;
            }
        }
        let most = votes.values().copied().max()?;
        votes.into_iter().find(|(_, count)| *count == most).map(|(name, _)| name.into())
    }

    /// What the members say that they consume under the present protocol.
    pub(crate) fn read_subscriptions(&self) -> Option<Arc<BTreeSet<Text>>> {
        if !self.is_of_consumers() {
            return None;
        }
        let mut topics = BTreeSet::new();
        if !self.members.is_empty() {
            let protocol = self.protocol.as_deref()?;
            for member in self.members.values() {
                topics.extend(subscription::topics(&member.metadata(protocol))?);
            }
        }
        Some(Arc::new(topics))
    }

    /// The first instant at which something is due.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        let sessions = self.members.values().filter_map(|m| m.expires_at);
        let pending = self.pending.values().copied();
        sessions.chain(pending).chain(self.state.deadline()).min()
    }
}
