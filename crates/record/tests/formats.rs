//! What other clients' compressors may write, and what is broken in ways a CRC-32C cannot see.

use std::io::Write;

use lz4_flex::frame::{BlockMode, BlockSize, FrameEncoder, FrameInfo};
use record::{
    BatchBuilder, Codec, Compression, DecompressError, HEADER_BYTES, Producer, Scratch, batches,
    crc32c,
};
use types::TimestampMs;

const RECORDS: usize = 3000;

/// An uncompressed batch of about 200 KiB.
fn plain() -> Vec<u8> {
    let mut builder = BatchBuilder::new();
    for index in 0..RECORDS {
        let value = format!("value {index} of a batch, {} of them", index * 31).repeat(2);
        builder.append(TimestampMs(1), None, Some(value.as_bytes()), &[]).expect("small");
    }
    builder.finish(Codec::NONE, Producer::NONE, &mut Scratch::new())
}

fn records_section() -> Vec<u8> {
    plain()[HEADER_BYTES..].to_vec()
}

/// A batch whose records section is `body`, said to be in this compression.
fn batch(compression: Compression, body: &[u8]) -> Vec<u8> {
    let mut bytes = [&plain()[..HEADER_BYTES], body].concat();
    bytes[22] = compression.id().to_le_bytes()[0];
    let length = i32::try_from(bytes.len() - 12).expect("small");
    bytes[8..12].copy_from_slice(&length.to_be_bytes());
    let crc = crc32c(&bytes[21..]);
    bytes[17..21].copy_from_slice(&crc.to_be_bytes());
    bytes
}

fn read(compression: Compression, body: &[u8]) -> Result<usize, DecompressError> {
    let bytes = batch(compression, body);
    let mut scratch = Scratch::new();
    let batch = batches(&bytes).next().expect("whole").expect("a batch");
    Ok(batch.records(&mut scratch)?.filter(Result::is_ok).count())
}

#[track_caller]
fn reads(compression: Compression, body: &[u8]) {
    assert_eq!(read(compression, body), Ok(RECORDS));
}

#[track_caller]
fn is_corrupt(compression: Compression, body: &[u8]) {
    let error = read(compression, body).expect_err("it reads");
    assert!(matches!(error, DecompressError::Corrupt { .. }), "{error}");
}

fn lz4(frame: FrameInfo) -> Vec<u8> {
    let mut encoder = FrameEncoder::with_frame_info(frame, Vec::new());
    encoder.write_all(&records_section()).expect("in memory");
    encoder.finish().expect("in memory")
}

fn lz4_frame() -> FrameInfo {
    FrameInfo::new().block_mode(BlockMode::Independent)
}

#[test]
fn lz4_frames_of_every_block_size_and_with_checksums() {
    for size in [BlockSize::Max64KB, BlockSize::Max256KB, BlockSize::Max1MB, BlockSize::Max4MB] {
        for checksums in [false, true] {
            let frame = lz4_frame().block_size(size);
            let frame = frame.block_checksums(checksums).content_checksum(checksums);
            reads(Compression::Lz4, &lz4(frame.clone()));
            let bytes = u64::try_from(records_section().len()).unwrap();
            reads(Compression::Lz4, &lz4(frame.content_size(Some(bytes))));
        }
    }
}

#[test]
fn lz4_frames_that_contradict_themselves() {
    let with_checksums = lz4(lz4_frame().block_checksums(true).content_checksum(true));
    let changed = |at: usize| {
        let mut frame = with_checksums.clone();
        frame[at] ^= 0x10;
        frame
    };
    let bytes = with_checksums.len();
    is_corrupt(Compression::Lz4, &changed(bytes - 1)); // the content's checksum
    is_corrupt(Compression::Lz4, &changed(bytes - 9)); // the last block's
    is_corrupt(Compression::Lz4, &changed(6)); // the header's
    is_corrupt(Compression::Lz4, &changed(0)); // the magic
    for cut in [0, 3, 6, 7, 9, 100, bytes - 8, bytes - 4, bytes - 1] {
        is_corrupt(Compression::Lz4, &with_checksums[..cut]);
    }
    // Kafka's clients refuse these, so a leader must not take them.
    let linked = FrameInfo::new().block_mode(BlockMode::Linked);
    is_corrupt(Compression::Lz4, &lz4(linked.block_size(BlockSize::Max64KB)));
}

#[test]
fn snappy_comes_raw_framed_and_concatenated() {
    let raw = |bytes: &[u8]| snap::raw::Encoder::new().compress_vec(bytes).expect("in memory");
    let framed = |bytes: &[u8]| {
        let mut out = b"\x82SNAPPY\0\0\0\0\x01\0\0\0\x01".to_vec();
        for chunk in bytes.chunks(20_000) {
            let chunk = raw(chunk);
            out.extend_from_slice(&u32::try_from(chunk.len()).expect("small").to_be_bytes());
            out.extend_from_slice(&chunk);
        }
        out
    };
    let records = records_section();
    let (front, rest) = records.split_at(50_000);
    reads(Compression::Snappy, &raw(&records));
    reads(Compression::Snappy, &framed(&records));
    reads(Compression::Snappy, &[framed(front), framed(rest)].concat());
    let framed = framed(&records);
    for cut in [17, 19, 100, framed.len() - 1] {
        is_corrupt(Compression::Snappy, &framed[..cut]);
    }
    is_corrupt(Compression::Snappy, b"\x82SNAPPY\0\0\0");
    is_corrupt(Compression::Snappy, &[]);
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let builder = flate2::GzBuilder::new().filename("name").comment("why").extra(vec![1, 2, 3]);
    let mut encoder = builder.write(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).expect("in memory");
    encoder.finish().expect("in memory")
}

#[test]
fn gzip_headers_have_options_and_members_follow_each_other() {
    let records = records_section();
    let (front, rest) = records.split_at(50_000);
    let whole = gzip(&records);
    reads(Compression::Gzip, &whole);
    reads(Compression::Gzip, &[gzip(front), gzip(rest)].concat());
    let bytes = whole.len();
    for cut in [0, 9, 12, 17, 22, 30, bytes / 2, bytes - 8, bytes - 4, bytes - 1] {
        is_corrupt(Compression::Gzip, &whole[..cut]);
    }
    for changed in [0, 2, bytes - 1, bytes - 5] {
        let mut whole = whole.clone();
        whole[changed] ^= 1;
        is_corrupt(Compression::Gzip, &whole);
    }
    is_corrupt(Compression::Gzip, &[&whole[..], b"behind"].concat());
}

#[test]
fn zstd_frames_follow_each_other_and_carry_checksums() {
    let zstd = |bytes: &[u8], checksum: bool| {
        let mut encoder = zstd::stream::Encoder::new(Vec::new(), 1).expect("in memory");
        encoder.include_checksum(checksum).expect("in memory");
        encoder.write_all(bytes).expect("in memory");
        encoder.finish().expect("in memory")
    };
    let records = records_section();
    let (front, rest) = records.split_at(50_000);
    let mut whole = zstd(&records, true);
    reads(Compression::Zstd, &whole);
    reads(Compression::Zstd, &[zstd(front, false), zstd(rest, true)].concat());
    let bytes = whole.len();
    for cut in [3, 5, 100, bytes - 1] {
        is_corrupt(Compression::Zstd, &whole[..cut]);
    }
    whole[bytes - 1] ^= 1;
    is_corrupt(Compression::Zstd, &whole);
}

/// A megabyte of one value: the room that is guessed at first is far too small.
#[test]
fn what_inflates_a_thousandfold_is_read() {
    let mut scratch = Scratch::new();
    for compression in Compression::ALL {
        let mut builder = BatchBuilder::new();
        builder.append(TimestampMs(1), None, Some(&vec![7; 1 << 20]), &[]).unwrap();
        let bytes = builder.finish(compression.into(), Producer::NONE, &mut scratch);
        let batch = batches(&bytes).next().unwrap().unwrap();
        let record = batch.records(&mut scratch).unwrap().next().unwrap().unwrap();
        assert_eq!(record.value.map(<[u8]>::len), Some(1 << 20), "{compression}");
    }
}

#[test]
fn levels_stay_within_their_range() {
    let level = |compression, level| Codec::with_level(compression, level).level();
    assert_eq!(level(Compression::Gzip, -1), -1);
    assert_eq!(level(Compression::Gzip, 0), 1);
    assert_eq!(level(Compression::Gzip, 10), 9);
    assert_eq!(level(Compression::Lz4, 0), 1);
    assert_eq!(level(Compression::Lz4, 18), 17);
    assert_eq!(level(Compression::Zstd, 23), 22);
    assert_eq!(level(Compression::Zstd, i32::MIN), -131_072);
    assert_eq!(level(Compression::Snappy, 5), 0);
    assert_eq!("zstd".parse(), Ok(Compression::Zstd));
    assert!("ZSTD".parse::<Compression>().is_err());
}
