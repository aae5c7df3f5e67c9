//! The checker sees what it is there to see: a sound history is spoiled in each way.

use record::{BatchBuilder, Codec, Producer, with_scratch};
use types::{LeaderEpoch, Offset, TimestampMs};

use super::*;

const PRODUCERS: [&str; 2] = ["java", "ours"];
const RECORDS: u64 = 6;

/// A batch on disk; leaders of another epoch write other bytes.
fn stored(base_offset: i64, epoch: i32, records: &[(&str, u64)]) -> StoredBatch {
    let mut builder = BatchBuilder::new();
    let now = TimestampMs(1_700_000_000_000);
    for (key, value) in records {
        let value = value.to_string();
        let (key, value) = (key.as_bytes(), value.as_bytes());
        builder.append(now, Some(key), Some(value), &[]).expect("a record fits");
    }
    let bytes = with_scratch(|scratch| {
        let bytes = builder.finish(Codec::NONE, Producer::NONE, scratch);
        let rules = record::Rules::default();
        let valid = record::validate(&bytes, &rules, now, scratch).expect("it is valid");
        let header = valid.header_bytes(Offset(base_offset), LeaderEpoch(epoch));
        [&header[..], valid.body()].concat()
    });
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::create_dir(folder.path().join("t-0")).expect("a partition's folder");
    std::fs::write(folder.path().join("t-0/00000000000000000000.log"), bytes).expect("written");
    Replica::read(1, folder.path(), "t", 0).batches.remove(0)
}

/// Two producers by turns, a batch a record, three replicas, one group that read everything.
fn sound() -> History {
    let mut history = History::default();
    let mut batches = Vec::new();
    let mut lines = String::from("S 0 0\n");
    for producer in PRODUCERS {
        history.producing.push(Producing::told(producer, &format!("N 0 {RECORDS}")));
    }
    for (offset, number) in (0..).zip(0..2 * RECORDS) {
        let (producer, number) = (usize::from(number % 2 == 1), number / 2);
        let key = PRODUCERS[producer];
        batches.push(stored(offset, 3, &[(key, number)]));
        let name = Name { producer: key.into(), partition: 0, number };
        history.producing[producer].acknowledged.push(Acknowledged { name, offset: Some(offset) });
        lines += &format!("R 0 {offset} {key} {number}\n");
    }
    lines += "C 0 12\nS 0 12\n";
    history.reading.push(Reading::told("group", &lines));
    history.high_watermarks.insert(0, batches.last().expect("there are some").next_offset);
    history.replicas =
        (1..=3).map(|node| Replica { node, partition: 0, batches: batches.clone() }).collect();
    history
}

/// Whether spoiling a sound history in this way makes the checker say exactly this kind of thing.
fn check(spoil: impl Fn(&mut History), seen: impl Fn(&Complaint) -> bool) {
    let mut history = sound();
    assert_eq!(history.complaints(), []);
    spoil(&mut history);
    let complaints = history.complaints();
    assert!(complaints.iter().any(seen), "{complaints:?}");
}

/// Replaces a batch on all replicas.
fn rewrite(history: &mut History, at: usize, batch: &StoredBatch) {
    history.replicas.iter_mut().for_each(|replica| replica.batches[at] = batch.clone());
}

fn name(producer: &str, number: u64) -> Name {
    Name { producer: producer.into(), partition: 0, number }
}

#[test]
fn a_lost_record_is_seen() {
    let lost = |complaint: &Complaint| matches!(complaint, Complaint::Lost(lost) if lost.name == name("java", 2));
    // another producer's record that was never acknowledged has its place
    let other = stored(4, 3, &[("ours", 17)]);
    check(|history| rewrite(history, 4, &other), lost);
    check(|history| history.replicas.iter_mut().for_each(|r| drop(r.batches.remove(4))), lost);
}

#[test]
fn a_loss_on_one_replica_is_seen() {
    check(
        |history| history.replicas[2].batches.truncate(7),
        |complaint| matches!(complaint, Complaint::Short { node: 3, end: 7, .. }),
    );
    check(
        |history| drop(history.replicas[1].batches.remove(5)),
        |complaint| matches!(complaint, Complaint::Lost(lost) if lost.name == name("ours", 2)),
    );
    check(
        |history| history.replicas.clear(),
        |complaint| matches!(complaint, Complaint::Short { .. }),
    );
}

#[test]
fn a_partition_that_nobody_looked_at_is_seen() {
    check(
        |history| history.high_watermarks.clear(),
        |complaint| *complaint == Complaint::Unchecked { partition: 0 },
    );
}

#[test]
fn who_was_not_told_where_its_record_is_loses_it_all_the_same() {
    let mut history = sound();
    history.producing[0].acknowledged[2].offset = None;
    assert_eq!(history.complaints(), []);
    let other = stored(4, 3, &[("ours", 17)]);
    check(
        |history| {
            history.producing[0].acknowledged[2].offset = None;
            rewrite(history, 4, &other);
        },
        |complaint| matches!(complaint, Complaint::Lost(lost) if lost.name == name("java", 2)),
    );
    check(
        |history| {
            history.producing[0].acknowledged[2].offset = None;
            history.reading[0].records.retain(|(_, offset, _)| *offset != 4);
        },
        |complaint| matches!(complaint, Complaint::Unread { .. }),
    );
}

#[test]
fn a_doubled_record_is_seen() {
    let again = stored(12, 3, &[("java", 5)]);
    check(
        |history| {
            history.replicas.iter_mut().for_each(|r| r.batches.push(again.clone()));
            history.high_watermarks.insert(0, 13);
        },
        |complaint| {
            matches!(complaint, Complaint::Doubled { name: doubled, offsets: [10, 12], .. }
                if *doubled == name("java", 5))
        },
    );
}

#[test]
fn reordered_records_are_seen() {
    let (early, late) = (stored(2, 3, &[("java", 2)]), stored(4, 3, &[("java", 1)]));
    let swap = |history: &mut History| {
        rewrite(history, 2, &early);
        rewrite(history, 4, &late);
    };
    check(swap, |complaint| {
        matches!(complaint, Complaint::OutOfOrder { offset: 4, behind: 2, name: late }
            if *late == name("java", 1))
    });
    check(swap, |complaint| matches!(complaint, Complaint::Moved { found: 4, .. }));
}

#[test]
fn replicas_that_differ_are_seen() {
    // the same record, as a leader of another epoch would have written it
    let other = stored(6, 4, &[("java", 3)]);
    check(
        |history| history.replicas[1].batches[6] = other.clone(),
        |complaint| matches!(complaint, Complaint::Differ { nodes: [1, 2], offset: 6, .. }),
    );
    let mut history = sound();
    history.replicas[1].batches[11] = stored(11, 4, &[("ours", 5)]);
    history.high_watermarks.insert(0, 11);
    let differs = |complaint: &Complaint| matches!(complaint, Complaint::Differ { .. });
    assert!(!history.complaints().iter().any(differs), "what is not committed may differ");
}

#[test]
fn a_record_that_nobody_sent_is_seen() {
    for (key, number) in [("stranger", 0), ("java", RECORDS)] {
        let batch = stored(3, 3, &[(key, number)]);
        check(
            |history| rewrite(history, 3, &batch),
            |complaint| matches!(complaint, Complaint::Invented { offset: 3, .. }),
        );
    }
}

#[test]
fn a_group_that_skips_misreads_or_goes_back_is_seen() {
    check(
        |history| drop(history.reading[0].records.remove(8)),
        |complaint| matches!(complaint, Complaint::Unread { acknowledged, .. } if acknowledged.offset == Some(8)),
    );
    check(
        |history| history.reading[0].records[8].2 = "java 5".to_owned(),
        |complaint| matches!(complaint, Complaint::Misread { offset: 8, .. }),
    );
    check(
        |history| history.reading[0].hear("S 0 3").expect("a line"),
        |complaint| matches!(complaint, Complaint::WentBack { committed: 12, started: 3, .. }),
    );
}

#[test]
fn a_failure_that_an_application_saw_is_seen() {
    let failed = |complaint: &Complaint| matches!(complaint, Complaint::Failed { .. });
    let error = || "TimeoutException".to_owned();
    check(|history| history.producing[0].failed.push(error()), failed);
    check(|history| history.reading[0].failed.push(error()), failed);
}

#[test]
fn times_without_an_acknowledgement_are_those_of_one_partition_the_longest_first() {
    let told = "A 0 0 0 1000\nA 1 0 0 1100\nA 0 1 1 1200\nA 1 1 1 3000\nA 0 2 2 1900\n";
    let producing = Producing::told("java", told);
    let gap = |partition, from_ms, ms| {
        let lasted = std::time::Duration::from_millis(ms);
        Gap { partition, from_ms, lasted }
    };
    assert_eq!(producing.gaps()[..3], [gap(1, 1100, 1900), gap(0, 1200, 700), gap(0, 1000, 200)]);
    assert_eq!(
        gap(1, 86_400_000 + 3_723_004, 5).to_string(),
        "partition 1 from 01:02:03.004 on for 5ms"
    );
}
