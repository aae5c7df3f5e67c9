//! The producers' state: loaded from a snapshot and the log behind it, asked by fetches and admins.

use record::{BatchHeader, ValidBatch};
use types::{Offset, Sequence, TimestampMs};

use super::Log;
use super::append::marker_of;
use super::load::{Listing, Opening};
use crate::disk::{Disk, read_whole};
use crate::error::{Attempt as _, LogError};
use crate::names::Part;
use crate::producer::{self, Admission, AppendedBatch, Origin, ProducerStatus, Producers};

/// A snapshot of ten million producers; more are no such file.
const SNAPSHOT_BYTES_MAX: u64 = 460 << 20;

impl<D: Disk> Log<D> {
    /// Every producer that is remembered, by id.
    pub fn producers(&self) -> Vec<ProducerStatus> {
        self.producers.status()
    }

    /// Forgets producers that were silent for `producer.id.expiration.ms`.
    pub fn expire_producers(&mut self, now: TimestampMs) {
        self.producers.expire(now, self.config.producer_id_expiration_ms);
    }

    /// Tells how far the log is replicated: ended transactions below count as decided.
    pub fn set_high_watermark(&mut self, high_watermark: Offset) {
        self.producers.transactions_mut().high_watermark_is(high_watermark);
    }

    /// The first offset of a transaction that is not decided below the high watermark.
    pub fn first_unstable_offset(&self) -> Option<Offset> {
        let first = self.producers.transactions().first_unstable_offset();
        first.map(|first| first.max(self.start))
    }

    /// Whether a batch would be the first of its producer here, although by its sequence others came
    /// before it: they are forgotten, or are still to come.
    pub fn begins_midway(&self, batch: &BatchHeader) -> bool {
        batch.has_producer_id()
            && batch.base_sequence > Sequence(0)
            && self.producers.lack(batch.producer_id)
    }

    /// Where a batch is in the log, which its producer sends again; otherwise it may be appended.
    /// A log that never had a record has forgotten nobody: there a producer begins with sequence 0,
    /// as in Apache Kafka from 4.5 on (KAFKA-15591).
    pub(super) fn find_duplicate(
        &mut self,
        batch: &BatchHeader,
        origin: Origin,
    ) -> Result<Option<AppendedBatch>, LogError> {
        if origin == Origin::Client && self.end == Offset::ZERO && self.begins_midway(batch) {
            let (producer, got) = (batch.producer_id, batch.base_sequence);
            return Err(LogError::OutOfOrderSequence { producer, expected: Sequence(0), got });
        }
        match self.producers.admit(batch, origin)? {
            Admission::Append => Ok(None),
            Admission::Duplicate(known) => Ok(Some(known)),
            Admission::Earlier { before, refusal } => match self.look_back(batch, before)? {
                Some(found) => Ok(Some(found)),
                None => Err(refusal),
            },
        }
    }

    /// Brings the producers to where they were at `limit`: the newest snapshot before it, and the
    /// batches since.
    pub(super) fn load_producers(
        &mut self,
        listing: &Listing,
        limit: Offset,
        opening: Opening,
    ) -> Result<(), LogError> {
        let snapshots = listing.offsets(Part::Snapshot);
        let has_none = snapshots.is_empty();
        let from = self.load_snapshot(&snapshots, limit)?;
        match from {
            // Kafka does the same: a log in order without any snapshot had no producers worth one
            None if has_none && opening.is_clean => Ok(()),
            from => self.replay_producers(from.unwrap_or(self.start), limit),
        }
    }

    /// Takes the newest usable snapshot at or before `limit` and tells its offset.
    pub(super) fn load_snapshot(
        &mut self,
        snapshots: &[Offset],
        limit: Offset,
    ) -> Result<Option<Offset>, LogError> {
        self.producers = Producers::default();
        self.durable.snapshot = None;
        for offset in snapshots.iter().rev().copied().filter(|offset| *offset <= limit) {
            let path = self.home.path(offset, Part::Snapshot);
            let bytes = read_whole(&self.home.disk, &path, SNAPSHOT_BYTES_MAX);
            match producer::decode(&bytes.attempt("read", &path)?) {
                Ok(entries) => {
                    self.producers = Producers::from_entries(entries);
                    self.durable.snapshot = Some(offset);
                    return Ok(Some(offset));
                }
                Err(why) => {
                    let path = path.display();
                    tracing::warn!(%path, ?why, "an older snapshot serves instead");
                }
            }
        }
        Ok(None)
    }

    pub(super) fn replay_producers(&mut self, from: Offset, to: Offset) -> Result<(), LogError> {
        self.walk(from, to, |log, batch, control| {
            let valid = control.and_then(|bytes| ValidBatch::trusted(bytes).ok());
            match valid.and_then(|batch| marker_of(&batch).ok().flatten()) {
                Some(marker) => {
                    log.producers.apply_marker(&batch.header, marker);
                }
                None if control.is_none() => log.producers.apply(&batch.header),
                None => {}
            }
        })?;
        self.producers.transactions_mut().high_watermark_is(to);
        Ok(())
    }

    /// Keeps the snapshots in front of segments and the newest one.
    pub(super) fn remove_stray_snapshots(&mut self, listing: &Listing) -> Result<(), LogError> {
        for offset in listing.offsets(Part::Snapshot) {
            let is_base = self.segments.iter().any(|segment| segment.base_offset == offset);
            if offset > self.end || !(is_base || self.durable.snapshot == Some(offset)) {
                self.home.remove_if_there(&self.home.path(offset, Part::Snapshot))?;
            }
        }
        Ok(())
    }
}
