//! What the properties file says about fetching from leaders.

use crate::settings::Settings;
use metadata::config::{BROKER, BrokerLayers};
use std::time::Duration;

const FETCHERS: &str = "num.replica.fetchers";

#[derive(Clone, Debug)]
pub(super) struct FetcherSettings {
    /// `replica.fetch.min.bytes`.
    pub bytes_min: i32,
    /// `replica.fetch.max.bytes`, of one partition.
    pub partition_bytes_max: i32,
    /// `replica.fetch.response.max.bytes`.
    pub response_bytes_max: i32,
    /// `replica.fetch.wait.max.ms`.
    pub wait_ms_max: i32,
    /// `replica.fetch.backoff.ms`.
    pub backoff: Duration,
    /// `replica.socket.timeout.ms`.
    pub patience: Duration,
    /// `inter.broker.listener.name`.
    pub listener: String,
}

impl FetcherSettings {
    pub(super) fn new(settings: &Settings) -> Self {
        let number = |key| settings.config.value(key).as_i64().unwrap_or_default();
        let int = |key| i32::try_from(number(key)).unwrap_or(i32::MAX);
        let millis = |key| Duration::from_millis(u64::try_from(number(key)).unwrap_or_default());
        Self {
            bytes_min: int("replica.fetch.min.bytes"),
            partition_bytes_max: int("replica.fetch.max.bytes"),
            response_bytes_max: int("replica.fetch.response.max.bytes"),
            wait_ms_max: int("replica.fetch.wait.max.ms"),
            backoff: millis("replica.fetch.backoff.ms"),
            patience: millis("replica.socket.timeout.ms"),
            listener: settings.config.listeners.inter_broker.clone(),
        }
    }
}

/// `num.replica.fetchers`: connections to each leader's broker, which may change while it runs.
pub(super) fn fetchers(layers: BrokerLayers<'_>) -> u32 {
    let number = BROKER.get(FETCHERS).and_then(|key| layers.value(key).ok()?.as_i64());
    number.and_then(|number| u32::try_from(number).ok()).unwrap_or(1).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use metadata::config::{Assignments, UNSET};

    #[test]
    fn as_many_connections_are_opened_as_are_configured_at_the_time() {
        let set = |number: &str| Assignments::from([(FETCHERS.into(), number.into())]);
        let (file, default, own) = (set("2"), set("3"), set("4"));
        for (broker, broker_default, file, expected) in [
            (UNSET, UNSET, UNSET, 1),
            (UNSET, UNSET, &file, 2),
            (UNSET, &default, &file, 3),
            (&own, &default, &file, 4),
        ] {
            assert_eq!(fetchers(BrokerLayers { broker, broker_default, file }), expected);
        }
    }
}
