//! Snappy, raw and in the framing of Java's `SnappyOutputStream`.
//!
//! ```text
//! 82 'SNAPPY' 00   int32 version (1)   int32 least compatible version (1)
//! then chunks:     int32 length, so many bytes of raw snappy; each inflates to at most 32 KiB
//!                  as Java writes them
//! ```
//! Concatenated streams repeat the first line, so where a chunk is due there may be a header.

use super::InflateError;
use super::scratch::Inflated;
use crate::bytes::array_at;

const MAGIC: [u8; 8] = *b"\x82SNAPPY\0";
const HEADER: [u8; 16] = *b"\x82SNAPPY\0\0\0\0\x01\0\0\0\x01";
/// What Java's stream compresses at once.
const CHUNK_BYTES: usize = 32 << 10;
/// The densest element, a copy of 64 bytes, takes 3: whatever claims more is not worth a buffer.
const RATIO_MAX: usize = 22;

pub(super) struct Snappy {
    decoder: snap::raw::Decoder,
    encoder: snap::raw::Encoder,
}

impl Default for Snappy {
    fn default() -> Self {
        Self { decoder: snap::raw::Decoder::new(), encoder: snap::raw::Encoder::new() }
    }
}

impl Snappy {
    pub(super) fn inflate(&mut self, input: &[u8], out: &mut Inflated) -> Result<(), InflateError> {
        if !input.starts_with(&MAGIC) {
            return self.inflate_raw(input, out);
        }
        let mut rest = input;
        while !rest.is_empty() {
            if rest.starts_with(&MAGIC) {
                rest = rest.get(HEADER.len()..).ok_or_else(cut_off)?;
                continue;
            }
            let length = array_at(rest, 0).map(u32::from_be_bytes).ok_or_else(cut_off)?;
            let length = usize::try_from(length).map_err(InflateError::corrupt)?;
            let (chunk, behind) = rest[4..].split_at_checked(length).ok_or_else(cut_off)?;
            self.inflate_raw(chunk, out)?;
            rest = behind;
        }
        Ok(())
    }

    pub(super) fn compress(&mut self, records: &[u8], out: &mut Vec<u8>) {
        out.extend_from_slice(&HEADER);
        for chunk in records.chunks(CHUNK_BYTES) {
            let length_at = out.len();
            let chunk_at = length_at + 4;
            out.resize(chunk_at + snap::raw::max_compress_len(chunk.len()), 0);
            let length = self
                .encoder
                .compress(chunk, &mut out[chunk_at..])
                .expect("the room is what the encoder asks for");
            out.truncate(chunk_at + length);
            let length = u32::try_from(length).expect("a chunk of 32 KiB");
            out[length_at..chunk_at].copy_from_slice(&length.to_be_bytes());
        }
    }

    fn inflate_raw(&mut self, input: &[u8], out: &mut Inflated) -> Result<(), InflateError> {
        let length = snap::raw::decompress_len(input).map_err(InflateError::corrupt)?;
        if length > input.len().saturating_mul(RATIO_MAX) {
            return Err(InflateError::corrupt("it claims a length that it cannot hold"));
        }
        let room = out.room(length)?;
        let made =
            self.decoder.decompress(input, &mut room[..length]).map_err(InflateError::corrupt)?;
        out.advance(made);
        Ok(())
    }
}

fn cut_off() -> InflateError {
    InflateError::corrupt("a chunk is cut off")
}
