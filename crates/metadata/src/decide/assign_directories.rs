//! AssignReplicasToDirs (73): a broker tells in which of its directories its replicas are (KIP-858).

use std::sync::Arc;

use types::{BrokerEpoch, DirectoryId, ErrorCode, NodeId};
use wire::assign_replicas_to_dirs_request::AssignReplicasToDirsRequest;
use wire::assign_replicas_to_dirs_response::{
    AssignReplicasToDirsResponse, DirectoryData, PartitionData, TopicData,
};
use wire::record_frame::MetadataRecord;

use super::leadership::Availability;
use super::partition_change::PartitionChange;
use super::{Command, Controller, Decision, Refusal, Unity};
use crate::image::{BrokerRegistration, Topic};
use crate::metadata_version::MetadataVersion;

/// Notes where replicas are; one in a directory that is offline can neither lead nor be in sync.
#[derive(Clone, Debug)]
pub struct AssignReplicasToDirs(pub AssignReplicasToDirsRequest);

impl Command for AssignReplicasToDirs {
    type Reply = AssignReplicasToDirsResponse;

    const UNITY: Unity = Unity::Parts;

    fn decide(&self, controller: &Controller<'_>) -> Decision<Self::Reply> {
        let broker = match self.check(controller) {
            Ok(broker) => broker,
            Err(refusal) => {
                return Decision::only(AssignReplicasToDirsResponse {
                    error_code: refusal.code.code(),
                    ..AssignReplicasToDirsResponse::default()
                });
            }
        };
        let mut records = Vec::new();
        let directories = self.0.directories.iter().map(|wanted| DirectoryData {
            id: wanted.id,
            topics: wanted
                .topics
                .iter()
                .map(|topic| {
                    let found = controller.image.topics().get(topic.topic_id);
                    let assign = |index: i32| {
                        let topic = found.ok_or(ErrorCode::UnknownTopicId)?;
                        controller.assign_directory(broker, wanted.id, topic, index)
                    };
                    let partitions = topic.partitions.iter().map(|partition| {
                        let assigned = assign(partition.partition_index);
                        let error = assigned.as_ref().err().copied().unwrap_or_default();
                        records.extend(assigned.unwrap_or_default());
                        let partition_index = partition.partition_index;
                        PartitionData { partition_index, error_code: error.code() }
                    });
                    TopicData { topic_id: topic.topic_id, partitions: partitions.collect() }
                })
                .collect(),
        });
        let directories = directories.collect();
        let reply =
            AssignReplicasToDirsResponse { directories, ..AssignReplicasToDirsResponse::default() };
        Decision { records, reply }
    }
}

impl AssignReplicasToDirs {
    fn check<'c>(&self, controller: &Controller<'c>) -> Result<&'c BrokerRegistration, Refusal> {
        if controller.image.features().metadata_version() < MetadataVersion::DIRECTORIES {
            let message = "Directory assignment is not supported yet.";
            return Err(Refusal::new(ErrorCode::UnsupportedVersion, message));
        }
        let (id, epoch) = (NodeId(self.0.broker_id), BrokerEpoch(self.0.broker_epoch));
        controller.check_broker_epoch(id, epoch)
    }
}

impl Controller<'_> {
    fn assign_directory(
        &self,
        broker: &BrokerRegistration,
        directory: DirectoryId,
        topic: &Topic,
        index: i32,
    ) -> Result<Vec<MetadataRecord<'static>>, ErrorCode> {
        let state = topic.partitions.get(&index).ok_or(ErrorCode::UnknownTopicOrPartition)?;
        let position = state.replicas.iter().position(|id| *id == broker.id);
        let position = position.ok_or(ErrorCode::NotLeaderOrFollower)?;
        let rules = self.rules_of(topic);
        let mut change = PartitionChange::new(*self, topic, index, state, rules);
        change.forbid_unclean();
        if let Some(place) = Arc::make_mut(&mut change.target.directories).get_mut(position) {
            *place = directory;
        }
        let mut records: Vec<_> = change.build().into_iter().collect();
        if !broker.has_online(directory) {
            let placed = records.first().map_or_else(|| state.clone(), |r| state.after(r).into());
            let gone = Availability::Leaving(broker.id);
            records.extend(self.successor(topic, index, &placed, rules, gone));
        }
        Ok(records)
    }
}
