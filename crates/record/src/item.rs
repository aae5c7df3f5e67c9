//! Records inside a batch, borrowed from its (inflated) bytes.

use std::borrow::Cow;
use std::fmt;

use types::{Offset, TimestampMs};

use crate::attributes::TimestampType;
use crate::batch::Batch;
use crate::compression::{Compression, DecompressError, Scratch};
use crate::header::BatchHeader;
use crate::varint::Cursor;

/// One record.
///
/// ```text
/// varint   length of what follows
/// int8     attributes        unused
/// varlong  timestamp delta   to the batch's base timestamp
/// varint   offset delta      to the batch's base offset
/// varint   key length        -1: null;  then the key
/// varint   value length      -1: null;  then the value
/// varint   header count;     each: varint key length, key, varint value length (-1: null), value
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record<'r> {
    pub offset: Offset,
    pub timestamp: TimestampMs,
    pub key: Option<&'r [u8]>,
    pub value: Option<&'r [u8]>,
    pub headers: Headers<'r>,
}

/// A record's header: a name and bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header<'r> {
    /// UTF-8 by contract, which nobody checks: a leader takes any bytes.
    pub key: &'r [u8],
    pub value: Option<&'r [u8]>,
}

impl<'r> Header<'r> {
    /// The key as text; what is not UTF-8 in it is replaced, as Java's clients do.
    #[must_use]
    pub fn name(&self) -> Cow<'r, str> {
        String::from_utf8_lossy(self.key)
    }
}

/// The headers of a record, known to be well-formed.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct Headers<'r> {
    bytes: &'r [u8],
    count: usize,
}

/// A record that does not keep to the format; the rest of its batch cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecordError {
    /// The record at this index ends early, is longer than its content, or holds an impossible
    /// varint or a header without a name.
    Malformed { index: i32 },
    /// The record at this index came compressed and has more bytes behind its length than the
    /// reader allows.
    TooLarge { index: i32, bytes: usize, bytes_max: usize },
    /// Bytes are left behind the last record.
    Surplus { bytes: usize },
    /// The header's record count is negative.
    Count(i32),
}

impl fmt::Display for RecordError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed { index } => write!(f, "record {index} of the batch is malformed"),
            Self::TooLarge { index, bytes, bytes_max } => write!(
                f,
                "record {index} of the batch inflates to {bytes} bytes, more than the {bytes_max} \
                 of max.decompressed.message.bytes"
            ),
            Self::Surplus { bytes } => {
                write!(f, "{bytes} bytes are left behind the last record that the header counts")
            }
            Self::Count(count) => write!(f, "the header counts {count} records"),
        }
    }
}

impl std::error::Error for RecordError {}

impl<'a> Batch<'a> {
    /// The records of the batch, inflated into `scratch` where they are compressed.
    ///
    /// # Errors
    /// When the compressed data is broken, or inflates beyond the limit of `scratch`.
    pub fn records<'r>(&self, scratch: &'r mut Scratch) -> Result<Records<'r>, DecompressError>
    where
        'a: 'r,
    {
        let body = match self.header().attributes.compression() {
            Compression::None => self.body(),
            compression => scratch.inflate(compression, self.body())?,
        };
        Ok(Records::new(self.header(), body))
    }
}

/// The records of one batch in order. An error ends the iteration.
#[derive(Clone, Debug)]
pub struct Records<'r> {
    cursor: Cursor<'r>,
    base_offset: Offset,
    base_timestamp: TimestampMs,
    /// With LogAppendTime, what every record is stamped.
    append_time: Option<TimestampMs>,
    index: i32,
    count: i32,
    is_compressed: bool,
    record_bytes_max: usize,
    ended: bool,
}

impl<'r> Records<'r> {
    /// The records in `inflated`, which is the records section behind `header`.
    pub(crate) fn new(header: &BatchHeader, inflated: &'r [u8]) -> Self {
        let append_time = match header.attributes.timestamp_type() {
            TimestampType::CreateTime => None,
            TimestampType::LogAppendTime => Some(header.max_timestamp),
        };
        Self {
            cursor: Cursor::new(inflated),
            base_offset: header.base_offset,
            base_timestamp: header.base_timestamp,
            append_time,
            index: 0,
            count: header.record_count,
            is_compressed: header.attributes.compression() != Compression::None,
            record_bytes_max: usize::MAX,
            ended: false,
        }
    }

    /// Ends with [`RecordError::TooLarge`] at a record that came compressed and is larger: what
    /// `max.decompressed.message.bytes` asks of those who inflate.
    #[must_use]
    pub fn capped(self, record_bytes_max: usize) -> Self {
        Self { record_bytes_max, ..self }
    }

    fn end(&mut self) -> Option<RecordError> {
        self.ended = true;
        match self.cursor.remaining() {
            _ if self.count < 0 => Some(RecordError::Count(self.count)),
            0 => None,
            bytes => Some(RecordError::Surplus { bytes }),
        }
    }

    fn read(&mut self) -> Result<Record<'r>, RecordError> {
        let malformed = RecordError::Malformed { index: self.index };
        let length = self.cursor.varint().and_then(|length| usize::try_from(length).ok());
        let bytes = length.ok_or(malformed)?;
        if self.is_compressed && bytes > self.record_bytes_max {
            let (index, bytes_max) = (self.index, self.record_bytes_max);
            return Err(RecordError::TooLarge { index, bytes, bytes_max });
        }
        let content = self.cursor.take(bytes).ok_or(malformed)?;
        self.parse(Cursor::new(content)).ok_or(malformed)
    }

    fn parse(&self, mut cursor: Cursor<'r>) -> Option<Record<'r>> {
        let _unused_attributes = cursor.byte()?;
        let timestamp_delta = cursor.varlong()?;
        let offset_delta = cursor.varint()?;
        let key = cursor.nullable_bytes()?;
        let value = cursor.nullable_bytes()?;
        let headers = Headers::parse(cursor)?;
        let created = TimestampMs(self.base_timestamp.0.wrapping_add(timestamp_delta));
        Some(Record {
            offset: Offset(self.base_offset.0.wrapping_add(offset_delta.into())),
            timestamp: self.append_time.unwrap_or(created),
            key,
            value,
            headers,
        })
    }
}

impl<'r> Iterator for Records<'r> {
    type Item = Result<Record<'r>, RecordError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        if self.index >= self.count {
            return self.end().map(Err);
        }
        let record = self.read();
        self.ended = record.is_err();
        self.index += 1;
        Some(record)
    }
}

impl std::iter::FusedIterator for Records<'_> {}

impl<'r> Headers<'r> {
    /// No headers.
    pub const NONE: Self = Self { bytes: &[], count: 0 };

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.count
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    #[must_use]
    pub fn iter(&self) -> HeadersIter<'r> {
        HeadersIter { cursor: Cursor::new(self.bytes), left: self.count }
    }

    /// The last header of this name, which is the one that counts.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<Header<'r>> {
        self.iter().filter(|header| header.key == name.as_bytes()).last()
    }

    /// The headers that fill the rest of a record, count in front.
    fn parse(mut cursor: Cursor<'r>) -> Option<Self> {
        let count = usize::try_from(cursor.varint()?).ok()?;
        let bytes = cursor.take(cursor.remaining())?;
        let headers = Self { bytes, count };
        let mut walk = headers.iter();
        for _ in 0..count {
            walk.next()?;
        }
        (walk.cursor.remaining() == 0).then_some(headers)
    }
}

impl<'r> IntoIterator for Headers<'r> {
    type Item = Header<'r>;
    type IntoIter = HeadersIter<'r>;

    fn into_iter(self) -> HeadersIter<'r> {
        self.iter()
    }
}

/// The headers of a record in order.
#[derive(Clone, Debug)]
pub struct HeadersIter<'r> {
    cursor: Cursor<'r>,
    left: usize,
}

impl<'r> Iterator for HeadersIter<'r> {
    type Item = Header<'r>;

    fn next(&mut self) -> Option<Header<'r>> {
        self.left = self.left.checked_sub(1)?;
        let key = self.cursor.nullable_bytes()??;
        let value = self.cursor.nullable_bytes()?;
        Some(Header { key, value })
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (0, Some(self.left))
    }
}

impl fmt::Debug for Headers<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(*self).finish()
    }
}
