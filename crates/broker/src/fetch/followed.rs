//! One partition that a fetch reads, and what a session remembers of it.

use crate::partition::Partition;
use std::sync::Arc;
use types::{LeaderEpoch, Offset, TopicId};
use wire::fetch_request::{FetchPartition, ForgottenTopic};

#[derive(Clone, Debug)]
pub(crate) struct Followed {
    /// Empty in requests that name topics by id.
    pub topic: Arc<str>,
    /// Zero in requests that name topics by name.
    pub topic_id: TopicId,
    pub index: i32,
    pub fetch_offset: Offset,
    pub bytes_max: i32,
    pub current_leader_epoch: LeaderEpoch,
    pub last_fetched_epoch: LeaderEpoch,
    /// Where a follower's own log begins.
    pub log_start: Offset,
    /// Found once and kept over the requests of a session; dropped when it is deleted.
    pub partition: Option<Arc<Partition>>,
    /// The topic's name when it was found.
    pub found_as: Option<Arc<str>>,
    /// Whether the latest answer had records of it.
    pub was_read: bool,
    told: Told,
}

/// What the client was last told; an incremental answer names a partition when this changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Told {
    high_watermark: i64,
    log_start: i64,
}

const NOTHING_TOLD: Told = Told { high_watermark: -1, log_start: -1 };

impl Followed {
    pub(crate) fn new(topic: &Arc<str>, topic_id: TopicId, request: &FetchPartition) -> Self {
        Self {
            topic: Arc::clone(topic),
            topic_id,
            index: request.partition,
            fetch_offset: Offset(request.fetch_offset),
            bytes_max: request.partition_max_bytes,
            // whatever is below 0 says nothing
            current_leader_epoch: LeaderEpoch(request.current_leader_epoch).max(LeaderEpoch::NONE),
            last_fetched_epoch: LeaderEpoch(request.last_fetched_epoch),
            log_start: Offset(request.log_start_offset),
            partition: None,
            found_as: None,
            was_read: false,
            told: NOTHING_TOLD,
        }
    }

    pub(super) fn key(&self) -> (Arc<str>, TopicId, i32) {
        (Arc::clone(&self.topic), self.topic_id, self.index)
    }

    pub(super) fn is_same(&self, other: &Self) -> bool {
        self.index == other.index && self.is_of_topic(&other.topic, other.topic_id)
    }

    pub(super) fn is_of_topic(&self, name: &str, id: TopicId) -> bool {
        self.topic_id == id && &*self.topic == name
    }

    pub(super) fn is_in(&self, forgotten: &ForgottenTopic<'_>) -> bool {
        self.is_of_topic(&forgotten.topic, forgotten.topic_id)
            && forgotten.partitions.contains(&self.index)
    }

    /// Takes over what a request says anew; what the client was told stays.
    pub(super) fn update(&mut self, request: Self) {
        let (partition, found_as) = (self.partition.take(), self.found_as.take());
        *self = Self { partition, found_as, told: self.told, ..request };
    }

    /// Notes what an answer tells; whether that differs from what was told before.
    pub(crate) fn tell(&mut self, high_watermark: i64, log_start: i64) -> bool {
        let told = Told { high_watermark, log_start };
        std::mem::replace(&mut self.told, told) != told
    }

    /// An answer with an error tells nothing: the next one without has to tell all.
    pub(crate) fn tell_error(&mut self) {
        self.told = NOTHING_TOLD;
    }
}
