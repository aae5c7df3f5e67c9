//! What a message is made of: how each type of the notation is read and written.

use std::borrow::Cow;

use types::Uuid;

use crate::error::{DecodeError, EncodeError, Malformed};
use crate::reader::Reader;
use crate::writer::Writer;

/// Text that may borrow from the frame.
pub type Str<'a> = Cow<'a, str>;

/// Bytes that may borrow from the frame.
pub type Blob<'a> = Cow<'a, [u8]>;

/// The version that is read or written, and whether it is a flexible one.
#[derive(Debug, Clone, Copy)]
pub struct Shape {
    pub version: i16,
    pub flexible: bool,
}

/// A value inside a message.
pub trait Part<'a>: Sized {
    /// The fewest bytes that a value takes.
    const BYTES_MIN: usize;
    /// The most bytes that reading allocates for each byte of input, however hostile.
    const EXPANSION: usize = 0;

    fn read(r: &mut Reader<'a>, s: Shape) -> Result<Self, DecodeError>;
    fn write(&self, w: &mut Writer, s: Shape) -> Result<(), EncodeError>;
}

/// A generated struct, which is preceded by a byte where it is nullable.
pub trait Composite<'a>: Part<'a> {}

impl Shape {
    /// The same version without compact lengths.
    pub(crate) const fn rigid(self) -> Self {
        Self { version: self.version, flexible: false }
    }

    #[cold]
    pub(crate) const fn absent(self, field: &'static str) -> EncodeError {
        EncodeError::FieldAbsent { field, version: self.version }
    }

    pub(crate) fn some<'v, T>(
        self,
        value: Option<&'v T>,
        field: &'static str,
    ) -> Result<&'v T, EncodeError> {
        value.ok_or(EncodeError::FieldNull { field, version: self.version })
    }
}

macro_rules! number {
    ($($ty:ty)*) => {$(
        impl Part<'_> for $ty {
            const BYTES_MIN: usize = size_of::<$ty>();

            #[inline]
            fn read(r: &mut Reader<'_>, _: Shape) -> Result<Self, DecodeError> {
                r.array().map(<$ty>::from_be_bytes)
            }

            #[inline]
            fn write(&self, w: &mut Writer, _: Shape) -> Result<(), EncodeError> {
                w.put(&self.to_be_bytes());
                Ok(())
            }
        }
    )*};
}

number! { i8 i16 u16 i32 u32 i64 f64 }

impl Part<'_> for bool {
    const BYTES_MIN: usize = 1;

    #[inline]
    fn read(r: &mut Reader<'_>, _: Shape) -> Result<Self, DecodeError> {
        r.i8().map(|byte| byte != 0)
    }

    #[inline]
    fn write(&self, w: &mut Writer, _: Shape) -> Result<(), EncodeError> {
        w.put(&[u8::from(*self)]);
        Ok(())
    }
}

impl Part<'_> for Uuid {
    const BYTES_MIN: usize = 16;

    #[inline]
    fn read(r: &mut Reader<'_>, _: Shape) -> Result<Self, DecodeError> {
        r.array().map(Self)
    }

    #[inline]
    fn write(&self, w: &mut Writer, _: Shape) -> Result<(), EncodeError> {
        w.put(&self.0);
        Ok(())
    }
}

impl<'a> Part<'a> for Option<Str<'a>> {
    const BYTES_MIN: usize = 1;

    #[inline]
    fn read(r: &mut Reader<'a>, s: Shape) -> Result<Self, DecodeError> {
        let Some(length) = r.string_length(s.flexible)? else { return Ok(None) };
        let bytes = r.take(length)?;
        let text = std::str::from_utf8(bytes).map_err(|_| r.error(Malformed::Utf8))?;
        Ok(Some(Str::Borrowed(text)))
    }

    #[inline]
    fn write(&self, w: &mut Writer, s: Shape) -> Result<(), EncodeError> {
        match self {
            Some(text) => text.write(w, s),
            None => w.string_length(None, s.flexible),
        }
    }
}

impl<'a> Part<'a> for Str<'a> {
    const BYTES_MIN: usize = 1;

    #[inline]
    fn read(r: &mut Reader<'a>, s: Shape) -> Result<Self, DecodeError> {
        let text: Option<Str<'a>> = Part::read(r, s)?;
        text.ok_or_else(|| r.error(Malformed::Null))
    }

    #[inline]
    fn write(&self, w: &mut Writer, s: Shape) -> Result<(), EncodeError> {
        w.string_length(Some(self.len()), s.flexible)?;
        w.put(self.as_bytes());
        Ok(())
    }
}

impl<'a> Part<'a> for Option<Blob<'a>> {
    const BYTES_MIN: usize = 1;

    #[inline]
    fn read(r: &mut Reader<'a>, s: Shape) -> Result<Self, DecodeError> {
        let Some(length) = r.length(s.flexible)? else { return Ok(None) };
        Ok(Some(Blob::Borrowed(r.take(length)?)))
    }

    #[inline]
    fn write(&self, w: &mut Writer, s: Shape) -> Result<(), EncodeError> {
        match self {
            Some(bytes) => bytes.write(w, s),
            None => w.length(None, s.flexible),
        }
    }
}

impl<'a> Part<'a> for Blob<'a> {
    const BYTES_MIN: usize = 1;

    #[inline]
    fn read(r: &mut Reader<'a>, s: Shape) -> Result<Self, DecodeError> {
        let bytes: Option<Blob<'a>> = Part::read(r, s)?;
        bytes.ok_or_else(|| r.error(Malformed::Null))
    }

    #[inline]
    fn write(&self, w: &mut Writer, s: Shape) -> Result<(), EncodeError> {
        w.length(Some(self.len()), s.flexible)?;
        w.put(self);
        Ok(())
    }
}

impl<'a, T: Part<'a>> Part<'a> for Option<Vec<T>> {
    const BYTES_MIN: usize = 1;
    const EXPANSION: usize = Vec::<T>::EXPANSION;

    fn read(r: &mut Reader<'a>, s: Shape) -> Result<Self, DecodeError> {
        let Some(count) = r.array_length(s.flexible, T::BYTES_MIN)? else { return Ok(None) };
        let mut elements = Vec::with_capacity(count);
        for _ in 0..count {
            elements.push(T::read(r, s)?);
        }
        Ok(Some(elements))
    }

    fn write(&self, w: &mut Writer, s: Shape) -> Result<(), EncodeError> {
        match self {
            Some(elements) => elements.write(w, s),
            None => w.length(None, s.flexible),
        }
    }
}

impl<'a, T: Part<'a>> Part<'a> for Vec<T> {
    const BYTES_MIN: usize = 1;
    /// Room for as many elements as the bytes left can hold, in each nested array once.
    const EXPANSION: usize = size_of::<T>().div_ceil(T::BYTES_MIN) + T::EXPANSION;

    fn read(r: &mut Reader<'a>, s: Shape) -> Result<Self, DecodeError> {
        let elements: Option<Self> = Part::read(r, s)?;
        elements.ok_or_else(|| r.error(Malformed::Null))
    }

    fn write(&self, w: &mut Writer, s: Shape) -> Result<(), EncodeError> {
        w.length(Some(self.len()), s.flexible)?;
        for element in self {
            element.write(w, s)?;
        }
        Ok(())
    }
}

impl<'a, T: Composite<'a>> Part<'a> for Option<T> {
    const BYTES_MIN: usize = 1;
    const EXPANSION: usize = T::EXPANSION;

    fn read(r: &mut Reader<'a>, s: Shape) -> Result<Self, DecodeError> {
        if r.i8()? < 0 { Ok(None) } else { T::read(r, s).map(Some) }
    }

    fn write(&self, w: &mut Writer, s: Shape) -> Result<(), EncodeError> {
        match self {
            Some(part) => {
                w.put(&[1]);
                part.write(w, s)
            }
            None => {
                w.put(&[0xff]);
                Ok(())
            }
        }
    }
}

/// The largest of what the fields of a struct expand to.
pub(crate) const fn most(expansions: &[usize]) -> usize {
    let (mut most, mut place) = (0, 0);
    while place < expansions.len() {
        if expansions[place] > most {
            most = expansions[place];
        }
        place += 1;
    }
    most
}

/// A tagged struct says with a varint, not with a signed byte, whether it is null.
pub(crate) fn read_tagged<'a, T: Composite<'a>>(
    r: &mut Reader<'a>,
    s: Shape,
) -> Result<Option<T>, DecodeError> {
    if r.uvarint()? == 0 { Ok(None) } else { T::read(r, s).map(Some) }
}

/// The counterpart of [`read_tagged`].
pub(crate) fn write_tagged<'a, T: Composite<'a>>(
    part: Option<&T>,
    w: &mut Writer,
    s: Shape,
) -> Result<(), EncodeError> {
    w.uvarint(u32::from(part.is_some()));
    part.map_or(Ok(()), |part| part.write(w, s))
}
