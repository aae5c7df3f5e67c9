//! What the replicas of this broker know of the others, and what they ask of the controller.

use super::{Partition, Throttle, now as wall_clock};
use arc_swap::ArcSwap;
use metadata::image::Image;
use replica::{Cluster, IsrProposal};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;
use tokio::sync::Notify;
use types::{BrokerEpoch, NodeId, TimestampMs, TopicId};

/// Settings of every replica.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ReplicaTerms {
    /// `replica.lag.time.max.ms`.
    pub lag_ms_max: i64,
    /// `replica.fetch.backoff.ms`.
    pub backoff_ms: i64,
}

/// Shared by all partitions of this broker.
#[derive(Debug)]
pub(crate) struct Neighbours {
    pub node: NodeId,
    pub terms: ReplicaTerms,
    /// `leader.replication.throttled.rate`.
    pub leaders_throttle: Throttle,
    /// `follower.replication.throttled.rate`.
    pub followers_throttle: Throttle,
    image: ArcSwap<Image>,
    origin: Instant,
    wall_at_origin: TimestampMs,
    /// One a partition at most.
    proposals: Mutex<Vec<Proposed>>,
    proposed: Notify,
    /// Replicated partitions whose leader may be another than before.
    moved: Mutex<Vec<Arc<Partition>>>,
    has_news: Notify,
}

/// A leader's wish for another ISR.
#[derive(Clone, Debug)]
pub(crate) struct Proposed {
    pub topic: TopicId,
    pub index: i32,
    pub proposal: IsrProposal,
}

/// The brokers of an image, as replicas ask for them.
pub(super) struct Brokers(arc_swap::Guard<Arc<Image>>);

impl Cluster for Brokers {
    fn broker_epoch(&self, node: NodeId) -> Option<BrokerEpoch> {
        self.0.cluster().broker(node).map(|broker| broker.epoch)
    }

    fn is_active(&self, node: NodeId) -> bool {
        self.0.is_active(node)
    }
}

impl Neighbours {
    pub(crate) fn new(node: NodeId, terms: ReplicaTerms) -> Self {
        Self {
            node,
            terms,
            leaders_throttle: Throttle::default(),
            followers_throttle: Throttle::default(),
            image: ArcSwap::default(),
            origin: Instant::now(),
            wall_at_origin: wall_clock(),
            proposals: Mutex::default(),
            proposed: Notify::new(),
            moved: Mutex::default(),
            has_news: Notify::new(),
        }
    }

    /// Takes over a newer image; do it before partitions learn of their part in it.
    pub(crate) fn learn(&self, image: &Arc<Image>) {
        self.image.store(Arc::clone(image));
        self.has_news.notify_one();
    }

    pub(crate) fn image(&self) -> Arc<Image> {
        self.image.load_full()
    }

    /// Notes a partition that others lead, or did.
    pub(super) fn moved(&self, partition: &Arc<Partition>) {
        self.moved.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::clone(partition));
        self.has_news.notify_one();
    }

    /// Returns when the image has changed, with the partitions that may have moved in it.
    pub(crate) async fn news(&self) -> Vec<Arc<Partition>> {
        self.has_news.notified().await;
        std::mem::take(&mut *self.moved.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn brokers(&self) -> Brokers {
        Brokers(self.image.load())
    }

    /// A clock that is not set: who lags must not be told by the wall's.
    pub(crate) fn now(&self) -> TimestampMs {
        let elapsed = i64::try_from(self.origin.elapsed().as_millis()).unwrap_or(i64::MAX);
        TimestampMs(self.wall_at_origin.0.saturating_add(elapsed))
    }

    pub(super) fn propose(&self, proposed: Proposed) {
        self.waiting().push(proposed);
        self.proposed.notify_one();
    }

    /// Returns what was proposed, once there is something.
    pub(crate) async fn proposals(&self) -> Vec<Proposed> {
        loop {
            let proposals = std::mem::take(&mut *self.waiting());
            if !proposals.is_empty() {
                return proposals;
            }
            self.proposed.notified().await;
        }
    }

    fn waiting(&self) -> MutexGuard<'_, Vec<Proposed>> {
        self.proposals.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
