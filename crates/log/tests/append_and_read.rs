//! What goes into a log comes out of it: offsets, whole batches, bounds, after reopening too.

#![allow(clippy::unwrap_used, reason = "a test may fail")]

mod common;

use common::*;
use log::{Disk, FileCache, LogConfig, LogError, RealDisk, Survival};
use record::batches;
use types::{Offset, TimestampMs};

fn check_contents<D: Disk>(folder: &Folder<D>, config: &LogConfig) {
    let mut log = folder.open(config.clone(), clean());
    let mut expected = Vec::new();
    for i in 0..200_u8 {
        let records = usize::from(i % 4) + 1;
        let appended = append(&mut log, &batch(records, &[i; 30])).unwrap();
        assert_eq!(appended.base_offset.0, i64::try_from(expected.len()).unwrap());
        for _ in 0..records {
            expected.push((i64::try_from(expected.len()).unwrap(), vec![i; 30]));
        }
        assert_eq!(log.end_offset(), appended.last_offset.plus(1));
    }
    assert!(log.segment_count() > 5);
    assert_eq!(values(&mut log), expected);
    log.close(TimestampMs(9)).unwrap();
    drop(log);
    for opening in [clean(), crashed(Offset(0)), crashed(Offset(300))] {
        let mut log = folder.open(config.clone(), opening);
        assert_eq!(values(&mut log), expected);
        assert_eq!(log.recovery().truncated_bytes, 0);
    }
}

#[test]
fn records_come_back_with_consecutive_offsets_from_every_disk() {
    check_contents(&Folder::in_memory(), &small_segments());
    let folder = tempfile::tempdir().unwrap();
    check_contents(&Folder::on(RealDisk, &folder.path().join("topic-0")), &small_segments());
}

#[test]
fn an_offset_inside_a_batch_yields_the_whole_batch() {
    let folder = Folder::in_memory();
    let mut log = folder.open(small_segments(), clean());
    for _ in 0..100 {
        append(&mut log, &batch(5, b"value")).unwrap();
    }
    for from in 0..500 {
        let slice = log.read(Offset(from), 1, Offset(500), true).unwrap().unwrap();
        assert_eq!(slice.base_offset, Offset(from / 5 * 5));
        assert_eq!(slice.bytes, slice.first_batch_bytes);
        let bytes = slice.to_vec().unwrap();
        let batch = batches(&bytes).next().unwrap().unwrap();
        assert_eq!(batch.header().base_offset, slice.base_offset);
    }
}

#[test]
fn a_read_stops_at_its_bounds() {
    let folder = Folder::in_memory();
    let mut log = folder.open(LogConfig::default(), clean());
    for _ in 0..100 {
        append(&mut log, &batch(2, b"value")).unwrap();
    }
    let size = batch(2, b"value").total_bytes();
    let size = u32::try_from(size).unwrap();
    let mut bytes = |from, bytes_max, upper, takes_one| {
        let slice = log.read(Offset(from), bytes_max, Offset(upper), takes_one).unwrap();
        slice.map(|slice| slice.bytes)
    };
    assert_eq!(bytes(0, u32::MAX, 200, true), Some(100 * size));
    assert_eq!(bytes(0, u32::MAX, 10, true), Some(5 * size));
    assert_eq!(bytes(190, u32::MAX, 194, true), Some(2 * size));
    assert_eq!(bytes(0, size + 5, 200, true), Some(size + 5));
    assert_eq!(bytes(0, size - 1, 200, true), Some(size));
    assert_eq!(bytes(0, size - 1, 200, false), None);
    assert_eq!(bytes(10, u32::MAX, 10, true), None);
    assert_eq!(bytes(200, u32::MAX, 999, true), None);
    let error = log.read(Offset(201), 1, Offset(201), true).unwrap_err();
    assert!(matches!(error, LogError::OffsetOutOfRange { .. }), "{error}");
}

#[test]
fn idle_logs_hold_no_files() {
    let files = FileCache::new(3);
    let folder = tempfile::tempdir().unwrap();
    let mut logs: Vec<_> = (0..20)
        .map(|i| {
            let path = folder.path().join(format!("topic-{i}"));
            let folder = Folder { files: files.clone(), ..Folder::on(RealDisk, &path) };
            folder.open(LogConfig::default(), clean())
        })
        .collect();
    assert_eq!(files.open_files(), 0);
    for log in &mut logs {
        append(log, &batch(1, b"value")).unwrap();
    }
    assert_eq!(files.open_files(), 3);
    files.close_idle();
    files.close_idle();
    assert_eq!(files.open_files(), 0);
    assert_eq!(values(&mut logs[7]).len(), 1);
}

#[test]
fn room_is_set_aside_for_a_segment_and_given_back_when_it_is_closed() {
    let config = LogConfig { preallocate: true, ..small_segments() };
    let segment_bytes = u64::from(config.segment_bytes);
    let folder = Folder::in_memory();
    let mut log = folder.open(config.clone(), clean());
    let bytes = |base: i64| folder.disk.stat(&folder.path.join(format!("{base:020}.log"))).ok();
    let bytes = |base: i64| bytes(base).map(|stat| stat.bytes);
    assert_eq!(bytes(0), None, "a log that was never written has no file");
    while log.segment_count() < 2 {
        assert!(bytes(0).is_none_or(|bytes| bytes == segment_bytes));
        append(&mut log, &batch(1, &[7; 60])).unwrap();
    }
    let active = log.end_offset().0 - 1;
    assert_eq!(bytes(active), Some(segment_bytes));
    assert_eq!(log.bytes(), bytes(0).unwrap() + log.bytes() / u64::try_from(active + 1).unwrap());
    let contents = values(&mut log);
    let killed = Folder::after_crash(folder.disk.survive(Survival::Everything));
    let mut recovered = killed.open(config.clone(), crashed(Offset(0)));
    assert_eq!(values(&mut recovered), contents);
    assert_eq!(recovered.recovery().truncated_bytes, 0, "{:?}", recovered.recovery());
    log.flush(TimestampMs(0)).unwrap();
    log.close(TimestampMs(0)).unwrap();
    assert_eq!(log.bytes(), bytes(0).unwrap() + bytes(active).unwrap());
    drop(log);
    let after = Folder::after_crash(folder.disk.survive(Survival::SyncedOnly));
    let mut log = after.open(config, clean());
    assert_eq!(values(&mut log), contents, "what is given back is given back for good");
    append(&mut log, &batch(1, &[7; 60])).unwrap();
}
