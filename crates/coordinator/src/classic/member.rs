//! One member of a classic group: what it said when it joined, and what it is waiting for.

use std::collections::BTreeSet;

use crate::{Bytes, Client, InstanceId, Instant, JoinGroup, Protocol, Text, Ticket};

/// A member. A group shares members between its versions, so that changing one copies one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    pub instance: Option<InstanceId>,
    pub client: Client,
    pub session_timeout_ms: i32,
    pub rebalance_timeout_ms: i32,
    /// In order of preference; at least one.
    pub protocols: Vec<Protocol>,
    /// What the leader of the present generation gave it.
    pub assignment: Bytes,
    pub waiting: Waiting,
    /// It has not been told its id yet, and hence cannot heartbeat.
    pub is_new: bool,
    /// It has joined the present generation, and its sync is still to come.
    pub owes_sync: bool,
    /// When its session ends; none while it waits for the coordinator.
    pub expires_at: Option<Instant>,
}

/// A call of the member that the group has not answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Waiting {
    Nothing,
    Join(Ticket),
    Sync(Ticket),
}

impl Member {
    /// A member that has just asked to be let in.
    pub(crate) fn joining(request: &JoinGroup) -> Self {
        Self {
            instance: request.instance.clone(),
            client: request.client.clone(),
            session_timeout_ms: request.session_timeout_ms,
            rebalance_timeout_ms: request.rebalance_timeout_ms,
            protocols: request.protocols.clone(),
            assignment: Bytes::from([]),
            waiting: Waiting::Nothing,
            is_new: true,
            owes_sync: false,
            expires_at: None,
        }
    }

    /// Whether its join is unanswered.
    #[must_use]
    pub fn awaits_join(&self) -> bool {
        matches!(self.waiting, Waiting::Join(_))
    }

    /// Whether it may be silent because the coordinator owes it an answer.
    pub(crate) fn is_excused(&self) -> bool {
        !self.is_new && self.waiting != Waiting::Nothing
    }

    /// Whether it supports a protocol of that name.
    pub(crate) fn supports(&self, protocol: &str) -> bool {
        self.protocols.iter().any(|p| &*p.name == protocol)
    }

    /// What it said for a protocol; empty where it said nothing.
    pub(crate) fn metadata(&self, protocol: &str) -> Bytes {
        self.protocols
            .iter()
            .find(|p| &*p.name == protocol)
            .map_or_else(|| Bytes::from([]), |p| p.metadata.clone())
    }

    /// The candidate that it likes best.
    pub(crate) fn vote<'a>(&self, candidates: &BTreeSet<&'a str>) -> Option<&'a str> {
        self.protocols.iter().find_map(|p| candidates.get(&*p.name).copied())
    }

    /// The names of what it supports, in its order of preference.
    pub(crate) fn protocol_names(&self) -> impl Iterator<Item = &Text> {
        self.protocols.iter().map(|p| &p.name)
    }
}
