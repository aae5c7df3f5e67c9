//! Control records: what brokers write into logs for each other.

use types::TimestampMs;

use crate::attributes::Attributes;
use crate::builder::{BatchBuilder, Producer};
use crate::bytes::array_at;
use crate::compression::{Codec, Scratch};
use crate::item::Record;
use crate::valid::ValidBatch;

/// What a control record says. Its body is a message of the schema in parentheses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ControlType {
    /// The producer's transaction is aborted (`EndTxnMarker`).
    Abort,
    /// The producer's transaction is committed (`EndTxnMarker`).
    Commit,
    /// A quorum's leader begins its epoch (`LeaderChangeMessage`).
    LeaderChange,
    /// First record of a snapshot (`SnapshotHeaderRecord`).
    SnapshotHeader,
    /// Last record of a snapshot (`SnapshotFooterRecord`).
    SnapshotFooter,
    /// The `kraft.version` in force (`KRaftVersionRecord`).
    KraftVersion,
    /// The voters of a quorum (`VotersRecord`).
    KraftVoters,
}

/// The version of the key's layout.
const KEY_VERSION: i16 = 0;

/// A control record's key and body.
///
/// ```text
/// key:    int16 version (0)   int16 type
/// value:  int16 version       the message of that version
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ControlRecord<'r> {
    pub control_type: ControlType,
    /// The whole value: the version, then the message.
    pub value: &'r [u8],
}

impl ControlType {
    /// All of them, in the order of their ids.
    pub const ALL: [Self; 7] = [
        Self::Abort,
        Self::Commit,
        Self::LeaderChange,
        Self::SnapshotHeader,
        Self::SnapshotFooter,
        Self::KraftVersion,
        Self::KraftVoters,
    ];

    /// The id in a control record's key.
    #[must_use]
    pub const fn id(self) -> i16 {
        match self {
            Self::Abort => 0,
            Self::Commit => 1,
            Self::LeaderChange => 2,
            Self::SnapshotHeader => 3,
            Self::SnapshotFooter => 4,
            Self::KraftVersion => 5,
            Self::KraftVoters => 6,
        }
    }

    /// The key of a control record of this type.
    #[must_use]
    pub const fn key(self) -> [u8; 4] {
        let [version_high, version_low] = KEY_VERSION.to_be_bytes();
        let [type_high, type_low] = self.id().to_be_bytes();
        [version_high, version_low, type_high, type_low]
    }

    /// The type in a control record's key. A key of a later version may go on behind the type;
    /// `None` for a type that this build does not know.
    #[must_use]
    pub fn parse(key: &[u8]) -> Option<Self> {
        let version = array_at(key, 0).map(i16::from_be_bytes)?;
        let id = array_at(key, 2).map(i16::from_be_bytes)?;
        let known = Self::ALL.into_iter().find(|control_type| control_type.id() == id);
        known.filter(|_| version >= KEY_VERSION)
    }
}

impl<'r> ControlRecord<'r> {
    /// The control record that `record`, from a batch with the control attribute, holds; `None`
    /// when its type is unknown or it has no body.
    #[must_use]
    pub fn parse(record: &Record<'r>) -> Option<Self> {
        Some(Self { control_type: ControlType::parse(record.key?)?, value: record.value? })
    }
}

/// A batch of control records. Transaction markers stand alone in theirs, with the producer's id
/// and epoch, transactional and without a sequence; records of a quorum have no producer.
///
/// # Panics
/// When the bodies have more than a gigabyte.
#[must_use]
pub fn control_batch(
    records: &[ControlRecord<'_>],
    timestamp: TimestampMs,
    producer: Producer,
) -> ValidBatch<'static> {
    let mut builder = BatchBuilder::new();
    for record in records {
        builder
            .append(timestamp, Some(&record.control_type.key()), Some(record.value), &[])
            .expect("control records are small");
    }
    let attributes =
        Attributes::default().with_control(true).with_transactional(producer.transactional);
    builder.seal_as(attributes, Codec::NONE, producer, &mut Scratch::new())
}
