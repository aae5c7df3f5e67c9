//! Full disks, unreadable disks, and files that were cut or garbled while nobody looked.
#![allow(clippy::unwrap_used, reason = "a test may fail")]

mod common;

use std::path::PathBuf;

use common::*;
use log::{Access, Disk, DiskFile, Log, LogConfig, LogError, MemDisk, Outage, Survival};
use types::{ErrorCode, Offset, TimestampMs};

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
    let error = job.run().unwrap_err();
    log.flush_failed(&error);
    assert_eq!(log.recovery_point(), Offset(0));
    let error = append(&mut log, &batch(1, b"value")).unwrap_err();
    assert!(matches!(error, LogError::Failed { .. }), "{error}");
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
    create("00000000000000000000.index.cleaned");
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
