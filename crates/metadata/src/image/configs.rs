//! Dynamic configuration in the image: per resource, the keys that someone has set.

use std::collections::BTreeMap;
use std::sync::Arc;

/// What a set of configs belongs to: Kafka's id of the resource type, and a name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ConfigResource {
    /// What kind of thing it is.
    pub kind: ResourceKind,
    /// Its name; empty for the default of all brokers.
    pub name: Arc<str>,
}

/// Kafka's resource types that can carry configs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ResourceKind {
    /// A topic (2).
    Topic,
    /// A broker, or with an empty name all of them (4).
    Broker,
    /// A client metrics subscription (16).
    ClientMetrics,
    /// A group (32).
    Group,
    /// Any other: kept as it stands in the log.
    Other(i8),
}

/// All resources with at least one key set.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Configs(BTreeMap<ConfigResource, Arc<ConfigValues>>);

/// Keys and values of one resource.
pub type ConfigValues = BTreeMap<Box<str>, Box<str>>;

impl ResourceKind {
    /// The kind of an id on the wire.
    #[must_use]
    pub const fn from_id(id: i8) -> Self {
        match id {
            2 => Self::Topic,
            4 => Self::Broker,
            16 => Self::ClientMetrics,
            32 => Self::Group,
            other => Self::Other(other),
        }
    }

    /// The id on the wire.
    #[must_use]
    pub const fn id(self) -> i8 {
        match self {
            Self::Topic => 2,
            Self::Broker => 4,
            Self::ClientMetrics => 16,
            Self::Group => 32,
            Self::Other(other) => other,
        }
    }
}

impl ConfigResource {
    /// A resource of its parts.
    #[must_use]
    pub fn new(kind: ResourceKind, name: &str) -> Self {
        Self { kind, name: Arc::from(name) }
    }

    /// A topic's configs.
    #[must_use]
    pub fn topic(name: &str) -> Self {
        Self::new(ResourceKind::Topic, name)
    }

    /// The default of all brokers.
    #[must_use]
    pub fn broker_default() -> Self {
        Self::new(ResourceKind::Broker, "")
    }
}

impl Configs {
    /// What is set for a resource; nothing is not an error.
    #[must_use]
    pub fn of(&self, resource: &ConfigResource) -> Option<&ConfigValues> {
        self.0.get(resource).map(Arc::as_ref)
    }

    /// One value of a resource.
    #[must_use]
    pub fn value(&self, resource: &ConfigResource, key: &str) -> Option<&str> {
        self.of(resource)?.get(key).map(AsRef::as_ref)
    }

    /// Every resource with its values, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&ConfigResource, &Arc<ConfigValues>)> {
        self.0.iter()
    }

    pub(super) fn set(&mut self, resource: ConfigResource, key: &str, value: Option<&str>) {
        match value {
            Some(value) => {
                let values = self.0.entry(resource).or_default();
                Arc::make_mut(values).insert(key.into(), value.into());
            }
            None => {
                let Some(values) = self.0.get_mut(&resource) else { return };
                Arc::make_mut(values).remove(key);
                if values.is_empty() {
                    self.0.remove(&resource);
                }
            }
        }
    }

    pub(super) fn remove(&mut self, resource: &ConfigResource) {
        self.0.remove(resource);
    }

    pub(super) fn has(&self, resource: &ConfigResource) -> bool {
        self.0.contains_key(resource)
    }
}
