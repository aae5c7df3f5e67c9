//! What follows for partitions when brokers and directories come and go.

use std::sync::Arc;

use types::{DirectoryId, NodeId};
use wire::record_frame::MetadataRecord;

use super::Controller;
use super::partition_change::PartitionChange;
use crate::image::{ConfigResource, PartitionState, Topic};

const UNCLEAN: &str = "unclean.leader.election.enable";
const MIN_ISR: &str = "min.insync.replicas";

/// A broker that stops or starts being available within the decision at hand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Availability {
    /// It goes: it leaves every ISR and leads nothing.
    Leaving(NodeId),
    /// It was gone before anybody knew, and may have lost what it had not synced (KIP-966).
    Crashed(NodeId),
    /// It comes: it may lead what nobody leads.
    Coming(NodeId),
    /// Nobody comes or goes.
    Settled,
}

/// What a topic's configs say about its leaders.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rules {
    /// Whether a replica that may lack records can lead.
    pub unclean: bool,
    /// How many replicas must be in sync; never more than there are.
    pub min_isr: usize,
}

impl Controller<'_> {
    /// Changes of ISR and leadership that follow from a broker's coming or going.
    pub(super) fn follow(&self, change: Availability) -> Vec<MetadataRecord<'static>> {
        match change {
            Availability::Leaving(id) => {
                self.follow_on(id, change, |state| state.isr.contains(&id))
            }
            Availability::Crashed(id) => self.follow_on(id, change, |state| {
                state.isr.contains(&id) || state.eligible_leaders.contains(&id)
            }),
            Availability::Coming(id) => {
                self.follow_on(id, change, |state| state.leader == NodeId::NONE)
            }
            Availability::Settled => Vec::new(),
        }
    }

    /// Changes that follow when directories of a broker, which itself lives on, are gone.
    pub(super) fn follow_lost(
        &self,
        broker: NodeId,
        directories: &[DirectoryId],
    ) -> Vec<MetadataRecord<'static>> {
        self.follow_on(broker, Availability::Leaving(broker), |state| {
            state.directory_of(broker).is_some_and(|at| directories.contains(&at))
        })
    }

    /// Looks at the partitions with a replica on the broker, and at no others.
    fn follow_on(
        &self,
        broker: NodeId,
        change: Availability,
        is_touched: impl Fn(&PartitionState) -> bool,
    ) -> Vec<MetadataRecord<'static>> {
        let mut records = Vec::new();
        for (topic, partitions) in self.image.topics().replicas_on(broker) {
            let mut touched = partitions.filter(|(_, state)| is_touched(state)).peekable();
            if touched.peek().is_none() {
                continue;
            }
            let rules = self.rules_of(topic);
            records.extend(
                touched.filter_map(|(index, state)| {
                    self.successor(topic, index, state, rules, change)
                }),
            );
        }
        records
    }

    /// The partition's change once the broker has come or gone.
    pub(super) fn successor(
        &self,
        topic: &Topic,
        index: i32,
        state: &Arc<PartitionState>,
        rules: Rules,
        availability: Availability,
    ) -> Option<MetadataRecord<'static>> {
        let mut change = PartitionChange::new(*self, topic, index, state, rules);
        change.availability = availability;
        if let Availability::Leaving(gone) | Availability::Crashed(gone) = availability {
            change.target.isr = state.isr.iter().filter(|id| **id != gone).copied().collect();
        }
        change.build()
    }

    /// What the topic's configs say, or those of all brokers, or this node's own.
    pub(super) fn rules_of(&self, topic: &Topic) -> Rules {
        let unclean = self
            .topic_value(&topic.name, UNCLEAN)
            .map_or(self.settings.unclean_leader_election, |value| {
                value.trim().eq_ignore_ascii_case("true")
            });
        let min_isr = self.topic_value(&topic.name, MIN_ISR);
        let min_isr = min_isr.and_then(|value| value.trim().parse().ok());
        let min_isr = min_isr.unwrap_or(self.settings.min_insync_replicas);
        let replicas = topic.partitions.get(&0).map_or(usize::MAX, |state| state.replicas.len());
        Rules { unclean, min_isr: min_isr.min(replicas) }
    }

    /// A key's dynamic value for a topic: its own, or that of all brokers.
    fn topic_value(&self, topic: &str, key: &str) -> Option<&str> {
        let configs = self.image.configs();
        configs
            .value(&ConfigResource::topic(topic), key)
            .or_else(|| configs.value(&ConfigResource::broker_default(), key))
    }
}
