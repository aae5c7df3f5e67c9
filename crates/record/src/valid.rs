//! What may enter a log: the type that says a batch was looked at.

use std::borrow::Cow;

use types::{LeaderEpoch, Offset};

use crate::batch::{FrameError, batches};
use crate::header::{BatchHeader, HEADER_BYTES};

/// A batch that may be appended: made by [`crate::validate`], by a [`crate::BatchBuilder`], or
/// taken over as it stands in another log.
///
/// Its bytes are a header, which [`ValidBatch::header_bytes`] yields with the leader's fields
/// filled in, and a records section that is written as it is: no byte of it is copied between the
/// request and the file unless it had to be compressed anew.
#[derive(Clone, Debug)]
pub struct ValidBatch<'a> {
    header: BatchHeader,
    body: Cow<'a, [u8]>,
    max_timestamp_offset_delta: i32,
}

impl<'a> ValidBatch<'a> {
    /// `header` holds the length and the checksum of `body`.
    pub(crate) fn new(
        header: BatchHeader,
        body: Cow<'a, [u8]>,
        max_timestamp_offset_delta: i32,
    ) -> Self {
        assert_eq!(header.total_bytes(), HEADER_BYTES + body.len(), "a header of another body");
        Self { header, body, max_timestamp_offset_delta }
    }

    /// A batch that another broker's leader, or this process itself, has validated before: frame
    /// and checksum are verified, the records are taken as they are.
    ///
    /// # Errors
    /// When `bytes` are not exactly one v2 batch, or its checksum does not match.
    pub fn trusted(bytes: &'a [u8]) -> Result<Self, UntrustedBatch> {
        let mut framed = batches(bytes);
        let batch = match framed.next() {
            Some(Ok(batch)) if framed.tail().is_empty() => batch,
            Some(Err(error)) => return Err(UntrustedBatch::Frame(error)),
            Some(Ok(_)) | None => return Err(UntrustedBatch::Length),
        };
        if !batch.is_crc_valid() {
            return Err(UntrustedBatch::Crc);
        }
        let header = *batch.header();
        Ok(Self::new(header, Cow::Borrowed(batch.body()), header.last_offset_delta))
    }

    /// The header. Base offset and leader epoch are those that the batch came with.
    #[must_use]
    pub fn header(&self) -> &BatchHeader {
        &self.header
    }

    /// The records section, to be written behind the header.
    #[must_use]
    pub fn body(&self) -> &[u8] {
        &self.body
    }

    /// Bytes of header and records section.
    #[must_use]
    pub fn total_bytes(&self) -> usize {
        HEADER_BYTES + self.body.len()
    }

    /// Where the first record with the header's `max_timestamp` stands, behind the base offset.
    /// With LogAppendTime, and in batches taken over, that is the last record.
    #[must_use]
    pub fn max_timestamp_offset_delta(&self) -> i32 {
        self.max_timestamp_offset_delta
    }

    /// The header as it goes to the log. Neither field is covered by the checksum.
    #[must_use]
    pub fn header_bytes(
        &self,
        base_offset: Offset,
        leader_epoch: LeaderEpoch,
    ) -> [u8; HEADER_BYTES] {
        BatchHeader { base_offset, leader_epoch, ..self.header }.encode()
    }

    /// Header and records section in one buffer, with the offset and epoch that the batch holds.
    #[must_use]
    pub fn to_vec(&self) -> Vec<u8> {
        [&self.header.encode()[..], &self.body].concat()
    }

    /// The batch with bytes of its own.
    #[must_use]
    pub fn into_owned(self) -> ValidBatch<'static> {
        ValidBatch {
            header: self.header,
            body: Cow::Owned(self.body.into_owned()),
            max_timestamp_offset_delta: self.max_timestamp_offset_delta,
        }
    }
}

/// Why bytes that should be a validated batch are none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UntrustedBatch {
    Frame(FrameError),
    /// Less or more than one batch.
    Length,
    Crc,
}

impl std::fmt::Display for UntrustedBatch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Frame(error) => error.fmt(f),
            Self::Length => f.write_str("the bytes are less or more than one record batch"),
            Self::Crc => f.write_str("the checksum of the record batch does not match"),
        }
    }
}

impl std::error::Error for UntrustedBatch {}
