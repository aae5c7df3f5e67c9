//! Where a partition's log begins and ends, readable without its lock.

use std::sync::atomic::{AtomicI64, Ordering};
use types::Offset;

/// Written under the log's lock, read by anyone. Each value only says how far it was at some
/// moment; whoever needs them to agree takes the lock.
#[derive(Debug, Default)]
pub(super) struct Ends {
    log_start: AtomicI64,
    last_stable: AtomicI64,
    high_watermark: AtomicI64,
    log_end: AtomicI64,
}

/// The ends at one moment.
///
/// ```text
///   log_start <= last_stable <= high_watermark <= log_end
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct EndsSeen {
    pub log_start: Offset,
    /// No transaction is open before it.
    pub last_stable: Offset,
    /// Every in-sync replica has what is before it.
    pub high_watermark: Offset,
    pub log_end: Offset,
}

impl Ends {
    pub(super) fn see(&self) -> EndsSeen {
        let load = |end: &AtomicI64| Offset(end.load(Ordering::Acquire));
        EndsSeen {
            log_start: load(&self.log_start),
            last_stable: load(&self.last_stable),
            high_watermark: load(&self.high_watermark),
            log_end: load(&self.log_end),
        }
    }

    pub(super) fn set(&self, ends: EndsSeen) {
        let store = |end: &AtomicI64, value: Offset| end.store(value.0, Ordering::Release);
        store(&self.log_end, ends.log_end);
        store(&self.high_watermark, ends.high_watermark);
        store(&self.last_stable, ends.last_stable);
        store(&self.log_start, ends.log_start);
    }
}
