//! Idempotence and transactions: duplicates, gaps, epochs, expiry, the stable offset, aborted
//! transactions.
#![allow(clippy::unwrap_used, reason = "a test may fail")]

mod common;

use common::*;
use log::{Log, LogConfig, LogError, MemDisk, Origin};
use types::{ErrorCode, Offset, Sequence, TimestampMs};

fn open() -> (Folder<MemDisk>, Log<MemDisk>) {
    let folder = Folder::in_memory();
    let log = folder.open(small_segments(), clean());
    (folder, log)
}

fn send(
    log: &mut Log<MemDisk>,
    epoch: i16,
    sequence: i32,
    records: usize,
) -> Result<i64, ErrorCode> {
    let batch = batch_at(&vec![1_000; records], b"value", producer(7, epoch, sequence));
    let appended = append(log, &batch).map_err(|error| error.code())?;
    Ok(if appended.is_duplicate { -1 - appended.base_offset.0 } else { appended.base_offset.0 })
}

#[test]
fn a_batch_that_is_sent_again_is_recognised_however_many_came_behind_it() {
    let (_, mut log) = open();
    for i in 0..40 {
        assert_eq!(send(&mut log, 0, i * 2, 2), Ok(i64::from(i) * 2));
    }
    assert!(log.segment_count() > 1);
    for i in (0..40).rev() {
        assert_eq!(send(&mut log, 0, i * 2, 2), Ok(-1 - i64::from(i) * 2), "batch {i}");
    }
    // the same beginning with another length is no retry, nor is a part of one
    for (sequence, records) in [(78, 1), (12, 1), (12, 4), (13, 1), (13, 2), (79, 2)] {
        let sent = send(&mut log, 0, sequence, records);
        assert_eq!(sent, Err(ErrorCode::OutOfOrderSequenceNumber), "{records} at {sequence}");
    }
    assert_eq!(log.end_offset(), Offset(80));
}

#[test]
fn sequences_follow_one_another_within_an_epoch() {
    let out_of_order = Err(ErrorCode::OutOfOrderSequenceNumber);
    let (_, mut log) = open();
    append(&mut log, &batch(1, b"plain")).unwrap();
    assert_eq!(send(&mut log, 3, 40, 2), Ok(1), "an unknown producer begins anywhere");
    assert_eq!(send(&mut log, 3, 43, 1), out_of_order, "a gap");
    assert_eq!(send(&mut log, 3, 42, 1), Ok(3));
    assert_eq!(send(&mut log, 2, 0, 1), Err(ErrorCode::InvalidProducerEpoch));
    assert_eq!(send(&mut log, 4, 43, 1), out_of_order, "an epoch begins with 0");
    assert_eq!(send(&mut log, 4, 0, 1), Ok(4));
    assert_eq!(send(&mut log, 3, 43, 1), Err(ErrorCode::InvalidProducerEpoch));
}

#[test]
fn in_a_log_that_never_had_a_record_a_producer_begins_at_the_beginning() {
    let out_of_order = Err(ErrorCode::OutOfOrderSequenceNumber);
    let (folder, mut log) = open();
    assert_eq!(send(&mut log, 0, 2, 2), out_of_order, "it overtook the batch before it");
    assert_eq!(send(&mut log, 0, 0, 2), Ok(0));
    assert_eq!(send(&mut log, 0, 2, 2), Ok(2));
    // one that was emptied may have forgotten producers
    log.delete_records(Offset(4)).unwrap();
    log.expire_producers(TimestampMs(i64::MAX));
    assert_eq!(send(&mut log, 0, 4, 2), Ok(4));
    log.start_over_at(Offset(0), TimestampMs(0)).unwrap();
    assert_eq!(send(&mut log, 0, 6, 2), out_of_order);
    drop((folder, log));
}

#[test]
fn the_sequence_behind_the_greatest_is_zero() {
    for (records, next) in [(2, 0), (5, 3)] {
        let (_, mut log) = open();
        append(&mut log, &batch(1, b"plain")).unwrap();
        assert_eq!(send(&mut log, 0, i32::MAX - 1, records), Ok(1), "{next} records behind");
        assert_eq!(send(&mut log, 0, i32::MAX - 1, records), Ok(-2));
        let end = log.end_offset().0;
        for i in 0..6 {
            assert_eq!(send(&mut log, 0, next + i, 1), Ok(end + i64::from(i)));
        }
        assert_eq!(send(&mut log, 0, i32::MAX - 1, records), Ok(-2), "found in the log");
        assert_eq!(send(&mut log, 0, i32::MAX - 2, 1), Err(ErrorCode::OutOfOrderSequenceNumber));
    }
}

#[test]
fn a_silent_producer_is_forgotten_and_may_begin_anywhere() {
    let (_, mut log) = open();
    send(&mut log, 0, 0, 1).unwrap();
    let expiration_ms = log.config().producer_id_expiration_ms;
    log.expire_producers(TimestampMs(1_000 + expiration_ms - 1));
    assert_eq!(send(&mut log, 0, 9, 1), Err(ErrorCode::OutOfOrderSequenceNumber));
    log.expire_producers(TimestampMs(1_000 + expiration_ms));
    assert_eq!(log.producers(), []);
    assert_eq!(send(&mut log, 0, 9, 1), Ok(1));
}

#[test]
fn producers_outlast_a_restart_in_order_and_a_crash() {
    for (closes, opening) in [(true, clean()), (false, crashed(Offset(0)))] {
        let (folder, mut log) = open();
        for i in 0..80 {
            send(&mut log, 0, i, 1).unwrap();
        }
        assert!(log.segment_count() > 1);
        if closes {
            log.close(TimestampMs(1_000)).unwrap();
        }
        drop(log);
        let mut log = folder.open(small_segments(), opening);
        assert_eq!(log.producers()[0].last_sequence, Sequence(79));
        assert_eq!(send(&mut log, 0, 79, 1), Ok(-80), "the last batch is known");
        assert_eq!(send(&mut log, 0, 80, 1), Ok(80));
    }
}

#[test]
fn a_damaged_snapshot_is_made_up_for_by_an_older_one_and_the_log() {
    let (folder, mut log) = open();
    for i in 0..80 {
        send(&mut log, 0, i, 1).unwrap();
    }
    log.close(TimestampMs(1_000)).unwrap();
    drop(log);
    let path = folder.path.join("00000000000000000080.snapshot");
    let file = log::Disk::open(&folder.disk, &path, log::Access::Write).unwrap();
    log::DiskFile::write_at(&file, &[0xff], &[], 20).unwrap();
    let log = folder.open(small_segments(), clean());
    assert_eq!(log.producers()[0].last_sequence, Sequence(79));
}

fn transact(log: &mut Log<MemDisk>, id: i64, sequence: i32) -> i64 {
    let batch = batch_at(&[1_000, 1_001], b"value", transactional(id, 0, sequence));
    append(log, &batch).unwrap().base_offset.0
}

fn end(log: &mut Log<MemDisk>, id: i64, commits: bool) -> Result<i64, LogError> {
    let marker = marker(id, 0, commits, 5);
    let now = TimestampMs(2_000);
    Ok(log.append(&marker, Origin::Coordinator, EPOCH, now)?.base_offset.0)
}

#[test]
fn the_stable_offset_stops_at_the_first_open_transaction() {
    let (_, mut log) = open();
    append(&mut log, &batch(1, b"plain")).unwrap();
    let [first, second] = [transact(&mut log, 7, 0), transact(&mut log, 8, 0)];
    assert_eq!((first, second), (1, 3));
    assert_eq!(log.first_unstable_offset(), Some(Offset(1)));
    transact(&mut log, 7, 2);
    assert_eq!(end(&mut log, 7, true).unwrap(), 7);
    assert_eq!(log.first_unstable_offset(), Some(Offset(1)), "the marker is not replicated");
    log.set_high_watermark(Offset(8));
    assert_eq!(log.first_unstable_offset(), Some(Offset(3)));
    end(&mut log, 8, false).unwrap();
    log.set_high_watermark(log.end_offset());
    assert_eq!(log.first_unstable_offset(), None);
}

#[test]
fn aborted_transactions_are_told_by_the_range_that_they_touch() {
    let (folder, mut log) = open();
    let mut expected = Vec::new();
    for i in 0..40 {
        let first = transact(&mut log, 7, i * 2);
        let last = end(&mut log, 7, i % 2 == 0).unwrap();
        if i % 2 == 1 {
            expected.push((first, last));
        }
    }
    assert!(log.segment_count() > 2);
    let check = |log: &mut Log<MemDisk>| {
        for (from, to) in [(0, 120), (0, 3), (3, 4), (5, 6), (6, 9), (50, 77), (119, 120)] {
            let aborted = log.aborted_transactions(Offset(from), Offset(to)).unwrap();
            let told: Vec<_> =
                aborted.iter().map(|txn| (txn.first_offset.0, txn.last_offset.0)).collect();
            let within = |txn: &&(i64, i64)| txn.1 >= from && txn.0 < to;
            let wanted: Vec<_> = expected.iter().filter(within).copied().collect();
            assert_eq!(told, wanted, "{from}..{to}");
        }
    };
    check(&mut log);
    log.close(TimestampMs(3_000)).unwrap();
    drop(log);
    check(&mut folder.open(small_segments(), clean()));
    check(&mut folder.open(small_segments(), crashed(Offset(0))));
}

#[test]
fn an_open_transaction_outlasts_a_restart_and_expiry() {
    let (folder, mut log) = open();
    transact(&mut log, 7, 0);
    log.close(TimestampMs(1_000)).unwrap();
    drop(log);
    let mut log = folder.open(small_segments(), clean());
    log.expire_producers(TimestampMs(i64::MAX));
    assert_eq!(log.first_unstable_offset(), Some(Offset(0)));
    end(&mut log, 7, false).unwrap();
    let aborted = log.aborted_transactions(Offset(0), Offset(3)).unwrap();
    assert_eq!((aborted[0].first_offset, aborted[0].last_stable_offset), (Offset(0), Offset(3)));
}

#[test]
fn markers_of_older_coordinators_and_producers_are_refused() {
    let (_, mut log) = open();
    transact(&mut log, 7, 0);
    end(&mut log, 7, true).unwrap();
    let mut send = |epoch, coordinator_epoch| {
        let marker = marker(7, epoch, true, coordinator_epoch);
        let sent = log.append(&marker, Origin::Coordinator, EPOCH, TimestampMs(0));
        sent.map(|_| ()).map_err(|error| error.code())
    };
    assert_eq!(send(0, 4), Err(ErrorCode::TransactionCoordinatorFenced));
    assert_eq!(send(1, 5), Ok(()), "a fencing marker raises the producer's epoch");
    assert_eq!(send(0, 6), Err(ErrorCode::InvalidProducerEpoch));
    let config = LogConfig::default();
    assert_eq!(log.config().flush_messages, config.flush_messages);
}
