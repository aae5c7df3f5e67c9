//! What differs between two images, so that a broker does only what a change asks for.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use types::TopicId;

use super::{ConfigResource, Image, Topic};

/// The difference from an older image to a newer one.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Changes {
    /// Topics that differ, by id. A topic that was deleted and made again has two ids.
    pub topics: BTreeMap<TopicId, TopicChange>,
    /// Resources whose configs differ; not those of topics that went away.
    pub configs: BTreeSet<ConfigResource>,
    /// Whether brokers or controllers differ.
    pub cluster: bool,
    /// Whether finalized features differ.
    pub features: bool,
    /// Whether client quotas differ.
    pub quotas: bool,
    /// Whether ACLs, credentials or tokens differ.
    pub security: bool,
}

/// What happened to a topic.
#[derive(Clone, Debug, PartialEq)]
pub enum TopicChange {
    /// It came, with all its partitions.
    Created(Arc<Topic>),
    /// It went; this is its last state.
    Deleted(Arc<Topic>),
    /// Partitions were added or changed.
    Changed {
        /// The topic as it is now.
        topic: Arc<Topic>,
        /// The partitions that differ.
        partitions: Vec<i32>,
    },
}

impl Changes {
    /// Compares two images. Parts that both share cost nothing.
    #[must_use]
    pub fn between(old: &Image, new: &Image) -> Self {
        Self {
            topics: topics(old, new),
            configs: configs(old, new),
            cluster: !Arc::ptr_eq(&old.cluster, &new.cluster) && old.cluster != new.cluster,
            features: !Arc::ptr_eq(&old.features, &new.features) && old.features != new.features,
            quotas: !Arc::ptr_eq(&old.quotas, &new.quotas) && old.quotas != new.quotas,
            security: !Arc::ptr_eq(&old.security, &new.security) && old.security != new.security,
        }
    }
}

fn topics(old: &Image, new: &Image) -> BTreeMap<TopicId, TopicChange> {
    let mut changes = BTreeMap::new();
    if old.topics.shares_with(&new.topics) {
        return changes;
    }
    for topic in new.topics.iter() {
        match old.topics.get(topic.id) {
            None => {
                changes.insert(topic.id, TopicChange::Created(topic.clone()));
            }
            Some(before) if !Arc::ptr_eq(before, topic) => {
                let partitions = partitions(before, topic);
                if !partitions.is_empty() {
                    let change = TopicChange::Changed { topic: topic.clone(), partitions };
                    changes.insert(topic.id, change);
                }
            }
            Some(_) => {}
        }
    }
    for topic in old.topics.iter() {
        if new.topics.get(topic.id).is_none() {
            changes.insert(topic.id, TopicChange::Deleted(topic.clone()));
        }
    }
    changes
}

fn partitions(old: &Topic, new: &Topic) -> Vec<i32> {
    new.partitions
        .iter()
        .filter(|(index, state)| {
            old.partitions.get(index).is_none_or(|b| !Arc::ptr_eq(b, state) && b != *state)
        })
        .map(|(index, _)| *index)
        .collect()
}

fn configs(old: &Image, new: &Image) -> BTreeSet<ConfigResource> {
    if Arc::ptr_eq(&old.configs, &new.configs) {
        return BTreeSet::new();
    }
    let differs = |resource: &ConfigResource| old.configs.of(resource) != new.configs.of(resource);
    let gone = |resource: &ConfigResource| {
        resource.kind == super::ResourceKind::Topic && new.topics.named(&resource.name).is_none()
    };
    old.configs
        .iter()
        .chain(new.configs.iter())
        .map(|(resource, _)| resource)
        .filter(|resource| differs(resource) && !gone(resource))
        .cloned()
        .collect()
}
