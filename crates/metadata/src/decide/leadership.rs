//! Who leads a partition when brokers come and go, and by election.
//!
//! With eligible leader replicas on (KIP-966) a replica that leaves an ISR that is too small stays
//! eligible, and the ISR can become empty; without them the last member never leaves the ISR.

use types::{NodeId, TopicId};
use wire::partition_change_record::PartitionChangeRecord;
use wire::record_frame::MetadataRecord;

use super::Controller;
use crate::image::{ConfigResource, PartitionState};
use crate::metadata_version::MetadataVersion;

const UNCLEAN: &str = "unclean.leader.election.enable";
const MIN_ISR: &str = "min.insync.replicas";
const RECOVERING: i8 = 1;

/// A broker that stops or starts being available within the decision at hand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Availability {
    /// It goes: it leaves every ISR and leads nothing.
    Leaving(NodeId),
    /// It comes: it may lead what nobody leads.
    Coming(NodeId),
    /// Nobody comes or goes: an election that somebody asked for.
    Settled,
}

/// Who becomes the leader.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Election {
    /// Nobody can.
    Nobody,
    /// A replica that has every committed record.
    Clean(NodeId),
    /// A replica that may lack some.
    Unclean(NodeId),
}

/// What a topic's configs say about its leaders.
struct Rules {
    unclean: bool,
    min_isr: usize,
}

impl Controller<'_> {
    /// Changes of ISR and leadership that follow from a broker's coming or going.
    pub(super) fn follow(&self, change: Availability) -> Vec<MetadataRecord<'static>> {
        let mut records = Vec::new();
        for topic in self.image.topics().iter() {
            let rules = self.rules_of(&topic.name);
            for (index, state) in &topic.partitions {
                let touched = match change {
                    Availability::Leaving(id) => state.isr.contains(&id) || state.leader == id,
                    Availability::Coming(_) => state.leader == NodeId::NONE,
                    Availability::Settled => false,
                };
                if touched {
                    records.extend(self.successor(topic.id, *index, state, change, &rules));
                }
            }
        }
        records
    }

    fn successor(
        &self,
        topic_id: TopicId,
        partition_id: i32,
        state: &PartitionState,
        change: Availability,
        rules: &Rules,
    ) -> Option<MetadataRecord<'static>> {
        let leaves = |id: &NodeId| change == Availability::Leaving(*id);
        let mut isr: Vec<NodeId> = state.isr.iter().filter(|id| !leaves(id)).copied().collect();
        let election = self.elect(state, &isr, change, rules.unclean);
        let leader = election.leader();
        if leader != NodeId::NONE && !isr.contains(&leader) {
            isr = vec![leader];
        }
        if isr.is_empty() && !self.image.features().eligible_leaders() {
            isr = state.isr.to_vec();
        }
        let mut record = PartitionChangeRecord { partition_id, topic_id, ..Default::default() };
        let shrunk = isr != *state.isr;
        if leader != state.leader || (shrunk && self.bumps_epoch_on_shrink()) {
            record.leader = leader.0;
        }
        if matches!(election, Election::Unclean(_)) && !state.recovering {
            record.leader_recovery_state = RECOVERING;
        }
        if self.image.features().eligible_leaders() {
            set_eligible(&mut record, state, &isr, rules.min_isr);
        }
        if shrunk {
            record.isr = Some(ids(&isr));
        }
        let unchanged = PartitionChangeRecord { partition_id, topic_id, ..Default::default() };
        (record != unchanged).then(|| record.into())
    }

    /// Keeps the leader where it may stay; else the first clean replica in order of preference.
    pub(super) fn elect(
        &self,
        state: &PartitionState,
        isr: &[NodeId],
        change: Availability,
        unclean: bool,
    ) -> Election {
        let may_lead = |id: NodeId| match change {
            Availability::Leaving(leaving) => id != leaving && self.image.is_active(id),
            Availability::Coming(coming) => id == coming || self.image.is_active(id),
            Availability::Settled => self.image.is_active(id),
        };
        let eligible = |id: &NodeId| {
            self.image.features().eligible_leaders() && state.eligible_leaders.contains(id)
        };
        let clean = |id: &NodeId| may_lead(*id) && (isr.contains(id) || eligible(id));
        if clean(&state.leader) {
            return Election::Clean(state.leader);
        }
        if let Some(id) = state.replicas.iter().find(|id| clean(id)) {
            return Election::Clean(*id);
        }
        if let [last] = *state.last_known_leaders
            && isr.is_empty()
            && state.eligible_leaders.is_empty()
            && may_lead(last)
        {
            return Election::Unclean(last);
        }
        let any = state.replicas.iter().find(|id| unclean && may_lead(**id));
        any.map_or(Election::Nobody, |id| Election::Unclean(*id))
    }

    fn bumps_epoch_on_shrink(&self) -> bool {
        self.image.features().metadata_version() < MetadataVersion::KEEPS_EPOCH_ON_SHRINK
    }

    fn rules_of(&self, topic: &str) -> Rules {
        let unclean = self
            .topic_value(topic, UNCLEAN)
            .map_or(self.settings.unclean_leader_election, |value| {
                value.trim().eq_ignore_ascii_case("true")
            });
        let min_isr = self.topic_value(topic, MIN_ISR).and_then(|value| value.trim().parse().ok());
        Rules { unclean, min_isr: min_isr.unwrap_or(self.settings.min_insync_replicas) }
    }

    /// A key's dynamic value for a topic: its own, or that of all brokers.
    fn topic_value(&self, topic: &str, key: &str) -> Option<&str> {
        let configs = self.image.configs();
        configs
            .value(&ConfigResource::topic(topic), key)
            .or_else(|| configs.value(&ConfigResource::broker_default(), key))
    }
}

impl Election {
    /// The leader's id; [`NodeId::NONE`] where nobody leads.
    pub(super) fn leader(self) -> NodeId {
        match self {
            Self::Nobody => NodeId::NONE,
            Self::Clean(id) | Self::Unclean(id) => id,
        }
    }
}

/// Notes who stays eligible once `isr` is the ISR, and who led last when it is empty.
fn set_eligible(
    record: &mut PartitionChangeRecord,
    state: &PartitionState,
    isr: &[NodeId],
    min_isr: usize,
) {
    let enough = isr.len() >= min_isr.min(state.replicas.len());
    let eligible: Vec<NodeId> = if enough {
        Vec::new()
    } else {
        let left = state.isr.iter().filter(|id| !state.eligible_leaders.contains(id));
        let candidates = state.eligible_leaders.iter().chain(left);
        candidates.filter(|id| !isr.contains(id)).copied().collect()
    };
    let last_known = if enough {
        Vec::new()
    } else if isr.is_empty() && state.leader != NodeId::NONE {
        vec![state.leader]
    } else {
        state.last_known_leaders.to_vec()
    };
    if eligible != *state.eligible_leaders {
        record.eligible_leader_replicas = Some(ids(&eligible));
    }
    if last_known != *state.last_known_leaders {
        record.last_known_elr = Some(ids(&last_known));
    }
}

pub(super) fn ids(nodes: &[NodeId]) -> Vec<i32> {
    nodes.iter().map(|node| node.0).collect()
}
