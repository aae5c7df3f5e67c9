//! A log that moves to another directory: the copy agrees with whatever happens to the log, and a
//! crash at any write leaves one of the two that has everything.
#![allow(clippy::unwrap_used, reason = "a test may fail")]

mod common;

use std::path::{Path, PathBuf};

use common::*;
use log::{
    Disk, FileCache, FolderState, Log, LogDir, LogError, MemDisk, OffsetsByPartition, Origin,
    Outage, Relocated, Survival,
};
use record::ValidBatch;
use types::{LeaderEpoch, Offset, Partition, TimestampMs, Uuid};

const ID: Uuid = Uuid([3; 16]);
const UNIQUE: Uuid = Uuid([5; 16]);
const NOW: TimestampMs = TimestampMs(0);
const P0: Partition = Partition(0);
const PIECE_BYTES: u32 = 400;

type Step<T = ()> = Result<T, LogError>;

fn open(disk: &MemDisk, path: &str) -> LogDir<MemDisk> {
    LogDir::open(disk.clone(), FileCache::new(4), PathBuf::from(path)).unwrap()
}

fn two_directories() -> MemDisk {
    let disk = MemDisk::new();
    disk.create_folder(Path::new("/a")).unwrap();
    disk.create_folder(Path::new("/b")).unwrap();
    disk.sync_dir(Path::new("/")).unwrap();
    disk
}

/// A log in `/a` and its copy on the way to `/b`.
struct Move {
    from: LogDir<MemDisk>,
    to: LogDir<MemDisk>,
    current: Log<MemDisk>,
    copy: Log<MemDisk>,
}

impl Move {
    fn begin(disk: &MemDisk) -> Step<Self> {
        let config = small_segments();
        let open = |path| LogDir::open(disk.clone(), FileCache::new(4), PathBuf::from(path));
        let (from, to) = (open("/a")?, open("/b")?);
        let current = from.create_log("t", P0, ID, config.clone(), NOW)?;
        let copy = to.create_future("t", P0, ID, UNIQUE, config, NOW)?.unwrap();
        Ok(Self { from, to, current, copy })
    }

    fn lead(&mut self, batch: &ValidBatch<'_>, epoch: i32) -> Step {
        self.current.append(batch, Origin::Client, LeaderEpoch(epoch), NOW).map(drop)
    }

    /// Copies at most `pieces`; tells whether the copy has everything.
    fn copy(&mut self, pieces: usize) -> Step<bool> {
        for _ in 0..pieces {
            let Some(piece) = self.copy.next_piece(&mut self.current, PIECE_BYTES, NOW)? else {
                return Ok(true);
            };
            assert!(self.current.still_has(&piece));
            self.copy.take_piece(&piece.read()?, NOW)?;
        }
        Ok(false)
    }

    fn swap(mut self) -> Step<Log<MemDisk>> {
        let high_watermark = self.current.end_offset();
        let known = Relocated { high_watermark, cleaned_to: Offset(2) };
        self.to.promote(&mut self.copy, &self.current, "t", P0, known, NOW)?;
        self.from.retire_log("t", P0, UNIQUE)?;
        Ok(self.copy)
    }

    fn check_same(mut self) -> Log<MemDisk> {
        assert!(self.copy(usize::MAX).unwrap());
        let (values_before, epochs) = (values(&mut self.current), self.current.epochs().to_vec());
        let (start, producers) = (self.current.start_offset(), self.current.producers());
        let mut moved = self.swap().unwrap();
        assert_eq!(values(&mut moved), values_before);
        assert_eq!((moved.start_offset(), moved.epochs()), (start, &epochs[..]));
        assert_eq!(moved.producers(), producers);
        moved
    }
}

#[test]
fn a_copy_has_records_producers_and_epochs_and_is_written_on() {
    let disk = two_directories();
    let mut moving = Move::begin(&disk).unwrap();
    for round in 0..20 {
        moving.lead(&batch(2, b"plain"), round / 7).unwrap();
        moving.lead(&batch_at(&[1], b"own", producer(7, 0, round)), round / 7).unwrap();
        moving.copy(1).unwrap();
    }
    let mut moved = moving.check_same();
    append(&mut moved, &batch(1, b"after")).unwrap();
    moved.close(NOW).unwrap();
    let (before, end) = (values(&mut moved), moved.end_offset());
    let to = open(&disk.survive(Survival::SyncedOnly), "/b");
    let mut again = to.open_log("t", P0, small_segments(), NOW).unwrap();
    assert_eq!((values(&mut again), again.end_offset()), (before, end));
    assert_eq!(to.cleaned_to("t", P0), Offset(2));
    assert_eq!(to.high_watermarks().values().next(), Some(&Offset(60)));
}

#[test]
fn a_copy_follows_deleted_records_retention_and_a_start_within_a_batch() {
    for (before, start) in [(0, 7), (3, 7), (3, 30), (usize::MAX, 25), (usize::MAX, 30)] {
        let mut moving = Move::begin(&two_directories()).unwrap();
        for _ in 0..10 {
            moving.lead(&batch(3, b"a record that fills segments"), 0).unwrap();
        }
        moving.copy(before).unwrap();
        moving.current.delete_records(Offset(start)).unwrap();
        moving.current.apply_retention(Offset(30), NOW).unwrap();
        moving.check_same();
    }
}

#[test]
fn a_copy_is_cut_where_the_log_is_cut() {
    for (cut, epoch) in [(12, 1), (12, 2), (0, 2), (29, 1), (21, 2)] {
        let mut moving = Move::begin(&two_directories()).unwrap();
        for round in 0..10 {
            moving.lead(&batch(3, b"of the old leader"), round / 5).unwrap();
        }
        assert!(moving.copy(usize::MAX).unwrap());
        moving.current.truncate_to(Offset(cut), NOW).unwrap();
        if epoch == 2 {
            moving.lead(&batch(30, b"of the new leader"), epoch).unwrap();
        }
        moving.check_same();
    }
}

#[test]
fn what_was_cut_while_it_was_read_is_told() {
    let mut moving = Move::begin(&two_directories()).unwrap();
    moving.lead(&batch(3, b"value"), 0).unwrap();
    let piece = moving.copy.next_piece(&mut moving.current, PIECE_BYTES, NOW).unwrap().unwrap();
    moving.current.truncate_to(Offset(0), NOW).unwrap();
    assert!(!moving.current.still_has(&piece));
}

#[test]
fn a_sync_of_the_log_that_was_left_proves_nothing_of_the_other() {
    let mut moving = Move::begin(&two_directories()).unwrap();
    for _ in 0..3 {
        moving.lead(&batch(1, b"value"), 0).unwrap();
    }
    let flushed = moving.current.begin_flush(NOW).unwrap().run().unwrap();
    moving.current.truncate_to(Offset(1), NOW).unwrap();
    assert!(moving.copy(usize::MAX).unwrap());
    let mut moved = moving.swap().unwrap();
    append(&mut moved, &batch(2, b"not synced")).unwrap();
    moved.end_flush(flushed);
    assert_eq!((moved.recovery_point(), moved.end_offset()), (Offset(1), Offset(3)));
}

#[test]
fn a_sync_of_the_log_that_was_left_cannot_fail_the_other() {
    let mut moving = Move::begin(&two_directories()).unwrap();
    moving.lead(&batch(3, b"value"), 0).unwrap();
    let job = moving.current.begin_flush(NOW).unwrap();
    assert!(moving.copy(usize::MAX).unwrap());
    let mut moved = moving.swap().unwrap();
    let failed = job.run().expect_err("the folder has another name");
    assert!(!moved.flush_failed(&failed));
    append(&mut moved, &batch(2, b"value")).unwrap();
    moved.flush(NOW).unwrap();
    assert_eq!(moved.recovery_point(), Offset(5));
}

#[test]
fn a_copy_that_was_begun_is_taken_up_again() {
    let disk = two_directories();
    let mut moving = Move::begin(&disk).unwrap();
    for _ in 0..10 {
        moving.lead(&batch(3, b"value"), 0).unwrap();
    }
    moving.copy(3).unwrap();
    let copied = moving.copy.end_offset();
    assert!(copied > Offset(0) && copied < Offset(30));
    let disk = disk.survive(Survival::Everything);
    let (from, to) = (open(&disk, "/a"), open(&disk, "/b"));
    let folders = to.folders().unwrap();
    assert_eq!(folders[0].name.state, FolderState::Future);
    let current = from.open_log("t", P0, small_segments(), NOW).unwrap();
    let found = |id| to.open_future(folders[0].path.clone(), id, small_segments(), NOW).unwrap();
    assert!(found(UNIQUE).is_none(), "it is another topic's");
    let copy = found(ID).unwrap();
    assert_eq!(copy.end_offset(), copied);
    Move { from, to, current, copy }.check_same();
}

/// What must be there whatever happens.
#[derive(Default)]
struct Promises {
    values: Vec<Vec<u8>>,
    acknowledged: usize,
    synced: usize,
    start: i64,
}

/// Appends, copies, moves and appends again, until the machine stops.
fn work(disk: &MemDisk, promises: &mut Promises) -> Step {
    fn write(log: &mut Log<MemDisk>, promises: &mut Promises, syncs: bool) -> Step {
        let value = vec![u8::try_from(promises.values.len()).unwrap(); 50];
        promises.values.push(value.clone());
        append(log, &batch(1, &value))?;
        promises.acknowledged = promises.values.len();
        if syncs {
            log.flush(NOW)?;
            promises.synced = promises.acknowledged;
        }
        Ok(())
    }
    let mut moving = Move::begin(disk)?;
    for round in 0..12 {
        write(&mut moving.current, promises, round % 5 == 4)?;
        moving.copy(1)?;
    }
    moving.current.delete_records(Offset(3))?;
    let start = OffsetsByPartition::from([(("t".to_owned(), P0), Offset(3))]);
    moving.from.store_start_offsets(&start)?;
    promises.start = 3;
    while !moving.copy(1)? {}
    let mut moved = moving.swap()?;
    for round in 0..4 {
        write(&mut moved, promises, round % 2 == 1)?;
    }
    Ok(())
}

fn check_after(disk: &MemDisk, promises: &Promises, kept: usize, context: &str) {
    let mut live = Vec::new();
    for path in ["/a", "/b"] {
        let directory = open(disk, path);
        let folders = directory.folders().unwrap();
        if folders.iter().any(|folder| folder.name.state == FolderState::Live) {
            live.push(directory.open_log("t", P0, small_segments(), NOW).expect(context));
        }
    }
    assert!(kept == 0 || !live.is_empty(), "{context}: no folder is the partition's");
    for mut log in live {
        let found = values(&mut log);
        assert!(log.end_offset().0 >= i64::try_from(kept).unwrap(), "{context}");
        assert!(log.start_offset().0 >= promises.start, "{context}");
        for (offset, value) in found {
            let expected = &promises.values[usize::try_from(offset).unwrap()];
            assert_eq!(&value, expected, "{context}: {offset}");
        }
    }
}

#[test]
fn a_crash_at_any_write_of_a_move_loses_nothing() {
    let whole = two_directories();
    work(&whole, &mut Promises::default()).unwrap();
    let writes = whole.writes();
    assert!(writes > 50, "{writes}");
    for write in 3..writes {
        let disk = two_directories();
        disk.fail_from(write, Outage::Crash);
        let mut promises = Promises::default();
        assert!(work(&disk, &mut promises).is_err());
        let context = |how| format!("{how} at write {write} of {writes}");
        let process = disk.survive(Survival::Everything);
        check_after(&process, &promises, promises.acknowledged, &context("process"));
        let power = disk.survive(Survival::SyncedOnly);
        check_after(&power, &promises, promises.synced, &context("power"));
        for seed in 0..3 {
            let torn = disk.survive(Survival::Some(seed));
            check_after(&torn, &promises, promises.synced, &context("torn"));
        }
    }
}

#[test]
fn a_directory_that_fails_during_a_move_leaves_the_log_as_it_was() {
    let mut moving = Move::begin(&two_directories()).unwrap();
    for _ in 0..10 {
        moving.lead(&batch(3, b"value"), 0).unwrap();
    }
    assert!(moving.copy(usize::MAX).unwrap());
    let disk = moving.to.disk().clone();
    disk.fail_from(disk.writes(), Outage::Unsyncable);
    let known = Relocated { high_watermark: Offset(30), cleaned_to: Offset(0) };
    let Move { to, current, copy, .. } = &mut moving;
    assert!(to.promote(copy, current, "t", P0, known, NOW).is_err());
    disk.heal();
    assert_eq!(values(current).len(), 30);
    append(current, &batch(1, b"goes on")).unwrap();
}
