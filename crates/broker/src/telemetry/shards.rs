//! Counters of which each thread has its own copy, so that counting never moves a cache line.

use std::cell::Cell;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Copies of each metric; threads beyond that many share.
const SHARDS: usize = 8;

static NEXT_SHARD: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    static SHARD: Cell<Option<usize>> = const { Cell::new(None) };
}

/// `SHARDS` values of `T`, of which a thread writes to one.
#[derive(Debug)]
pub(super) struct Sharded<T> {
    shards: Box<[Padded<T>]>,
}

/// Alone on its cache lines (two, because processors prefetch them in pairs).
#[derive(Debug, Default)]
#[repr(align(128))]
struct Padded<T>(T);

impl<T: Default> Default for Sharded<T> {
    fn default() -> Self {
        Self { shards: (0..SHARDS).map(|_| Padded::default()).collect() }
    }
}

impl<T> Sharded<T> {
    /// This thread's copy.
    pub(super) fn mine(&self) -> &T {
        let index = SHARD.get().unwrap_or_else(|| {
            let index = NEXT_SHARD.fetch_add(1, Ordering::Relaxed) % SHARDS;
            SHARD.set(Some(index));
            index
        });
        &self.shards[index].0
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &T> {
        self.shards.iter().map(|shard| &shard.0)
    }
}
