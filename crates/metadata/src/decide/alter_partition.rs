//! AlterPartition (56): a leader tells who is in sync with it, and that it has recovered.

use std::collections::BTreeSet;

use types::{BrokerEpoch, ErrorCode, NodeId};
use wire::alter_partition_request::{AlterPartitionRequest, BrokerState, PartitionData as Wanted};
use wire::alter_partition_response::{
    AlterPartitionResponse, PartitionData as Altered, TopicData as AlteredTopic,
};
use wire::record_frame::MetadataRecord;

use super::partition_change::PartitionChange;
use super::{Command, Controller, Decision, Unity};
use crate::image::{PartitionState, Topic};

const ANY_EPOCH: i64 = -1;
const RECOVERED: i8 = 0;
const RECOVERING: i8 = 1;

/// Changes the ISR of partitions that the broker leads.
#[derive(Clone, Debug)]
pub struct AlterPartition(pub AlterPartitionRequest);

impl Command for AlterPartition {
    type Reply = AlterPartitionResponse;

    const UNITY: Unity = Unity::Parts;

    fn decide(&self, controller: &Controller<'_>) -> Decision<Self::Reply> {
        let (broker, epoch) = (NodeId(self.0.broker_id), BrokerEpoch(self.0.broker_epoch));
        if let Err(refusal) = controller.check_broker_epoch(broker, epoch) {
            return Decision::only(AlterPartitionResponse {
                error_code: refusal.code.code(),
                ..AlterPartitionResponse::default()
            });
        }
        let mut records = Vec::new();
        let topics = self.0.topics.iter().map(|wanted| {
            let topic = controller.image.topics().get(wanted.topic_id);
            let partitions = wanted.partitions.iter().map(|partition| {
                let altered = topic.ok_or(ErrorCode::UnknownTopicId).and_then(|topic| {
                    controller.alter_partition(broker, topic, partition, &mut records)
                });
                answer(partition.partition_index, altered)
            });
            AlteredTopic { topic_id: wanted.topic_id, partitions: partitions.collect() }
        });
        let topics = topics.collect();
        let reply = AlterPartitionResponse { topics, ..AlterPartitionResponse::default() };
        Decision { records, reply }
    }
}

impl Controller<'_> {
    /// The partition's state once it has the ISR that its leader asks for.
    fn alter_partition(
        &self,
        broker: NodeId,
        topic: &Topic,
        wanted: &Wanted,
        records: &mut Vec<MetadataRecord<'static>>,
    ) -> Result<PartitionState, ErrorCode> {
        let index = wanted.partition_index;
        let state = topic.partitions.get(&index).ok_or(ErrorCode::UnknownTopicOrPartition)?;
        let isr = members(wanted);
        check_epochs(broker, state, wanted)?;
        check_isr(state, wanted.leader_recovery_state, &isr)?;
        if !isr.iter().all(|member| self.may_be_in_sync(member)) {
            return Err(ErrorCode::IneligibleReplica);
        }
        let mut change = PartitionChange::new(*self, topic, index, state, self.rules_of(topic));
        change.target.isr = isr.iter().map(|member| NodeId(member.broker_id)).collect();
        change.target.recovering = wanted.leader_recovery_state == RECOVERING;
        let Some(record) = change.build() else { return Ok(PartitionState::clone(state)) };
        let after = state.after(&record);
        let is_deposed = after.leader_epoch != state.leader_epoch && after.leader != broker;
        records.push(record);
        if is_deposed { Err(ErrorCode::NewLeaderElected) } else { Ok(after) }
    }

    /// Only a broker in service, and in the run that the leader knows of, is in sync.
    fn may_be_in_sync(&self, member: &BrokerState) -> bool {
        let broker = self.image.cluster().broker(NodeId(member.broker_id));
        broker.is_some_and(|broker| {
            broker.is_active() && [ANY_EPOCH, broker.epoch.0].contains(&member.broker_epoch)
        })
    }
}

/// The members that are asked for; before v3 without their epochs.
fn members(wanted: &Wanted) -> Vec<BrokerState> {
    let plain = wanted.new_isr.iter();
    let plain = plain.map(|id| BrokerState { broker_id: *id, broker_epoch: ANY_EPOCH });
    wanted.new_isr_with_epochs.iter().cloned().chain(plain).collect()
}

/// Whether the leader speaks of the partition as it is.
fn check_epochs(broker: NodeId, state: &PartitionState, wanted: &Wanted) -> Result<(), ErrorCode> {
    let (leader_epoch, partition_epoch) = (state.leader_epoch.0, state.partition_epoch);
    if wanted.leader_epoch > leader_epoch || wanted.partition_epoch > partition_epoch {
        // it knows more than this controller, which hence is not the active one any more
        return Err(ErrorCode::NotController);
    }
    if wanted.leader_epoch < leader_epoch {
        return Err(ErrorCode::FencedLeaderEpoch);
    }
    if broker != state.leader {
        return Err(ErrorCode::InvalidRequest);
    }
    if wanted.partition_epoch < partition_epoch {
        return Err(ErrorCode::InvalidUpdateVersion);
    }
    Ok(())
}

fn check_isr(state: &PartitionState, recovery: i8, isr: &[BrokerState]) -> Result<(), ErrorCode> {
    let ids: BTreeSet<NodeId> = isr.iter().map(|member| NodeId(member.broker_id)).collect();
    let is_list_of_replicas =
        ids.len() == isr.len() && ids.iter().all(|id| state.replicas.contains(id));
    let is_known = [RECOVERED, RECOVERING].contains(&recovery);
    let recovers = recovery == RECOVERING;
    // who recovers from an unclean election recovers alone, and nobody starts to by itself
    let contradicts = recovers && (isr.len() > 1 || !state.recovering);
    if is_list_of_replicas && ids.contains(&state.leader) && is_known && !contradicts {
        Ok(())
    } else {
        Err(ErrorCode::InvalidRequest)
    }
}

fn answer(partition_index: i32, altered: Result<PartitionState, ErrorCode>) -> Altered {
    match altered {
        Ok(state) => Altered {
            partition_index,
            error_code: ErrorCode::None.code(),
            leader_id: state.leader.0,
            leader_epoch: state.leader_epoch.0,
            isr: state.isr.iter().map(|id| id.0).collect(),
            leader_recovery_state: i8::from(state.recovering),
            partition_epoch: state.partition_epoch,
        },
        Err(error) => Altered { partition_index, error_code: error.code(), ..Altered::default() },
    }
}
