//! What a change of the cluster's image makes this broker do, before the change is answered.

use crate::cluster::{broker_layers, topic_rules};
use crate::connection_limits::connection_limits;
use crate::directories;
use crate::net::Admission;
use crate::partition::{Partition, Partitions};
use crate::settings::Settings;
use metadata::config::{BrokerLayers, THROTTLE};
use metadata::image::{Changes, ConfigResource, Image, ResourceKind};
use std::sync::Arc;

/// The parts of the broker that follow the image.
#[derive(Debug)]
pub(crate) struct Effects {
    pub settings: Arc<Settings>,
    pub partitions: Arc<Partitions>,
    pub admission: Arc<Admission>,
}

impl Effects {
    /// Brings the broker from one image to the next. Returns the partitions that were deleted.
    pub(crate) fn apply(&self, old: &Image, new: &Image) -> Vec<Arc<Partition>> {
        let changes = Changes::between(old, new);
        let rules = |topic: &str| topic_rules(new, &self.settings, topic);
        // a controller alone holds no partitions
        let deleted = match self.settings.config.roles.broker {
            true => self.partitions.apply(&changes, rules),
            false => Vec::new(),
        };
        let is_broker = |resource: &ConfigResource| resource.kind == ResourceKind::Broker;
        if changes.configs.iter().any(is_broker) {
            let layers = broker_layers(new, &self.settings);
            self.set_throttles(layers);
            self.admission.set_limits(connection_limits(layers, &self.settings.config));
            directories::take_configs(layers, &self.partitions);
            for topic in self.partitions.topics() {
                let name = &topic.facts.name;
                self.partitions.set_rules(name, rules(name));
            }
            return deleted;
        }
        for resource in &changes.configs {
            if resource.kind == ResourceKind::Topic {
                self.partitions.set_rules(&resource.name, rules(&resource.name));
            }
        }
        deleted
    }

    fn set_throttles(&self, layers: BrokerLayers<'_>) {
        let rate = |key| {
            let key = THROTTLE.get(key)?;
            layers.value(key).ok()?.as_i64()
        };
        let neighbours = self.partitions.neighbours();
        neighbours.leaders_throttle.set_rate(rate("leader.replication.throttled.rate"));
        neighbours.followers_throttle.set_rate(rate("follower.replication.throttled.rate"));
    }
}
