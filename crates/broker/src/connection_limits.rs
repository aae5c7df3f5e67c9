//! The limits of connections as the properties file and the dynamic configs give them together.

use crate::net::{ConnectionLimits, ListenerLimits};
use metadata::config::{BROKER, BrokerLayers, ConfigValue, ServerConfig};
use std::collections::HashMap;
use std::net::{IpAddr, ToSocketAddrs};

const CONNECTIONS: &str = "max.connections";
const CREATION_RATE: &str = "max.connection.creation.rate";

/// What holds for this broker, in all and for each of its listeners.
pub(crate) fn connection_limits(
    layers: BrokerLayers<'_>,
    config: &ServerConfig,
) -> ConnectionLimits {
    let listeners = config.listeners.bound.iter().map(|listener| {
        // Kafka has the names of listeners in lower case here
        let prefix = format!("listener.name.{}.", listener.name.to_lowercase());
        let own = |key| match layers.text(&format!("{prefix}{key}")) {
            Some(text) => limit_of(key, BROKER.get(key).and_then(|k| k.parse(text).ok())),
            None => i32::MAX,
        };
        let limits = ListenerLimits {
            connections_max: count(own(CONNECTIONS)),
            creation_rate_max: rate(own(CREATION_RATE)),
        };
        (listener.name.as_str().into(), limits)
    });
    let number = |key| limit_of(key, BROKER.get(key).and_then(|k| layers.value(k).ok()));
    ConnectionLimits {
        connections_max: count(number(CONNECTIONS)),
        connections_per_ip_max: count(number("max.connections.per.ip")),
        connections_per_ip_overrides: overrides(layers),
        creation_rate_max: rate(number(CREATION_RATE)),
        listeners: listeners.collect(),
    }
}

fn limit_of(key: &str, value: Option<ConfigValue>) -> i32 {
    let number = value.and_then(|value| value.as_i64()).and_then(|n| i32::try_from(n).ok());
    number.unwrap_or_else(|| {
        // values are checked before they are stored; a log of another release may hold others
        tracing::error!(key, "a limit is not valid: none holds");
        i32::MAX
    })
}

/// The largest number that the key takes is no limit.
fn count(limit: i32) -> usize {
    match limit {
        i32::MAX => usize::MAX,
        count => usize::try_from(count).unwrap_or_default(),
    }
}

fn rate(limit: i32) -> u32 {
    match limit {
        i32::MAX => u32::MAX,
        rate => u32::try_from(rate).unwrap_or_default(),
    }
}

/// `host:count` pairs by address; a name that has no address limits nobody.
fn overrides(layers: BrokerLayers<'_>) -> HashMap<IpAddr, usize> {
    let text = layers.text("max.connections.per.ip.overrides").unwrap_or_default();
    let mut overrides = HashMap::new();
    for (host, count) in text.split(',').filter_map(|item| item.trim().rsplit_once(':')) {
        let Ok(count) = count.trim().parse() else { continue };
        for address in (host.trim(), 0).to_socket_addrs().into_iter().flatten() {
            overrides.insert(address.ip().to_canonical(), count);
        }
    }
    overrides
}

#[cfg(test)]
mod tests {
    use super::*;
    use metadata::config::{Assignments, parse_properties};

    #[test]
    fn the_most_specific_value_counts() {
        let text = "max.connections=5\nmax.connections.per.ip.overrides=127.0.0.1:3, ::1:4\n\
                    listener.name.plaintext.max.connection.creation.rate=7";
        let file = parse_properties(text.as_bytes()).expect("no broken escapes");
        let config = ServerConfig::single_node("/data", &file).expect("valid");
        let broker: Assignments = [("max.connections".into(), "6".into())].into();
        let none = Assignments::new();
        let layers = BrokerLayers { broker: &broker, broker_default: &none, file: config.file() };
        let limits = connection_limits(layers, &config);
        assert_eq!((limits.connections_max, limits.connections_per_ip_max), (6, usize::MAX));
        let override_of = |text: &str| {
            let address = text.parse::<IpAddr>().expect("an address");
            limits.connections_per_ip_overrides.get(&address).copied()
        };
        assert_eq!((override_of("127.0.0.1"), override_of("::1")), (Some(3), Some(4)));
        let listener = limits.listeners["PLAINTEXT"];
        assert_eq!((listener.connections_max, listener.creation_rate_max), (usize::MAX, 7));
    }
}
