//! What of a batch stays when a log is compacted, by the rules of Kafka's cleaner.

use std::collections::BTreeMap;

use record::{Batch, BatchHeader, ControlRecord, ControlType, Record, RecordError, Scratch};
use types::{Offset, ProducerEpoch, ProducerId, TimestampMs};

use super::offset_map::OffsetMap;
use super::transactions::{Marker, Transactions};
use crate::error::Obstacle;
use crate::index::AbortedTxn;

/// What decides, other than the keys.
#[derive(Debug)]
pub(super) struct Filter {
    pub(super) transactions: Transactions,
    /// The producers that the log remembers.
    pub(super) producers: BTreeMap<ProducerId, LastRecord>,
    pub(super) high_watermark: Offset,
    pub(super) now: TimestampMs,
    pub(super) delete_retention_ms: i64,
    pub(super) record_bytes_max: usize,
}

/// Where a producer's last data is, if it has any, else of which epoch its last marker is.
#[derive(Clone, Copy, Debug)]
pub(super) struct LastRecord {
    pub(super) last_offset: Option<Offset>,
    pub(super) epoch: ProducerEpoch,
}

/// What stays of a batch.
#[derive(Debug)]
pub(super) struct Kept {
    pub(super) batch: Rest,
    /// A marker that still aborts something.
    pub(super) aborts: Option<AbortedTxn>,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Rest {
    /// As it is.
    Whole,
    Rewritten(Vec<u8>),
    Nothing,
}

/// The type of a control batch's record, if it has one of a known type.
pub(super) fn control_type(
    batch: &Batch<'_>,
    scratch: &mut Scratch,
) -> Result<Option<ControlType>, Obstacle> {
    let record = batch.records(scratch)?.next().transpose()?;
    let control = record.and_then(|record| ControlRecord::parse(&record));
    Ok(control.map(|control| control.control_type))
}

/// Two memories: one holds the records that the other compresses.
#[derive(Debug, Default)]
pub(super) struct Scratches {
    pub(super) inflated: Scratch,
    pub(super) deflated: Scratch,
}

impl Filter {
    pub(super) fn pass(
        &mut self,
        batch: &Batch<'_>,
        map: &OffsetMap,
        scratches: &mut Scratches,
    ) -> Result<Kept, Obstacle> {
        let header = *batch.header();
        let is_control = header.attributes.is_control();
        let marker = is_control.then(|| self.pass_marker(batch, scratches)).transpose()?;
        let is_dropped = match marker {
            None => self.transactions.pass_batch(&header),
            Some(Marker::Spent) => header.delete_horizon().is_some_and(|due| due <= self.now),
            Some(Marker::Needed | Marker::Aborts(_)) => false,
        };
        let aborts = match marker {
            Some(Marker::Aborts(txn)) => Some(txn),
            Some(Marker::Spent | Marker::Needed) | None => None,
        };
        let stays_empty = self.stands_for_more_than_records(&header);
        let all: Result<Vec<Record<'_>>, RecordError> =
            batch.records(&mut scratches.inflated)?.capped(self.record_bytes_max).collect();
        let all = all?;
        let is_kept =
            |record: &Record<'_>| !is_dropped && (is_control || self.keeps(&header, record, map));
        let kept: Vec<Record<'_>> = all.iter().copied().filter(is_kept).collect();
        let is_tombstone = |record: &Record<'_>| record.value.is_none();
        let begins_horizon = header.delete_horizon().is_none()
            && (kept.iter().any(is_tombstone) || marker == Some(Marker::Spent));
        let horizon = match begins_horizon {
            true => Some(TimestampMs(self.now.0.saturating_add(self.delete_retention_ms))),
            false => header.delete_horizon(),
        };
        let batch = match (kept.is_empty(), stays_empty) {
            (true, true) if header.record_count == 0 => Rest::Whole,
            (true, true) => Rest::Rewritten(batch.without_records()),
            (true, false) => Rest::Nothing,
            (false, _) if kept.len() == all.len() && !begins_horizon => Rest::Whole,
            (false, _) => {
                Rest::Rewritten(batch.with_records(&kept, horizon, &mut scratches.deflated))
            }
        };
        Ok(Kept { batch, aborts })
    }

    fn pass_marker(
        &mut self,
        batch: &Batch<'_>,
        scratches: &mut Scratches,
    ) -> Result<Marker, Obstacle> {
        let control_type = control_type(batch, &mut scratches.inflated)?;
        Ok(self.transactions.pass_control(batch.header(), control_type))
    }

    /// Whether a batch stays even without records: the last one of its producer tells the sequence,
    /// the last one of all the log's end.
    fn stands_for_more_than_records(&self, batch: &BatchHeader) -> bool {
        let known = self.producers.get(&batch.producer_id).filter(|_| batch.has_producer_id());
        let is_last_of_producer = known.is_some_and(|last| match last.last_offset {
            Some(last_offset) => batch.last_offset() == last_offset,
            None => batch.attributes.is_control() && batch.producer_epoch == last.epoch,
        });
        is_last_of_producer || batch.next_offset() == self.high_watermark
    }

    /// Whether a record is the latest of its key, and more than a tombstone that had its time.
    fn keeps(&self, batch: &BatchHeader, record: &Record<'_>, map: &OffsetMap) -> bool {
        if map.latest().is_none_or(|latest| record.offset > latest) {
            return true;
        }
        let Some(key) = record.key else { return false };
        let is_latest = map.get(key).is_none_or(|latest| record.offset >= latest);
        let has_time = batch.delete_horizon().is_none_or(|horizon| self.now < horizon);
        is_latest && (record.value.is_some() || has_time)
    }
}
