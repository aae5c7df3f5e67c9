//! Arithmetic on the time that the shell brings.

use types::TimestampMs;

/// The moment `ms` behind `now`.
pub(crate) fn after(now: TimestampMs, ms: u32) -> TimestampMs {
    TimestampMs(now.0.saturating_add(i64::from(ms)))
}

/// The earlier of two moments, where `None` is never.
pub(crate) fn earlier(a: Option<TimestampMs>, b: Option<TimestampMs>) -> Option<TimestampMs> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (one, other) => one.or(other),
    }
}
