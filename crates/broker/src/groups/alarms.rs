//! When each shard wants to be woken: one table and one sleeper for all of them.

use super::Clock;
use coordinator::Instant;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;

#[derive(Debug, Default)]
pub(super) struct Alarms {
    table: Mutex<Table>,
    /// The first alarm has moved forward.
    earlier: Notify,
}

#[derive(Debug, Default)]
struct Table {
    at: BTreeMap<i32, Instant>,
    order: BTreeSet<(Instant, i32)>,
}

impl Alarms {
    /// Sets the alarm of a shard, or takes it away.
    pub fn set(&self, shard: i32, at: Option<Instant>) {
        let mut table = self.table();
        let before = match at {
            Some(at) => table.at.insert(shard, at),
            None => table.at.remove(&shard),
        };
        if before == at {
            return;
        }
        let first = table.order.first().copied();
        if let Some(before) = before {
            table.order.remove(&(before, shard));
        }
        if let Some(at) = at {
            table.order.insert((at, shard));
            if first.is_none_or(|(first, _)| at < first) {
                self.earlier.notify_one();
            }
        }
    }

    /// Returns when the first alarm is due.
    pub async fn ring(&self, clock: Clock) {
        loop {
            let first = self.table().order.first().map(|(at, _)| *at);
            let wait = first.map(|at| at.0.saturating_sub(clock.now().instant.0));
            match wait.map(Duration::from_millis) {
                Some(Duration::ZERO) => return,
                Some(wait) => {
                    tokio::select! {
                        () = tokio::time::sleep(wait) => {}
                        () = self.earlier.notified() => {}
                    }
                }
                None => self.earlier.notified().await,
            }
        }
    }

    /// The shards whose alarms are due; they set them again when they have looked.
    pub fn take_due(&self, now: Instant) -> Vec<i32> {
        let mut table = self.table();
        let due: Vec<i32> =
            table.order.iter().take_while(|(at, _)| *at <= now).map(|(_, shard)| *shard).collect();
        for shard in &due {
            if let Some(at) = table.at.remove(shard) {
                table.order.remove(&(at, *shard));
            }
        }
        due
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn due_alarms_come_once_in_order() {
        let alarms = Alarms::default();
        alarms.set(7, Some(Instant(30)));
        alarms.set(8, Some(Instant(10)));
        alarms.set(9, Some(Instant(20)));
        alarms.set(9, None);
        alarms.set(7, Some(Instant(5)));
        assert_eq!(alarms.take_due(Instant(4)), [0; 0]);
        assert_eq!(alarms.take_due(Instant(10)), [7, 8]);
        assert_eq!(alarms.take_due(Instant(100)), [0; 0]);
    }
}
