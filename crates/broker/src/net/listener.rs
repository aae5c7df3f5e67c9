//! Listening sockets: bind, accept, admit, hand over to a reactor.

use super::admission::Admission;
use super::connection::ConnectionInfo;
use super::reactor::{Accepted, Reactors};
use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

/// One entry of `listeners`: `NAME://host:port`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListenerSettings {
    pub name: String,
    /// Empty for all interfaces.
    pub host: String,
    /// 0 for one that the system picks.
    pub port: u16,
}

/// Whom a listener is for: each kind answers other APIs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ListenerKind {
    Broker,
    Controller,
}

/// Sizes of `socket.*`.
#[derive(Clone, Debug)]
pub struct SocketSettings {
    pub backlog: u32,
    /// `socket.send.buffer.bytes`; `None` for the system's own (-1).
    pub send_buffer_bytes: Option<u32>,
    /// `socket.receive.buffer.bytes`; `None` for the system's own (-1).
    pub receive_buffer_bytes: Option<u32>,
}

impl Default for SocketSettings {
    fn default() -> Self {
        Self { backlog: 50, send_buffer_bytes: None, receive_buffer_bytes: None }
    }
}

/// A listener that could not be opened.
#[derive(Debug)]
pub struct ListenError {
    listener: String,
    address: String,
    source: io::Error,
}

impl fmt::Display for ListenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { listener, address, source } = self;
        write!(f, "cannot listen on {address} (listener {listener}): {source}")?;
        if source.kind() == io::ErrorKind::AddrInUse {
            write!(f, "; another process has the port: stop it or change `listeners`")?;
        }
        Ok(())
    }
}

impl std::error::Error for ListenError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.source)
    }
}

/// A listener whose sockets are open; clients already queue in its backlog.
#[derive(Debug)]
pub(crate) struct BoundListener {
    pub name: Arc<str>,
    /// As in the settings; what clients are told unless `advertised.listeners` says otherwise.
    pub host: String,
    pub port: u16,
    sockets: Vec<TcpListener>,
}

impl BoundListener {
    /// The address that the first socket listens on.
    pub(crate) fn address(&self) -> io::Result<SocketAddr> {
        self.sockets.first().map_or_else(|| Err(io::ErrorKind::NotFound.into()), |s| s.local_addr())
    }
}

/// Opens a listener on every address that its host has. Only the first must succeed: `localhost`
/// often has an IPv6 address where IPv6 is switched off.
pub(crate) async fn bind(
    settings: &ListenerSettings,
    sockets: &SocketSettings,
) -> Result<BoundListener, ListenError> {
    let failed =
        |address: String, source| ListenError { listener: settings.name.clone(), address, source };
    let addresses = resolve(&settings.host, settings.port)
        .await
        .map_err(|error| failed(format!("{}:{}", settings.host, settings.port), error))?;
    let mut bound = BoundListener {
        name: settings.name.as_str().into(),
        host: settings.host.clone(),
        port: settings.port,
        sockets: Vec::new(),
    };
    let mut first_error = None;
    for mut address in addresses {
        address.set_port(bound.port);
        match open(address, sockets) {
            Ok((socket, port)) => {
                bound.port = port;
                bound.sockets.push(socket);
            }
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
                return Err(failed(address.to_string(), error));
            }
            Err(error) => _ = first_error.get_or_insert_with(|| failed(address.to_string(), error)),
        }
    }
    match first_error {
        Some(error) if bound.sockets.is_empty() => Err(error),
        _ => Ok(bound),
    }
}

async fn resolve(host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
    if host.is_empty() || host == "0.0.0.0" {
        // One socket for both families where the system has IPv6, as Java opens it.
        let both = SocketAddr::from((Ipv6Addr::UNSPECIFIED, port));
        let either = match TcpSocket::new_v6() {
            Ok(_) if host.is_empty() => both,
            _ => SocketAddr::from((Ipv4Addr::UNSPECIFIED, port)),
        };
        return Ok(vec![either]);
    }
    let mut found: Vec<_> = tokio::net::lookup_host((host, port)).await?.collect();
    found.sort_by_key(|address| address.is_ipv6());
    found.dedup();
    match found.is_empty() {
        true => Err(io::Error::new(io::ErrorKind::NotFound, "the host name has no address")),
        false => Ok(found),
    }
}

fn open(address: SocketAddr, settings: &SocketSettings) -> io::Result<(TcpListener, u16)> {
    let socket = match address.ip() {
        IpAddr::V4(_) => TcpSocket::new_v4()?,
        IpAddr::V6(_) => TcpSocket::new_v6()?,
    };
    socket.set_reuseaddr(true)?;
    // the sockets that it accepts have it too: a peer whose machine is gone is noticed at last
    socket.set_keepalive(true)?;
    if let Some(bytes) = settings.receive_buffer_bytes {
        socket.set_recv_buffer_size(bytes)?;
    }
    if let Some(bytes) = settings.send_buffer_bytes {
        socket.set_send_buffer_size(bytes)?;
    }
    socket.bind(address)?;
    let listener = socket.listen(settings.backlog)?;
    let port = listener.local_addr()?.port();
    Ok((listener, port))
}

/// Accepts on every socket of `listeners` until `stopping` turns true.
pub(crate) async fn accept_all(
    listeners: Vec<(BoundListener, ListenerKind)>,
    reactors: Arc<Reactors>,
    admission: Arc<Admission>,
    stopping: watch::Receiver<bool>,
) {
    let mut tasks = JoinSet::new();
    for (listener, kind) in listeners {
        for socket in listener.sockets {
            let acceptor = Acceptor {
                socket,
                name: Arc::clone(&listener.name),
                kind,
                reactors: Arc::clone(&reactors),
                admission: Arc::clone(&admission),
            };
            let mut stopping = stopping.clone();
            tasks.spawn(async move {
                tokio::select! {
                    () = acceptor.run() => {}
                    _ = stopping.wait_for(|stop| *stop) => {}
                }
            });
        }
    }
    while tasks.join_next().await.is_some() {}
}

struct Acceptor {
    socket: TcpListener,
    name: Arc<str>,
    kind: ListenerKind,
    reactors: Arc<Reactors>,
    admission: Arc<Admission>,
}

/// How long to wait when the process has no file descriptors left.
const EXHAUSTED_PAUSE: Duration = Duration::from_millis(100);

impl Acceptor {
    async fn run(self) {
        loop {
            match self.socket.accept().await {
                Ok((stream, peer)) => self.admit(stream, peer).await,
                Err(error) => {
                    tracing::warn!(listener = &*self.name, %error, "could not accept");
                    tokio::time::sleep(EXHAUSTED_PAUSE).await;
                }
            }
        }
    }

    async fn admit(&self, stream: TcpStream, peer: SocketAddr) {
        let Some(ticket) = self.admission.admit(&self.name, peer.ip()).await else {
            tracing::info!(%peer, "closed a connection: max.connections.per.ip");
            return;
        };
        let info = ConnectionInfo::new(peer, Arc::clone(&self.name), self.kind);
        match stream.set_nodelay(true).and_then(|()| stream.into_std()) {
            Ok(stream) => self.reactors.serve(Accepted { stream, info, ticket }).await,
            Err(error) => tracing::debug!(%peer, %error, "connection broke"),
        }
    }
}
