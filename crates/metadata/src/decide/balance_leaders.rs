//! What the controller does by itself from time to time: leadership goes back to the preferred
//! replicas, and partitions that may lose records rather than wait get a leader.

use std::sync::Arc;

use types::NodeId;
use wire::record_frame::MetadataRecord;

use super::partition_change::{Election, PartitionChange};
use super::{Command, Controller, Decision, Unity};
use crate::image::{PartitionState, Topic};

/// Most elections of one decision; Kafka's number.
pub const ELECTIONS_PER_DECISION_MAX: usize = 1_000;

/// Preferred replicas that are in sync lead again (`auto.leader.rebalance.enable`).
#[derive(Clone, Copy, Debug)]
pub struct BalanceLeaders;

/// Partitions without a leader get one where `unclean.leader.election.enable` allows it.
#[derive(Clone, Copy, Debug)]
pub struct ElectUncleanLeaders;

impl Command for BalanceLeaders {
    /// Whether there was more to do than one decision may.
    type Reply = bool;

    const UNITY: Unity = Unity::Parts;

    fn decide(&self, controller: &Controller<'_>) -> Decision<Self::Reply> {
        controller
            .elect_among(Election::Preferred, |_, state| state.leader != state.preferred_leader())
    }
}

impl Command for ElectUncleanLeaders {
    /// Whether there was more to do than one decision may.
    type Reply = bool;

    const UNITY: Unity = Unity::Parts;

    fn decide(&self, controller: &Controller<'_>) -> Decision<Self::Reply> {
        controller.elect_among(Election::Unclean, |topic, state| {
            state.leader == NodeId::NONE && controller.rules_of(topic).unclean
        })
    }
}

impl Controller<'_> {
    fn elect_among(
        &self,
        election: Election,
        is_due: impl Fn(&Topic, &PartitionState) -> bool,
    ) -> Decision<bool> {
        let topics = self.image.topics().iter();
        let partitions = topics.flat_map(|topic| topic.partitions.iter().map(move |p| (topic, p)));
        let due = partitions.filter(|(topic, (_, state))| is_due(topic, state));
        let mut changes =
            due.filter_map(|(topic, (index, state))| self.elected(topic, *index, state, election));
        let records: Vec<_> = changes.by_ref().take(ELECTIONS_PER_DECISION_MAX).collect();
        Decision { records, reply: changes.next().is_some() }
    }

    /// The partition's change by an election.
    pub(super) fn elected(
        &self,
        topic: &Topic,
        index: i32,
        state: &Arc<PartitionState>,
        election: Election,
    ) -> Option<MetadataRecord<'static>> {
        let mut change = PartitionChange::new(*self, topic, index, state, self.rules_of(topic));
        change.election = election;
        change.build()
    }
}
