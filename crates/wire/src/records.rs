//! Record batches inside a message: borrowed, or a file range that the encoder leaves out.

use crate::error::{DecodeError, EncodeError, Malformed};
use crate::owned::IntoStatic;
use crate::part::{Blob, Part, Shape};
use crate::reader::Reader;
use crate::writer::Writer;

/// The value of a field of type `records`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Records<'a> {
    #[default]
    Null,
    Inline(Blob<'a>),
    /// For encoding only: `bytes` bytes that the sender takes from its file range `index`.
    Range {
        index: u32,
        bytes: u32,
    },
}

impl Records<'_> {
    /// The bytes, if they are here.
    #[must_use]
    pub fn as_slice(&self) -> Option<&[u8]> {
        match self {
            Self::Inline(bytes) => Some(bytes),
            Self::Null | Self::Range { .. } => None,
        }
    }

    /// How many bytes of records there are, wherever they lie.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Self::Null => 0,
            Self::Inline(bytes) => bytes.len(),
            Self::Range { bytes, .. } => usize::try_from(*bytes).unwrap_or(usize::MAX),
        }
    }

    /// Whether there are no records.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl<'a> Records<'a> {
    pub(crate) fn read_non_null(r: &mut Reader<'a>, s: Shape) -> Result<Self, DecodeError> {
        match Self::read(r, s)? {
            Self::Null => Err(r.error(Malformed::Null)),
            records => Ok(records),
        }
    }

    pub(crate) fn write_non_null(
        &self,
        w: &mut Writer,
        s: Shape,
        field: &'static str,
    ) -> Result<(), EncodeError> {
        match self {
            Self::Null => Err(EncodeError::FieldNull { field, version: s.version }),
            Self::Inline(_) | Self::Range { .. } => self.write(w, s),
        }
    }
}

impl<'a> Part<'a> for Records<'a> {
    const BYTES_MIN: usize = 1;

    fn read(r: &mut Reader<'a>, s: Shape) -> Result<Self, DecodeError> {
        let bytes: Option<Blob<'a>> = Part::read(r, s)?;
        Ok(bytes.map_or(Self::Null, Self::Inline))
    }

    fn write(&self, w: &mut Writer, s: Shape) -> Result<(), EncodeError> {
        match self {
            Self::Null => w.length(None, s.flexible),
            Self::Inline(bytes) => bytes.write(w, s),
            Self::Range { index, bytes } => {
                w.length(Some(self.len()), s.flexible)?;
                w.cut(*index, *bytes);
                Ok(())
            }
        }
    }
}

impl IntoStatic for Records<'_> {
    type Static = Records<'static>;

    fn into_static(self) -> Records<'static> {
        match self {
            Self::Null => Records::Null,
            Self::Inline(bytes) => Records::Inline(bytes.into_static()),
            Self::Range { index, bytes } => Records::Range { index, bytes },
        }
    }
}

impl<'a> From<&'a [u8]> for Records<'a> {
    fn from(bytes: &'a [u8]) -> Self {
        Self::Inline(Blob::Borrowed(bytes))
    }
}

impl From<Vec<u8>> for Records<'_> {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Inline(Blob::Owned(bytes))
    }
}
