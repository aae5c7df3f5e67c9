//! Persisted records in their envelopes: the bytes are those that Kafka 4.4.0's serdes printed.

#![allow(clippy::unwrap_used, reason = "a test helper that fails ends the test")]

use types::Uuid;
use wire::record_frame::{
    MetadataRecord, OffsetsKey, OffsetsValue, decode_value, encode_framed, encode_key, encode_value,
};
use wire::{
    ControlValue, EndTxnMarker, Malformed, OffsetCommitKey, OffsetCommitValue, Str, TopicRecord,
};

const ID: Uuid = Uuid([0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 2]);

#[test]
fn a_metadata_record_names_its_type_and_version() {
    let record = TopicRecord { name: Str::Borrowed("t"), topic_id: ID };
    let bytes = unhex("01020002740000000000000001000000000000000200");
    assert_eq!(encode_framed(&record, 0).unwrap(), bytes);
    let (decoded, version) = MetadataRecord::decode(&bytes).unwrap();
    assert_eq!((&decoded, version), (&MetadataRecord::from(record), 0));
    assert_eq!(decoded.encode(0).unwrap(), bytes);
    assert_eq!((decoded.id(), decoded.type_name()), (2, "TOPIC_RECORD"));
    assert_eq!(decoded.to_json(0), r#"{"name":"t","topicId":"AAAAAAAAAAEAAAAAAAAAAg"}"#);
}

#[test]
fn other_frames_and_types_are_refused() {
    let reason = |bytes: &[u8]| MetadataRecord::decode(bytes).unwrap_err().reason;
    assert_eq!(reason(&[0, 20, 0, 0]), Malformed::FrameVersion(0));
    assert_eq!(reason(&[2, 20, 0, 0]), Malformed::FrameVersion(2));
    assert_eq!(reason(&[1, 6, 0, 0]), Malformed::RecordType(6));
    assert!(matches!(reason(&[1, 20, 1, 0]), Malformed::Version { version: 1, .. }));
    assert_eq!(reason(&[1, 20, 0, 0, 9]), Malformed::Trailing(1));
    assert_eq!(OffsetsKey::decode(&[0, 9]).unwrap_err().reason, Malformed::RecordType(9));
}

#[test]
fn a_coordinator_record_has_a_typed_key_and_a_versioned_value() {
    let key =
        OffsetCommitKey { group: Str::Borrowed("g"), topic: Str::Borrowed("t"), partition: 3 };
    let value = OffsetCommitValue {
        offset: 5,
        leader_epoch: 6,
        metadata: Str::Borrowed("m"),
        commit_timestamp: 7,
        topic_id: ID,
        ..OffsetCommitValue::default()
    };
    let key_bytes = unhex("000100016700017400000003");
    let value_bytes = unhex(
        "0004000000000000000500000006026d0000000000000007\
         01001000000000000000010000000000000002",
    );
    assert_eq!(encode_key(&key).unwrap(), key_bytes);
    assert_eq!(encode_value(&value, 4).unwrap(), value_bytes);

    let decoded = OffsetsKey::decode(&key_bytes).unwrap();
    assert_eq!((&decoded, decoded.id()), (&OffsetsKey::OffsetCommit(key), 1));
    assert_eq!(decoded.to_json(), r#"{"group":"g","topic":"t","partition":3}"#);
    assert_eq!(decode_value(&value_bytes).unwrap(), (value.clone(), 4));
    let (decoded, version) = OffsetsValue::decode(1, &value_bytes).unwrap();
    assert_eq!((&decoded, version), (&OffsetsValue::OffsetCommit(value), 4));
    assert_eq!(
        decoded.to_json(4),
        r#"{"offset":5,"leaderEpoch":6,"metadata":"m","commitTimestamp":7,"topicId":"AAAAAAAAAAEAAAAAAAAAAg"}"#
    );
}

#[test]
fn a_control_record_has_its_type_in_the_key() {
    let value = ControlValue::Commit(EndTxnMarker { coordinator_epoch: 9 });
    assert_eq!(value.key().to_vec(), unhex("00000001"));
    let bytes = unhex("000000000009");
    assert_eq!(value.encode().unwrap(), bytes);
    assert_eq!(ControlValue::decode(1, &bytes).unwrap(), value);
    let later = [&[0, 1], &bytes[2..], &[9]].concat();
    assert_eq!(ControlValue::decode(1, &later).unwrap(), value);
    let leader = ControlValue::LeaderChange(wire::LeaderChangeMessage {
        leader_id: 3,
        ..wire::LeaderChangeMessage::default()
    });
    let bytes = leader.encode().unwrap();
    assert_eq!(ControlValue::decode(2, &bytes).unwrap(), leader);
    assert!(ControlValue::decode(7, &bytes).is_err());
}

fn unhex(text: &str) -> Vec<u8> {
    let pairs = text.as_bytes().chunks(2);
    pairs.map(|pair| u8::from_str_radix(str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
}
