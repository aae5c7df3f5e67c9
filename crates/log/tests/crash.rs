//! The machine stops at every single write of a workload, in several ways; what was promised is
//! there afterwards.
#![allow(clippy::unwrap_used, reason = "a test may fail")]

mod common;

use common::*;
use log::{Log, LogConfig, LogError, MemDisk, Opening, Origin, Outage, Survival};
use types::{LeaderEpoch, Offset, TimestampMs};

/// What the workload was told before the machine stopped.
#[derive(Default)]
struct Promises {
    /// Value of every record whose append was begun, by offset.
    attempted: Vec<Vec<u8>>,
    /// So many of them were acknowledged.
    acknowledged: usize,
    /// The log's recovery point, as a checkpoint would hold it.
    recovery_point: Offset,
    start: Offset,
}

struct Workload {
    log: Log<MemDisk>,
    promises: Promises,
    step: u8,
}

impl Workload {
    fn append(&mut self, origin: Origin, epoch: i32, make: impl Fn(&[u8]) -> Made) -> Step {
        self.step += 1;
        let value = vec![self.step; 60];
        let Made { batch, records } = make(&value);
        let end = usize::try_from(self.log.end_offset().0).unwrap();
        self.promises.attempted.truncate(end);
        for _ in 0..records {
            self.promises.attempted.push(value.clone());
        }
        let now = TimestampMs(i64::from(self.step));
        let appended = self.log.append(&batch, origin, LeaderEpoch(epoch), now);
        // a log that is flushed at every append knows of the flush even where the append then fails
        self.promises.recovery_point = self.log.recovery_point();
        self.promises.acknowledged = usize::try_from(appended?.last_offset.0 + 1).unwrap();
        Ok(())
    }

    fn flush(&mut self) -> Step {
        self.log.flush(TimestampMs(i64::from(self.step)))?;
        self.promises.recovery_point = self.log.recovery_point();
        Ok(())
    }

    /// Plain, idempotent and transactional batches, markers, changes of epoch, flushes, rolls; for
    /// the retaining kind also what removes segments.
    fn run(&mut self, retains: bool) -> Step {
        for round in 0..6_i32 {
            self.append(Origin::Client, round / 2, |value| data(2, value, NOBODY))?;
            self.append(Origin::Client, round / 2, |v| data(3, v, producer(7, 0, round * 3)))?;
            self.append(Origin::Client, round / 2, |v| data(1, v, transactional(8, 0, round * 2)))?;
            if round % 3 == 1 {
                self.flush()?;
            }
            self.append(Origin::Client, round / 2, |v| {
                data(1, v, transactional(8, 0, round * 2 + 1))
            })?;
            self.append(Origin::Coordinator, round / 2, |_| Made {
                batch: marker(8, 0, round % 2 == 0, 1),
                records: 1,
            })?;
            if retains && round % 2 == 1 {
                self.retain()?;
            }
        }
        self.log.close(TimestampMs(100))?;
        self.promises.recovery_point = self.log.recovery_point();
        self.append(Origin::Client, 9, |value| data(1, value, NOBODY))
    }

    fn retain(&mut self) -> Step {
        self.flush()?;
        let start = self.log.end_offset().0 - 12;
        self.promises.start = self.log.delete_records(Offset(start))?;
        let retired = self.log.apply_retention(self.log.end_offset(), TimestampMs(200))?;
        Ok(retired.remove(&log::MemDisk::new()).map(drop)?)
    }
}

type Step = Result<(), LogError>;

struct Made {
    batch: record::ValidBatch<'static>,
    records: usize,
}

fn data(records: usize, value: &[u8], producer: record::Producer) -> Made {
    Made { batch: batch_at(&vec![i64::from(value[0]); records], value, producer), records }
}

fn config(flush_messages: i64) -> LogConfig {
    LogConfig {
        segment_bytes: 900,
        index_interval_bytes: 150,
        flush_messages,
        retention_ms: -1,
        ..LogConfig::default()
    }
}

fn run(disk: &MemDisk, config: &LogConfig, retains: bool) -> (Promises, Step) {
    let folder = Folder::after_crash(disk.clone());
    let log = folder.open(config.clone(), clean());
    let mut workload = Workload { log, promises: Promises::default(), step: 0 };
    let outcome = workload.run(retains);
    (workload.promises, outcome)
}

fn fresh_disk() -> MemDisk {
    Folder::in_memory().disk
}

fn check_every_crash(config: &LogConfig, retains: bool) {
    let whole = fresh_disk();
    let begun = whole.writes();
    run(&whole, config, retains).1.unwrap();
    let writes = whole.writes();
    assert!(writes - begun > 40, "the workload writes {writes} times");
    for crash_at in begun..writes {
        let disk = fresh_disk();
        disk.fail_from(crash_at, Outage::Crash);
        let (promises, outcome) = run(&disk, config, retains);
        assert!(outcome.is_err(), "crash at write {crash_at}");
        let survivals = [Survival::Everything, Survival::SyncedOnly];
        let random = (0..4).map(|i| Survival::Some(crash_at * 100 + i));
        for survival in survivals.into_iter().chain(random) {
            let context = format!("crash at write {crash_at}, {survival:?} survives");
            check_survivor(&disk.survive(survival), config, &promises, survival, &context);
        }
    }
}

fn check_survivor(
    disk: &MemDisk,
    config: &LogConfig,
    promises: &Promises,
    survival: Survival,
    context: &str,
) {
    let folder = Folder::after_crash(disk.clone());
    let opening = Opening { start_offset: promises.start, ..crashed(promises.recovery_point) };
    let mut log = folder.try_open(config.clone(), opening).expect(context);
    let promised = match survival {
        Survival::Everything => i64::try_from(promises.acknowledged).unwrap(),
        Survival::SyncedOnly | Survival::Some(_) => promises.recovery_point.0,
    };
    assert!(log.end_offset().0 >= promised, "{context}: {} < {promised}", log.end_offset());
    assert_eq!(log.start_offset(), promises.start, "{context}");
    check_values(&mut log, promises, context);
    check_every_offset(&mut log, context);
    if promises.start == Offset(0) {
        check_against_replica(&mut log, context);
    }
    check_retries(&mut log, context);
    check_goes_on(log, &folder, config, context);
}

/// Each batch of the idempotent producer that is there is recognised.
fn check_retries(log: &mut Log<MemDisk>, context: &str) {
    let bytes = read_all(log, log.start_offset(), 1 << 20);
    for there in record::batches(&bytes) {
        let header = *there.unwrap().header();
        if header.producer_id.0 == 7 {
            let again = producer(7, 0, header.base_sequence.0);
            let appended = append(log, &batch_at(&[1; 3], b"again", again)).expect(context);
            let found = (appended.is_duplicate, appended.base_offset);
            assert_eq!(found, (true, header.base_offset), "{context}");
        }
    }
}

fn check_values(log: &mut Log<MemDisk>, promises: &Promises, context: &str) {
    let mut expected = log.start_offset().0;
    for (offset, value) in values(log) {
        if offset < log.start_offset().0 {
            continue;
        }
        assert_eq!(offset, expected, "{context}");
        let attempted = &promises.attempted[usize::try_from(offset).unwrap()];
        assert!(value == *attempted || value.len() == 6, "{context}: value of {offset}");
        expected += 1;
    }
    assert_eq!(Offset(expected), log.end_offset(), "{context}");
}

/// The indexes lead to the batch of each offset.
fn check_every_offset(log: &mut Log<MemDisk>, context: &str) {
    for from in log.start_offset().0..log.end_offset().0 {
        let slice = log.read(Offset(from), 1, log.end_offset(), true).unwrap();
        let bytes = slice.expect(context).to_vec().unwrap();
        let batch = record::batches(&bytes).next().unwrap().unwrap();
        let range = batch.header().base_offset.0..=batch.header().last_offset().0;
        assert!(range.contains(&from), "{context}: {from} in {range:?}");
    }
}

/// A log that takes in the same bytes one by one knows the same.
fn check_against_replica(log: &mut Log<MemDisk>, context: &str) {
    let mut replica = Folder::in_memory().open(log.config().clone(), clean());
    replica.append_replicated(&read_all(log, Offset(0), 1 << 20), TimestampMs(0)).unwrap();
    let end = log.end_offset();
    replica.set_high_watermark(end);
    log.set_high_watermark(end);
    assert_eq!(log.producers(), replica.producers(), "{context}");
    assert_eq!(log.first_unstable_offset(), replica.first_unstable_offset(), "{context}");
    let aborted = |log: &mut Log<MemDisk>| log.aborted_transactions(Offset(0), end).unwrap();
    assert_eq!(aborted(log), aborted(&mut replica), "{context}");
    assert_eq!(log.epochs(), replica.epochs(), "{context}");
    let youngest = |log: &mut Log<MemDisk>| log.max_timestamp().unwrap();
    assert_eq!(youngest(log), youngest(&mut replica), "{context}");
}

fn check_goes_on(
    mut log: Log<MemDisk>,
    folder: &Folder<MemDisk>,
    config: &LogConfig,
    context: &str,
) {
    append(&mut log, &batch(2, b"after")).expect(context);
    log.close(TimestampMs(300)).expect(context);
    let (before, producers) = (values(&mut log), log.producers());
    let start_offset = log.start_offset();
    drop(log);
    let mut log = folder.open(config.clone(), Opening { start_offset, ..clean() });
    assert_eq!(values(&mut log), before, "{context}");
    assert_eq!(log.producers(), producers, "{context}");
}

#[test]
fn what_was_acknowledged_or_synced_survives_a_crash_at_any_write() {
    check_every_crash(&config(i64::MAX), false);
}

#[test]
fn a_log_that_flushes_every_append_loses_nothing_at_all() {
    check_every_crash(&config(1), false);
}

#[test]
fn room_that_was_set_aside_for_a_segment_is_no_part_of_it() {
    check_every_crash(&LogConfig { preallocate: true, ..config(i64::MAX) }, false);
    check_every_crash(&LogConfig { preallocate: true, ..config(1) }, true);
}

#[test]
fn a_crash_while_segments_are_removed_loses_only_those() {
    check_every_crash(&config(i64::MAX), true);
}
