//! Holds a loop down to so many rounds a second.

use std::time::{Duration, Instant};

/// Shorter waits than this are gathered: timers are not finer.
const WAIT_MIN: Duration = Duration::from_millis(1);

/// A rate to keep.
pub struct Throttle {
    started: Instant,
    /// `None` for as fast as it goes.
    per_second: Option<f64>,
}

impl Throttle {
    /// Rounds a second; unlimited if not positive.
    pub fn new(per_second: f64) -> Self {
        let per_second = (per_second > 0.0).then_some(per_second);
        Self { started: Instant::now(), per_second }
    }

    /// How long to wait before the round after `done` ones; zero when it is late anyway.
    pub fn wait(&self, done: u64) -> Duration {
        let Some(per_second) = self.per_second else { return Duration::ZERO };
        #[expect(clippy::cast_precision_loss, reason = "a rate is an approximation")]
        let due = Duration::from_secs_f64(done as f64 / per_second);
        let early = due.saturating_sub(self.started.elapsed());
        if early < WAIT_MIN { Duration::ZERO } else { early }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_early_waits() {
        let throttle = Throttle::new(0.1);
        assert_eq!(throttle.wait(0), Duration::ZERO);
        assert!(throttle.wait(10) > Duration::from_secs(50));
        assert_eq!(Throttle::new(-1.0).wait(1_000_000), Duration::ZERO);
    }
}
