//! What can go wrong with a log, and which of Kafka's codes a client reads for it.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use record::{DecompressError, RecordError};
use types::{ErrorCode, Offset, ProducerEpoch, ProducerId, Sequence};

/// Why a log refuses or fails. A refusal changes nothing; after a failure the log stays consistent
/// and usable.
#[derive(Debug)]
pub enum LogError {
    /// The offset is before the log's start or behind its end.
    OffsetOutOfRange { offset: Offset, start: Offset, end: Offset },
    /// The batch does not continue its producer's sequence.
    OutOfOrderSequence { producer: ProducerId, expected: Sequence, got: Sequence },
    /// A newer incarnation of the producer has written.
    InvalidProducerEpoch { producer: ProducerId, current: ProducerEpoch, got: ProducerEpoch },
    /// A newer transaction coordinator has written a marker for the producer.
    CoordinatorFenced { producer: ProducerId, current: i32, got: i32 },
    /// A transactional batch of a producer id that has an open transaction of another kind, or a
    /// bad marker.
    InvalidTransaction { producer: ProducerId, why: &'static str },
    /// The batch is larger than a segment may be.
    BatchLargerThanSegment { bytes: u64, segment_bytes: u64 },
    /// A replicated batch does not continue the log.
    NotTheNextOffset { expected: Offset, got: Offset },
    /// A record inflates to more than `max.decompressed.message.bytes`.
    RecordTooLarge(RecordError),
    /// Bytes that should be record batches are not.
    Malformed { why: String },
    /// A sync has failed before: the log takes no more records until it is opened anew and so read
    /// again.
    Failed { folder: PathBuf },
    /// No room on the disk.
    DiskFull(StorageError),
    /// The disk does not do as it is told.
    Storage(StorageError),
}

/// A call to the disk that failed.
#[derive(Debug)]
pub struct StorageError {
    /// The deed, in present tense: "open", "append to".
    pub attempt: &'static str,
    /// What it was tried on.
    pub path: PathBuf,
    /// What the system says.
    pub source: io::Error,
}

impl LogError {
    /// Whether a read inside [`crate::without_waiting`] would have waited: do it where it may.
    #[must_use]
    pub fn would_wait(&self) -> bool {
        matches!(self, Self::Storage(error) if error.source.kind() == io::ErrorKind::WouldBlock)
    }

    /// The code that a client reads; both disk errors are retriable ones.
    #[must_use]
    pub const fn code(&self) -> ErrorCode {
        match self {
            Self::OffsetOutOfRange { .. } => ErrorCode::OffsetOutOfRange,
            Self::OutOfOrderSequence { .. } => ErrorCode::OutOfOrderSequenceNumber,
            Self::InvalidProducerEpoch { .. } => ErrorCode::InvalidProducerEpoch,
            Self::CoordinatorFenced { .. } => ErrorCode::TransactionCoordinatorFenced,
            Self::InvalidTransaction { .. } => ErrorCode::InvalidTxnState,
            Self::BatchLargerThanSegment { .. } => ErrorCode::RecordListTooLarge,
            Self::NotTheNextOffset { .. } | Self::Malformed { .. } => ErrorCode::CorruptMessage,
            Self::RecordTooLarge(_) => ErrorCode::InvalidRecord,
            Self::Failed { .. } | Self::DiskFull(_) | Self::Storage(_) => {
                ErrorCode::KafkaStorageError
            }
        }
    }
}

impl fmt::Display for LogError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OffsetOutOfRange { offset, start, end } => {
                write!(f, "offset {offset} is not within the log's {start} to {end}")
            }
            Self::OutOfOrderSequence { producer, expected, got } => {
                write!(f, "producer {producer} sends sequence {got} where {expected} comes next")
            }
            Self::InvalidProducerEpoch { producer, current, got } => {
                write!(f, "producer {producer} has epoch {got}, but {current} has written")
            }
            Self::CoordinatorFenced { producer, current, got } => write!(
                f,
                "a marker for producer {producer} has coordinator epoch {got}, the last {current}"
            ),
            Self::InvalidTransaction { producer, why } => write!(f, "producer {producer}: {why}"),
            Self::BatchLargerThanSegment { bytes, segment_bytes } => {
                write!(f, "a batch of {bytes} bytes does not fit a segment of {segment_bytes}")
            }
            Self::NotTheNextOffset { expected, got } => {
                write!(f, "a replicated batch begins at {got}, but the log ends at {expected}")
            }
            Self::RecordTooLarge(error) => error.fmt(f),
            Self::Malformed { why } => f.write_str(why),
            Self::Failed { folder } => {
                write!(f, "{} failed to sync before and must be opened anew", folder.display())
            }
            Self::DiskFull(error) => write!(f, "no room on the disk: {error}"),
            Self::Storage(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for LogError {}

impl From<StorageError> for LogError {
    fn from(error: StorageError) -> Self {
        if error.is_full() { Self::DiskFull(error) } else { Self::Storage(error) }
    }
}

impl StorageError {
    /// Whether room on the disk would mend it.
    #[must_use]
    pub fn is_full(&self) -> bool {
        use io::ErrorKind::{FileTooLarge, QuotaExceeded, StorageFull};
        matches!(self.source.kind(), StorageFull | QuotaExceeded | FileTooLarge)
    }

    /// Whether contents do not keep to their format, as opposed to a disk that cannot give them.
    #[must_use]
    pub fn is_corrupt(&self) -> bool {
        self.source.kind() == io::ErrorKind::InvalidData
    }

    /// Contents that do not keep to their format.
    pub(crate) fn corrupt(path: &Path, why: impl Into<String>) -> Self {
        let source = io::Error::new(io::ErrorKind::InvalidData, why.into());
        Self { attempt: "read", path: path.to_owned(), source }
    }
}

impl fmt::Display for StorageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot {} {}: {}", self.attempt, self.path.display(), self.source)
    }
}

impl std::error::Error for StorageError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.source)
    }
}

/// Why the records of a batch cannot be passed on.
#[derive(Debug)]
pub(crate) enum Obstacle {
    Inflation(DecompressError),
    Record(RecordError),
    /// What was left of the batch could not be written.
    Unwritten(StorageError),
}

impl From<StorageError> for Obstacle {
    fn from(error: StorageError) -> Self {
        Self::Unwritten(error)
    }
}

impl From<DecompressError> for Obstacle {
    fn from(error: DecompressError) -> Self {
        Self::Inflation(error)
    }
}

impl From<RecordError> for Obstacle {
    fn from(error: RecordError) -> Self {
        Self::Record(error)
    }
}

impl Obstacle {
    /// Says of which batch it is.
    pub(crate) fn at(self, path: &Path, position: u32) -> LogError {
        let why = match self {
            Self::Record(error @ RecordError::TooLarge { .. }) => {
                return LogError::RecordTooLarge(error);
            }
            Self::Record(error) => error.to_string(),
            Self::Inflation(error) => error.to_string(),
            Self::Unwritten(error) => return error.into(),
        };
        let why = format!("the batch at byte {position}: {why}");
        StorageError::corrupt(path, why).into()
    }
}

/// Says on what a call to the disk was tried.
pub(crate) trait Attempt<T> {
    fn attempt(self, attempt: &'static str, path: &Path) -> Result<T, StorageError>;
}

impl<T> Attempt<T> for io::Result<T> {
    fn attempt(self, attempt: &'static str, path: &Path) -> Result<T, StorageError> {
        self.map_err(|source| StorageError { attempt, path: path.to_owned(), source })
    }
}
