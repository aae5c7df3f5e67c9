//! Topics: creating, describing, growing, deleting.

use std::collections::BTreeMap;

use types::{ErrorCode, TopicId};
use wire::Str;
use wire::create_partitions_request::{
    CreatePartitionsAssignment, CreatePartitionsRequest, CreatePartitionsTopic,
};
use wire::create_partitions_response::CreatePartitionsResponse;
use wire::create_topics_request::{
    CreatableReplicaAssignment, CreatableTopic, CreatableTopicConfig, CreateTopicsRequest,
};
use wire::create_topics_response::CreateTopicsResponse;
use wire::delete_topics_request::{DeleteTopicState, DeleteTopicsRequest};
use wire::delete_topics_response::DeleteTopicsResponse;
use wire::describe_topic_partitions_request::{
    Cursor, DescribeTopicPartitionsRequest, TopicRequest,
};
use wire::describe_topic_partitions_response::{
    DescribeTopicPartitionsResponse, DescribeTopicPartitionsResponsePartition,
};

use super::{Admin, is_unsupported, verdict};
use crate::{Error, Result, TopicMetadata};

/// How many partitions one page of a description holds.
const PAGE_PARTITIONS: i32 = 2000;

/// A topic to create.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NewTopic {
    pub name: String,
    /// The broker's default where `None`.
    pub partitions: Option<i32>,
    /// The broker's default where `None`.
    pub replication_factor: Option<i16>,
    /// Brokers by partition; excludes the two above.
    pub assignments: BTreeMap<i32, Vec<i32>>,
    pub configs: BTreeMap<String, String>,
}

/// A topic as it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicDescription {
    pub name: String,
    pub id: TopicId,
    pub is_internal: bool,
    /// Sorted by number.
    pub partitions: Vec<TopicPartitionInfo>,
}

/// A partition as it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicPartitionInfo {
    pub partition: i32,
    pub leader: Option<i32>,
    pub replicas: Vec<i32>,
    pub isr: Vec<i32>,
    /// `None` where the broker does not keep them (KIP-966).
    pub eligible_leaders: Option<Vec<i32>>,
    /// `None` where the broker does not keep them.
    pub last_known_leaders: Option<Vec<i32>>,
}

impl Admin {
    /// Creates topics; the verdict on each.
    pub async fn create_topics(
        &self,
        topics: &[NewTopic],
        validate_only: bool,
    ) -> Result<BTreeMap<String, Result<()>>> {
        let request = CreateTopicsRequest {
            topics: topics.iter().map(creatable).collect(),
            timeout_ms: self.timeout_ms(),
            validate_only,
        };
        let answer = self.call(&request).await?;
        let response: CreateTopicsResponse<'_> = answer.decode()?;
        let verdicts = response.topics.iter().map(|topic| {
            let verdict = verdict(topic.error_code, topic.error_message.as_deref());
            (topic.name.to_string(), verdict)
        });
        Ok(verdicts.collect())
    }

    /// Deletes topics by name; the verdict on each.
    pub async fn delete_topics(&self, names: &[String]) -> Result<BTreeMap<String, Result<()>>> {
        let states = names
            .iter()
            .map(|name| DeleteTopicState { name: Some(Str::Borrowed(name)), ..Default::default() });
        let request = DeleteTopicsRequest {
            topics: states.collect(),
            topic_names: names.iter().map(|name| Str::Borrowed(name.as_str())).collect(),
            timeout_ms: self.timeout_ms(),
        };
        let answer = self.call(&request).await?;
        let response: DeleteTopicsResponse<'_> = answer.decode()?;
        let verdicts = response.responses.iter().map(|topic| {
            let name = topic.name.as_deref().unwrap_or_default().to_owned();
            (name, verdict(topic.error_code, topic.error_message.as_deref()))
        });
        Ok(verdicts.collect())
    }

    /// Raises the number of partitions; `assignments` has the brokers of each added one.
    pub async fn create_partitions(
        &self,
        topic: &str,
        count: i32,
        assignments: Option<&[Vec<i32>]>,
    ) -> Result<()> {
        let added = assignments.map(|added| {
            let brokers = added
                .iter()
                .map(|brokers| CreatePartitionsAssignment { broker_ids: brokers.clone() });
            brokers.collect()
        });
        let request = CreatePartitionsRequest {
            topics: vec![CreatePartitionsTopic {
                name: Str::Borrowed(topic),
                count,
                assignments: added,
            }],
            timeout_ms: self.timeout_ms(),
            ..Default::default()
        };
        let answer = self.call(&request).await?;
        let response: CreatePartitionsResponse<'_> = answer.decode()?;
        let of_topic = response.results.first();
        of_topic.map_or(Ok(()), |topic| verdict(topic.error_code, topic.error_message.as_deref()))
    }

    /// Topics as they stand, with what each lacks to be described.
    pub async fn describe_topics(
        &self,
        names: &[String],
    ) -> Result<BTreeMap<String, Result<TopicDescription>>> {
        // brokers take an empty list for all topics
        if names.is_empty() {
            return Ok(BTreeMap::new());
        }
        match self.describe_by_page(names).await {
            Err(error) if is_unsupported(&error) => self.describe_by_metadata(names).await,
            described => described,
        }
    }

    async fn describe_by_page(
        &self,
        names: &[String],
    ) -> Result<BTreeMap<String, Result<TopicDescription>>> {
        let mut described: BTreeMap<String, Result<TopicDescription>> = BTreeMap::new();
        let mut sorted = names.to_vec();
        sorted.sort();
        let mut cursor: Option<(String, i32)> = None;
        loop {
            let from = cursor.as_ref().map_or("", |(topic, _)| topic.as_str());
            let asked = sorted.iter().filter(|name| name.as_str() >= from);
            let request = DescribeTopicPartitionsRequest {
                topics: asked.map(|name| TopicRequest { name: Str::Borrowed(name) }).collect(),
                response_partition_limit: PAGE_PARTITIONS,
                cursor: cursor.as_ref().map(|(topic, partition)| Cursor {
                    topic_name: Str::Borrowed(topic),
                    partition_index: *partition,
                }),
            };
            let answer = self.call(&request).await?;
            let response: DescribeTopicPartitionsResponse<'_> = answer.decode()?;
            for topic in &response.topics {
                let name = topic.name.as_deref().unwrap_or_default().to_owned();
                if topic.error_code != 0 {
                    described.insert(name, Err(Error::broker(topic.error_code)));
                    continue;
                }
                let entry = described.entry(name.clone()).or_insert_with(|| {
                    let (id, is_internal) = (topic.topic_id, topic.is_internal);
                    Ok(TopicDescription { name, id, is_internal, partitions: Vec::new() })
                });
                if let Ok(entry) = entry {
                    entry.partitions.extend(topic.partitions.iter().map(read_partition));
                }
            }
            let next = response
                .next_cursor
                .as_ref()
                .map(|c| (c.topic_name.to_string(), c.partition_index));
            if next.is_none() || next == cursor {
                break;
            }
            cursor = next;
        }
        for topic in described.values_mut().flatten() {
            topic.partitions.sort_by_key(|partition| partition.partition);
        }
        Ok(described)
    }

    async fn describe_by_metadata(
        &self,
        names: &[String],
    ) -> Result<BTreeMap<String, Result<TopicDescription>>> {
        self.cluster.want_only(names.iter().map(|name| name.as_str().into()));
        let metadata = self.retry(async || self.cluster.refresh().await).await?;
        let describe = |name: &String| match metadata.topic(name) {
            Some(topic) if topic.error.is_none() => Ok(from_metadata(topic)),
            Some(topic) => Err(Error::broker(topic.error.code())),
            None => Err(Error::broker(ErrorCode::UnknownTopicOrPartition.code())),
        };
        Ok(names.iter().map(|name| (name.clone(), describe(name))).collect())
    }
}

fn creatable(topic: &NewTopic) -> CreatableTopic<'_> {
    let given = !topic.assignments.is_empty();
    CreatableTopic {
        name: Str::Borrowed(&topic.name),
        num_partitions: if given { -1 } else { topic.partitions.unwrap_or(-1) },
        replication_factor: if given { -1 } else { topic.replication_factor.unwrap_or(-1) },
        assignments: topic
            .assignments
            .iter()
            .map(|(partition, brokers)| CreatableReplicaAssignment {
                partition_index: *partition,
                broker_ids: brokers.clone(),
            })
            .collect(),
        configs: topic
            .configs
            .iter()
            .map(|(name, value)| CreatableTopicConfig {
                name: Str::Borrowed(name),
                value: Some(Str::Borrowed(value)),
            })
            .collect(),
    }
}

fn read_partition(p: &DescribeTopicPartitionsResponsePartition) -> TopicPartitionInfo {
    TopicPartitionInfo {
        partition: p.partition_index,
        leader: Some(p.leader_id).filter(|id| *id >= 0),
        replicas: p.replica_nodes.clone(),
        isr: p.isr_nodes.clone(),
        eligible_leaders: p.eligible_leader_replicas.clone(),
        last_known_leaders: p.last_known_elr.clone(),
    }
}

fn from_metadata(topic: &TopicMetadata) -> TopicDescription {
    let partitions = topic.partitions.iter().map(|p| TopicPartitionInfo {
        partition: p.partition,
        leader: p.leader,
        replicas: p.replicas.clone(),
        isr: p.isr.clone(),
        eligible_leaders: None,
        last_known_leaders: None,
    });
    TopicDescription {
        name: topic.name.to_string(),
        id: topic.id,
        is_internal: topic.is_internal,
        partitions: partitions.collect(),
    }
}
