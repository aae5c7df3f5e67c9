//! What the tests of a log share: a folder on a disk, and batches to append.
#![allow(dead_code, clippy::unwrap_used, reason = "each test uses a part; a test may fail")]

use std::path::{Path, PathBuf};

use log::{Appended, Disk, FileCache, Log, LogConfig, LogError, MemDisk, Opening, Origin};
use record::{
    BatchBuilder, Codec, Compression, ControlRecord, ControlType, Producer, Scratch, ValidBatch,
    batches, control_batch,
};
use types::{LeaderEpoch, Offset, ProducerEpoch, ProducerId, Sequence, TimestampMs};

pub const EPOCH: LeaderEpoch = LeaderEpoch(0);

/// A partition's folder on a disk.
#[derive(Clone, Debug)]
pub struct Folder<D: Disk> {
    pub disk: D,
    pub path: PathBuf,
    pub files: FileCache<D::File>,
}

impl Folder<MemDisk> {
    pub fn in_memory() -> Self {
        let folder = Self::on(MemDisk::new(), Path::new("/topic-0"));
        folder.disk.sync_dir(Path::new("/")).unwrap();
        folder
    }

    pub fn after_crash(disk: MemDisk) -> Self {
        Self { disk, path: PathBuf::from("/topic-0"), files: FileCache::new(16) }
    }
}

impl<D: Disk> Folder<D> {
    pub fn on(disk: D, path: &Path) -> Self {
        disk.create_folder(path).unwrap();
        Self { disk, path: path.to_owned(), files: FileCache::new(16) }
    }

    pub fn open(&self, config: LogConfig, opening: Opening) -> Log<D> {
        self.try_open(config, opening).unwrap()
    }

    pub fn try_open(&self, config: LogConfig, opening: Opening) -> Result<Log<D>, LogError> {
        Log::open(self.disk.clone(), self.files.clone(), self.path.clone(), config, opening)
    }
}

pub fn clean() -> Opening {
    Opening {
        start_offset: Offset(0),
        recovery_point: Offset(0),
        is_clean: true,
        now: TimestampMs(0),
    }
}

pub fn crashed(recovery_point: Offset) -> Opening {
    Opening { recovery_point, is_clean: false, ..clean() }
}

/// Segments that hold a few batches.
pub fn small_segments() -> LogConfig {
    LogConfig { segment_bytes: 2000, index_interval_bytes: 100, ..LogConfig::default() }
}

pub const NOBODY: Producer = Producer {
    id: ProducerId::NONE,
    epoch: ProducerEpoch::NONE,
    base_sequence: Sequence::NONE,
    transactional: false,
};

pub fn producer(id: i64, epoch: i16, sequence: i32) -> Producer {
    Producer {
        id: ProducerId(id),
        epoch: ProducerEpoch(epoch),
        base_sequence: Sequence(sequence),
        transactional: false,
    }
}

pub fn transactional(id: i64, epoch: i16, sequence: i32) -> Producer {
    Producer { transactional: true, ..producer(id, epoch, sequence) }
}

/// A batch whose records hold `value`, one for each timestamp.
pub fn batch_at(timestamps: &[i64], value: &[u8], producer: Producer) -> ValidBatch<'static> {
    batch_with(timestamps, value, producer, Codec::NONE)
}

pub fn compressed(timestamps: &[i64], compression: Compression) -> ValidBatch<'static> {
    batch_with(timestamps, b"value", NOBODY, Codec::new(compression))
}

fn batch_with(
    timestamps: &[i64],
    value: &[u8],
    producer: Producer,
    codec: Codec,
) -> ValidBatch<'static> {
    let mut builder = BatchBuilder::new();
    for timestamp in timestamps {
        builder.append(TimestampMs(*timestamp), Some(b"key"), Some(value), &[]).unwrap();
    }
    builder.seal(codec, producer, &mut Scratch::new())
}

pub fn batch(records: usize, value: &[u8]) -> ValidBatch<'static> {
    batch_at(&vec![1_000; records], value, NOBODY)
}

/// The end marker of a producer's transaction.
pub fn marker(id: i64, epoch: i16, commits: bool, coordinator_epoch: i32) -> ValidBatch<'static> {
    let control_type = if commits { ControlType::Commit } else { ControlType::Abort };
    let value = [&[0, 0][..], &coordinator_epoch.to_be_bytes()].concat();
    let producer = Producer { base_sequence: Sequence::NONE, ..transactional(id, epoch, 0) };
    control_batch(&[ControlRecord { control_type, value: &value }], TimestampMs(2_000), producer)
}

pub fn append<D: Disk>(log: &mut Log<D>, batch: &ValidBatch<'_>) -> Result<Appended, LogError> {
    log.append(batch, Origin::Client, EPOCH, TimestampMs(5_000))
}

/// All bytes of the log from `from` on, fetched in pieces of `bytes_max`.
pub fn read_all<D: Disk>(log: &mut Log<D>, from: Offset, bytes_max: u32) -> Vec<u8> {
    let (mut bytes, mut next) = (Vec::new(), from);
    while let Some(slice) = log.read(next, bytes_max, log.end_offset(), true).unwrap() {
        let piece = slice.to_vec().unwrap();
        let mut framed = batches(&piece);
        for batch in framed.by_ref() {
            next = batch.unwrap().header().next_offset();
        }
        bytes.extend_from_slice(&piece[..framed.position()]);
    }
    bytes
}

/// Offset and value of every record.
pub fn values<D: Disk>(log: &mut Log<D>) -> Vec<(i64, Vec<u8>)> {
    let bytes = read_all(log, log.start_offset(), 700);
    let mut values = Vec::new();
    for batch in batches(&bytes) {
        let batch = batch.unwrap();
        assert!(batch.is_crc_valid());
        for record in batch.records(&mut Scratch::new()).unwrap() {
            let record = record.unwrap();
            values.push((record.offset.0, record.value.unwrap_or_default().to_vec()));
        }
    }
    values
}
