//! Which replicas have every committed record, as the brokers would know it: a model beside the image.
//!
//! A record is committed once the whole ISR has it, and nothing is committed while the ISR is below
//! `min.insync.replicas` (KIP-966). Who leads without having recovered from an unclean election must
//! have all of them.

use std::collections::{BTreeMap, BTreeSet};

use metadata::image::{ConfigResource, Image, PartitionState, Topic};
use types::{NodeId, TopicId};

/// The replicas of each partition that have all that is committed.
#[derive(Debug, Default)]
pub struct Shadow {
    complete: BTreeMap<(TopicId, i32), BTreeSet<NodeId>>,
}

impl Shadow {
    /// The cluster went from one image to the next.
    pub fn follow(&mut self, before: &Image, after: &Image) {
        for topic in after.topics().iter() {
            let old = before.topics().get(topic.id);
            for (index, state) in &topic.partitions {
                let old = old.and_then(|topic| topic.partitions.get(index));
                self.follow_partition((topic.id, *index), old.map(AsRef::as_ref), state);
            }
        }
        self.complete.retain(|(topic, _), _| after.topics().get(*topic).is_some());
    }

    fn follow_partition(
        &mut self,
        key: (TopicId, i32),
        before: Option<&PartitionState>,
        after: &PartitionState,
    ) {
        let first = || after.isr.iter().copied().collect();
        let complete = self.complete.entry(key).or_insert_with(first);
        complete.retain(|id| after.replicas.contains(id));
        let is_led_anew = before.is_some_and(|before| before.leader != after.leader);
        if is_led_anew && after.leader != NodeId::NONE && after.recovering {
            *complete = BTreeSet::from([after.leader]); // what it has is what there is
        }
    }

    /// At the end of a decision: whoever is trusted to have every committed record has it.
    pub fn check(&self, image: &Image) {
        for topic in image.topics().iter() {
            for (index, state) in &topic.partitions {
                let complete = &self.complete[&(topic.id, *index)];
                let trusted = state.isr.iter().chain(&*state.eligible_leaders);
                for id in trusted.chain(Some(&state.leader).filter(|id| **id != NodeId::NONE)) {
                    assert!(complete.contains(id), "{id} may lack records: {state:?}");
                }
            }
        }
    }

    /// A leader has seen that these replicas have all that it has itself.
    pub fn caught_up(&mut self, partition: (TopicId, i32), replicas: &[NodeId]) {
        self.complete.entry(partition).or_default().extend(replicas);
    }

    /// A broker's process died, and with it what it had not synced.
    pub fn crash(&mut self, broker: NodeId) {
        for complete in self.complete.values_mut() {
            complete.remove(&broker);
        }
    }

    /// Producers write to every partition that takes records.
    pub fn produce(&mut self, image: &Image) {
        for topic in image.topics().iter() {
            for (index, state) in &topic.partitions {
                let enough = state.isr.len() >= min_isr(image, topic, state);
                if state.leader != NodeId::NONE && enough {
                    self.complete.insert((topic.id, *index), state.isr.iter().copied().collect());
                }
            }
        }
    }
}

/// The brokers' rule: never more than there are replicas.
fn min_isr(image: &Image, topic: &Topic, state: &PartitionState) -> usize {
    let of = |resource: &ConfigResource| {
        image.configs().value(resource, "min.insync.replicas").and_then(|text| text.parse().ok())
    };
    let configured = of(&ConfigResource::topic(&topic.name))
        .or_else(|| of(&ConfigResource::broker_default()))
        .unwrap_or(1);
    configured.min(state.replicas.len())
}
