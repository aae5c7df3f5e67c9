//! Gzip members (RFC 1952) around raw deflate, so that the state is reused across batches.

use crc_fast::crc32_iso_hdlc;
use flate2::{Compress, Decompress, FlushCompress, FlushDecompress, Status};

use super::InflateError;
use super::scratch::Inflated;
use crate::bytes::array_at;

/// zlib's own choice, which is 6.
pub(super) const LEVEL_DEFAULT: i32 = -1;
const LEVEL_OF_ZLIB: u32 = 6;

/// magic 1f 8b, method 8 (deflate), no flags, no time, no hints, unknown system.
const HEADER: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];
/// CRC-32 and length of the content, little-endian.
const TRAILER_BYTES: usize = 8;
const FLAG_HEADER_CRC: u8 = 0x02;
const FLAG_EXTRA: u8 = 0x04;
const FLAG_NAME: u8 = 0x08;
const FLAG_COMMENT: u8 = 0x10;
/// The output grows in steps of this.
const STEP_BYTES: usize = 64 << 10;

#[derive(Default)]
pub(super) struct Gzip {
    inflater: Option<Decompress>,
    deflater: Option<(i32, Compress)>,
}

pub(super) fn level(level: i32) -> i32 {
    if level == LEVEL_DEFAULT { level } else { level.clamp(1, 9) }
}

impl Gzip {
    /// One or more members back to back.
    pub(super) fn inflate(
        &mut self,
        mut input: &[u8],
        out: &mut Inflated,
    ) -> Result<(), InflateError> {
        let inflater = self.inflater.get_or_insert_with(|| Decompress::new(false));
        loop {
            let deflated = skip_header(input)
                .ok_or_else(|| InflateError::corrupt("no gzip header at its front"))?;
            let content_from = out.used();
            inflater.reset(false);
            let trailer = inflate_member(inflater, deflated, out)?;
            check_trailer(trailer, &out.bytes()[content_from..])?;
            input = &trailer[TRAILER_BYTES..];
            if input.is_empty() {
                return Ok(());
            }
        }
    }

    pub(super) fn compress(&mut self, level: i32, records: &[u8], out: &mut Vec<u8>) {
        let deflater = self.deflater(level);
        out.extend_from_slice(&HEADER);
        let mut rest = records;
        loop {
            out.reserve((rest.len() / 2).max(STEP_BYTES));
            let before = deflater.total_in();
            let status = deflater
                .compress_vec(rest, out, FlushCompress::Finish)
                .expect("deflating cannot fail on any input");
            let taken = usize::try_from(deflater.total_in() - before).expect("within the input");
            rest = &rest[taken..];
            if status == Status::StreamEnd {
                break;
            }
        }
        out.extend_from_slice(&crc32_iso_hdlc(records).to_le_bytes());
        out.extend_from_slice(&content_length(records).to_le_bytes());
    }

    fn deflater(&mut self, level: i32) -> &mut Compress {
        if self.deflater.as_ref().is_none_or(|(has, _)| *has != level) {
            let zlib_level =
                flate2::Compression::new(u32::try_from(level).unwrap_or(LEVEL_OF_ZLIB));
            self.deflater = Some((level, Compress::new(zlib_level, false)));
        }
        let (_, deflater) = self.deflater.as_mut().expect("made above");
        deflater.reset();
        deflater
    }
}

/// Inflates one member; what is left of the input begins with its trailer.
fn inflate_member<'i>(
    inflater: &mut Decompress,
    mut input: &'i [u8],
    out: &mut Inflated,
) -> Result<&'i [u8], InflateError> {
    loop {
        let room = out.room_up_to(STEP_BYTES)?;
        let (in_before, out_before) = (inflater.total_in(), inflater.total_out());
        let status = inflater
            .decompress(input, room, FlushDecompress::None)
            .map_err(InflateError::corrupt)?;
        let taken = usize::try_from(inflater.total_in() - in_before).expect("within the input");
        let made = usize::try_from(inflater.total_out() - out_before).expect("within the room");
        out.advance(made);
        input = &input[taken..];
        match status {
            Status::StreamEnd => return Ok(input),
            Status::Ok | Status::BufError if taken == 0 && made == 0 => {
                return Err(InflateError::corrupt("the deflated data is cut off"));
            }
            Status::Ok | Status::BufError => {}
        }
    }
}

fn check_trailer(trailer: &[u8], content: &[u8]) -> Result<(), InflateError> {
    let (Some(crc), Some(length)) = (array_at(trailer, 0), array_at(trailer, 4)) else {
        return Err(InflateError::corrupt("the gzip trailer is cut off"));
    };
    if u32::from_le_bytes(length) != content_length(content) {
        return Err(InflateError::corrupt("the length in the gzip trailer is not the content's"));
    }
    if u32::from_le_bytes(crc) != crc32_iso_hdlc(content) {
        return Err(InflateError::corrupt("the CRC in the gzip trailer is not the content's"));
    }
    Ok(())
}

/// The content's length modulo 2^32, as trailers hold it.
fn content_length(content: &[u8]) -> u32 {
    let low = content.len() & 0xffff_ffff;
    u32::try_from(low).expect("masked to 32 bits")
}

/// What is behind the header and its optional parts.
fn skip_header(input: &[u8]) -> Option<&[u8]> {
    let (header, mut rest) = input.split_first_chunk::<10>()?;
    if header[..3] != HEADER[..3] {
        return None;
    }
    let flags = header[3];
    if flags & FLAG_EXTRA != 0 {
        let (length, behind) = rest.split_first_chunk::<2>()?;
        rest = behind.get(usize::from(u16::from_le_bytes(*length))..)?;
    }
    for flag in [FLAG_NAME, FLAG_COMMENT] {
        if flags & flag != 0 {
            let end = rest.iter().position(|&byte| byte == 0)?;
            rest = &rest[end + 1..];
        }
    }
    if flags & FLAG_HEADER_CRC != 0 {
        rest = rest.get(2..)?;
    }
    Some(rest)
}
