//! Snapshots of the metadata log: `OOOOOOOOOOOOOOOOOOOO-EEEEEEEEEE.checkpoint`, batches back to back.
//!
//! ```text
//! control batch   SnapshotHeader, KRaftVersion (if above 0), KRaftVoters (if known)
//! batches         the image's records
//! control batch   SnapshotFooter
//! ```
//!
//! Offsets count records from 0; the epoch in each batch is that of the snapshot.

use std::fmt;

use record::{
    BatchBuilder, Codec, ControlRecord, ControlType, Producer, ValidBatch, control_batch,
};
use record::{batches, with_scratch};
use types::{LeaderEpoch, Offset, TimestampMs};
use wire::kraft_version_record::KRaftVersionRecord;
use wire::record_frame::MetadataRecord;
use wire::snapshot_footer_record::SnapshotFooterRecord;
use wire::snapshot_header_record::SnapshotHeaderRecord;
use wire::voters_record::VotersRecord;
use wire::{Message, Reader, Writer};

/// A batch of records is closed when it has grown so large.
const BATCH_BYTES: usize = 1 << 20;
/// Quorum records exist in one version.
const CONTROL_VERSION: i16 = 0;

/// Which records a snapshot stands for: all before `end`, the last of them written in `epoch`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SnapshotId {
    /// One behind the last record that is in it.
    pub end: Offset,
    /// The epoch of that record.
    pub epoch: LeaderEpoch,
}

/// What is agreed on the quorum itself, in control records.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Quorum {
    /// The level of `kraft.version`.
    pub kraft_version: i16,
    /// The voters, where the log knows them.
    pub voters: Option<VotersRecord<'static>>,
}

/// Contents of a snapshot.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Checkpoint {
    /// Timestamp of the newest record that is in it.
    pub last_timestamp: TimestampMs,
    /// The quorum.
    pub quorum: Quorum,
    /// Each record with its version.
    pub records: Vec<(MetadataRecord<'static>, i16)>,
}

/// Why bytes are no snapshot, or records no bytes.
#[derive(Debug)]
pub struct CheckpointError(String);

impl SnapshotId {
    /// Written by `kafka-storage format`: not the state, but what a first leader shall write.
    pub const BOOTSTRAP: Self = Self { end: Offset(0), epoch: LeaderEpoch(0) };

    /// Reads a file's name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        let (end, epoch) = name.strip_suffix(".checkpoint")?.split_once('-')?;
        let digits = |text: &str, count| {
            text.len() == count && text.bytes().all(|byte| byte.is_ascii_digit())
        };
        if !digits(end, 20) || !digits(epoch, 10) {
            return None;
        }
        Some(Self { end: Offset(end.parse().ok()?), epoch: LeaderEpoch(epoch.parse().ok()?) })
    }

    /// The file's name.
    #[must_use]
    pub fn file_name(self) -> String {
        format!("{:020}-{:010}.checkpoint", self.end.0, self.epoch.0)
    }
}

impl Checkpoint {
    /// The bytes of the file.
    ///
    /// # Errors
    /// Where a record does not fit its version.
    pub fn encode(&self, id: SnapshotId, now: TimestampMs) -> Result<Vec<u8>, CheckpointError> {
        let mut file = File { bytes: Vec::new(), offset: Offset(0), epoch: id.epoch };
        let header = SnapshotHeaderRecord {
            version: CONTROL_VERSION,
            last_contained_log_timestamp: self.last_timestamp.0,
        };
        let mut head = vec![(ControlType::SnapshotHeader, message(&header)?)];
        head.extend(self.quorum.control_records()?);
        file.push(&control(&head, now));
        self.encode_records(&mut file, now)?;
        let footer = SnapshotFooterRecord { version: CONTROL_VERSION };
        file.push(&control(&[(ControlType::SnapshotFooter, message(&footer)?)], now));
        Ok(file.bytes)
    }

    fn encode_records(&self, file: &mut File, now: TimestampMs) -> Result<(), CheckpointError> {
        let mut builder = BatchBuilder::new();
        for (record, version) in &self.records {
            let bytes = record.encode(*version).map_err(CheckpointError::of)?;
            builder.append(now, None, Some(&bytes), &[]).map_err(CheckpointError::of)?;
            if builder.bytes_max() >= BATCH_BYTES {
                file.push(&seal(&mut builder));
            }
        }
        if !builder.is_empty() {
            file.push(&seal(&mut builder));
        }
        Ok(())
    }

    /// Reads a file.
    ///
    /// # Errors
    /// Where it is cut off, damaged, or holds what this build does not know.
    pub fn decode(bytes: &[u8]) -> Result<Self, CheckpointError> {
        let mut checkpoint = Self::default();
        let mut is_whole = false;
        let mut framed = batches(bytes);
        for batch in framed.by_ref() {
            let batch = batch.map_err(CheckpointError::of)?;
            if !batch.is_crc_valid() {
                return Err(CheckpointError("a batch's checksum does not match".to_owned()));
            }
            with_scratch(|scratch| {
                for record in batch.records(scratch).map_err(CheckpointError::of)? {
                    let record = record.map_err(CheckpointError::of)?;
                    if batch.header().attributes.is_control() {
                        is_whole |= checkpoint.take_control(&record)?;
                    } else {
                        let value = record.value.unwrap_or_default();
                        let (record, version) =
                            MetadataRecord::decode(value).map_err(CheckpointError::of)?;
                        checkpoint.records.push((record.into_owned(), version));
                    }
                }
                Ok(())
            })?;
        }
        if !is_whole || !framed.tail().is_empty() {
            return Err(CheckpointError("the file is cut off".to_owned()));
        }
        Ok(checkpoint)
    }

    /// The timestamp of the newest record that a file stands for: its first batch says it.
    ///
    /// # Errors
    /// Where that batch is damaged.
    pub fn last_timestamp(bytes: &[u8]) -> Result<TimestampMs, CheckpointError> {
        let mut checkpoint = Self::default();
        if let Some(first) = batches(bytes).next() {
            let first = first.map_err(CheckpointError::of)?;
            with_scratch(|scratch| {
                for record in first.records(scratch).map_err(CheckpointError::of)? {
                    checkpoint.take_control(&record.map_err(CheckpointError::of)?)?;
                }
                Ok(())
            })?;
        }
        Ok(checkpoint.last_timestamp)
    }

    /// Takes a control record in; true for the last one of a snapshot.
    fn take_control(&mut self, record: &record::Record<'_>) -> Result<bool, CheckpointError> {
        let Some(control) = ControlRecord::parse(record) else { return Ok(false) };
        if control.control_type == ControlType::SnapshotHeader {
            let header: SnapshotHeaderRecord = parse(control.value)?;
            self.last_timestamp = TimestampMs(header.last_contained_log_timestamp);
        }
        self.quorum.take(&control)?;
        Ok(control.control_type == ControlType::SnapshotFooter)
    }
}

impl Quorum {
    /// Takes a control record of the log or of a snapshot in; others than the quorum's are passed.
    ///
    /// # Errors
    /// Where its body is damaged.
    pub fn take(&mut self, control: &ControlRecord<'_>) -> Result<(), CheckpointError> {
        match control.control_type {
            ControlType::KraftVersion => {
                let version: KRaftVersionRecord = parse(control.value)?;
                self.kraft_version = version.kraft_version;
            }
            ControlType::KraftVoters => {
                let voters: VotersRecord<'_> = parse(control.value)?;
                self.voters = Some(voters.into_owned());
            }
            ControlType::Abort
            | ControlType::Commit
            | ControlType::LeaderChange
            | ControlType::SnapshotHeader
            | ControlType::SnapshotFooter => {}
        }
        Ok(())
    }

    /// The control records that say this.
    ///
    /// # Errors
    /// Where a field does not fit.
    pub fn control_records(&self) -> Result<Vec<(ControlType, Vec<u8>)>, CheckpointError> {
        let mut records = Vec::new();
        if self.kraft_version > 0 {
            let version =
                KRaftVersionRecord { version: CONTROL_VERSION, kraft_version: self.kraft_version };
            records.push((ControlType::KraftVersion, message(&version)?));
        }
        if let Some(voters) = &self.voters {
            records.push((ControlType::KraftVoters, message(voters)?));
        }
        Ok(records)
    }
}

/// A file that grows batch by batch.
struct File {
    bytes: Vec<u8>,
    offset: Offset,
    epoch: LeaderEpoch,
}

impl File {
    fn push(&mut self, batch: &ValidBatch<'_>) {
        self.bytes.extend_from_slice(&batch.header_bytes(self.offset, self.epoch));
        self.bytes.extend_from_slice(batch.body());
        self.offset = self.offset.plus(i64::from(batch.header().last_offset_delta) + 1);
    }
}

/// One batch of what the builder holds, as metadata records are written: without compression.
pub(super) fn seal(builder: &mut BatchBuilder) -> ValidBatch<'static> {
    with_scratch(|scratch| builder.seal(Codec::NONE, Producer::NONE, scratch))
}

/// One batch of these control records.
pub(super) fn control(records: &[(ControlType, Vec<u8>)], now: TimestampMs) -> ValidBatch<'static> {
    let records: Vec<_> = records
        .iter()
        .map(|(control_type, value)| ControlRecord { control_type: *control_type, value })
        .collect();
    control_batch(&records, now, Producer::NONE)
}

/// The bytes of a quorum record.
pub(super) fn message<'a, M: Message<'a>>(message: &M) -> Result<Vec<u8>, CheckpointError> {
    let mut writer = Writer::new();
    message.encode(&mut writer, CONTROL_VERSION).map_err(CheckpointError::of)?;
    Ok(writer.into_plan().inline)
}

pub(super) fn parse<'a, M: Message<'a>>(value: &'a [u8]) -> Result<M, CheckpointError> {
    M::decode(&mut Reader::new(value), CONTROL_VERSION).map_err(CheckpointError::of)
}

impl CheckpointError {
    fn of(error: impl fmt::Display) -> Self {
        Self(error.to_string())
    }
}

impl fmt::Display for CheckpointError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for CheckpointError {}
