//! Batches that Kafka's own classes wrote, read by ours. `tests/java/Batches.java write` makes them.

mod support;

use std::fs;

use record::{
    BatchHeader, ControlRecord, ControlType, Producer, Rules, Scratch, batches, control_batch,
    validate,
};
use types::{LeaderEpoch, Offset, ProducerEpoch, ProducerId, Sequence, TimestampMs};

const TIME: TimestampMs = TimestampMs(1_700_000_000_000);

fn log(name: &str) -> Vec<u8> {
    fs::read(support::source(&format!("tests/golden/{name}.log"))).expect("a golden file")
}

#[track_caller]
fn reads_as_java_does(name: &str) {
    let expected = fs::read_to_string(support::source(&format!("tests/golden/{name}.txt")));
    assert_eq!(support::print(&log(name)), expected.expect("a golden file"), "{name}");
}

#[test]
fn every_compression_and_level_reads_as_java_does() {
    for name in ["none", "gzip", "gzip-9", "snappy", "lz4", "lz4-17", "zstd", "zstd-19"] {
        reads_as_java_does(name);
    }
}

#[test]
fn control_batches_read_as_java_does() {
    reads_as_java_does("control");
}

#[test]
fn headers_are_written_as_they_were_read() {
    for name in ["none", "zstd", "control"] {
        for batch in batches(&log(name)) {
            let batch = batch.unwrap();
            assert_eq!(batch.header().encode(), batch.bytes()[..61]);
        }
    }
}

/// A producer's batch is one of these at base offset 0.
#[test]
fn what_java_wrote_is_valid() {
    let rules = Rules { timestamp_before_ms_max: i64::MAX, ..Rules::default() };
    for name in ["none", "gzip", "snappy", "lz4", "zstd"] {
        let log = log(name);
        for index in [0, 1, 4, 5] {
            let batch = batches(&log).nth(index).unwrap().unwrap();
            let mut bytes = batch.bytes().to_vec();
            let header = BatchHeader { base_offset: Offset::ZERO, ..*batch.header() };
            header.encode_into(&mut bytes);
            let valid = validate(&bytes, &rules, TIME, &mut Scratch::new()).unwrap();
            assert_eq!(valid.header(), &header, "nothing had to be changed");
        }
    }
}

#[test]
fn transaction_markers_are_javas_to_the_byte() {
    let golden = log("control");
    let mut golden = batches(&golden);
    for (control_type, epoch, value) in [
        (ControlType::Commit, 3, [0, 0, 0, 0, 0, 17]),
        (ControlType::Abort, 4, [0, 0, 0, 0, 0, 18]),
    ] {
        let producer = Producer {
            id: ProducerId(4711),
            epoch: ProducerEpoch(epoch),
            base_sequence: Sequence::NONE,
            transactional: true,
        };
        let record = ControlRecord { control_type, value: &value };
        let ours = control_batch(&[record], TIME, producer);
        let theirs = golden.next().unwrap().unwrap();
        let header = ours.header_bytes(theirs.header().base_offset, LeaderEpoch(4));
        assert_eq!([&header[..], ours.body()].concat(), theirs.bytes());
        let mut scratch = Scratch::new();
        let read = theirs.records(&mut scratch).unwrap().next().unwrap().unwrap();
        assert_eq!(ControlRecord::parse(&read), Some(record));
    }
}

#[test]
fn control_types_have_javas_ids() {
    let golden = log("control");
    let types: Vec<_> = batches(&golden)
        .map(|batch| {
            let mut scratch = Scratch::new();
            let record = batch.unwrap().records(&mut scratch).unwrap().next().unwrap().unwrap();
            ControlRecord::parse(&record).unwrap().control_type
        })
        .collect();
    let expected = [
        ControlType::Commit,
        ControlType::Abort,
        ControlType::LeaderChange,
        ControlType::SnapshotHeader,
        ControlType::KraftVersion,
        ControlType::KraftVoters,
        ControlType::SnapshotFooter,
    ];
    assert_eq!(types, expected);
    assert_eq!(ControlType::parse(&[0, 0, 0, 7]), None);
    assert_eq!(ControlType::parse(&[0, 0, 0]), None);
    assert_eq!(ControlType::parse(&[0xff, 0xff, 0, 1]), None);
}
