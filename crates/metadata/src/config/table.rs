//! Lookup in the tables of keys.

use std::sync::LazyLock;

use super::key::ConfigKey;
use super::nearest::nearest;
use super::tables;

/// All keys of one kind of resource, in order of their names.
#[derive(Debug)]
pub struct Table {
    keys: Vec<&'static ConfigKey>,
}

/// Keys of topics.
pub static TOPIC: LazyLock<Table> = LazyLock::new(|| Table::of(tables::TOPIC));
/// Keys of brokers that may stand in the properties file.
pub static BROKER: LazyLock<Table> = LazyLock::new(|| Table::of(tables::BROKER));
/// Keys of groups.
pub static GROUP: LazyLock<Table> = LazyLock::new(|| Table::of(tables::GROUP));
/// Keys of client-metrics subscriptions.
pub static CLIENT_METRICS: LazyLock<Table> = LazyLock::new(|| Table::of(tables::CLIENT_METRICS));
/// Keys of brokers that exist only as dynamic configs.
pub static THROTTLE: LazyLock<Table> = LazyLock::new(|| Table::of(tables::THROTTLE));

impl Table {
    fn of(parts: &'static [&'static [ConfigKey]]) -> Self {
        let mut keys: Vec<_> = parts.iter().flat_map(|part| part.iter()).collect();
        keys.sort_unstable_by_key(|key| key.name);
        assert!(keys.windows(2).all(|pair| pair[0].name < pair[1].name), "a key stands twice");
        Self { keys }
    }

    /// The key of that name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&'static ConfigKey> {
        let index = self.keys.binary_search_by_key(&name, |key| key.name).ok()?;
        Some(self.keys[index])
    }

    /// All keys in order of their names.
    pub fn keys(&self) -> impl Iterator<Item = &'static ConfigKey> + '_ {
        self.keys.iter().copied()
    }

    /// The public key whose name looks most like `name`, if one does.
    #[must_use]
    pub fn nearest(&self, name: &str) -> Option<&'static str> {
        nearest(name, self.keys().filter(|key| !key.internal).map(|key| key.name))
    }
}
