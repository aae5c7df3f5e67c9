//! One segment: a log file with its indexes.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use record::{BatchHeader, ValidBatch};
use types::{LeaderEpoch, Offset, TimestampMs};

use crate::config::LogConfig;
use crate::disk::{Disk, DiskFile};
use crate::error::{Attempt as _, StorageError};
use crate::file_cache::{FileSlot, OpenFile};
use crate::home::Home;
use crate::index::{AbortedTxn, OffsetIndex, Place, TimeIndex, TimePoint, TxnIndex, relative};
use crate::names::Part;
use crate::scan::{Damage, Located, Scanner};

/// A segment's end must fit the 31 bits that Java gives a position.
pub(crate) const SEGMENT_BYTES_MAX: u32 = i32::MAX as u32;

/// Kafka's default `index.interval.bytes`, for indexes that are built anew while the log is in use.
const REBUILT_INTERVAL_BYTES: u32 = 4096;

/// A segment of a log. Its files are opened when needed, its indexes read when needed.
#[derive(Debug)]
pub(crate) struct Segment<D: Disk> {
    pub(crate) base_offset: Offset,
    pub(crate) bytes: u32,
    pub(crate) created: TimestampMs,
    /// Of the last append.
    pub(crate) modified: TimestampMs,
    slot: FileSlot<D::File>,
    /// Whether the file may go on behind `bytes`, now or after a crash: room that was set aside, or
    /// a cut that is not synced.
    has_room: bool,
    indexes: Option<Box<Indexes>>,
    first_timestamp: Option<TimestampMs>,
    /// Whether there can be a transaction index.
    has_aborted: bool,
}

/// What leads to batches, times and aborted transactions.
#[derive(Debug)]
pub(crate) struct Indexes {
    offset: OffsetIndex,
    time: TimeIndex,
    txn: TxnIndex,
    /// Of all batches; the time index has it when the segment is closed.
    max_time: Option<TimePoint>,
    bytes_since_entry: u32,
}

/// A batch that is looked for: its offsets, where it begins, and its size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BatchPlace {
    pub(crate) base_offset: Offset,
    pub(crate) last_offset: Offset,
    pub(crate) position: u32,
    pub(crate) bytes: u32,
}

impl From<Located> for BatchPlace {
    fn from(batch: Located) -> Self {
        Self {
            base_offset: batch.base_offset(),
            last_offset: batch.header.last_offset(),
            position: batch.position,
            bytes: batch.bytes(),
        }
    }
}

impl Indexes {
    pub(crate) fn empty(base_offset: Offset) -> Self {
        Self {
            offset: OffsetIndex::default(),
            time: TimeIndex::new(base_offset),
            txn: TxnIndex::default(),
            max_time: None,
            bytes_since_entry: 0,
        }
    }

    /// Takes note of a batch before it counts as part of the segment.
    pub(crate) fn note(
        &mut self,
        base_offset: Offset,
        batch: &BatchHeader,
        position: u32,
        interval: u32,
    ) {
        let (timestamp, offset) = (batch.max_timestamp, batch.last_offset());
        if self.max_time.is_none_or(|max| timestamp > max.timestamp) {
            self.max_time = Some(TimePoint { timestamp, offset });
        }
        if self.bytes_since_entry > interval
            && let Some(relative) = relative(offset, base_offset)
        {
            self.offset.push(relative, position);
            if let Some(max) = self.max_time {
                self.time.push(max);
            }
            self.bytes_since_entry = 0;
        }
        let bytes = u32::try_from(batch.total_bytes()).expect("a batch has less than 2 GiB");
        self.bytes_since_entry = self.bytes_since_entry.saturating_add(bytes);
    }

    pub(crate) fn push_aborted(&mut self, aborted: &AbortedTxn) {
        self.txn.push(aborted);
    }

    /// Whether the next batch should be preceded by [`Indexes::store`].
    pub(crate) fn have_many_waiting(&mut self) -> bool {
        self.offset.entries().has_many_waiting()
            || self.time.entries().has_many_waiting()
            || self.txn.entries().has_many_waiting()
    }

    /// Writes what waits in memory: to the offset, the time and the transaction index.
    pub(crate) fn store<D: Disk>(
        &mut self,
        disk: &D,
        paths: &[PathBuf; 3],
    ) -> Result<(), StorageError> {
        let [offset, time, txn] = paths.each_ref().map(|path| Place { disk, path });
        self.offset.entries().store(&offset)?;
        self.time.entries().store(&time)?;
        if self.txn.entries().count() > 0 {
            self.txn.entries().store(&txn)?;
        }
        Ok(())
    }

    /// The time index ends with the segment's greatest time.
    pub(crate) fn seal(&mut self) {
        if let Some(max) = self.max_time {
            self.time.push(max);
        }
    }
}

impl<D: Disk> Segment<D> {
    /// A segment whose file, if it has one, holds nothing yet.
    pub(crate) fn empty(base_offset: Offset, now: TimestampMs) -> Self {
        Self {
            base_offset,
            bytes: 0,
            created: now,
            modified: now,
            slot: FileSlot::default(),
            has_room: false,
            indexes: Some(Box::new(Indexes::empty(base_offset))),
            first_timestamp: None,
            has_aborted: false,
        }
    }

    /// A segment whose files are taken as they are.
    pub(crate) fn existing(
        base_offset: Offset,
        bytes: u32,
        modified: TimestampMs,
        has_aborted: bool,
    ) -> Self {
        Self {
            base_offset,
            bytes,
            created: modified,
            modified,
            slot: FileSlot::default(),
            has_room: false,
            indexes: None,
            first_timestamp: None,
            has_aborted,
        }
    }

    pub(crate) fn file(&mut self, home: &Home<D>) -> Result<Arc<OpenFile<D::File>>, StorageError> {
        home.log_file(self.base_offset, &mut self.slot)
    }

    /// Lets go of the open file.
    pub(crate) fn close_file(&mut self, home: &Home<D>) {
        home.files.close(&mut self.slot);
    }

    /// Whether `batch`, whose last offset will be `last_offset`, needs another segment.
    pub(crate) fn is_full_for(
        &mut self,
        home: &Home<D>,
        batch_bytes: u32,
        last_offset: Offset,
        config: &LogConfig,
    ) -> Result<bool, StorageError> {
        let base_offset = self.base_offset;
        if relative(last_offset, base_offset).is_none() {
            return Ok(true);
        }
        let segment_bytes = config.segment_bytes.min(SEGMENT_BYTES_MAX);
        if self.bytes > segment_bytes.saturating_sub(batch_bytes) {
            return Ok(self.bytes > 0);
        }
        let index_bytes = config.segment_index_bytes;
        let indexes = self.indexes(home)?;
        Ok(indexes.offset.is_full(index_bytes) || indexes.time.is_full(index_bytes))
    }

    /// Writes a batch behind the last one and takes note of it. A failure leaves the segment as it
    /// was; what part of the batch has reached the file is cut off again, or else overwritten by
    /// the next one.
    pub(crate) fn append(
        &mut self,
        home: &Home<D>,
        batch: &ValidBatch<'_>,
        base_offset: Offset,
        leader_epoch: LeaderEpoch,
        config: &LogConfig,
        now: TimestampMs,
    ) -> Result<BatchHeader, StorageError> {
        self.make_index_room(home)?;
        let file = self.file(home)?;
        if config.preallocate && self.bytes == 0 {
            self.set_room_aside(home, config.segment_bytes)?;
        }
        let head = batch.header_bytes(base_offset, leader_epoch);
        let written = file.file().write_at(&head, batch.body(), u64::from(self.bytes));
        if let Err(error) = written {
            let path = home.path(self.base_offset, Part::Log);
            self.has_room = true;
            if let Err(cut) = file.file().set_len(u64::from(self.bytes)) {
                let path = path.display();
                tracing::warn!(%path, %cut, "the next append overwrites a torn batch");
            }
            return Err(error).attempt("append to", &path);
        }
        let header = BatchHeader { base_offset, leader_epoch, ..*batch.header() };
        let (position, segment_base) = (self.bytes, self.base_offset);
        let interval = config.index_interval_bytes;
        self.indexes(home)?.note(segment_base, &header, position, interval);
        self.first_timestamp.get_or_insert(header.max_timestamp);
        self.modified = now;
        self.bytes +=
            u32::try_from(batch.total_bytes()).expect("judged against the segment's size");
        Ok(header)
    }

    /// Gives the file its full length before its first batch (`preallocate`). As in Kafka the room is
    /// a hole: no volume is full of segments that were only begun.
    fn set_room_aside(&mut self, home: &Home<D>, segment_bytes: u32) -> Result<(), StorageError> {
        self.has_room = true;
        let bytes = u64::from(segment_bytes.min(SEGMENT_BYTES_MAX));
        let path = home.path(self.base_offset, Part::Log);
        self.file(home)?.file().set_len(bytes).attempt("set room aside in", &path)
    }

    /// Cuts off what the file may have behind the last batch; tells whether there could be
    /// something. The cut is to be synced with the last batch, or else by the caller.
    pub(crate) fn trim(&mut self, home: &Home<D>) -> Result<bool, StorageError> {
        let had_room = self.has_room;
        if had_room {
            self.cut(home, self.bytes)?;
            self.has_room = false;
        }
        Ok(had_room)
    }

    /// Makes the file's contents durable.
    pub(crate) fn sync(&mut self, home: &Home<D>) -> Result<(), StorageError> {
        let path = home.path(self.base_offset, Part::Log);
        self.file(home)?.file().sync().attempt("sync", &path)
    }

    /// The first batch that ends at or behind `offset`.
    pub(crate) fn locate(
        &mut self,
        home: &Home<D>,
        offset: Offset,
    ) -> Result<Option<BatchPlace>, StorageError> {
        let from = self.position_before(home, offset)?;
        match self.find_from(home, from, offset) {
            // the batch at the position that the index gives ends at or before the offset: this
            // index lies
            Ok(Some(place)) if from > 0 && place.position == from && place.base_offset > offset => {
            }
            Err(error) if from > 0 && error.is_corrupt() => {}
            outcome => return outcome,
        }
        self.rebuild_indexes(home)?;
        let from = self.position_before(home, offset)?;
        self.find_from(home, from, offset)
    }

    /// The first batch from `position` on that ends at or behind `offset`.
    fn find_from(
        &mut self,
        home: &Home<D>,
        position: u32,
        offset: Offset,
    ) -> Result<Option<BatchPlace>, StorageError> {
        if position == self.bytes {
            return Ok(None);
        }
        let file = self.file(home)?;
        let path = || home.path(self.base_offset, Part::Log);
        let mut scanner = Scanner::seek(file.file(), position, self.bytes);
        loop {
            match scanner.step().map_err(|source| read_error(source, path()))? {
                Err(damage) => return Err(damaged(&path(), &damage)),
                Ok(Some(batch)) if batch.header.last_offset() >= offset => {
                    return Ok(Some(batch.into()));
                }
                Ok(Some(_)) => {}
                Ok(None) => return Ok(None),
            }
        }
    }

    /// Builds offset and time index from the log, whose checksums are not compared.
    fn rebuild_indexes(&mut self, home: &Home<D>) -> Result<(), StorageError> {
        let path = home.path(self.base_offset, Part::Log);
        tracing::warn!(path = %path.display(), "its garbled index is built from the log again");
        let txn = self.indexes.take().map(|indexes| indexes.txn);
        for part in [Part::OffsetIndex, Part::TimeIndex] {
            home.remove_if_there(&home.path(self.base_offset, part))?;
        }
        let mut indexes = Indexes::empty(self.base_offset);
        indexes.txn = txn.unwrap_or_default();
        self.indexes = Some(Box::new(indexes));
        let file = self.file(home)?;
        let mut scanner = Scanner::sweep(file.file(), 0, self.bytes);
        let damage = |damage| damaged(&path, &damage);
        while let Some(batch) = scanner.step().attempt("read", &path)?.map_err(damage)? {
            self.index(home, &batch, REBUILT_INTERVAL_BYTES)?;
        }
        self.seal(home)
    }

    /// A position at or before the batch that holds `offset`, by the index.
    pub(crate) fn position_before(
        &mut self,
        home: &Home<D>,
        offset: Offset,
    ) -> Result<u32, StorageError> {
        let Some(relative) = relative(offset.max(self.base_offset), self.base_offset) else {
            return self.last_index_position(home);
        };
        let path = home.path(self.base_offset, Part::OffsetIndex);
        let place = Place { disk: &home.disk, path: &path };
        let position = self.indexes(home)?.offset.lookup(relative, &place)?;
        Ok(if position < self.bytes { position } else { 0 })
    }

    /// Where a batch begins that does not begin behind `limit`, by the index: the last one it knows.
    pub(crate) fn batch_up_to(&mut self, home: &Home<D>, limit: u32) -> Result<u32, StorageError> {
        let path = home.path(self.base_offset, Part::OffsetIndex);
        let place = Place { disk: &home.disk, path: &path };
        self.indexes(home)?.offset.position_up_to(limit, &place)
    }

    /// The offset behind the last batch, from the file.
    pub(crate) fn read_end_offset(&mut self, home: &Home<D>) -> Result<Offset, StorageError> {
        let from = self.last_index_position(home)?;
        let mut end = self.base_offset;
        let file = self.file(home)?;
        let path = || home.path(self.base_offset, Part::Log);
        let mut scanner = Scanner::seek(file.file(), from, self.bytes);
        loop {
            match scanner.step().map_err(|source| read_error(source, path()))? {
                Err(damage) => return Err(damaged(&path(), &damage)),
                Ok(Some(batch)) => end = end.max(batch.header.next_offset()),
                Ok(None) => return Ok(end),
            }
        }
    }

    fn last_index_position(&mut self, home: &Home<D>) -> Result<u32, StorageError> {
        let path = home.path(self.base_offset, Part::OffsetIndex);
        let place = Place { disk: &home.disk, path: &path };
        let last = self.indexes(home)?.offset.last(&place)?;
        Ok(last.map(|(_, position)| position).filter(|at| *at < self.bytes).unwrap_or(0))
    }

    /// The greatest timestamp, and the last offset of the batch that has it; `None` without batches
    /// that have one.
    pub(crate) fn max_time(&mut self, home: &Home<D>) -> Result<Option<TimePoint>, StorageError> {
        Ok(self.indexes(home)?.max_time)
    }

    /// The timestamp that says how old the segment is: its first batch's.
    pub(crate) fn first_timestamp(
        &mut self,
        home: &Home<D>,
    ) -> Result<Option<TimestampMs>, StorageError> {
        if self.first_timestamp.is_none() && self.bytes > 0 {
            let file = self.file(home)?;
            let path = home.path(self.base_offset, Part::Log);
            let first = Scanner::seek(file.file(), 0, self.bytes).step().attempt("read", &path)?;
            let first = first.map_err(|damage| damaged(&path, &damage))?;
            self.first_timestamp = first.map(|batch| batch.header.max_timestamp);
        }
        Ok(self.first_timestamp)
    }

    /// From which position on to look for records as young as `target`.
    pub(crate) fn position_by_time(
        &mut self,
        home: &Home<D>,
        target: TimestampMs,
        from: Offset,
    ) -> Result<u32, StorageError> {
        let path = home.path(self.base_offset, Part::TimeIndex);
        let place = Place { disk: &home.disk, path: &path };
        let known = self.indexes(home)?.time.lookup(target, &place)?;
        let offset = known.map_or(from, |point| point.offset.max(from));
        self.position_before(home, offset)
    }

    /// The aborted transactions whose marker is here.
    pub(crate) fn aborted(&mut self, home: &Home<D>) -> Result<Vec<AbortedTxn>, StorageError> {
        if !self.has_aborted {
            return Ok(Vec::new());
        }
        let path = home.path(self.base_offset, Part::TxnIndex);
        self.indexes(home)?.txn.read_all(&Place { disk: &home.disk, path: &path })
    }

    pub(crate) fn push_aborted(
        &mut self,
        home: &Home<D>,
        aborted: &AbortedTxn,
    ) -> Result<(), StorageError> {
        self.indexes(home)?.push_aborted(aborted);
        self.has_aborted = true;
        Ok(())
    }

    /// Whether everything waits in memory for nothing: the next append can take note of itself.
    fn make_index_room(&mut self, home: &Home<D>) -> Result<(), StorageError> {
        if self.indexes(home)?.have_many_waiting() { self.store_indexes(home) } else { Ok(()) }
    }

    /// Writes what the indexes hold in memory.
    pub(crate) fn store_indexes(&mut self, home: &Home<D>) -> Result<(), StorageError> {
        let paths = home.index_paths(self.base_offset);
        self.indexes.as_mut().map_or(Ok(()), |indexes| indexes.store(&home.disk, &paths))
    }

    /// Completes the indexes on disk: the time index ends with the segment's greatest time.
    pub(crate) fn seal(&mut self, home: &Home<D>) -> Result<(), StorageError> {
        if let Some(indexes) = &mut self.indexes {
            indexes.seal();
        }
        self.store_indexes(home)
    }

    /// Frees what the indexes hold in memory; they are read again when needed.
    pub(crate) fn forget_indexes(&mut self) {
        self.indexes = None;
    }

    /// Forgets the indexes, of which no file is left: they are to be built from the log.
    pub(crate) fn reset_indexes(&mut self) {
        self.indexes = Some(Box::new(Indexes::empty(self.base_offset)));
        self.first_timestamp = None;
        self.has_aborted = false;
    }

    /// Takes note of a batch that is in the file, while indexes are built.
    pub(crate) fn index(
        &mut self,
        home: &Home<D>,
        batch: &Located,
        interval: u32,
    ) -> Result<(), StorageError> {
        self.make_index_room(home)?;
        let base_offset = self.base_offset;
        self.indexes(home)?.note(base_offset, &batch.header, batch.position, interval);
        Ok(())
    }

    /// Cuts the segment in front of the batch that begins at `bytes` and holds `end`.
    pub(crate) fn truncate(
        &mut self,
        home: &Home<D>,
        bytes: u32,
        end: Offset,
    ) -> Result<(), StorageError> {
        let base_offset = self.base_offset;
        let indexes = self.indexes(home)?;
        let path = home.path(base_offset, Part::OffsetIndex);
        indexes.offset.truncate(bytes, &Place { disk: &home.disk, path: &path })?;
        let path = home.path(base_offset, Part::TimeIndex);
        indexes.time.truncate(end, &Place { disk: &home.disk, path: &path })?;
        let path = home.path(base_offset, Part::TxnIndex);
        indexes.txn.truncate(end, &Place { disk: &home.disk, path: &path })?;
        self.cut(home, bytes)?;
        self.sync(home)?;
        self.has_room = false;
        self.reload_max_time(home)
    }

    /// The time index does not tell of the batches behind its last entry: these are looked at.
    fn reload_max_time(&mut self, home: &Home<D>) -> Result<(), StorageError> {
        let mut max = self.indexes(home)?.time.last();
        let from = max.map_or(self.base_offset, |max| max.offset);
        let position = self.position_before(home, from)?;
        if position < self.bytes {
            let file = self.file(home)?;
            let path = home.path(self.base_offset, Part::Log);
            let mut scanner = Scanner::seek(file.file(), position, self.bytes);
            let damage = |damage| damaged(&path, &damage);
            while let Some(batch) = scanner.step().attempt("read", &path)?.map_err(damage)? {
                let (timestamp, offset) = (batch.header.max_timestamp, batch.header.last_offset());
                if max.is_none_or(|max| timestamp > max.timestamp) {
                    max = Some(TimePoint { timestamp, offset });
                }
            }
        }
        self.indexes(home)?.max_time = max;
        Ok(())
    }

    /// Cuts the file at `bytes`. The caller sees to the indexes.
    pub(crate) fn cut(&mut self, home: &Home<D>, bytes: u32) -> Result<(), StorageError> {
        let path = home.path(self.base_offset, Part::Log);
        let file = self.file(home)?;
        self.has_room = true;
        file.file().set_len(u64::from(bytes)).attempt("cut", &path)?;
        self.bytes = bytes;
        Ok(())
    }

    fn indexes(&mut self, home: &Home<D>) -> Result<&mut Indexes, StorageError> {
        if self.indexes.is_none() {
            self.indexes = Some(Box::new(self.read_indexes(home)?));
        }
        Ok(self.indexes.as_mut().expect("read if they were not there"))
    }

    fn read_indexes(&self, home: &Home<D>) -> Result<Indexes, StorageError> {
        let base_offset = self.base_offset;
        let offset_path = home.path(base_offset, Part::OffsetIndex);
        let time_path = home.path(base_offset, Part::TimeIndex);
        let txn_path = home.path(base_offset, Part::TxnIndex);
        let offset = OffsetIndex::open(&Place { disk: &home.disk, path: &offset_path })?;
        let time = TimeIndex::open(base_offset, &Place { disk: &home.disk, path: &time_path })?;
        let txn = TxnIndex::open(&Place { disk: &home.disk, path: &txn_path })?;
        let max_time = time.last();
        Ok(Indexes { offset, time, txn, max_time, bytes_since_entry: 0 })
    }
}

pub(crate) fn damaged(path: &std::path::Path, damage: &Damage) -> StorageError {
    let Damage { position, why, .. } = damage;
    StorageError::corrupt(path, format!("no record batch at byte {position}: {why}"))
}

fn read_error(source: io::Error, path: std::path::PathBuf) -> StorageError {
    StorageError { attempt: "read", path, source }
}
