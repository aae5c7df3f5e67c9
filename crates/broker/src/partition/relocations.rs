//! Replicas that move between directories, and those of which the controller does not know where
//! they are: what the threads that see to them wait for.

use super::Partition;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;

#[derive(Debug)]
pub(crate) struct Relocations {
    moving: Mutex<Moving>,
    changed: Condvar,
    misplaced: Mutex<Vec<Arc<Partition>>>,
    found: Notify,
    /// `replica.alter.log.dirs.io.max.bytes.per.second`.
    bytes_per_second: AtomicU64,
}

#[derive(Debug, Default)]
struct Moving {
    partitions: Vec<Arc<Partition>>,
    stop: bool,
}

impl Default for Relocations {
    fn default() -> Self {
        Self {
            moving: Mutex::default(),
            changed: Condvar::new(),
            misplaced: Mutex::default(),
            found: Notify::new(),
            bytes_per_second: AtomicU64::new(u64::MAX),
        }
    }
}

impl Relocations {
    /// A partition has begun to move.
    pub(crate) fn begun(&self, partition: Arc<Partition>) {
        let mut moving = self.moving();
        if !moving.partitions.iter().any(|known| Arc::ptr_eq(known, &partition)) {
            moving.partitions.push(partition);
        }
        self.changed.notify_all();
    }

    /// A partition does not move any more.
    pub(crate) fn ended(&self, partition: &Arc<Partition>) {
        self.moving().partitions.retain(|known| !Arc::ptr_eq(known, partition));
    }

    /// All that move; `None` when the thread that moves them shall end. Waits at most `time`, and
    /// without a limit while nothing moves.
    pub(crate) fn next(&self, time: Duration) -> Option<Vec<Arc<Partition>>> {
        let is_idle = |moving: &mut Moving| moving.partitions.is_empty() && !moving.stop;
        let moving = self.changed.wait_while(self.moving(), is_idle);
        let mut moving = moving.unwrap_or_else(PoisonError::into_inner);
        if !time.is_zero() && !moving.stop {
            let waited = self.changed.wait_timeout(moving, time);
            moving = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        (!moving.stop).then(|| moving.partitions.clone())
    }

    /// Ends the thread that moves replicas behind its present step.
    pub(crate) fn stop(&self) {
        self.moving().stop = true;
        self.changed.notify_all();
    }

    /// The controller is to be told where the partition is.
    pub(crate) fn tell_of(&self, partition: Arc<Partition>) {
        self.misplaced().push(partition);
        self.found.notify_one();
    }

    /// Returns when there is something to tell.
    pub(crate) async fn something_to_tell(&self) {
        self.found.notified().await;
    }

    pub(crate) fn take_misplaced(&self) -> Vec<Arc<Partition>> {
        std::mem::take(&mut *self.misplaced())
    }

    pub(crate) fn set_rate(&self, bytes_per_second: u64) {
        self.bytes_per_second.store(bytes_per_second, Ordering::Relaxed);
        self.changed.notify_all();
    }

    pub(crate) fn rate(&self) -> u64 {
        self.bytes_per_second.load(Ordering::Relaxed)
    }

    fn moving(&self) -> MutexGuard<'_, Moving> {
        self.moving.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn misplaced(&self) -> MutexGuard<'_, Vec<Arc<Partition>>> {
        self.misplaced.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
