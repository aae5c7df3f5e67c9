//! Zstandard frames, inflated in one shot: no window buffer, no copy out of it.

use zstd::zstd_safe::{CCtx, CParameter, DCtx, compress_bound, decompress_bound, get_error_name};

use super::InflateError;
use super::scratch::Inflated;

pub(super) const LEVEL_DEFAULT: i32 = 3;
const LEVEL_MIN: i32 = -131_072;
const LEVEL_MAX: i32 = 22;

/// `ZSTD_error_dstSize_tooSmall`, in the negated form in which the library returns its errors.
const DESTINATION_TOO_SMALL: usize = 0_usize.wrapping_sub(70);

#[derive(Default)]
pub(super) struct Zstd {
    inflater: Option<DCtx<'static>>,
    deflater: Option<(i32, CCtx<'static>)>,
}

pub(super) fn level(level: i32) -> i32 {
    level.clamp(LEVEL_MIN, LEVEL_MAX)
}

impl Zstd {
    /// One or more frames. Java's producer streams, so frames do not tell the length of their
    /// content; the number of their blocks bounds it.
    pub(super) fn inflate(&mut self, input: &[u8], out: &mut Inflated) -> Result<(), InflateError> {
        let bound = decompress_bound(input).map_err(corrupt)?;
        let room = out.room_up_to(usize::try_from(bound).unwrap_or(usize::MAX))?;
        let inflater = self.inflater.get_or_insert_with(DCtx::create);
        match inflater.decompress(room, input) {
            Ok(made) => {
                out.advance(made);
                Ok(())
            }
            Err(DESTINATION_TOO_SMALL) => Err(InflateError::Full),
            Err(code) => Err(corrupt(code)),
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
