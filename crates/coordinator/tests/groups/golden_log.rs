//! A `__consumer_offsets` partition that Apache Kafka 4.4.0 wrote (by `golden/kafka-4.4/Golden.java`).

use std::fmt::Write;

use coordinator::{Group, GroupConfig, GroupKind, GroupShard, Record, Shard, StoredRecord};
use record::{Scratch, batches};

const LOG: &[u8] = include_bytes!("golden/kafka-4.4/00000000000000000000.log");

/// Everything that classic groups and offsets are concerned with, with the bytes it was read from.
fn stored_records() -> Vec<(StoredRecord, Vec<u8>, Option<Vec<u8>>)> {
    let mut scratch = Scratch::default();
    let mut found = Vec::new();
    for batch in batches(LOG) {
        let batch = batch.expect("Kafka's batches");
        for record in batch.records(&mut scratch).expect("Kafka's records") {
            let record = record.expect("Kafka's record");
            let key = record.key.expect("a key");
            if let Some(stored) = StoredRecord::decode(key, record.value).expect("Kafka's schema") {
                found.push((stored, key.to_vec(), record.value.map(<[u8]>::to_vec)));
            }
        }
    }
    found
}

#[test]
fn kafkas_records_are_written_back_byte_by_byte() {
    let mut written = 0;
    for (stored, key, value) in stored_records() {
        if matches!(stored, StoredRecord::Foreign { .. }) {
            continue;
        }
        let bytes = stored.encode().expect("as it was");
        assert_eq!((bytes.key, bytes.value), (key, value), "{stored:?}");
        written += 1;
    }
    assert!(written > 10, "the log has records of groups and offsets");
}

#[test]
fn kafkas_log_replays_to_kafkas_state() {
    let mut shard = GroupShard::new(GroupConfig::default());
    for (offset, (stored, ..)) in (0i64..).zip(stored_records()) {
        shard.apply(types::Offset(offset), &Record::Stored(stored));
    }
    assert_eq!(shard.group(&"gone".into()), None);
    assert_eq!(shard.group(&"modern".into()), Some(&Group::Foreign(GroupKind::Consumer)));
    let mut seen = String::new();
    for group in ["app", "past", "simple"] {
        let Some(Group::Classic(classic)) = shard.group(&group.into()) else {
            panic!("{group} is a classic group")
        };
        writeln!(seen, "{group} {classic:#?}").expect("memory");
    }
    for group in ["app", "past", "simple", "modern", "gone"] {
        writeln!(seen, "{group} {:#?}", shard.committed(&group.into())).expect("memory");
    }
    insta::assert_snapshot!(seen);
}
