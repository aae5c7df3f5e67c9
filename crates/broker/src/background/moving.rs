//! Moves replicas between directories, one piece of each in turn, no faster than the throttle says.

use crate::partition::{Partitions, Relocations, Step};
use std::io;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// Copied at a time: a few milliseconds of a disk's work.
const PIECE_BYTES_MAX: u32 = 1 << 20;

/// Between looks at logs whose copies have everything so far.
const IDLE_PAUSE: Duration = Duration::from_millis(100);

/// A throttled move looks so often whether the throttle was changed.
const THROTTLED_PAUSE_MAX: Duration = Duration::from_secs(1);

/// The running thread.
#[derive(Debug)]
pub(crate) struct Mover {
    relocations: Arc<Relocations>,
    thread: JoinHandle<()>,
}

impl Mover {
    pub(crate) fn start(partitions: &Partitions) -> io::Result<Self> {
        let relocations = Arc::clone(partitions.relocations());
        let thread = thread::Builder::new().name("klamm-mover".into());
        let work = Arc::clone(&relocations);
        Ok(Self { relocations, thread: thread.spawn(move || run(&work))? })
    }

    /// Ends the thread behind the piece that it is copying; the rest is for the next start.
    pub(crate) fn stop(self) {
        self.relocations.stop();
        if self.thread.join().is_err() {
            tracing::error!("the thread that moves replicas panicked");
        }
    }
}

fn run(relocations: &Relocations) {
    let mut throttle = Throttle::new(Instant::now());
    let mut pause = Duration::ZERO;
    while let Some(moving) = relocations.next(pause) {
        pause = IDLE_PAUSE;
        for partition in moving {
            let allowed = throttle.allowed(relocations.rate(), Instant::now());
            if let Err(wait) = allowed {
                pause = wait.min(THROTTLED_PAUSE_MAX);
                break;
            }
            match partition.move_on(PIECE_BYTES_MAX) {
                Step::Copied(bytes) => {
                    throttle.spend(bytes);
                    pause = Duration::ZERO;
                }
                Step::Waiting => {}
                Step::Complete => relocations.tell_of(partition),
                Step::Ended => {
                    if partition.future().is_none() {
                        relocations.ended(&partition);
                    }
                    pause = Duration::ZERO;
                }
            }
        }
    }
}

/// Lets through what a rate allows: a piece may exceed it, and is waited for afterwards.
#[derive(Debug)]
struct Throttle {
    /// Bytes that were copied and not yet earned.
    debt: u64,
    at: Instant,
}

impl Throttle {
    fn new(at: Instant) -> Self {
        Self { debt: 0, at }
    }

    fn spend(&mut self, bytes: u64) {
        self.debt = self.debt.saturating_add(bytes);
    }

    /// Whether more may be copied.
    ///
    /// # Errors
    /// How long it has to wait.
    fn allowed(&mut self, bytes_per_second: u64, now: Instant) -> Result<(), Duration> {
        let passed = now.duration_since(self.at);
        let earned = u128::from(bytes_per_second) * passed.as_micros() / 1_000_000;
        let earned = u64::try_from(earned).unwrap_or(u64::MAX);
        if earned > 0 || bytes_per_second == 0 {
            self.debt = self.debt.saturating_sub(earned);
            self.at = now;
        }
        match (self.debt, bytes_per_second) {
            (0, 1..) => Ok(()),
            (_, 0) => Err(Duration::MAX),
            (debt, rate) => {
                let micros = u128::from(debt) * 1_000_000 / u128::from(rate);
                Err(Duration::from_micros(u64::try_from(micros).unwrap_or(u64::MAX).max(1)))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_copied_is_waited_for() {
        let start = Instant::now();
        let mut throttle = Throttle::new(start);
        assert_eq!(throttle.allowed(1000, start), Ok(()));
        throttle.spend(3000);
        assert_eq!(throttle.allowed(1000, start), Err(Duration::from_secs(3)));
        let later = start + Duration::from_secs(2);
        assert_eq!(throttle.allowed(1000, later), Err(Duration::from_secs(1)));
        assert_eq!(throttle.allowed(2000, later + Duration::from_millis(500)), Ok(()));
    }

    #[test]
    fn nothing_is_saved_up_and_a_rate_of_zero_stops() {
        let start = Instant::now();
        let mut throttle = Throttle::new(start);
        let later = start + Duration::from_secs(100);
        assert_eq!(throttle.allowed(1000, later), Ok(()));
        throttle.spend(1000);
        assert_eq!(throttle.allowed(1000, later), Err(Duration::from_secs(1)));
        assert_eq!(throttle.allowed(0, later), Err(Duration::MAX));
        assert_eq!(throttle.allowed(u64::MAX, later + Duration::from_micros(1)), Ok(()));
    }
}
