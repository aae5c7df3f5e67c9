//! What a reactor knows of each of its connections, so that one coarse sweep closes idle ones.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::task::{AbortHandle, Id};

/// Written by a connection as it works, read by its reactor's sweep. Both are on one thread: the
/// atomics only satisfy `Send`, and no ordering between them matters.
#[derive(Debug)]
pub(super) struct Activity {
    epoch: Instant,
    touched_ms: AtomicU64,
    busy: AtomicBool,
    closing: AtomicBool,
}

impl Activity {
    fn new(epoch: Instant) -> Self {
        let activity = Self {
            epoch,
            touched_ms: AtomicU64::new(0),
            busy: AtomicBool::new(false),
            closing: AtomicBool::new(false),
        };
        activity.touch(Instant::now());
        activity
    }

    /// Notes that bytes arrived or an answer was finished.
    pub(super) fn touch(&self, now: Instant) {
        self.touched_ms.store(millis(now - self.epoch), Ordering::Relaxed);
    }

    /// A request is being answered: neither sweep nor shutdown may cut the connection.
    pub(super) fn set_busy(&self, busy: bool) {
        self.busy.store(busy, Ordering::Relaxed);
    }

    /// The connection shall end behind the answer that it is working on.
    pub(super) fn is_closing(&self) -> bool {
        self.closing.load(Ordering::Relaxed)
    }

    fn is_busy(&self) -> bool {
        self.busy.load(Ordering::Relaxed)
    }

    fn idle_ms(&self, now: Instant) -> u64 {
        millis(now - self.epoch).saturating_sub(self.touched_ms.load(Ordering::Relaxed))
    }
}

#[derive(Debug)]
struct Entry {
    activity: Arc<Activity>,
    task: AbortHandle,
}

#[derive(Debug)]
pub(super) struct Registry {
    epoch: Instant,
    entries: HashMap<Id, Entry>,
}

impl Registry {
    pub(super) fn new() -> Self {
        Self { epoch: Instant::now(), entries: HashMap::new() }
    }

    pub(super) fn activity(&self) -> Arc<Activity> {
        Arc::new(Activity::new(self.epoch))
    }

    pub(super) fn insert(&mut self, activity: Arc<Activity>, task: AbortHandle) {
        self.entries.insert(task.id(), Entry { activity, task });
    }

    pub(super) fn remove(&mut self, id: Id) {
        self.entries.remove(&id);
    }

    /// Closes every connection that has been silent for longer than `idle_max`.
    pub(super) fn sweep(&self, idle_max: Duration) {
        let now = Instant::now();
        let idle_max_ms = millis(idle_max);
        let is_idle =
            |entry: &&Entry| !entry.activity.is_busy() && entry.activity.idle_ms(now) > idle_max_ms;
        let mut closed = 0;
        for entry in self.entries.values().filter(is_idle) {
            entry.task.abort();
            closed += 1;
        }
        if closed > 0 {
            tracing::debug!(closed, "closed connections that were idle");
        }
    }

    /// Closes idle connections and tells the busy ones to end behind their present answer.
    pub(super) fn stop(&self) {
        for entry in self.entries.values() {
            entry.activity.closing.store(true, Ordering::Relaxed);
            if !entry.activity.is_busy() {
                entry.task.abort();
            }
        }
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
