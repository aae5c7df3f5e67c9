//! Many logs are closed together: a directory that counts as left in order is whole, whenever the
//! power goes.
#![allow(clippy::unwrap_used, reason = "a test may fail")]

mod common;

use std::path::PathBuf;

use common::*;
use log::{
    Disk, EpochStart, FileCache, Log, LogConfig, LogDir, LogError, MemDisk, OffsetsByPartition,
    Origin, Outage, ProducerStatus, Survival, TimestampedOffset,
};
use types::{LeaderEpoch, Offset, Partition, TimestampMs, Uuid};

const NOW: TimestampMs = TimestampMs(0);
const LOGS: i32 = 3;

/// What a log knows.
#[derive(Debug, PartialEq)]
struct Contents {
    values: Vec<(i64, Vec<u8>)>,
    producers: Vec<ProducerStatus>,
    epochs: Vec<EpochStart>,
    youngest: Option<TimestampedOffset>,
}

fn contents(log: &mut Log<MemDisk>) -> Contents {
    Contents {
        values: values(log),
        producers: log.producers(),
        epochs: log.epochs().to_vec(),
        youngest: log.max_timestamp().unwrap(),
    }
}

fn config(preallocate: bool) -> LogConfig {
    LogConfig { preallocate, ..small_segments() }
}

fn open(disk: &MemDisk) -> LogDir<MemDisk> {
    LogDir::open(disk.clone(), FileCache::new(4), PathBuf::from("/")).unwrap()
}

/// Logs of several segments with producers and epochs, the first of them flushed.
fn filled(disk: &MemDisk, preallocate: bool) -> (LogDir<MemDisk>, Vec<Log<MemDisk>>) {
    let log_dir = open(disk);
    let create = |partition: i32| {
        let id = Uuid([7; 16]);
        let config = config(preallocate);
        let mut log = log_dir.create_log("t", Partition(partition), id, config, NOW).unwrap();
        for i in 0..40 + partition {
            let timestamp = i64::from(i) * 10;
            let batch = batch_at(&[timestamp, timestamp], &[7; 60], producer(5, 0, 2 * i));
            log.append(&batch, Origin::Client, LeaderEpoch(i / 30), NOW).unwrap();
        }
        if partition == 0 {
            log.flush(NOW).unwrap();
        }
        log
    };
    let logs = (0..LOGS).map(create).collect();
    disk.sync_dir(log_dir.path()).unwrap();
    (log_dir, logs)
}

fn close_each(_: &LogDir<MemDisk>, logs: &mut [Log<MemDisk>]) -> Result<(), LogError> {
    logs.iter_mut().try_for_each(|log| log.close(NOW))
}

fn close_together(log_dir: &LogDir<MemDisk>, logs: &mut [Log<MemDisk>]) -> Result<(), LogError> {
    let closings: Result<Vec<_>, _> = logs.iter_mut().map(|log| log.begin_close(NOW)).collect();
    let synced = log_dir.sync_volume()?;
    for (log, closing) in logs.iter_mut().zip(closings?) {
        log.end_close(closing, &synced)?;
    }
    log_dir.sync_volume()?;
    Ok(())
}

type Close = fn(&LogDir<MemDisk>, &mut [Log<MemDisk>]) -> Result<(), LogError>;

fn stop(log_dir: LogDir<MemDisk>, logs: &mut [Log<MemDisk>], close: Close) -> Result<(), LogError> {
    close(&log_dir, logs)?;
    let point = |(partition, log): (i32, &Log<MemDisk>)| {
        (("t".to_owned(), Partition(partition)), log.recovery_point())
    };
    let points: OffsetsByPartition = (0..).zip(logs.iter()).map(point).collect();
    assert!(logs.iter().all(|log| log.recovery_point() == log.end_offset()));
    log_dir.store_recovery_points(&points)?;
    Ok(log_dir.mark_clean(None)?)
}

fn check_survivor(
    disk: &MemDisk,
    survival: Survival,
    config: &LogConfig,
    before: &[Contents],
    context: &str,
) {
    let log_dir = open(&disk.survive(survival));
    for (partition, before) in (0..).zip(before) {
        let log = log_dir.open_log("t", Partition(partition), config.clone(), NOW);
        let mut log = log.expect(context);
        if log_dir.was_clean() {
            assert_eq!(log.recovery().truncated_bytes, 0, "{context}");
            assert_eq!(log.recovery().scanned_bytes, 0, "{context}: an index was missing");
            assert_eq!(&contents(&mut log), before, "{context}");
        } else if survival == Survival::Everything {
            assert_eq!(values(&mut log), before.values, "{context}");
            assert_eq!(log.producers(), before.producers, "{context}");
        } else {
            let left = values(&mut log);
            assert!(before.values.starts_with(&left), "{context}");
            assert!(partition > 0 || left.len() == before.values.len(), "{context}: was flushed");
        }
    }
}

fn check_every_crash(close: Close, preallocate: bool) {
    let config = config(preallocate);
    let whole = MemDisk::new();
    let (log_dir, mut logs) = filled(&whole, preallocate);
    let before: Vec<Contents> = logs.iter_mut().map(contents).collect();
    let begun = whole.writes();
    stop(log_dir, &mut logs, close).unwrap();
    let writes = whole.writes();
    for crash_at in begun..=writes {
        let disk = MemDisk::new();
        let (log_dir, mut logs) = filled(&disk, preallocate);
        disk.fail_from(crash_at, Outage::Crash);
        let stopped = stop(log_dir, &mut logs, close);
        assert_eq!(stopped.is_ok(), crash_at == writes);
        let random = (0..4).map(|i| Survival::Some(crash_at * 100 + i));
        for survival in [Survival::Everything, Survival::SyncedOnly].into_iter().chain(random) {
            let context = format!("crash at write {crash_at} of {writes}, {survival:?} survives");
            check_survivor(&disk, survival, &config, &before, &context);
        }
        if stopped.is_ok() {
            assert!(open(&disk.survive(Survival::SyncedOnly)).was_clean());
        }
    }
}

#[test]
fn a_directory_whose_logs_were_closed_one_by_one_is_whole() {
    check_every_crash(close_each, false);
    check_every_crash(close_each, true);
}

#[test]
fn a_directory_whose_logs_were_closed_with_its_volume_is_whole() {
    check_every_crash(close_together, false);
    check_every_crash(close_together, true);
}

#[test]
fn a_volume_is_synced_with_the_directory() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().to_owned();
    let log_dir = LogDir::open(log::RealDisk, FileCache::new(4), path).unwrap();
    let id = Uuid([7; 16]);
    let mut log = log_dir.create_log("t", Partition(0), id, LogConfig::default(), NOW).unwrap();
    append(&mut log, &batch(1, b"value")).unwrap();
    let closing = log.begin_close(NOW).unwrap();
    append(&mut log, &batch(1, b"later")).unwrap();
    let synced = log_dir.sync_volume().unwrap();
    log.end_close(closing, &synced).unwrap();
    assert_eq!((log.recovery_point(), log.end_offset()), (Offset(1), Offset(2)));
}
