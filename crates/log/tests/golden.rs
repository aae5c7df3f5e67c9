//! The partition that Apache Kafka 4.3.1 wrote lies in `golden/golden-0`: the same batches make the
//! same files here.
//!
//! Idempotent batches whose timestamps go up and down, committed and aborted transactions;
//! `internal.segment.bytes` is 3000 and `index.interval.bytes` 300; rolled by size and by time;
//! left by a shutdown in order.
#![allow(clippy::unwrap_used, reason = "a test may fail")]

mod common;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use common::*;
use log::{FileCache, Log, LogConfig, MemDisk, Opening, RealDisk, Survival};
use types::{Offset, TimestampMs};

fn golden() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/golden-0")
}

fn config() -> LogConfig {
    LogConfig {
        segment_bytes: 3_000,
        index_interval_bytes: 300,
        producer_id_expiration_ms: i64::MAX,
        ..LogConfig::default()
    }
}

type Files = BTreeMap<String, Vec<u8>>;

fn files(folder: &Path) -> Files {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap());
    let contents = entries
        .map(|entry| (entry.file_name().into_string().unwrap(), fs::read(entry.path()).unwrap()));
    contents.collect()
}

/// The golden folder, copied to where a log may write.
fn copy() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, bytes) in files(&golden()) {
        fs::write(folder.path().join(name), bytes).unwrap();
    }
    folder
}

fn open(folder: &Path, opening: Opening) -> Log<RealDisk> {
    Log::open(RealDisk, FileCache::new(4), folder.to_owned(), config(), opening).unwrap()
}

fn check_same(ours: &Files, theirs: &Files) {
    let names = |files: &Files| files.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(ours), names(theirs));
    for (name, bytes) in theirs {
        assert_eq!(&ours[name], bytes, "{name}");
    }
}

#[test]
fn the_same_batches_make_the_same_files() {
    let theirs = copy();
    let mut log = open(theirs.path(), clean());
    let bytes = read_all(&mut log, Offset(0), 1 << 20);
    let ours = tempfile::tempdir().unwrap();
    let mut log = open(ours.path(), clean());
    log.append_replicated(&bytes, TimestampMs(0)).unwrap();
    log.close(TimestampMs(0)).unwrap();
    let mut theirs = files(&golden());
    theirs.remove("partition.metadata");
    check_same(&files(ours.path()), &theirs);
}

#[test]
fn what_is_left_in_order_is_left_as_it_is() {
    let folder = copy();
    let mut log = open(folder.path(), clean());
    assert_eq!(log.end_offset(), Offset(64));
    assert_eq!(log.recovery().scanned_bytes, 0);
    assert_eq!(log.producers().len(), 2);
    assert_eq!(log.aborted_transactions(Offset(0), Offset(64)).unwrap().len(), 4);
    log.close(TimestampMs(0)).unwrap();
    check_same(&files(folder.path()), &files(&golden()));
}

#[test]
fn recovery_builds_the_same_files() {
    let folder = copy();
    for name in files(folder.path()).into_keys() {
        if name.ends_with("index") || name.ends_with("checkpoint") {
            fs::remove_file(folder.path().join(name)).unwrap();
        }
    }
    let mut log = open(folder.path(), crashed(Offset(0)));
    log.close(TimestampMs(0)).unwrap();
    check_same(&files(folder.path()), &files(&golden()));
}

#[test]
fn a_log_in_memory_holds_the_same_records() {
    let folder = copy();
    let mut log = open(folder.path(), clean());
    let bytes = read_all(&mut log, Offset(0), 1 << 20);
    let memory = Folder::<MemDisk>::in_memory();
    let mut replica = memory.open(config(), clean());
    replica.append_replicated(&bytes, TimestampMs(0)).unwrap();
    replica.flush(TimestampMs(0)).unwrap();
    let memory = Folder::after_crash(memory.disk.survive(Survival::SyncedOnly));
    let mut replica = memory.open(config(), crashed(replica.recovery_point()));
    assert_eq!(values(&mut replica), values(&mut log));
}
