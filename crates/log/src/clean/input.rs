//! What a cleaning takes from its log, to run without it.

use types::{Offset, ProducerEpoch, ProducerId, TimestampMs};

use crate::index::AbortedTxn;

/// What is taken from the log under its lock.
#[derive(Debug)]
pub(crate) struct Input {
    pub(crate) first_dirty: Offset,
    pub(crate) until: Offset,
    pub(crate) high_watermark: Offset,
    pub(crate) aborted: Vec<AbortedTxn>,
    /// Each producer's last data offset, if it has one, and epoch.
    pub(crate) producers: Vec<(ProducerId, Option<Offset>, ProducerEpoch)>,
    pub(crate) now: TimestampMs,
    pub(crate) delete_retention_ms: i64,
    pub(crate) record_bytes_max: usize,
    pub(crate) segment_bytes: u32,
    pub(crate) index_interval_bytes: u32,
    pub(crate) truncations: u64,
}
