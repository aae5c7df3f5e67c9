//! One open connection to another node: frames out, frames in, and which versions it speaks.

use super::{Address, PeerError};
use std::collections::BTreeMap;
use std::io;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use types::ErrorCode;
use wire::{ApiKey, ApiVersionsRequest, VersionRange};

const LENGTH_BYTES: usize = 4;

/// No node answers with more, whatever was asked.
const FRAME_BYTES_MAX: usize = 100 * 1024 * 1024;

/// The version of ApiVersions that every node since 2.4 answers.
const HANDSHAKE_VERSION: i16 = 3;
const HANDSHAKE_ID: i32 = 0;

/// What the other node speaks, and as whom it is asked.
#[derive(Debug)]
pub(crate) struct Versions {
    pub client_id: &'static str,
    ranges: BTreeMap<i16, VersionRange>,
}

impl Versions {
    /// The highest version of an API that both nodes know.
    ///
    /// # Errors
    /// Where there is none.
    pub(crate) fn highest(&self, api: ApiKey) -> Result<i16, PeerError> {
        let unsupported = PeerError::Unsupported(api);
        let ours = api.stable_versions().ok_or(unsupported.clone())?;
        let theirs = self.ranges.get(&api.code()).ok_or(unsupported.clone())?;
        let highest = ours.max.min(theirs.max);
        (highest >= ours.min.max(theirs.min)).then_some(highest).ok_or(unsupported)
    }
}

#[derive(Debug)]
pub(crate) struct Link {
    stream: TcpStream,
    received: Vec<u8>,
    pub versions: Versions,
}

impl Link {
    /// Connects and asks which versions the node speaks.
    pub async fn open(address: &Address, client_id: &'static str) -> io::Result<Self> {
        let stream = TcpStream::connect((address.host.as_str(), address.port)).await?;
        stream.set_nodelay(true)?;
        let versions = Versions { client_id, ranges: BTreeMap::new() };
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
        self.versions.ranges = response.api_keys.iter().map(range).collect();
        Ok(())
    }

    pub async fn send(&mut self, frame: &[u8]) -> io::Result<()> {
        self.stream.write_all(frame).await
    }

    /// The next frame without its length. Nothing is lost where this is given up while it waits.
    pub async fn receive(&mut self) -> io::Result<Vec<u8>> {
        loop {
            if let Some(frame) = self.take_frame()? {
                return Ok(frame);
            }
            if self.stream.read_buf(&mut self.received).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
    }

    fn take_frame(&mut self) -> io::Result<Option<Vec<u8>>> {
        let Some((length, rest)) = self.received.split_first_chunk::<LENGTH_BYTES>() else {
            return Ok(None);
        };
        let length = usize::try_from(i32::from_be_bytes(*length))
            .ok()
            .filter(|length| *length <= FRAME_BYTES_MAX)
            .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "not a frame"))?;
        if rest.len() < length {
            return Ok(None);
        }
        let behind = self.received.split_off(LENGTH_BYTES + length);
        let mut frame = std::mem::replace(&mut self.received, behind);
        frame.drain(..LENGTH_BYTES);
        Ok(Some(frame))
    }
}
