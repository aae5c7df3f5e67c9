//! A table of all messages, for tools and tests that go over every one.

use crate::error::{DecodeError, EncodeError};
use crate::json::ToJson;
use crate::message::{Message, VersionRange};
use crate::part::Part;

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

pub type Decode = fn(&[u8], i16) -> Result<(), DecodeError>;
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
    /// The most bytes that decoding allocates for each byte of input, however hostile.
    pub expansion: usize,
    /// Whether the whole input is such a message.
    pub decode: Decode,
    /// Decodes the whole input and encodes the message again.
    pub reencode: Reencode,
    /// Decodes the whole input and shows every field.
    pub debug: Print,
    /// Decodes the whole input and prints it as Kafka's tools do; persisted records only.
    pub json: Option<Print>,
}

/// Why bytes did not become the same bytes again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    Decode(DecodeError),
    Encode(EncodeError),
}

fn decode<'a, M: Message<'a>>(bytes: &'a [u8], version: i16) -> Result<(), DecodeError> {
    M::from_bytes(bytes, version).map(drop)
}

fn reencode<'a, M: Message<'a>>(bytes: &'a [u8], version: i16) -> Result<Vec<u8>, Failure> {
    let message = M::from_bytes(bytes, version).map_err(Failure::Decode)?;
    message.to_bytes(version).map_err(Failure::Encode)
}

fn debug<'a, M>(bytes: &'a [u8], version: i16) -> Result<String, DecodeError>
where
    M: Message<'a> + std::fmt::Debug,
{
    M::from_bytes(bytes, version).map(|message| format!("{message:?}"))
}

fn json<'a, M: ToJson<'a>>(bytes: &'a [u8], version: i16) -> Result<String, DecodeError> {
    M::from_bytes(bytes, version).map(|message| message.to_json(version))
}
