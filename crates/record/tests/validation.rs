//! The rules of Kafka's leader, one case each: what is refused with which code, what is stored.

mod support;

use record::{
    Attributes, BatchBuilder, BatchHeader, Codec, Compression, HEADER_BYTES, Producer, Rejection,
    Rules, Scratch, TimestampType, ValidBatch, batches, validate,
};
use support::sealed;
use types::{ErrorCode, LeaderEpoch, Offset, ProducerEpoch, ProducerId, Sequence, TimestampMs};

const NOW: TimestampMs = TimestampMs(1_700_000_000_000);

/// A batch with records of these timestamps, all with the key `k`.
fn batch_at(timestamps: &[i64], codec: Codec) -> Vec<u8> {
    let mut builder = BatchBuilder::new();
    for &timestamp in timestamps {
        builder.append(TimestampMs(timestamp), Some(b"k"), Some(b"value"), &[]).expect("small");
    }
    builder.finish(codec, Producer::NONE, &mut Scratch::new())
}

fn batch() -> Vec<u8> {
    batch_at(&[NOW.0, NOW.0 + 2, NOW.0 + 1], Codec::NONE)
}

/// `bytes` with its header changed and the checksum made right again.
fn forged(mut bytes: Vec<u8>, change: impl Fn(&mut BatchHeader)) -> Vec<u8> {
    let mut header = BatchHeader::parse(&bytes).expect("a batch");
    change(&mut header);
    header.encode_into(&mut bytes);
    sealed(bytes)
}

fn judge<'a>(bytes: &'a [u8], rules: &Rules) -> Result<ValidBatch<'a>, Rejection> {
    validate(bytes, rules, NOW, &mut Scratch::new())
}

#[track_caller]
fn refused(bytes: &[u8], rules: &Rules, code: ErrorCode) -> Rejection {
    let rejection = judge(bytes, rules).expect_err("the batch is accepted");
    assert_eq!(rejection.code, code, "{rejection}");
    rejection
}

#[track_caller]
fn refused_records(bytes: &[u8], rules: &Rules, code: ErrorCode, indices: &[i32]) {
    let rejection = refused(bytes, rules, code);
    let named: Vec<i32> = rejection.record_errors.iter().map(|error| error.index).collect();
    assert_eq!(named, indices);
}

/// What the log would hold, proven consistent.
#[track_caller]
fn stored(bytes: &[u8], rules: &Rules) -> BatchHeader {
    let valid = judge(bytes, rules).expect("the batch is refused");
    let header = valid.header_bytes(Offset(100), LeaderEpoch(3));
    let stored = [&header[..], valid.body()].concat();
    let batch = batches(&stored).next().expect("a batch").expect("a batch");
    assert!(batch.is_crc_valid());
    let mut scratch = Scratch::new();
    let records = batch.records(&mut scratch).expect("inflates").map(|record| record.is_ok());
    assert_eq!(records.filter(|&is_ok| is_ok).count(), 3);
    *batch.header()
}

#[test]
fn headers_that_contradict_themselves_are_refused() {
    let check = |change: fn(&mut BatchHeader)| {
        let bytes = forged(batch(), change);
        refused(&bytes, &Rules::default(), ErrorCode::InvalidRecord);
    };
    check(|header| header.base_offset = Offset(1));
    check(|header| header.record_count = 2);
    check(|header| header.record_count = 4);
    check(|header| header.last_offset_delta = 3);
    check(|header| (header.record_count, header.last_offset_delta) = (4, 3));
    check(|header| (header.record_count, header.last_offset_delta) = (2, 1));
    check(|header| (header.record_count, header.last_offset_delta) = (0, -1));
    check(|header| (header.record_count, header.last_offset_delta) = (i32::MIN, i32::MAX));
    check(|header| (header.record_count, header.last_offset_delta) = (i32::MAX, i32::MAX - 1));
    check(|header| header.attributes = header.attributes.with_control(true));
    check(|header| header.producer_id = ProducerId(9));
}

#[test]
fn an_idempotent_batch_has_a_sequence() {
    let bytes = forged(batch(), |header| {
        header.producer_id = ProducerId(9);
        header.producer_epoch = ProducerEpoch(0);
        header.base_sequence = Sequence(0);
    });
    assert_eq!(stored(&bytes, &Rules::default()).producer_id, ProducerId(9));
}

#[test]
fn a_partition_holds_exactly_one_batch() {
    let rules = Rules::default();
    let (one, two) = (batch(), [batch(), batch()].concat());
    refused(&[], &rules, ErrorCode::InvalidRecord);
    refused(&one[..one.len() - 1], &rules, ErrorCode::InvalidRecord);
    refused(&two, &rules, ErrorCode::InvalidRecord);
    judge(&two[..two.len() - 1], &rules).expect("the cut-off batch is dropped, as in Kafka");
}

#[test]
fn other_formats_and_garbage_are_told_apart() {
    let check = |at: usize, value: u8, code: ErrorCode| {
        let mut bytes = batch();
        bytes[at] = value;
        refused(&bytes, &Rules::default(), code);
    };
    check(16, 0, ErrorCode::InvalidRecord);
    check(16, 1, ErrorCode::InvalidRecord);
    check(16, 3, ErrorCode::CorruptMessage);
    check(8, 0x80, ErrorCode::CorruptMessage);
    check(20, 0x55, ErrorCode::CorruptMessage);
    check(70, 0x55, ErrorCode::CorruptMessage);
    check(22, 5, ErrorCode::UnsupportedCompressionType);
}

#[test]
fn sizes_are_limited_as_sent_and_as_inflated() {
    let bytes = batch_at(&[NOW.0; 500], Codec::new(Compression::Zstd));
    let limited = |batch_bytes_max: usize, inflated_bytes_max: usize| Rules {
        batch_bytes_max,
        inflated_bytes_max,
        ..Rules::default()
    };
    assert!(judge(&bytes, &limited(bytes.len(), 1 << 20)).is_ok());
    refused(&bytes, &limited(bytes.len() - 1, 1 << 20), ErrorCode::MessageTooLarge);
    refused(&bytes, &limited(bytes.len(), 5000), ErrorCode::MessageTooLarge);
    let unpacks = Rules { compression: Some(Codec::NONE), ..limited(bytes.len(), 1 << 20) };
    refused(&bytes, &unpacks, ErrorCode::MessageTooLarge);
}

#[test]
fn zstd_needs_a_request_that_knows_it() {
    let rules = Rules { zstd_allowed: false, ..Rules::default() };
    let bytes = batch_at(&[NOW.0; 3], Codec::new(Compression::Zstd));
    refused(&bytes, &rules, ErrorCode::UnsupportedCompressionType);
    stored(&batch_at(&[NOW.0; 3], Codec::new(Compression::Lz4)), &rules);
}

#[test]
fn compacted_topics_name_the_records_without_key() {
    let rules = Rules { compacted: true, ..Rules::default() };
    for compression in Compression::ALL {
        let mut builder = BatchBuilder::new();
        for key in [Some("a"), None, Some(""), None] {
            builder.append(NOW, key.map(str::as_bytes), None, &[]).unwrap();
        }
        let bytes = builder.finish(compression.into(), Producer::NONE, &mut Scratch::new());
        refused_records(&bytes, &rules, ErrorCode::InvalidRecord, &[1, 3]);
        assert!(judge(&bytes, &Rules::default()).is_ok());
        stored(&batch_at(&[NOW.0; 3], compression.into()), &rules);
    }
}

#[test]
fn timestamps_are_held_against_both_bounds() {
    let rules =
        Rules { timestamp_before_ms_max: 1000, timestamp_after_ms_max: 50, ..Rules::default() };
    let now = NOW.0;
    let check = |timestamps: &[i64], offenders: &[i32]| {
        for compression in Compression::ALL {
            let bytes = batch_at(timestamps, compression.into());
            if offenders.is_empty() {
                judge(&bytes, &rules).expect("all are within the bounds");
            } else {
                refused_records(&bytes, &rules, ErrorCode::InvalidTimestamp, offenders);
            }
            let stamped = Rules { timestamp_type: TimestampType::LogAppendTime, ..rules.clone() };
            judge(&bytes, &stamped).expect("the leader's clock overrides them");
        }
    };
    check(&[now - 1000, now + 50], &[]);
    check(&[now, now - 1001, now + 51, now], &[1, 2]);
    check(&[-1, -1], &[]);
    check(&[-1, now], &[]);
    check(&[-1, 5, now], &[1]);
    check(&[-2], &[0]);
    check(&[i64::MIN, i64::MAX], &[0, 1]);
}

#[test]
fn the_greatest_timestamp_is_computed_never_believed() {
    for compression in Compression::ALL {
        for claimed in [-1, 0, NOW.0, i64::MAX] {
            let bytes = batch_at(&[NOW.0, NOW.0 + 2, NOW.0 + 1], compression.into());
            let bytes = forged(bytes, |header| header.max_timestamp = TimestampMs(claimed));
            assert_eq!(stored(&bytes, &Rules::default()).max_timestamp, TimestampMs(NOW.0 + 2));
            let valid = judge(&bytes, &Rules::default()).unwrap();
            assert_eq!(valid.max_timestamp_offset_delta(), 1);
        }
    }
}

#[test]
fn log_append_time_is_the_leaders() {
    let rules = Rules { timestamp_type: TimestampType::LogAppendTime, ..Rules::default() };
    for compression in Compression::ALL {
        let bytes = batch_at(&[3, 2, 1], compression.into());
        let header = stored(&bytes, &rules);
        assert_eq!(header.attributes.timestamp_type(), TimestampType::LogAppendTime);
        assert_eq!(header.max_timestamp, NOW);
        assert_eq!(header.attributes.compression(), compression);
        let claims = forged(bytes, |header| {
            header.attributes = header.attributes.with_timestamp_type(TimestampType::LogAppendTime);
        });
        for rules in [&rules, &Rules::default()] {
            refused_records(&claims, rules, ErrorCode::InvalidTimestamp, &[0, 1, 2]);
        }
    }
}

#[test]
fn the_topics_compression_wins_over_the_producers() {
    for from in Compression::ALL {
        for to in Compression::ALL {
            for timestamp_type in [TimestampType::CreateTime, TimestampType::LogAppendTime] {
                let rules =
                    Rules { compression: Some(to.into()), timestamp_type, ..Rules::default() };
                let bytes = forged(batch_at(&[NOW.0, NOW.0 + 1, 7], from.into()), |header| {
                    header.attributes = header.attributes.with_transactional(true);
                    header.producer_id = ProducerId(3);
                    header.base_sequence = Sequence(11);
                });
                let header = stored(&bytes, &rules);
                let expected = Attributes::default().with_transactional(true);
                let expected = expected.with_timestamp_type(timestamp_type).with_compression(to);
                assert_eq!(header.attributes, expected);
                assert_eq!(header.base_sequence, Sequence(11));
            }
        }
    }
}

/// The second record's offset delta is 5: the byte behind length, attributes and timestamp delta.
fn with_a_gap() -> Vec<u8> {
    let mut bytes = batch_at(&[NOW.0; 3], Codec::NONE);
    let second = HEADER_BYTES + 1 + usize::from(bytes[HEADER_BYTES] / 2);
    assert_eq!(bytes[second + 3], 2);
    bytes[second + 3] = 10;
    sealed(bytes)
}

#[test]
fn offsets_count_up_from_zero() {
    refused(&with_a_gap(), &Rules::default(), ErrorCode::InvalidRecord);
    refused(&gzipped(&with_a_gap()), &Rules::default(), ErrorCode::InvalidRecord);
    stored(&gzipped(&batch()), &Rules::default());
}

/// The same records section in one gzip member of stored blocks.
fn gzipped(bytes: &[u8]) -> Vec<u8> {
    use std::io::Write;
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::none());
    encoder.write_all(&bytes[HEADER_BYTES..]).expect("in memory");
    let body = encoder.finish().expect("in memory");
    let mut out = [&bytes[..HEADER_BYTES], &body].concat();
    out[22] = 1;
    sealed(out)
}

#[test]
fn malformed_records_are_refused_whatever_the_header_says() {
    let whole = batch();
    for at in HEADER_BYTES..whole.len() {
        for value in [0x00, 0x01, 0x7f, 0x80, 0xff] {
            let mut bytes = whole.clone();
            bytes[at] = value;
            match judge(&sealed(bytes.clone()), &Rules::default()) {
                Ok(_) => assert_eq!(stored(&sealed(bytes), &Rules::default()).record_count, 3),
                Err(rejection) => assert!(
                    [ErrorCode::InvalidRecord, ErrorCode::InvalidTimestamp]
                        .contains(&rejection.code),
                    "{rejection}"
                ),
            }
        }
    }
}
