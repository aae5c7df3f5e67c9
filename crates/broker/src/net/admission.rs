//! How many connections may be open, in all, of one listener, of one address, and new ones a second.

use arc_swap::ArcSwap;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard};
use tokio::sync::Notify;
use tokio::time::{Duration, Instant};

/// `max.connections`, `max.connections.per.ip` with its overrides, `max.connection.creation.rate`.
#[derive(Clone, Debug)]
pub(crate) struct ConnectionLimits {
    pub connections_max: usize,
    pub connections_per_ip_max: usize,
    pub connections_per_ip_overrides: HashMap<IpAddr, usize>,
    /// Connections accepted a second; `u32::MAX` for no limit.
    pub creation_rate_max: u32,
    /// What holds for single listeners besides.
    pub listeners: HashMap<Arc<str>, ListenerLimits>,
}

/// `listener.name.NAME.max.connections` and `listener.name.NAME.max.connection.creation.rate`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ListenerLimits {
    pub connections_max: usize,
    pub creation_rate_max: u32,
}

impl Default for ConnectionLimits {
    fn default() -> Self {
        Self {
            connections_max: usize::MAX,
            connections_per_ip_max: usize::MAX,
            connections_per_ip_overrides: HashMap::new(),
            creation_rate_max: u32::MAX,
            listeners: HashMap::new(),
        }
    }
}

impl Default for ListenerLimits {
    fn default() -> Self {
        Self { connections_max: usize::MAX, creation_rate_max: u32::MAX }
    }
}

impl ConnectionLimits {
    fn of_listener(&self, name: &str) -> ListenerLimits {
        self.listeners.get(name).copied().unwrap_or_default()
    }

    fn of_address(&self, address: IpAddr) -> usize {
        let own = self.connections_per_ip_overrides.get(&address).copied();
        own.unwrap_or(self.connections_per_ip_max)
    }
}

/// Counts open connections; each holds a [`Ticket`].
#[derive(Debug)]
pub(crate) struct Admission {
    limits: ArcSwap<ConnectionLimits>,
    open: Mutex<Open>,
    /// A connection has ended, or other limits hold.
    moved: Notify,
}

#[derive(Debug, Default)]
struct Open {
    total: usize,
    by_address: HashMap<IpAddr, usize>,
    by_listener: HashMap<Arc<str>, usize>,
    pace: Pace,
    paces: HashMap<Arc<str>, Pace>,
}

/// A connection's place; dropping it frees the place.
#[derive(Debug)]
pub(crate) struct Ticket {
    admission: Arc<Admission>,
    listener: Arc<str>,
    address: IpAddr,
}

impl Admission {
    pub(crate) fn new(limits: ConnectionLimits) -> Arc<Self> {
        let limits = ArcSwap::from_pointee(limits);
        Arc::new(Self { limits, open: Mutex::default(), moved: Notify::new() })
    }

    /// Puts other limits in force, also for who waits. Connections that are open stay.
    pub(crate) fn set_limits(&self, limits: ConnectionLimits) {
        self.limits.store(Arc::new(limits));
        self.moved.notify_waiters();
    }

    /// Waits until one more connection may be created and be open, as Kafka does: clients above
    /// the limits wait. `None` at once if its address has as many as it may.
    pub(super) async fn admit(
        self: &Arc<Self>,
        listener: &Arc<str>,
        address: IpAddr,
    ) -> Option<Ticket> {
        let address = address.to_canonical();
        let due = self.next_turn(listener);
        if due > Instant::now() {
            tokio::time::sleep_until(due).await;
        }
        loop {
            let moved = self.moved.notified();
            let mut moved = std::pin::pin!(moved);
            // from here on no move is missed
            moved.as_mut().enable();
            match self.try_admit(listener, address) {
                Some(outcome) => return outcome,
                None => moved.await,
            }
        }
    }

    /// `None` if there is no room at present.
    fn try_admit(self: &Arc<Self>, listener: &Arc<str>, address: IpAddr) -> Option<Option<Ticket>> {
        let limits = self.limits.load();
        let mut open = self.open();
        let held = open.by_address.get(&address).copied().unwrap_or(0);
        if held >= limits.of_address(address) {
            return Some(None);
        }
        let of_listener = open.by_listener.get(listener).copied().unwrap_or(0);
        if open.total >= limits.connections_max
            || of_listener >= limits.of_listener(listener).connections_max
        {
            return None;
        }
        open.by_address.insert(address, held + 1);
        open.by_listener.insert(Arc::clone(listener), of_listener + 1);
        open.total += 1;
        let (admission, listener) = (Arc::clone(self), Arc::clone(listener));
        Some(Some(Ticket { admission, listener, address }))
    }

    /// When a connection of the listener may come to be, by its own rate and the broker's.
    fn next_turn(&self, listener: &Arc<str>) -> Instant {
        let limits = self.limits.load();
        let now = Instant::now();
        let mut open = self.open();
        let broker = open.pace.next(limits.creation_rate_max, now);
        let pace = open.paces.entry(Arc::clone(listener)).or_default();
        broker.max(pace.next(limits.of_listener(listener).creation_rate_max, now))
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
        if let Some(held) = open.by_listener.get_mut(&self.listener) {
            *held -= 1;
        }
        drop(open);
        self.admission.moved.notify_waiters();
    }
}

/// Spreads new connections over time: a bucket of one second's worth.
#[derive(Debug, Default)]
struct Pace {
    next: Option<Instant>,
}

impl Pace {
    /// When the next connection is due at `rate` a second.
    fn next(&mut self, rate: u32, now: Instant) -> Instant {
        if rate == u32::MAX {
            return now;
        }
        let oldest = now.checked_sub(Duration::from_secs(1)).unwrap_or(now);
        let due = self.next.unwrap_or(now).max(oldest);
        self.next = Some(due + Duration::from_secs(1) / rate.max(1));
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 1));
    const OTHER: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 2));

    fn listener() -> Arc<str> {
        "PLAINTEXT".into()
    }

    #[tokio::test]
    async fn an_address_has_its_own_limit_and_gets_its_place_back() {
        let admission = Admission::new(ConnectionLimits {
            connections_per_ip_max: 1,
            connections_per_ip_overrides: HashMap::from([(OTHER, 2)]),
            ..ConnectionLimits::default()
        });
        let admit = async |address| admission.admit(&listener(), address).await;
        let ticket = admit(ONE).await.expect("the first");
        assert!(admit(ONE).await.is_none());
        let _others = [admit(OTHER).await.expect("one"), admit(OTHER).await.expect("two")];
        assert!(admit("::ffff:10.0.0.2".parse().unwrap()).await.is_none(), "same host");
        drop(ticket);
        assert!(admit(ONE).await.is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn a_rate_lets_through_a_second_s_worth_and_then_paces() {
        let limits = ConnectionLimits { creation_rate_max: 10, ..ConnectionLimits::default() };
        let admission = Admission::new(limits);
        let start = Instant::now();
        for _ in 0..11 {
            admission.admit(&listener(), ONE).await.expect("no limit of addresses");
        }
        assert!(start.elapsed() <= Duration::from_secs(1));
        for _ in 0..20 {
            admission.admit(&listener(), ONE).await.expect("no limit of addresses");
        }
        assert!(start.elapsed() >= Duration::from_secs(2));
        admission.set_limits(ConnectionLimits::default());
        let start = Instant::now();
        for _ in 0..100 {
            admission.admit(&listener(), ONE).await.expect("no limit of addresses");
        }
        assert_eq!(start.elapsed(), Duration::ZERO, "the other limit holds at once");
    }

    #[tokio::test]
    async fn who_waits_for_a_listener_s_room_is_let_in_when_the_limit_rises() {
        let limits = |connections_max| {
            let listener_limits = ListenerLimits { connections_max, ..ListenerLimits::default() };
            ConnectionLimits {
                listeners: HashMap::from([(listener(), listener_limits)]),
                ..ConnectionLimits::default()
            }
        };
        let admission = Admission::new(limits(1));
        let _first = admission.admit(&listener(), ONE).await.expect("there is room");
        let elsewhere = "OTHER".into();
        let _second = admission.admit(&elsewhere, ONE).await.expect("another listener has room");
        let name = listener();
        let mut third = std::pin::pin!(admission.admit(&name, ONE));
        let polled = std::future::poll_fn(|cx| std::task::Poll::Ready(third.as_mut().poll(cx)));
        assert!(polled.await.is_pending());
        admission.set_limits(limits(2));
        let admitted = tokio::time::timeout(Duration::from_secs(20), third).await;
        assert!(admitted.expect("the other limit holds at once").is_some());
    }
}
