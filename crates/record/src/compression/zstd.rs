//! Zstandard frames, inflated in one shot: no window buffer, no copy out of it.

use zstd::zstd_safe::{CCtx, CParameter, DCtx, compress_bound, decompress_bound, get_error_name};

use super::InflateError;
use super::scratch::Inflated;

pub(super) const LEVEL_DEFAULT: i32 = 3;
const LEVEL_MIN: i32 = -131_072;
const LEVEL_MAX: i32 = 22;

/// `ZSTD_error_dstSize_tooSmall`, in the negated form in which the library returns its errors.
const DESTINATION_TOO_SMALL: usize = 0_usize.wrapping_sub(70);

/// A first guess of how far a batch inflates: twice what dense logs reach.
const RATIO_GUESS: usize = 16;
const ROOM_BYTES_MIN: usize = 64 << 10;
/// By how much a further try has more room; all tries together cost a third more than the last.
const RETRY_GROWTH: usize = 4;

#[derive(Default)]
pub(super) struct Zstd {
    inflater: Option<DCtx<'static>>,
    deflater: Option<(i32, CCtx<'static>)>,
}

pub(super) fn level(level: i32) -> i32 {
    level.clamp(LEVEL_MIN, LEVEL_MAX)
}

impl Zstd {
    /// One or more frames. Java's producer streams, so its frames do not tell the length of their
    /// content; the number of their blocks bounds it. A frame may lie, hence the room grows only
    /// as far as content comes.
    pub(super) fn inflate(&mut self, input: &[u8], out: &mut Inflated) -> Result<(), InflateError> {
        let bound = decompress_bound(input).map_err(corrupt)?;
        let bound = usize::try_from(bound).unwrap_or(usize::MAX);
        let inflater = self.inflater.get_or_insert_with(DCtx::create);
        let mut wanted = input.len().saturating_mul(RATIO_GUESS).max(ROOM_BYTES_MIN).min(bound);
        loop {
            let room = out.room_up_to(wanted)?;
            let room_bytes = room.len();
            match inflater.decompress(room, input) {
                Ok(made) => {
                    out.advance(made);
                    return Ok(());
                }
                Err(DESTINATION_TOO_SMALL) if room_bytes < wanted => {
                    return Err(InflateError::Full);
                }
                Err(DESTINATION_TOO_SMALL) if room_bytes < bound => {
                    wanted = room_bytes.saturating_mul(RETRY_GROWTH).min(bound);
                }
                Err(code) => return Err(corrupt(code)),
            }
        }
    }

    pub(super) fn compress(&mut self, level: i32, records: &[u8], out: &mut Vec<u8>) {
        let at = out.len();
        out.resize(at + compress_bound(records.len()), 0);
        let made = self
            .deflater(level)
            .compress2(&mut out[at..], records)
            .expect("the room is what the encoder asks for");
        out.truncate(at + made);
    }

    fn deflater(&mut self, level: i32) -> &mut CCtx<'static> {
        if self.deflater.as_ref().is_none_or(|(has, _)| *has != level) {
            let mut context = CCtx::create();
            context
                .set_parameter(CParameter::CompressionLevel(level))
                .expect("a level within the range of zstd");
            self.deflater = Some((level, context));
        }
        let (_, deflater) = self.deflater.as_mut().expect("made above");
        deflater
    }
}

fn corrupt(code: usize) -> InflateError {
    InflateError::corrupt(get_error_name(code))
}
