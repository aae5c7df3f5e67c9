//! No bytes make this crate panic, and none make it allocate beyond the bound it was given.

#![allow(unsafe_code, reason = "an allocator that counts has to be one")]

mod support;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use proptest::prelude::*;
use record::{
    BatchBuilder, Codec, Compression, HEADER_BYTES, Header, Producer, Rules, Scratch,
    TimestampType, batches, validate,
};
use support::sealed;
use types::TimestampMs;

struct Counting;

thread_local! {
    static LIVE: Cell<usize> = const { Cell::new(0) };
    static PEAK: Cell<usize> = const { Cell::new(0) };
}

// SAFETY: every call is passed on to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let live = LIVE.get() + layout.size();
        LIVE.set(live);
        PEAK.set(PEAK.get().max(live));
        // SAFETY: the caller's promises are those of the system's allocator.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        LIVE.set(LIVE.get().saturating_sub(layout.size()));
        // SAFETY: as above.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// The most that was allocated at once by Rust code on this thread while `work` ran.
fn peak_of(work: impl FnOnce()) -> usize {
    let before = LIVE.get();
    PEAK.set(before);
    work();
    PEAK.get() - before
}

/// States of the codecs (gzip's 40 KiB window, lz4's table, …), messages, and records that errors
/// name.
const OVERHEAD_BYTES: usize = 1 << 20;

const NOW: TimestampMs = TimestampMs(1_700_000_000_000);

/// Reads and validates `bytes` in every way there is.
fn exercise(bytes: &[u8]) {
    const INFLATED_BYTES_MAX: usize = 256 << 10;
    let mut scratch = Scratch::with_limit(INFLATED_BYTES_MAX);
    for batch in batches(bytes) {
        let Ok(batch) = batch else { break };
        let _ = (batch.is_crc_valid(), batch.header().last_offset(), batch.header().next_offset());
        let _ = batch.header().last_sequence();
        for record in batch.records(&mut scratch).into_iter().flatten().flatten() {
            let _ = record.headers.iter().map(|header| header.name().len()).sum::<usize>();
        }
    }
    for compression in [None, Some(Codec::NONE), Some(Codec::new(Compression::Lz4))] {
        for compacted in [false, true] {
            for timestamp_type in [TimestampType::CreateTime, TimestampType::LogAppendTime] {
                let rules = Rules {
                    compression,
                    compacted,
                    timestamp_type,
                    inflated_bytes_max: INFLATED_BYTES_MAX,
                    ..Rules::default()
                };
                if let Ok(valid) = validate(bytes, &rules, NOW, &mut scratch) {
                    let stored = valid.to_vec();
                    let batch = batches(&stored).next().expect("whole").expect("a batch");
                    assert!(batch.is_crc_valid());
                    let count = batch.records(&mut scratch).expect("inflates").map(|record| {
                        record.expect("a valid batch has readable records");
                    });
                    assert_eq!(i32::try_from(count.count()), Ok(batch.header().record_count));
                }
            }
        }
    }
}

fn sample(codec: Codec) -> Vec<u8> {
    let mut builder = BatchBuilder::new();
    for index in 0..40 {
        let headers = [Header { key: b"h", value: (index % 2 == 0).then_some(b"v".as_slice()) }];
        let value = "a value that repeats itself, ".repeat(index);
        let key = (index % 7 != 0).then_some(b"key".as_slice());
        builder.append(NOW, key, Some(value.as_bytes()), &headers).expect("small");
    }
    builder.finish(codec, Producer::NONE, &mut Scratch::new())
}

fn codecs() -> impl Strategy<Value = Compression> {
    prop::sample::select(Compression::ALL.to_vec())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        exercise(&bytes);
    }

    /// Any records section behind a header that fits it, so that the checksum lets it through.
    #[test]
    fn any_body(
        compression in codecs(),
        count in prop_oneof![0..5_i32, any::<i32>()],
        body in prop::collection::vec(any::<u8>(), 0..300),
    ) {
        let mut bytes = sample(compression.into());
        bytes.truncate(HEADER_BYTES);
        bytes.extend_from_slice(&body);
        bytes[57..61].copy_from_slice(&count.to_be_bytes());
        bytes[23..27].copy_from_slice(&count.wrapping_sub(1).to_be_bytes());
        exercise(&sealed(bytes));
    }

    /// A good batch with some bytes changed and the checksum made right again.
    #[test]
    fn any_change(
        compression in codecs(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        cut in any::<prop::sample::Index>(),
        is_cut in any::<bool>(),
    ) {
        let mut bytes = sample(compression.into());
        for (at, value) in changes {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        bytes[16] = 2;
        if is_cut {
            bytes.truncate(HEADER_BYTES + cut.index(bytes.len() - HEADER_BYTES));
        }
        exercise(&sealed(bytes));
    }
}

/// A batch of 32 MiB of zeros in one record.
fn bomb(compression: Compression) -> Vec<u8> {
    let mut builder = BatchBuilder::new();
    builder.append(NOW, None, Some(&vec![0; 32 << 20]), &[]).expect("below 1 GiB");
    builder.finish(compression.into(), Producer::NONE, &mut Scratch::new())
}

#[test]
fn a_bomb_stops_at_the_limit() {
    let inflated_bytes_max = 4 << 20;
    let rules = Rules { inflated_bytes_max, batch_bytes_max: 64 << 20, ..Rules::default() };
    for compression in [Compression::Gzip, Compression::Snappy, Compression::Lz4, Compression::Zstd]
    {
        let bytes = bomb(compression);
        let peak = peak_of(|| {
            let rejection = validate(&bytes, &rules, NOW, &mut Scratch::new()).unwrap_err();
            assert_eq!(rejection.code, types::ErrorCode::MessageTooLarge, "{rejection}");
        });
        // While the buffer grows, the one before it is alive too.
        let bound = 2 * inflated_bytes_max + OVERHEAD_BYTES;
        assert!(peak <= bound, "{compression}: {peak} bytes at once, {bound} allowed");
    }
}

#[test]
fn many_offenders_are_not_all_named() {
    let mut builder = BatchBuilder::new();
    for _ in 0..100_000 {
        builder.append(NOW, None, None, &[]).unwrap();
    }
    let inflated_bytes = builder.bytes_max();
    let bytes = builder.finish(Codec::new(Compression::Zstd), Producer::NONE, &mut Scratch::new());
    let rules = Rules { compacted: true, batch_bytes_max: bytes.len(), ..Rules::default() };
    let peak = peak_of(|| {
        let rejection = validate(&bytes, &rules, NOW, &mut Scratch::new()).unwrap_err();
        assert_eq!(rejection.record_errors.len(), 10_000);
    });
    // While the buffer grows, the one before it is alive too; each error has its text.
    let bound = 2 * inflated_bytes + 10_000 * 200 + OVERHEAD_BYTES;
    assert!(peak <= bound, "{peak} bytes at once, {bound} allowed");
}

#[test]
fn small_lies_about_length_allocate_little() {
    let check = |id: u8, body: &[u8]| {
        let mut bytes = sample(Codec::NONE);
        bytes.truncate(HEADER_BYTES);
        bytes.extend_from_slice(body);
        bytes[22] = id;
        let bytes = sealed(bytes);
        let peak = peak_of(|| {
            validate(&bytes, &Rules::default(), NOW, &mut Scratch::new()).unwrap_err();
        });
        assert!(peak <= OVERHEAD_BYTES, "compression {id}: {peak} bytes at once");
    };
    // Raw snappy that claims 4 GiB - 1, alone and in Java's framing.
    check(2, &[0xff, 0xff, 0xff, 0xff, 0x0f, 0, 0]);
    check(2, b"\x82SNAPPY\0\0\0\0\x01\0\0\0\x01\0\0\0\x07\xff\xff\xff\xff\x0f\0\0");
    // An lz4 frame of 4 MiB blocks whose only block is one byte.
    check(3, &[0x04, 0x22, 0x4d, 0x18, 0x60, 0x70, 0x73, 1, 0, 0, 0, 0xff, 0, 0, 0, 0]);
    // A zstd frame that claims 2^60 bytes in a single segment.
    check(4, &[0x28, 0xb5, 0x2f, 0xfd, 0xe0, 0, 0, 0, 0, 0, 0, 0, 0x10, 1, 0, 0]);
    // Counts and lengths inside an uncompressed record.
    check(0, &[0xfe, 0xff, 0xff, 0xff, 0x0f, 0, 0, 0, 1, 1, 0xfe, 0xff, 0xff, 0xff, 0x0f]);
    check(0, &[0x1c, 0, 0, 0, 1, 1, 0xfe, 0xff, 0xff, 0xff, 0x0f, 0, 1, 0, 1]);
}
