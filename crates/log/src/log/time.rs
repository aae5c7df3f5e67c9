//! Questions about time: the first record as young as that, the youngest record.

use std::ops::ControlFlow;

use record::{Record, batches, with_scratch};
use types::{LeaderEpoch, Offset, TimestampMs};

use super::Log;
use crate::disk::Disk;
use crate::error::{Attempt as _, LogError, Obstacle};
use crate::names::Part;
use crate::scan::Scanner;
use crate::segment::damaged;

/// A record's offset and timestamp, and the epoch that wrote it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimestampedOffset {
    pub offset: Offset,
    pub timestamp: TimestampMs,
    pub leader_epoch: Option<LeaderEpoch>,
}

impl<D: Disk> Log<D> {
    /// The first record at or behind the log's start whose timestamp is `target` or later.
    ///
    /// # Errors
    /// `Storage`.
    pub fn offset_for_timestamp(
        &mut self,
        target: TimestampMs,
    ) -> Result<Option<TimestampedOffset>, LogError> {
        for index in self.segment_at(self.start)..self.segments.len() {
            let max = self.segments[index].max_time(&self.home)?;
            if max.is_some_and(|max| max.timestamp >= target)
                && let Some(found) = self.first_at_or_after(index, target)?
            {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    /// The first of the records with the greatest timestamp.
    ///
    /// # Errors
    /// `Storage`, `RecordTooLarge`.
    pub fn max_timestamp(&mut self) -> Result<Option<TimestampedOffset>, LogError> {
        let mut greatest = TimestampMs::NONE;
        let mut holder = None;
        for index in self.segment_at(self.start)..self.segments.len() {
            let max = self.max_time_from_start(index)?;
            if let Some(max) = max.filter(|max| *max > greatest) {
                greatest = max;
                holder = Some(index);
            }
        }
        match holder {
            Some(index) => self.first_at_or_after(index, greatest),
            None => Ok(None),
        }
    }

    /// The greatest timestamp of the segment's records at or behind the log's start.
    fn max_time_from_start(&mut self, index: usize) -> Result<Option<TimestampMs>, LogError> {
        let Some(max) = self.segments[index].max_time(&self.home)? else { return Ok(None) };
        let is_whole = self.segments[index].base_offset >= self.start;
        if is_whole || self.first_at_or_after(index, max.timestamp)?.is_some() {
            return Ok(Some(max.timestamp));
        }
        // the youngest record was deleted: the rest is looked through
        let start = self.start;
        let mut greatest = self.max_time_of_cut_batch(index)?;
        self.walk(start, self.segment_end(index), |_, batch, _| {
            if batch.base_offset() >= start {
                greatest = greatest.max(Some(batch.header.max_timestamp));
            }
        })?;
        Ok(greatest)
    }

    /// The greatest timestamp of what is left of a batch that the log's start goes through.
    fn max_time_of_cut_batch(&mut self, index: usize) -> Result<Option<TimestampMs>, LogError> {
        let (start, record_bytes_max) = (self.start, self.config.record_bytes_max);
        let segment = &mut self.segments[index];
        let place = segment.locate(&self.home, start)?;
        let Some(place) = place.filter(|place| place.base_offset < start) else { return Ok(None) };
        let path = self.home.path(segment.base_offset, Part::Log);
        let (file, bytes) = (segment.file(&self.home)?, segment.bytes);
        let mut scanner = Scanner::seek(file.file(), place.position, bytes);
        let batch = scanner.step().attempt("read", &path)?;
        let batch = batch.map_err(|damage| damaged(&path, &damage))?.expect("it was located");
        let bytes = scanner.read(&batch).attempt("read", &path)?;
        let mut greatest = None;
        let visited = visit_records(&bytes, record_bytes_max, |record| {
            if record.offset >= start {
                greatest = greatest.max(Some(record.timestamp));
            }
            ControlFlow::<()>::Continue(())
        });
        visited.map_err(|why| why.at(&path, batch.position))?;
        Ok(greatest)
    }

    fn first_at_or_after(
        &mut self,
        index: usize,
        target: TimestampMs,
    ) -> Result<Option<TimestampedOffset>, LogError> {
        let (start, record_bytes_max) = (self.start, self.config.record_bytes_max);
        let segment = &mut self.segments[index];
        let path = self.home.path(segment.base_offset, Part::Log);
        let position = segment.position_by_time(&self.home, target, start)?;
        let (file, bytes) = (segment.file(&self.home)?, segment.bytes);
        let mut scanner = Scanner::seek(file.file(), position, bytes);
        while let Some(batch) =
            scanner.step().attempt("read", &path)?.map_err(|damage| damaged(&path, &damage))?
        {
            let may_hold = batch.header.max_timestamp >= target;
            if !may_hold || batch.header.last_offset() < start {
                continue;
            }
            let bytes = scanner.read(&batch).attempt("read", &path)?;
            let found = first_record(&bytes, target, start, record_bytes_max);
            if let Some((offset, timestamp)) = found.map_err(|why| why.at(&path, batch.position))? {
                let leader_epoch = Some(batch.header.leader_epoch).filter(|epoch| epoch.0 >= 0);
                return Ok(Some(TimestampedOffset { offset, timestamp, leader_epoch }));
            }
        }
        Ok(None)
    }
}

fn first_record(
    batch: &[u8],
    target: TimestampMs,
    start: Offset,
    record_bytes_max: usize,
) -> Result<Option<(Offset, TimestampMs)>, Obstacle> {
    visit_records(batch, record_bytes_max, |record| {
        let is_it = record.timestamp >= target && record.offset >= start;
        if is_it {
            ControlFlow::Break((record.offset, record.timestamp))
        } else {
            ControlFlow::Continue(())
        }
    })
}

/// Shows the batch's records to `visit` until it breaks off.
fn visit_records<T>(
    batch: &[u8],
    record_bytes_max: usize,
    mut visit: impl FnMut(Record<'_>) -> ControlFlow<T>,
) -> Result<Option<T>, Obstacle> {
    let Some(Ok(batch)) = batches(batch).next() else { return Ok(None) };
    with_scratch(|scratch| {
        let records = batch.records(scratch).map_err(Obstacle::Inflation)?;
        for record in records.capped(record_bytes_max) {
            if let ControlFlow::Break(found) = visit(record.map_err(Obstacle::Record)?) {
                return Ok(Some(found));
            }
        }
        Ok(None)
    })
}
