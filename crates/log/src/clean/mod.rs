//! Compaction: of each key the latest record stays, in segments that are written anew beside the
//! old ones.
//!
//! ```text
//!   log start        first dirty                 end                 not to be cleaned yet
//!       | clean segments  | dirty segments        |  …                | active segment
//!                         └─ 1. their keys go into an OffsetMap, as many as fit
//!       └─ 2. all segments before `end` are written anew, in groups that fill a segment
//!          3. each group takes the place of its segments (Log::replace)
//! ```
//!
//! The first two steps run without the log, while others append and read; only taking the place
//! needs it. A crash leaves a half-written group (`.cleaned`), which the next start removes, or a
//! whole one (`.swap`), which it puts in place.

mod filter;
mod input;
mod offset_map;
mod transactions;
mod write;

use std::path::PathBuf;
use std::sync::Arc;

use record::{Batch, batches};
use types::{Offset, TimestampMs};

pub use offset_map::OffsetMap;

pub(crate) use input::Input;
pub(crate) use write::cleaned_path;

use crate::disk::Disk;
use crate::error::{Attempt as _, LogError, Obstacle, StorageError};
use crate::file_cache::OpenFile;
use crate::index::{AbortedTxn, relative};
use crate::scan::Scanner;
use crate::segment::damaged;
use filter::{Filter, Rest, Scratches};
use transactions::Transactions;
use write::Writer;

/// A closed segment as a cleaning reads it.
#[derive(Debug)]
pub(crate) struct Source<D: Disk> {
    pub(crate) base_offset: Offset,
    /// Where its offsets end.
    pub(crate) end: Offset,
    pub(crate) bytes: u32,
    pub(crate) modified: TimestampMs,
    pub(crate) file: Arc<OpenFile<D::File>>,
    pub(crate) path: PathBuf,
}

/// A log that is about to be compacted; see [`crate::Log::begin_clean`].
#[derive(Debug)]
pub struct Cleaning<D: Disk> {
    disk: D,
    folder: PathBuf,
    sources: Vec<Source<D>>,
    input: Input,
}

/// A cleaning whose keys are mapped: its groups are written one after the other.
#[derive(Debug)]
pub struct Mapped<'m, D: Disk> {
    disk: D,
    folder: PathBuf,
    /// Those that are left.
    sources: std::vec::IntoIter<Source<D>>,
    map: &'m OffsetMap,
    end: Offset,
    filter: Filter,
    scratches: Scratches,
    input: Input,
}

/// A group of segments written anew, on disk beside them; see [`crate::Log::replace`].
#[derive(Debug)]
#[must_use = "its files lie about until it takes the place of its segments"]
pub struct Cleaned {
    /// Base offset and bytes of the segments that it stands for; never empty.
    pub(crate) replaces: Vec<(Offset, u32)>,
    pub(crate) bytes: u32,
    pub(crate) modified: TimestampMs,
    pub(crate) has_aborted: bool,
    pub(crate) truncations: u64,
}

impl Cleaned {
    /// Bytes of the segments, and of what stands for them.
    #[must_use]
    pub fn bytes_before_and_after(&self) -> (u64, u64) {
        let before = self.replaces.iter().map(|(_, bytes)| u64::from(*bytes)).sum();
        (before, u64::from(self.bytes))
    }
}

impl<D: Disk> Cleaning<D> {
    pub(crate) fn new(disk: D, folder: PathBuf, sources: Vec<Source<D>>, input: Input) -> Self {
        Self { disk, folder, sources, input }
    }

    /// Notes the keys of the dirty segments, up to where `map` has room.
    ///
    /// # Errors
    /// `Storage`, damage included; `RecordTooLarge`.
    pub fn map(self, map: &mut OffsetMap) -> Result<Mapped<'_, D>, LogError> {
        map.clear();
        let Input { first_dirty, until, .. } = self.input;
        let dirty = |txn: &AbortedTxn| txn.last_offset >= first_dirty;
        let aborted = self.input.aborted.iter().copied().filter(dirty).collect();
        let mut mapping = Mapping {
            transactions: Transactions::new(aborted),
            first_dirty,
            until,
            record_bytes_max: self.input.record_bytes_max,
            scratches: Scratches::default(),
        };
        for source in self.sources.iter().filter(|source| source.end > first_dirty) {
            if !mapping.add(source, map)? {
                break;
            }
            map.note(Offset(source.end.0 - 1));
        }
        let end = map.latest().map_or(first_dirty, |latest| latest.plus(1)).min(until);
        let Self { disk, folder, sources, input } = self;
        let filter = Filter {
            transactions: Transactions::new(input.aborted.clone()),
            producers: input
                .producers
                .iter()
                .map(|(id, last_offset, epoch)| {
                    (*id, filter::LastRecord { last_offset: *last_offset, epoch: *epoch })
                })
                .collect(),
            high_watermark: input.high_watermark,
            now: input.now,
            delete_retention_ms: input.delete_retention_ms,
            record_bytes_max: input.record_bytes_max,
        };
        let sources: Vec<_> =
            sources.into_iter().filter(|source| source.base_offset < end).collect();
        let (sources, scratches) = (sources.into_iter(), Scratches::default());
        Ok(Mapped { disk, folder, sources, map, end, filter, scratches, input })
    }
}

/// The walk over the dirty segments.
struct Mapping {
    transactions: Transactions,
    first_dirty: Offset,
    until: Offset,
    record_bytes_max: usize,
    scratches: Scratches,
}

impl Mapping {
    /// Notes the keys of a segment; tells whether there was room for all, and all could be noted:
    /// what is not decided yet supersedes nothing.
    fn add<D: Disk>(&mut self, source: &Source<D>, map: &mut OffsetMap) -> Result<bool, LogError> {
        let mut goes_on = true;
        source.walk(|batch| {
            let last_offset = batch.header().last_offset();
            goes_on &= last_offset < self.until;
            if goes_on && last_offset >= self.first_dirty {
                goes_on = self.add_batch(batch, map)?;
            }
            Ok(())
        })?;
        Ok(goes_on)
    }

    fn add_batch(&mut self, batch: &Batch<'_>, map: &mut OffsetMap) -> Result<bool, Obstacle> {
        let header = batch.header();
        if header.attributes.is_control() {
            // whether the marker is needed is of no concern here, only that its transaction ends
            let control_type = filter::control_type(batch, &mut self.scratches.inflated)?;
            self.transactions.pass_control(header, control_type);
        } else if !self.transactions.pass_batch(header) {
            let records = batch.records(&mut self.scratches.inflated)?;
            for record in records.capped(self.record_bytes_max) {
                let record = record?;
                let Some(key) = record.key.filter(|_| record.offset >= self.first_dirty) else {
                    continue;
                };
                if !map.put(key, record.offset) {
                    return Ok(false);
                }
            }
        }
        map.note(header.last_offset());
        Ok(true)
    }
}

impl<D: Disk> Mapped<'_, D> {
    /// Up to where the log is clean once every group has taken its place.
    #[must_use]
    pub const fn end(&self) -> Offset {
        self.end
    }

    /// Writes the next group anew; `None` when there is none left.
    ///
    /// # Errors
    /// `Storage`, `DiskFull`, `RecordTooLarge`: the log is as it was.
    pub fn clean_group(&mut self) -> Result<Option<Cleaned>, LogError> {
        let group = self.next_group();
        let Some(first) = group.first() else { return Ok(None) };
        let mut writer = Writer::begin(&self.disk, &self.folder, first.base_offset, &self.input)?;
        let written = self.write_group(&group, &mut writer);
        if let Err(error) = written {
            writer.abandon();
            return Err(error);
        }
        let modified = group.last().map_or(first.modified, |last| last.modified);
        let replaces = group.iter().map(|source| (source.base_offset, source.bytes)).collect();
        let (bytes, has_aborted) = writer.finish()?;
        let truncations = self.input.truncations;
        Ok(Some(Cleaned { replaces, bytes, modified, has_aborted, truncations }))
    }

    /// Neighbours that fill a segment together, in bytes and in offsets.
    fn next_group(&mut self) -> Vec<Source<D>> {
        let mut group: Vec<Source<D>> = Vec::new();
        let mut bytes = 0_u64;
        while let Some(next) = self.sources.as_slice().first() {
            bytes += u64::from(next.bytes);
            let base_offset = group.first().map_or(next.base_offset, |first| first.base_offset);
            let fits = bytes <= u64::from(self.input.segment_bytes)
                && relative(Offset(next.end.0 - 1), base_offset).is_some();
            if !group.is_empty() && !fits {
                break;
            }
            group.extend(self.sources.next());
        }
        group
    }

    fn write_group(&mut self, group: &[Source<D>], writer: &mut Writer<D>) -> Result<(), LogError> {
        let Self { filter, map, scratches, .. } = self;
        for source in group {
            source.walk(|batch| {
                let kept = filter.pass(batch, map, scratches)?;
                match &kept.batch {
                    Rest::Whole => writer.append(batch.bytes())?,
                    Rest::Rewritten(rest) => writer.append(rest)?,
                    Rest::Nothing => {}
                }
                if let Some(txn) = kept.aborts {
                    writer.note_aborted(&txn);
                }
                Ok(())
            })?;
        }
        Ok(())
    }
}

impl<D: Disk> Source<D> {
    /// Shows every batch with all its bytes.
    fn walk(
        &self,
        mut visit: impl FnMut(&Batch<'_>) -> Result<(), Obstacle>,
    ) -> Result<(), LogError> {
        let mut scanner = Scanner::sweep(self.file.file(), 0, self.bytes);
        let damage = |damage| damaged(&self.path, &damage);
        while let Some(located) = scanner.step().attempt("read", &self.path)?.map_err(damage)? {
            let at = located.position;
            let bytes = scanner.read(&located).attempt("read", &self.path)?;
            let batch = batches(&bytes).next().and_then(Result::ok).filter(Batch::is_crc_valid);
            let Some(batch) = batch else {
                let why = format!("the checksum of the batch at byte {at} does not match");
                return Err(StorageError::corrupt(&self.path, why).into());
            };
            visit(&batch).map_err(|why| why.at(&self.path, at))?;
        }
        Ok(())
    }
}
