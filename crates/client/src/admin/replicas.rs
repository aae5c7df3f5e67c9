//! Reading a partition from any of its replicas, as tools do that compare them.

use std::time::Duration;

use types::{ErrorCode, TopicId};
use wire::fetch_request::{FetchPartition, FetchRequest, FetchTopic, ReplicaState};
use wire::fetch_response::FetchResponse;
use wire::list_offsets_request::{ListOffsetsPartition, ListOffsetsRequest, ListOffsetsTopic};
use wire::list_offsets_response::ListOffsetsResponse;
use wire::{Records, Str};

use super::Admin;
use crate::cluster::ANY_VERSION;
use crate::consumer::LATEST_TIMESTAMP;
use crate::consumer::offsets::{PerPartition, group_by_topic};
use crate::net::Lane;
use crate::{Error, Result, TopicPartition};

/// The replica id by which a broker knows a client that may read from followers, and past the high
/// watermark.
const DEBUGGING_CONSUMER: i32 = -2;

/// Up to this version the replica id stands alone in a request; from the next on with an epoch.
const PLAIN_REPLICA_ID_UNTIL: i16 = 14;

/// Where to read a partition from. Topics go by id, which every broker of KRaft knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReplicaPosition {
    pub topic: TopicId,
    pub partition: i32,
    pub offset: i64,
}

/// What one replica of a partition holds from there on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplicaContent {
    pub topic: TopicId,
    pub partition: i32,
    pub error: ErrorCode,
    pub high_watermark: i64,
    /// Whole batches only.
    pub batches: Vec<BatchSum>,
}

/// A batch, told from others by its checksum.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchSum {
    pub last_offset: i64,
    pub crc: u32,
}

impl Admin {
    /// Reads partitions from one broker, whether it leads them or follows. Waits up to `wait` for
    /// the first byte; returns at most `partition_bytes_max` of a partition.
    pub async fn read_replicas(
        &self,
        node: i32,
        from: &[ReplicaPosition],
        wait: Duration,
        partition_bytes_max: i32,
    ) -> Result<Vec<ReplicaContent>> {
        let mut topics: Vec<FetchTopic<'_>> = Vec::new();
        for position in from {
            let partition = FetchPartition {
                partition: position.partition,
                fetch_offset: position.offset,
                log_start_offset: 0,
                partition_max_bytes: partition_bytes_max,
                ..Default::default()
            };
            match topics.last_mut().filter(|topic| topic.topic_id == position.topic) {
                Some(topic) => topic.partitions.push(partition),
                None => topics.push(FetchTopic {
                    topic_id: position.topic,
                    partitions: vec![partition],
                    ..Default::default()
                }),
            }
        }
        let mut request = FetchRequest {
            replica_state: ReplicaState { replica_id: DEBUGGING_CONSUMER, replica_epoch: -1 },
            max_wait_ms: i32::try_from(wait.as_millis()).unwrap_or(i32::MAX),
            min_bytes: 1,
            topics,
            ..Default::default()
        };
        let lane = Lane::Data;
        let answer = match self.cluster.call_node(node, lane, &request, ANY_VERSION).await {
            // the broker is older than the epoch
            Err(Error::Invalid { .. }) => {
                request.replica_state = ReplicaState::default();
                request.replica_id = DEBUGGING_CONSUMER;
                let cap = PLAIN_REPLICA_ID_UNTIL;
                self.cluster.call_node(node, lane, &request, cap).await?
            }
            answered => answered?,
        };
        let response: FetchResponse<'_> = answer.decode()?;
        Error::check(response.error_code)?;
        let contents = response.responses.iter().flat_map(|topic| {
            topic.partitions.iter().map(|data| {
                let bytes = match &data.records {
                    Records::Inline(bytes) => &bytes[..],
                    Records::Null | Records::Range { .. } => &[],
                };
                ReplicaContent {
                    topic: topic.topic_id,
                    partition: data.partition_index,
                    error: ErrorCode::from_wire(data.error_code),
                    high_watermark: data.high_watermark,
                    batches: sums(bytes),
                }
            })
        });
        Ok(contents.collect())
    }
}

impl Admin {
    /// Where the logs of partitions end on one broker, whether it leads them or follows.
    pub async fn log_ends_on(
        &self,
        node: i32,
        partitions: &[TopicPartition],
    ) -> Result<PerPartition<i64>> {
        let by_topic = group_by_topic(partitions);
        let topics = by_topic.iter().map(|(name, numbers)| ListOffsetsTopic {
            name: Str::Borrowed(name),
            partitions: numbers
                .iter()
                .map(|number| ListOffsetsPartition {
                    partition_index: *number,
                    current_leader_epoch: -1,
                    timestamp: LATEST_TIMESTAMP,
                })
                .collect(),
        });
        let request = ListOffsetsRequest {
            replica_id: DEBUGGING_CONSUMER,
            topics: topics.collect(),
            timeout_ms: self.timeout_ms(),
            ..Default::default()
        };
        self.know_nodes().await?;
        let lane = Lane::Control;
        let answer = self.cluster.call_node(node, lane, &request, ANY_VERSION).await?;
        let response: ListOffsetsResponse<'_> = answer.decode()?;
        let ends = response.topics.iter().flat_map(|topic| {
            topic.partitions.iter().map(|p| {
                let key = TopicPartition::new(&*topic.name, p.partition_index);
                (key, Error::check(p.error_code).map(|()| p.offset))
            })
        });
        Ok(ends.collect())
    }
}

/// Up to the first batch that is cut off, or none at all.
fn sums(bytes: &[u8]) -> Vec<BatchSum> {
    let whole = record::batches(bytes).map_while(std::result::Result::ok);
    let sums = whole.map(|batch| BatchSum {
        last_offset: batch.header().last_offset().0,
        crc: batch.header().crc,
    });
    sums.collect()
}
