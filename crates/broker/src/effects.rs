//! What a change of the cluster's image makes this broker do, before the change is answered.

use crate::cluster::topic_rules;
use crate::partition::{Partition, Partitions};
use crate::settings::Settings;
use metadata::image::{Changes, ConfigResource, Image, ResourceKind};
use std::sync::Arc;

/// Brings the partitions from one image to the next. Returns those that were deleted.
pub(crate) fn apply(
    partitions: &Partitions,
    settings: &Settings,
    old: &Image,
    new: &Image,
) -> Vec<Arc<Partition>> {
    let changes = Changes::between(old, new);
    let deleted = partitions.apply(&changes, |topic| topic_rules(new, settings, topic));
    let is_broker = |resource: &ConfigResource| resource.kind == ResourceKind::Broker;
    if changes.configs.iter().any(is_broker) {
        for topic in partitions.topics() {
            let name = &topic.facts.name;
            partitions.set_rules(name, topic_rules(new, settings, name));
        }
        return deleted;
    }
    for resource in &changes.configs {
        if resource.kind == ResourceKind::Topic {
            partitions.set_rules(&resource.name, topic_rules(new, settings, &resource.name));
        }
    }
    deleted
}
