//! The LZ4 frame format, as far as Kafka uses it: independent blocks, one frame.
//!
//! ```text
//! 04 22 4d 18   flags   block size   [int64 content length]   header checksum
//! blocks:       uint32 length (high bit: stored as it is), data, [uint32 checksum]
//! 00 00 00 00   [uint32 checksum of the content]                 all little-endian
//! ```
//! Frames are parsed here and blocks go to `lz4_flex`, because its own reader allocates its
//! buffers anew for every frame.

use lz4_flex::block::{
    CompressTable, DecompressError, compress_into_with_table, decompress_into,
    get_maximum_output_size,
};
use xxhash_rust::xxh32::xxh32;

use super::InflateError;
use super::scratch::Inflated;
use crate::bytes::array_at;

pub(super) const LEVEL_DEFAULT: i32 = 9;

const MAGIC: [u8; 4] = [0x04, 0x22, 0x4d, 0x18];
const VERSION_MASK: u8 = 0xc0;
const VERSION: u8 = 0x40;
const FLAG_INDEPENDENT: u8 = 0x20;
const FLAG_BLOCK_CHECKSUM: u8 = 0x10;
const FLAG_CONTENT_LENGTH: u8 = 0x08;
const FLAG_CONTENT_CHECKSUM: u8 = 0x04;
const FLAGS_UNKNOWN: u8 = 0x03;
/// Block sizes 4 to 7 stand for 64 KiB, 256 KiB, 1 MiB and 4 MiB.
const BLOCK_SIZE_64_KIB: u8 = 4 << 4;
const BLOCK_BYTES: usize = 64 << 10;
const STORED: u32 = 1 << 31;
const END: [u8; 4] = [0; 4];
/// A first guess of how far a block inflates; where it is too small the room doubles.
const RATIO_GUESS: usize = 4;

pub(super) struct Lz4 {
    table: CompressTable,
}

impl Default for Lz4 {
    fn default() -> Self {
        Self { table: CompressTable::large() }
    }
}

/// Kafka's levels. `lz4_flex` has one, the fast one; all of them choose it.
pub(super) fn level(level: i32) -> i32 {
    level.clamp(1, 17)
}

pub(super) fn inflate(input: &[u8], out: &mut Inflated) -> Result<(), InflateError> {
    let (frame, mut rest) = Frame::parse(input)?;
    loop {
        let (length, behind) = rest.split_first_chunk::<4>().ok_or_else(cut_off)?;
        if *length == END {
            rest = behind;
            break;
        }
        rest = frame.block(u32::from_le_bytes(*length), behind, out)?;
    }
    if frame.has_content_checksum {
        let checksum = array_at(rest, 0).map(u32::from_le_bytes).ok_or_else(cut_off)?;
        if checksum != xxh32(out.bytes(), 0) {
            return Err(InflateError::corrupt("the checksum of the content does not match"));
        }
    }
    Ok(())
}

impl Lz4 {
    pub(super) fn compress(&mut self, records: &[u8], out: &mut Vec<u8>) {
        let descriptor = [VERSION | FLAG_INDEPENDENT, BLOCK_SIZE_64_KIB];
        out.extend_from_slice(&MAGIC);
        out.extend_from_slice(&descriptor);
        out.push(header_checksum(&descriptor));
        for block in records.chunks(BLOCK_BYTES) {
            let length_at = out.len();
            let data_at = length_at + 4;
            out.resize(data_at + get_maximum_output_size(block.len()), 0);
            let length = compress_into_with_table(block, &mut out[data_at..], &mut self.table)
                .expect("the room is what the encoder asks for");
            out.truncate(data_at + length);
            let mut length = u32::try_from(length).expect("a block of 64 KiB");
            if out.len() - data_at >= block.len() {
                out.truncate(data_at);
                out.extend_from_slice(block);
                length = STORED | u32::try_from(block.len()).expect("a block of 64 KiB");
            }
            out[length_at..data_at].copy_from_slice(&length.to_le_bytes());
        }
        out.extend_from_slice(&END);
    }
}

/// What a frame's header says of its blocks.
struct Frame {
    block_bytes_max: usize,
    has_block_checksums: bool,
    has_content_checksum: bool,
}

impl Frame {
    /// The header, and what is behind it.
    fn parse(input: &[u8]) -> Result<(Self, &[u8]), InflateError> {
        let descriptor = input
            .strip_prefix(&MAGIC)
            .ok_or_else(|| InflateError::corrupt("no lz4 frame at its front"))?;
        let [flags, block_size] = array_at(descriptor, 0).ok_or_else(cut_off)?;
        if flags & VERSION_MASK != VERSION || flags & FLAGS_UNKNOWN != 0 {
            return Err(InflateError::corrupt("unknown version or flags of the lz4 frame"));
        }
        if flags & FLAG_INDEPENDENT == 0 {
            return Err(InflateError::corrupt("the blocks depend on each other"));
        }
        let size_id @ 4..=7 = block_size >> 4 else {
            return Err(InflateError::corrupt("unknown block size of the lz4 frame"));
        };
        let length_bytes = if flags & FLAG_CONTENT_LENGTH == 0 { 0 } else { 8 };
        let (covered, behind) =
            descriptor.split_at_checked(2 + length_bytes).ok_or_else(cut_off)?;
        let (&checksum, blocks) = behind.split_first().ok_or_else(cut_off)?;
        if checksum != header_checksum(covered) {
            return Err(InflateError::corrupt("the checksum of the lz4 header does not match"));
        }
        let frame = Self {
            block_bytes_max: BLOCK_BYTES << (2 * (size_id - 4)),
            has_block_checksums: flags & FLAG_BLOCK_CHECKSUM != 0,
            has_content_checksum: flags & FLAG_CONTENT_CHECKSUM != 0,
        };
        Ok((frame, blocks))
    }

    /// Inflates the block of this length at the front of `input`; yields what is behind it.
    fn block<'i>(
        &self,
        length: u32,
        input: &'i [u8],
        out: &mut Inflated,
    ) -> Result<&'i [u8], InflateError> {
        let bytes = usize::try_from(length & !STORED).map_err(InflateError::corrupt)?;
        if bytes > self.block_bytes_max {
            return Err(InflateError::corrupt("a block is longer than the frame allows"));
        }
        let (data, mut rest) = input.split_at_checked(bytes).ok_or_else(cut_off)?;
        if self.has_block_checksums {
            let (checksum, behind) = rest.split_first_chunk::<4>().ok_or_else(cut_off)?;
            if u32::from_le_bytes(*checksum) != xxh32(data, 0) {
                return Err(InflateError::corrupt("the checksum of a block does not match"));
            }
            rest = behind;
        }
        if length & STORED == 0 {
            self.inflate_block(data, out)?;
        } else {
            out.room(bytes)?[..bytes].copy_from_slice(data);
            out.advance(bytes);
        }
        Ok(rest)
    }

    fn inflate_block(&self, data: &[u8], out: &mut Inflated) -> Result<(), InflateError> {
        let mut wanted = data.len().saturating_mul(RATIO_GUESS).min(self.block_bytes_max);
        loop {
            let room = out.room_up_to(wanted)?;
            let room_bytes = room.len().min(self.block_bytes_max);
            match decompress_into(data, &mut room[..room_bytes]) {
                Ok(made) => {
                    out.advance(made);
                    return Ok(());
                }
                Err(DecompressError::OutputTooSmall { .. }) if room_bytes < wanted => {
                    return Err(InflateError::Full);
                }
                Err(DecompressError::OutputTooSmall { .. })
                    if room_bytes < self.block_bytes_max =>
                {
                    wanted = (room_bytes * 2).min(self.block_bytes_max);
                }
                Err(error) => return Err(InflateError::corrupt(error)),
            }
        }
    }
}

/// The second byte of the descriptor's hash.
fn header_checksum(descriptor: &[u8]) -> u8 {
    xxh32(descriptor, 0).to_le_bytes()[1]
}

fn cut_off() -> InflateError {
    InflateError::corrupt("the lz4 frame is cut off")
}
