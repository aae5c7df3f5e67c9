//! One socket to one broker: requests are pipelined, answers come back in request order.
//!
//! ```text
//! callers ──submit──▶ outbox ──▶ writer ──▶ socket ──▶ reader ──▶ oneshot of the caller
//!                                   └─ in flight (FIFO) ─┘
//! ```
//! Both loops live in one task that ends with the socket; whoever still waits then learns why.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use wire::api_versions_request::ApiVersionsRequest;
use wire::api_versions_response::ApiVersionsResponse;
use wire::{ApiKey, Message, Request};

use super::frame::{self, Answer};
use super::versions::VersionTable;
use crate::config::ClientConfig;
use crate::{Error, Result};

/// A response longer than this is garbage: brokers bound what they send by `fetch.max.bytes`.
const RESPONSE_BYTES_MAX: usize = 1 << 30;
/// Memory is taken for what has arrived, in steps of at most this, never for what a length claims.
const RESPONSE_STEP_BYTES: usize = 1 << 20;
/// Small answers are read many at a time.
const READ_BUFFER_BYTES: usize = 16 << 10;
/// `UNSUPPORTED_VERSION`: how brokers refuse an ApiVersions request that is too new for them.
const UNSUPPORTED_VERSION: i16 = 35;

type Reply = oneshot::Sender<Result<Vec<u8>>>;
type InFlight = Mutex<VecDeque<Waiting>>;

struct Outgoing {
    frame: Vec<u8>,
    /// `None` where the broker sends no answer (acks=0).
    waiting: Option<Waiting>,
}

struct Waiting {
    correlation_id: i32,
    reply: Reply,
    _slot: OwnedSemaphorePermit,
}

/// An open connection with its versions known. Dropping it closes the socket.
pub(crate) struct Connection {
    outbox: mpsc::UnboundedSender<Outgoing>,
    slots: Arc<Semaphore>,
    versions: VersionTable,
    peer: Arc<str>,
    client_id: Arc<str>,
    next_correlation_id: AtomicI32,
    is_silent: Silence,
    io: JoinHandle<()>,
}

/// Whether the last that was asked of a broker, on any connection to it, got no answer in time.
pub(crate) type Silence = Arc<AtomicBool>;

/// A request that is on its way.
pub(crate) struct Pending {
    connection: Arc<Connection>,
    answer: oneshot::Receiver<Result<Vec<u8>>>,
    api: ApiKey,
    version: i16,
}

impl Connection {
    /// Connects to `host:port` and negotiates versions.
    pub(crate) async fn open(
        address: &str,
        config: &ClientConfig,
        is_silent: &Silence,
    ) -> Result<Arc<Self>> {
        let opened = Self::try_open(address, config, is_silent).await;
        let timed_out = opened.as_ref().is_err_and(|error| matches!(error, Error::Timeout { .. }));
        is_silent.store(timed_out, Ordering::Relaxed);
        opened.map(Arc::new)
    }

    async fn try_open(address: &str, config: &ClientConfig, is_silent: &Silence) -> Result<Self> {
        let connecting = async {
            let stream = TcpStream::connect(address).await?;
            stream.set_nodelay(true)?;
            Ok(stream)
        };
        let setup = config.connection_setup_timeout;
        let failed = |cause: String| Error::Connect { peer: address.to_owned(), cause };
        let mut stream = match timeout(setup, connecting).await {
            Ok(Ok(stream)) => stream,
            Ok(Err(cause)) => return Err(failed(std::io::Error::to_string(&cause))),
            Err(_) => return Err(failed(format!("not within {setup:?}"))),
        };
        let negotiating = negotiate(&mut stream, address, &config.client_id);
        let Ok(versions) = timeout(config.request_timeout, negotiating).await else {
            return Err(Error::timeout(
                format!("ApiVersions of {address}"),
                config.request_timeout,
            ));
        };
        Ok(Self::start(stream, address, config, versions?, Arc::clone(is_silent)))
    }

    fn start(
        s: TcpStream,
        address: &str,
        config: &ClientConfig,
        versions: VersionTable,
        is_silent: Silence,
    ) -> Self {
        let (outbox, frames) = mpsc::unbounded_channel();
        let peer: Arc<str> = Arc::from(address);
        let io = tokio::spawn(run(s, frames, Arc::clone(&peer)));
        Self {
            outbox,
            slots: Arc::new(Semaphore::new(config.in_flight_max)),
            versions,
            peer,
            client_id: Arc::from(config.client_id.as_str()),
            next_correlation_id: AtomicI32::new(1),
            is_silent,
            io,
        }
    }

    pub(crate) fn versions(&self) -> &VersionTable {
        &self.versions
    }

    pub(crate) fn is_open(&self) -> bool {
        !self.io.is_finished() && !self.outbox.is_closed()
    }

    /// Whether [`Connection::try_submit`] would send.
    pub(crate) fn has_room(&self) -> bool {
        self.is_open() && self.slots.available_permits() > 0
    }

    /// Sends at once if fewer than `in_flight_max` requests wait for answers; `None` if not.
    pub(crate) fn try_submit<'a, R: Request<'a>>(
        self: &Arc<Self>,
        request: &R,
        version: i16,
    ) -> Result<Option<Pending>> {
        let Ok(slot) = Arc::clone(&self.slots).try_acquire_owned() else { return Ok(None) };
        self.enqueue(request, version, slot).map(Some)
    }

    /// Sends as soon as the cap on requests in flight allows.
    pub(crate) async fn submit<'a, R: Request<'a>>(
        self: &Arc<Self>,
        request: &R,
        version: i16,
    ) -> Result<Pending> {
        let slot = Arc::clone(&self.slots).acquire_owned().await.map_err(|_| Error::Closed)?;
        self.enqueue(request, version, slot)
    }

    /// Sends a request to which the broker does not answer.
    pub(crate) fn submit_unanswered<'a, R: Request<'a>>(
        &self,
        request: &R,
        version: i16,
    ) -> Result<()> {
        let id = self.next_correlation_id.fetch_add(1, Ordering::Relaxed);
        let frame = frame::encode_request(request, version, id, &self.client_id)?;
        self.outbox.send(Outgoing { frame, waiting: None }).map_err(|_| self.lost())
    }

    /// Sends and waits for the answer.
    pub(crate) async fn call<'a, R: Request<'a>>(
        self: &Arc<Self>,
        request: &R,
        version: i16,
        within: Duration,
    ) -> Result<Answer> {
        self.submit(request, version).await?.wait(within).await
    }

    fn enqueue<'a, R: Request<'a>>(
        self: &Arc<Self>,
        request: &R,
        version: i16,
        slot: OwnedSemaphorePermit,
    ) -> Result<Pending> {
        let id = self.next_correlation_id.fetch_add(1, Ordering::Relaxed);
        let frame = frame::encode_request(request, version, id, &self.client_id)?;
        let (reply, answer) = oneshot::channel();
        let waiting = Some(Waiting { correlation_id: id, reply, _slot: slot });
        self.outbox.send(Outgoing { frame, waiting }).map_err(|_| self.lost())?;
        Ok(Pending { connection: Arc::clone(self), answer, api: R::KEY, version })
    }

    fn lost(&self) -> Error {
        Error::Disconnected { peer: self.peer.to_string(), cause: "closed".to_owned() }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.io.abort();
    }
}

impl Pending {
    /// The answer. A broker that takes longer than `within` is disconnected: what would come after
    /// a late answer could not be told from it.
    pub(crate) async fn wait(self, within: Duration) -> Result<Answer> {
        let answer = timeout(within, self.answer).await;
        self.connection.is_silent.store(answer.is_err(), Ordering::Relaxed);
        match answer {
            Ok(Ok(bytes)) => Answer::new(bytes?, self.api, self.version),
            Ok(Err(_)) => Err(self.connection.lost()),
            Err(_) => {
                self.connection.io.abort();
                let what = format!("{} to {}", self.api.name(), self.connection.peer);
                Err(Error::timeout(what, within))
            }
        }
    }
}

async fn run(stream: TcpStream, frames: mpsc::UnboundedReceiver<Outgoing>, peer: Arc<str>) {
    let in_flight = InFlight::default();
    let (reader, writer) = stream.into_split();
    let mut reader = BufReader::with_capacity(READ_BUFFER_BYTES, reader);
    let error = tokio::select! {
        error = write_frames(writer, frames, &in_flight) => error,
        error = read_answers(&mut reader, &in_flight) => error,
    };
    tracing::debug!(%peer, %error, "connection ends");
    for waiting in lock(&in_flight).drain(..) {
        let cause = error.to_string();
        // nobody may wait any more: then there is nobody to tell
        let _ = waiting.reply.send(Err(Error::Disconnected { peer: peer.to_string(), cause }));
    }
}

async fn write_frames(
    mut writer: impl AsyncWrite + Unpin,
    mut frames: mpsc::UnboundedReceiver<Outgoing>,
    in_flight: &InFlight,
) -> std::io::Error {
    while let Some(Outgoing { frame, waiting }) = frames.recv().await {
        lock(in_flight).extend(waiting);
        if let Err(error) = writer.write_all(&frame).await {
            return error;
        }
    }
    std::io::Error::other("closed by us")
}

async fn read_answers(
    reader: &mut (impl AsyncRead + Unpin),
    in_flight: &InFlight,
) -> std::io::Error {
    loop {
        let bytes = match read_frame(reader).await {
            Ok(bytes) => bytes,
            Err(error) => return error,
        };
        let Some(waiting) = lock(in_flight).pop_front() else {
            return invalid("an answer to nothing".to_owned());
        };
        if frame::correlation_id(&bytes) != Some(waiting.correlation_id) {
            let cause = format!("no answer to request {}", waiting.correlation_id);
            let _ = waiting.reply.send(Err(Error::protocol(&cause)));
            return invalid(cause);
        }
        // the caller may have given up
        let _ = waiting.reply.send(Ok(bytes));
    }
}

async fn read_frame(reader: &mut (impl AsyncRead + Unpin)) -> std::io::Result<Vec<u8>> {
    let claimed = reader.read_i32().await?;
    let bytes = match usize::try_from(claimed) {
        Ok(bytes) if (4..=RESPONSE_BYTES_MAX).contains(&bytes) => bytes,
        _ => return Err(invalid(format!("a response of {claimed} bytes"))),
    };
    let mut frame = Vec::with_capacity(bytes.min(RESPONSE_STEP_BYTES));
    while frame.len() < bytes {
        let left = bytes - frame.len();
        frame.reserve_exact(left.min(frame.len().max(RESPONSE_STEP_BYTES)));
        let room = u64::try_from(left.min(frame.capacity() - frame.len())).unwrap_or(u64::MAX);
        if reader.take(room).read_buf(&mut frame).await? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
    }
    Ok(frame)
}

/// Asks for the broker's versions: the newest form first, then the one that the broker names.
async fn negotiate(stream: &mut TcpStream, peer: &str, client_id: &str) -> Result<VersionTable> {
    let lost =
        |e: std::io::Error| Error::Disconnected { peer: peer.to_owned(), cause: e.to_string() };
    let mut version = ApiVersionsRequest::VERSIONS.max;
    loop {
        let request = ApiVersionsRequest {
            client_software_name: "klamm".into(),
            client_software_version: env!("CARGO_PKG_VERSION").into(),
            ..Default::default()
        };
        let bytes = frame::encode_request(&request, version, 0, client_id)?;
        stream.write_all(&bytes).await.map_err(lost)?;
        let frame = read_frame(stream).await.map_err(lost)?;
        let refused = is_refusal(&frame);
        let spoken = if refused { 0 } else { version };
        let answer = Answer::new(frame, ApiKey::ApiVersions, spoken)?;
        let response: ApiVersionsResponse<'_> = answer.decode()?;
        if !refused {
            Error::check(response.error_code)?;
            return Ok(VersionTable::new(&response));
        }
        let offered = VersionTable::new(&response).range(ApiKey::ApiVersions as i16);
        let next = offered.map_or(0, |range| range.max);
        if !(0..version).contains(&next) {
            return Err(Error::UnsupportedVersion { api: ApiKey::ApiVersions });
        }
        version = next;
    }
}

/// A refusal has the form of version 0 whatever was asked for: the code follows the correlation id.
fn is_refusal(frame: &[u8]) -> bool {
    frame.get(4..6) == Some(&UNSUPPORTED_VERSION.to_be_bytes())
}

fn invalid(cause: String) -> std::io::Error {
    std::io::Error::new(std::io::ErrorKind::InvalidData, cause)
}

fn lock(in_flight: &InFlight) -> std::sync::MutexGuard<'_, VecDeque<Waiting>> {
    in_flight.lock().unwrap_or_else(PoisonError::into_inner)
}
