//! AlterPartitionReassignments (45) and ListPartitionReassignments (46): replicas move to other brokers.
//!
//! ```text
//!   [1 2 3] ── to [4 2 3] ──▶ replicas [4 2 3 1], adding 4, removing 1 ── 4 in sync ──▶ [4 2 3]
//!                                          └────────── cancel ──────────▶ [2 3 1]
//! ```

use std::borrow::Cow;
use std::sync::Arc;

use types::{ErrorCode, NodeId};
use wire::alter_partition_reassignments_request::{
    AlterPartitionReassignmentsRequest, ReassignablePartition,
};
use wire::alter_partition_reassignments_response::{
    AlterPartitionReassignmentsResponse, ReassignablePartitionResponse, ReassignableTopicResponse,
};
use wire::list_partition_reassignments_request::ListPartitionReassignmentsRequest;
use wire::list_partition_reassignments_response::{
    ListPartitionReassignmentsResponse, OngoingPartitionReassignment, OngoingTopicReassignment,
};
use wire::record_frame::MetadataRecord;

use super::partition_change::PartitionChange;
use super::refusal::outcome;
use super::{Command, Controller, Decision, Refusal};
use crate::image::{PartitionState, Topic};

/// Begins, replaces and cancels reassignments; each partition stands or falls by itself.
#[derive(Clone, Debug)]
pub struct AlterPartitionReassignments<'a>(pub AlterPartitionReassignmentsRequest<'a>);

impl Command for AlterPartitionReassignments<'_> {
    type Reply = AlterPartitionReassignmentsResponse<'static>;

    fn decide(&self, controller: &Controller<'_>) -> Decision<Self::Reply> {
        let allow = self.0.allow_replication_factor_change;
        let mut records = Vec::new();
        let responses = self.0.topics.iter().map(|topic| {
            let partitions = topic.partitions.iter().map(|wanted| {
                let change = controller.reassign(&topic.name, wanted, allow);
                let (error_code, error_message) = outcome(&change);
                records.extend(change.ok().flatten());
                let partition_index = wanted.partition_index;
                ReassignablePartitionResponse { partition_index, error_code, error_message }
            });
            let name = Cow::Owned(topic.name.to_string());
            ReassignableTopicResponse { name, partitions: partitions.collect() }
        });
        let responses = responses.collect();
        let reply = AlterPartitionReassignmentsResponse {
            allow_replication_factor_change: allow,
            error_message: None,
            responses,
            ..AlterPartitionReassignmentsResponse::default()
        };
        Decision { records, reply }
    }
}

/// Tells of the reassignments that are under way: of all, or of the partitions asked for.
#[derive(Clone, Debug)]
pub struct ListPartitionReassignments<'a>(pub ListPartitionReassignmentsRequest<'a>);

impl Command for ListPartitionReassignments<'_> {
    type Reply = ListPartitionReassignmentsResponse<'static>;

    fn decide(&self, controller: &Controller<'_>) -> Decision<Self::Reply> {
        let topics = controller.image.topics();
        let found: Vec<_> = match &self.0.topics {
            None => topics
                .iter()
                .map(|topic| ongoing(topic, topic.partitions.keys().copied()))
                .collect(),
            Some(wanted) => wanted
                .iter()
                .filter_map(|wanted| Some((topics.named(&wanted.name)?, &wanted.partition_indexes)))
                .map(|(topic, indexes)| ongoing(topic, indexes.iter().copied()))
                .collect(),
        };
        Decision::only(ListPartitionReassignmentsResponse {
            error_message: None,
            topics: found.into_iter().filter(|topic| !topic.partitions.is_empty()).collect(),
            ..ListPartitionReassignmentsResponse::default()
        })
    }
}

impl Controller<'_> {
    fn reassign(
        &self,
        name: &str,
        wanted: &ReassignablePartition,
        allow_factor_change: bool,
    ) -> Result<Option<MetadataRecord<'static>>, Refusal> {
        let unknown = |message| Refusal::new(ErrorCode::UnknownTopicOrPartition, message);
        let topic = self
            .image
            .topics()
            .named(name)
            .ok_or_else(|| unknown(format!("Unable to find a topic named {name}.")))?;
        let index = wanted.partition_index;
        let state = topic
            .partitions
            .get(&index)
            .ok_or_else(|| unknown(format!("Unable to find partition {name}:{index}.")))?;
        match &wanted.replicas {
            None => self.cancel(topic, index, state),
            Some(replicas) => {
                let target = self.check_manual(replicas, None)?;
                if !allow_factor_change {
                    check_factor(state, &target)?;
                }
                Ok(self.move_to(topic, index, state, &target))
            }
        }
    }

    /// What is not in the target stays until all that is added is in sync. The marks of a
    /// reassignment that this one replaces go: with them it could wait for replicas for ever.
    fn move_to(
        &self,
        topic: &Topic,
        index: i32,
        state: &PartitionState,
        target: &[NodeId],
    ) -> Option<MetadataRecord<'static>> {
        let removing = sorted_difference(&state.replicas, target);
        let mut change = PartitionChange::new(*self, topic, index, state, self.rules_of(topic));
        change.forbid_unclean();
        change.target.replicas = target.iter().chain(&*removing).copied().collect();
        change.target.adding = sorted_difference(target, &state.replicas);
        change.target.removing = removing;
        change.build()
    }

    /// Back to the replicas of before, which need no replica that was added.
    fn cancel(
        &self,
        topic: &Topic,
        index: i32,
        state: &PartitionState,
    ) -> Result<Option<MetadataRecord<'static>>, Refusal> {
        if !state.is_reassigning() {
            let message = "No partition reassignment is in progress.";
            return Err(Refusal::new(ErrorCode::NoReassignmentInProgress, message));
        }
        let refuse = |message: String| Refusal::new(ErrorCode::InvalidReplicaAssignment, message);
        let without_added = |ids: &[NodeId]| -> Arc<[NodeId]> {
            ids.iter().filter(|id| !state.adding.contains(id)).copied().collect()
        };
        let replicas = without_added(&state.replicas);
        let first = *replicas.first().ok_or_else(|| {
            let message = "Invalid replica assignment: addingReplicas contains all replicas.";
            refuse(message.to_owned())
        })?;
        let mut isr = without_added(&state.isr);
        let rules = self.rules_of(topic);
        if isr.is_empty() {
            if !rules.unclean {
                let name = &topic.name;
                return Err(refuse(format!(
                    "Unable to revert partition assignment for {name}:{index} because it would \
                     require an unclean leader election."
                )));
            }
            isr = [first].into();
        }
        let mut change = PartitionChange::new(*self, topic, index, state, rules);
        change.target.replicas = replicas;
        change.target.isr = isr;
        change.target.adding = Arc::default();
        change.target.removing = Arc::default();
        Ok(change.build())
    }
}

/// The number of replicas, without what a reassignment takes away, is that of the target.
fn check_factor(state: &PartitionState, target: &[NodeId]) -> Result<(), Refusal> {
    let stays = state.replicas.iter().filter(|id| !state.removing.contains(id));
    let present = if state.is_reassigning() { stays.count() } else { state.replicas.len() };
    if present == target.len() {
        return Ok(());
    }
    let message = format!("The replication factor is changed from {present} to {}", target.len());
    Err(Refusal::new(ErrorCode::InvalidReplicationFactor, message))
}

fn sorted_difference(these: &[NodeId], those: &[NodeId]) -> Arc<[NodeId]> {
    let mut left: Vec<NodeId> = these.iter().filter(|id| !those.contains(id)).copied().collect();
    left.sort_unstable();
    left.into()
}

fn ongoing(topic: &Topic, indexes: impl Iterator<Item = i32>) -> OngoingTopicReassignment<'static> {
    let ids = |nodes: &[NodeId]| nodes.iter().map(|node| node.0).collect();
    let partitions = indexes
        .filter_map(|index| Some((index, topic.partitions.get(&index)?)))
        .filter(|(_, state)| state.is_reassigning())
        .map(|(partition_index, state)| OngoingPartitionReassignment {
            partition_index,
            replicas: ids(&state.replicas),
            adding_replicas: ids(&state.adding),
            removing_replicas: ids(&state.removing),
        });
    OngoingTopicReassignment {
        name: Cow::Owned(topic.name.to_string()),
        partitions: partitions.collect(),
    }
}
