//! The broker settings that govern groups, with Kafka's defaults.

/// Limits and delays; each field's name is the key of `server.properties` that sets it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupConfig {
    /// `group.initial.rebalance.delay.ms`
    pub initial_rebalance_delay_ms: i32,
    /// `group.min.session.timeout.ms`
    pub session_timeout_ms_min: i32,
    /// `group.max.session.timeout.ms`
    pub session_timeout_ms_max: i32,
    /// `group.max.size`
    pub members_max: usize,
    /// How long a member that does not know its id yet may wait in a join: it cannot heartbeat.
    pub new_member_join_timeout_ms: i32,
    /// `offset.metadata.max.bytes`
    pub offset_metadata_bytes_max: usize,
    /// The offset topic's `max.message.bytes`, less what the batch takes around a single record.
    pub record_bytes_max: usize,
    /// `offsets.retention.minutes`, in milliseconds
    pub offsets_retention_ms: i64,
    /// A rule that does not hold.
    #[cfg(any(test, feature = "broken"))]
    pub broken: Option<crate::Broken>,
}

impl Default for GroupConfig {
    fn default() -> Self {
        Self {
            initial_rebalance_delay_ms: 3_000,
            session_timeout_ms_min: 6_000,
            session_timeout_ms_max: 1_800_000,
            members_max: usize::MAX,
            new_member_join_timeout_ms: 5 * 60 * 1_000,
            offset_metadata_bytes_max: 4_096,
            record_bytes_max: 1_048_588 - 128,
            offsets_retention_ms: 7 * 24 * 60 * 60 * 1_000,
            #[cfg(any(test, feature = "broken"))]
            broken: None,
        }
    }
}
