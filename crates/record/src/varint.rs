//! Zigzag varints as records use them: seven bits a byte, least significant group first.

/// Longest encoding of a 32-bit varint.
pub(crate) const VARINT_BYTES_MAX: usize = 5;
/// Longest encoding of a 64-bit varint.
pub(crate) const VARLONG_BYTES_MAX: usize = 10;

/// A cursor over the bytes of one records section. Reads return `None` at the end of the input and
/// on a varint that is longer, or holds more bits, than its type.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cursor<'a> {
    rest: &'a [u8],
}

impl<'a> Cursor<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    pub(crate) fn remaining(&self) -> usize {
        self.rest.len()
    }

    #[inline]
    pub(crate) fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (head, tail) = self.rest.split_at_checked(count)?;
        self.rest = tail;
        Some(head)
    }

    #[inline]
    pub(crate) fn byte(&mut self) -> Option<u8> {
        let (&first, tail) = self.rest.split_first()?;
        self.rest = tail;
        Some(first)
    }

    #[inline]
    pub(crate) fn varint(&mut self) -> Option<i32> {
        let raw = u32::try_from(self.group(VARINT_BYTES_MAX)?).ok()?;
        i32::try_from(unzigzag(raw.into())).ok()
    }

    #[inline]
    pub(crate) fn varlong(&mut self) -> Option<i64> {
        self.group(VARLONG_BYTES_MAX).map(unzigzag)
    }

    /// A length, then so many bytes; -1 stands for null.
    #[inline]
    #[allow(clippy::option_option, reason = "outer: malformed, inner: null")]
    pub(crate) fn nullable_bytes(&mut self) -> Option<Option<&'a [u8]>> {
        match self.varint()? {
            -1 => Some(None),
            length => Some(Some(self.take(usize::try_from(length).ok()?)?)),
        }
    }

    #[inline]
    fn group(&mut self, bytes_max: usize) -> Option<u64> {
        let first = self.byte()?;
        if first < 0x80 {
            return Some(first.into());
        }
        let mut value = u64::from(first & 0x7f);
        for index in 1..bytes_max {
            let byte = self.byte()?;
            let bits = u64::from(byte & 0x7f);
            let shift = 7 * index;
            if (bits << shift) >> shift != bits {
                return None;
            }
            value |= bits << shift;
            if byte < 0x80 {
                return Some(value);
            }
        }
        None
    }
}

pub(crate) fn push_varint(out: &mut Vec<u8>, value: i32) {
    push_varlong(out, value.into());
}

pub(crate) fn push_varlong(out: &mut Vec<u8>, value: i64) {
    let mut raw = zigzag(value);
    while raw >= 0x80 {
        out.push(low_byte(raw) | 0x80);
        raw >>= 7;
    }
    out.push(low_byte(raw));
}

/// How many bytes [`push_varlong`] writes.
pub(crate) fn varlong_bytes(value: i64) -> usize {
    let bits = 64 - (zigzag(value) | 1).leading_zeros();
    usize::try_from(bits.div_ceil(7)).expect("at most ten")
}

pub(crate) fn varint_bytes(value: i32) -> usize {
    varlong_bytes(value.into())
}

fn zigzag(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)).cast_unsigned()
}

/// The signed value of a varint's bits.
#[inline(always)]
pub(crate) fn unzigzag(raw: u64) -> i64 {
    (raw >> 1).cast_signed() ^ -(raw & 1).cast_signed()
}

fn low_byte(raw: u64) -> u8 {
    raw.to_le_bytes()[0]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(value: i64, encoded: &[u8]) {
        let mut out = Vec::new();
        push_varlong(&mut out, value);
        assert_eq!(out, encoded, "{value}");
        assert_eq!(varlong_bytes(value), encoded.len(), "{value}");
        assert_eq!(Cursor::new(encoded).varlong(), Some(value));
        let narrow = i32::try_from(value).ok();
        assert_eq!(Cursor::new(encoded).varint(), narrow, "{value}");
    }

    #[test]
    fn known_encodings() {
        check(0, &[0]);
        check(-1, &[1]);
        check(63, &[0x7e]);
        check(-64, &[0x7f]);
        check(64, &[0x80, 1]);
        check(8191, &[0xfe, 0x7f]);
        check(i32::MAX.into(), &[0xfe, 0xff, 0xff, 0xff, 0x0f]);
        check(i32::MIN.into(), &[0xff, 0xff, 0xff, 0xff, 0x0f]);
        check(i64::MIN, &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1]);
    }

    #[test]
    fn too_long_or_cut_is_refused() {
        assert_eq!(Cursor::new(&[0x80, 0x80, 0x80, 0x80, 0x80, 0]).varint(), None);
        assert_eq!(Cursor::new(&[0xff, 0xff, 0xff, 0xff, 0x1f]).varint(), None);
        assert_eq!(Cursor::new(&[0xff; 11]).varlong(), None);
        let beyond_64_bits = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2];
        assert_eq!(Cursor::new(&beyond_64_bits).varlong(), None);
        assert_eq!(Cursor::new(&[0x80]).varint(), None);
        assert_eq!(Cursor::new(&[]).varint(), None);
    }
}
