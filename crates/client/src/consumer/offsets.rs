//! Questions about offsets: by time, by leader epoch, and those that a group committed.

use std::collections::BTreeMap;
use std::sync::Arc;

use types::ErrorCode;
use wire::Str;
use wire::list_offsets_request::{ListOffsetsPartition, ListOffsetsRequest, ListOffsetsTopic};
use wire::list_offsets_response::ListOffsetsResponse;
use wire::offset_commit_request::{
    OffsetCommitRequest, OffsetCommitRequestPartition, OffsetCommitRequestTopic,
};
use wire::offset_commit_response::OffsetCommitResponse;
use wire::offset_fetch_request::{
    OffsetFetchRequest, OffsetFetchRequestGroup, OffsetFetchRequestTopic, OffsetFetchRequestTopics,
};
use wire::offset_fetch_response::OffsetFetchResponse;
use wire::offset_for_leader_epoch_request::{
    OffsetForLeaderEpochRequest, OffsetForLeaderPartition, OffsetForLeaderTopic,
};
use wire::offset_for_leader_epoch_response::OffsetForLeaderEpochResponse;

use super::positions::{OffsetAndMetadata, Position};
use crate::cluster::{ANY_VERSION, Cluster};
use crate::config::IsolationLevel;
use crate::net::Lane;
use crate::{Error, Result, TopicPartition};

/// The newest versions that name topics rather than number them.
const OFFSETS_BY_NAME_CAP: i16 = 9;
/// From this version on an OffsetFetch asks for several groups at once.
const OFFSET_FETCH_GROUPS_FROM: i16 = 8;

/// What ListOffsets found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ListedOffset {
    /// -1 where no record is that young.
    pub offset: i64,
    pub timestamp: i64,
    pub leader_epoch: i32,
}

/// Answers by partition.
pub(crate) type PerPartition<T> = BTreeMap<TopicPartition, Result<T>>;

/// Questions by leader: the partition, its leader's epoch, and what to ask.
type ByLeader<T> = BTreeMap<i32, Vec<(TopicPartition, i32, T)>>;

/// Groups by leader; partitions without one come back with an error.
fn by_leader<T: Clone>(
    cluster: &Cluster,
    asked: &BTreeMap<TopicPartition, T>,
) -> (ByLeader<T>, Vec<TopicPartition>) {
    let metadata = cluster.metadata();
    let (mut led, mut leaderless) = (ByLeader::new(), Vec::new());
    for (partition, what) in asked {
        match metadata.leader(&partition.topic, partition.partition) {
            Some((leader, epoch)) => {
                led.entry(leader.id).or_default().push((partition.clone(), epoch, what.clone()));
            }
            None => leaderless.push(partition.clone()),
        }
    }
    (led, leaderless)
}

/// The offsets at these timestamps (special ones included), from the leaders, each asked once.
pub(crate) async fn list_offsets(
    cluster: &Cluster,
    asked: &BTreeMap<TopicPartition, i64>,
    isolation: IsolationLevel,
) -> PerPartition<ListedOffset> {
    let (led, leaderless) = by_leader(cluster, asked);
    let no_leader = || Err(Error::broker(ErrorCode::LeaderNotAvailable.code()));
    let mut found: PerPartition<_> = leaderless.into_iter().map(|p| (p, no_leader())).collect();
    for (leader, partitions) in led {
        let request = list_request(&partitions, isolation, cluster);
        let answer = cluster.call_node(leader, Lane::Control, &request, ANY_VERSION).await;
        let read = answer.and_then(|answer| {
            let response: ListOffsetsResponse<'_> = answer.decode()?;
            let listed = response.topics.iter().flat_map(|topic| {
                topic.partitions.iter().map(|p| {
                    let listed = ListedOffset {
                        offset: p.offset,
                        timestamp: p.timestamp,
                        leader_epoch: p.leader_epoch,
                    };
                    let key = TopicPartition::new(&*topic.name, p.partition_index);
                    (key, Error::check(p.error_code).map(|()| listed))
                })
            });
            Ok(listed.collect::<Vec<_>>())
        });
        match read {
            Ok(listed) => found.extend(listed),
            Err(e) => found.extend(partitions.into_iter().map(|(p, ..)| (p, Err(e.clone())))),
        }
    }
    found
}

fn list_request<'a>(
    partitions: &'a [(TopicPartition, i32, i64)],
    isolation: IsolationLevel,
    cluster: &Cluster,
) -> ListOffsetsRequest<'a> {
    let mut topics: Vec<ListOffsetsTopic<'a>> = Vec::new();
    for (tp, epoch, timestamp) in partitions {
        let partition = ListOffsetsPartition {
            partition_index: tp.partition,
            current_leader_epoch: *epoch,
            timestamp: *timestamp,
        };
        match topics.last_mut().filter(|topic| topic.name == *tp.topic) {
            Some(topic) => topic.partitions.push(partition),
            None => topics.push(ListOffsetsTopic {
                name: Str::Borrowed(&tp.topic),
                partitions: vec![partition],
            }),
        }
    }
    let timeout = cluster.config().request_timeout.as_millis();
    ListOffsetsRequest {
        replica_id: -1,
        isolation_level: isolation.code(),
        topics,
        timeout_ms: i32::try_from(timeout).unwrap_or(i32::MAX),
    }
}

/// Where each partition's log ends for the epoch of our position (KIP-320): epoch and end offset.
pub(super) async fn epoch_ends(
    cluster: &Cluster,
    asked: &BTreeMap<TopicPartition, Position>,
) -> PerPartition<Position> {
    let (led, leaderless) = by_leader(cluster, asked);
    let no_leader = || Err(Error::broker(ErrorCode::LeaderNotAvailable.code()));
    let mut found: PerPartition<_> = leaderless.into_iter().map(|p| (p, no_leader())).collect();
    for (leader, partitions) in led {
        let topics = partitions.iter().map(|(tp, epoch, position)| OffsetForLeaderTopic {
            topic: Str::Borrowed(&tp.topic),
            partitions: vec![OffsetForLeaderPartition {
                partition: tp.partition,
                current_leader_epoch: *epoch,
                leader_epoch: position.epoch,
            }],
        });
        let request = OffsetForLeaderEpochRequest { replica_id: -1, topics: topics.collect() };
        let answer = cluster.call_node(leader, Lane::Control, &request, ANY_VERSION).await;
        let read = answer.and_then(|answer| {
            let response: OffsetForLeaderEpochResponse<'_> = answer.decode()?;
            let ends = response.topics.iter().flat_map(|topic| {
                topic.partitions.iter().map(|p| {
                    let end = Position { offset: p.end_offset, epoch: p.leader_epoch };
                    let key = TopicPartition::new(&*topic.topic, p.partition);
                    (key, Error::check(p.error_code).map(|()| end))
                })
            });
            Ok(ends.collect::<Vec<_>>())
        });
        match read {
            Ok(ends) => found.extend(ends),
            Err(e) => found.extend(partitions.into_iter().map(|(p, ..)| (p, Err(e.clone())))),
        }
    }
    found
}

/// What a group committed for these partitions (for all with `None`); only those with an offset.
pub(crate) async fn committed(
    cluster: &Cluster,
    coordinator: i32,
    group: &str,
    partitions: Option<&[TopicPartition]>,
    lane: Lane,
) -> Result<BTreeMap<TopicPartition, OffsetAndMetadata>> {
    let connection = cluster.connection(coordinator, lane).await?;
    let version = connection.versions().pick::<OffsetFetchRequest<'_>>(OFFSETS_BY_NAME_CAP)?;
    let by_topic = partitions.map(group_by_topic);
    let mut request = OffsetFetchRequest { require_stable: true, ..Default::default() };
    if version >= OFFSET_FETCH_GROUPS_FROM {
        let topics = by_topic.as_ref().map(|topics| {
            let topics = topics.iter().map(|(topic, partitions)| OffsetFetchRequestTopics {
                name: Str::Borrowed(topic),
                partition_indexes: partitions.clone(),
                ..Default::default()
            });
            topics.collect()
        });
        request.groups = vec![OffsetFetchRequestGroup {
            group_id: Str::Borrowed(group),
            topics,
            ..Default::default()
        }];
    } else {
        request.group_id = Str::Borrowed(group);
        request.topics = by_topic.as_ref().map(|topics| {
            let topics = topics.iter().map(|(topic, partitions)| OffsetFetchRequestTopic {
                name: Str::Borrowed(topic),
                partition_indexes: partitions.clone(),
            });
            topics.collect()
        });
    }
    let answer = connection.call(&request, version, cluster.config().request_timeout).await?;
    let response: OffsetFetchResponse<'_> = answer.decode()?;
    Error::check(response.error_code)?;
    let mut found = BTreeMap::new();
    for group in &response.groups {
        Error::check(group.error_code)?;
        for topic in &group.topics {
            for p in &topic.partitions {
                let read = (p.error_code, p.committed_offset, p.committed_leader_epoch);
                take(&mut found, &topic.name, p.partition_index, read, p.metadata.as_deref())?;
            }
        }
    }
    for topic in &response.topics {
        for p in &topic.partitions {
            let read = (p.error_code, p.committed_offset, p.committed_leader_epoch);
            take(&mut found, &topic.name, p.partition_index, read, p.metadata.as_deref())?;
        }
    }
    Ok(found)
}

fn take(
    found: &mut BTreeMap<TopicPartition, OffsetAndMetadata>,
    topic: &str,
    partition: i32,
    (error, offset, leader_epoch): (i16, i64, i32),
    metadata: Option<&str>,
) -> Result<()> {
    Error::check(error)?;
    if offset >= 0 {
        let metadata = metadata.unwrap_or_default().to_owned();
        let committed = OffsetAndMetadata { offset, leader_epoch, metadata };
        found.insert(TopicPartition::new(topic, partition), committed);
    }
    Ok(())
}

/// Who commits.
#[derive(Clone, Debug, Default)]
pub(crate) struct Committer {
    pub group: String,
    /// Empty for those who are no members.
    pub member_id: String,
    /// -1 for those who are no members.
    pub generation: i32,
    pub instance_id: Option<String>,
}

/// Commits; the verdict of each partition.
pub(crate) async fn commit(
    cluster: &Cluster,
    coordinator: i32,
    by: &Committer,
    offsets: &BTreeMap<TopicPartition, OffsetAndMetadata>,
    lane: Lane,
) -> Result<PerPartition<()>> {
    let mut topics: Vec<OffsetCommitRequestTopic<'_>> = Vec::new();
    for (tp, offset) in offsets {
        let partition = OffsetCommitRequestPartition {
            partition_index: tp.partition,
            committed_offset: offset.offset,
            committed_leader_epoch: offset.leader_epoch,
            committed_metadata: Some(Str::Borrowed(&offset.metadata)),
        };
        match topics.last_mut().filter(|topic| topic.name == *tp.topic) {
            Some(topic) => topic.partitions.push(partition),
            None => topics.push(OffsetCommitRequestTopic {
                name: Str::Borrowed(&tp.topic),
                partitions: vec![partition],
                ..Default::default()
            }),
        }
    }
    let request = OffsetCommitRequest {
        group_id: Str::Borrowed(&by.group),
        generation_id_or_member_epoch: by.generation,
        member_id: Str::Borrowed(&by.member_id),
        group_instance_id: by.instance_id.as_deref().map(Str::Borrowed),
        topics,
        ..Default::default()
    };
    let answer = cluster.call_node(coordinator, lane, &request, OFFSETS_BY_NAME_CAP).await?;
    let response: OffsetCommitResponse<'_> = answer.decode()?;
    let verdicts = response.topics.iter().flat_map(|topic| {
        topic.partitions.iter().map(|p| {
            let key = TopicPartition::new(&*topic.name, p.partition_index);
            (key, Error::check(p.error_code))
        })
    });
    Ok(verdicts.collect())
}

/// Partition numbers by topic, sorted.
pub(crate) fn group_by_topic(partitions: &[TopicPartition]) -> BTreeMap<Arc<str>, Vec<i32>> {
    let mut topics: BTreeMap<Arc<str>, Vec<i32>> = BTreeMap::new();
    for tp in partitions {
        topics.entry(Arc::clone(&tp.topic)).or_default().push(tp.partition);
    }
    topics.values_mut().for_each(|numbers| numbers.sort_unstable());
    topics
}
