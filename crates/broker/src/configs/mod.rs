//! What this broker itself says to a change of configs: it knows its file, its listeners and its
//! loggers, and the controller does not.
//!
//! ```text
//!   resources ──▶ a broker's, refused here     ──▶ its answer ──┐
//!             ──▶ this broker's loggers, changed ─▶ its answer ──┼─▶ in the request's order
//!             ──▶ everything else ──▶ controller ─▶ its answer ──┘
//! ```

mod dynamic_rules;
mod loggers;
mod resources;

pub use loggers::Loggers;
pub(crate) use resources::{Answer, Divided};

use crate::node::Node;
use dynamic_rules::DynamicRules;
use metadata::config::Assignments;
use metadata::decide::Refusal;
use metadata::image::{ConfigResource, Image, ResourceKind};
use std::borrow::Cow;
use types::ErrorCode;
use wire::alter_configs_request;
use wire::incremental_alter_configs_request::{AlterConfigsResource, AlterableConfig};

/// Kafka's resource type of a broker's loggers.
pub(crate) const BROKER_LOGGER: ResourceKind = ResourceKind::Other(8);

/// Operations of IncrementalAlterConfigs.
const SET: i8 = 0;
const DELETE: i8 = 1;
const APPEND: i8 = 2;
const SUBTRACT: i8 = 3;

/// What this broker answers to changes of single keys; `None` leaves them to the controller.
pub(crate) fn answer_changes(
    node: &Node,
    image: &Image,
    resource: &AlterConfigsResource<'_>,
    validate_only: bool,
) -> Option<Result<(), Refusal>> {
    let kind = ResourceKind::from_id(resource.resource_type);
    let (name, changes) = (&*resource.resource_name, &*resource.configs);
    if !are_well_formed(changes) {
        return None;
    }
    if kind == BROKER_LOGGER {
        let altered = check_node(node, name, other_node)
            .and_then(|()| node.settings.loggers.alter(changes, validate_only));
        return Some(altered);
    }
    if kind != ResourceKind::Broker {
        return None;
    }
    let rules = DynamicRules::of(&node.settings, image, name);
    let checked = check_broker(node, name)
        .and_then(|()| rules.after(changes))
        .and_then(|after| rules.check(&after));
    checked.err().map(Err)
}

/// What this broker answers to a replacement of all keys; `None` leaves it to the controller.
pub(crate) fn answer_replacement(
    node: &Node,
    image: &Image,
    resource: &alter_configs_request::AlterConfigsResource<'_>,
) -> Option<Result<(), Refusal>> {
    let kind = ResourceKind::from_id(resource.resource_type);
    if kind != ResourceKind::Broker {
        return None;
    }
    let name = &*resource.resource_name;
    let pair = |config: &alter_configs_request::AlterableConfig<'_>| {
        Some((config.name.as_ref().into(), config.value.as_deref()?.into()))
    };
    // null values are refused by the controller
    let after: Assignments = resource.configs.iter().map(pair).collect::<Option<_>>()?;
    let rules = DynamicRules::of(&node.settings, image, name);
    check_broker(node, name).and_then(|()| rules.check(&after)).err().map(Err)
}

/// Whether no key comes twice, none is set to null, and every operation is known: the controller
/// refuses the rest for resources of every kind.
fn are_well_formed(changes: &[AlterableConfig<'_>]) -> bool {
    let is_known = |change: &AlterableConfig<'_>| match change.config_operation {
        DELETE => true,
        SET | APPEND | SUBTRACT => change.value.is_some(),
        _ => false,
    };
    let is_first = |(at, change): (usize, &AlterableConfig<'_>)| {
        changes.iter().take(at).all(|earlier| earlier.name != change.name)
    };
    changes.iter().all(is_known) && changes.iter().enumerate().all(is_first)
}

/// Nothing is the default of all brokers; otherwise only this broker knows its own file.
fn check_broker(node: &Node, name: &str) -> Result<(), Refusal> {
    let other =
        |id, asked: &str| format!("Unexpected broker id, expected {id}, but received {asked}");
    if name.is_empty() { Ok(()) } else { check_node(node, name, other) }
}

fn other_node(id: i32, asked: &str) -> String {
    format!("Unexpected node id. Expected {id}, but received {asked}")
}

fn check_node(
    node: &Node,
    name: &str,
    other: impl FnOnce(i32, &str) -> String,
) -> Result<(), Refusal> {
    let id = node.settings.node_id.0;
    match name.parse::<i32>() {
        Ok(asked) if asked == id => Ok(()),
        Ok(_) => Err(invalid_request(other(id, name))),
        Err(_) => Err(invalid_request(format!("Node id must be an integer, but it is: {name}"))),
    }
}

fn invalid_request(message: impl Into<Cow<'static, str>>) -> Refusal {
    Refusal::new(ErrorCode::InvalidRequest, message)
}

fn invalid_config(message: impl Into<Cow<'static, str>>) -> Refusal {
    Refusal::new(ErrorCode::InvalidConfig, message)
}

/// What is set for one broker, or for all of them where `name` is empty.
fn resource_of(name: &str) -> ConfigResource {
    ConfigResource::new(ResourceKind::Broker, name)
}
