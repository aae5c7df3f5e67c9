//! `__cluster_metadata-0` of one node: the real log, with control records by their number in the world.

use std::path::{Path, PathBuf};

use log::{Disk as _, FileCache, Log, LogConfig, MemDisk, Opening, Origin};
use metadata::decide::Encoded;
use raft::{ControlRecord, EpochStart, PlacedControl};
use record::{BatchBuilder, Codec, ControlType, Scratch, ValidBatch, batches, control_batch};
use types::{LeaderEpoch, Offset, TimestampMs};
use wire::record_frame::MetadataRecord;

use crate::records::{NOBODY, read};

pub struct MetadataLog {
    log: Log<MemDisk>,
}

/// One batch of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredBatch {
    pub base: Offset,
    pub end: Offset,
    pub epoch: LeaderEpoch,
    pub bytes: Vec<u8>,
}

/// What a batch says.
pub enum Content {
    Control(Vec<ControlRecord>),
    Records(Vec<MetadataRecord<'static>>),
}

impl MetadataLog {
    /// Opens what the disk holds; on an empty one a log that starts at 0.
    pub fn open(disk: &MemDisk, start_offset: Offset, now: TimestampMs) -> Self {
        let folder = PathBuf::from("/metadata");
        if disk.create_folder(&folder).is_ok() {
            disk.sync_dir(Path::new("/")).expect("a disk that works");
        }
        let recovery_point = start_offset;
        let opening = Opening { start_offset, recovery_point, is_clean: false, now };
        let config = LogConfig { segment_bytes: 1 << 20, ..LogConfig::default() };
        let log = Log::open(disk.clone(), FileCache::new(8), folder, config, opening);
        Self { log: log.expect("a disk that works") }
    }

    pub fn start(&self) -> Offset {
        self.log.start_offset()
    }

    pub fn end(&self) -> Offset {
        self.log.end_offset()
    }

    /// What survives a crash.
    pub fn synced_end(&self) -> Offset {
        self.log.recovery_point()
    }

    pub fn append_control(
        &mut self,
        first: usize,
        count: usize,
        epoch: LeaderEpoch,
        now: TimestampMs,
    ) {
        let values: Vec<[u8; 8]> =
            (first..first + count).map(|i| (i as u64).to_be_bytes()).collect();
        let record =
            |value| record::ControlRecord { control_type: ControlType::LeaderChange, value };
        let records: Vec<_> = values.iter().map(|value| record(&value[..])).collect();
        self.append(&control_batch(&records, now, NOBODY), epoch, now);
    }

    pub fn append_records(&mut self, records: &[Encoded], epoch: LeaderEpoch, now: TimestampMs) {
        let mut builder = BatchBuilder::new();
        for record in records {
            builder.append(now, None, Some(&record.bytes), &[]).expect("a small record");
        }
        self.append(&builder.seal(Codec::NONE, NOBODY, &mut Scratch::new()), epoch, now);
    }

    fn append(&mut self, batch: &ValidBatch<'_>, epoch: LeaderEpoch, now: TimestampMs) {
        self.log.append(batch, Origin::Coordinator, epoch, now).expect("a disk that works");
    }

    pub fn append_fetched(&mut self, bytes: &[u8], now: TimestampMs) {
        self.log.append_replicated(bytes, now).expect("batches of a leader");
    }

    pub fn truncate_to(&mut self, end: Offset, now: TimestampMs) {
        self.log.truncate_to(end, now).expect("a disk that works");
    }

    pub fn restart_at(&mut self, start: Offset, now: TimestampMs) {
        self.log.start_over_at(start, now).expect("a disk that works");
    }

    pub fn flush(&mut self, now: TimestampMs) {
        self.log.flush(now).expect("a disk that works");
    }

    /// Forgets what a snapshot holds.
    pub fn clean(&mut self, start: Offset) {
        self.log.set_high_watermark(start);
        self.log.delete_records(start).expect("a disk that works");
    }

    pub fn fetch(&mut self, from: Offset, bytes_max: u32) -> Vec<u8> {
        let end = self.end();
        read(&mut self.log, from, end, bytes_max).expect("a position in the log")
    }

    /// The batches of `from..to`.
    pub fn batches(&mut self, from: Offset, to: Offset) -> Vec<StoredBatch> {
        let bytes = crate::records::read_all(&mut self.log, from, to);
        stored(&bytes.expect("a position in the log"))
    }
}

/// Takes bytes apart into batches.
pub fn stored(bytes: &[u8]) -> Vec<StoredBatch> {
    let batch = |batch: record::Batch<'_>| StoredBatch {
        base: batch.header().base_offset,
        end: batch.header().next_offset(),
        epoch: batch.header().leader_epoch,
        bytes: batch.bytes().to_vec(),
    };
    batches(bytes).map(|found| batch(found.expect("whole batches"))).collect()
}

impl StoredBatch {
    pub fn content(&self, controls: &[ControlRecord]) -> Content {
        let batch = batches(&self.bytes).next().expect("one batch").expect("a whole batch");
        let mut scratch = Scratch::new();
        let records = batch.records(&mut scratch).expect("not compressed");
        let values = records.map(|record| record.expect("a record that was written").value);
        let values = values.map(|value| value.expect("a record with a value"));
        if batch.header().attributes.is_control() {
            let number = |value: &[u8]| u64::from_be_bytes(*value.first_chunk().expect("a number"));
            let index = |value: &[u8]| usize::try_from(number(value)).expect("an index");
            return Content::Control(values.map(|value| controls[index(value)].clone()).collect());
        }
        let record = |value| MetadataRecord::decode(value).expect("our own bytes").0.into_owned();
        Content::Records(values.map(record).collect())
    }

    /// Whether it begins a transaction that it does not end.
    pub fn begins_transaction(&self, controls: &[ControlRecord]) -> bool {
        let Content::Records(records) = self.content(controls) else { return false };
        let begins = |record: &_| matches!(record, MetadataRecord::BeginTransaction(_));
        let ends = |record: &_| matches!(record, MetadataRecord::EndTransaction(_));
        records.iter().any(begins) && !records.iter().any(ends)
    }

    /// The control records among it, with their places.
    pub fn controls(&self, controls: &[ControlRecord]) -> Vec<PlacedControl> {
        match self.content(controls) {
            Content::Records(_) => Vec::new(),
            Content::Control(records) => {
                let offsets = (self.base.0..).map(Offset);
                let placed = offsets.zip(records);
                placed.map(|(offset, record)| PlacedControl { offset, record }).collect()
            }
        }
    }
}

/// The first of each epoch.
pub fn epoch_starts(batches: &[StoredBatch]) -> Vec<EpochStart> {
    let mut starts: Vec<EpochStart> = Vec::new();
    for batch in batches {
        if starts.last().is_none_or(|last| last.epoch < batch.epoch) {
            starts.push(EpochStart { epoch: batch.epoch, start: batch.base });
        }
    }
    starts
}
