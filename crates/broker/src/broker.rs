//! Starting and stopping the whole server, in order.

use crate::net::{self, BoundListener, ListenError, Reactors};
use crate::node::Node;
use crate::settings::Settings;
use crate::telemetry::{self, HttpServer, Metrics};
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// The server; see [`Broker::start`].
#[derive(Debug)]
pub struct Broker;

/// Why the server did not start.
#[derive(Debug)]
pub enum StartError {
    Listen(ListenError),
    Http { address: String, source: io::Error },
    Threads(io::Error),
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Listen(error) => error.fmt(f),
            Self::Http { address, source } => {
                write!(f, "cannot serve metrics on {address}: {source}")
            }
            Self::Threads(error) => write!(f, "cannot start the network threads: {error}"),
        }
    }
}

impl std::error::Error for StartError {}

impl From<ListenError> for StartError {
    fn from(error: ListenError) -> Self {
        Self::Listen(error)
    }
}

/// A server that answers requests until [`Running::shutdown`].
pub struct Running {
    node: Arc<Node>,
    reactors: Arc<Reactors>,
    accepting: JoinHandle<()>,
    http: Option<HttpServer>,
    stop: watch::Sender<bool>,
    listeners: Vec<(Arc<str>, SocketAddr)>,
}

impl Broker {
    /// Opens the listeners and serves.
    ///
    /// # Errors
    /// When a port, a thread or a directory cannot be had; nothing runs then.
    pub async fn start(settings: Settings) -> Result<Running, StartError> {
        let mut bound = Vec::new();
        for listener in &settings.network.listeners {
            bound.push(net::bind(listener, &settings.network.sockets).await?);
        }
        let listeners = addresses(&bound);
        let (stop, stopping) = watch::channel(false);
        let node = Arc::new(Node {
            settings,
            metrics: Metrics::default(),
            stopping,
            ready: AtomicBool::new(false),
        });
        let http = start_http(&node).await?;
        let reactors = Reactors::start(&node, node.settings.network.reactors);
        let reactors = Arc::new(reactors.map_err(StartError::Threads)?);
        let limits = node.settings.network.connection_limits.clone();
        let accept = net::accept_all(bound, Arc::clone(&reactors), limits, node.stopping.clone());
        let accepting = tokio::spawn(accept);
        node.ready.store(true, Ordering::Release);
        Ok(Running { node, reactors, accepting, http, stop, listeners })
    }
}

async fn start_http(node: &Arc<Node>) -> Result<Option<HttpServer>, StartError> {
    let Some(address) = &node.settings.network.http else { return Ok(None) };
    match telemetry::serve(Arc::clone(node), address).await {
        Ok(server) => Ok(Some(server)),
        Err(source) => Err(StartError::Http { address: address.clone(), source }),
    }
}

fn addresses(bound: &[BoundListener]) -> Vec<(Arc<str>, SocketAddr)> {
    let address = |listener: &BoundListener| {
        listener.address().ok().map(|address| (Arc::clone(&listener.name), address))
    };
    bound.iter().filter_map(address).collect()
}

impl Running {
    /// The address that a listener's first socket has.
    #[must_use]
    pub fn address(&self, listener: &str) -> Option<SocketAddr> {
        self.listeners.iter().find(|(name, _)| &**name == listener).map(|(_, address)| *address)
    }

    /// The address of `/metrics`, if it is served.
    #[must_use]
    pub fn http_address(&self) -> Option<SocketAddr> {
        self.http.as_ref().map(|http| http.address)
    }

    /// Stops in order: no new connections, requests in progress answered, then everything closed.
    pub async fn shutdown(self) {
        self.node.ready.store(false, Ordering::Release);
        self.stop.send_replace(true);
        joined("accepting", self.accepting.await);
        let grace = self.node.settings.network.stop_grace;
        let reactors = Arc::into_inner(self.reactors).expect("who accepted has ended");
        reactors.stop(grace).await;
        if let Some(http) = self.http {
            http.stopped().await;
        }
    }
}

fn joined(what: &str, result: Result<(), tokio::task::JoinError>) {
    if let Err(error) = result {
        tracing::error!(what, %error, "a task of the server panicked");
    }
}
