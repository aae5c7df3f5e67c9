//! Takes values off a byte slice without copying, and allocates only what the bytes can back.

use crate::error::{DecodeError, Malformed};

/// A position in borrowed bytes.
#[derive(Debug, Clone)]
pub struct Reader<'a> {
    bytes: &'a [u8],
    position: usize,
}

/// Longest string that Kafka accepts, in bytes.
pub(crate) const STRING_BYTES_MAX: usize = 0x7fff;

impl<'a> Reader<'a> {
    #[must_use]
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, position: 0 }
    }

    /// How many bytes have been read.
    #[must_use]
    pub const fn position(&self) -> usize {
        self.position
    }

    /// What has not been read.
    #[must_use]
    pub fn rest(&self) -> &'a [u8] {
        &self.bytes[self.position..]
    }

    /// Ends reading; an error if bytes are left.
    pub fn finish(self) -> Result<(), DecodeError> {
        match self.rest().len() {
            0 => Ok(()),
            left => Err(self.error(Malformed::Trailing(left))),
        }
    }

    /// The next `count` bytes.
    #[inline]
    pub fn take(&mut self, count: usize) -> Result<&'a [u8], DecodeError> {
        match self.rest().get(..count) {
            Some(taken) => {
                self.position += count;
                Ok(taken)
            }
            None => Err(self.truncated(count)),
        }
    }

    #[inline]
    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        match self.rest().first_chunk::<N>() {
            Some(chunk) => {
                self.position += N;
                Ok(*chunk)
            }
            None => Err(self.truncated(N)),
        }
    }

    #[inline]
    pub fn i8(&mut self) -> Result<i8, DecodeError> {
        self.array().map(i8::from_be_bytes)
    }

    #[inline]
    pub fn i16(&mut self) -> Result<i16, DecodeError> {
        self.array().map(i16::from_be_bytes)
    }

    #[inline]
    pub fn i32(&mut self) -> Result<i32, DecodeError> {
        self.array().map(i32::from_be_bytes)
    }

    #[inline]
    pub fn i64(&mut self) -> Result<i64, DecodeError> {
        self.array().map(i64::from_be_bytes)
    }

    /// An unsigned varint of at most 32 bits.
    #[inline]
    pub fn uvarint(&mut self) -> Result<u32, DecodeError> {
        match self.rest().first() {
            Some(byte) if byte & 0x80 == 0 => {
                self.position += 1;
                Ok(u32::from(*byte))
            }
            _ => self.long_uvarint(),
        }
    }

    fn long_uvarint(&mut self) -> Result<u32, DecodeError> {
        let mut value = 0u64;
        for shift in [0, 7, 14, 21, 28] {
            let [byte] = self.array()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return u32::try_from(value).map_err(|_| self.error(Malformed::Varint));
            }
        }
        Err(self.error(Malformed::Varint))
    }

    /// The length of a string: `i16`, or compact (one more, as varint). `None` is null.
    #[inline]
    pub(crate) fn string_length(&mut self, compact: bool) -> Result<Option<usize>, DecodeError> {
        let length = if compact {
            self.compact_length()?
        } else {
            let length = self.i16()?;
            self.nullable(i32::from(length))?
        };
        if let Some(length) = length.filter(|length| *length > STRING_BYTES_MAX) {
            return Err(self.error(Malformed::StringTooLong(length)));
        }
        Ok(length)
    }

    /// The length of bytes or of an array: `i32`, or compact. `None` is null.
    #[inline]
    pub(crate) fn length(&mut self, compact: bool) -> Result<Option<usize>, DecodeError> {
        if compact {
            return self.compact_length();
        }
        let length = self.i32()?;
        self.nullable(length)
    }

    fn nullable(&self, length: i32) -> Result<Option<usize>, DecodeError> {
        match usize::try_from(length) {
            Ok(length) => Ok(Some(length)),
            Err(_) if length == -1 => Ok(None),
            Err(_) => Err(self.error(Malformed::Length(i64::from(length)))),
        }
    }

    #[inline]
    fn compact_length(&mut self) -> Result<Option<usize>, DecodeError> {
        let stored = self.uvarint()?;
        let Some(length) = stored.checked_sub(1) else { return Ok(None) };
        match i32::try_from(length).map(usize::try_from) {
            Ok(Ok(length)) => Ok(Some(length)),
            _ => Err(self.error(Malformed::Length(i64::from(length)))),
        }
    }

    /// The length of an array whose elements take at least `bytes_min` each: more than the bytes
    /// left can hold is refused before anything is allocated.
    pub(crate) fn array_length(
        &mut self,
        compact: bool,
        bytes_min: usize,
    ) -> Result<Option<usize>, DecodeError> {
        let length = self.length(compact)?;
        let left = self.rest().len();
        match length {
            Some(count) if count > left / bytes_min.max(1) => {
                Err(self.error(Malformed::Elements { count, left }))
            }
            length => Ok(length),
        }
    }

    /// Reads the tagged fields; `known` returns whether it has read the value of the tag.
    pub(crate) fn tags(
        &mut self,
        mut known: impl FnMut(u32, &mut Self) -> Result<bool, DecodeError>,
    ) -> Result<(), DecodeError> {
        for _ in 0..self.uvarint()? {
            let tag = self.uvarint()?;
            let size = self.uvarint()?;
            let mut value = self.limited(tag, size)?;
            let end = value.bytes.len();
            match known(tag, &mut value) {
                Ok(true) if value.position != end => {
                    return Err(self.error(Malformed::TagSize { tag, size }));
                }
                Ok(_) => self.position = end,
                Err(DecodeError {
                    reason: Malformed::Truncated { .. } | Malformed::Elements { .. },
                    ..
                }) => return Err(self.error(Malformed::TagSize { tag, size })),
                Err(why) => return Err(why),
            }
        }
        Ok(())
    }

    pub(crate) fn skip_tags(&mut self) -> Result<(), DecodeError> {
        if self.rest().first() == Some(&0) {
            self.position += 1;
            return Ok(());
        }
        self.tags(|_, _| Ok(false))
    }

    /// A reader that ends with the value of a tagged field.
    fn limited(&self, tag: u32, size: u32) -> Result<Self, DecodeError> {
        let end = usize::try_from(size).ok().and_then(|size| self.position.checked_add(size));
        match end.and_then(|end| self.bytes.get(..end)) {
            Some(bytes) => Ok(Self { bytes, position: self.position }),
            None => Err(self.error(Malformed::TagSize { tag, size })),
        }
    }

    #[cold]
    fn truncated(&self, needed: usize) -> DecodeError {
        self.error(Malformed::Truncated { needed, left: self.rest().len() })
    }

    #[cold]
    pub(crate) fn error(&self, reason: Malformed) -> DecodeError {
        DecodeError { at: self.position, reason }
    }
}
