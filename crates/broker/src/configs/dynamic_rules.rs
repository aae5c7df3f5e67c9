//! What a running broker takes as its dynamic configs, in the order in which Kafka checks it.

use super::{APPEND, DELETE, SUBTRACT, invalid_config, invalid_request, resource_of};
use crate::settings::Settings;
use metadata::config::{
    Assignments, BROKER, BrokerLayers, ConfigKey, ConfigValue, Kind, Scope, ServerConfig, THROTTLE,
    UNSET,
};
use metadata::decide::Refusal;
use metadata::image::Image;
use std::fmt::Write;
use wire::incremental_alter_configs_request::AlterableConfig;

/// Keys that Kafka lets a single listener have for all brokers at once.
const CLUSTER_WIDE_OF_LISTENERS: [&str; 3] =
    ["max.connections", "max.connection.creation.rate", "num.network.threads"];

/// Keys that only a listener can have while the broker runs.
const ONLY_OF_LISTENERS: [&str; 10] = [
    "ssl.keystore.type",
    "ssl.keystore.location",
    "ssl.keystore.password",
    "ssl.key.password",
    "ssl.keystore.key",
    "ssl.keystore.certificate.chain",
    "ssl.truststore.type",
    "ssl.truststore.location",
    "ssl.truststore.password",
    "ssl.truststore.certificates",
];

/// Sizes of Kafka's thread pools, which may at most double or halve at a time. Here all but the
/// fetchers have no effect; the rule holds all the same, so that a script works on both or on none.
const THREADS: [&str; 5] = [
    "num.io.threads",
    "num.network.threads",
    "num.replica.fetchers",
    "num.recovery.threads.per.data.dir",
    "background.threads",
];
const CLEANER_THREADS: &str = "log.cleaner.threads";

/// Keys of which zero would lock everybody out.
const ABOVE_ZERO: [&str; 2] = ["max.connections", "max.connection.creation.rate"];

/// Keys that Kafka changes by opening and closing sockets.
const LISTENERS: [&str; 2] = ["listeners", "listener.security.protocol.map"];

pub(super) struct DynamicRules<'a> {
    settings: &'a Settings,
    /// Whether the change is one broker's alone.
    is_of_one: bool,
    /// What is set for the resource before the change.
    before: &'a Assignments,
    layers: BrokerLayers<'a>,
}

impl<'a> DynamicRules<'a> {
    /// Those for the broker `name`, or for all brokers where it is empty.
    pub(super) fn of(settings: &'a Settings, image: &'a Image, name: &str) -> Self {
        let before = image.configs().of(&resource_of(name)).unwrap_or(UNSET);
        let layers = crate::cluster::broker_layers(image, settings);
        Self { settings, is_of_one: !name.is_empty(), before, layers }
    }

    /// What would be set for the resource behind `changes`.
    pub(super) fn after(&self, changes: &[AlterableConfig<'_>]) -> Result<Assignments, Refusal> {
        let mut after = self.before.clone();
        for change in changes {
            let name = &*change.name;
            let given = change.value.as_deref().unwrap_or_default();
            match change.config_operation {
                DELETE => _ = after.remove(name),
                APPEND | SUBTRACT => {
                    let is_append = change.config_operation == APPEND;
                    let mut items = list_before(name, &after, is_append)?;
                    for item in list_items(given) {
                        items.retain(|present| present != item);
                        if is_append {
                            items.push(item.to_owned());
                        }
                    }
                    after.insert(name.into(), items.join(",").into());
                }
                _ => _ = after.insert(name.into(), given.into()),
            }
        }
        Ok(after)
    }

    /// Refuses what Kafka refuses.
    pub(super) fn check(&self, after: &Assignments) -> Result<(), Refusal> {
        let is_fixed = |name: &str| BROKER.get(name).is_some_and(|k| k.scope == Scope::ReadOnly);
        refuse_named(after, is_fixed, "Cannot update these configs dynamically")?;
        refuse_named(
            after,
            |name| ONLY_OF_LISTENERS.contains(&name),
            "These security configs can be dynamically updated only per-listener using the \
             listener prefix",
        )?;
        for (name, text) in after {
            if let Some(key) = key_of(name) {
                key.parse(text).map_err(|error| invalid_request(error.to_string()))?;
            }
        }
        if !self.is_of_one {
            refuse_named(
                after,
                is_of_one_broker,
                "Cannot update these configs at default cluster level, broker id must be specified",
            )?;
        }
        self.check_steps(after)?;
        self.check_together(after)
    }

    /// Rules about single numbers, some against the value that holds now.
    fn check_steps(&self, after: &Assignments) -> Result<(), Refusal> {
        for (name, text) in after {
            let Some(key) = key_of(name) else { continue };
            let Some(number) = key.parse(text).ok().and_then(|value| value.as_i64()) else {
                continue;
            };
            if ABOVE_ZERO.contains(&key.name) && number == 0 {
                return Err(invalid_request(format!("Invalid {} {number}", key.name)));
            }
            let present = self.layers.value(key).ok().and_then(|value| value.as_i64());
            let (Some(present), true) = (present, **name == *key.name) else { continue };
            let (few, many) = (present / 2, present.saturating_mul(2));
            if THREADS.contains(&key.name) && !(few..=many).contains(&number) {
                let bound = match number > many {
                    true => "should not be greater than double the current value",
                    false => "should be at least half the current value",
                };
                return Err(invalid_request(format!(
                    "Dynamic thread count update validation failed for {name}={number}, value \
                     {bound} {present}"
                )));
            }
            if key.name == CLEANER_THREADS && number > 0 && !(few..=many).contains(&number) {
                let bound = match number > many {
                    true => "increased to more than double",
                    false => "reduced to less than half",
                };
                return Err(invalid_request(format!(
                    "Log cleaner threads cannot be {bound} the current value {present}"
                )));
            }
        }
        Ok(())
    }

    /// The file with everything dynamic in it must be one that the broker would start with.
    fn check_together(&self, after: &Assignments) -> Result<(), Refusal> {
        let config = &self.settings.config;
        let for_one = if self.is_of_one { after } else { self.layers.broker };
        let for_all = if self.is_of_one { self.layers.broker_default } else { after };
        let mut all = config.file().clone();
        for layer in [for_all, for_one] {
            all.extend(layer.iter().map(|(name, value)| (name.clone(), value.clone())));
        }
        ServerConfig::parse(all).map_err(|error| invalid_request(error.to_string()))?;
        for name in LISTENERS {
            let wanted = after.get(name).map(AsRef::as_ref);
            if wanted.is_some_and(|wanted| Some(wanted) != config.file().get(name).map(|v| &**v)) {
                return Err(invalid_request(format!(
                    "{name} is read at the start only: change it in the properties file and \
                     restart the broker"
                )));
            }
        }
        Ok(())
    }
}

/// The items of a list key before an append or a subtraction.
fn list_before(name: &str, set: &Assignments, is_append: bool) -> Result<Vec<String>, Refusal> {
    let Some(key) = key_of(name).filter(|key| key.kind == Kind::List) else {
        let verb = if is_append { "append" } else { "subtract" };
        return Err(invalid_config(format!(
            "Config value {verb} is not allowed for config key: {name}"
        )));
    };
    match set.get(name) {
        Some(text) => Ok(list_items(text).map(str::to_owned).collect()),
        None => match key.default_value() {
            ConfigValue::List(items) => Ok(items),
            _ => Ok(Vec::new()),
        },
    }
}

fn list_items(text: &str) -> impl Iterator<Item = &str> {
    text.split(',').map(str::trim).filter(|item| !item.is_empty())
}

/// The key, also behind a listener's prefix.
fn key_of(name: &str) -> Option<&'static ConfigKey> {
    let name = behind_listener(name).unwrap_or(name);
    BROKER.get(name).or_else(|| THROTTLE.get(name))
}

/// `max.connections` of `listener.name.inside.max.connections`.
fn behind_listener(name: &str) -> Option<&str> {
    name.strip_prefix("listener.name.")?.split_once('.').map(|(_, key)| key)
}

fn is_of_one_broker(name: &str) -> bool {
    match behind_listener(name) {
        Some(key) => !CLUSTER_WIDE_OF_LISTENERS.contains(&key),
        None => BROKER.get(name).is_some_and(|key| key.scope == Scope::PerBroker),
    }
}

fn refuse_named(
    set: &Assignments,
    is_wrong: impl Fn(&str) -> bool,
    reason: &str,
) -> Result<(), Refusal> {
    let mut wrong = String::new();
    for name in set.keys().filter(|name| is_wrong(name)) {
        let comma = if wrong.is_empty() { "" } else { ", " };
        // writing to a string cannot fail
        let _ = write!(wrong, "{comma}{name}");
    }
    if wrong.is_empty() { Ok(()) } else { Err(invalid_request(format!("{reason}: [{wrong}]"))) }
}
