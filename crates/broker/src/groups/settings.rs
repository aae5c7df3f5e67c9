//! What the properties file says about groups and the topic that keeps them.

use coordinator::GroupConfig;
use metadata::config::ServerConfig;
use record::{Codec, Compression};
use std::time::Duration;

#[derive(Clone, Debug)]
pub(crate) struct GroupSettings {
    pub shard: GroupConfig,
    /// `offsets.topic.num.partitions`
    pub topic_partitions: i32,
    /// `offsets.topic.replication.factor`
    pub topic_replication_factor: i16,
    /// `offsets.topic.segment.bytes`
    pub topic_segment_bytes: i64,
    /// `offsets.topic.compression.codec`
    pub codec: Codec,
    /// `offsets.retention.check.interval.ms`
    pub expiry_interval: Duration,
}

impl GroupSettings {
    pub(crate) fn new(config: &ServerConfig) -> Self {
        let number = |key| config.value(key).as_i64().unwrap_or_default();
        let int = |key| i32::try_from(number(key)).unwrap_or(i32::MAX);
        let size = |key| usize::try_from(number(key)).unwrap_or_default();
        let compression = i16::try_from(number("offsets.topic.compression.codec"));
        let compression = compression.ok().and_then(Compression::from_id).unwrap_or_default();
        let expiry_ms = u64::try_from(number("offsets.retention.check.interval.ms"));
        Self {
            shard: GroupConfig {
                initial_rebalance_delay_ms: int("group.initial.rebalance.delay.ms"),
                session_timeout_ms_min: int("group.min.session.timeout.ms"),
                session_timeout_ms_max: int("group.max.session.timeout.ms"),
                members_max: size("group.max.size"),
                offset_metadata_bytes_max: size("offset.metadata.max.bytes"),
                offsets_retention_ms: number("offsets.retention.minutes") * 60_000,
                ..GroupConfig::default()
            },
            topic_partitions: int("offsets.topic.num.partitions"),
            topic_replication_factor: i16::try_from(number("offsets.topic.replication.factor"))
                .unwrap_or(i16::MAX),
            topic_segment_bytes: number("offsets.topic.segment.bytes"),
            codec: Codec::from(compression),
            expiry_interval: Duration::from_millis(expiry_ms.unwrap_or(1).max(1)),
        }
    }
}
