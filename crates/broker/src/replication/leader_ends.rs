//! Where a leader's logs begin and end, by ListOffsets: asked by followers that are outside of them.

use super::Key;
use crate::partition::Partition;
use crate::peer::{Peer, PeerError};
use std::collections::BTreeMap;
use std::sync::Arc;
use types::{ErrorCode, LeaderEpoch, NodeId, Offset};
use wire::list_offsets_request::{ListOffsetsPartition, ListOffsetsRequest, ListOffsetsTopic};

const LATEST: i64 = -1;
const EARLIEST: i64 = -2;

/// A follower that asks.
#[derive(Clone, Debug)]
pub(super) struct Asking {
    pub key: Key,
    pub partition: Arc<Partition>,
    /// The term that the answer is for.
    pub epoch: LeaderEpoch,
}

/// First and last offset of each log; those that the leader has not told are left out.
pub(super) async fn ask(
    leader: &Peer,
    node: NodeId,
    asking: &[Asking],
) -> Result<BTreeMap<Key, (Offset, Offset)>, PeerError> {
    let starts = offsets(leader, node, asking, EARLIEST).await?;
    let ends = offsets(leader, node, asking, LATEST).await?;
    let both = |(key, start): (Key, Offset)| Some((key, (start, *ends.get(&key)?)));
    Ok(starts.into_iter().filter_map(both).collect())
}

async fn offsets(
    leader: &Peer,
    node: NodeId,
    asking: &[Asking],
    timestamp: i64,
) -> Result<BTreeMap<Key, Offset>, PeerError> {
    let topic = |asking: &Asking| ListOffsetsTopic {
        name: asking.partition.topic.name.to_string().into(),
        partitions: vec![ListOffsetsPartition {
            partition_index: asking.partition.index,
            current_leader_epoch: asking.epoch.0,
            timestamp,
        }],
    };
    let request = ListOffsetsRequest {
        replica_id: node.0,
        topics: asking.iter().map(topic).collect(),
        ..ListOffsetsRequest::default()
    };
    let answered = leader.call(request).await?;
    let response = answered.read::<ListOffsetsRequest<'static>>()?;
    let mut found = BTreeMap::new();
    for topic in &response.topics {
        for data in &topic.partitions {
            let is_meant = |asking: &&Asking| {
                *asking.partition.topic.name == *topic.name
                    && asking.partition.index == data.partition_index
            };
            let is_told = data.error_code == ErrorCode::None.code() && data.offset >= 0;
            if let Some(asking) = asking.iter().find(is_meant).filter(|_| is_told) {
                found.insert(asking.key, Offset(data.offset));
            }
        }
    }
    Ok(found)
}
