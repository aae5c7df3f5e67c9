//! Moving partitions between brokers, and replicas between the directories of one.

use std::collections::BTreeMap;
use std::sync::Arc;

use wire::Str;
use wire::alter_partition_reassignments_request::{
    AlterPartitionReassignmentsRequest, ReassignablePartition, ReassignableTopic,
};
use wire::alter_partition_reassignments_response::AlterPartitionReassignmentsResponse;
use wire::alter_replica_log_dirs_request::{
    AlterReplicaLogDir, AlterReplicaLogDirTopic, AlterReplicaLogDirsRequest,
};
use wire::alter_replica_log_dirs_response::AlterReplicaLogDirsResponse;
use wire::list_partition_reassignments_request::{
    ListPartitionReassignmentsRequest, ListPartitionReassignmentsTopics,
};
use wire::list_partition_reassignments_response::ListPartitionReassignmentsResponse;

use super::{Admin, verdict};
use crate::consumer::offsets::{PerPartition, group_by_topic};
use crate::{Error, Result, TopicPartition};

/// A partition on its way to other brokers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reassignment {
    /// All replicas while it lasts: those that stay, come and go.
    pub replicas: Vec<i32>,
    pub adding: Vec<i32>,
    pub removing: Vec<i32>,
}

impl Admin {
    /// The reassignments under way, of all partitions with `None`.
    pub async fn list_reassignments(
        &self,
        partitions: Option<&[TopicPartition]>,
    ) -> Result<BTreeMap<TopicPartition, Reassignment>> {
        let by_topic = partitions.map(group_by_topic);
        let topics = by_topic.as_ref().map(|topics| {
            let topics = topics.iter().map(|(topic, numbers)| ListPartitionReassignmentsTopics {
                name: Str::Borrowed(topic),
                partition_indexes: numbers.clone(),
            });
            topics.collect()
        });
        let request = ListPartitionReassignmentsRequest { timeout_ms: self.timeout_ms(), topics };
        self.retry(async || {
            let answer = self.ask_once(&request).await?;
            let response: ListPartitionReassignmentsResponse<'_> = answer.decode()?;
            verdict(response.error_code, response.error_message.as_deref())?;
            let ongoing = response.topics.iter().flat_map(|topic| {
                topic.partitions.iter().map(|p| {
                    let reassignment = Reassignment {
                        replicas: p.replicas.clone(),
                        adding: p.adding_replicas.clone(),
                        removing: p.removing_replicas.clone(),
                    };
                    (TopicPartition::new(&*topic.name, p.partition_index), reassignment)
                })
            });
            Ok(ongoing.collect())
        })
        .await
    }

    /// Gives partitions other replicas, or cancels what is under way with `None`; the verdict on
    /// each. Brokers that cannot forbid a change of the replication factor (before KIP-860) refuse
    /// `may_change_factor == false`.
    pub async fn alter_reassignments(
        &self,
        targets: &BTreeMap<TopicPartition, Option<Vec<i32>>>,
        may_change_factor: bool,
    ) -> Result<PerPartition<()>> {
        let mut topics: BTreeMap<&Arc<str>, Vec<ReassignablePartition>> = BTreeMap::new();
        for (partition, replicas) in targets {
            let wanted = ReassignablePartition {
                partition_index: partition.partition,
                replicas: replicas.clone(),
            };
            topics.entry(&partition.topic).or_default().push(wanted);
        }
        let topics = topics
            .into_iter()
            .map(|(name, partitions)| ReassignableTopic { name: Str::Borrowed(name), partitions });
        let request = AlterPartitionReassignmentsRequest {
            timeout_ms: self.timeout_ms(),
            allow_replication_factor_change: may_change_factor,
            topics: topics.collect(),
        };
        let answer = self.call(&request).await?;
        let response: AlterPartitionReassignmentsResponse<'_> = answer.decode()?;
        verdict(response.error_code, response.error_message.as_deref())?;
        let verdicts = response.responses.iter().flat_map(|topic| {
            topic.partitions.iter().map(|p| {
                let key = TopicPartition::new(&*topic.name, p.partition_index);
                (key, verdict(p.error_code, p.error_message.as_deref()))
            })
        });
        Ok(verdicts.collect())
    }

    /// Moves replicas of one broker to directories of it; the verdict on each.
    pub async fn alter_replica_log_dirs(
        &self,
        node: i32,
        moves: &BTreeMap<TopicPartition, String>,
    ) -> Result<PerPartition<()>> {
        let mut dirs: BTreeMap<&str, Vec<TopicPartition>> = BTreeMap::new();
        for (partition, dir) in moves {
            dirs.entry(dir).or_default().push(partition.clone());
        }
        let grouped: Vec<_> =
            dirs.iter().map(|(dir, partitions)| (*dir, group_by_topic(partitions))).collect();
        let dirs = grouped.iter().map(|(path, topics)| AlterReplicaLogDir {
            path: Str::Borrowed(path),
            topics: topics
                .iter()
                .map(|(name, partitions)| AlterReplicaLogDirTopic {
                    name: Str::Borrowed(name),
                    partitions: partitions.clone(),
                })
                .collect(),
        });
        let request = AlterReplicaLogDirsRequest { dirs: dirs.collect() };
        let answer = self.call_node(node, &request).await?;
        let response: AlterReplicaLogDirsResponse<'_> = answer.decode()?;
        let verdicts = response.results.iter().flat_map(|topic| {
            topic.partitions.iter().map(|p| {
                let key = TopicPartition::new(&*topic.topic_name, p.partition_index);
                (key, Error::check(p.error_code))
            })
        });
        Ok(verdicts.collect())
    }
}
