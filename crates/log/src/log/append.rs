//! Appending: judge the producer, make room, write once, take note.

use record::{BatchHeader, ControlRecord, ControlType, ValidBatch, batches, with_scratch};
use types::{LeaderEpoch, Offset, TimestampMs};

use super::Log;
use crate::disk::Disk;
use crate::error::LogError;
use crate::index::AbortedTxn;
use crate::producer::{Marker, Origin};
use crate::segment::{BatchPlace, SEGMENT_BYTES_MAX};

/// What became of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Appended {
    /// The offset of the batch's first record.
    pub base_offset: Offset,
    /// The offset of its last record.
    pub last_offset: Offset,
    /// Whether it was in the log already, sent again by its producer: these are the offsets it got
    /// the first time.
    pub is_duplicate: bool,
    /// The greatest timestamp of the batch, as the log holds it.
    pub max_timestamp: TimestampMs,
}

impl<D: Disk> Log<D> {
    /// Appends a batch as the leader: it gets the next offsets and `leader_epoch`. With
    /// `flush.messages` reached it is on disk when this returns, otherwise in the system's cache.
    ///
    /// # Errors
    /// `OutOfOrderSequence`, `InvalidProducerEpoch`, `CoordinatorFenced`, `BatchLargerThanSegment`:
    /// nothing is appended. `DiskFull`, `Storage`: nothing counts as appended; the next attempt may
    /// succeed.
    pub fn append(
        &mut self,
        batch: &ValidBatch<'_>,
        origin: Origin,
        leader_epoch: LeaderEpoch,
        now: TimestampMs,
    ) -> Result<Appended, LogError> {
        #[cfg(any(test, feature = "broken"))]
        let origin = match self.broken {
            Some(crate::broken::Broken::KnowsProducers) => Origin::Coordinator,
            None => origin,
        };
        if let Some(known) = self.find_duplicate(batch.header(), origin)? {
            // the first attempt may have failed to flush it
            self.flush_if_due(now)?;
            return Ok(Appended {
                base_offset: known.first_offset(),
                last_offset: known.last_offset,
                is_duplicate: true,
                max_timestamp: known.timestamp,
            });
        }
        let marker = marker_of(batch)?;
        if let Some(marker) = marker {
            self.producers.admit_marker(batch.header(), marker)?;
        }
        self.write(batch, self.end, leader_epoch, marker, now)
    }

    /// Appends the leader's batches as they stand in `bytes`, offsets and epochs kept; a cut-off
    /// one at the end is left out. Returns how many there were.
    ///
    /// # Errors
    /// `NotTheNextOffset` when a batch begins before the log's end, `Malformed`, `DiskFull`,
    /// `Storage`; the batches in front of the bad one are appended then.
    pub fn append_replicated(&mut self, bytes: &[u8], now: TimestampMs) -> Result<usize, LogError> {
        let mut count = 0;
        for batch in batches(bytes) {
            let batch = batch.map_err(|error| LogError::Malformed { why: error.to_string() })?;
            let header = *batch.header();
            if header.base_offset < self.end {
                let (expected, got) = (self.end, header.base_offset);
                return Err(LogError::NotTheNextOffset { expected, got });
            }
            let valid = ValidBatch::trusted(batch.bytes());
            let valid = valid.map_err(|error| LogError::Malformed { why: error.to_string() })?;
            let marker = marker_of(&valid)?;
            self.write(&valid, header.base_offset, header.leader_epoch, marker, now)?;
            count += 1;
        }
        Ok(count)
    }

    fn write(
        &mut self,
        batch: &ValidBatch<'_>,
        base_offset: Offset,
        leader_epoch: LeaderEpoch,
        marker: Option<Marker>,
        now: TimestampMs,
    ) -> Result<Appended, LogError> {
        self.check_usable()?;
        let bytes = self.check_size(batch)?;
        let last_offset = base_offset.plus(i64::from(batch.header().last_offset_delta));
        self.leap_if_too_far(base_offset, last_offset, now)?;
        self.roll_if_due(bytes, last_offset, batch.header().max_timestamp, now)?;
        if self.segments.len() == 1 && self.end == self.active_base() {
            self.durable.names += 1;
        }
        let active = self.segments.last_mut().expect("a log has an active segment");
        let position = active.bytes;
        let header =
            active.append(&self.home, batch, base_offset, leader_epoch, &self.config, now)?;
        self.recent.push(BatchPlace { base_offset, last_offset, position, bytes });
        self.end = header.next_offset();
        self.note(&header, marker)?;
        self.flush_if_due(now)?;
        Ok(Appended {
            base_offset,
            last_offset,
            is_duplicate: false,
            max_timestamp: header.max_timestamp,
        })
    }

    pub(super) fn check_usable(&self) -> Result<(), LogError> {
        let folder = || self.home.folder.clone();
        if self.durable.has_failed { Err(LogError::Failed { folder: folder() }) } else { Ok(()) }
    }

    fn check_size(&self, batch: &ValidBatch<'_>) -> Result<u32, LogError> {
        let segment_bytes = self.config.segment_bytes.min(SEGMENT_BYTES_MAX);
        let bytes = u32::try_from(batch.total_bytes()).ok();
        bytes.filter(|bytes| *bytes <= segment_bytes).ok_or(LogError::BatchLargerThanSegment {
            bytes: batch.total_bytes() as u64,
            segment_bytes: u64::from(segment_bytes),
        })
    }

    /// Brings epochs, producers and transactions up to a batch that is in the active segment.
    pub(super) fn note(
        &mut self,
        header: &BatchHeader,
        marker: Option<Marker>,
    ) -> Result<(), LogError> {
        self.epochs.assign_later(header.leader_epoch, header.base_offset);
        let Some(marker) = marker else {
            if !header.attributes.is_control() {
                self.producers.apply(header);
            }
            return Ok(());
        };
        let Some(completed) = self.producers.apply_marker(header, marker) else { return Ok(()) };
        if !completed.is_commit {
            let aborted = AbortedTxn {
                producer_id: completed.producer_id,
                first_offset: completed.first_offset,
                last_offset: completed.last_offset,
                last_stable_offset: self.producers.transactions().last_stable_offset(&completed),
            };
            let active = self.segments.last_mut().expect("a log has an active segment");
            active.push_aborted(&self.home, &aborted)?;
        }
        Ok(())
    }
}

/// The transaction's end that a control batch says, if it is one of a producer.
pub(super) fn marker_of(batch: &ValidBatch<'_>) -> Result<Option<Marker>, LogError> {
    let header = batch.header();
    if !header.attributes.is_control() || !header.has_producer_id() {
        return Ok(None);
    }
    let bytes = batch.to_vec();
    marker_in(&bytes).ok_or(LogError::InvalidTransaction {
        producer: header.producer_id,
        why: "a control batch of a producer holds one end marker with its coordinator's epoch",
    })
}

fn marker_in(bytes: &[u8]) -> Option<Option<Marker>> {
    let batch = batches(bytes).next()?.ok()?;
    with_scratch(|scratch| {
        let record = batch.records(scratch).ok()?.next()?.ok()?;
        let control = ControlRecord::parse(&record)?;
        let is_commit = match control.control_type {
            ControlType::Commit => true,
            ControlType::Abort => false,
            ControlType::LeaderChange
            | ControlType::SnapshotHeader
            | ControlType::SnapshotFooter
            | ControlType::KraftVersion
            | ControlType::KraftVoters => return None,
        };
        // EndTxnMarker: int16 version, int32 coordinator epoch
        let epoch = control.value.get(2..)?.first_chunk()?;
        Some(Some(Marker { is_commit, coordinator_epoch: i32::from_be_bytes(*epoch) }))
    })
}
