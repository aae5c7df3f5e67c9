//! Requests and responses as they stand on a connection: length, header, body.
//!
//! ```text
//! request:  [i32 length][header v1 or v2: i16 key, i16 version, i32 correlation, client id][body]
//! response: [i32 length][header v0 or v1: i32 correlation][body]
//! ```

use crate::api_key::ApiKey;
use crate::error::{DecodeError, EncodeError, Malformed};
use crate::message::{Message, Request, Response};
use crate::part::Str;
use crate::reader::Reader;
use crate::writer::{WritePlan, Writer};
use crate::{RequestHeader, ResponseHeader};

/// Size of the length before each frame.
pub const LENGTH_BYTES: usize = 4;

/// Appends a request with its length and header to `buffer`.
pub fn encode_request<'a, R: Request<'a>>(
    buffer: &mut Vec<u8>,
    correlation_id: i32,
    client_id: Option<&str>,
    request: &R,
    version: i16,
) -> Result<(), EncodeError> {
    let header = RequestHeader {
        request_api_key: R::KEY.code(),
        request_api_version: version,
        correlation_id,
        client_id: client_id.map(Str::Borrowed),
    };
    let start = buffer.len();
    let mut writer = Writer::with_buffer(std::mem::take(buffer));
    let written = framed(&mut writer, start, |writer| {
        header.encode(writer, R::KEY.request_header_version(version))?;
        request.encode(writer, version)
    });
    let plan = writer.into_plan();
    assert!(plan.cuts.is_empty(), "a request goes out without file ranges");
    *buffer = plan.inline;
    if written.is_err() {
        buffer.truncate(start);
    }
    written
}

/// A response with its length and header; `buffer` is emptied and becomes the plan's inline bytes.
pub fn encode_response<'a, R: Response<'a>>(
    correlation_id: i32,
    response: &R,
    version: i16,
    mut buffer: Vec<u8>,
) -> Result<WritePlan, EncodeError> {
    buffer.clear();
    let mut writer = Writer::with_buffer(buffer);
    framed(&mut writer, 0, |writer| {
        let header = ResponseHeader { correlation_id };
        header.encode(writer, R::KEY.response_header_version(version))?;
        response.encode(writer, version)
    })?;
    Ok(writer.into_plan())
}

/// Reads the header of a request from a frame without its length; the reader stands at the body.
///
/// The version is not checked against those of the API: ApiVersions answers any version.
pub fn decode_request_header(
    frame: &[u8],
) -> Result<(ApiKey, RequestHeader<'_>, Reader<'_>), DecodeError> {
    let mut peek = Reader::new(frame);
    let (code, version) = (peek.i16()?, peek.i16()?);
    let live = ApiKey::from_i16(code).filter(|key| key.versions().is_some());
    let key = live.ok_or_else(|| peek.error(Malformed::ApiKey(code)))?;
    let mut reader = Reader::new(frame);
    let header = RequestHeader::decode(&mut reader, key.request_header_version(version))?;
    Ok((key, header, reader))
}

/// Reads the header of a response from a frame without its length; the reader stands at the body.
pub fn decode_response_header(
    frame: &[u8],
    key: ApiKey,
    version: i16,
) -> Result<(ResponseHeader, Reader<'_>), DecodeError> {
    let mut reader = Reader::new(frame);
    let header = ResponseHeader::decode(&mut reader, key.response_header_version(version))?;
    Ok((header, reader))
}

/// Writes what `write` gives behind its length, file ranges counted.
fn framed(
    writer: &mut Writer,
    start: usize,
    write: impl FnOnce(&mut Writer) -> Result<(), EncodeError>,
) -> Result<(), EncodeError> {
    writer.put(&[0; LENGTH_BYTES]);
    write(writer)?;
    let body = start + LENGTH_BYTES;
    let total = writer.total_bytes() - body as u64;
    let length = i32::try_from(total).map_err(|_| EncodeError::TooLong {
        length: usize::try_from(total).unwrap_or(usize::MAX),
    })?;
    writer.inline_mut()[start..body].copy_from_slice(&length.to_be_bytes());
    Ok(())
}
