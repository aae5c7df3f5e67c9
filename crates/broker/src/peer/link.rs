//! One open connection to another node: frames out, frames in, and which versions it speaks.
//!
//! A network that was cut and is whole again does not show that to connections: what is unanswered is
//! sent again after pauses that double, so that half a minute may pass before anything comes through.
//! Hence a connection whose other end is silent for two seconds is given up, and while a new one is
//! opened, attempts follow one another without waiting for the former's end.

use super::{Address, PeerError};
use rustix::net::sockopt;
use std::collections::BTreeMap;
use std::io;
use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use types::ErrorCode;
use wire::{ApiKey, ApiVersionsRequest, VersionRange};

const LENGTH_BYTES: usize = 4;

/// No node answers with more, whatever was asked.
const FRAME_BYTES_MAX: usize = 100 * 1024 * 1024;

/// What is read at once as long as the length is not known: most answers whole.
const FIRST_READ_BYTES: usize = 16 * 1024;

/// Between attempts to connect, of which the first that ends decides.
const ATTEMPT_PAUSE: Duration = Duration::from_millis(500);
/// Attempts under way at a time: who still has no answer then is as far as an attempt can come.
const ATTEMPTS_MAX: usize = 6;

/// A host that is reached confirms what it receives, whatever its processes do, after a round trip.
const UNCONFIRMED_MS_MAX: u32 = 1_500;
/// A connection on which nothing came for so long is asked whether it is whole, and so often.
const SILENCE_MAX: Duration = Duration::from_secs(1);

/// The version of ApiVersions that every node since 2.4 answers.
const HANDSHAKE_VERSION: i16 = 3;
const HANDSHAKE_ID: i32 = 0;

/// What a node speaks, by the code of the API.
pub(crate) type Spoken = BTreeMap<i16, VersionRange>;

/// What the other node speaks, and as whom it is asked.
#[derive(Debug)]
pub(crate) struct Versions {
    pub client_id: &'static str,
    pub spoken: Arc<Spoken>,
}

impl Versions {
    /// The highest version of an API that both nodes know.
    ///
    /// # Errors
    /// Where there is none.
    pub(crate) fn highest(&self, api: ApiKey) -> Result<i16, PeerError> {
        let unsupported = PeerError::Unsupported(api);
        let ours = api.stable_versions().ok_or(unsupported.clone())?;
        let theirs = self.spoken.get(&api.code()).ok_or(unsupported.clone())?;
        both(ours, *theirs).map(|range| range.max).ok_or(unsupported)
    }

    /// That version of an API, which the other node has to know.
    ///
    /// # Errors
    /// Where it does not.
    pub(crate) fn exactly(&self, api: ApiKey, version: i16) -> Result<i16, PeerError> {
        let theirs = self.spoken.get(&api.code());
        let is_known = theirs.is_some_and(|theirs| theirs.contains(version));
        is_known.then_some(version).ok_or(PeerError::Unsupported(api))
    }
}

/// The versions in both ranges, if there are any.
pub(crate) fn both(one: VersionRange, other: VersionRange) -> Option<VersionRange> {
    let common = VersionRange { min: one.min.max(other.min), max: one.max.min(other.max) };
    (common.min <= common.max).then_some(common)
}

#[derive(Debug)]
pub(crate) struct Link {
    stream: TcpStream,
    received: Vec<u8>,
    pub versions: Versions,
}

/// What the other node sent, as it was received: its length stands in front.
#[derive(Debug)]
pub(crate) struct Frame(Vec<u8>);

impl Deref for Frame {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.0.get(LENGTH_BYTES..).unwrap_or_default()
    }
}

impl Link {
    /// Connects and asks which versions the node speaks, again and again until one attempt ends;
    /// callers say for how long.
    pub async fn open(address: &Address, client_id: &'static str) -> io::Result<Self> {
        let mut attempts = JoinSet::new();
        loop {
            if attempts.len() < ATTEMPTS_MAX {
                let address = address.clone();
                attempts.spawn(async move { Self::attempt(&address, client_id).await });
            }
            tokio::select! {
                Some(ended) = attempts.join_next() => return ended.map_err(io::Error::other)?,
                () = tokio::time::sleep(ATTEMPT_PAUSE) => {}
            }
        }
    }

    async fn attempt(address: &Address, client_id: &'static str) -> io::Result<Self> {
        let stream = TcpStream::connect((address.host.as_str(), address.port)).await?;
        stream.set_nodelay(true)?;
        notice_silence(&stream)?;
        let versions = Versions { client_id, spoken: Arc::default() };
        let mut link = Self { stream, received: Vec::new(), versions };
        link.shake_hands().await?;
        Ok(link)
    }

    async fn shake_hands(&mut self) -> io::Result<()> {
        let request = ApiVersionsRequest {
            client_software_name: "klamm".into(),
            client_software_version: env!("CARGO_PKG_VERSION").into(),
            ..ApiVersionsRequest::default()
        };
        let mut frame = Vec::new();
        let client = Some(self.versions.client_id);
        wire::encode_request(&mut frame, HANDSHAKE_ID, client, &request, HANDSHAKE_VERSION)
            .map_err(io::Error::other)?;
        self.send(&frame).await?;
        let frame = self.receive().await?;
        let response = super::response::<ApiVersionsRequest<'static>>(&frame, HANDSHAKE_VERSION)
            .map_err(io::Error::other)?;
        if response.error_code != ErrorCode::None.code() {
            let code = ErrorCode::from_wire(response.error_code);
            return Err(io::Error::other(format!("ApiVersions failed with {}", code.name())));
        }
        let range = |api: &wire::api_versions_response::ApiVersion| {
            (api.api_key, VersionRange { min: api.min_version, max: api.max_version })
        };
        self.versions.spoken = Arc::new(response.api_keys.iter().map(range).collect());
        Ok(())
    }

    pub async fn send(&mut self, frame: &[u8]) -> io::Result<()> {
        self.stream.write_all(frame).await
    }

    /// The next frame. Nothing is lost where this is given up while it waits.
    pub async fn receive(&mut self) -> io::Result<Frame> {
        loop {
            let whole = self.frame_bytes()?;
            if let Some(bytes) = whole.filter(|bytes| *bytes <= self.received.len()) {
                let behind = self.received.split_off(bytes);
                return Ok(Frame(std::mem::replace(&mut self.received, behind)));
            }
            // room for all of it, so that nothing is moved while it grows
            let wanted = whole.unwrap_or(FIRST_READ_BYTES);
            self.received.reserve_exact(wanted.saturating_sub(self.received.len()));
            if self.stream.read_buf(&mut self.received).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
    }

    /// How much the next frame has with its length, where that is known.
    fn frame_bytes(&self) -> io::Result<Option<usize>> {
        let Some(length) = self.received.first_chunk::<LENGTH_BYTES>() else { return Ok(None) };
        let length = usize::try_from(i32::from_be_bytes(*length))
            .ok()
            .filter(|length| *length <= FRAME_BYTES_MAX)
            .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "not a frame"))?;
        Ok(Some(LENGTH_BYTES + length))
    }
}

/// Has the system end the connection when the other host is silent.
fn notice_silence(stream: &TcpStream) -> io::Result<()> {
    sockopt::set_tcp_user_timeout(stream, UNCONFIRMED_MS_MAX)?;
    sockopt::set_socket_keepalive(stream, true)?;
    sockopt::set_tcp_keepidle(stream, SILENCE_MAX)?;
    sockopt::set_tcp_keepintvl(stream, SILENCE_MAX)?;
    Ok(())
}
