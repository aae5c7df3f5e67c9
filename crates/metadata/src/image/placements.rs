//! Which partitions each broker has a replica of: what a broker's coming or going has to look at.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use types::{NodeId, TopicId};

/// Partition indexes by topic.
type ByTopic = BTreeMap<TopicId, Arc<BTreeSet<i32>>>;

/// Partitions by broker and topic. It changes with assignments only, hence rarely: changes of ISR
/// and leadership leave it shared between images.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Placements(Arc<BTreeMap<NodeId, Arc<ByTopic>>>);

impl Placements {
    /// The partitions with a replica on `broker`, topic by topic.
    pub fn on(&self, broker: NodeId) -> impl Iterator<Item = (TopicId, &BTreeSet<i32>)> {
        let topics = self.0.get(&broker).into_iter().flat_map(|topics| topics.iter());
        topics.map(|(topic, partitions)| (*topic, partitions.as_ref()))
    }

    /// The partition's replicas were on the brokers `before` and are on `after`.
    pub fn shift(&mut self, topic: TopicId, index: i32, before: &[NodeId], after: &[NodeId]) {
        for gone in before.iter().filter(|broker| !after.contains(broker)) {
            self.remove(*gone, topic, index);
        }
        for added in after.iter().filter(|broker| !before.contains(broker)) {
            let topics = Arc::make_mut(&mut self.0).entry(*added).or_default();
            let partitions = Arc::make_mut(topics).entry(topic).or_default();
            Arc::make_mut(partitions).insert(index);
        }
    }

    /// Nothing of the topic is left on these brokers.
    pub fn forget(&mut self, topic: TopicId, brokers: impl Iterator<Item = NodeId>) {
        let brokers: BTreeSet<NodeId> = brokers.collect();
        for broker in brokers {
            self.edit(broker, |topics| {
                topics.remove(&topic);
            });
        }
    }

    fn remove(&mut self, broker: NodeId, topic: TopicId, index: i32) {
        self.edit(broker, |topics| {
            let Some(partitions) = topics.get_mut(&topic) else { return };
            Arc::make_mut(partitions).remove(&index);
            if partitions.is_empty() {
                topics.remove(&topic);
            }
        });
    }

    /// A broker without partitions has no row, so that equal clusters have equal rows.
    fn edit(&mut self, broker: NodeId, change: impl FnOnce(&mut ByTopic)) {
        let brokers = Arc::make_mut(&mut self.0);
        let Some(topics) = brokers.get_mut(&broker) else { return };
        change(Arc::make_mut(topics));
        if topics.is_empty() {
            brokers.remove(&broker);
        }
    }
}
