//! Where a config's value comes from: what is set for the resource itself, dynamically for this
//! broker or all of them, in the properties file, or nowhere.

use std::collections::BTreeMap;

use super::key::{ConfigKey, Default, Scale, Synonym};
use super::table::BROKER;
use super::value::{ConfigError, ConfigValue, Kind};

/// Keys that someone has set, with the text that they were set to.
pub type Assignments = BTreeMap<Box<str>, Box<str>>;

/// Nothing set.
pub const UNSET: &Assignments = &Assignments::new();

/// Everything that is set about one broker, most specific first.
#[derive(Debug, Clone, Copy)]
pub struct BrokerLayers<'a> {
    /// Dynamic configs of this broker.
    pub broker: &'a Assignments,
    /// Dynamic configs of all brokers.
    pub broker_default: &'a Assignments,
    /// The properties file.
    pub file: &'a Assignments,
}

/// Where a value was found. The numbers are those of DescribeConfigs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    Topic,
    DynamicBroker,
    DynamicDefaultBroker,
    File,
    Default,
    ClientMetrics,
    Group,
}

/// One place that sets a key or one of its synonyms.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting {
    pub name: String,
    pub value: String,
    pub source: Source,
}

impl Source {
    /// The number that DescribeConfigs answers with.
    #[must_use]
    pub const fn code(self) -> i8 {
        match self {
            Self::Topic => 1,
            Self::DynamicBroker => 2,
            Self::DynamicDefaultBroker => 3,
            Self::File => 4,
            Self::Default => 5,
            Self::ClientMetrics => 7,
            Self::Group => 8,
        }
    }
}

impl<'a> BrokerLayers<'a> {
    /// Only the properties file.
    #[must_use]
    pub fn of_file(file: &'a Assignments) -> Self {
        Self { broker: UNSET, broker_default: UNSET, file }
    }

    /// The text that `name` is set to in the most specific layer that sets it.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&'a str> {
        let layers = [self.broker, self.broker_default, self.file];
        layers.into_iter().find_map(|layer| layer.get(name)).map(AsRef::as_ref)
    }

    /// The value of a broker key, without its synonyms.
    ///
    /// # Errors
    /// If what is set is not valid.
    pub fn value(&self, key: &ConfigKey) -> Result<ConfigValue, ConfigError> {
        match self.text(key.name) {
            Some(text) => key.parse(text),
            None => Ok(key.default_value()),
        }
    }

    /// What a key of a topic or a group gets from the broker: the nearest synonym that is set, or
    /// else the nearest that has a default.
    ///
    /// # Errors
    /// If what is set is not valid.
    pub fn inherited(&self, key: &ConfigKey) -> Result<ConfigValue, ConfigError> {
        for synonym in key.synonyms {
            if let (Some(text), Some(broker_key)) = (self.text(synonym.name), found(synonym)) {
                return Ok(scaled(broker_key.parse(text)?, synonym.scale, key.kind));
            }
        }
        for synonym in key.synonyms {
            let Some(broker_key) = found(synonym) else { continue };
            if let Default::Text(_) = broker_key.default {
                let value = broker_key.default_value();
                return Ok(scaled(value, synonym.scale, key.kind));
            }
        }
        Ok(key.default_value())
    }

    /// Every place that sets one of `names`, most specific first, the defaults of the table last.
    #[must_use]
    pub fn settings(&self, names: &[&str]) -> Vec<Setting> {
        let layers = [
            (self.broker, Source::DynamicBroker),
            (self.broker_default, Source::DynamicDefaultBroker),
            (self.file, Source::File),
        ];
        let mut settings = Vec::new();
        for (layer, source) in layers {
            for name in names {
                if let Some(value) = layer.get(*name) {
                    settings.push(setting(name, value, source));
                }
            }
        }
        for name in names {
            if let Some(Default::Text(text)) = BROKER.get(name).map(|key| key.default) {
                settings.push(setting(name, text, Source::Default));
            }
        }
        settings
    }
}

fn setting(name: &str, value: &str, source: Source) -> Setting {
    Setting { name: name.to_owned(), value: value.to_owned(), source }
}

fn found(synonym: &Synonym) -> Option<&'static ConfigKey> {
    BROKER.get(synonym.name)
}

/// The value in the unit and the type of the key that it stands in for.
fn scaled(value: ConfigValue, scale: Scale, kind: Kind) -> ConfigValue {
    if let (ConfigValue::List(items), Kind::String) = (&value, kind) {
        // `group.streams.assignors` names the default of `streams.assignor.name` first
        return items.first().cloned().map_or(ConfigValue::Null, ConfigValue::String);
    }
    let Some(number) = value.as_i64() else { return value };
    let number = number.saturating_mul(scale.factor());
    match kind {
        Kind::Long => ConfigValue::Long(number),
        Kind::Int => i32::try_from(number).map_or(value, ConfigValue::Int),
        Kind::Boolean
        | Kind::String
        | Kind::Short
        | Kind::Double
        | Kind::List
        | Kind::Class
        | Kind::Password => value,
    }
}
