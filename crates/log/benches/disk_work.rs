//! What a log costs beside the disk's own work: appends against bare writes, reads, and partitions
//! by the thousand.
#![allow(clippy::unwrap_used, reason = "a benchmark may fail")]

use std::fs::{self, File};
use std::hint::black_box;
use std::io::IoSlice;
use std::time::{Duration, Instant};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use log::{FileCache, Log, LogConfig, LogDir, OffsetsByPartition, Origin, RealDisk};
use record::{BatchBuilder, Codec, Producer, Scratch, ValidBatch};
use types::{
    LeaderEpoch, Offset, Partition, ProducerEpoch, ProducerId, Sequence, TimestampMs, Uuid,
};

/// More page cache than this measures the machine's memory.
const WRITTEN_BYTES_MAX: u64 = 128 << 20;
const NOW: TimestampMs = TimestampMs(1_750_000_000_000);

fn batch(bytes: usize) -> ValidBatch<'static> {
    let mut builder = BatchBuilder::new();
    while builder.bytes_max() + 120 < bytes.max(200) {
        builder.append(NOW, None, Some(&[7; 100]), &[]).unwrap();
    }
    let producer = Producer {
        id: ProducerId::NONE,
        epoch: ProducerEpoch::NONE,
        base_sequence: Sequence::NONE,
        transactional: false,
    };
    builder.seal(Codec::NONE, producer, &mut Scratch::new())
}

fn directory(path: &std::path::Path) -> LogDir<RealDisk> {
    LogDir::open(RealDisk, FileCache::new(1_000), path.to_owned()).unwrap()
}

fn create(log_dir: &LogDir<RealDisk>, partition: i32) -> Log<RealDisk> {
    let config = LogConfig::default();
    log_dir.create_log("t", Partition(partition), Uuid([1; 16]), config, NOW).unwrap()
}

fn append(log: &mut Log<RealDisk>, batch: &ValidBatch<'_>) {
    black_box(log.append(batch, Origin::Client, LeaderEpoch(0), NOW).unwrap());
}

/// Times `step` so often; `reset` is called untimed whenever enough was written.
fn timed(count: u64, bytes: u64, mut step: impl FnMut(), mut reset: impl FnMut()) -> Duration {
    let mut elapsed = Duration::ZERO;
    let round = (WRITTEN_BYTES_MAX / bytes).max(1);
    let mut left = count;
    while left > 0 {
        let steps = left.min(round);
        let began = Instant::now();
        (0..steps).for_each(|_| step());
        elapsed += began.elapsed();
        reset();
        left -= steps;
    }
    elapsed
}

fn appends(criterion: &mut Criterion) {
    for size in [1 << 10, 64 << 10] {
        let batch = batch(size);
        let bytes = batch.total_bytes() as u64;
        let mut group = criterion.benchmark_group(format!("append {} KiB", size >> 10));
        group.throughput(Throughput::Bytes(bytes)).sample_size(20);
        group.bench_function("bare pwritev", |bencher| {
            let folder = tempfile::tempdir().unwrap();
            let file = File::create(folder.path().join("f")).unwrap();
            let head = batch.header_bytes(Offset(0), LeaderEpoch(0));
            let position = std::cell::Cell::new(0);
            let write = || {
                let pieces = [IoSlice::new(&head), IoSlice::new(batch.body())];
                rustix::io::pwritev(&file, &pieces, position.get()).unwrap();
                position.set(position.get() + bytes);
            };
            let reset = || {
                file.set_len(0).unwrap();
                position.set(0);
            };
            bencher.iter_custom(|count| timed(count, bytes, write, reset));
        });
        group.bench_function("log", |bencher| {
            let folder = tempfile::tempdir().unwrap();
            let log = std::cell::RefCell::new(create(&directory(folder.path()), 0));
            let step = || append(&mut log.borrow_mut(), &batch);
            let reset = || {
                let end = log.borrow().end_offset();
                log.borrow_mut().start_over_at(end, NOW).unwrap();
            };
            bencher.iter_custom(|count| timed(count, bytes, step, reset));
        });
    }
}

fn reads(criterion: &mut Criterion) {
    let folder = tempfile::tempdir().unwrap();
    let mut log = create(&directory(folder.path()), 0);
    let batch = batch(64 << 10);
    (0..1_000).for_each(|_| append(&mut log, &batch));
    let end = log.end_offset();
    let records = i64::from(batch.header().record_count);
    criterion.bench_function("locate the last batch", |bencher| {
        let from = Offset(end.0 - 1);
        bencher.iter(|| black_box(log.read(from, 1 << 20, end, true).unwrap()));
    });
    criterion.bench_function("locate batches one after the other", |bencher| {
        let mut from = 0;
        bencher.iter(|| {
            from = (from + 16 * records) % (end.0 - 100 * records);
            black_box(log.read(Offset(from), 1 << 20, end, true).unwrap());
        });
    });
}

fn partitions(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("partitions");
    group.sample_size(10);
    group.bench_function("create 5,000", |bencher| {
        bencher.iter_custom(|count| {
            let mut elapsed = Duration::ZERO;
            for _ in 0..count {
                let folder = tempfile::tempdir().unwrap();
                let log_dir = directory(folder.path());
                let began = Instant::now();
                let logs: Vec<_> =
                    (0..5_000).map(|partition| create(&log_dir, partition)).collect();
                elapsed += began.elapsed();
                drop(logs);
            }
            elapsed
        });
    });
    // of ten thousand, as many hold one batch
    for written in [0, 10_000] {
        let folder = tempfile::tempdir().unwrap();
        let log_dir = directory(folder.path());
        let batch = batch(1 << 10);
        for partition in 0..10_000 {
            let mut log = create(&log_dir, partition);
            if partition < written {
                append(&mut log, &batch);
            }
        }
        log_dir.store_recovery_points(&OffsetsByPartition::new()).unwrap();
        drop(log_dir);
        group.bench_function(format!("open 10,000 after a crash, {written} written"), |bencher| {
            bencher.iter(|| {
                let log_dir = directory(folder.path());
                let open = |partition| {
                    log_dir.open_log("t", Partition(partition), LogConfig::default(), NOW).unwrap()
                };
                black_box((0..10_000).map(open).collect::<Vec<_>>());
            });
        });
        group.bench_function(format!("list 10,000, {written} written"), |bencher| {
            bencher.iter(|| black_box(directory(folder.path()).folders().unwrap()));
        });
        fs::remove_dir_all(folder.path()).unwrap();
    }
}

criterion_group!(benches, appends, reads, partitions);
criterion_main!(benches);
