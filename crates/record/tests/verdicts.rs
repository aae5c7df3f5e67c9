//! Our verdicts on batches against those of Kafka's own `LogValidator`.

mod support;

use std::fs;
use std::path::Path;

use record::{
    BatchBuilder, BatchHeader, Codec, Compression, HEADER_BYTES, Producer, Rules, Scratch,
    TimestampType, validate,
};
use support::sealed;
use types::{Offset, ProducerId, Sequence, TimestampMs};

const NOW: i64 = 1_700_000_000_000;
const BOUND_MS: i64 = 1000;
/// The cap of topics whose case begins with `capped-`.
const RECORD_BYTES_MAX: usize = 20;

struct Case {
    /// Begins with `compacted-` where the topic is, with `capped-` where it caps inflated records.
    name: &'static str,
    bytes: Vec<u8>,
    /// What Kafka says where we differ, on purpose.
    kafka: Option<&'static str>,
}

fn same(name: &'static str, bytes: Vec<u8>) -> Case {
    Case { name, bytes, kafka: None }
}

fn differs(name: &'static str, bytes: Vec<u8>, kafka: &'static str) -> Case {
    Case { name, bytes, kafka: Some(kafka) }
}

fn batch(timestamps: &[i64], compression: Compression, key: Option<&[u8]>) -> Vec<u8> {
    let mut builder = BatchBuilder::new();
    for &timestamp in timestamps {
        builder.append(TimestampMs(timestamp), key, Some(b"value"), &[]).expect("small");
    }
    builder.finish(Codec::new(compression), Producer::NONE, &mut Scratch::new())
}

fn plain() -> Vec<u8> {
    batch(&[NOW, NOW + 1, NOW], Compression::None, Some(b"k"))
}

fn forged(change: impl Fn(&mut BatchHeader)) -> Vec<u8> {
    let mut bytes = plain();
    let mut header = BatchHeader::parse(&bytes).expect("a batch");
    change(&mut header);
    header.encode_into(&mut bytes);
    sealed(bytes)
}

fn with_byte(at: usize, value: u8) -> Vec<u8> {
    let mut bytes = plain();
    bytes[at] = value;
    bytes
}

fn claims_compression(id: u8) -> Vec<u8> {
    sealed(with_byte(22, id))
}

fn headers() -> Vec<Case> {
    vec![
        same("ok", plain()),
        same("control", forged(|h| h.attributes = h.attributes.with_control(true))),
        same("counts-fewer", forged(|h| (h.record_count, h.last_offset_delta) = (2, 1))),
        same("counts-more", forged(|h| (h.record_count, h.last_offset_delta) = (4, 3))),
        same("counts-none", forged(|h| (h.record_count, h.last_offset_delta) = (0, -1))),
        same("count-and-delta", forged(|h| h.record_count = 2)),
        same("no-sequence", forged(|h| h.producer_id = ProducerId(5))),
        same("sequence", forged(|h| (h.producer_id.0, h.base_sequence) = (5, Sequence(0)))),
        same("delete-horizon", forged(|h| h.attributes = h.attributes.with_delete_horizon(true))),
        same("max-unset", forged(|h| h.max_timestamp = TimestampMs::NONE)),
        same("max-wrong", forged(|h| h.max_timestamp = TimestampMs(NOW + 500))),
        // Kafka's log refuses it, one step before the validator.
        differs("base-offset", forged(|h| h.base_offset = Offset(5)), "ok max 1700000000001"),
        same(
            "stamped-outside",
            forged(|h| {
                h.attributes = h.attributes.with_timestamp_type(TimestampType::LogAppendTime);
                h.max_timestamp = TimestampMs(5);
            }),
        ),
        differs(
            "stamped-inside",
            forged(|h| {
                h.attributes = h.attributes.with_timestamp_type(TimestampType::LogAppendTime);
            }),
            "ok max 1700000000001",
        ),
    ]
}

fn frames() -> Vec<Case> {
    vec![
        same("magic-0", with_byte(16, 0)),
        same("magic-1", with_byte(16, 1)),
        same("magic-3", with_byte(16, 3)),
        same("crc", with_byte(20, plain()[20] ^ 1)),
        same("value-changed", with_byte(HEADER_BYTES + 8, b'X')),
        same("empty", Vec::new()),
        same("cut", plain()[..70].to_vec()),
        same("two", [plain(), plain()].concat()),
        same("one-and-a-half", [&plain()[..], &plain()[..80]].concat()),
        differs("compression-5", claims_compression(5), "UNKNOWN_SERVER_ERROR []"),
        differs("gzip-garbage", claims_compression(1), "UNKNOWN_SERVER_ERROR []"),
        differs("snappy-garbage", claims_compression(2), "UNKNOWN_SERVER_ERROR []"),
        differs("lz4-garbage", claims_compression(3), "UNKNOWN_SERVER_ERROR []"),
        differs("zstd-garbage", claims_compression(4), "UNKNOWN_SERVER_ERROR []"),
    ]
}

fn records() -> Vec<Case> {
    let key = Some(b"k".as_slice());
    let record = usize::from(plain()[HEADER_BYTES] / 2) + 1;
    let gap = sealed(with_byte(HEADER_BYTES + record + 3, 10));
    vec![
        same("old", batch(&[NOW, NOW - BOUND_MS - 1, NOW], Compression::None, key)),
        same("old-lz4", batch(&[NOW, 5, -1], Compression::Lz4, key)),
        same("new-zstd", batch(&[NOW, NOW + BOUND_MS + 1], Compression::Zstd, key)),
        same("on-the-bounds", batch(&[NOW - BOUND_MS, NOW + BOUND_MS], Compression::Gzip, key)),
        same("extremes", batch(&[i64::MIN, i64::MAX], Compression::None, key)),
        same("below-none", batch(&[-2], Compression::None, key)),
        same("timeless", batch(&[-1, -1], Compression::None, key)),
        same("timeless-and-old", batch(&[-1, 5, NOW], Compression::Snappy, key)),
        same("compacted-keyless", batch(&[NOW; 3], Compression::None, None)),
        same("compacted-keyless-gzip", batch(&[NOW; 3], Compression::Gzip, None)),
        same("compacted-keyless-old", batch(&[NOW, 5], Compression::None, None)),
        same("compacted-empty-key", batch(&[NOW; 3], Compression::None, Some(b""))),
        same("malformed-key", sealed(with_byte(HEADER_BYTES + 4, 0x7e))),
        same("malformed-length", sealed(with_byte(HEADER_BYTES, 0x7e))),
        same("negative-length", sealed(with_byte(HEADER_BYTES, 0x03))),
        differs("gap", gap, "ok max 1700000000001"),
    ]
}

/// A batch of two records, the second of which has so many bytes behind its length.
fn second_record_of(record_bytes: usize, compression: Compression, timestamp: i64) -> Vec<u8> {
    // attributes, timestamp delta, offset delta, null key, length of the value, no headers
    let value = vec![b'v'; record_bytes - 6];
    let mut builder = BatchBuilder::new();
    builder.append(TimestampMs(timestamp), None, Some(b"v"), &[]).expect("small");
    builder.append(TimestampMs(timestamp), None, Some(&value), &[]).expect("small");
    builder.finish(Codec::new(compression), Producer::NONE, &mut Scratch::new())
}

fn record_sizes() -> Vec<Case> {
    use Compression::{Gzip, Lz4, Snappy, Zstd};
    let over = RECORD_BYTES_MAX + 1;
    vec![
        same("capped-at-the-cap", second_record_of(RECORD_BYTES_MAX, Lz4, NOW)),
        same("capped-over-gzip", second_record_of(over, Gzip, NOW)),
        same("capped-over-snappy", second_record_of(over, Snappy, NOW)),
        same("capped-over-lz4", second_record_of(over, Lz4, NOW)),
        same("capped-over-zstd", second_record_of(10 * over, Zstd, NOW)),
        // a size is seen before what is wrong with the record otherwise
        same("capped-over-and-old", second_record_of(over, Zstd, 5)),
        // only what was compressed is judged
        same("capped-plain", second_record_of(10 * over, Compression::None, NOW)),
    ]
}

fn ours(case: &Case) -> String {
    let rules = Rules {
        compacted: case.name.starts_with("compacted-"),
        record_bytes_max: if case.name.starts_with("capped-") {
            RECORD_BYTES_MAX
        } else {
            Rules::default().record_bytes_max
        },
        timestamp_before_ms_max: BOUND_MS,
        timestamp_after_ms_max: BOUND_MS,
        ..Rules::default()
    };
    match validate(&case.bytes, &rules, TimestampMs(NOW), &mut Scratch::new()) {
        Ok(valid) => format!("ok max {}", valid.header().max_timestamp),
        Err(rejection) => {
            let indices: Vec<_> = rejection.record_errors.iter().map(|error| error.index).collect();
            format!("{} {indices:?}", rejection.code)
        }
    }
}

#[test]
fn kafka_says_the_same() {
    let folder =
        Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("verdicts-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    let mut expected = Vec::new();
    for case in [headers(), frames(), records(), record_sizes()].into_iter().flatten() {
        fs::write(folder.join(case.name), &case.bytes).unwrap();
        let ours = ours(&case);
        let kafka = case.kafka.map_or(ours.clone(), str::to_owned);
        assert!(case.kafka.is_none() || ours != kafka, "{} differs no longer", case.name);
        expected.push(format!("{} {kafka}", case.name));
    }
    expected.sort_by(|left, right| left.split(' ').next().cmp(&right.split(' ').next()));
    let Some(java) = support::java("Verdicts", &[folder.to_str().expect("a path of UTF-8")]) else {
        return;
    };
    assert_eq!(java.lines().collect::<Vec<_>>(), expected);
    fs::remove_dir_all(&folder).unwrap();
}
