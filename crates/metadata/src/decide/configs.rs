//! IncrementalAlterConfigs (44) and AlterConfigs (33): keys of topics, brokers, groups and metrics.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use types::{ErrorCode, NodeId};
use wire::clear_elr_record::ClearElrRecord;
use wire::config_record::ConfigRecord;
use wire::incremental_alter_configs_request::AlterableConfig;
use wire::record_frame::MetadataRecord;
use wire::{
    AlterConfigsRequest, AlterConfigsResponse, IncrementalAlterConfigsRequest,
    IncrementalAlterConfigsResponse, alter_configs_response, incremental_alter_configs_response,
};

use super::refusal::outcome;
use super::{Command, Controller, Decision, Refusal};
use crate::config::{self, ConfigKey, ConfigValue, Kind, Scope};
use crate::image::{ConfigResource, ConfigValues, ResourceKind};

/// Longest value: what a record's string can carry.
const VALUE_BYTES_MAX: usize = 32_767;
const MIN_ISR: &str = "min.insync.replicas";

/// Sets, deletes, appends to and subtracts from single keys.
#[derive(Debug)]
pub struct IncrementalAlterConfigs<'a>(pub IncrementalAlterConfigsRequest<'a>);

/// Replaces all keys of a resource: what is not mentioned is reset.
#[derive(Debug)]
pub struct AlterConfigs<'a>(pub AlterConfigsRequest<'a>);

/// The values of some keys after a change; `None` resets the key.
type NewValues = BTreeMap<String, Option<String>>;

impl Command for IncrementalAlterConfigs<'_> {
    type Reply = IncrementalAlterConfigsResponse<'static>;

    fn decide(&self, controller: &Controller<'_>) -> Decision<Self::Reply> {
        let keys = self.0.resources.iter().map(|r| (r.resource_type, &*r.resource_name));
        let repeated = repeated(keys);
        let mut records = Vec::new();
        let mut responses = Vec::new();
        for wanted in &self.0.resources {
            let kind = ResourceKind::from_id(wanted.resource_type);
            let resource = ConfigResource::new(kind, &wanted.resource_name);
            let altered = check_unique(&repeated, wanted.resource_type, &wanted.resource_name)
                .and_then(|()| controller.incremental(&resource, &wanted.configs))
                .and_then(|values| controller.alter(&resource, &values));
            let (error_code, error_message) = outcome(&altered);
            responses.push(incremental_alter_configs_response::AlterConfigsResourceResponse {
                error_code,
                error_message,
                resource_type: wanted.resource_type,
                resource_name: Cow::Owned(wanted.resource_name.to_string()),
            });
            records.extend(altered.unwrap_or_default());
        }
        if self.0.validate_only {
            records.clear();
        }
        let reply = IncrementalAlterConfigsResponse { throttle_time_ms: 0, responses };
        Decision { records, reply }
    }
}

impl Command for AlterConfigs<'_> {
    type Reply = AlterConfigsResponse<'static>;

    fn decide(&self, controller: &Controller<'_>) -> Decision<Self::Reply> {
        let keys = self.0.resources.iter().map(|r| (r.resource_type, &*r.resource_name));
        let repeated = repeated(keys);
        let mut records = Vec::new();
        let mut responses = Vec::new();
        for wanted in &self.0.resources {
            let kind = ResourceKind::from_id(wanted.resource_type);
            let resource = ConfigResource::new(kind, &wanted.resource_name);
            let pairs = wanted.configs.iter().map(|c| (&*c.name, c.value.as_deref()));
            let altered = check_unique(&repeated, wanted.resource_type, &wanted.resource_name)
                .and_then(|()| controller.replacement(&resource, pairs))
                .and_then(|values| controller.alter(&resource, &values));
            let (error_code, error_message) = outcome(&altered);
            responses.push(alter_configs_response::AlterConfigsResourceResponse {
                error_code,
                error_message,
                resource_type: wanted.resource_type,
                resource_name: Cow::Owned(wanted.resource_name.to_string()),
            });
            records.extend(altered.unwrap_or_default());
        }
        if self.0.validate_only {
            records.clear();
        }
        Decision { records, reply: AlterConfigsResponse { throttle_time_ms: 0, responses } }
    }
}

impl Controller<'_> {
    fn incremental(
        &self,
        resource: &ConfigResource,
        changes: &[AlterableConfig<'_>],
    ) -> Result<NewValues, Refusal> {
        let names: BTreeSet<&str> = changes.iter().map(|change| &*change.name).collect();
        if names.len() != changes.len() {
            let message = "Error due to duplicate config keys";
            return Err(Refusal::new(ErrorCode::InvalidRequest, message));
        }
        let nulls: Vec<&str> = changes
            .iter()
            .filter(|change| change.value.is_none() && change.config_operation != DELETE)
            .map(|change| &*change.name)
            .collect();
        if !nulls.is_empty() {
            let message = format!("Null value not supported for : {}", nulls.join(", "));
            return Err(Refusal::new(ErrorCode::InvalidRequest, message));
        }
        let changed = |change: &AlterableConfig<'_>| {
            let value = self.changed(resource, change)?;
            Ok((change.name.to_string(), value))
        };
        changes.iter().map(changed).collect()
    }

    fn changed(
        &self,
        resource: &ConfigResource,
        change: &AlterableConfig<'_>,
    ) -> Result<Option<String>, Refusal> {
        let given = change.value.as_deref().unwrap_or_default();
        match change.config_operation {
            SET => Ok(Some(given.to_owned())),
            DELETE => Ok(None),
            APPEND | SUBTRACT => {
                let mut items = self.list_value(resource, change)?;
                if change.config_operation == APPEND {
                    for item in list_items(given) {
                        if !items.iter().any(|present| present == item) {
                            items.push(item.to_owned());
                        }
                    }
                } else {
                    items.retain(|present| !list_items(given).any(|item| item == present));
                }
                Ok(Some(items.join(",")))
            }
            other => {
                let message = format!("Unknown operations type {other}");
                Err(Refusal::new(ErrorCode::InvalidRequest, message))
            }
        }
    }

    /// The items that an append or a subtract starts from.
    fn list_value(
        &self,
        resource: &ConfigResource,
        change: &AlterableConfig<'_>,
    ) -> Result<Vec<String>, Refusal> {
        let name = &*change.name;
        let key = key_of(resource.kind, name).filter(|key| key.kind == Kind::List);
        let key = key.ok_or_else(|| {
            let verb = if change.config_operation == APPEND { "APPEND" } else { "SUBTRACT" };
            let message = format!("Can't {verb} to key {name} because its type is not LIST.");
            Refusal::new(ErrorCode::InvalidConfig, message)
        })?;
        match self.image.configs().value(resource, name) {
            Some(value) => Ok(list_items(value).map(str::to_owned).collect()),
            None => match key.default_value() {
                ConfigValue::List(items) => Ok(items),
                _ => Ok(Vec::new()),
            },
        }
    }

    fn replacement<'v>(
        &self,
        resource: &ConfigResource,
        wanted: impl Iterator<Item = (&'v str, Option<&'v str>)>,
    ) -> Result<NewValues, Refusal> {
        let mut values = NewValues::new();
        for (name, value) in wanted {
            let Some(value) = value else {
                let message = format!("Null value not supported for : {name}");
                return Err(Refusal::new(ErrorCode::InvalidRequest, message));
            };
            values.insert(name.to_owned(), Some(value.to_owned()));
        }
        let present = self.image.configs().of(resource);
        for name in present.into_iter().flat_map(ConfigValues::keys) {
            values.entry(name.to_string()).or_insert(None);
        }
        Ok(values)
    }

    /// Checks the values together and makes records of those that differ from the present ones.
    fn alter(
        &self,
        resource: &ConfigResource,
        values: &NewValues,
    ) -> Result<Vec<MetadataRecord<'static>>, Refusal> {
        self.check_resource(resource)?;
        self.check_min_isr(resource, values)?;
        let configs = self.image.configs();
        let mut merged: BTreeMap<&str, &str> = configs
            .of(resource)
            .into_iter()
            .flat_map(|present| present.iter().map(|(name, value)| (&**name, &**value)))
            .collect();
        for (name, value) in values {
            match value {
                Some(value) => merged.insert(name, value),
                None => merged.remove(&**name),
            };
        }
        let given = values.iter().filter_map(|(n, v)| Some((n.as_str(), v.as_deref()?)));
        check_values(resource, given, &merged)?;
        // brokers re-read what is set again, as file contents behind a path can have changed
        let always = resource.kind == ResourceKind::Broker;
        let news = values
            .iter()
            .filter(|(name, value)| always || configs.value(resource, name) != value.as_deref());
        let mut records: Vec<MetadataRecord<'static>> =
            news.map(|(name, value)| record(resource, name, value.clone())).collect();
        records.extend(self.forget_eligible(resource, values));
        Ok(records)
    }

    fn check_resource(&self, resource: &ConfigResource) -> Result<(), Refusal> {
        let invalid = |message: &'static str| Err(Refusal::new(ErrorCode::InvalidRequest, message));
        let name = &*resource.name;
        match resource.kind {
            ResourceKind::Topic if name.is_empty() => {
                invalid("Default topic resources are not allowed.")
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
    fn check_min_isr(&self, resource: &ConfigResource, values: &NewValues) -> Result<(), Refusal> {
        let Some(value) = values.get(MIN_ISR) else { return Ok(()) };
        if resource.kind != ResourceKind::Broker || !self.image.features().eligible_leaders() {
            return Ok(());
        }
        let refuse = |message: &'static str| Err(Refusal::new(ErrorCode::InvalidConfig, message));
        match (resource.name.is_empty(), value) {
            (false, Some(_)) => {
                refuse("Broker-level min.insync.replicas cannot be altered while ELR is enabled.")
            }
            (true, None) => {
                refuse("Cluster-level min.insync.replicas cannot be removed while ELR is enabled.")
            }
            _ => Ok(()),
        }
    }

    /// Eligible leaders were chosen by the old least ISR: another one forgets them.
    fn forget_eligible(
        &self,
        resource: &ConfigResource,
        values: &NewValues,
    ) -> Option<MetadataRecord<'static>> {
        if !values.contains_key(MIN_ISR) || !self.image.features().eligible_leaders() {
            return None;
        }
        let topic_name = match resource.kind {
            ResourceKind::Topic => Cow::Owned(resource.name.to_string()),
            _ => Cow::Borrowed(""),
        };
        Some(ClearElrRecord { topic_name }.into())
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

const SET: i8 = 0;
const DELETE: i8 = 1;
const APPEND: i8 = 2;
const SUBTRACT: i8 = 3;

fn check_values<'v>(
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
                Err(invalid(format!("Unknown client metrics configuration {name}")))
            }
            // keys of plugins are the brokers' own business
            ResourceKind::Broker | ResourceKind::Other(_) => Ok(()),
        };
    };
    if resource.kind == ResourceKind::Broker {
        check_scope(resource, key)?;
    }
    key.parse(value).map(drop).map_err(|e| invalid(e.to_string()))
}

fn check_scope(resource: &ConfigResource, key: &ConfigKey) -> Result<(), Refusal> {
    let refuse = |message: String| Err(Refusal::new(ErrorCode::InvalidRequest, message));
    match key.scope {
        Scope::ReadOnly => {
            refuse(format!("Cannot update these configs dynamically: Set({})", key.name))
        }
        Scope::PerBroker if resource.name.is_empty() => refuse(format!(
            "Cannot update these configs at default cluster level, broker id must be specified: \
             Set({})",
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

fn key_of(kind: ResourceKind, name: &str) -> Option<&'static ConfigKey> {
    match kind {
        ResourceKind::Topic => config::TOPIC.get(name),
        ResourceKind::Broker => config::BROKER.get(name).or_else(|| config::THROTTLE.get(name)),
        ResourceKind::Group => config::GROUP.get(name),
        ResourceKind::ClientMetrics => config::CLIENT_METRICS.get(name),
        ResourceKind::Other(_) => None,
    }
}

fn list_items(text: &str) -> impl Iterator<Item = &str> {
    text.split(',').map(str::trim).filter(|item| !item.is_empty())
}

fn repeated<'a>(resources: impl Iterator<Item = (i8, &'a str)>) -> BTreeSet<(i8, &'a str)> {
    let mut seen = BTreeSet::new();
    resources.filter(|resource| !seen.insert(*resource)).collect()
}

fn check_unique(repeated: &BTreeSet<(i8, &str)>, kind: i8, name: &str) -> Result<(), Refusal> {
    if repeated.contains(&(kind, name)) {
        let message = "Each resource must appear at most once.";
        return Err(Refusal::new(ErrorCode::InvalidRequest, message));
    }
    Ok(())
}

fn record(resource: &ConfigResource, name: &str, value: Option<String>) -> MetadataRecord<'static> {
    ConfigRecord {
        resource_type: resource.kind.id(),
        resource_name: Cow::Owned(resource.name.to_string()),
        name: Cow::Owned(name.to_owned()),
        value: value.map(Cow::Owned),
    }
    .into()
}
