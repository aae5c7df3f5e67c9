//! One connection: read frames, answer them one at a time in order, write what they made.

use super::ListenerKind;
use super::admission::Ticket;
use super::inbox::{Front, Inbox};
use super::outbox::Outbox;
use super::registry::Activity;
use crate::dispatch::{self, Refusal};
use crate::node::Node;
use metadata::BrokerRun;
use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Poll;
use std::time::Instant;
use tokio::io::Interest;
use tokio::net::TcpStream;

/// What is known of a connection besides its bytes.
#[derive(Debug)]
pub(crate) struct ConnectionInfo {
    pub peer: SocketAddr,
    /// Name of the listener that accepted it, as in `listeners`.
    pub listener: Arc<str>,
    pub kind: ListenerKind,
    /// The run of a broker that beats on it.
    heartbeats_of: Mutex<Option<BrokerRun>>,
}

impl ConnectionInfo {
    pub(super) fn new(peer: SocketAddr, listener: Arc<str>, kind: ListenerKind) -> Self {
        Self { peer, listener, kind, heartbeats_of: Mutex::new(None) }
    }

    /// A broker has beaten on this connection: when it closes, the broker may be gone.
    pub(crate) fn carries_heartbeats_of(&self, run: BrokerRun) {
        *self.heartbeats_of.lock().unwrap_or_else(PoisonError::into_inner) = Some(run);
    }
}

/// The other end of a connection, for whoever makes it wait for an answer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OtherEnd<'a>(&'a TcpStream);

impl OtherEnd<'_> {
    /// Returns when the peer will send no more: it has hung up, or closed its half. What it has sent
    /// before stays where it is, to be read and answered in its turn.
    pub(crate) async fn hung_up(self) {
        // Of what a socket can be ready for, this is what bytes that wait in it are no part of. An
        // error says the same.
        let _ = self.0.ready(Interest::PRIORITY).await;
    }
}

/// More waiting bytes than this are sent before the next request is looked at.
const COALESCED_BYTES_MAX: u64 = 64 * 1024;

/// Why a connection ended otherwise than by its peer's or the server's wish.
#[derive(Debug)]
enum Fault {
    Io(io::Error),
    BadLength { length: i32, head: Vec<u8> },
    Refused(Refusal),
}

impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// One open connection and what it holds. Buffers are only held while bytes are in them.
pub(super) struct Connection {
    pub node: Arc<Node>,
    pub info: ConnectionInfo,
    pub stream: TcpStream,
    pub activity: Arc<Activity>,
    pub _ticket: Ticket,
}

impl Connection {
    /// Serves until the peer leaves, a frame cannot be answered, or the reactor stops.
    pub(super) async fn serve(mut self) {
        self.node.metrics.connections.opened();
        let result = self.serve_frames().await;
        self.node.metrics.connections.closed();
        if let Err(fault) = result {
            log_fault(&self.info, &fault);
        }
        let Self { node, info, .. } = self;
        let heartbeats = info.heartbeats_of.into_inner().unwrap_or_else(PoisonError::into_inner);
        if let Some(run) = heartbeats {
            // seldom, and large: it must not grow the task of every connection
            Box::pin(node.controller.connection_closed(run)).await;
        }
    }

    async fn serve_frames(&mut self) -> Result<(), Fault> {
        let mut inbox = Inbox::new(self.node.settings.network.request_bytes_max);
        let mut outbox = Outbox::default();
        loop {
            let may_go_on = self.answer_received(&mut inbox, &mut outbox).await;
            outbox.flush(&self.stream).await?;
            if !may_go_on? || self.activity.is_closing() {
                return Ok(());
            }
            inbox.release();
            outbox.release();
            self.activity.set_busy(false);
            poll_fn(|context| self.stream.poll_read_ready(context)).await?;
            let stream = &mut self.stream;
            let received =
                poll_fn(|context| inbox.poll_receive(Pin::new(&mut *stream), context)).await?;
            if received == 0 {
                return Ok(());
            }
            self.activity.touch(Instant::now());
        }
    }

    /// Answers every complete frame in the inbox; `false` if the connection shall end.
    async fn answer_received(&self, inbox: &mut Inbox, outbox: &mut Outbox) -> Result<bool, Fault> {
        loop {
            let frame = match inbox.front() {
                Front::Frame(frame) => frame,
                Front::Incomplete => return Ok(true),
                Front::BadLength(length) => {
                    return Err(Fault::BadLength { length, head: inbox.head().to_vec() });
                }
            };
            self.activity.set_busy(true);
            let spare = outbox.lend();
            let (peer, frame_bytes) = (OtherEnd(&self.stream), inbox.frame(&frame));
            let answer = dispatch::answer(&self.node, &self.info, peer, frame_bytes, spare);
            let answer = self.await_behind(answer, outbox).await?;
            if let Some(reply) = answer.map_err(Fault::Refused)? {
                outbox.push(reply);
            }
            inbox.consume(frame);
            if self.activity.is_closing() {
                return Ok(false);
            }
            if outbox.pending() >= COALESCED_BYTES_MAX {
                outbox.flush(&self.stream).await?;
            }
        }
    }

    /// Awaits an answer; if it has to wait, sends the answers before it first.
    async fn await_behind<A: Future>(
        &self,
        answer: A,
        outbox: &mut Outbox,
    ) -> io::Result<A::Output> {
        let mut answer = pin!(answer);
        if !outbox.is_empty() {
            let first = poll_fn(|context| Poll::Ready(answer.as_mut().poll(context))).await;
            if let Poll::Ready(output) = first {
                return Ok(output);
            }
            outbox.flush(&self.stream).await?;
        }
        Ok(answer.await)
    }
}

fn log_fault(info: &ConnectionInfo, fault: &Fault) {
    let (peer, listener) = (info.peer, &*info.listener);
    match fault {
        Fault::Io(error) => tracing::debug!(%peer, listener, %error, "connection broke"),
        Fault::BadLength { length, head } => {
            let hint = guess_protocol(head);
            tracing::warn!(%peer, listener, length, hint, "closed a connection: not a frame");
        }
        Fault::Refused(refusal) => {
            tracing::warn!(%peer, listener, %refusal, "closed a connection");
        }
    }
}

/// Says what a peer that does not speak Kafka's protocol probably speaks.
fn guess_protocol(head: &[u8]) -> &'static str {
    const HTTP_METHODS: [&[u8]; 7] =
        [b"GET ", b"POST", b"PUT ", b"HEAD", b"DELE", b"OPTI", b"PATC"];
    const TLS_HANDSHAKE: &[u8] = &[0x16, 0x03];
    if HTTP_METHODS.iter().any(|method| head.starts_with(method)) {
        "looks like HTTP; this port speaks Kafka's protocol"
    } else if head.starts_with(TLS_HANDSHAKE) {
        "looks like TLS; this listener is PLAINTEXT, set security.protocol=PLAINTEXT"
    } else if head.starts_with(b"SSH-") {
        "looks like SSH; this port speaks Kafka's protocol"
    } else {
        "is the peer a Kafka client? The limit is socket.request.max.bytes"
    }
}
