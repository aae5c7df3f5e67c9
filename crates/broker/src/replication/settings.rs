//! What the properties file says about fetching from leaders.

use crate::settings::Settings;
use std::time::Duration;

#[derive(Clone, Debug)]
pub(super) struct FetcherSettings {
    /// `num.replica.fetchers`: connections to each leader's broker.
    pub fetchers: u32,
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
            fetchers: u32::try_from(number("num.replica.fetchers")).unwrap_or(1).max(1),
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
