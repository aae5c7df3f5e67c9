//! What every message offers, and what its kind adds.

use std::fmt;

use crate::api_key::ApiKey;
use crate::error::{DecodeError, EncodeError, Malformed};
use crate::part::{Part, Shape};
use crate::reader::Reader;
use crate::writer::Writer;

/// Versions of a message, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VersionRange {
    pub min: i16,
    pub max: i16,
}

impl VersionRange {
    #[must_use]
    pub const fn contains(self, version: i16) -> bool {
        self.min <= version && version <= self.max
    }

    /// Every version from the first to the last.
    pub fn iter(self) -> impl Iterator<Item = i16> {
        self.min..=self.max
    }
}

impl fmt::Display for VersionRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} to {}", self.min, self.max)
    }
}

/// A message of the protocol or a schema of a persisted record.
pub trait Message<'a>: Part<'a> {
    /// As Kafka spells it: `FetchRequest`.
    const NAME: &'static str;
    const VERSIONS: VersionRange;
    /// First version with compact lengths and tagged fields; `i16::MAX` if there is none.
    const FLEXIBLE_FROM: i16;

    /// Reads one message, which borrows from the reader's bytes. What follows it stays unread.
    fn decode(r: &mut Reader<'a>, version: i16) -> Result<Self, DecodeError> {
        if !Self::VERSIONS.contains(version) {
            let valid = Self::VERSIONS;
            return Err(r.error(Malformed::Version { message: Self::NAME, version, valid }));
        }
        Self::read(r, Self::shape(version))
    }

    /// Appends the message. A set field that the version lacks is an error unless Kafka's
    /// definition calls it ignorable.
    fn encode(&self, w: &mut Writer, version: i16) -> Result<(), EncodeError> {
        if !Self::VERSIONS.contains(version) {
            let valid = Self::VERSIONS;
            return Err(EncodeError::Version { message: Self::NAME, version, valid });
        }
        self.write(w, Self::shape(version))
    }

    /// The message that `bytes` consist of, without anything after it.
    fn from_bytes(bytes: &'a [u8], version: i16) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(bytes);
        let message = Self::decode(&mut reader, version)?;
        reader.finish()?;
        Ok(message)
    }

    /// The message alone, without header or length. It must not hold file ranges.
    fn to_bytes(&self, version: i16) -> Result<Vec<u8>, EncodeError> {
        let mut writer = Writer::new();
        self.encode(&mut writer, version)?;
        let plan = writer.into_plan();
        assert!(plan.cuts.is_empty(), "bytes alone cannot hold file ranges");
        Ok(plan.inline)
    }

    #[doc(hidden)]
    fn shape(version: i16) -> Shape {
        Shape { version, flexible: version >= Self::FLEXIBLE_FROM }
    }
}

/// A request and the response that belongs to it.
pub trait Request<'a>: Message<'a> {
    const KEY: ApiKey;
    type Response<'r>: Response<'r>;
}

pub trait Response<'a>: Message<'a> {
    const KEY: ApiKey;
}

/// The key of a record in a coordinator's log.
pub trait CoordinatorKey<'a>: Message<'a> {
    /// Stands before the key and says which record it is.
    const TYPE: i16;
}

/// The value of a record in a coordinator's log.
pub trait CoordinatorValue<'a>: Message<'a> {
    /// The type in the key of the same record.
    const TYPE: i16;
}

/// A record whose envelope holds its type and version.
pub trait FramedRecord<'a>: Message<'a> {
    const ID: u32;
}
