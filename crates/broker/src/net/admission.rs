//! How many connections may be open, in all, of one address, and new ones a second.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard};
use tokio::sync::Notify;
use tokio::time::{Duration, Instant};

/// `max.connections`, `max.connections.per.ip` with its overrides, `max.connection.creation.rate`.
#[derive(Clone, Debug)]
pub struct ConnectionLimits {
    pub connections_max: usize,
    pub connections_per_ip_max: usize,
    pub connections_per_ip_overrides: HashMap<IpAddr, usize>,
    /// Connections accepted a second; `u32::MAX` for no limit.
    pub creation_rate_max: u32,
}

impl Default for ConnectionLimits {
    fn default() -> Self {
        Self {
            connections_max: usize::MAX,
            connections_per_ip_max: usize::MAX,
            connections_per_ip_overrides: HashMap::new(),
            creation_rate_max: u32::MAX,
        }
    }
}

/// Counts open connections; each holds a [`Ticket`].
#[derive(Debug)]
pub(super) struct Admission {
    limits: ConnectionLimits,
    open: Mutex<Open>,
    left: Notify,
}

#[derive(Debug, Default)]
struct Open {
    total: usize,
    by_address: HashMap<IpAddr, usize>,
}

/// A connection's place; dropping it frees the place.
#[derive(Debug)]
pub(crate) struct Ticket {
    admission: Arc<Admission>,
    address: IpAddr,
}

impl Admission {
    pub(super) fn new(limits: ConnectionLimits) -> Arc<Self> {
        Arc::new(Self { limits, open: Mutex::default(), left: Notify::new() })
    }

    /// Returns when one more connection may be accepted: as in Kafka, clients above the limit
    /// wait in the listener's backlog.
    pub(super) async fn room(&self) {
        loop {
            let left = self.left.notified();
            if self.open().total < self.limits.connections_max {
                return;
            }
            left.await;
        }
    }

    /// Counts a connection in; `None` if its address has as many as it may.
    pub(super) fn admit(self: &Arc<Self>, address: IpAddr) -> Option<Ticket> {
        let limits = &self.limits;
        let address = address.to_canonical();
        let most = limits
            .connections_per_ip_overrides
            .get(&address)
            .copied()
            .unwrap_or(limits.connections_per_ip_max);
        let mut open = self.open();
        let held = open.by_address.get(&address).copied().unwrap_or(0);
        if held >= most {
            return None;
        }
        open.by_address.insert(address, held + 1);
        open.total += 1;
        Some(Ticket { admission: Arc::clone(self), address })
    }

    pub(super) fn pace(&self) -> Pace {
        Pace::new(self.limits.creation_rate_max)
    }

    fn open(&self) -> MutexGuard<'_, Open> {
        self.open.lock().expect("counting does not panic")
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let mut open = self.admission.open();
        open.total -= 1;
        if let Some(held) = open.by_address.get_mut(&self.address) {
            *held -= 1;
            if *held == 0 {
                open.by_address.remove(&self.address);
            }
        }
        drop(open);
        self.admission.left.notify_waiters();
    }
}

/// Spreads accepted connections over time: a bucket of one second's worth.
#[derive(Debug)]
pub(super) struct Pace {
    interval: Option<Duration>,
    next: Instant,
}

impl Pace {
    fn new(rate: u32) -> Self {
        let interval = (rate != u32::MAX).then(|| Duration::from_secs(1) / rate.max(1));
        Self { interval, next: Instant::now() }
    }

    /// Returns when the next connection is due.
    pub(super) async fn turn(&mut self) {
        let Some(interval) = self.interval else { return };
        let now = Instant::now();
        let oldest = now.checked_sub(Duration::from_secs(1)).unwrap_or(now);
        self.next = self.next.max(oldest);
        if self.next > now {
            tokio::time::sleep_until(self.next).await;
        }
        self.next += interval;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_its_own_limit_and_gets_its_place_back() {
        let one: IpAddr = "10.0.0.1".parse().unwrap();
        let other: IpAddr = "10.0.0.2".parse().unwrap();
        let admission = Admission::new(ConnectionLimits {
            connections_per_ip_max: 1,
            connections_per_ip_overrides: HashMap::from([(other, 2)]),
            ..ConnectionLimits::default()
        });
        let ticket = admission.admit(one).expect("the first");
        assert!(admission.admit(one).is_none());
        let _others = [admission.admit(other).expect("one"), admission.admit(other).expect("two")];
        assert!(admission.admit("::ffff:10.0.0.2".parse().unwrap()).is_none(), "same host");
        drop(ticket);
        assert!(admission.admit(one).is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn a_rate_lets_through_a_second_s_worth_and_then_paces() {
        let mut pace = Pace::new(10);
        let start = Instant::now();
        for _ in 0..11 {
            pace.turn().await;
        }
        assert!(start.elapsed() <= Duration::from_secs(1));
        for _ in 0..20 {
            pace.turn().await;
        }
        assert!(start.elapsed() >= Duration::from_secs(2));
    }
}
