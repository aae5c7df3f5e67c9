//! Batches that ours writes, read by Kafka's own classes.

mod support;

use std::path::Path;
use std::{env, fs};

use record::{
    BatchBuilder, Codec, Compression, ControlRecord, ControlType, Header, Producer, Rules, Scratch,
    TimestampType, control_batch, validate,
};
use types::{ProducerEpoch, ProducerId, Sequence, TimestampMs};

const TIME: TimestampMs = TimestampMs(1_700_000_000_000);

fn small() -> BatchBuilder {
    let mut builder = BatchBuilder::new();
    let headers =
        [Header { key: "größe".as_bytes(), value: Some(b"1") }, Header { key: b"", value: None }];
    builder.append(TIME, Some(b"key"), Some(b"value"), &headers).expect("small");
    builder.append(TimestampMs(TIME.0 - 100_000), None, Some(b""), &[]).expect("small");
    builder.append(TimestampMs::NONE, Some(b""), None, &[]).expect("small");
    builder
}

/// More than one block of every compression; every tenth value is noise that does not compress.
fn large() -> BatchBuilder {
    let mut builder = BatchBuilder::new();
    let mut noise = 0x2545_f491_4f6c_dd1d_u64;
    for index in 0..1000_i64 {
        let mut value = format!("value {} of a record; ", index * 7_919).repeat(12).into_bytes();
        if index % 10 == 0 {
            for byte in &mut value {
                noise ^= noise << 13;
                noise ^= noise >> 7;
                noise ^= noise << 17;
                *byte = noise.to_le_bytes()[3];
            }
        }
        builder.append(TimestampMs(TIME.0 + index), None, Some(&value), &[]).expect("small");
    }
    builder
}

fn codecs() -> Vec<Codec> {
    let levels = [
        (Compression::Gzip, 1),
        (Compression::Gzip, 9),
        (Compression::Lz4, 17),
        (Compression::Zstd, -5),
        (Compression::Zstd, 19),
    ];
    let defaults = Compression::ALL.into_iter().map(Codec::new);
    defaults.chain(levels.map(|(of, level)| Codec::with_level(of, level))).collect()
}

fn ours() -> Vec<u8> {
    let mut scratch = Scratch::new();
    let producer = Producer {
        id: ProducerId(4711),
        epoch: ProducerEpoch(3),
        base_sequence: Sequence(i32::MAX - 1),
        transactional: true,
    };
    let mut out = Vec::new();
    for codec in codecs() {
        let idempotent = Producer { transactional: false, ..producer };
        out.extend(small().finish(codec, producer, &mut scratch));
        out.extend(large().finish(codec, idempotent, &mut scratch));
        let plain = large().finish(Codec::NONE, Producer::NONE, &mut scratch);
        let rules = Rules {
            compression: Some(codec),
            timestamp_type: TimestampType::LogAppendTime,
            ..Rules::default()
        };
        out.extend(validate(&plain, &rules, TIME, &mut scratch).expect("valid").to_vec());
    }
    let marker = Producer { base_sequence: Sequence::NONE, ..producer };
    let commit = ControlRecord { control_type: ControlType::Commit, value: &[0, 0, 0, 0, 0, 9] };
    out.extend(control_batch(&[commit], TIME, marker).to_vec());
    out
}

#[test]
fn java_reads_what_we_write_as_we_do() {
    let bytes = ours();
    let printed = support::print(&bytes);
    assert!(!printed.contains("CORRUPT"));
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join("batches-of-ours.log");
    fs::write(&file, &bytes).unwrap();
    let Some(java) = support::java("Batches", &["print", file.to_str().expect("a path of UTF-8")])
    else {
        return;
    };
    assert_eq!(java, printed);
    fs::remove_file(&file).unwrap();
}
