//! Why bytes are no message, and why a message cannot become bytes.

use std::fmt;

use crate::VersionRange;

/// Bytes that are no message of the expected kind and version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DecodeError {
    /// Position in the reader's input at which it was noticed.
    pub at: usize,
    pub reason: Malformed,
}

/// What is wrong with the bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Malformed {
    /// The value needs more bytes than are left.
    Truncated { needed: usize, left: usize },
    /// A length below -1, or a compact length beyond 2^31.
    Length(i64),
    /// A string longer than 32,767 bytes, which Kafka refuses too.
    StringTooLong(usize),
    /// An array with more elements than the bytes left can hold.
    Elements { count: usize, left: usize },
    /// Null where the version does not allow it.
    Null,
    /// Kafka replaces such bytes silently; a broker that stored the text would alter it.
    Utf8,
    /// A varint of more than 32 bits.
    Varint,
    /// A tagged field whose value does not end where the size before it says. (Kafka ignores the
    /// size of the fields it knows, and would read what follows from the wrong place.)
    TagSize { tag: u32, size: u32 },
    /// A tagged field that other versions of the message have, but not this one.
    TagVersion(u32),
    /// Bytes after the end of the message.
    Trailing(usize),
    /// The message does not exist in this version.
    Version { message: &'static str, version: i16, valid: VersionRange },
    /// No API has this key, or Kafka has removed it.
    ApiKey(i16),
    /// No record of this log has this type id.
    RecordType(u32),
    /// The envelope of a metadata record has another version than 1.
    FrameVersion(u32),
}

/// A message that the version cannot express.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EncodeError {
    /// The message does not exist in this version.
    Version { message: &'static str, version: i16, valid: VersionRange },
    /// The field is set, the version lacks it and it may not be dropped.
    FieldAbsent { field: &'static str, version: i16 },
    /// The field is null and the version does not allow that.
    FieldNull { field: &'static str, version: i16 },
    /// A string beyond 32,767 bytes, or another value beyond 2,147,483,647 bytes or elements.
    TooLong { length: usize },
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "at byte {}: {}", self.at, self.reason)
    }
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Truncated { needed, left } => {
                write!(f, "{needed} bytes are needed, {left} are left")
            }
            Self::Length(length) => write!(f, "{length} is no length"),
            Self::StringTooLong(length) => write!(f, "a string of {length} bytes is too long"),
            Self::Elements { count, left } => {
                write!(f, "{count} elements do not fit into the {left} bytes left")
            }
            Self::Null => f.write_str("null is not allowed in this version"),
            Self::Utf8 => f.write_str("a string is not UTF-8"),
            Self::Varint => f.write_str("a varint has more than 32 bits"),
            Self::TagSize { tag, size } => {
                write!(f, "the value of tagged field {tag} does not take its {size} bytes")
            }
            Self::TagVersion(tag) => write!(f, "this version has no tagged field {tag}"),
            Self::Trailing(count) => write!(f, "{count} bytes follow the message"),
            Self::Version { message, version, valid } => {
                write!(f, "{message} has versions {valid}, not {version}")
            }
            Self::ApiKey(key) => write!(f, "no live API has key {key}"),
            Self::RecordType(id) => write!(f, "no record of this log has type {id}"),
            Self::FrameVersion(version) => write!(f, "frame version {version} is not 1"),
        }
    }
}

impl fmt::Display for EncodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Version { message, version, valid } => {
                write!(f, "{message} has versions {valid}, not {version}")
            }
            Self::FieldAbsent { field, version } => {
                write!(f, "{field} is set, but version {version} has no such field")
            }
            Self::FieldNull { field, version } => {
                write!(f, "{field} is null, which version {version} does not allow")
            }
            Self::TooLong { length } => write!(f, "a value of length {length} is too long"),
        }
    }
}

impl std::error::Error for DecodeError {}
impl std::error::Error for EncodeError {}
