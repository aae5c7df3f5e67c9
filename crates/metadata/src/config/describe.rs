//! What DescribeConfigs shows of a resource: every key with its value, where the value comes from,
//! and the other places that set it, most specific first.

use super::key::{ConfigKey, Scope};
use super::layers::{Assignments, BrokerLayers, Setting, Source};
use super::table::{BROKER, CLIENT_METRICS, GROUP, THROTTLE, TOPIC, Table};
use super::topic::topic_value;
use super::value::ConfigValue;

/// One key of a resource as it is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    pub name: String,
    /// None for null, and for what must not be shown.
    pub value: Option<String>,
    pub source: Source,
    /// Kafka's number of the type; 0 for a key that nobody knows.
    pub kind: i8,
    pub is_sensitive: bool,
    pub is_read_only: bool,
    /// Every place that sets it, the first of which counts.
    pub synonyms: Vec<Setting>,
    pub doc: Option<&'static str>,
}

/// Type number of a key that nobody knows.
const KIND_UNKNOWN: i8 = 0;

/// All keys of a topic.
#[must_use]
pub fn describe_topic(own: &Assignments, layers: BrokerLayers<'_>) -> Vec<Entry> {
    describe_inheriting(&TOPIC, Source::Topic, own, layers)
}

/// All keys of a group.
#[must_use]
pub fn describe_group(own: &Assignments, layers: BrokerLayers<'_>) -> Vec<Entry> {
    let mut entries = describe_inheriting(&GROUP, Source::Group, own, layers);
    for entry in &mut entries {
        // Kafka lists the default of a group's key also where no broker key stands behind it
        if let (true, Some(value)) = (entry.synonyms.is_empty(), entry.value.clone()) {
            let name = entry.name.clone();
            entry.synonyms.push(Setting { name, value, source: Source::Default });
        }
    }
    entries
}

/// All keys of a client-metrics subscription.
#[must_use]
pub fn describe_client_metrics(own: &Assignments) -> Vec<Entry> {
    let layers = BrokerLayers::of_file(super::UNSET);
    describe_inheriting(&CLIENT_METRICS, Source::ClientMetrics, own, layers)
}

/// All keys of a broker, and those of its file and its dynamic configs that nobody knows.
#[must_use]
pub fn describe_broker(layers: BrokerLayers<'_>) -> Vec<Entry> {
    let set = [layers.broker, layers.broker_default, layers.file];
    let mut names: Vec<&str> = set.iter().flat_map(|l| l.keys()).map(AsRef::as_ref).collect();
    names.extend(BROKER.keys().filter(|key| !key.internal).map(|key| key.name));
    names.sort_unstable();
    names.dedup();
    names.into_iter().map(|name| broker_entry(name, layers)).collect()
}

/// What is dynamically set for all brokers together.
#[must_use]
pub fn describe_broker_default(set: &Assignments) -> Vec<Entry> {
    let only = BrokerLayers { broker_default: set, ..BrokerLayers::of_file(super::UNSET) };
    let mut entries: Vec<_> = set.keys().map(|name| broker_entry(name, only)).collect();
    for entry in &mut entries {
        entry.synonyms.retain(|setting| setting.source == Source::DynamicDefaultBroker);
    }
    entries
}

/// Keys of a table whose values fall back to the broker's.
fn describe_inheriting(
    table: &Table,
    own_source: Source,
    own: &Assignments,
    layers: BrokerLayers<'_>,
) -> Vec<Entry> {
    let shown = table.keys().filter(|key| !key.internal || own.contains_key(key.name));
    let entry = |key: &ConfigKey| {
        let value = topic_value(key, own, layers).unwrap_or(ConfigValue::Null).text();
        let mut synonyms = Vec::new();
        if let (true, Some(value)) = (own.contains_key(key.name), &value) {
            let (name, value) = (key.name.to_owned(), value.clone());
            synonyms.push(Setting { name, value, source: own_source });
        }
        if let Some(first) = key.synonyms.first() {
            synonyms.extend(broker_settings(first.name, layers));
        }
        shown_entry(key, value, synonyms, false)
    };
    shown.map(entry).collect()
}

fn broker_entry(name: &str, layers: BrokerLayers<'_>) -> Entry {
    let mut synonyms = broker_settings(name, layers);
    if let Some(key) = BROKER.get(name).or_else(|| THROTTLE.get(name)) {
        let value = layers.value(key).unwrap_or(ConfigValue::Null).text();
        return shown_entry(key, value, synonyms, key.scope == Scope::ReadOnly);
    }
    // a key of one listener is of the type of the key behind the prefix
    let behind = listener_key(name).and_then(|name| BROKER.get(name));
    synonyms.extend(behind.into_iter().flat_map(|key| broker_settings(key.name, layers)));
    let is_sensitive = behind.is_none_or(ConfigKey::is_sensitive);
    let mut entry = Entry {
        name: name.to_owned(),
        value: layers.text(name).map(str::to_owned),
        source: source_of(&synonyms),
        kind: behind.map_or(KIND_UNKNOWN, |key| key.kind.code()),
        is_sensitive,
        is_read_only: behind.is_none_or(|key| key.scope == Scope::ReadOnly),
        synonyms,
        doc: behind.map(|key| key.doc),
    };
    if is_sensitive {
        hide(&mut entry);
    }
    entry
}

/// `ssl.key.password` of `listener.name.inside.ssl.key.password`.
fn listener_key(name: &str) -> Option<&str> {
    let (_, key) = name.strip_prefix("listener.name.")?.split_once('.')?;
    Some(key)
}

/// What sets a broker key or one of its synonyms. What comes before the first that bears the key's
/// own name is left out, as Kafka leaves it out: it is about another key's value.
fn broker_settings(name: &str, layers: BrokerLayers<'_>) -> Vec<Setting> {
    let mut names: Vec<&str> = BROKER
        .get(name)
        .map(|key| key.synonyms.iter().map(|synonym| synonym.name).collect())
        .unwrap_or_default();
    if names.is_empty() {
        names.push(name);
    }
    let mut settings = layers.settings(&names);
    let first = settings.iter().position(|setting| setting.name == name);
    settings.drain(..first.unwrap_or(settings.len()));
    settings
}

fn shown_entry(
    key: &ConfigKey,
    value: Option<String>,
    synonyms: Vec<Setting>,
    is_read_only: bool,
) -> Entry {
    let mut entry = Entry {
        name: key.name.to_owned(),
        value,
        source: source_of(&synonyms),
        kind: key.kind.code(),
        is_sensitive: key.is_sensitive(),
        is_read_only,
        synonyms,
        doc: Some(key.doc),
    };
    if entry.is_sensitive {
        hide(&mut entry);
    }
    entry
}

/// Takes the secret out of everything that shows it; an empty text in a synonym stands for it.
fn hide(entry: &mut Entry) {
    entry.value = None;
    for synonym in &mut entry.synonyms {
        synonym.value.clear();
    }
}

fn source_of(synonyms: &[Setting]) -> Source {
    synonyms.first().map_or(Source::Default, |setting| setting.source)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(pairs: &[(&str, &str)]) -> Assignments {
        pairs.iter().map(|(key, value)| ((*key).into(), (*value).into())).collect()
    }

    fn shown(entries: &[Entry], name: &str) -> String {
        let entry = entries.iter().find(|entry| entry.name == name).expect(name);
        let synonyms: Vec<String> = entry
            .synonyms
            .iter()
            .map(|s| format!("{}={}@{}", s.name, s.value, s.source.code()))
            .collect();
        let value = entry.value.as_deref().unwrap_or("<null>");
        format!("{value} {} {}", entry.source.code(), synonyms.join(","))
    }

    #[test]
    fn entries_are_those_of_apache_kafka() {
        // printed by the Java Admin client of 4.4.0 from a broker with these layers
        let file = set(&[("log.retention.hours", "5"), ("num.partitions", "3")]);
        let broker = set(&[("message.max.bytes", "3000000"), ("foo.bar", "9")]);
        let broker_default =
            set(&[("log.retention.ms", "99999"), ("message.max.bytes", "2000000")]);
        let layers = BrokerLayers { broker: &broker, broker_default: &broker_default, file: &file };
        let own = set(&[("segment.ms", "7777"), ("internal.segment.bytes", "5000")]);
        let topic = describe_topic(&own, layers);
        for (name, expected) in [
            ("segment.ms", "7777 1 segment.ms=7777@1"),
            ("internal.segment.bytes", "5000 1 internal.segment.bytes=5000@1"),
            ("cleanup.policy", "delete 5 log.cleanup.policy=delete@5"),
            ("flush.ms", "9223372036854775807 5 "),
            ("remote.storage.enable", "false 5 "),
            (
                "max.message.bytes",
                "3000000 2 message.max.bytes=3000000@2,message.max.bytes=2000000@3,\
                 message.max.bytes=1048588@5",
            ),
            (
                "retention.ms",
                "99999 3 log.retention.ms=99999@3,log.retention.hours=5@4,\
                 log.retention.hours=168@5",
            ),
        ] {
            assert_eq!(shown(&topic, name), expected, "{name}");
        }
        let all = describe_broker(layers);
        for (name, expected) in [
            ("num.partitions", "3 4 num.partitions=3@4,num.partitions=1@5"),
            ("foo.bar", "<null> 2 foo.bar=@2"),
            ("log.flush.interval.ms", "<null> 5 "),
            ("broker.rack", "<null> 5 "),
        ] {
            assert_eq!(shown(&all, name), expected, "{name}");
        }
        let default = describe_broker_default(&broker_default);
        assert_eq!(shown(&default, "message.max.bytes"), "2000000 3 message.max.bytes=2000000@3");
        assert_eq!(default.len(), 2);
    }

    #[test]
    fn a_group_inherits_from_its_broker() {
        let none = set(&[]);
        let group = describe_group(
            &set(&[("consumer.session.timeout.ms", "50000")]),
            BrokerLayers::of_file(&none),
        );
        for (name, expected) in [
            (
                "consumer.session.timeout.ms",
                "50000 8 consumer.session.timeout.ms=50000@8,\
                 group.consumer.session.timeout.ms=45000@5",
            ),
            ("streams.assignor.name", "sticky 5 group.streams.assignors=sticky@5"),
            (
                "share.isolation.level",
                "read_uncommitted 5 share.isolation.level=read_uncommitted@5",
            ),
        ] {
            assert_eq!(shown(&group, name), expected, "{name}");
        }
    }

    #[test]
    fn secrets_are_not_shown() {
        let file =
            set(&[("ssl.key.password", "s3cret"), ("listener.name.a.ssl.key.password", "x")]);
        let entries = describe_broker(BrokerLayers::of_file(&file));
        for name in ["ssl.key.password", "listener.name.a.ssl.key.password"] {
            let entry = entries.iter().find(|entry| entry.name == name).expect(name);
            assert!(entry.is_sensitive && entry.value.is_none(), "{name}");
            assert!(entry.synonyms.iter().all(|synonym| synonym.value.is_empty()), "{name}");
        }
    }
}
