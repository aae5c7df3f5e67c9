//! What can go wrong between a client and a cluster, and which of it may be tried again.

use std::fmt;
use std::time::Duration;

use types::ErrorCode;
use wire::ApiKey;

/// The result of everything that this crate does.
pub type Result<T> = std::result::Result<T, Error>;

/// A failure as the caller sees it. Cheap to clone: one failed batch answers for all its records.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Error {
    /// The broker answered with an error of Kafka's.
    Broker { code: ErrorCode, message: Option<String> },
    /// No connection could be made.
    Connect { peer: String, cause: String },
    /// The connection broke while a request was waiting for its answer.
    Disconnected { peer: String, cause: String },
    /// No answer, space or metadata within the time allowed.
    Timeout { what: String, after: Duration },
    /// The peer broke the protocol.
    Protocol { what: String },
    /// The broker does not speak a version of this request that we do.
    UnsupportedVersion { api: ApiKey },
    /// A setting that cannot be, or a call that does not fit the settings.
    Invalid { what: String },
    /// None of the bootstrap servers answers.
    NoBrokers { tried: String, last: Box<Error> },
    /// The record is larger than `max.request.size` or `buffer.memory` allow.
    RecordTooLarge { bytes: usize, bytes_max: usize },
    /// The producer or consumer has been closed.
    Closed,
    /// The consumer was asked to come back by its waker.
    WokenUp,
    /// A partition has no committed offset and `auto.offset.reset` is `none`.
    NoOffset { partition: String },
    /// The consumer stayed away for longer than `max.poll.interval.ms`, or was fenced.
    NotInGroup { cause: String },
}

impl Error {
    pub(crate) fn broker(code: i16) -> Self {
        Self::Broker { code: ErrorCode::from_wire(code), message: None }
    }

    pub(crate) fn explained(code: i16, message: Option<&str>) -> Self {
        Self::Broker {
            code: ErrorCode::from_wire(code),
            message: message.filter(|text| !text.is_empty()).map(str::to_owned),
        }
    }

    pub(crate) fn invalid(what: impl Into<String>) -> Self {
        Self::Invalid { what: what.into() }
    }

    pub(crate) fn protocol(what: impl fmt::Display) -> Self {
        Self::Protocol { what: what.to_string() }
    }

    pub(crate) fn timeout(what: impl Into<String>, after: Duration) -> Self {
        Self::Timeout { what: what.into(), after }
    }

    /// `Ok` for code 0, else the broker's error.
    pub(crate) fn check(code: i16) -> Result<()> {
        if code == 0 { Ok(()) } else { Err(Self::broker(code)) }
    }

    /// `Ok` for code 0, else the broker's error with its explanation.
    pub(crate) fn check_explained(code: i16, message: Option<&str>) -> Result<()> {
        if code == 0 { Ok(()) } else { Err(Self::explained(code, message)) }
    }

    /// The code of Kafka's that says the same, as tools print it.
    #[must_use]
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::Broker { code, .. } => *code,
            Self::Connect { .. } | Self::Disconnected { .. } | Self::NoBrokers { .. } => {
                ErrorCode::NetworkException
            }
            Self::Timeout { .. } => ErrorCode::RequestTimedOut,
            Self::UnsupportedVersion { .. } => ErrorCode::UnsupportedVersion,
            Self::RecordTooLarge { .. } => ErrorCode::MessageTooLarge,
            Self::Invalid { .. } => ErrorCode::InvalidConfig,
            Self::NoOffset { .. } => ErrorCode::OffsetOutOfRange,
            Self::NotInGroup { .. } => ErrorCode::UnknownMemberId,
            Self::Protocol { .. } | Self::Closed | Self::WokenUp => ErrorCode::UnknownServerError,
        }
    }

    /// Whether the same request may succeed later.
    #[must_use]
    pub fn is_retriable(&self) -> bool {
        match self {
            Self::Broker { code, .. } => code.is_retriable(),
            Self::Connect { .. } | Self::Disconnected { .. } | Self::Timeout { .. } => true,
            Self::NoBrokers { .. } => true,
            Self::Protocol { .. }
            | Self::UnsupportedVersion { .. }
            | Self::Invalid { .. }
            | Self::RecordTooLarge { .. }
            | Self::Closed
            | Self::WokenUp
            | Self::NoOffset { .. }
            | Self::NotInGroup { .. } => false,
        }
    }

    /// Whether the leaders that we know of may have moved.
    pub(crate) fn means_stale_metadata(&self) -> bool {
        match self {
            Self::Broker { code, .. } => matches!(
                code,
                ErrorCode::NotLeaderOrFollower
                    | ErrorCode::LeaderNotAvailable
                    | ErrorCode::UnknownTopicOrPartition
                    | ErrorCode::UnknownTopicId
                    | ErrorCode::InconsistentTopicId
                    | ErrorCode::FencedLeaderEpoch
                    | ErrorCode::UnknownLeaderEpoch
                    | ErrorCode::ReplicaNotAvailable
                    | ErrorCode::ListenerNotFound
                    | ErrorCode::KafkaStorageError
                    | ErrorCode::NotController
                    | ErrorCode::OffsetNotAvailable
                    | ErrorCode::FetchSessionTopicIdError
                    // who waits for followers in vain may lead no longer, and not know it
                    | ErrorCode::RequestTimedOut
            ),
            Self::Connect { .. } | Self::Disconnected { .. } | Self::Timeout { .. } => true,
            _ => false,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Broker { code, message: Some(text) } => write!(f, "{code}: {text}"),
            Self::Broker { code, message: None } => write!(f, "{code}"),
            Self::Connect { peer, cause } => write!(f, "cannot connect to {peer}: {cause}"),
            Self::Disconnected { peer, cause } => write!(f, "connection to {peer} lost: {cause}"),
            Self::Timeout { what, after } => write!(f, "{what}: no result after {after:?}"),
            Self::Protocol { what } => write!(f, "the broker broke the protocol: {what}"),
            Self::UnsupportedVersion { api } => {
                write!(f, "the broker speaks no version of {} that we do", api.name())
            }
            Self::Invalid { what } => f.write_str(what),
            Self::NoBrokers { tried, last } => {
                write!(f, "no bootstrap server answers ({tried}): {last}")
            }
            Self::RecordTooLarge { bytes, bytes_max } => {
                write!(f, "the record takes {bytes} bytes, {bytes_max} are allowed")
            }
            Self::Closed => f.write_str("closed"),
            Self::WokenUp => f.write_str("woken up"),
            Self::NoOffset { partition } => {
                write!(f, "no offset to start from for {partition} and auto.offset.reset=none")
            }
            Self::NotInGroup { cause } => write!(f, "no longer a member of the group: {cause}"),
        }
    }
}

impl std::error::Error for Error {}

impl From<wire::DecodeError> for Error {
    fn from(error: wire::DecodeError) -> Self {
        Self::protocol(error)
    }
}

impl From<wire::EncodeError> for Error {
    fn from(error: wire::EncodeError) -> Self {
        Self::invalid(error.to_string())
    }
}
