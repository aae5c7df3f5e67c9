//! Which configs a resource takes: known keys, valid values, the right scope, no contradiction.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use types::{ErrorCode, NodeId};

use super::configs::{MIN_ISR, NewValues};
use super::{Controller, Refusal};
use crate::check_topic_name;
use crate::config::{self, ConfigError, ConfigKey, ConfigValue, Scope};
use crate::image::{ConfigResource, ResourceKind};

/// Longest value: what a record's string can carry.
const VALUE_BYTES_MAX: usize = 32_767;
/// Keys of a subscription to clients' metrics (KIP-714), and what they take.
const PUSH_INTERVAL: &str = "interval.ms";
const PUSH_INTERVAL_MS: RangeInclusive<i64> = 100..=3_600_000;
const CLIENT_MATCH: &str = "match";
const CLIENT_LABELS: [&str; 6] = [
    "client_instance_id",
    "client_id",
    "client_software_name",
    "client_software_version",
    "client_source_address",
    "client_source_port",
];
/// Only topics have this key.
const REMOTE: &str = "remote.storage.enable";

impl Controller<'_> {
    /// Checks that the resource is there and can have configs.
    pub(super) fn check_resource(&self, resource: &ConfigResource) -> Result<(), Refusal> {
        let invalid = |message: &'static str| Err(Refusal::new(ErrorCode::InvalidRequest, message));
        let name = &*resource.name;
        match resource.kind {
            ResourceKind::Topic if name.is_empty() => {
                invalid("Default topic resources are not allowed.")
            }
            ResourceKind::Topic if check_topic_name(name).is_err() => {
                let error = check_topic_name(name).err().map(|error| error.to_string());
                Err(Refusal::new(ErrorCode::InvalidTopicException, error.unwrap_or_default()))
            }
            ResourceKind::Topic if self.image.topics().named(name).is_none() => {
                let message = format!("The topic '{name}' does not exist.");
                Err(Refusal::new(ErrorCode::UnknownTopicOrPartition, message))
            }
            ResourceKind::Topic => Ok(()),
            ResourceKind::Broker if name.is_empty() => Ok(()),
            ResourceKind::Broker => match name.parse::<i32>() {
                Err(_) => invalid("Unable to parse broker name as a base 10 number."),
                Ok(id) if id < 0 => invalid("Invalid negative broker ID."),
                Ok(id) if self.is_registered(NodeId(id)) => Ok(()),
                Ok(id) => {
                    let message = format!("No node with id {id} found.");
                    Err(Refusal::new(ErrorCode::BrokerIdNotRegistered, message))
                }
            },
            ResourceKind::Group if name.is_empty() => {
                invalid("Default group resources are not allowed.")
            }
            ResourceKind::ClientMetrics if name.is_empty() => {
                invalid("Subscription name can't be empty")
            }
            ResourceKind::Group | ResourceKind::ClientMetrics => Ok(()),
            ResourceKind::Other(id) => {
                let message = format!("Unknown resource type {id}");
                Err(Refusal::new(ErrorCode::InvalidRequest, message))
            }
        }
    }

    fn is_registered(&self, id: NodeId) -> bool {
        let cluster = self.image.cluster();
        cluster.brokers.contains_key(&id) || cluster.controllers.contains_key(&id)
    }

    /// With eligible leader replicas on, all brokers must agree on the least ISR (KIP-966).
    pub(super) fn check_min_isr(
        &self,
        resource: &ConfigResource,
        values: &NewValues,
    ) -> Result<(), Refusal> {
        let Some(value) = values.get(MIN_ISR) else { return Ok(()) };
        if resource.kind != ResourceKind::Broker || !self.image.features().eligible_leaders() {
            return Ok(());
        }
        let refuse = |message: &'static str| Err(Refusal::new(ErrorCode::InvalidConfig, message));
        match (resource.name.is_empty(), value) {
            (false, _) => {
                refuse("Broker-level min.insync.replicas cannot be altered while ELR is enabled.")
            }
            (true, None) => {
                refuse("Cluster-level min.insync.replicas cannot be removed while ELR is enabled.")
            }
            _ => Ok(()),
        }
    }

    /// Checks the configs of a topic that is being created.
    pub(super) fn check_topic_configs(
        &self,
        name: &str,
        values: &BTreeMap<&str, &str>,
    ) -> Result<(), Refusal> {
        let given = values.iter().map(|(name, value)| (*name, *value));
        check_values(&ConfigResource::topic(name), given, values)
    }
}

/// Checks what is `given`, and what holds together once it is `merged` with what was set before.
pub(super) fn check_values<'v>(
    resource: &ConfigResource,
    given: impl Iterator<Item = (&'v str, &'v str)>,
    merged: &BTreeMap<&str, &str>,
) -> Result<(), Refusal> {
    for (name, value) in given {
        if value.len() > VALUE_BYTES_MAX {
            let message = format!(
                "The configuration value cannot be added because it exceeds the maximum value \
                 size of {VALUE_BYTES_MAX} bytes."
            );
            return Err(Refusal::new(ErrorCode::InvalidConfig, message));
        }
        check_value(resource, name, value)?;
    }
    if resource.kind == ResourceKind::Topic {
        check_lags(merged)?;
    }
    Ok(())
}

fn check_value(resource: &ConfigResource, name: &str, value: &str) -> Result<(), Refusal> {
    let invalid = |message: String| Refusal::new(ErrorCode::InvalidConfig, message);
    let Some(key) = key_of(resource.kind, name) else {
        return match resource.kind {
            ResourceKind::Topic => Err(invalid(format!("Unknown topic config name: {name}"))),
            ResourceKind::Group => Err(invalid(format!("Unknown group config name: {name}"))),
            ResourceKind::ClientMetrics => {
                let message = format!("Unknown client metrics configuration: {name}");
                Err(Refusal::new(ErrorCode::InvalidRequest, message))
            }
            // keys of plugins are the brokers' own business
            ResourceKind::Broker | ResourceKind::Other(_) => Ok(()),
        };
    };
    if resource.kind == ResourceKind::Broker {
        check_scope(resource, key)?;
    }
    let parsed = key.parse(value).map_err(|e| invalid(e.to_string()))?;
    if resource.kind == ResourceKind::ClientMetrics {
        check_subscription(name, &parsed)?;
    }
    if name == REMOTE && parsed == ConfigValue::Boolean(true) {
        let expected = "expected false: the brokers have no remote tier";
        return Err(invalid(ConfigError::new(name, value, expected).to_string()));
    }
    Ok(())
}

/// A subscription to clients' metrics: how often they push, and which clients it is for.
fn check_subscription(name: &str, value: &ConfigValue) -> Result<(), Refusal> {
    if name == PUSH_INTERVAL
        && let Some(ms) = value.as_i64()
        && !PUSH_INTERVAL_MS.contains(&ms)
    {
        let (min, max) = (PUSH_INTERVAL_MS.start(), PUSH_INTERVAL_MS.end());
        let message = format!(
            "Invalid value {ms} for {name}, interval must be between {min} and {max} (1 hour)"
        );
        return Err(Refusal::new(ErrorCode::InvalidRequest, message));
    }
    let ConfigValue::List(patterns) = value else { return Ok(()) };
    let is_pattern = |text: &String| {
        text.split_once('=').is_some_and(|(label, pattern)| {
            CLIENT_LABELS.contains(&label.trim()) && !pattern.trim().is_empty()
        })
    };
    match patterns.iter().find(|text| name == CLIENT_MATCH && !is_pattern(text)) {
        Some(text) => {
            let message = format!("Illegal client matching pattern: {text}");
            Err(Refusal::new(ErrorCode::InvalidConfig, message))
        }
        None => Ok(()),
    }
}

fn check_scope(resource: &ConfigResource, key: &ConfigKey) -> Result<(), Refusal> {
    let refuse = |message: String| Err(Refusal::new(ErrorCode::InvalidRequest, message));
    match key.scope {
        Scope::ReadOnly => {
            refuse(format!("Cannot update these configs dynamically: [{}]", key.name))
        }
        Scope::PerBroker if resource.name.is_empty() => refuse(format!(
            "Cannot update these configs at default cluster level, broker id must be specified: \
             [{}]",
            key.name
        )),
        Scope::PerBroker | Scope::ClusterWide => Ok(()),
    }
}

/// The one rule that binds two keys of a topic.
fn check_lags(merged: &BTreeMap<&str, &str>) -> Result<(), Refusal> {
    let lag = |name: &str| {
        let key = config::TOPIC.get(name)?;
        let value = merged.get(name).and_then(|text| key.parse(text).ok());
        value.unwrap_or_else(|| key.default_value()).as_i64()
    };
    let (min, max) = (lag("min.compaction.lag.ms"), lag("max.compaction.lag.ms"));
    match (min, max) {
        (Some(min), Some(max)) if min > max => {
            let message = format!(
                "conflict topic config setting min.compaction.lag.ms ({min}) > \
                 max.compaction.lag.ms ({max})"
            );
            Err(Refusal::new(ErrorCode::InvalidConfig, message))
        }
        _ => Ok(()),
    }
}

/// The key of that name, by the kind of resource.
pub(super) fn key_of(kind: ResourceKind, name: &str) -> Option<&'static ConfigKey> {
    match kind {
        ResourceKind::Topic => config::TOPIC.get(name),
        ResourceKind::Broker => config::BROKER.get(name).or_else(|| config::THROTTLE.get(name)),
        ResourceKind::Group => config::GROUP.get(name),
        ResourceKind::ClientMetrics => config::CLIENT_METRICS.get(name),
        ResourceKind::Other(_) => None,
    }
}
