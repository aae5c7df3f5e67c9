//! Full disks, unreadable disks, and files that were cut or garbled while nobody looked.
#![allow(clippy::unwrap_used, reason = "a test may fail")]

mod common;

use std::path::PathBuf;

use common::*;
use log::{Access, Disk, DiskFile, Log, LogConfig, LogError, MemDisk, Origin, Outage, Survival};
use types::{ErrorCode, LeaderEpoch, Offset, TimestampMs};

const NOW: TimestampMs = TimestampMs(0);

fn filled(batches: usize) -> (Folder<MemDisk>, Log<MemDisk>) {
    let folder = Folder::in_memory();
    let mut log = folder.open(small_segments(), clean());
    for _ in 0..batches {
        append(&mut log, &batch(1, &[7; 60])).unwrap();
    }
    (folder, log)
}

fn closed(batches: usize) -> Folder<MemDisk> {
    let (folder, mut log) = filled(batches);
    log.close(TimestampMs(0)).unwrap();
    folder
}

fn path(folder: &Folder<MemDisk>, suffix: &str) -> PathBuf {
    let entries = folder.disk.list(&folder.path).unwrap();
    let mut names: Vec<_> = entries.into_iter().map(|entry| entry.name).collect();
    names.sort();
    let name = names.into_iter().find(|name| name.ends_with(suffix)).unwrap();
    folder.path.join(name)
}

fn overwrite(folder: &Folder<MemDisk>, suffix: &str, position: u64, bytes: &[u8]) {
    let file = folder.disk.open(&path(folder, suffix), Access::Write).unwrap();
    file.write_at(bytes, &[], position).unwrap();
}

#[test]
fn a_full_disk_refuses_appends_and_nothing_else_until_there_is_room() {
    // from the very next write, and from every one of the next dozens: amid batches, rolls and
    // snapshots
    for begins in 0..60 {
        let (folder, mut log) = filled(10);
        folder.disk.fail_from(folder.disk.writes() + begins, Outage::Full);
        let mut appended = 10;
        let error = loop {
            match append(&mut log, &batch(1, &[7; 60])) {
                Ok(_) => appended += 1,
                Err(error) => break error,
            }
        };
        assert!(matches!(error, LogError::DiskFull(_)), "{error}");
        assert_eq!(error.code(), ErrorCode::KafkaStorageError);
        assert!(error.code().is_retriable());
        assert!(append(&mut log, &batch(1, &[7; 60])).is_err());
        assert_eq!(values(&mut log).len(), appended, "readers go on");
        log.delete_records(Offset(5)).unwrap();
        log.apply_retention(Offset(5), TimestampMs(0)).unwrap();
        folder.disk.heal();
        for _ in 0..40 {
            append(&mut log, &batch(1, &[7; 60])).unwrap();
        }
        let (end, contents) = (log.end_offset(), values(&mut log));
        for survival in [Survival::Everything, Survival::Some(begins)] {
            let after = Folder::after_crash(folder.disk.survive(survival));
            let mut log = after.open(small_segments(), crashed(Offset(0)));
            let is_whole = log.end_offset() == end && values(&mut log).ends_with(&contents);
            assert!(is_whole || survival != Survival::Everything);
        }
        log.close(TimestampMs(0)).unwrap();
        assert!(values(&mut folder.open(small_segments(), clean())).ends_with(&contents));
    }
}

#[test]
fn a_disk_that_cannot_be_read_is_an_error_and_no_damage() {
    let folder = closed(50);
    folder.disk.fail_from(0, Outage::Unreadable);
    let error = folder.try_open(small_segments(), clean()).unwrap_err();
    assert_eq!(error.code(), ErrorCode::KafkaStorageError);
    assert!(error.to_string().contains("cannot list /topic-0"), "{error}");
    let error = folder.try_open(small_segments(), crashed(Offset(0))).unwrap_err();
    assert!(matches!(error, LogError::Storage(_)));
    folder.disk.heal();
    assert_eq!(values(&mut folder.open(small_segments(), clean())).len(), 50);
}

#[test]
fn a_log_whose_sync_has_failed_takes_nothing_until_it_is_opened_anew() {
    let (folder, mut log) = filled(5);
    let job = log.begin_flush(TimestampMs(0)).unwrap();
    folder.disk.fail_from(folder.disk.writes(), Outage::Crash);
    let failed = job.run().unwrap_err();
    assert!(log.flush_failed(&failed));
    assert_eq!(log.recovery_point(), Offset(0));
    let error = append(&mut log, &batch(1, b"value")).unwrap_err();
    assert!(matches!(error, LogError::Failed { .. }), "{error}");
}

#[test]
fn a_failed_sync_of_what_was_cut_since_does_not_count() {
    let (folder, mut log) = filled(5);
    let job = log.begin_flush(TimestampMs(0)).unwrap();
    folder.disk.fail_from(folder.disk.writes(), Outage::Unsyncable);
    let failed = job.run().unwrap_err();
    folder.disk.heal();
    log.truncate_to(Offset(3), TimestampMs(0)).unwrap();
    assert!(!log.flush_failed(&failed));
    append(&mut log, &batch(1, b"value")).unwrap();
    log.flush(TimestampMs(0)).unwrap();
    assert_eq!(log.recovery_point(), log.end_offset());
}

/// A flush does not hold the log: what it took may be old by the time when it is written.
#[test]
fn a_flush_does_not_write_epochs_over_newer_ones() {
    let (folder, mut log) = filled(5);
    let stored = || {
        let path = path(&folder, "leader-epoch-checkpoint");
        let file = folder.disk.open(&path, Access::Read).unwrap();
        let mut text = vec![0; usize::try_from(file.bytes().unwrap()).unwrap()];
        file.read_at(&mut text, 0).unwrap();
        String::from_utf8(text).unwrap()
    };
    log.begin_epoch(LeaderEpoch(7));
    let job = log.begin_flush(TimestampMs(0)).unwrap();
    log.truncate_to(Offset(3), TimestampMs(0)).unwrap();
    log.append(&batch(1, b"value"), Origin::Client, LeaderEpoch(9), NOW).unwrap();
    log.flush(TimestampMs(0)).unwrap();
    let before = stored();
    assert!(before.ends_with("9 3\n"), "{before}");
    let flushed = job.run().unwrap();
    log.end_flush(flushed);
    assert_eq!(stored(), before);
}

#[test]
fn what_a_failed_sync_has_dropped_is_never_called_durable() {
    let (folder, mut log) = filled(5);
    folder.disk.fail_from(folder.disk.writes(), Outage::Unsyncable);
    assert!(log.flush(TimestampMs(0)).is_err());
    folder.disk.heal();
    assert!(matches!(log.flush(TimestampMs(0)), Err(LogError::Failed { .. })));
    assert!(matches!(log.close(TimestampMs(0)), Err(LogError::Failed { .. })));
    assert!(matches!(log.begin_flush(TimestampMs(0)), Err(LogError::Failed { .. })));
    assert_eq!(log.recovery_point(), Offset(0));
    assert!(!log.is_flush_due(TimestampMs(i64::MAX)), "nobody needs to try");
}

/// A log whose second segment is empty, as compaction may leave it.
fn with_an_empty_segment(config: LogConfig) -> (Folder<MemDisk>, Log<MemDisk>) {
    let (folder, mut log) = filled(60);
    log.close(TimestampMs(0)).unwrap();
    assert!(log.segment_count() > 3);
    let second =
        (1..60).find(|base| folder.disk.stat(&folder.path.join(format!("{base:020}.log"))).is_ok());
    for suffix in ["log", "index", "timeindex"] {
        let name = format!("{:020}.{suffix}", second.unwrap());
        let file = folder.disk.open(&folder.path.join(name), Access::Write).unwrap();
        file.set_len(0).unwrap();
    }
    let log = folder.open(config, clean());
    (folder, log)
}

#[test]
fn an_empty_segment_amid_others_hides_nothing_behind_it() {
    let config = LogConfig { retention_ms: 1, cleanup_compact: true, ..small_segments() };
    let (folder, mut log) = with_an_empty_segment(config.clone());
    let segments = log.segment_count();
    assert!(values(&mut log).len() < 60);
    log.apply_retention(Offset(60), TimestampMs(1 << 40)).unwrap();
    assert_eq!(log.start_offset(), Offset(60), "all of {segments} segments are too old");
    let (_, mut log) =
        with_an_empty_segment(LogConfig { retention_ms: -1, retention_bytes: 0, ..config.clone() });
    log.apply_retention(Offset(60), TimestampMs(0)).unwrap();
    assert_eq!(log.start_offset(), Offset(60), "all are too much");
    drop(folder);
    // epochs and producers are read from the batches behind it too
    let (folder, mut log) = with_an_empty_segment(config.clone());
    log.begin_epoch(LeaderEpoch(4));
    log.append(&batch_at(&[1], b"v", producer(7, 0, 0)), Origin::Client, LeaderEpoch(4), NOW)
        .unwrap();
    log.close(NOW).unwrap();
    drop(log);
    overwrite(&folder, "leader-epoch-checkpoint", 0, b"x");
    let log = folder.open(config, clean());
    assert_eq!(log.epochs().len(), 2);
}

#[test]
fn a_gap_in_front_of_the_recovery_point_is_no_loss() {
    // the topic was compacted once
    let (folder, log) =
        with_an_empty_segment(LogConfig { cleanup_compact: true, ..small_segments() });
    drop(log);
    let log = folder.open(small_segments(), crashed(Offset(59)));
    assert_eq!((log.end_offset(), log.recovery().truncated_bytes), (Offset(60), 0));
    let gone = path(&folder, ".index");
    folder.disk.remove_file(&gone).unwrap();
    let log = folder.open(small_segments(), clean());
    assert_eq!((log.end_offset(), log.recovery().truncated_bytes), (Offset(60), 0));
}

#[test]
fn what_a_cut_segment_was_to_become_is_dropped_where_a_part_of_it_is_missing() {
    // a segment is cut in several: the later parts are renamed first
    let folder = closed(30);
    let (first, whole) = (
        folder.path.join(format!("{:020}.log", 0)),
        values(&mut folder.open(small_segments(), clean())),
    );
    let mut bytes = vec![0; usize::try_from(folder.disk.stat(&first).unwrap().bytes).unwrap()];
    folder.disk.open(&first, Access::Read).unwrap().read_at(&mut bytes, 0).unwrap();
    let half = bytes.len() / 131 / 2;
    let create = |name: String, bytes: &[u8]| {
        folder.disk.open(&folder.path.join(name), Access::Create).unwrap().write_at(bytes, &[], 0)
    };
    create(format!("{:020}.log.cleaned", 0), &bytes[..70]).unwrap();
    create(format!("{half:020}.log.swap"), &bytes[bytes.len() - 2 * 131..]).unwrap();
    assert_eq!(values(&mut folder.open(small_segments(), clean())), whole);
}

#[test]
fn a_garbled_byte_ends_the_log_in_front_of_its_batch() {
    let (folder, log) = filled(100);
    let batch_bytes = u64::try_from(batch(1, &[7; 60]).total_bytes()).unwrap();
    let segments = log.segment_count();
    drop(log);
    for (byte, what) in [(70, "the checksum"), (16, "magic"), (8, "ends behind the file")] {
        let folder = Folder::after_crash(folder.disk.survive(Survival::Everything));
        overwrite(&folder, ".log", 3 * batch_bytes + byte, &[0x55]);
        let mut log = folder.open(small_segments(), crashed(Offset(0)));
        assert_eq!(log.end_offset(), Offset(3), "{what}");
        assert_eq!(log.segment_count(), 1, "{} were behind it", segments - 1);
        assert!(log.recovery().damage.as_ref().unwrap().contains(what), "{:?}", log.recovery());
        assert_eq!(log.recovery().truncated_bytes, 97 * batch_bytes);
        assert_eq!(values(&mut log).len(), 3);
        assert_eq!(append(&mut log, &batch(1, b"on")).unwrap().base_offset, Offset(3));
    }
}

#[test]
fn nothing_before_the_recovery_point_is_read_again() {
    let (folder, mut log) = filled(100);
    log.flush(TimestampMs(0)).unwrap();
    append(&mut log, &batch(1, &[7; 60])).unwrap();
    let (point, bytes) = (log.recovery_point(), log.bytes());
    assert_eq!(point, Offset(100));
    drop(log);
    let log = folder.open(small_segments(), crashed(point));
    assert_eq!(log.end_offset(), Offset(101));
    assert!(log.recovery().scanned_bytes < 2_000, "{:?} of {bytes}", log.recovery());
}

#[test]
fn missing_and_cut_indexes_are_made_up_for() {
    for suffix in [".index", ".timeindex"] {
        let folder = closed(100);
        folder.disk.remove_file(&path(&folder, suffix)).unwrap();
        let mut log = folder.open(small_segments(), clean());
        assert_eq!(values(&mut log).len(), 100, "without {suffix}");
        log.close(TimestampMs(0)).unwrap();
        assert!(folder.disk.stat(&folder.path.join(format!("{:020}{suffix}", 0))).is_ok());
        let folder = closed(100);
        let file = folder.disk.open(&path(&folder, suffix), Access::Write).unwrap();
        file.set_len(13).unwrap();
        assert_eq!(values(&mut folder.open(small_segments(), clean())).len(), 100);
    }
}

#[test]
fn a_garbled_index_misleads_nobody() {
    let folder = closed(100);
    overwrite(&folder, ".index", 4, &[0, 0, 0, 77]);
    overwrite(&folder, ".index", 12, &[0x7f, 0, 0, 77]);
    let mut log = folder.open(small_segments(), clean());
    for offset in 0..100 {
        let slice = log.read(Offset(offset), 1, Offset(100), true).unwrap().unwrap();
        assert_eq!(slice.base_offset, Offset(offset));
    }
}

#[test]
fn a_garbled_epoch_checkpoint_is_read_from_the_log_instead() {
    let folder = closed(30);
    overwrite(&folder, "leader-epoch-checkpoint", 0, b"x");
    let log = folder.open(small_segments(), clean());
    assert_eq!(log.epochs().len(), 1);
    assert_eq!(log.epochs()[0].start_offset, Offset(0));
}

#[test]
fn what_deletion_and_compaction_leave_behind_is_cleared_at_the_next_start() {
    let folder = closed(100);
    let create = |name: &str| {
        folder.disk.open(&folder.path.join(name), Access::Create).unwrap();
    };
    create("00000000000000000000.log.deleted");
    create("00000000000000000099.index.cleaned");
    create("00000000000000000099.timeindex");
    create("00000000000000009999.snapshot");
    // a compacted first segment on the way to its place
    let first = path(&folder, ".log");
    let swap = folder.path.join("00000000000000000000.log.swap");
    let whole = folder.disk.open(&first, Access::Read).unwrap();
    let mut bytes = vec![0; usize::try_from(whole.bytes().unwrap()).unwrap()];
    whole.read_at(&mut bytes, 0).unwrap();
    folder.disk.open(&swap, Access::Create).unwrap().write_at(&bytes, &[], 0).unwrap();
    let mut log = folder.open(small_segments(), clean());
    assert_eq!(values(&mut log).len(), 100);
    log.close(TimestampMs(0)).unwrap();
    let left: Vec<String> =
        folder.disk.list(&folder.path).unwrap().into_iter().map(|entry| entry.name).collect();
    for suffix in [".deleted", ".cleaned", ".swap", "9999.snapshot", "99.timeindex"] {
        assert!(!left.iter().any(|name| name.ends_with(suffix)), "{suffix} in {left:?}");
    }
}

#[test]
fn a_batch_that_no_segment_can_hold_is_refused() {
    let (_, mut log) = filled(1);
    let error = append(&mut log, &batch(1, &[7; 3_000])).unwrap_err();
    assert_eq!(error.code(), ErrorCode::RecordListTooLarge);
    let config = LogConfig { segment_bytes: 10_000, ..small_segments() };
    log.set_config(config);
    append(&mut log, &batch(1, &[7; 3_000])).unwrap();
}

#[test]
fn replicated_batches_keep_their_offsets_and_follow_the_log() {
    let (_, mut leader) = filled(20);
    let bytes = read_all(&mut leader, Offset(0), 4_000);
    let mut replica = Folder::in_memory().open(small_segments(), clean());
    let half = bytes.len() / 2 + 10;
    let taken = replica.append_replicated(&bytes[..half], TimestampMs(0)).unwrap();
    assert_eq!(taken, 10, "the one that is cut off is left out");
    let error = replica.append_replicated(&bytes, TimestampMs(0)).unwrap_err();
    assert!(matches!(error, LogError::NotTheNextOffset { .. }), "{error}");
    let rest = &bytes[bytes.len() / 2..];
    replica.append_replicated(rest, TimestampMs(0)).unwrap();
    assert_eq!(values(&mut replica), values(&mut leader));
    let mut garbled = bytes;
    garbled[100] ^= 1;
    let mut replica = Folder::in_memory().open(small_segments(), clean());
    let error = replica.append_replicated(&garbled, TimestampMs(0)).unwrap_err();
    assert_eq!(error.code(), ErrorCode::CorruptMessage);
    assert_eq!(replica.end_offset(), Offset(0));
}

/// The bytes of one batch of one record at `base_offset`.
fn replicated(base_offset: i64) -> Vec<u8> {
    let batch = batch(1, b"value");
    [&batch.header_bytes(Offset(base_offset), EPOCH)[..], batch.body()].concat()
}

#[test]
fn a_read_in_a_gap_begins_behind_it() {
    let mut log = Folder::in_memory().open(LogConfig::default(), clean());
    for base_offset in [0, 1, 10, 11, 30] {
        log.append_replicated(&replicated(base_offset), NOW).unwrap();
    }
    let mut read = |from: i64, upper: i64| {
        let slice = log.read(Offset(from), u32::MAX, Offset(upper), true).unwrap();
        slice
            .map(|slice| (slice.base_offset.0, slice.to_vec().unwrap().len() / replicated(0).len()))
    };
    assert_eq!(read(1, 31), Some((1, 4)));
    assert_eq!(read(5, 31), Some((10, 3)));
    assert_eq!(read(0, 5), Some((0, 2)));
    assert_eq!(read(0, 11), Some((0, 3)));
    assert_eq!(read(5, 7), None);
    assert_eq!(read(12, 31), Some((30, 1)));
}

#[test]
fn offsets_that_an_index_cannot_hold_begin_a_segment() {
    let far = i64::from(i32::MAX);
    for opening in [clean(), crashed(Offset(0))] {
        let config = LogConfig { cleanup_compact: true, ..small_segments() };
        let folder = Folder::in_memory();
        let mut log = folder.open(config.clone(), clean());
        let bases = [5 * far, 5 * far + 1, 6 * far, 6 * far + 1, 6 * far + 2, 9 * far];
        for base_offset in bases {
            log.append_replicated(&replicated(base_offset), NOW).unwrap();
        }
        let check = |log: &mut Log<MemDisk>| {
            let offsets: Vec<i64> = values(log).into_iter().map(|(offset, _)| offset).collect();
            assert_eq!(offsets, bases);
            assert_eq!(log.end_offset(), Offset(9 * far + 1));
            for base in bases {
                let slice = log.read(Offset(base), 1, log.end_offset(), true).unwrap().unwrap();
                assert_eq!(slice.base_offset, Offset(base));
            }
        };
        check(&mut log);
        log.close(NOW).unwrap();
        assert_eq!(log.segment_count(), 3);
        drop(log);
        check(&mut folder.open(config, opening));
    }
}
