//! What request handlers look up in the cluster's image: endpoints of brokers, rules of topics.

use crate::dispatch::RequestContext;
use crate::partition::{Leader, TopicRules};
use crate::settings::Settings;
use metadata::config::{
    Assignments, BROKER, BrokerLayers, Entry, TopicConfig, UNSET, describe_topic,
};
use metadata::image::{ConfigResource, Image, ResourceKind};
use types::NodeId;

/// Where a broker is reached through the listener that a request came in by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct BrokerEndpoint {
    pub node: NodeId,
    pub host: String,
    pub port: i32,
    pub rack: Option<String>,
}

impl RequestContext<'_> {
    /// The endpoints of leaders, each broker once.
    pub(crate) fn endpoints_of(&self, leaders: &[Leader]) -> impl Iterator<Item = BrokerEndpoint> {
        let mut nodes: Vec<_> = leaders.iter().map(|leader| leader.id).collect();
        nodes.sort_unstable();
        nodes.dedup();
        nodes.into_iter().filter_map(|node| self.endpoint_of(node))
    }

    /// Where `node` is reached, if it is in service and has this request's listener.
    pub(crate) fn endpoint_of(&self, node: NodeId) -> Option<BrokerEndpoint> {
        let image = self.node.controller.image();
        let broker = image.cluster().broker(node).filter(|broker| !broker.fenced)?;
        let endpoint = broker.endpoint(&self.connection.listener)?;
        Some(BrokerEndpoint {
            node,
            host: endpoint.host.to_string(),
            port: i32::from(endpoint.port),
            rack: broker.rack.as_ref().map(ToString::to_string),
        })
    }
}

/// What a topic's configs are on this broker, from every layer.
pub(crate) fn topic_rules(image: &Image, settings: &Settings, topic: &str) -> TopicRules {
    let own = image.configs().of(&ConfigResource::topic(topic)).unwrap_or(UNSET);
    let layers = broker_layers(image, settings);
    match TopicConfig::resolve(own, layers) {
        Ok(config) => {
            let key = BROKER.get("producer.id.expiration.ms");
            let expiration = key.and_then(|key| layers.value(key).ok()?.as_i64());
            TopicRules::new(&config, expiration.unwrap_or(i64::MAX))
        }
        Err(error) => {
            // The controller refuses such values; a log written by another release may hold them.
            tracing::error!(topic, %error, "a topic's configs are not valid: the defaults hold");
            TopicRules::default()
        }
    }
}

/// Every key of a topic with these configs of its own, as DescribeConfigs shows them.
pub(crate) fn topic_configs(image: &Image, settings: &Settings, own: &Assignments) -> Vec<Entry> {
    describe_topic(own, broker_layers(image, settings))
}

/// What is set about this broker, dynamically and in its file.
pub(crate) fn broker_layers<'a>(image: &'a Image, settings: &'a Settings) -> BrokerLayers<'a> {
    let configs = image.configs();
    let this_broker = ConfigResource::new(ResourceKind::Broker, &settings.node_id.to_string());
    BrokerLayers {
        broker: configs.of(&this_broker).unwrap_or(UNSET),
        broker_default: configs.of(&ConfigResource::broker_default()).unwrap_or(UNSET),
        file: settings.config.file(),
    }
}
