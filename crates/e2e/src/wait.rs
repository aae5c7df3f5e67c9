//! Waiting for a condition, with a deadline and a reason: what tests do in place of sleeping.

use std::time::{Duration, Instant};

/// How long anything that ought to happen may take on a busy machine of two cores.
pub const PATIENCE: Duration = Duration::from_secs(60);
const POLL_INTERVAL: Duration = Duration::from_millis(5);
/// Between questions to servers that share two cores with who asks.
const QUESTION_INTERVAL: Duration = Duration::from_millis(100);

/// The first `Some` of `attempt`.
///
/// # Panics
/// After [`PATIENCE`], with `what`.
pub fn until<T>(what: &str, attempt: impl FnMut() -> Option<T>) -> T {
    let value = within(PATIENCE, attempt);
    value.unwrap_or_else(|| panic!("waited {PATIENCE:?} in vain: {what}"))
}

/// The first `Some` of `attempt`, or `None` once `patience` is at its end.
pub fn within<T>(patience: Duration, attempt: impl FnMut() -> Option<T>) -> Option<T> {
    every(POLL_INTERVAL, patience, attempt)
}

/// The same for attempts that cost those something who are to come so far.
pub fn unhurried<T>(patience: Duration, attempt: impl FnMut() -> Option<T>) -> Option<T> {
    every(QUESTION_INTERVAL, patience, attempt)
}

/// [`until`] for attempts that themselves wait for a server's answer.
///
/// # Panics
/// After [`PATIENCE`], with `what`.
pub async fn eventually<T>(what: &str, mut attempt: impl AsyncFnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(value) = attempt().await {
            return value;
        }
        assert!(start.elapsed() < PATIENCE, "waited {PATIENCE:?} in vain: {what}");
        tokio::time::sleep(POLL_INTERVAL).await;
    }
}

fn every<T>(
    interval: Duration,
    patience: Duration,
    mut attempt: impl FnMut() -> Option<T>,
) -> Option<T> {
    let start = Instant::now();
    loop {
        let value = attempt();
        if value.is_some() || start.elapsed() >= patience {
            return value;
        }
        std::thread::sleep(interval);
    }
}
