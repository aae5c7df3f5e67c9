//! What a reactor knows of each of its connections, so that one coarse sweep closes idle ones.

use super::ListenerKind;
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
    kind: ListenerKind,
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

    pub(super) fn insert(
        &mut self,
        kind: ListenerKind,
        activity: Arc<Activity>,
        task: AbortHandle,
    ) {
        self.entries.insert(task.id(), Entry { kind, activity, task });
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

    /// Whether no client has sent anything for that long.
    pub(super) fn is_quiet(&self, quiet: Duration) -> bool {
        let (now, quiet_ms) = (Instant::now(), millis(quiet));
        let mut clients = self.entries.values().filter(|entry| entry.kind == ListenerKind::Broker);
        clients.all(|entry| entry.activity.idle_ms(now) >= quiet_ms)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_clients_that_were_heard_of_lately_break_the_quiet() {
        const QUIET: Duration = Duration::from_secs(3600);
        let mut registry = Registry::new();
        assert!(registry.is_quiet(QUIET), "nobody is there");
        let task = || tokio::spawn(std::future::pending::<()>()).abort_handle();
        let [of_controller, of_client] = [(); 2].map(|()| registry.activity());
        registry.insert(ListenerKind::Controller, of_controller, task());
        assert!(registry.is_quiet(QUIET), "a quorum is never quiet");
        registry.insert(ListenerKind::Broker, of_client, task());
        assert!(!registry.is_quiet(QUIET), "it has just connected");
        assert!(registry.is_quiet(Duration::ZERO), "nothing came since");
    }
}
