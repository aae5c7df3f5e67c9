//! Whatever happens to a log, a batch that it holds is recognised when its producer sends it again,
//! and one that it has lost is taken where it was.
#![allow(clippy::unwrap_used, reason = "a test may fail")]

mod common;

use common::*;
use log::{Log, LogConfig, MemDisk, Origin, Survival};
use record::batches;
use types::{ErrorCode, LeaderEpoch, Offset, TimestampMs};

const NOW: TimestampMs = TimestampMs(0);
const RECORDS: usize = 3;

/// A producer's batch as its client would send it again.
#[derive(Clone, Copy, Debug)]
struct Sent {
    id: i64,
    epoch: i16,
    sequence: i32,
    offset: i64,
}

fn config() -> LogConfig {
    LogConfig { retention_ms: -1, ..small_segments() }
}

fn send(log: &mut Log<MemDisk>, id: i64, epoch: i16, sequence: i32) -> Result<Sent, ErrorCode> {
    let batch = batch_at(&[1_000; RECORDS], &[7; 40], producer(id, epoch, sequence));
    let appended = append(log, &batch).map_err(|error| error.code())?;
    assert!(!appended.is_duplicate, "{id} {epoch} {sequence}");
    Ok(Sent { id, epoch, sequence, offset: appended.base_offset.0 })
}

/// Two producers, of which one changes its epoch, and batches of nobody in between.
fn fill(log: &mut Log<MemDisk>) -> Vec<Sent> {
    let mut sent = Vec::new();
    for i in 0..20 {
        let sequence = i * 3;
        sent.push(send(log, 5, 0, sequence).unwrap());
        let epoch = i16::from(i >= 10);
        sent.push(send(log, 6, epoch, sequence - i32::from(epoch) * 30).unwrap());
        append(log, &batch(2, b"of nobody")).unwrap();
    }
    assert!(log.segment_count() > 5);
    sent
}

fn resend(log: &mut Log<MemDisk>, sent: &Sent) -> Result<i64, ErrorCode> {
    let producer = producer(sent.id, sent.epoch, sent.sequence);
    let batch = batch_at(&[1_000; RECORDS], &[7; 40], producer);
    let appended = append(log, &batch).map_err(|error| error.code())?;
    assert!(appended.is_duplicate, "{sent:?} is appended at {}", appended.base_offset);
    assert_eq!(appended.last_offset.0, appended.base_offset.0 + 2);
    assert_eq!(appended.max_timestamp, TimestampMs(1_000));
    Ok(appended.base_offset.0)
}

/// Every batch of an epoch that is not over is recognised, in whatever order they come.
fn check_known(log: &mut Log<MemDisk>, sent: &[Sent]) {
    let end = log.end_offset();
    for sent in sent.iter().rev().chain(sent) {
        let expected = match (sent.id, sent.epoch) {
            (6, 0) => Err(ErrorCode::InvalidProducerEpoch),
            _ => Ok(sent.offset),
        };
        assert_eq!(resend(log, sent), expected, "{sent:?}");
    }
    assert_eq!(log.end_offset(), end);
}

/// And the log goes on where it was.
fn check_goes_on(log: &mut Log<MemDisk>) {
    for (id, epoch, sequence) in [(5, 0, 60), (6, 1, 30)] {
        let gap = send(log, id, epoch, sequence + 3).map(drop);
        assert_eq!(gap, Err(ErrorCode::OutOfOrderSequenceNumber), "{id}");
        send(log, id, epoch, sequence).unwrap();
    }
}

fn filled() -> (Folder<MemDisk>, Log<MemDisk>, Vec<Sent>) {
    let folder = Folder::in_memory();
    let mut log = folder.open(config(), clean());
    let sent = fill(&mut log);
    (folder, log, sent)
}

#[test]
fn in_a_log_that_is_open() {
    let (_folder, mut log, sent) = filled();
    check_known(&mut log, &sent);
    log.release_memory();
    check_known(&mut log, &sent);
    check_goes_on(&mut log);
}

#[test]
fn in_a_log_that_was_closed_and_opened() {
    let (folder, mut log, sent) = filled();
    log.close(NOW).unwrap();
    drop(log);
    let mut log = folder.open(config(), clean());
    check_known(&mut log, &sent);
    check_goes_on(&mut log);
}

#[test]
fn in_a_log_that_outlived_its_process() {
    for is_flushed in [false, true] {
        let (folder, mut log, sent) = filled();
        if is_flushed {
            log.flush(NOW).unwrap();
        }
        let recovery_point = log.recovery_point();
        drop(log);
        let disk = folder.disk.survive(Survival::Everything);
        let mut log = Folder::after_crash(disk).open(config(), crashed(recovery_point));
        check_known(&mut log, &sent);
        check_goes_on(&mut log);
    }
}

#[test]
fn in_a_log_that_was_cut() {
    let (_, log, sent) = filled();
    let end = log.end_offset().0;
    for cut in (1..=end).rev().step_by(7) {
        for reopens in [false, true] {
            let (folder, mut log, _) = filled();
            log.truncate_to(Offset(cut), NOW).unwrap();
            if reopens {
                log.close(NOW).unwrap();
                drop(log);
                log = folder.open(config(), clean());
            }
            check_cut(&mut log, &sent);
        }
    }
}

fn check_cut(log: &mut Log<MemDisk>, sent: &[Sent]) {
    let end = log.end_offset().0;
    let (kept, lost): (Vec<_>, Vec<_>) = sent.iter().copied().partition(|sent| sent.offset < end);
    let is_fenced = kept.iter().any(|sent| sent.epoch == 1);
    let known: Vec<_> =
        kept.into_iter().filter(|sent| is_fenced || (sent.id, sent.epoch) != (6, 0)).collect();
    check_known(log, &known);
    let mut next = end;
    for Sent { id, epoch, sequence, .. } in lost {
        assert_eq!(send(log, id, epoch, sequence).unwrap().offset, next, "after a cut at {end}");
        next += 3;
    }
    check_goes_on(log);
}

#[test]
fn in_a_log_that_has_lost_its_first_segments() {
    for reopens in [false, true] {
        let (folder, mut log, sent) = filled();
        log.delete_records(Offset(70)).unwrap();
        let retired = log.apply_retention(log.end_offset(), NOW).unwrap();
        assert!(!retired.paths.is_empty());
        retired.remove(&folder.disk).unwrap();
        let first =
            read_all(&mut log, Offset(70), 1).first_chunk().map(|at| i64::from_be_bytes(*at));
        if reopens {
            let start_offset = log.start_offset();
            log.close(NOW).unwrap();
            drop(log);
            log = folder.open(config(), log::Opening { start_offset, ..clean() });
        }
        let is_there = |sent: &&Sent| sent.offset >= first.unwrap();
        let there: Vec<_> = sent.iter().filter(is_there).copied().collect();
        check_known(&mut log, &there);
        let gone = sent.iter().find(|sent| sent.id == 5).unwrap();
        assert_eq!(resend(&mut log, gone), Err(ErrorCode::OutOfOrderSequenceNumber));
        check_goes_on(&mut log);
    }
}

#[test]
fn on_a_follower_that_takes_the_lead() {
    let (_folder, mut leader, sent) = filled();
    let folder = Folder::in_memory();
    let mut follower = folder.open(config(), clean());
    for cut in [20, 33, 61] {
        let bytes = read_all(&mut leader, follower.end_offset(), 1 << 20);
        let some = batches(&bytes).take(15).map(|batch| batch.unwrap().bytes().len()).sum();
        follower.append_replicated(&bytes[..some], NOW).unwrap();
        follower.truncate_to(Offset(cut), NOW).unwrap();
    }
    let rest = read_all(&mut leader, follower.end_offset(), 1 << 20);
    follower.append_replicated(&rest, NOW).unwrap();
    follower.begin_epoch(LeaderEpoch(1));
    check_known(&mut follower, &sent);
    check_goes_on(&mut follower);
}

#[test]
fn one_that_is_too_far_back_is_refused() {
    let large = batch_at(&[1_000], &vec![7; 1 << 20], NOBODY);
    for (mebibytes, expected) in [(12, Ok(0)), (20, Err(ErrorCode::OutOfOrderSequenceNumber))] {
        let config = LogConfig { segment_bytes: 8 << 20, ..config() };
        let folder = Folder::in_memory();
        let mut log = folder.open(config, clean());
        let first = send(&mut log, 5, 0, 0).unwrap();
        for _ in 0..mebibytes {
            append(&mut log, &large).unwrap();
        }
        for i in 1..5 {
            send(&mut log, 5, 0, i * 3).unwrap();
        }
        assert_eq!(resend(&mut log, &first), Ok(0), "it is remembered");
        send(&mut log, 5, 0, 15).unwrap();
        assert_eq!(resend(&mut log, &first), expected, "{mebibytes} MiB back");
    }
}

#[test]
fn a_coordinator_judges_for_itself() {
    let (_folder, mut log, sent) = filled();
    let again = batch_at(&[1_000; RECORDS], &[7; 40], producer(5, 0, sent[0].sequence));
    let appended = log.append(&again, Origin::Coordinator, EPOCH, NOW).unwrap();
    assert!(!appended.is_duplicate);
}
