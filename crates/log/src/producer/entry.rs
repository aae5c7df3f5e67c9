//! One producer: its epoch, its last five batches, its open transaction.

use record::BatchHeader;
use types::{Offset, ProducerEpoch, ProducerId, Sequence, TimestampMs};

use super::{Marker, ProducerStatus};
use crate::error::LogError;

/// A client keeps five requests in flight; a retry of any of them must be recognised.
const BATCHES_KEPT: usize = 5;

/// A batch of a producer, as far as a retry of it must be answered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct AppendedBatch {
    pub(crate) last_sequence: Sequence,
    pub(crate) last_offset: Offset,
    pub(crate) offset_delta: i32,
    pub(crate) timestamp: TimestampMs,
}

/// A producer's state in a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ProducerEntry {
    pub(crate) epoch: ProducerEpoch,
    pub(crate) coordinator_epoch: i32,
    pub(crate) last_timestamp: TimestampMs,
    pub(crate) txn_first_offset: Option<Offset>,
    /// The oldest first; the first `batch_count` count.
    batches: [AppendedBatch; BATCHES_KEPT],
    batch_count: usize,
}

impl Default for ProducerEntry {
    fn default() -> Self {
        Self {
            epoch: ProducerEpoch::NONE,
            coordinator_epoch: -1,
            last_timestamp: TimestampMs::NONE,
            txn_first_offset: None,
            batches: Default::default(),
            batch_count: 0,
        }
    }
}

impl From<&BatchHeader> for AppendedBatch {
    fn from(batch: &BatchHeader) -> Self {
        Self {
            last_sequence: batch.last_sequence(),
            last_offset: batch.last_offset(),
            offset_delta: batch.last_offset_delta,
            timestamp: batch.max_timestamp,
        }
    }
}

impl AppendedBatch {
    pub(crate) const fn first_offset(&self) -> Offset {
        Offset(self.last_offset.0 - self.offset_delta as i64)
    }

    fn first_sequence(&self) -> Sequence {
        self.last_sequence.plus(-self.offset_delta)
    }
}

impl ProducerEntry {
    pub(crate) fn batches(&self) -> &[AppendedBatch] {
        &self.batches[..self.batch_count]
    }

    pub(crate) fn last_batch(&self) -> Option<&AppendedBatch> {
        self.batches().last()
    }

    pub(crate) fn last_sequence(&self) -> Sequence {
        self.last_batch().map_or(Sequence::NONE, |batch| batch.last_sequence)
    }

    pub(crate) fn status(&self, producer_id: ProducerId) -> ProducerStatus {
        ProducerStatus {
            producer_id,
            epoch: self.epoch,
            last_sequence: self.last_sequence(),
            last_timestamp: self.last_timestamp,
            coordinator_epoch: self.coordinator_epoch,
            txn_first_offset: self.txn_first_offset,
        }
    }

    pub(crate) fn find_duplicate(&self, batch: &BatchHeader) -> Option<AppendedBatch> {
        if batch.producer_epoch != self.epoch || batch.attributes.is_control() {
            return None;
        }
        let (first, last) = (batch.base_sequence, batch.last_sequence());
        let is_same = |b: &&AppendedBatch| b.last_sequence == last && b.first_sequence() == first;
        self.batches().iter().find(is_same).copied()
    }

    /// Before which offset the log has a batch whose sequences come before those that are
    /// remembered, if it has it; `None` for one that cannot be there.
    pub(crate) fn forgotten_before(&self, batch: &BatchHeader) -> Option<Offset> {
        let oldest = self.batches().first().filter(|_| batch.producer_epoch == self.epoch)?;
        let ahead = batch.last_sequence().until(oldest.first_sequence()).filter(|n| *n > 0)?;
        // the records in between, of the same producer, lie in between
        let before = oldest.first_offset().plus(1 - i64::from(ahead));
        (before > Offset::ZERO).then_some(before)
    }

    pub(crate) fn check_epoch(&self, batch: &BatchHeader) -> Result<(), LogError> {
        if batch.producer_epoch < self.epoch {
            return Err(LogError::InvalidProducerEpoch {
                producer: batch.producer_id,
                current: self.epoch,
                got: batch.producer_epoch,
            });
        }
        Ok(())
    }

    /// An epoch begins with sequence 0; within it sequences follow one another. A producer of which
    /// no epoch is known may begin anywhere.
    pub(crate) fn check_sequence(&self, batch: &BatchHeader) -> Result<(), LogError> {
        let expected = match self.last_sequence() {
            _ if self.epoch == ProducerEpoch::NONE => return Ok(()),
            Sequence::NONE => Sequence(0),
            _ if batch.producer_epoch != self.epoch => Sequence(0),
            last => last.plus(1),
        };
        if batch.base_sequence == expected {
            return Ok(());
        }
        let (producer, got) = (batch.producer_id, batch.base_sequence);
        Err(LogError::OutOfOrderSequence { producer, expected, got })
    }

    pub(crate) fn check_coordinator(
        &self,
        producer: ProducerId,
        marker: Marker,
    ) -> Result<(), LogError> {
        let (current, got) = (self.coordinator_epoch, marker.coordinator_epoch);
        if got < current {
            return Err(LogError::CoordinatorFenced { producer, current, got });
        }
        Ok(())
    }

    pub(crate) fn append(&mut self, batch: &BatchHeader) {
        self.enter_epoch(batch.producer_epoch);
        self.push(batch.into());
        self.last_timestamp = batch.max_timestamp;
        if batch.attributes.is_transactional() && self.txn_first_offset.is_none() {
            self.txn_first_offset = Some(batch.base_offset);
        }
    }

    /// Ends the open transaction, if any, and tells where it began.
    pub(crate) fn end_transaction(
        &mut self,
        batch: &BatchHeader,
        marker: Marker,
    ) -> Option<Offset> {
        self.enter_epoch(batch.producer_epoch);
        self.coordinator_epoch = marker.coordinator_epoch;
        self.last_timestamp = batch.max_timestamp;
        self.txn_first_offset.take()
    }

    /// Adds a batch, the oldest one goes.
    pub(crate) fn push(&mut self, batch: AppendedBatch) {
        if self.batch_count == BATCHES_KEPT {
            self.batches.rotate_left(1);
            self.batch_count -= 1;
        }
        self.batches[self.batch_count] = batch;
        self.batch_count += 1;
    }

    fn enter_epoch(&mut self, epoch: ProducerEpoch) {
        if epoch != self.epoch {
            self.epoch = epoch;
            self.batch_count = 0;
        }
    }
}
