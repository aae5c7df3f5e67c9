//! Requests to bytes and bytes to answers: the length, the header, the body.

use wire::{ApiKey, Message, Reader, Request};

use crate::{Error, Result};

/// A response as it came from the socket, decoded where it lies.
#[derive(Debug)]
pub struct Answer {
    bytes: Vec<u8>,
    body_at: usize,
    version: i16,
}

impl Answer {
    /// Checks the header against what was asked. `bytes` is the frame without its length.
    pub(crate) fn new(bytes: Vec<u8>, api: ApiKey, version: i16) -> Result<Self> {
        let mut reader = Reader::new(&bytes);
        wire::ResponseHeader::decode(&mut reader, api.response_header_version(version))?;
        let body_at = reader.position();
        Ok(Self { bytes, body_at, version })
    }

    /// The body as message `M`, which must be the response type of the request.
    pub fn decode<'a, M: Message<'a>>(&'a self) -> Result<M> {
        Ok(M::decode(&mut Reader::new(&self.bytes[self.body_at..]), self.version)?)
    }

    /// The version in which the request was sent.
    #[must_use]
    pub fn version(&self) -> i16 {
        self.version
    }

    /// The whole frame, for those who keep parts of it.
    pub(crate) fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    /// Where a slice that was decoded from this answer lies in [`Answer::into_bytes`].
    pub(crate) fn position_of(&self, part: &[u8]) -> std::ops::Range<usize> {
        let start = part.as_ptr().addr().saturating_sub(self.bytes.as_ptr().addr());
        assert!(start + part.len() <= self.bytes.len(), "a slice of another buffer");
        start..start + part.len()
    }
}

/// The correlation id of a response frame, or `None` if it is too short to have one.
pub(crate) fn correlation_id(frame: &[u8]) -> Option<i32> {
    frame.first_chunk::<4>().map(|bytes| i32::from_be_bytes(*bytes))
}

/// A whole request frame with its length in front.
pub(crate) fn encode_request<'a, R: Request<'a>>(
    request: &R,
    version: i16,
    correlation_id: i32,
    client_id: &str,
) -> Result<Vec<u8>> {
    let mut frame = Vec::new();
    wire::encode_request(&mut frame, correlation_id, Some(client_id), request, version)
        .map_err(Error::from)?;
    Ok(frame)
}
