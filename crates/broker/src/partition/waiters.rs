//! Fetches that wait for a partition to move.
//!
//! A waiting fetch registers one [`Waiter`] at each of its partitions; whoever moves a partition's
//! end wakes those registered there and forgets them. A partition without waiters costs an append
//! one atomic read.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;

/// What a waiting fetch sleeps on.
#[derive(Debug, Default)]
pub(crate) struct Waiter {
    notify: Notify,
}

impl Waiter {
    /// Returns when a partition at which this is registered has moved since the last return.
    pub(crate) async fn woken(&self) {
        self.notify.notified().await;
    }
}

/// Those who wait at one partition.
#[derive(Debug, Default)]
pub(super) struct Waiters {
    count: AtomicUsize,
    waiting: Mutex<Vec<Arc<Waiter>>>,
}

impl Waiters {
    /// Registers until the next wake or [`Self::remove`]. Look at the partition again behind this:
    /// what moved before is not told.
    pub(super) fn add(&self, waiter: &Arc<Waiter>) {
        let mut waiting = self.waiting();
        if !waiting.iter().any(|known| Arc::ptr_eq(known, waiter)) {
            waiting.push(Arc::clone(waiter));
        }
        // Sequentially consistent, as is the load in `wake`: either the waker sees this count, or
        // whoever registered sees, when it looks again, what the waker moved.
        self.count.store(waiting.len(), Ordering::SeqCst);
    }

    pub(super) fn remove(&self, waiter: &Arc<Waiter>) {
        let mut waiting = self.waiting();
        waiting.retain(|known| !Arc::ptr_eq(known, waiter));
        self.count.store(waiting.len(), Ordering::SeqCst);
    }

    /// Wakes and forgets everyone; call it behind the move.
    pub(super) fn wake(&self) {
        if self.count.load(Ordering::SeqCst) == 0 {
            return;
        }
        let woken = {
            let mut waiting = self.waiting();
            self.count.store(0, Ordering::SeqCst);
            std::mem::take(&mut *waiting)
        };
        for waiter in woken {
            waiter.notify.notify_one();
        }
    }

    fn waiting(&self) -> MutexGuard<'_, Vec<Arc<Waiter>>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_wake_between_registering_and_sleeping_is_not_lost() {
        let (waiters, waiter) = (Waiters::default(), Arc::new(Waiter::default()));
        waiters.add(&waiter);
        waiters.wake();
        waiter.woken().await;
    }

    #[test]
    fn a_waiter_is_registered_once_and_forgotten_when_removed_or_woken() {
        let (waiters, waiter) = (Waiters::default(), Arc::new(Waiter::default()));
        waiters.add(&waiter);
        waiters.add(&waiter);
        assert_eq!(waiters.count.load(Ordering::SeqCst), 1);
        waiters.remove(&waiter);
        assert_eq!(Arc::strong_count(&waiter), 1);
        waiters.add(&waiter);
        waiters.wake();
        assert_eq!(Arc::strong_count(&waiter), 1);
    }
}
