//! A log directory: found again as it was left, however it was left, by one owner at a time.
#![allow(clippy::unwrap_used, reason = "a test may fail")]

mod common;

use std::path::{Path, PathBuf};

use common::*;
use log::{
    Access, Collected, Disk, DiskFile, FileCache, FolderState, LogConfig, LogDir, MemDisk,
    MetaProperties, OffsetsByPartition, Outage, RealDisk, Survival,
};
use types::{NodeId, Offset, Partition, TimestampMs, Uuid};

const ID: Uuid = Uuid([3; 16]);
const NOW: TimestampMs = TimestampMs(0);
const P0: Partition = Partition(0);

fn open(disk: &MemDisk) -> LogDir<MemDisk> {
    LogDir::open(disk.clone(), FileCache::new(4), PathBuf::from("/")).unwrap()
}

fn offsets(offset: i64) -> OffsetsByPartition {
    OffsetsByPartition::from([(("t".to_owned(), P0), Offset(offset))])
}

#[test]
fn a_directory_in_order_is_not_read_again_and_the_mark_counts_once() {
    let disk = MemDisk::new();
    let log_dir = open(&disk);
    assert!(!log_dir.was_clean(), "an empty directory has no mark");
    let mut log = log_dir.create_log("t", P0, ID, LogConfig::default(), NOW).unwrap();
    append(&mut log, &batch(5, b"value")).unwrap();
    log.close(NOW).unwrap();
    log_dir.store_recovery_points(&offsets(5)).unwrap();
    log_dir.store_high_watermarks(&offsets(5)).unwrap();
    log_dir.mark_clean(None).unwrap();
    // the machine stops before anything is written after the next start
    let after = disk.survive(Survival::SyncedOnly);
    let log_dir = open(&after);
    assert!(log_dir.was_clean());
    assert_eq!(log_dir.high_watermarks(), offsets(5));
    let log = log_dir.open_log("t", P0, LogConfig::default(), NOW).unwrap();
    assert_eq!((log.end_offset(), log.recovery_point()), (Offset(5), Offset(5)));
    assert_eq!(log.recovery().scanned_bytes, 0);
    let again = log_dir.open_log("t", P0, LogConfig::default(), NOW).unwrap();
    assert!(again.recovery().scanned_bytes > 0, "whoever had it may not have closed it");
    assert!(!open(&after.survive(Survival::SyncedOnly)).was_clean());
}

#[test]
fn a_directory_with_an_unread_log_is_not_in_order() {
    let disk = MemDisk::new();
    let log_dir = open(&disk);
    let mut log = log_dir.create_log("t", P0, ID, LogConfig::default(), NOW).unwrap();
    append(&mut log, &batch(5, b"value")).unwrap();
    log_dir.create_log("t", Partition(1), ID, LogConfig::default(), NOW).unwrap();
    let disk = disk.survive(Survival::Everything);
    let reopen = |partitions: &[i32]| {
        let log_dir = open(&disk);
        for partition in partitions {
            let partition = Partition(*partition);
            let mut log = log_dir.open_log("t", partition, LogConfig::default(), NOW).unwrap();
            log.close(NOW).unwrap();
        }
        let was_clean = log_dir.was_clean();
        log_dir.mark_clean(None).unwrap();
        was_clean
    };
    assert!(!reopen(&[1]));
    assert!(!reopen(&[0, 1]), "partition 0 was not read before");
    assert!(reopen(&[]));
    assert!(reopen(&[]), "what was in order and is not touched stays in order");
}

#[test]
fn a_recreated_partition_knows_nothing_of_its_predecessor() {
    let disk = MemDisk::new();
    let log_dir = open(&disk);
    let mut log = log_dir.create_log("t", P0, ID, LogConfig::default(), NOW).unwrap();
    append(&mut log, &batch(5, b"value")).unwrap();
    log_dir.store_start_offsets(&offsets(4)).unwrap();
    log_dir.store_recovery_points(&offsets(5)).unwrap();
    drop(log);
    let retired = log_dir.retire_log("t", P0, Uuid([9; 16])).unwrap();
    assert_eq!(log_dir.folders().unwrap()[0].name.state, FolderState::Deleted);
    let mut log = log_dir.create_log("t", P0, Uuid([4; 16]), LogConfig::default(), NOW).unwrap();
    append(&mut log, &batch(2, b"other")).unwrap();
    log_dir.remove_folder(&retired).unwrap();
    let log_dir = open(&disk.survive(Survival::Everything));
    let mut log = log_dir.open_log("t", P0, LogConfig::default(), NOW).unwrap();
    assert_eq!((log.start_offset(), log.end_offset()), (Offset(0), Offset(2)));
    assert_eq!(values(&mut log).len(), 2);
    assert_eq!(log_dir.topic_id("t", P0).unwrap(), Some(Uuid([4; 16])));
    assert_eq!(log_dir.folders().unwrap().len(), 1);
}

fn collected(offset: i64) -> Collected {
    Collected {
        recovery_points: offsets(offset),
        start_offsets: offsets(offset),
        high_watermarks: offsets(offset),
    }
}

#[test]
fn what_was_collected_of_a_log_is_not_said_of_its_successor() {
    let disk = MemDisk::new();
    let log_dir = open(&disk);
    drop(log_dir.create_log("t", P0, ID, LogConfig::default(), NOW).unwrap());
    log_dir.begin_to_collect();
    log_dir.retire_log("t", P0, Uuid([9; 16])).unwrap();
    let mut log = log_dir.create_log("t", P0, Uuid([4; 16]), LogConfig::default(), NOW).unwrap();
    append(&mut log, &batch(2, b"other")).unwrap();
    log_dir.store_collected(&collected(5)).unwrap();
    let log_dir = open(&disk.survive(Survival::Everything));
    let mut log = log_dir.open_log("t", P0, LogConfig::default(), NOW).unwrap();
    assert_eq!((log.start_offset(), log.end_offset()), (Offset(0), Offset(2)));
    assert_eq!(values(&mut log).len(), 2);
    assert_eq!(log_dir.high_watermarks(), OffsetsByPartition::new());
}

#[test]
fn what_a_log_was_compacted_to_is_not_said_of_its_successor() {
    let disk = MemDisk::new();
    let log_dir = open(&disk);
    log_dir.create_log("t", P0, ID, LogConfig::default(), NOW).unwrap();
    log_dir.begin_to_clean();
    log_dir.store_cleaned_to("t", P0, Offset(3)).unwrap();
    assert_eq!(log_dir.cleaned_to("t", P0), Offset(3));
    log_dir.begin_to_clean();
    log_dir.retire_log("t", P0, Uuid([1; 16])).unwrap();
    log_dir.create_log("t", P0, Uuid([4; 16]), LogConfig::default(), NOW).unwrap();
    log_dir.store_cleaned_to("t", P0, Offset(5)).unwrap();
    assert_eq!(log_dir.cleaned_to("t", P0), Offset(0));
    assert_eq!(open(&disk.survive(Survival::Everything)).cleaned_to("t", P0), Offset(0));
}

#[test]
fn what_was_collected_of_a_log_before_it_was_cut_does_not_count() {
    let disk = MemDisk::new();
    let log_dir = open(&disk);
    let mut log = log_dir.create_log("t", P0, ID, LogConfig::default(), NOW).unwrap();
    for _ in 0..5 {
        append(&mut log, &batch(1, b"value")).unwrap();
    }
    log.flush(NOW).unwrap();
    log.delete_records(Offset(5)).unwrap();
    log_dir.begin_to_collect();
    log_dir.store_collected(&collected(5)).unwrap();
    log_dir.begin_to_collect();
    log.truncate_to(Offset(3), NOW).unwrap();
    log_dir.store_cut("t", P0, log.recovery_point(), log.start_offset()).unwrap();
    for _ in 0..3 {
        append(&mut log, &batch(1, b"other")).unwrap();
    }
    log_dir.store_collected(&collected(5)).unwrap();
    let log_dir = open(&disk.survive(Survival::Everything));
    let log = log_dir.open_log("t", P0, LogConfig::default(), NOW).unwrap();
    assert_eq!((log.start_offset(), log.end_offset()), (Offset(3), Offset(6)));
    assert_eq!(log.recovery_point(), Offset(3));
    log_dir.store_collected(&collected(6)).unwrap();
    assert_eq!(log_dir.high_watermarks(), offsets(6), "the next round counts again");
}

#[test]
fn a_partition_that_was_never_written_has_one_small_file() {
    let disk = MemDisk::new();
    let log_dir = open(&disk);
    let mut log = log_dir.create_log("t", P0, ID, LogConfig::default(), NOW).unwrap();
    log.close(NOW).unwrap();
    let names = |disk: &MemDisk| {
        let entries = disk.list(Path::new("/t-0")).unwrap();
        entries.into_iter().map(|entry| entry.name).collect::<Vec<_>>()
    };
    assert_eq!(names(&disk), ["partition.metadata"]);
    let log = open(&disk.survive(Survival::Everything));
    assert_eq!(log.open_log("t", P0, LogConfig::default(), NOW).unwrap().end_offset(), Offset(0));
}

#[test]
fn a_checkpoint_is_the_old_one_or_the_new_one_after_every_crash() {
    for crash_at in 0..5 {
        let disk = MemDisk::new();
        let log_dir = open(&disk);
        log_dir.store_recovery_points(&offsets(5)).unwrap();
        disk.fail_from(disk.writes() + crash_at, Outage::Crash);
        let stored = log_dir.store_recovery_points(&offsets(7));
        for seed in 0..20 {
            let log_dir = open(&disk.survive(Survival::Some(seed)));
            log_dir.store_high_watermarks(&OffsetsByPartition::new()).unwrap();
        }
        assert!(stored.is_err() || crash_at == 4, "four writes make a checkpoint");
    }
}

#[test]
fn a_garbled_checkpoint_counts_as_none() {
    let disk = MemDisk::new();
    let log_dir = open(&disk);
    let mut log = log_dir.create_log("t", P0, ID, LogConfig::default(), NOW).unwrap();
    append(&mut log, &batch(5, b"value")).unwrap();
    log.flush(NOW).unwrap();
    for store in [LogDir::store_recovery_points, LogDir::store_start_offsets] {
        store(&log_dir, &offsets(5)).unwrap();
    }
    log_dir.store_high_watermarks(&offsets(5)).unwrap();
    for name in ["recovery-point", "log-start", "replication"] {
        let name = format!("/{name}-offset-checkpoint");
        disk.open(Path::new(&name), Access::Write).unwrap().write_at(b"9", &[], 0).unwrap();
    }
    let log_dir = open(&disk.survive(Survival::Everything));
    assert_eq!(log_dir.high_watermarks(), OffsetsByPartition::new());
    let log = log_dir.open_log("t", P0, LogConfig::default(), NOW).unwrap();
    assert_eq!((log.start_offset(), log.end_offset()), (Offset(0), Offset(5)));
    assert!(log.recovery().scanned_bytes > 0, "nothing is known to be on disk");
    log_dir.store_recovery_points(&offsets(5)).unwrap();
}

#[test]
fn a_directory_that_another_process_holds_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let open = || LogDir::open(RealDisk, FileCache::new(4), folder.path().to_owned());
    let held = open().unwrap();
    let error = open().unwrap_err();
    assert_eq!(error.source.kind(), std::io::ErrorKind::WouldBlock);
    assert!(error.to_string().contains(".lock"), "{error}");
    drop(held);
    open().unwrap();
}

#[test]
fn a_directory_knows_its_cluster() {
    let disk = MemDisk::new();
    let log_dir = open(&disk);
    assert_eq!(log_dir.meta_properties().unwrap(), None);
    let meta = MetaProperties {
        cluster_id: "K9xpCUuJQn-pIzqmhDbnQw".to_owned(),
        node_id: NodeId(1),
        directory_id: Some(ID),
    };
    meta.store(&disk, log_dir.path()).unwrap();
    assert_eq!(log_dir.meta_properties().unwrap(), Some(meta));
}
