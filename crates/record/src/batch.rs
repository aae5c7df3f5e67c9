//! Framing: where one batch ends and the next begins.

use std::fmt;

use crate::bytes::i32_at;
use crate::crc::crc32c;
use crate::header::{
    BATCH_LENGTH_MIN, BatchHeader, BatchHeaderError, CRC_FROM, HEADER_BYTES, LENGTH_PREFIX_BYTES,
    MAGIC, MAGIC_AT,
};

/// One whole batch in borrowed bytes. Its frame and header are parsed; checksum and records are
/// not verified.
#[derive(Clone, Copy, Debug)]
pub struct Batch<'a> {
    header: BatchHeader,
    bytes: &'a [u8],
}

/// The batches at the front of `bytes`, one behind the other.
///
/// A tail that is cut off, as the last batch of a Fetch response may be, ends the iteration;
/// [`Batches::tail`] tells what is left. Bytes that cannot be a batch yield one error and end it.
#[must_use]
pub fn batches(bytes: &[u8]) -> Batches<'_> {
    Batches { bytes, position: 0, failed: false }
}

/// See [`batches`].
#[derive(Clone, Debug)]
pub struct Batches<'a> {
    bytes: &'a [u8],
    position: usize,
    failed: bool,
}

/// Bytes that are neither a batch nor the beginning of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameError {
    /// Where the batch begins that is none, in bytes from the front of the input.
    pub position: usize,
    pub error: BatchHeaderError,
}

impl fmt::Display for FrameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no record batch at byte {}: {}", self.position, self.error)
    }
}

impl std::error::Error for FrameError {}

impl<'a> Batch<'a> {
    /// The parsed header.
    #[must_use]
    pub fn header(&self) -> &BatchHeader {
        &self.header
    }

    /// The whole batch, header included.
    #[must_use]
    pub fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// The records section, compressed as the attributes say.
    #[must_use]
    pub fn body(&self) -> &'a [u8] {
        &self.bytes[HEADER_BYTES..]
    }

    /// Whether the checksum in the header is that of the bytes behind it.
    #[must_use]
    pub fn is_crc_valid(&self) -> bool {
        self.computed_crc() == self.header.crc
    }

    /// The checksum that the header should hold.
    #[must_use]
    pub fn computed_crc(&self) -> u32 {
        crc32c(&self.bytes[CRC_FROM..])
    }

    /// The batch at the front of `bytes`; `None` when it is cut off.
    fn frame(bytes: &'a [u8]) -> Result<Option<Self>, BatchHeaderError> {
        let Some(batch_length) = i32_at(bytes, 8) else { return Ok(None) };
        let magic = bytes.get(MAGIC_AT).copied();
        if let Some(magic) = magic.filter(|&magic| magic != MAGIC) {
            return Err(BatchHeaderError::Magic(magic));
        }
        let body = usize::try_from(batch_length).ok();
        let Some(length) = body.filter(|_| batch_length >= BATCH_LENGTH_MIN) else {
            return Err(BatchHeaderError::Length(batch_length));
        };
        let Some(bytes) = bytes.get(..length.saturating_add(LENGTH_PREFIX_BYTES)) else {
            return Ok(None);
        };
        let header = BatchHeader::parse(bytes)?;
        Ok(Some(Self { header, bytes }))
    }
}

impl<'a> Batches<'a> {
    /// What the iteration has not passed: a cut-off batch, or the bytes that are none.
    #[must_use]
    pub fn tail(&self) -> &'a [u8] {
        &self.bytes[self.position..]
    }

    /// Bytes of the batches that were yielded.
    #[must_use]
    pub fn position(&self) -> usize {
        self.position
    }
}

impl<'a> Iterator for Batches<'a> {
    type Item = Result<Batch<'a>, FrameError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.failed {
            return None;
        }
        match Batch::frame(self.tail()) {
            Ok(batch) => {
                let batch = batch?;
                self.position += batch.bytes.len();
                Some(Ok(batch))
            }
            Err(error) => {
                self.failed = true;
                Some(Err(FrameError { position: self.position, error }))
            }
        }
    }
}

impl std::iter::FusedIterator for Batches<'_> {}
