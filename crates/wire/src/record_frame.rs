//! The envelopes of persisted records: coordinators' keys and values, metadata and remote log
//! records.
//!
//! ```text
//! coordinator key:    [i16 type][body in version 0]
//! coordinator value:  [i16 version][body]            (absent: tombstone)
//! metadata record:    [uvarint frame version = 1][uvarint type][uvarint version][body]
//! remote log record:  the same
//! ```

// every record type of the families
use crate::*;

use crate::error::{DecodeError, EncodeError, Malformed};
use crate::message::{CoordinatorKey, CoordinatorValue, FramedRecord, Message};
use crate::reader::Reader;
use crate::writer::Writer;

const FRAME_VERSION: u32 = 1;
/// Keys exist in one version; the number before them is their type.
const KEY_VERSION: i16 = 0;

/// The bytes of a coordinator record's key.
pub fn encode_key<'a, K: CoordinatorKey<'a>>(key: &K) -> Result<Vec<u8>, EncodeError> {
    let mut writer = Writer::new();
    writer.put(&K::TYPE.to_be_bytes());
    key.encode(&mut writer, KEY_VERSION)?;
    Ok(writer.into_plan().inline)
}

/// The bytes of a coordinator record's value.
pub fn encode_value<'a, V: CoordinatorValue<'a>>(
    value: &V,
    version: i16,
) -> Result<Vec<u8>, EncodeError> {
    let mut writer = Writer::new();
    writer.put(&version.to_be_bytes());
    value.encode(&mut writer, version)?;
    Ok(writer.into_plan().inline)
}

/// The type of a coordinator record and a reader that stands at the key's body.
pub fn key_type(bytes: &[u8]) -> Result<(i16, Reader<'_>), DecodeError> {
    let mut reader = Reader::new(bytes);
    Ok((reader.i16()?, reader))
}

/// The value of a coordinator record whose key said that it is a `V`, and its version.
pub fn decode_value<'a, V: CoordinatorValue<'a>>(bytes: &'a [u8]) -> Result<(V, i16), DecodeError> {
    let mut reader = Reader::new(bytes);
    let version = reader.i16()?;
    let value = V::decode(&mut reader, version)?;
    reader.finish()?;
    Ok((value, version))
}

/// The bytes of one record with its envelope.
pub fn encode_framed<'a, R: FramedRecord<'a>>(
    record: &R,
    version: i16,
) -> Result<Vec<u8>, EncodeError> {
    let mut writer = Writer::new();
    writer.uvarint(FRAME_VERSION);
    writer.uvarint(R::ID);
    writer.uvarint(u32::from(version.unsigned_abs()));
    record.encode(&mut writer, version)?;
    Ok(writer.into_plan().inline)
}

/// Type and version of a framed record, and a reader that stands at its body.
fn open_frame(bytes: &[u8]) -> Result<(u32, i16, Reader<'_>), DecodeError> {
    let mut reader = Reader::new(bytes);
    let frame = reader.uvarint()?;
    if frame != FRAME_VERSION {
        return Err(reader.error(Malformed::FrameVersion(frame)));
    }
    let (id, version) = (reader.uvarint()?, reader.uvarint()?);
    let version = i16::try_from(version).map_err(|_| reader.error(Malformed::Varint))?;
    Ok((id, version, reader))
}

/// The records of one log that carry their type and version in an envelope.
macro_rules! framed_family {
    ($family:ident $($variant:ident ($ty:ty) $id:literal $upper:literal,)*) => {
        #[derive(Debug, Clone, PartialEq)]
        pub enum $family<'a> {
            $($variant($ty),)*
        }

        impl<'a> $family<'a> {
            /// Reads a record with its envelope, and says in which version it was.
            pub fn decode(bytes: &'a [u8]) -> Result<(Self, i16), DecodeError> {
                let (id, version, mut reader) = open_frame(bytes)?;
                let record = match id {
                    $($id => Self::$variant(Message::decode(&mut reader, version)?),)*
                    _ => return Err(reader.error(Malformed::RecordType(id))),
                };
                reader.finish()?;
                Ok((record, version))
            }

            /// The record's bytes with the envelope.
            pub fn encode(&self, version: i16) -> Result<Vec<u8>, EncodeError> {
                match self {
                    $(Self::$variant(record) => encode_framed(record, version),)*
                }
            }

            /// The same record without borrowed bytes.
            #[must_use]
            pub fn into_owned(self) -> $family<'static> {
                match self {
                    $(Self::$variant(record) => $family::$variant(record.into_owned()),)*
                }
            }

            /// The type id in the envelope.
            #[must_use]
            pub const fn id(&self) -> u32 {
                match self {
                    $(Self::$variant(_) => $id,)*
                }
            }

            /// Kafka's name of the type: `TOPIC_RECORD`.
            #[must_use]
            pub const fn type_name(&self) -> &'static str {
                match self {
                    $(Self::$variant(_) => $upper,)*
                }
            }

            /// The record without its envelope, as Kafka's dump tools print it.
            #[must_use]
            pub fn to_json(&self, version: i16) -> String {
                match self {
                    $(Self::$variant(record) => crate::ToJson::to_json(record, version),)*
                }
            }
        }

        $(impl<'a> From<$ty> for $family<'a> {
            fn from(record: $ty) -> Self {
                Self::$variant(record)
            }
        })*
    };
}

macro_rules! key_family {
    ($family:ident $(<$lt:lifetime>)? $($variant:ident ($ty:ty) $id:literal,)*) => {
        #[derive(Debug, Clone, PartialEq)]
        pub enum $family $(<$lt>)? {
            $($variant($ty),)*
        }

        impl<'a> $family $(<$lt>)? {
            /// Reads a key with its type.
            pub fn decode(bytes: &'a [u8]) -> Result<Self, DecodeError> {
                let (id, mut reader) = key_type(bytes)?;
                let key = match id {
                    $($id => Self::$variant(Message::decode(&mut reader, KEY_VERSION)?),)*
                    _ => return Err(reader.error(Malformed::RecordType(u32::from(id.cast_unsigned())))),
                };
                reader.finish()?;
                Ok(key)
            }

            /// The type id before the key.
            #[must_use]
            pub const fn id(&self) -> i16 {
                match self {
                    $(Self::$variant(_) => $id,)*
                }
            }

            /// The key without its type, as Kafka's dump tools print it.
            #[must_use]
            pub fn to_json(&self) -> String {
                match self {
                    $(Self::$variant(key) => crate::ToJson::to_json(key, KEY_VERSION),)*
                }
            }
        }
    };
}

macro_rules! value_family {
    ($family:ident $(<$lt:lifetime>)? $($variant:ident ($ty:ty) $id:literal,)*) => {
        #[derive(Debug, Clone, PartialEq)]
        pub enum $family $(<$lt>)? {
            $($variant($ty),)*
        }

        impl<'a> $family $(<$lt>)? {
            /// Reads the value of a record whose key has type `id`, and says in which version.
            pub fn decode(id: i16, bytes: &'a [u8]) -> Result<(Self, i16), DecodeError> {
                let mut reader = Reader::new(bytes);
                let version = reader.i16()?;
                let value = match id {
                    $($id => Self::$variant(Message::decode(&mut reader, version)?),)*
                    _ => return Err(reader.error(Malformed::RecordType(u32::from(id.cast_unsigned())))),
                };
                reader.finish()?;
                Ok((value, version))
            }

            /// The value without its version, as Kafka's dump tools print it.
            #[must_use]
            pub fn to_json(&self, version: i16) -> String {
                match self {
                    $(Self::$variant(value) => crate::ToJson::to_json(value, version),)*
                }
            }
        }
    };
}

include!(concat!(env!("OUT_DIR"), "/families.rs"));
