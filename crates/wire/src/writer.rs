//! Collects an encoded message: one buffer, and the places where file ranges are cut in.

use crate::error::EncodeError;

/// A file range that goes out between two inline bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cut {
    /// How many inline bytes go out before the range.
    pub at: usize,
    /// The range's number, as given in [`crate::Records::Range`].
    pub index: u32,
    pub bytes: u32,
}

/// What to send: the inline bytes with the file ranges at their cuts, in order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WritePlan {
    pub inline: Vec<u8>,
    pub cuts: Vec<Cut>,
}

impl WritePlan {
    /// Inline bytes and ranges together.
    #[must_use]
    pub fn total_bytes(&self) -> u64 {
        let ranges: u64 = self.cuts.iter().map(|cut| u64::from(cut.bytes)).sum();
        self.inline.len() as u64 + ranges
    }
}

/// Where a message is encoded to.
#[derive(Debug, Default)]
pub struct Writer {
    plan: WritePlan,
}

/// Where the count of the tagged fields stands.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Tags(usize);

impl Writer {
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Appends to `buffer`, which keeps what it holds.
    #[must_use]
    pub fn with_buffer(buffer: Vec<u8>) -> Self {
        Self { plan: WritePlan { inline: buffer, cuts: Vec::new() } }
    }

    #[must_use]
    pub fn into_plan(self) -> WritePlan {
        self.plan
    }

    /// What has been written, without the ranges.
    #[must_use]
    pub fn inline(&self) -> &[u8] {
        &self.plan.inline
    }

    pub(crate) fn inline_mut(&mut self) -> &mut Vec<u8> {
        &mut self.plan.inline
    }

    /// Inline bytes and ranges together.
    #[must_use]
    pub fn total_bytes(&self) -> u64 {
        self.plan.total_bytes()
    }

    #[inline]
    pub fn put(&mut self, bytes: &[u8]) {
        self.plan.inline.extend_from_slice(bytes);
    }

    #[inline]
    pub fn uvarint(&mut self, mut value: u32) {
        while value >= 0x80 {
            self.plan.inline.push(low_seven_bits(value) | 0x80);
            value >>= 7;
        }
        self.plan.inline.push(low_seven_bits(value));
    }

    /// The file range takes the place of bytes that were announced by a length before.
    pub(crate) fn cut(&mut self, index: u32, bytes: u32) {
        self.plan.cuts.push(Cut { at: self.plan.inline.len(), index, bytes });
    }

    /// The length of a string; `None` is null.
    #[inline]
    pub(crate) fn string_length(
        &mut self,
        length: Option<usize>,
        compact: bool,
    ) -> Result<(), EncodeError> {
        let short = match length {
            None => -1,
            Some(length) => i16::try_from(length).map_err(|_| EncodeError::TooLong { length })?,
        };
        if compact {
            self.uvarint((i32::from(short) + 1).cast_unsigned());
        } else {
            self.put(&short.to_be_bytes());
        }
        Ok(())
    }

    /// The length of bytes or of an array; `None` is null.
    #[inline]
    pub(crate) fn length(
        &mut self,
        length: Option<usize>,
        compact: bool,
    ) -> Result<(), EncodeError> {
        let signed = match length {
            None => -1,
            Some(length) => i32::try_from(length).map_err(|_| EncodeError::TooLong { length })?,
        };
        if compact {
            self.uvarint(signed.wrapping_add(1).cast_unsigned());
        } else {
            self.put(&signed.to_be_bytes());
        }
        Ok(())
    }

    /// No tagged field is set.
    #[inline]
    pub(crate) fn no_tags(&mut self) {
        self.plan.inline.push(0);
    }

    /// Begins the tagged fields: their count follows as they are written.
    #[inline]
    pub(crate) fn open_tags(&mut self) -> Tags {
        self.plan.inline.push(0);
        Tags(self.plan.inline.len() - 1)
    }

    /// Writes one tagged field: `write` gives the value, its size is filled in afterwards.
    pub(crate) fn tag(
        &mut self,
        tags: Tags,
        tag: u8,
        write: impl FnOnce(&mut Self) -> Result<(), EncodeError>,
    ) -> Result<(), EncodeError> {
        self.plan.inline[tags.0] += 1;
        self.plan.inline.push(tag);
        let size_at = self.plan.inline.len();
        // most values are shorter than 128 bytes, so that their size takes the one byte kept here
        self.plan.inline.push(0);
        write(self)?;
        let length = self.plan.inline.len() - size_at - 1;
        let size = u32::try_from(length).map_err(|_| EncodeError::TooLong { length })?;
        if size < 0x80 {
            self.plan.inline[size_at] = low_seven_bits(size);
        } else {
            let mut varint = Self::new();
            varint.uvarint(size);
            self.plan.inline.splice(size_at..=size_at, varint.plan.inline);
        }
        Ok(())
    }
}

#[inline]
fn low_seven_bits(value: u32) -> u8 {
    (value & 0x7f).to_le_bytes()[0]
}
