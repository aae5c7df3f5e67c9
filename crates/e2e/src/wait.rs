//! Waiting for a condition, with a deadline and a reason: what tests do in place of sleeping.

use std::time::{Duration, Instant};

/// How long anything that ought to happen may take on a busy machine of two cores.
pub const PATIENCE: Duration = Duration::from_secs(60);
const POLL_INTERVAL: Duration = Duration::from_millis(5);

/// The first `Some` of `attempt`.
///
/// # Panics
/// After [`PATIENCE`], with `what`.
pub fn until<T>(what: &str, mut attempt: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(value) = attempt() {
            return value;
        }
        assert!(start.elapsed() < PATIENCE, "waited {PATIENCE:?} in vain: {what}");
        std::thread::sleep(POLL_INTERVAL);
    }
}
