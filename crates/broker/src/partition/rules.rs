//! What a topic's configs make of its records and logs.

use super::Throttled;
use log::{Compaction, LogConfig};
use metadata::config::{TimestampType, TopicCompression, TopicConfig};
use record::{Codec, Compression, INFLATED_BYTES_MAX, Rules};

/// The rules of one topic; replaced as a whole when its configs change.
#[derive(Clone, Debug)]
pub(crate) struct TopicRules {
    pub records: Rules,
    pub log: LogConfig,
    /// `flush.messages`: with so many records not synced, acknowledgements wait for a sync.
    pub flush_messages: i64,
    /// `min.insync.replicas`.
    pub in_sync_min: usize,
    /// How to compact, where `cleanup.policy` lists `compact`.
    pub compaction: Option<Compaction>,
    /// Whether records may be deleted on request: not where `cleanup.policy` lists `compact` alone.
    pub is_deletable: bool,
    /// `leader.replication.throttled.replicas`.
    pub leaders_throttled: Throttled,
    /// `follower.replication.throttled.replicas`.
    pub followers_throttled: Throttled,
}

impl Default for TopicRules {
    /// Kafka's defaults.
    fn default() -> Self {
        Self {
            records: Rules::default(),
            log: LogConfig::default(),
            flush_messages: i64::MAX,
            in_sync_min: 1,
            compaction: None,
            is_deletable: true,
            leaders_throttled: Throttled::Nobody,
            followers_throttled: Throttled::Nobody,
        }
    }
}

impl TopicRules {
    /// `producer_id_expiration_ms` is the broker's, for all topics.
    pub(crate) fn new(config: &TopicConfig, producer_id_expiration_ms: i64) -> Self {
        let replication = &config.replication;
        Self {
            records: record_rules(config),
            log: log_config(config, producer_id_expiration_ms),
            flush_messages: config.segment.flush_messages,
            in_sync_min: usize::try_from(replication.min_insync_replicas).unwrap_or(1),
            compaction: config.cleanup.compact.then(|| compaction(config)),
            is_deletable: config.cleanup.delete || !config.cleanup.compact,
            leaders_throttled: Throttled::parse(&replication.leader_throttled_replicas),
            followers_throttled: Throttled::parse(&replication.follower_throttled_replicas),
        }
    }
}

fn compaction(config: &TopicConfig) -> Compaction {
    let cleanup = &config.cleanup;
    Compaction {
        dirty_ratio_min: cleanup.min_cleanable_dirty_ratio,
        lag_ms_min: cleanup.min_compaction_lag_ms,
        lag_ms_max: cleanup.max_compaction_lag_ms,
        delete_retention_ms: cleanup.delete_retention_ms,
    }
}

fn record_rules(config: &TopicConfig) -> Rules {
    let records = &config.records;
    Rules {
        batch_bytes_max: usize::try_from(records.max_message_bytes).unwrap_or(0),
        inflated_bytes_max: INFLATED_BYTES_MAX,
        record_bytes_max: record_bytes_max(config),
        zstd_allowed: true,
        compacted: config.cleanup.compact,
        timestamp_type: match records.timestamp_type {
            TimestampType::CreateTime => record::TimestampType::CreateTime,
            TimestampType::LogAppendTime => record::TimestampType::LogAppendTime,
        },
        timestamp_before_ms_max: records.timestamp_before_max_ms,
        timestamp_after_ms_max: records.timestamp_after_max_ms,
        compression: codec(records.compression),
    }
}

/// `max.decompressed.message.bytes`.
fn record_bytes_max(config: &TopicConfig) -> usize {
    usize::try_from(config.records.max_decompressed_bytes).unwrap_or(0)
}

fn codec(compression: TopicCompression) -> Option<Codec> {
    match compression {
        TopicCompression::Producer => None,
        TopicCompression::Uncompressed => Some(Codec::NONE),
        TopicCompression::Gzip(level) => Some(Codec::with_level(Compression::Gzip, level)),
        TopicCompression::Snappy => Some(Codec::new(Compression::Snappy)),
        TopicCompression::Lz4(level) => Some(Codec::with_level(Compression::Lz4, level)),
        TopicCompression::Zstd(level) => Some(Codec::with_level(Compression::Zstd, level)),
    }
}

fn log_config(config: &TopicConfig, producer_id_expiration_ms: i64) -> LogConfig {
    let (segment, cleanup) = (&config.segment, &config.cleanup);
    let bytes = |value: i32| u32::try_from(value).unwrap_or(0);
    LogConfig {
        segment_bytes: bytes(segment.bytes),
        segment_ms: segment.ms,
        segment_jitter_ms: segment.jitter_ms,
        segment_index_bytes: bytes(segment.index_bytes),
        index_interval_bytes: bytes(segment.index_interval_bytes),
        retention_ms: cleanup.retention_ms,
        retention_bytes: cleanup.retention_bytes,
        cleanup_delete: cleanup.delete,
        cleanup_compact: cleanup.compact,
        // The log would sync in the thread that appends; partitions do it on another.
        flush_messages: i64::MAX,
        flush_ms: segment.flush_ms,
        file_delete_delay_ms: cleanup.file_delete_delay_ms,
        record_bytes_max: record_bytes_max(config),
        preallocate: segment.preallocate,
        producer_id_expiration_ms,
    }
}
