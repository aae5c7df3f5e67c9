//! The topic configs that a log obeys. They take effect at the next append or tick after they are
//! set.

/// The configs of one log, under their names in Kafka.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogConfig {
    /// `segment.bytes`: a segment is closed before it grows beyond.
    pub segment_bytes: u32,
    /// `segment.ms`: a segment is closed when its first batch is older than this, less the jitter.
    pub segment_ms: i64,
    /// `segment.jitter.ms`: at most so much is taken off `segment_ms`, another amount for each
    /// segment.
    pub segment_jitter_ms: i64,
    /// `segment.index.bytes`: a segment is closed when one of its indexes is full.
    pub segment_index_bytes: u32,
    /// `index.interval.bytes`: so many bytes of log lie between two index entries, at least.
    pub index_interval_bytes: u32,
    /// `retention.ms`; negative for no limit.
    pub retention_ms: i64,
    /// `retention.bytes`; negative for no limit.
    pub retention_bytes: i64,
    /// Whether `cleanup.policy` lists `delete`; without it only the start offset retires segments.
    pub cleanup_delete: bool,
    /// Whether `cleanup.policy` lists `compact`: then offsets may be missing between batches.
    pub cleanup_compact: bool,
    /// `flush.messages`: an append that makes so many un-synced records syncs them.
    pub flush_messages: i64,
    /// `flush.ms`: un-synced records are synced at the first tick after so long.
    pub flush_ms: i64,
    /// `file.delete.delay.ms`: a removed file stays so long, renamed, for those who are reading it.
    pub file_delete_delay_ms: i64,
    /// `max.decompressed.message.bytes`: a record that inflates to more is not read for questions
    /// about time.
    pub record_bytes_max: usize,
    /// `preallocate`: a segment's file has its full length from its first batch on.
    pub preallocate: bool,
    /// `producer.id.expiration.ms`: a producer that is silent for so long is forgotten.
    pub producer_id_expiration_ms: i64,
}

impl Default for LogConfig {
    /// Kafka's defaults.
    fn default() -> Self {
        const DAY_MS: i64 = 24 * 60 * 60 * 1000;
        Self {
            segment_bytes: 1 << 30,
            segment_ms: 7 * DAY_MS,
            segment_jitter_ms: 0,
            segment_index_bytes: 10 << 20,
            index_interval_bytes: 4096,
            retention_ms: 7 * DAY_MS,
            retention_bytes: -1,
            cleanup_delete: true,
            cleanup_compact: false,
            flush_messages: i64::MAX,
            flush_ms: i64::MAX,
            file_delete_delay_ms: 60_000,
            record_bytes_max: usize::MAX,
            preallocate: false,
            producer_id_expiration_ms: DAY_MS,
        }
    }
}
