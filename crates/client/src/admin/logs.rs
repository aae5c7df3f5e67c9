//! Logs: offsets by time, deletion of records, directories.

use std::collections::BTreeMap;

use wire::Str;
use wire::delete_records_request::{
    DeleteRecordsPartition, DeleteRecordsRequest, DeleteRecordsTopic,
};
use wire::delete_records_response::DeleteRecordsResponse;
use wire::describe_log_dirs_request::DescribeLogDirsRequest;
use wire::describe_log_dirs_response::DescribeLogDirsResponse;

use super::Admin;
use crate::config::IsolationLevel;
use crate::consumer::offsets::{self, ListedOffset, PerPartition};
use crate::{Error, Result, TopicPartition};

/// A replica in a log directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogDirReplica {
    pub partition: TopicPartition,
    pub bytes: i64,
    pub offset_lag: i64,
    /// It is being moved here.
    pub is_future: bool,
}

/// A log directory of a broker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogDir {
    pub path: String,
    pub error: Option<Error>,
    pub replicas: Vec<LogDirReplica>,
}

impl Admin {
    /// Offsets at timestamps (special ones included); leaders are looked up, failures retried.
    pub async fn list_offsets(
        &self,
        asked: &BTreeMap<TopicPartition, i64>,
        isolation: IsolationLevel,
    ) -> Result<PerPartition<ListedOffset>> {
        self.know_leaders(asked.keys()).await?;
        self.retry(async || {
            let found = offsets::list_offsets(&self.cluster, asked, isolation).await;
            let retriable = found.values().filter_map(|listed| listed.as_ref().err());
            match retriable.into_iter().find(|error| error.is_retriable()).cloned() {
                Some(error) => {
                    self.cluster.refresh().await?;
                    Err(error)
                }
                None => Ok(found),
            }
        })
        .await
    }

    /// Deletes records before these offsets (-1: before the high watermark); the low watermark
    /// that each partition then has.
    pub async fn delete_records(
        &self,
        before: &BTreeMap<TopicPartition, i64>,
    ) -> Result<PerPartition<i64>> {
        self.know_leaders(before.keys()).await?;
        let metadata = self.cluster.metadata();
        let mut by_leader: BTreeMap<i32, Vec<(&TopicPartition, i64)>> = BTreeMap::new();
        let mut done = PerPartition::new();
        for (partition, offset) in before {
            match metadata.leader(&partition.topic, partition.partition) {
                Some((leader, _)) => {
                    by_leader.entry(leader.id).or_default().push((partition, *offset));
                }
                None => {
                    let code = types::ErrorCode::UnknownTopicOrPartition.code();
                    done.insert(partition.clone(), Err(Error::broker(code)));
                }
            }
        }
        for (leader, partitions) in by_leader {
            let topics = partitions.iter().map(|(partition, offset)| DeleteRecordsTopic {
                name: Str::Borrowed(&partition.topic),
                partitions: vec![DeleteRecordsPartition {
                    partition_index: partition.partition,
                    offset: *offset,
                }],
            });
            let request =
                DeleteRecordsRequest { topics: topics.collect(), timeout_ms: self.timeout_ms() };
            let answer = self.call_node(leader, &request).await?;
            let response: DeleteRecordsResponse<'_> = answer.decode()?;
            for topic in &response.topics {
                done.extend(topic.partitions.iter().map(|p| {
                    let key = TopicPartition::new(&*topic.name, p.partition_index);
                    (key, Error::check(p.error_code).map(|()| p.low_watermark))
                }));
            }
        }
        Ok(done)
    }

    /// The log directories of one broker.
    pub async fn describe_log_dirs(&self, node: i32) -> Result<Vec<LogDir>> {
        let request = DescribeLogDirsRequest { topics: None };
        let answer = self.call_node(node, &request).await?;
        let response: DescribeLogDirsResponse<'_> = answer.decode()?;
        Error::check(response.error_code)?;
        let dirs = response.results.iter().map(|dir| LogDir {
            path: dir.log_dir.to_string(),
            error: Error::check(dir.error_code).err(),
            replicas: dir
                .topics
                .iter()
                .flat_map(|topic| {
                    topic.partitions.iter().map(|p| LogDirReplica {
                        partition: TopicPartition::new(&*topic.name, p.partition_index),
                        bytes: p.partition_size,
                        offset_lag: p.offset_lag,
                        is_future: p.is_future_key,
                    })
                })
                .collect(),
        });
        Ok(dirs.collect())
    }

    async fn know_leaders(&self, partitions: impl Iterator<Item = &TopicPartition>) -> Result<()> {
        let mut topics: Vec<_> = partitions.map(|p| p.topic.clone()).collect();
        topics.dedup();
        self.cluster.want_only(topics);
        self.retry(async || self.cluster.refresh().await).await.map(drop)
    }
}
