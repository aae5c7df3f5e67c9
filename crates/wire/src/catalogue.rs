//! A table of all messages, for tools and tests that go over every one.

use crate::error::{DecodeError, EncodeError};
use crate::json::ToJson;
use crate::message::{Message, VersionRange};

include!(concat!(env!("OUT_DIR"), "/catalogue.rs"));

/// Where a message travels or lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Request,
    Response,
    Key,
    Value,
    Record,
    Data,
    Header,
}

pub type Reencode = fn(&[u8], i16) -> Result<Vec<u8>, Failure>;
pub type Print = fn(&[u8], i16) -> Result<String, DecodeError>;

/// One message.
#[derive(Debug)]
pub struct Entry {
    pub name: &'static str,
    pub kind: Kind,
    /// API key or record type.
    pub id: Option<i16>,
    pub versions: VersionRange,
    pub flexible_from: i16,
    /// Decodes the whole input and encodes the message again.
    pub reencode: Reencode,
    /// Decodes the whole input and prints it; persisted records only.
    pub json: Option<Print>,
}

/// Why bytes did not become the same bytes again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    Decode(DecodeError),
    Encode(EncodeError),
}

fn reencode<'a, M: Message<'a>>(bytes: &'a [u8], version: i16) -> Result<Vec<u8>, Failure> {
    let message = M::from_bytes(bytes, version).map_err(Failure::Decode)?;
    message.to_bytes(version).map_err(Failure::Encode)
}

fn json<'a, M: ToJson<'a>>(bytes: &'a [u8], version: i16) -> Result<String, DecodeError> {
    M::from_bytes(bytes, version).map(|message| message.to_json(version))
}
