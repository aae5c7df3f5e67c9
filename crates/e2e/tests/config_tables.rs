//! The table of config keys against the `ConfigDef`s inside Apache Kafka's jars, field by field.

use e2e::java::program;
use e2e::process::succeed;
use metadata::config::{
    Allowed, BROKER, CLIENT_METRICS, ConfigKey, Default, GROUP, Importance, Scale, Scope, THROTTLE,
    TOPIC, Table,
};

/// Where Klamm's default is another, and Kafka's: a node that falls silent is missed sooner.
const OTHER_DEFAULTS: &[(&str, &str, &str)] = &[
    ("broker.heartbeat.interval.ms", "200", "2000"),
    ("broker.session.timeout.ms", "1500", "9000"),
    ("controller.quorum.fetch.timeout.ms", "1000", "2000"),
];

#[test]
fn every_key_has_the_type_default_rule_scope_and_synonyms_that_kafka_gives_it() {
    let Some(mut facts) = program("ConfigFacts") else { return };
    let theirs = succeed(&mut facts, b"");
    let mut theirs: Vec<&str> = theirs.lines().collect();
    theirs.sort_unstable();
    let mut ours = Vec::new();
    for (name, table) in [
        ("topic", &TOPIC),
        ("broker", &BROKER),
        ("throttle", &THROTTLE),
        ("group", &GROUP),
        ("client-metrics", &CLIENT_METRICS),
    ] {
        ours.extend(lines(name, table));
    }
    ours.sort_unstable();
    let missing: Vec<_> = theirs.iter().filter(|line| !ours.iter().any(|o| o == *line)).collect();
    let extra: Vec<_> = ours.iter().filter(|line| !theirs.contains(&line.as_str())).collect();
    assert_eq!(ours.len(), theirs.len());
    assert!(missing.is_empty(), "Kafka has {missing:#?}\nand here stands {extra:#?}");
}

fn lines(name: &str, table: &Table) -> Vec<String> {
    table.keys().map(|key| line(name, key)).collect()
}

fn line(table: &str, key: &ConfigKey) -> String {
    let default = match key.default {
        Default::Required => "<required>",
        Default::Null => "<null>",
        Default::Text(text) => {
            let other = OTHER_DEFAULTS.iter().find(|other| (other.0, other.1) == (key.name, text));
            other.map_or(text, |(_, _, kafkas)| *kafkas)
        }
    };
    let importance = match key.importance {
        Importance::High => "HIGH",
        Importance::Medium => "MEDIUM",
        Importance::Low => "LOW",
    };
    let scope = match key.scope {
        Scope::ReadOnly => "read-only",
        Scope::PerBroker => "per-broker",
        Scope::ClusterWide => "cluster-wide",
    };
    let internal = if key.internal { "internal" } else { "public" };
    let kind = format!("{:?}", key.kind).to_uppercase();
    let rule = rule(key.allowed);
    let synonyms = synonyms(key);
    [table, key.name, &kind, default, &rule, importance, scope, internal, &synonyms].join("\t")
}

fn synonyms(key: &ConfigKey) -> String {
    let shown = key.synonyms.iter().map(|synonym| match synonym.scale {
        Scale::Same => synonym.name.to_owned(),
        Scale::MinutesToMs | Scale::HoursToMs => {
            format!("{}*{}", synonym.name, synonym.scale.factor())
        }
    });
    shown.collect::<Vec<_>>().join(",")
}

/// The rule as Kafka's validators print themselves.
fn rule(allowed: Allowed) -> String {
    match allowed {
        Allowed::Any => "any".to_owned(),
        Allowed::Between(min, i64::MAX) => format!("[{min},...]"),
        Allowed::Between(min, max) => format!("[{min},...,{max}]"),
        Allowed::Ratio(min, max) => format!("[{min},...,{max}]"),
        Allowed::OneOf(words) => format!("[{}]", words.join(", ")),
        Allowed::OneOfIgnoringCase(words) => {
            format!("(case insensitive) [{}]", words.join(", "))
        }
        Allowed::Items { words, empty, null } => {
            let words =
                if words.is_empty() { String::new() } else { format!("[{}]", words.join(", ")) };
            let empty = if empty { " or empty" } else { "" };
            let null = if null { " or null" } else { "" };
            format!("list {words}{empty}{null}")
        }
        Allowed::NonEmpty => "non-empty string".to_owned(),
        Allowed::NonNull => "non-null string".to_owned(),
        Allowed::GzipLevel => "[1,...,9] or -1".to_owned(),
        Allowed::ThrottledReplicas => {
            "[partitionId]:[brokerId],[partitionId]:[brokerId],...".to_owned()
        }
        Allowed::Voters | Allowed::BootstrapServers => "non-empty list".to_owned(),
        Allowed::OffsetReset => "[latest, earliest, by_duration:PnDTnHnMn.nS]".to_owned(),
    }
}
