//! A way to another node: one connection, requests in flight one behind the other, opened when
//! somebody asks and again when it broke.
//!
//! ```text
//! Peer::call ──▶ [calls] ──▶ Line: connect ▸ ApiVersions ▸ send … ◂ receive ──▶ answer
//! ```
//!
//! Nothing is spawned: whoever makes a pair of the two runs the [`Line`] for as long as it is wanted.

mod line;
mod link;
mod presence;
#[cfg(test)]
mod tests;
mod trouble;

pub(crate) use line::Line;
pub(crate) use link::{Link, Spoken, Versions, both};
pub(crate) use presence::{Presence, presence};
pub(crate) use trouble::Trouble;

use line::Call;
use link::Frame;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot, watch};
use types::ErrorCode;
use wire::{ApiKey, EncodeError, Message, Request};

/// Calls that may wait for the line; who comes later waits to send.
const CALLS_WAITING_MAX: usize = 64;

/// Where a node is reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Address {
    pub host: String,
    pub port: u16,
}

/// The handle by which a node is asked.
#[derive(Clone, Debug)]
pub(crate) struct Peer {
    calls: mpsc::Sender<Call>,
    patience: Duration,
    spoken: watch::Receiver<Option<Arc<Spoken>>>,
}

/// What came back, to be read as the response to a request.
#[derive(Debug)]
pub(crate) struct Answered {
    pub versions: Encoded,
    frame: Frame,
}

/// The versions in which a request was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Encoded {
    pub key: ApiKey,
    pub version: i16,
    /// Of a request that is inside of it.
    pub inner: Option<i16>,
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum PeerError {
    /// Nothing came in time, perhaps because there is no connection.
    Timeout,
    /// The connection broke; the request may have been carried out.
    Broken,
    /// The node does not know any version of it that this one knows.
    Unsupported(ApiKey),
    /// The request cannot be written, or the answer not be read.
    Malformed(String),
    /// The node refused what was sent as a whole.
    Refused(ErrorCode),
    /// This node is stopping.
    Stopped,
}

/// Writes a request behind what is in the buffer, with a correlation id.
pub(crate) type Encode =
    Box<dyn FnOnce(&mut Vec<u8>, i32, &Versions) -> Result<Encoded, PeerError> + Send>;

impl Peer {
    /// A way to whatever node `address` names at a time. A call takes no longer than `patience`.
    pub(crate) fn new(
        client_id: &'static str,
        address: watch::Receiver<Option<Address>>,
        patience: Duration,
    ) -> (Self, Line) {
        let (calls, waiting) = mpsc::channel(CALLS_WAITING_MAX);
        let (connected, spoken) = watch::channel(None);
        let line = Line::new(client_id, address, (waiting, connected), patience);
        (Self { calls, patience, spoken }, line)
    }

    /// What the node speaks; `None` while there is no connection.
    pub(crate) fn spoken(&self) -> watch::Receiver<Option<Arc<Spoken>>> {
        self.spoken.clone()
    }

    /// Sends `request` in the highest version that both nodes know.
    ///
    /// # Errors
    /// Where no answer comes.
    pub(crate) async fn call<Q>(&self, request: Q) -> Result<Answered, PeerError>
    where
        Q: Request<'static> + Send + 'static,
    {
        self.call_with(Box::new(move |buffer, correlation_id, versions| {
            let version = versions.highest(Q::KEY)?;
            let client = Some(versions.client_id);
            wire::encode_request(buffer, correlation_id, client, &request, version)?;
            Ok(Encoded { key: Q::KEY, version, inner: None })
        }))
        .await
    }

    /// Sends what `encode` writes.
    ///
    /// # Errors
    /// Where no answer comes.
    pub(crate) async fn call_with(&self, encode: Encode) -> Result<Answered, PeerError> {
        let (answer, reply) = oneshot::channel();
        let exchange = async {
            let call = Call { encode, answer };
            self.calls.send(call).await.map_err(|_| PeerError::Stopped)?;
            reply.await.unwrap_or(Err(PeerError::Stopped))
        };
        tokio::time::timeout(self.patience, exchange).await.unwrap_or(Err(PeerError::Timeout))
    }
}

impl Answered {
    /// The response to a `Q`.
    ///
    /// # Errors
    /// Where the bytes are none.
    pub(crate) fn read<'f, Q: Request<'static>>(&'f self) -> Result<Q::Response<'f>, PeerError> {
        response::<Q>(&self.frame, self.versions.version)
    }
}

/// Reads a response with its header.
///
/// # Errors
/// Where the bytes are none.
pub(crate) fn response<'f, Q: Request<'static>>(
    frame: &'f [u8],
    version: i16,
) -> Result<Q::Response<'f>, PeerError> {
    let malformed = |error: wire::DecodeError| PeerError::Malformed(error.to_string());
    let (_, mut body) = wire::decode_response_header(frame, Q::KEY, version).map_err(malformed)?;
    Q::Response::decode(&mut body, version).map_err(malformed)
}

impl From<EncodeError> for PeerError {
    fn from(error: EncodeError) -> Self {
        Self::Malformed(error.to_string())
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.host.contains(':') {
            true => write!(f, "[{}]:{}", self.host, self.port),
            false => write!(f, "{}:{}", self.host, self.port),
        }
    }
}

impl fmt::Display for PeerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Timeout => f.write_str("no answer in time"),
            Self::Broken => f.write_str("the connection broke"),
            Self::Unsupported(api) => write!(f, "the other node does not know {}", api.name()),
            Self::Malformed(why) => write!(f, "cannot be understood: {why}"),
            Self::Refused(code) => write!(f, "refused with {}", code.name()),
            Self::Stopped => f.write_str("this node is stopping"),
        }
    }
}

impl std::error::Error for PeerError {}
