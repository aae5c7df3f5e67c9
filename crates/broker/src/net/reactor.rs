//! Threads that serve connections: each an event loop of its own.
//!
//! A work-stealing runtime wakes a second thread for nearly every small request; here none is.
//! What may block (cold reads, opening a log) leaves the reactor for a blocking pool.

use super::admission::Ticket;
use super::connection::{Connection, ConnectionInfo};
use super::registry::Registry;
use crate::node::Node;
use std::io;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use tokio::time::MissedTickBehavior;

/// A connection on its way to its reactor.
pub(super) struct Accepted {
    pub stream: std::net::TcpStream,
    pub info: ConnectionInfo,
    pub ticket: Ticket,
}

enum Order {
    Serve(Accepted),
    AwaitQuiet { quiet: Duration, done: oneshot::Sender<()> },
    Stop { grace: Duration, done: oneshot::Sender<()> },
}

/// How many accepted connections may wait for one reactor to take them.
const ORDERS_MAX: usize = 1024;

/// Threads for calls that block, a reactor.
const BLOCKING_THREADS_MAX: usize = 4;

struct Reactor {
    orders: mpsc::Sender<Order>,
    connections: Arc<AtomicUsize>,
    thread: thread::JoinHandle<()>,
}

pub(crate) struct Reactors {
    reactors: Vec<Reactor>,
}

impl Reactors {
    /// Starts one reactor a processor, or as many as asked for.
    pub(crate) fn start(node: &Arc<Node>, count: Option<NonZeroUsize>) -> io::Result<Self> {
        let count = match count {
            Some(count) => count,
            None => thread::available_parallelism()?,
        };
        let reactors = (0..count.get()).map(|index| Reactor::start(index, node));
        Ok(Self { reactors: reactors.collect::<io::Result<_>>()? })
    }

    /// Hands a connection to the reactor that has the fewest.
    pub(super) async fn serve(&self, accepted: Accepted) {
        let load = |reactor: &&Reactor| reactor.connections.load(Ordering::Relaxed);
        let reactor = self.reactors.iter().min_by_key(load).expect("at least one reactor");
        reactor.connections.fetch_add(1, Ordering::Relaxed);
        // A reactor that has stopped drops the connection: the server is going down.
        let _ = reactor.orders.send(Order::Serve(accepted)).await;
    }

    /// Returns when no client has sent anything for as long as `quiet`.
    pub(crate) async fn quiet(&self, quiet: Duration) {
        self.order_all(|done| Order::AwaitQuiet { quiet, done }).await;
    }

    /// Lets every request in progress finish within `grace`, then closes what is left.
    pub(crate) async fn stop(self, grace: Duration) {
        self.order_all(|done| Order::Stop { grace, done }).await;
        for reactor in self.reactors {
            if reactor.thread.join().is_err() {
                tracing::error!("a reactor panicked");
            }
        }
    }

    /// Gives each reactor an order, and waits until all have carried it out.
    async fn order_all(&self, order: impl Fn(oneshot::Sender<()>) -> Order) {
        let mut ends = Vec::new();
        for reactor in &self.reactors {
            let (done, end) = oneshot::channel();
            let _ = reactor.orders.send(order(done)).await;
            ends.push(end);
        }
        for end in ends {
            let _ = end.await;
        }
    }
}

impl Reactor {
    fn start(index: usize, node: &Arc<Node>) -> io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .max_blocking_threads(BLOCKING_THREADS_MAX)
            .thread_name(format!("klamm-blocking-{index}"))
            .build()?;
        let (orders, inbox) = mpsc::channel(ORDERS_MAX);
        let connections = Arc::new(AtomicUsize::new(0));
        let work = Loop { node: Arc::clone(node), connections: Arc::clone(&connections) };
        let thread = thread::Builder::new()
            .name(format!("klamm-reactor-{index}"))
            .spawn(move || runtime.block_on(work.run(inbox)))?;
        Ok(Self { orders, connections, thread })
    }
}

struct Loop {
    node: Arc<Node>,
    connections: Arc<AtomicUsize>,
}

/// Somebody waits until clients are quiet.
struct Listening {
    quiet: Duration,
    looks: tokio::time::Interval,
    done: oneshot::Sender<()>,
}

/// How often it is looked at whether clients are quiet.
const LISTENING_INTERVAL: Duration = Duration::from_millis(5);

/// How often idle connections are looked for, at most and at least.
const SWEEP_MAX: Duration = Duration::from_secs(10);
const SWEEP_MIN: Duration = Duration::from_millis(20);

impl Loop {
    async fn run(self, mut orders: mpsc::Receiver<Order>) {
        let mut registry = Registry::new();
        let mut tasks = JoinSet::new();
        let idle_max = self.node.settings.network.connection_idle_max;
        let mut sweep =
            idle_max.map(|idle| tokio::time::interval((idle / 4).clamp(SWEEP_MIN, SWEEP_MAX)));
        if let Some(sweep) = &mut sweep {
            sweep.set_missed_tick_behavior(MissedTickBehavior::Delay);
        }
        let mut listening: Option<Listening> = None;
        loop {
            tokio::select! {
                order = orders.recv() => match order {
                    Some(Order::Serve(accepted)) => {
                        self.serve(accepted, &mut registry, &mut tasks);
                    }
                    Some(Order::AwaitQuiet { quiet, done }) => {
                        let looks = tokio::time::interval(LISTENING_INTERVAL);
                        listening = Some(Listening { quiet, looks, done });
                    }
                    Some(Order::Stop { grace, done }) => {
                        registry.stop();
                        drain(&mut tasks, grace).await;
                        let _ = done.send(());
                        return;
                    }
                    None => return,
                },
                Some(ended) = tasks.join_next_with_id() => {
                    self.connections.fetch_sub(1, Ordering::Relaxed);
                    match ended {
                        Ok((id, ())) => registry.remove(id),
                        Err(error) => {
                            registry.remove(error.id());
                            if error.is_panic() {
                                tracing::error!(%error, "a request panicked; its connection is closed");
                            }
                        }
                    }
                }
                () = tick(sweep.as_mut()) => registry.sweep(idle_max.unwrap_or(Duration::MAX)),
                () = tick(listening.as_mut().map(|listening| &mut listening.looks)) => {
                    let quiet = listening.take_if(|l| registry.is_quiet(l.quiet));
                    if let Some(Listening { done, .. }) = quiet {
                        let _ = done.send(());
                    }
                }
            }
        }
    }

    fn serve(&self, accepted: Accepted, registry: &mut Registry, tasks: &mut JoinSet<()>) {
        let Accepted { stream, info, ticket } = accepted;
        let stream = match TcpStream::from_std(stream) {
            Ok(stream) => stream,
            Err(error) => {
                self.connections.fetch_sub(1, Ordering::Relaxed);
                tracing::warn!(peer = %info.peer, %error, "could not take a connection on");
                return;
            }
        };
        let (kind, activity) = (info.kind, registry.activity());
        let node = Arc::clone(&self.node);
        let connection =
            Connection { node, info, stream, activity: Arc::clone(&activity), _ticket: ticket };
        registry.insert(kind, activity, tasks.spawn(connection.serve()));
    }
}

async fn tick(interval: Option<&mut tokio::time::Interval>) {
    match interval {
        Some(interval) => _ = interval.tick().await,
        None => std::future::pending().await,
    }
}

async fn drain(tasks: &mut JoinSet<()>, grace: Duration) {
    let all = async { while tasks.join_next().await.is_some() {} };
    if tokio::time::timeout(grace, all).await.is_err() {
        tracing::warn!(connections = tasks.len(), "closing connections that are still busy");
        tasks.shutdown().await;
    }
}
