//! What a fetcher is to follow, told by the dispatcher; the latest word on a partition counts.

use super::Key;
use crate::partition::Partition;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;

#[derive(Debug, Default)]
pub(super) struct Orders {
    waiting: Mutex<BTreeMap<Key, Order>>,
    given: Notify,
}

#[derive(Debug)]
pub(super) enum Order {
    /// Its leader is this fetcher's, perhaps in another epoch than before.
    Follow(Arc<Partition>),
    Forget,
}

impl Orders {
    pub fn give(&self, key: Key, order: Order) {
        self.waiting().insert(key, order);
        self.given.notify_one();
    }

    pub fn take(&self) -> BTreeMap<Key, Order> {
        std::mem::take(&mut *self.waiting())
    }

    /// Returns when there is an order.
    pub async fn given(&self) {
        while self.waiting().is_empty() {
            self.given.notified().await;
        }
    }

    fn waiting(&self) -> MutexGuard<'_, BTreeMap<Key, Order>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
