//! What validation costs: 64 KiB batches of 100-byte records, and single records of 1 KiB.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use record::{
    BatchBuilder, Codec, Compression, Producer, Rules, Scratch, TimestampType, crc32c, validate,
};
use types::TimestampMs;

const NOW: TimestampMs = TimestampMs(1_700_000_000_000);

/// Values as a producer's would be: words in changing order, compressible to about a third.
fn value(index: usize, bytes: usize) -> Vec<u8> {
    const WORDS: [&str; 8] =
        ["carrier", "flight", "JFK", "delay", "2013-01-01", "LAX", "N14", "on"];
    let mut out = Vec::new();
    let mut state = index;
    while out.len() < bytes {
        state = state.wrapping_mul(0x5851_f42d).wrapping_add(0x1405_7b7e);
        out.extend_from_slice(WORDS[(state >> 13) % WORDS.len()].as_bytes());
        out.extend_from_slice(&(state % 1000).to_string().into_bytes());
    }
    out.truncate(bytes);
    out
}

fn batch(codec: Codec, record_bytes: usize, batch_bytes: usize) -> (Vec<u8>, u64) {
    let mut builder = BatchBuilder::new();
    for index in 0.. {
        let timestamp = TimestampMs(NOW.0 + i64::try_from(index / 100).expect("small"));
        let value = value(index, record_bytes);
        if builder.bytes_max() + builder.record_bytes(timestamp, None, Some(&value), &[])
            > batch_bytes
        {
            break;
        }
        builder.append(timestamp, None, Some(&value), &[]).expect("small");
    }
    let plain = u64::try_from(builder.bytes_max()).expect("small");
    (builder.finish(codec, Producer::NONE, &mut Scratch::new()), plain)
}

fn validation(c: &mut Criterion) {
    let mut scratch = Scratch::new();
    let mut group = c.benchmark_group("validate");
    for (name, record_bytes, batch_bytes) in [("100b-64k", 100, 65_536), ("1k-1", 1024, 1_160)] {
        let (bytes, plain) = batch(Codec::NONE, record_bytes, batch_bytes);
        group.throughput(Throughput::Bytes(plain));
        group.bench_function(format!("crc-only/{name}"), |b| {
            b.iter(|| crc32c(black_box(&bytes[21..])));
        });
        let stamped = Rules { timestamp_type: TimestampType::LogAppendTime, ..Rules::default() };
        group.bench_function(format!("none-log-append-time/{name}"), |b| {
            b.iter(|| validate(black_box(&bytes), &stamped, NOW, &mut scratch).is_ok());
        });
        for compression in Compression::ALL {
            let (bytes, plain) = batch(compression.into(), record_bytes, batch_bytes);
            group.throughput(Throughput::Bytes(plain));
            group.bench_function(format!("{compression}/{name}"), |b| {
                b.iter(|| {
                    validate(black_box(&bytes), &Rules::default(), NOW, &mut scratch).is_ok()
                });
            });
        }
    }
    group.finish();
}

fn building(c: &mut Criterion) {
    let mut scratch = Scratch::new();
    let mut builder = BatchBuilder::new();
    let values: Vec<_> = (0..590).map(|index| value(index, 100)).collect();
    let mut group = c.benchmark_group("build");
    group.throughput(Throughput::Bytes(590 * 100));
    for compression in Compression::ALL {
        group.bench_function(format!("{compression}/100b-64k"), |b| {
            b.iter(|| {
                for value in &values {
                    builder.append(NOW, None, Some(value), &[]).expect("small");
                }
                builder.finish(compression.into(), Producer::NONE, &mut scratch).len()
            });
        });
    }
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .warm_up_time(std::time::Duration::from_millis(300))
        .measurement_time(std::time::Duration::from_secs(1));
    targets = validation, building
}
criterion_main!(benches);
