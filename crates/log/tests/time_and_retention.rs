//! Offsets by time, and what becomes of records that have had theirs.
#![allow(clippy::unwrap_used, reason = "a test may fail")]

mod common;

use common::*;
use log::{Disk, Log, LogConfig, MemDisk, Opening, Retired};
use record::Compression;
use types::{ErrorCode, LeaderEpoch, Offset, TimestampMs};

fn filled(
    config: LogConfig,
    timestamps: impl Iterator<Item = i64>,
) -> (Folder<MemDisk>, Log<MemDisk>) {
    let folder = Folder::in_memory();
    let mut log = folder.open(config, clean());
    for timestamp in timestamps {
        append(&mut log, &batch_at(&[timestamp, timestamp + 1], &[7; 50], NOBODY)).unwrap();
    }
    (folder, log)
}

fn offset_at(log: &mut Log<MemDisk>, target: i64) -> Option<(i64, i64)> {
    let found = log.offset_for_timestamp(TimestampMs(target)).unwrap();
    found.map(|found| (found.offset.0, found.timestamp.0))
}

#[test]
fn the_first_record_as_young_as_that_is_found_in_whatever_order_records_came() {
    // rises and falls; the youngest in the middle
    let stamp = |i: i64| 10_000 + (i * 37) % 101 * 10 + if i == 50 { 5_000 } else { 0 };
    let (folder, mut log) = filled(small_segments(), (0..120).map(stamp));
    let records: Vec<i64> = (0..120).flat_map(|i| [stamp(i), stamp(i) + 1]).collect();
    let check = |log: &mut Log<MemDisk>| {
        for target in (9_990..11_030).step_by(3).chain([15_000, 16_100, 99_999]) {
            let expected = records.iter().position(|timestamp| *timestamp >= target);
            let expected = expected.map(|i| (i64::try_from(i).unwrap(), records[i]));
            assert_eq!(offset_at(log, target), expected, "target {target}");
        }
        let youngest = log.max_timestamp().unwrap().unwrap();
        assert_eq!((youngest.offset.0, youngest.timestamp.0), (101, stamp(50) + 1));
        assert_eq!(youngest.leader_epoch, Some(EPOCH));
    };
    check(&mut log);
    log.close(TimestampMs(0)).unwrap();
    drop(log);
    check(&mut folder.open(small_segments(), clean()));
    check(&mut folder.open(small_segments(), crashed(Offset(0))));
}

#[test]
fn a_record_that_inflates_beyond_the_cap_is_not_read_for_its_time() {
    let folder = Folder::in_memory();
    let mut log = folder.open(LogConfig { record_bytes_max: 14, ..LogConfig::default() }, clean());
    append(&mut log, &compressed(&[100, 200], Compression::None)).unwrap();
    append(&mut log, &compressed(&[300, 400], Compression::Zstd)).unwrap();
    // attributes, two deltas, "key" and "value" with their lengths, no headers: 14 bytes, and one
    // more for a timestamp delta of two bytes
    assert_eq!(offset_at(&mut log, 200), Some((1, 200)));
    assert_eq!(offset_at(&mut log, 300), Some((2, 300)));
    let error = log.offset_for_timestamp(TimestampMs(400)).unwrap_err();
    assert_eq!(error.code(), ErrorCode::InvalidRecord, "{error}");
    assert!(log.max_timestamp().is_err());
    log.set_config(LogConfig { record_bytes_max: 15, ..LogConfig::default() });
    assert_eq!(offset_at(&mut log, 400), Some((3, 400)));
}

#[test]
fn a_record_inside_a_compressed_batch_is_found() {
    for compression in Compression::ALL {
        let folder = Folder::in_memory();
        let mut log = folder.open(LogConfig::default(), clean());
        append(&mut log, &compressed(&[100, 300, 200, 400], compression)).unwrap();
        assert_eq!(offset_at(&mut log, 201), Some((1, 300)));
        assert_eq!(offset_at(&mut log, 301), Some((3, 400)));
        assert_eq!(offset_at(&mut log, 401), None);
        assert_eq!(log.max_timestamp().unwrap().unwrap().offset, Offset(3));
        log.delete_records(Offset(2)).unwrap();
        assert_eq!(
            offset_at(&mut log, 100),
            Some((2, 200)),
            "records before the start do not count"
        );
    }
}

#[test]
fn an_empty_log_has_no_times() {
    let mut log = Folder::in_memory().open(LogConfig::default(), clean());
    assert_eq!(offset_at(&mut log, 0), None);
    assert_eq!(log.max_timestamp().unwrap(), None);
}

fn retain(log: &mut Log<MemDisk>, now: i64) -> Retired {
    log.apply_retention(log.end_offset(), TimestampMs(now)).unwrap()
}

#[test]
fn segments_go_when_their_youngest_record_is_too_old() {
    let config = LogConfig { retention_ms: 1_000, ..small_segments() };
    let (folder, mut log) = filled(config.clone(), (0..100).map(|i| i * 10));
    let segments = log.segment_count();
    assert!(segments > 5);
    assert_eq!(retain(&mut log, 1_000).paths, Vec::<std::path::PathBuf>::new());
    let retired = retain(&mut log, 1_500);
    let start = log.start_offset();
    assert!((60..=100).contains(&start.0), "{start}: 500 ms are 50 batches of two");
    assert!(log.segment_count() < segments);
    assert_eq!(retired.due, TimestampMs(1_500 + config.file_delete_delay_ms));
    for path in &retired.paths {
        assert!(path.to_str().unwrap().ends_with(".deleted"));
        folder.disk.stat(path).unwrap();
    }
    retired.remove(&folder.disk).unwrap();
    assert!(folder.disk.stat(&retired.paths[0]).is_err());
    let error = log.read(Offset(start.0 - 1), 1, log.end_offset(), true).unwrap_err();
    assert_eq!(error.code(), ErrorCode::OffsetOutOfRange);
    assert_eq!(values(&mut log).len(), usize::try_from(200 - start.0).unwrap());
}

#[test]
fn a_segment_of_records_without_time_is_as_old_as_its_last_append() {
    let config = LogConfig { retention_ms: 1_000, ..LogConfig::default() };
    let mut log = Folder::in_memory().open(config, clean());
    for appended_ms in [0, 5_000] {
        let timeless = batch_at(&[-1], b"value", NOBODY);
        log.append(&timeless, log::Origin::Client, EPOCH, TimestampMs(appended_ms)).unwrap();
    }
    retain(&mut log, 6_000);
    assert_eq!(log.start_offset(), Offset(0));
    retain(&mut log, 6_001);
    assert_eq!(log.start_offset(), Offset(2));
}

#[test]
fn the_youngest_record_is_one_that_is_still_there() {
    let config = LogConfig { retention_ms: -1, ..LogConfig::default() };
    let (_, mut log) = filled(config, [100, 900, 500, 300].into_iter());
    let timestamps = [100, 101, 900, 901, 500, 501, 300, 301];
    for start in 0..8 {
        log.delete_records(Offset(start)).unwrap();
        let left = (0..).zip(timestamps).filter(|(offset, _)| *offset >= start);
        let youngest = log.max_timestamp().unwrap().unwrap();
        let youngest = (youngest.offset.0, youngest.timestamp.0);
        assert_eq!(Some(youngest), left.max_by_key(|(_, timestamp)| *timestamp), "from {start}");
    }
}

#[test]
fn a_log_whose_records_are_all_too_old_is_empty_and_keeps_its_end() {
    let config = LogConfig { retention_ms: 1_000, ..small_segments() };
    let (folder, mut log) = filled(config.clone(), 0..50);
    retain(&mut log, 999_999);
    assert_eq!((log.start_offset(), log.end_offset()), (Offset(100), Offset(100)));
    assert_eq!((log.segment_count(), log.bytes()), (1, 0));
    log.close(TimestampMs(999_999)).unwrap();
    drop(log);
    for opening in [clean(), crashed(Offset(0))] {
        let mut log = folder.open(config.clone(), opening);
        assert_eq!((log.start_offset(), log.end_offset()), (Offset(100), Offset(100)));
        assert_eq!(retain(&mut log, 9_999_999).paths.len(), 0, "an empty segment stays");
    }
    let mut log = folder.open(config, clean());
    assert_eq!(append(&mut log, &batch(1, b"on")).unwrap().base_offset, Offset(100));
}

#[test]
fn the_oldest_segments_go_while_the_rest_is_enough() {
    let (_, mut log) = filled(LogConfig { retention_ms: -1, ..small_segments() }, 0..100);
    let bytes = log.bytes();
    log.set_config(LogConfig { retention_bytes: 5_000, ..log.config().clone() });
    retain(&mut log, 0);
    assert!(log.bytes() >= 5_000 && log.bytes() < 5_000 + 2_000, "{} of {bytes}", log.bytes());
    log.set_config(LogConfig { retention_bytes: 0, ..log.config().clone() });
    retain(&mut log, 0);
    assert_eq!((log.bytes(), log.start_offset()), (0, log.end_offset()));
}

#[test]
fn nothing_goes_that_the_high_watermark_has_not_passed_or_that_policy_keeps() {
    let config = LogConfig { retention_ms: 10, ..small_segments() };
    let (_, mut log) = filled(config.clone(), 0..100);
    log.apply_retention(Offset(30), TimestampMs(999_999)).unwrap();
    assert!(log.start_offset() <= Offset(30));
    log.set_config(LogConfig { cleanup_delete: false, ..config });
    let start = log.start_offset();
    retain(&mut log, 999_999);
    assert_eq!(log.start_offset(), start);
    log.delete_records(Offset(90)).unwrap();
    retain(&mut log, 999_999);
    assert_eq!(
        log.start_offset(),
        Offset(90),
        "what was deleted on request goes under every policy"
    );
    assert!(log.segment_count() < 10);
}

#[test]
fn deleted_records_are_gone_at_once() {
    let (folder, mut log) = filled(small_segments(), 0..100);
    assert_eq!(log.delete_records(Offset(55)).unwrap(), Offset(55));
    assert_eq!(log.delete_records(Offset(20)).unwrap(), Offset(55), "the start never goes back");
    assert_eq!(log.delete_records(Offset(201)).unwrap_err().code(), ErrorCode::OffsetOutOfRange);
    assert!(log.read(Offset(54), 1, Offset(200), true).is_err());
    let slice = log.read(Offset(55), 1, Offset(200), true).unwrap().unwrap();
    assert_eq!(slice.base_offset, Offset(54), "the batch that holds the start is whole");
    assert_eq!(log.epochs()[0].start_offset, Offset(55));
    log.close(TimestampMs(0)).unwrap();
    drop(log);
    let opening = Opening { start_offset: Offset(55), ..clean() };
    assert_eq!(folder.open(small_segments(), opening).start_offset(), Offset(55));
}

#[test]
fn a_segment_is_closed_when_its_first_record_is_too_old() {
    let config = LogConfig { segment_ms: 100, ..LogConfig::default() };
    let (_, log) = filled(config.clone(), (0..10).map(|i| i * 50));
    assert_eq!(log.segment_count(), 4, "0 to 100, 150 to 250, 300 to 400, 450");
    let jittered = LogConfig { segment_jitter_ms: 100, ..config };
    let (_, log) = filled(jittered, (0..10).map(|i| i * 50));
    assert!(log.segment_count() >= 4, "jitter closes segments earlier only");
}

#[test]
fn a_segment_is_closed_when_an_index_is_full() {
    let config =
        LogConfig { segment_index_bytes: 80, index_interval_bytes: 0, ..LogConfig::default() };
    let (_, log) = filled(config, 0..100);
    // six times fit 80 bytes; one is left for the closing entry; a segment's first batch has no
    // entry
    assert!((12..=20).contains(&log.segment_count()), "{}", log.segment_count());
}

#[test]
fn a_cut_forgets_offsets_times_epochs_and_producers() {
    let folder = Folder::in_memory();
    let mut log = folder.open(small_segments(), clean());
    for i in 0..60 {
        let batch = batch_at(&[i * 10], &[7; 50], producer(7, 0, i32::try_from(i).unwrap()));
        let epoch = LeaderEpoch(i32::try_from(i / 20).unwrap());
        log.append(&batch, log::Origin::Client, epoch, TimestampMs(0)).unwrap();
    }
    log.truncate_to(Offset(35), TimestampMs(0)).unwrap();
    assert_eq!(log.end_offset(), Offset(35));
    assert_eq!(log.producers()[0].last_sequence.0, 34);
    assert_eq!(log.latest_epoch(), Some(LeaderEpoch(1)));
    assert_eq!(log.max_timestamp().unwrap().unwrap().timestamp, TimestampMs(340));
    assert_eq!(offset_at(&mut log, 345), None);
    assert_eq!(values(&mut log).len(), 35);
    append(&mut log, &batch_at(&[5], &[7; 50], producer(7, 0, 35))).unwrap();
    assert_eq!(values(&mut log).len(), 36);
    log.truncate_to(Offset(99), TimestampMs(0)).unwrap();
    assert_eq!(log.end_offset(), Offset(36), "nothing is behind the end");
    log.start_over_at(Offset(1_000), TimestampMs(0)).unwrap();
    assert_eq!((log.start_offset(), log.end_offset()), (Offset(1_000), Offset(1_000)));
    assert_eq!(append(&mut log, &batch(1, b"on")).unwrap().base_offset, Offset(1_000));
    log.close(TimestampMs(0)).unwrap();
    drop(log);
    assert_eq!(folder.open(small_segments(), clean()).end_offset(), Offset(1_001));
}

#[test]
fn epochs_end_where_the_next_one_begins() {
    let folder = Folder::in_memory();
    let mut log = folder.open(small_segments(), clean());
    for epoch in [3, 3, 5, 9] {
        log.append(&batch(2, b"value"), log::Origin::Client, LeaderEpoch(epoch), TimestampMs(0))
            .unwrap();
    }
    log.begin_epoch(LeaderEpoch(11));
    let end = |requested| {
        let end = log.epoch_end_offset(LeaderEpoch(requested));
        end.map(|end| (end.epoch.0, end.end_offset.0))
    };
    assert_eq!(end(2), Some((2, 0)));
    assert_eq!(end(4), Some((3, 4)));
    assert_eq!(end(9), Some((9, 8)));
    assert_eq!(end(11), Some((11, 8)));
    assert_eq!(end(12), None);
    assert_eq!(log.epoch_at(Offset(5)), Some(LeaderEpoch(5)));
    log.close(TimestampMs(0)).unwrap();
    let epochs = log.epochs().to_vec();
    drop(log);
    let log = folder.open(small_segments(), clean());
    assert_eq!(log.epochs(), &epochs[..3], "an epoch without records is its leader's to announce");
}

/// Another leader has had the log's end meanwhile: a follower that keeps the epoch would ask for it for
/// ever (KIP-101).
#[test]
fn an_epoch_that_wrote_nothing_goes_with_a_cut_at_the_end() {
    let folder = Folder::in_memory();
    let mut log = folder.open(LogConfig::default(), clean());
    append(&mut log, &batch(3, b"value")).unwrap();
    log.begin_epoch(LeaderEpoch(7));
    log.flush(TimestampMs(1)).unwrap();
    log.truncate_to(Offset(3), TimestampMs(2)).unwrap();
    assert_eq!((log.latest_epoch(), log.end_offset()), (Some(EPOCH), Offset(3)));
    let log = folder.open(LogConfig::default(), crashed(Offset(0)));
    assert_eq!(log.latest_epoch(), Some(EPOCH), "nor does it come back from the checkpoint");
}
