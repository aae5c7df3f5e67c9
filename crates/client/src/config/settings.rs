//! Reads typed settings out of properties and remembers which keys were understood.

use std::collections::BTreeSet;
use std::fmt;
use std::ops::RangeInclusive;
use std::time::Duration;

use super::Properties;

/// A setting with a value that cannot be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError {
    pub key: String,
    pub value: String,
    /// What would be right.
    pub allowed: String,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { key, value, allowed } = self;
        write!(f, "Invalid value {value} for configuration {key}: {allowed}")
    }
}

impl std::error::Error for ConfigError {}

impl From<ConfigError> for crate::Error {
    fn from(error: ConfigError) -> Self {
        Self::invalid(error.to_string())
    }
}

/// Settings of Java's clients that mean nothing to this one, or only to its consumer: accepted so
/// that files can be shared.
const WITHOUT_EFFECT: &[&str] = &[
    "auto.include.jmx.reporter",
    "client.dns.lookup",
    "client.rack",
    "config.providers",
    "connections.max.idle.ms",
    "enable.metrics.push",
    "exclude.internal.topics",
    "group.protocol",
    "group.remote.assignor",
    "interceptor.classes",
    "key.deserializer",
    "key.serializer",
    "metadata.recovery.rebootstrap.trigger.ms",
    "metadata.recovery.strategy",
    "metric.reporters",
    "metrics.num.samples",
    "metrics.recording.level",
    "metrics.sample.window.ms",
    "partitioner.rack.aware",
    "receive.buffer.bytes",
    "security.providers",
    "send.buffer.bytes",
    "throw.on.fetch.stable.offset.unsupported",
    "transaction.timeout.ms",
    "transaction.two.phase.commit.enable",
    "value.deserializer",
    "value.serializer",
];

/// A pass over properties.
pub(super) struct Settings<'p> {
    properties: &'p Properties,
    known: BTreeSet<&'static str>,
}

impl<'p> Settings<'p> {
    pub(super) fn new(properties: &'p Properties) -> Self {
        Self { properties, known: WITHOUT_EFFECT.iter().copied().collect() }
    }

    /// The keys that nobody asked for.
    pub(super) fn unknown(&self) -> Vec<String> {
        let unknown = self.properties.iter().map(|(key, _)| key);
        unknown.filter(|key| !self.known.contains(key)).map(str::to_owned).collect()
    }

    pub(super) fn text(&mut self, key: &'static str) -> Option<&'p str> {
        self.known.insert(key);
        self.properties.get(key).map(str::trim)
    }

    /// What `parse` makes of the value; `allowed` says what it accepts.
    pub(super) fn parsed<T>(
        &mut self,
        key: &'static str,
        default: T,
        allowed: &str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Result<T, ConfigError> {
        let Some(value) = self.text(key) else { return Ok(default) };
        parse(value).ok_or_else(|| ConfigError {
            key: key.to_owned(),
            value: value.to_owned(),
            allowed: allowed.to_owned(),
        })
    }

    pub(super) fn int(
        &mut self,
        key: &'static str,
        default: i64,
        bounds: RangeInclusive<i64>,
    ) -> Result<i64, ConfigError> {
        let allowed = format!("a number from {} to {}", bounds.start(), bounds.end());
        self.parsed(key, default, &allowed, |text| text.parse().ok().filter(|n| bounds.contains(n)))
    }

    pub(super) fn i32(
        &mut self,
        key: &'static str,
        default: i32,
        min: i32,
    ) -> Result<i32, ConfigError> {
        let allowed = format!("a number from {min} to {}", i32::MAX);
        self.parsed(key, default, &allowed, |text| text.parse().ok().filter(|n| *n >= min))
    }

    /// A count or a number of bytes.
    pub(super) fn count(
        &mut self,
        key: &'static str,
        default: usize,
        bounds: RangeInclusive<usize>,
    ) -> Result<usize, ConfigError> {
        let allowed = format!("a number from {} to {}", bounds.start(), bounds.end());
        self.parsed(key, default, &allowed, |text| text.parse().ok().filter(|n| bounds.contains(n)))
    }

    /// Milliseconds.
    pub(super) fn millis(
        &mut self,
        key: &'static str,
        default: Duration,
    ) -> Result<Duration, ConfigError> {
        self.parsed(key, default, "milliseconds, 0 or more", |text| {
            text.parse().ok().map(Duration::from_millis)
        })
    }

    pub(super) fn bool(&mut self, key: &'static str, default: bool) -> Result<bool, ConfigError> {
        self.parsed(key, default, "true or false", |text| {
            match text.to_ascii_lowercase().as_str() {
                "true" => Some(true),
                "false" => Some(false),
                _ => None,
            }
        })
    }
}
