//! The values of control records, which brokers write into logs for each other.
//!
//! ```text
//! ABORT, COMMIT:  [i16 version = 0][EndTxnMarker]
//! the others:     [message in version 0, whose own first field is its version]
//! ```

use crate::error::{DecodeError, EncodeError, Malformed};
use crate::message::Message;
use crate::reader::Reader;
use crate::writer::Writer;
use crate::{
    EndTxnMarker, KRaftVersionRecord, LeaderChangeMessage, SnapshotFooterRecord,
    SnapshotHeaderRecord, VotersRecord,
};

/// Kafka reads and writes every control record in this version.
const VERSION: i16 = 0;

/// A control record's value; the type in its key says which.
#[derive(Debug, Clone, PartialEq)]
pub enum ControlValue<'a> {
    Abort(EndTxnMarker),
    Commit(EndTxnMarker),
    LeaderChange(LeaderChangeMessage),
    SnapshotHeader(SnapshotHeaderRecord),
    SnapshotFooter(SnapshotFooterRecord),
    KraftVersion(KRaftVersionRecord),
    KraftVoters(VotersRecord<'a>),
}

impl<'a> ControlValue<'a> {
    /// Reads the value of a control record whose key has type `id`. What follows it belongs to a
    /// later version and is ignored, as in Kafka.
    pub fn decode(id: i16, bytes: &'a [u8]) -> Result<Self, DecodeError> {
        let r = &mut Reader::new(bytes);
        Ok(match id {
            0 => Self::Abort(end_of_transaction(r)?),
            1 => Self::Commit(end_of_transaction(r)?),
            2 => Self::LeaderChange(Message::decode(r, VERSION)?),
            3 => Self::SnapshotHeader(Message::decode(r, VERSION)?),
            4 => Self::SnapshotFooter(Message::decode(r, VERSION)?),
            5 => Self::KraftVersion(Message::decode(r, VERSION)?),
            6 => Self::KraftVoters(Message::decode(r, VERSION)?),
            _ => return Err(r.error(Malformed::RecordType(u32::from(id.cast_unsigned())))),
        })
    }

    /// The type in the record's key.
    #[must_use]
    pub const fn id(&self) -> i16 {
        match self {
            Self::Abort(_) => 0,
            Self::Commit(_) => 1,
            Self::LeaderChange(_) => 2,
            Self::SnapshotHeader(_) => 3,
            Self::SnapshotFooter(_) => 4,
            Self::KraftVersion(_) => 5,
            Self::KraftVoters(_) => 6,
        }
    }

    /// The record's key: its version, then its type.
    #[must_use]
    pub fn key(&self) -> [u8; 4] {
        let [version_high, version_low] = VERSION.to_be_bytes();
        let [type_high, type_low] = self.id().to_be_bytes();
        [version_high, version_low, type_high, type_low]
    }

    /// The record's value.
    pub fn encode(&self) -> Result<Vec<u8>, EncodeError> {
        let mut writer = Writer::new();
        let w = &mut writer;
        match self {
            Self::Abort(marker) | Self::Commit(marker) => {
                w.put(&VERSION.to_be_bytes());
                marker.encode(w, VERSION)?;
            }
            Self::LeaderChange(message) => message.encode(w, VERSION)?,
            Self::SnapshotHeader(message) => message.encode(w, VERSION)?,
            Self::SnapshotFooter(message) => message.encode(w, VERSION)?,
            Self::KraftVersion(message) => message.encode(w, VERSION)?,
            Self::KraftVoters(message) => message.encode(w, VERSION)?,
        }
        Ok(writer.into_plan().inline)
    }
}

fn end_of_transaction(reader: &mut Reader<'_>) -> Result<EndTxnMarker, DecodeError> {
    let _version = reader.i16()?;
    EndTxnMarker::decode(reader, VERSION)
}
