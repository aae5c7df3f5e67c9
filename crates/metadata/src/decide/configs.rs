//! IncrementalAlterConfigs (44) and AlterConfigs (33): keys of topics, brokers, groups and metrics.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use types::ErrorCode;
use wire::clear_elr_record::ClearElrRecord;
use wire::config_record::ConfigRecord;
use wire::incremental_alter_configs_request::AlterableConfig;
use wire::record_frame::MetadataRecord;
use wire::{
    AlterConfigsRequest, AlterConfigsResponse, IncrementalAlterConfigsRequest,
    IncrementalAlterConfigsResponse, Str, alter_configs_request, alter_configs_response,
    incremental_alter_configs_request, incremental_alter_configs_response,
};

use super::config_rules::{check_values, key_of};
use super::refusal::outcome;
use super::{Command, Controller, Decision, Refusal};
use crate::config::{ConfigError, ConfigValue, Kind};
use crate::image::{ConfigResource, ConfigValues, ResourceKind};

pub(super) const MIN_ISR: &str = "min.insync.replicas";

/// Sets, deletes, appends to and subtracts from single keys.
#[derive(Clone, Debug)]
pub struct IncrementalAlterConfigs<'a>(pub IncrementalAlterConfigsRequest<'a>);

/// Replaces all keys of a resource: what is not mentioned is reset.
#[derive(Clone, Debug)]
pub struct AlterConfigs<'a>(pub AlterConfigsRequest<'a>);

/// The values of some keys after a change; `None` resets the key.
pub(super) type NewValues = BTreeMap<String, Option<String>>;

impl Command for IncrementalAlterConfigs<'_> {
    type Reply = IncrementalAlterConfigsResponse<'static>;

    fn decide(&self, controller: &Controller<'_>) -> Decision<Self::Reply> {
        let head = |wanted: &incremental_alter_configs_request::AlterConfigsResource<'_>| {
            ConfigResource::new(ResourceKind::from_id(wanted.resource_type), &wanted.resource_name)
        };
        let (records, answers) = controller.alter_each(
            &self.0.resources,
            head,
            |resource, wanted| controller.incremental(resource, &wanted.configs),
            self.0.validate_only,
        );
        let responses = answers
            .map(|answer| incremental_alter_configs_response::AlterConfigsResourceResponse {
                error_code: answer.error_code,
                error_message: answer.error_message,
                resource_type: answer.resource.kind.id(),
                resource_name: Cow::Owned(answer.resource.name.to_string()),
            })
            .collect();
        let reply = IncrementalAlterConfigsResponse { throttle_time_ms: 0, responses };
        Decision { records, reply }
    }
}

impl Command for AlterConfigs<'_> {
    type Reply = AlterConfigsResponse<'static>;

    fn decide(&self, controller: &Controller<'_>) -> Decision<Self::Reply> {
        let head = |wanted: &alter_configs_request::AlterConfigsResource<'_>| {
            ConfigResource::new(ResourceKind::from_id(wanted.resource_type), &wanted.resource_name)
        };
        let (records, answers) = controller.alter_each(
            &self.0.resources,
            head,
            |resource, wanted| {
                let pairs = wanted.configs.iter().map(|c| (&*c.name, c.value.as_deref()));
                controller.replacement(resource, pairs)
            },
            self.0.validate_only,
        );
        let responses = answers
            .map(|answer| alter_configs_response::AlterConfigsResourceResponse {
                error_code: answer.error_code,
                error_message: answer.error_message,
                resource_type: answer.resource.kind.id(),
                resource_name: Cow::Owned(answer.resource.name.to_string()),
            })
            .collect();
        Decision { records, reply: AlterConfigsResponse { throttle_time_ms: 0, responses } }
    }
}

/// What one resource of a request is answered; both requests answer alike.
struct Answer {
    resource: ConfigResource,
    error_code: i16,
    error_message: Option<Str<'static>>,
}

impl Controller<'_> {
    /// Alters resource by resource; `values` says what the keys of each should be.
    fn alter_each<W>(
        &self,
        wanted: &[W],
        resource_of: impl Fn(&W) -> ConfigResource,
        values: impl Fn(&ConfigResource, &W) -> Result<NewValues, Refusal>,
        validate_only: bool,
    ) -> (Vec<MetadataRecord<'static>>, impl Iterator<Item = Answer>) {
        let resources: Vec<ConfigResource> = wanted.iter().map(resource_of).collect();
        let mut seen = BTreeSet::new();
        let repeated: BTreeSet<&ConfigResource> =
            resources.iter().filter(|resource| !seen.insert(*resource)).collect();
        let mut records = Vec::new();
        let mut answers = Vec::with_capacity(wanted.len());
        for (resource, wanted) in resources.iter().zip(wanted) {
            let altered = if repeated.contains(resource) {
                let message = "Each resource must appear at most once.";
                Err(Refusal::new(ErrorCode::InvalidRequest, message))
            } else {
                values(resource, wanted).and_then(|values| self.alter(resource, &values))
            };
            let (error_code, error_message) = outcome(&altered);
            answers.push(Answer { resource: resource.clone(), error_code, error_message });
            records.extend(altered.ok().filter(|_| !validate_only).unwrap_or_default());
        }
        (records, answers.into_iter())
    }

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
                    for item in given_items(given) {
                        if !items.iter().any(|present| present == item) {
                            items.push(item.to_owned());
                        }
                    }
                } else {
                    items.retain(|present| !given_items(given).contains(&present.as_str()));
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
        // the lists of metrics subscriptions can only be set whole
        let has_lists = resource.kind != ResourceKind::ClientMetrics;
        let key = key_of(resource.kind, name).filter(|key| has_lists && key.kind == Kind::List);
        let key = key.ok_or_else(|| {
            let verb = if change.config_operation == APPEND { "APPEND" } else { "SUBTRACT" };
            let message = format!("Can't {verb} to key {name} because its type is not LIST.");
            Refusal::new(ErrorCode::InvalidConfig, message)
        })?;
        match self.image.configs().value(resource, name) {
            Some(value) => Ok(present_items(value).map(str::to_owned).collect()),
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
            if values.insert(name.to_owned(), Some(value.to_owned())).is_some() {
                let message = "Error due to duplicate config keys";
                return Err(Refusal::new(ErrorCode::InvalidRequest, message));
            }
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
        if resource.kind == ResourceKind::Group {
            let bounds = &self.settings.group_bounds;
            let invalid = |e: ConfigError| Refusal::new(ErrorCode::InvalidConfig, e.to_string());
            bounds.check(&merged).map_err(invalid)?;
        }
        // brokers re-read what is set again, as file contents behind a path can have changed
        let always = resource.kind == ResourceKind::Broker;
        let is_new =
            |name: &str, value: Option<&str>| always || configs.value(resource, name) != value;
        let news = values.iter().filter(|(name, value)| is_new(name, value.as_deref()));
        let mut records: Vec<MetadataRecord<'static>> =
            news.clone().map(|(name, value)| record(resource, name, value.clone())).collect();
        if news.map(|(name, _)| name).any(|name| name == MIN_ISR) {
            records.extend(self.forget_eligible(resource));
        }
        Ok(records)
    }

    /// Eligible leaders were chosen by the old least ISR: another one forgets them.
    pub(super) fn forget_eligible(
        &self,
        resource: &ConfigResource,
    ) -> Option<MetadataRecord<'static>> {
        if !self.image.features().eligible_leaders() {
            return None;
        }
        let topic_name = match resource.kind {
            ResourceKind::Topic => Cow::Owned(resource.name.to_string()),
            _ => Cow::Borrowed(""),
        };
        Some(ClearElrRecord { topic_name }.into())
    }
}

const SET: i8 = 0;
const DELETE: i8 = 1;
const APPEND: i8 = 2;
const SUBTRACT: i8 = 3;

/// The items of a value as it is set, blanks and all: appending what is there changes nothing.
fn present_items(text: &str) -> impl Iterator<Item = &str> {
    text.split(',').filter(|item| !item.is_empty())
}

/// The items to append or to subtract, as Java splits them: without the empty ones at the end. An
/// empty one in between makes a list that is refused.
fn given_items(text: &str) -> Vec<&str> {
    let mut items: Vec<&str> = text.split(',').collect();
    while items.len() > 1 && items.last().is_some_and(|item| item.is_empty()) {
        items.pop();
    }
    items
}

/// A value of a resource; `None` resets the key.
pub(super) fn record(
    resource: &ConfigResource,
    name: &str,
    value: Option<String>,
) -> MetadataRecord<'static> {
    ConfigRecord {
        resource_type: resource.kind.id(),
        resource_name: Cow::Owned(resource.name.to_string()),
        name: Cow::Owned(name.to_owned()),
        value: value.map(Cow::Owned),
    }
    .into()
}
