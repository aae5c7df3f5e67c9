//! Why a batch may not enter a log, in the terms of a Produce response.

use std::fmt;

use types::ErrorCode;

use crate::batch::FrameError;
use crate::compression::DecompressError;
use crate::header::BatchHeaderError;
use crate::item::RecordError;

/// A refused batch: what the partition's part of the Produce response holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejection {
    pub code: ErrorCode,
    pub message: String,
    /// The records that are the reason, where single ones are; the first 10,000 of them.
    pub record_errors: Vec<RecordRejection>,
}

/// One record that is a reason to refuse its batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordRejection {
    /// Its place in the batch, from 0.
    pub index: i32,
    pub message: Option<String>,
}

impl Rejection {
    pub(super) fn new(code: ErrorCode, message: String) -> Self {
        Self { code, message, record_errors: Vec::new() }
    }

    pub(super) fn crc(stored: u32, computed: u32) -> Self {
        let message = format!("the batch is corrupt: stored crc {stored}, computed {computed}");
        Self::new(ErrorCode::CorruptMessage, message)
    }

    pub(super) fn size(bytes: usize, bytes_max: usize) -> Self {
        let message = format!("the batch has {bytes} bytes, the topic allows {bytes_max}");
        Self::new(ErrorCode::MessageTooLarge, message)
    }

    pub(super) fn batch_count(batches: usize) -> Self {
        let message = format!(
            "a partition in a Produce request holds exactly one record batch, there {}",
            if batches == 0 { "is none" } else { "are more" }
        );
        Self::new(ErrorCode::InvalidRecord, message)
    }

    pub(super) fn zstd() -> Self {
        let message = "zstd needs Produce v7 or later".to_owned();
        Self::new(ErrorCode::UnsupportedCompressionType, message)
    }

    pub(super) fn offsets() -> Self {
        let message = "the offset deltas of the records do not count up from 0".to_owned();
        Self::new(ErrorCode::InvalidRecord, message)
    }

    pub(super) fn records(code: ErrorCode, record_errors: Vec<RecordRejection>) -> Self {
        let reason = record_errors.first().and_then(|error| error.message.as_deref());
        let message = format!(
            "{} of the batch's records are refused, the first because {}",
            record_errors.len(),
            reason.unwrap_or("of an unknown reason")
        );
        Self { code, message, record_errors }
    }
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.message)
    }
}

impl std::error::Error for Rejection {}

/// Formats before v2 are refused for good; what is no batch at all may be a fault on the way.
impl From<FrameError> for Rejection {
    fn from(error: FrameError) -> Self {
        let code = match error.error {
            BatchHeaderError::Magic(0 | 1) => ErrorCode::InvalidRecord,
            BatchHeaderError::Compression(_) => ErrorCode::UnsupportedCompressionType,
            BatchHeaderError::Magic(_) | BatchHeaderError::Length(_) | BatchHeaderError::Short => {
                ErrorCode::CorruptMessage
            }
        };
        Self::new(code, error.to_string())
    }
}

/// The checksum was right, so trying again would not help; Java's producer splits a batch that is
/// too large, which helps against the limit on inflation too.
impl From<DecompressError> for Rejection {
    fn from(error: DecompressError) -> Self {
        let code = match error {
            DecompressError::Corrupt { .. } => ErrorCode::InvalidRecord,
            DecompressError::TooLarge { .. } => ErrorCode::MessageTooLarge,
        };
        Self::new(code, error.to_string())
    }
}

impl From<RecordError> for Rejection {
    fn from(error: RecordError) -> Self {
        Self::new(ErrorCode::InvalidRecord, error.to_string())
    }
}
