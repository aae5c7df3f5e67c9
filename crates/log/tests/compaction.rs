//! Compaction: of each key the latest record stays, at its offset; nothing else is lost, whenever
//! the machine stops.
#![allow(clippy::unwrap_used, reason = "a test may fail")]

mod common;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use common::*;
use log::{
    Compaction, Disk, Log, LogConfig, LogError, MemDisk, OffsetMap, Opening, Origin, Outage,
    RealDisk, Survival,
};
use record::{BatchBuilder, Codec, Compression, Producer, Scratch, ValidBatch, batches};
use types::{LeaderEpoch, Offset, TimestampMs};

const COMPACTION: Compaction = Compaction {
    dirty_ratio_min: 0.5,
    lag_ms_min: 0,
    lag_ms_max: i64::MAX,
    delete_retention_ms: 1_000,
};

fn config() -> LogConfig {
    LogConfig { cleanup_compact: true, cleanup_delete: false, ..small_segments() }
}

/// A batch of records by key; `None` is a tombstone.
fn keyed(
    records: &[(u8, Option<u8>)],
    timestamp: i64,
    compression: Compression,
    producer: Producer,
) -> ValidBatch<'static> {
    let mut builder = BatchBuilder::new();
    for (key, value) in records {
        let value = value.map(|value| [value; 40]);
        let value = value.as_ref().map(|value| value.as_slice());
        builder.append(TimestampMs(timestamp), Some(&[*key]), value, &[]).unwrap();
    }
    builder.seal(Codec::new(compression), producer, &mut Scratch::new())
}

type Row = (i64, i64, u8, Option<u8>);

/// Offset, timestamp, key and value of every data record.
fn rows(log: &mut Log<MemDisk>) -> Vec<Row> {
    let bytes = read_all(log, log.start_offset(), 700);
    let mut rows = Vec::new();
    for batch in batches(&bytes) {
        let batch = batch.unwrap();
        assert!(batch.is_crc_valid());
        if batch.header().attributes.is_control() {
            continue;
        }
        for record in batch.records(&mut Scratch::new()).unwrap() {
            let record = record.unwrap();
            let value = record.value.map(|value| value[0]);
            rows.push((record.offset.0, record.timestamp.0, record.key.unwrap()[0], value));
        }
    }
    rows
}

/// Cleans until nothing is due; tells up to where the log is clean.
fn clean_up<D: Disk>(
    log: &mut Log<D>,
    cleaned_to: Offset,
    keys_max: usize,
    now: i64,
) -> Result<Offset, LogError> {
    let (end, now) = (log.end_offset(), TimestampMs(now));
    log.set_high_watermark(end);
    let dirtiness = log.dirtiness(cleaned_to, end, &COMPACTION, now)?;
    let cleaning = log.begin_clean(&dirtiness, end, &COMPACTION, now)?;
    let mut map = OffsetMap::new(keys_max);
    let mut mapped = cleaning.map(&mut map)?;
    while let Some(cleaned) = mapped.clean_group()? {
        let retired = log.replace(cleaned, now)?.expect("nobody else changes the log");
        let _ = retired.paths.len();
    }
    Ok(mapped.end())
}

/// What is left of `rows` when those before `end` are compacted, tombstones kept.
fn compacted(rows: &[Row], end: Offset) -> Vec<Row> {
    let mut latest = BTreeMap::new();
    for (offset, _, key, _) in rows.iter().filter(|row| row.0 < end.0) {
        latest.insert(*key, *offset);
    }
    let stays = |row: &&Row| row.0 >= end.0 || latest.get(&row.2) == Some(&row.0);
    rows.iter().filter(stays).copied().collect()
}

fn filled(compression: Compression) -> (Folder<MemDisk>, Log<MemDisk>) {
    let folder = Folder::in_memory();
    let mut log = folder.open(config(), clean());
    for i in 0..60_u8 {
        let value = |key: u8| if (i + key).is_multiple_of(5) { None } else { Some(i) };
        let records: Vec<_> = (0..3).map(|n| (i.wrapping_mul(7) % 11 + n, value(n))).collect();
        append(&mut log, &keyed(&records, 100 + i64::from(i), compression, NOBODY)).unwrap();
    }
    (folder, log)
}

#[test]
fn of_each_key_the_latest_record_stays_at_its_offset() {
    for compression in Compression::ALL {
        let (folder, mut log) = filled(compression);
        let before = rows(&mut log);
        let segments = log.segment_count();
        let end = clean_up(&mut log, Offset(0), 1_000, 5_000).unwrap();
        let expected = compacted(&before, end);
        assert!(end > Offset(100) && expected.len() < before.len() / 2, "{end}");
        assert_eq!(rows(&mut log), expected, "{compression}");
        let again = clean_up(&mut log, end, 1_000, 5_000).unwrap();
        assert_eq!((again, rows(&mut log)), (end, expected.clone()), "nothing is dirty");
        assert!(log.segment_count() < segments, "small segments become one");
        // every way to the records leads on
        for (offset, timestamp, ..) in &expected {
            let slice = log.read(Offset(*offset), 1, log.end_offset(), true).unwrap().unwrap();
            assert!(slice.base_offset.0 <= *offset);
            let found = log.offset_for_timestamp(TimestampMs(*timestamp)).unwrap().unwrap();
            assert_eq!(found.timestamp.0, *timestamp);
        }
        log.close(TimestampMs(0)).unwrap();
        for opening in [clean(), crashed(Offset(0))] {
            let mut log = folder.open(config(), opening);
            assert_eq!(rows(&mut log), expected);
            assert_eq!(log.recovery().truncated_bytes, 0);
        }
    }
}

#[test]
fn a_map_without_room_cleans_as_far_as_it_goes() {
    let (_, mut log) = filled(Compression::None);
    let before = rows(&mut log);
    let (mut end, mut rounds) = (Offset(0), 0);
    loop {
        let next = clean_up(&mut log, end, 4, 5_000).unwrap();
        if next == end {
            break;
        }
        (end, rounds) = (next, rounds + 1);
    }
    assert!(rounds > 3, "{rounds}");
    assert_eq!(rows(&mut log), compacted(&before, end));
}

#[test]
fn a_tombstone_goes_when_its_readers_have_had_their_time() {
    for compression in Compression::ALL {
        let mut log = Folder::in_memory().open(config(), clean());
        for value in [Some(1), None] {
            let records: Vec<_> = (0..10).map(|key| (key, value)).collect();
            append(&mut log, &keyed(&records, 100, compression, NOBODY)).unwrap();
        }
        let mut end = Offset(0);
        for (now, left) in [(5_000, 10), (5_999, 10), (6_000, 0)] {
            fill(&mut log);
            end = clean_up(&mut log, end, 1_000, now).unwrap();
            let rows = rows(&mut log);
            let tombstones = rows.iter().filter(|row| row.3.is_none());
            assert_eq!(tombstones.count(), left, "{compression} at {now}");
            assert!(rows.iter().all(|row| [100, 200].contains(&row.1)), "{rows:?}");
        }
    }
}

#[test]
fn what_is_young_or_undecided_is_left_alone() {
    let (_, mut log) = filled(Compression::None);
    let end = log.end_offset();
    log.set_high_watermark(end);
    let until = |log: &mut Log<MemDisk>, compaction: Compaction, now: i64| {
        log.dirtiness(Offset(0), end, &compaction, TimestampMs(now)).unwrap()
    };
    let all = until(&mut log, COMPACTION, 200);
    assert!(all.until > Offset(100) && all.ratio() > 0.99 && all.is_due(&COMPACTION));
    let patient = Compaction { lag_ms_min: 80, ..COMPACTION };
    let some = until(&mut log, patient, 200);
    assert!(some.until < all.until && some.dirty_bytes > 0, "{some:?}");
    assert_eq!(until(&mut log, patient, 150).dirty_bytes, 0);
    let lazy = Compaction { dirty_ratio_min: 1.0, ..COMPACTION };
    assert!(!all.is_due(&lazy));
    let overdue = Compaction { lag_ms_max: 50, ..lazy };
    assert!(until(&mut log, overdue, 151).is_due(&overdue));
    assert!(!until(&mut log, overdue, 150).is_due(&overdue));
    assert_eq!(
        log.dirtiness(Offset(0), Offset(50), &COMPACTION, TimestampMs(0)).unwrap().until,
        Offset(50)
    );
}

/// Committed and aborted transactions over the same keys, and a producer whose last batch is
/// superseded; behind them enough to close the segments.
fn write_transactions<D: Disk>(log: &mut Log<D>) {
    for i in 0..12_i32 {
        let value = Some(u8::try_from(i).unwrap());
        let records = [(1, value), (u8::try_from(10 + i).unwrap(), value)];
        let batch = keyed(&records, 100, Compression::None, transactional(7, 0, 2 * i));
        append(log, &batch).unwrap();
        let marker = marker(7, 0, i % 3 != 0, 1);
        log.append(&marker, Origin::Coordinator, EPOCH, TimestampMs(0)).unwrap();
    }
    append(log, &keyed(&[(99, Some(0))], 200, Compression::None, producer(8, 0, 5))).unwrap();
    fill(log);
}

fn transactional_log() -> (Folder<MemDisk>, Log<MemDisk>) {
    let folder = Folder::in_memory();
    let mut log = folder.open(config(), clean());
    write_transactions(&mut log);
    (folder, log)
}

fn fill<D: Disk>(log: &mut Log<D>) {
    for _ in 0..30 {
        append(log, &keyed(&[(99, Some(1))], 200, Compression::None, NOBODY)).unwrap();
    }
}

#[test]
fn what_an_open_transaction_writes_supersedes_nothing() {
    let mut log = Folder::in_memory().open(config(), clean());
    append(&mut log, &keyed(&[(1, Some(1))], 100, Compression::None, NOBODY)).unwrap();
    let open = keyed(&[(1, Some(2))], 100, Compression::None, transactional(7, 0, 0));
    append(&mut log, &open).unwrap();
    fill(&mut log);
    let end = clean_up(&mut log, Offset(0), 1_000, 5_000).unwrap();
    assert_eq!(end, Offset(1));
    let dirtiness = log.dirtiness(end, log.end_offset(), &COMPACTION, TimestampMs(0)).unwrap();
    assert_eq!(dirtiness.dirty_bytes, 0, "the rest waits for the marker");
    log.append(&marker(7, 0, false, 1), Origin::Coordinator, EPOCH, TimestampMs(0)).unwrap();
    fill(&mut log);
    clean_up(&mut log, end, 1_000, 5_000).unwrap();
    assert!(rows(&mut log).contains(&(0, 100, 1, Some(1))), "{:?}", rows(&mut log));
}

fn markers(log: &mut Log<MemDisk>) -> usize {
    let bytes = read_all(log, log.start_offset(), 700);
    let headers = batches(&bytes).map(|batch| *batch.unwrap().header());
    headers.filter(|header| header.attributes.is_control() && header.record_count > 0).count()
}

#[test]
fn aborted_records_go_and_markers_go_after_them() {
    let (folder, mut log) = transactional_log();
    let producers = log.producers();
    let end = clean_up(&mut log, Offset(0), 1_000, 5_000).unwrap();
    let kept = rows(&mut log);
    assert!(kept.iter().all(|row| row.3.is_none_or(|value| row.2 == 99 || value % 3 != 0)));
    for i in (0..12).filter(|i| i % 3 != 0) {
        assert!(kept.iter().any(|row| row.2 == 10 + i), "{i} was committed");
    }
    assert_eq!(markers(&mut log), 12, "readers may be amid a transaction");
    let aborted = log.aborted_transactions(Offset(0), end).unwrap();
    assert_eq!(aborted.len(), 4);
    fill(&mut log);
    let end = clean_up(&mut log, end, 1_000, 5_001).unwrap();
    assert_eq!(markers(&mut log), 12, "now it is known that they end nothing");
    assert_eq!(log.aborted_transactions(Offset(0), end).unwrap().len(), 0);
    fill(&mut log);
    clean_up(&mut log, end, 1_000, 6_001).unwrap();
    assert_eq!(markers(&mut log), 8, "those that committed what is left stay");
    assert_eq!(log.producers(), producers);
    log.close(TimestampMs(0)).unwrap();
    drop(log);
    let log = folder.open(config(), crashed(Offset(0)));
    assert_eq!(log.producers(), producers, "the last batch of a producer tells its sequence");
}

#[test]
fn a_group_whose_segments_are_gone_is_thrown_away() {
    let (folder, mut log) = filled(Compression::None);
    let (end, now) = (log.end_offset(), TimestampMs(5_000));
    log.set_high_watermark(end);
    let dirtiness = log.dirtiness(Offset(0), end, &COMPACTION, now).unwrap();
    let cleaning = log.begin_clean(&dirtiness, end, &COMPACTION, now).unwrap();
    let mut map = OffsetMap::new(100);
    let mut mapped = cleaning.map(&mut map).unwrap();
    let cleaned = mapped.clean_group().unwrap().unwrap();
    let (before, after) = cleaned.bytes_before_and_after();
    assert!(after < before);
    log.delete_records(Offset(100)).unwrap();
    log.apply_retention(end, now).unwrap();
    let left = rows(&mut log);
    assert_eq!(log.replace(cleaned, now).unwrap(), None);
    assert_eq!(rows(&mut log), left);
    let names = log::Disk::list(&folder.disk, &folder.path).unwrap();
    assert!(!names.iter().any(|entry| entry.name.ends_with(".cleaned")), "{names:?}");
}

/// A log that was cleaned before, so that its small segments are to become one.
fn cleaned_once() -> (Folder<MemDisk>, Log<MemDisk>, Offset) {
    let (folder, mut log) = transactional_log();
    let end = clean_up(&mut log, Offset(0), 1_000, 5_000).unwrap();
    fill(&mut log);
    log.flush(TimestampMs(0)).unwrap();
    (folder, log, end)
}

#[test]
fn a_crash_while_a_log_is_cleaned_leaves_the_old_or_the_new_segments() {
    let (folder, mut log, end) = cleaned_once();
    let begun = folder.disk.writes();
    let (before, producers, segments) = (rows(&mut log), log.producers(), log.segment_count());
    clean_up(&mut log, end, 1_000, 7_000).unwrap();
    assert!(log.segment_count() < segments);
    let (after, writes) = (rows(&mut log), folder.disk.writes());
    assert!(after.len() + 5 < before.len(), "{} of {}", after.len(), before.len());
    for crash_at in begun..writes {
        let (folder, mut log, end) = cleaned_once();
        let point = log.recovery_point();
        folder.disk.fail_from(crash_at, Outage::Crash);
        assert!(clean_up(&mut log, end, 1_000, 7_000).is_err());
        let random = (0..6).map(|i| Survival::Some(crash_at * 100 + i));
        for survival in [Survival::Everything, Survival::SyncedOnly].into_iter().chain(random) {
            let context = format!("crash at write {crash_at} of {writes}, {survival:?} survives");
            let folder = Folder::after_crash(folder.disk.survive(survival));
            let opening = Opening { recovery_point: point, ..crashed(Offset(0)) };
            let mut log = folder.try_open(config(), opening).expect(&context);
            assert_eq!(log.recovery().truncated_bytes, 0, "{context}");
            assert_eq!(log.producers(), producers, "{context}");
            let left = rows(&mut log);
            check_between(&left, &before, &after, &context);
            log.append(&batch(1, b"on"), Origin::Client, LeaderEpoch(0), TimestampMs(0)).unwrap();
            log.close(TimestampMs(0)).unwrap();
            let mut again = folder.open(config(), clean());
            assert_eq!(again.end_offset().0, before.last().unwrap().0 + 2, "{context}");
            assert_eq!(rows_before_last(&mut again), left, "{context}");
        }
    }
}

fn rows_before_last(log: &mut Log<MemDisk>) -> Vec<Row> {
    let mut rows: Vec<Row> = rows(log);
    rows.pop();
    rows
}

/// Each group was cleaned or was not.
fn check_between(left: &[Row], before: &[Row], after: &[Row], context: &str) {
    assert!(left.iter().all(|row| before.contains(row)), "{context}: nothing is made up");
    assert!(after.iter().all(|row| left.contains(row)), "{context}: what stays is there");
}

/// Tombstones, superseded records inside of batches and whole batches of them, transactions.
fn write_source<D: Disk>(log: &mut Log<D>) {
    for i in 0..60_u8 {
        let value = |key: u8| if (i + key).is_multiple_of(5) { None } else { Some(i) };
        let records: Vec<_> = (0..3).map(|n| (i.wrapping_mul(7) % 11 + n, value(n))).collect();
        let timestamp = 1_000 + i64::from(i) * 37 % 101;
        append(log, &keyed(&records, timestamp, Compression::None, NOBODY)).unwrap();
    }
    write_transactions(log);
    append(log, &keyed(&[(1, None), (50, None)], 300, Compression::None, NOBODY)).unwrap();
    fill(log);
}

/// The files of all segments.
fn segment_files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    for entry in fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        if [".log", ".index", ".timeindex", ".txnindex"].iter().any(|end| name.ends_with(end)) {
            files.insert(name, fs::read(entry.path()).unwrap());
        }
    }
    files
}

/// `golden/compacted-N` is what the `Cleaner` of Apache Kafka 4.4.0 made of the same log in N rounds,
/// each from the first offset on, with the high watermark at the log's end and at the same times;
/// `internal.segment.bytes` is 2000, `index.interval.bytes` 100 and `delete.retention.ms` 1000.
#[test]
fn kafkas_cleaner_makes_the_same_files() {
    let folder = tempfile::tempdir().unwrap();
    let home = Folder::on(RealDisk, &folder.path().join("compacted-0"));
    let mut log = home.open(config(), clean());
    write_source(&mut log);
    for (round, now) in [(1, 5_000), (2, 5_500), (3, 7_000)] {
        clean_up(&mut log, Offset(0), 1_000, now).unwrap();
        let mut ours = segment_files(&home.path);
        let active = ours.last_key_value().unwrap().0[..20].to_owned();
        ours.retain(|name, _| !name.starts_with(&active));
        let golden = Path::new(env!("CARGO_MANIFEST_DIR"));
        let golden = golden.join(format!("tests/golden/compacted-{round}"));
        let theirs: BTreeMap<String, Vec<u8>> = segment_files(&golden);
        assert_eq!(ours.keys().collect::<Vec<_>>(), theirs.keys().collect::<Vec<_>>());
        for (name, bytes) in &theirs {
            assert_eq!(&ours[name], bytes, "{name} after round {round}");
        }
    }
}
