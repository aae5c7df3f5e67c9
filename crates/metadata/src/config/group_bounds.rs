//! How far a group's own configs may go: the broker's `group.*.min.*` and `group.*.max.*` keys.

use std::collections::BTreeMap;

use crate::check_topic_name;

use super::server::ServerConfig;
use super::table::BROKER;
use super::value::{ConfigError, ConfigValue};

/// Bounds of the keys of groups.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupBounds(BTreeMap<&'static str, (i64, i64)>);

/// A key of groups with the broker keys that bound it.
const BOUNDED: &[(&str, Option<&str>, &str)] = &[
    (
        "consumer.assignment.interval.ms",
        Some("group.consumer.min.assignment.interval.ms"),
        "group.consumer.max.assignment.interval.ms",
    ),
    (
        "consumer.heartbeat.interval.ms",
        Some("group.consumer.min.heartbeat.interval.ms"),
        "group.consumer.max.heartbeat.interval.ms",
    ),
    (
        "consumer.session.timeout.ms",
        Some("group.consumer.min.session.timeout.ms"),
        "group.consumer.max.session.timeout.ms",
    ),
    (
        "share.delivery.count.limit",
        Some("group.share.min.delivery.count.limit"),
        "group.share.max.delivery.count.limit",
    ),
    (
        "share.assignment.interval.ms",
        Some("group.share.min.assignment.interval.ms"),
        "group.share.max.assignment.interval.ms",
    ),
    (
        "share.heartbeat.interval.ms",
        Some("group.share.min.heartbeat.interval.ms"),
        "group.share.max.heartbeat.interval.ms",
    ),
    (
        "share.partition.max.record.locks",
        Some("group.share.min.partition.max.record.locks"),
        "group.share.max.partition.max.record.locks",
    ),
    (
        "share.record.lock.duration.ms",
        Some("group.share.min.record.lock.duration.ms"),
        "group.share.max.record.lock.duration.ms",
    ),
    (
        "share.session.timeout.ms",
        Some("group.share.min.session.timeout.ms"),
        "group.share.max.session.timeout.ms",
    ),
    (
        "streams.assignment.interval.ms",
        Some("group.streams.min.assignment.interval.ms"),
        "group.streams.max.assignment.interval.ms",
    ),
    (
        "streams.heartbeat.interval.ms",
        Some("group.streams.min.heartbeat.interval.ms"),
        "group.streams.max.heartbeat.interval.ms",
    ),
    ("streams.num.standby.replicas", None, "group.streams.max.standby.replicas"),
    (
        "streams.session.timeout.ms",
        Some("group.streams.min.session.timeout.ms"),
        "group.streams.max.session.timeout.ms",
    ),
];

/// The one assignor of streams groups.
const STREAMS_ASSIGNOR: &str = "sticky";

/// A member must be able to send a heartbeat before its session ends.
const BELOW: &[(&str, &str)] = &[
    ("consumer.heartbeat.interval.ms", "consumer.session.timeout.ms"),
    ("share.heartbeat.interval.ms", "share.session.timeout.ms"),
    ("streams.heartbeat.interval.ms", "streams.session.timeout.ms"),
];

impl Default for GroupBounds {
    /// Those of a broker whose file says nothing about groups.
    fn default() -> Self {
        Self::from(|name| BROKER.get(name).map_or(ConfigValue::Null, |key| key.default_value()))
    }
}

impl GroupBounds {
    /// Those of a broker.
    #[must_use]
    pub fn of(config: &ServerConfig) -> Self {
        Self::from(|name| config.value(name))
    }

    fn from(value: impl Fn(&str) -> ConfigValue) -> Self {
        let number = |name: &str| value(name).as_i64();
        let bounds = |(key, min, max): &(&'static str, Option<&str>, &str)| {
            let min = min.and_then(number).unwrap_or(0);
            (*key, (min, number(max).unwrap_or(i64::MAX)))
        };
        Self(BOUNDED.iter().map(bounds).collect())
    }

    /// Refuses what a group sets beyond the bounds, or against each other.
    ///
    /// # Errors
    /// The first that is refused.
    pub fn check(&self, set: &BTreeMap<&str, &str>) -> Result<(), ConfigError> {
        let number = |key: &str| set.get(key).and_then(|text| text.trim().parse::<i64>().ok());
        for (key, (min, max)) in &self.0 {
            let Some(value) = number(key) else { continue };
            if !(*min..=*max).contains(&value) {
                let expected = format!("expected {min} to {max}, the bounds of the brokers");
                return Err(ConfigError::new(*key, value.to_string(), expected));
            }
        }
        for (heartbeat, session) in BELOW {
            if let (Some(interval), Some(timeout)) = (number(heartbeat), number(session))
                && interval >= timeout
            {
                let expected = format!("expected less than {session}, {timeout}");
                return Err(ConfigError::new(*heartbeat, interval.to_string(), expected));
            }
        }
        check_names(set)
    }
}

/// Names that a group may choose.
fn check_names(set: &BTreeMap<&str, &str>) -> Result<(), ConfigError> {
    const DEAD_LETTERS: &str = "errors.deadletterqueue.topic.name";
    const ASSIGNOR: &str = "streams.assignor.name";
    let refuse = |key, value: &str, expected| Err(ConfigError::new(key, value, expected));
    match set.get(DEAD_LETTERS) {
        Some(name) if name.starts_with("__") => {
            return refuse(DEAD_LETTERS, name, "expected a name that does not begin with __");
        }
        Some(name) if !name.is_empty() && check_topic_name(name).is_err() => {
            return refuse(DEAD_LETTERS, name, "expected the name of a topic");
        }
        Some(_) | None => {}
    }
    match set.get(ASSIGNOR) {
        Some(name) if *name != STREAMS_ASSIGNOR => {
            refuse(ASSIGNOR, name, "expected sticky, the only assignor that there is")
        }
        Some(_) | None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_stays_within_what_its_brokers_allow() {
        // the bounds that Kafka 4.4 names in its refusals
        for (pairs, refused) in [
            (&[("consumer.session.timeout.ms", "45000")][..], None),
            (&[("consumer.session.timeout.ms", "44999")], Some("45000 to 60000")),
            (&[("share.delivery.count.limit", "11")], Some("2 to 10")),
            (&[("streams.num.standby.replicas", "3")], Some("0 to 2")),
            (&[("consumer.assignment.interval.ms", "15001")], Some("0 to 15000")),
            (&[("errors.deadletterqueue.topic.name", "__dlq")], Some("does not begin with __")),
            (&[("errors.deadletterqueue.topic.name", "a b")], Some("the name of a topic")),
            (&[("streams.assignor.name", "other")], Some("sticky")),
            (&[("share.isolation.level", "read_committed")], None),
        ] {
            let set: BTreeMap<&str, &str> = pairs.iter().copied().collect();
            match (GroupBounds::default().check(&set), refused) {
                (Ok(()), None) => {}
                (Err(error), Some(words)) => assert!(error.to_string().contains(words), "{error}"),
                (result, _) => panic!("{pairs:?}: {result:?}"),
            }
        }
    }

    #[test]
    fn a_heartbeat_comes_before_the_session_ends() {
        let wide = GroupBounds(BTreeMap::new());
        let set = BTreeMap::from([
            ("consumer.heartbeat.interval.ms", "5"),
            ("consumer.session.timeout.ms", "5"),
        ]);
        assert_eq!(wide.check(&set).expect_err("equal").key, "consumer.heartbeat.interval.ms");
    }
}
