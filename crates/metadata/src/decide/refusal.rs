//! Why a command, or one item of it, is turned down: Kafka's code and a sentence for people.

use std::borrow::Cow;

use types::ErrorCode;
use wire::Str;

/// A Kafka error with its message, as responses carry them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The code that clients act on.
    pub code: ErrorCode,
    /// What people read; `None` leaves the text of the code to the client.
    pub message: Option<Str<'static>>,
}

impl Refusal {
    /// A refusal with a sentence of its own.
    pub fn new(code: ErrorCode, message: impl Into<Cow<'static, str>>) -> Self {
        Self { code, message: Some(message.into()) }
    }

    /// A refusal that leaves the words to the client.
    pub fn silent(code: ErrorCode) -> Self {
        Self { code, message: None }
    }
}

impl From<ErrorCode> for Refusal {
    /// A refusal in the words that the code has of itself.
    fn from(code: ErrorCode) -> Self {
        let message = match code {
            ErrorCode::UnknownTopicOrPartition => "This server does not host this topic-partition.",
            ErrorCode::UnknownTopicId => "This server does not host this topic ID.",
            ErrorCode::ElectionNotNeeded => "Leader election not needed for topic partition.",
            ErrorCode::PreferredLeaderNotAvailable => "The preferred leader was not available.",
            ErrorCode::EligibleLeadersNotAvailable => {
                "Eligible topic partition leaders are not available."
            }
            _ => return Self::silent(code),
        };
        Self::new(code, message)
    }
}

/// Code and message of a result, as response items hold them.
pub fn outcome<T>(result: &Result<T, Refusal>) -> (i16, Option<Str<'static>>) {
    match result {
        Ok(_) => (ErrorCode::None.code(), None),
        Err(refusal) => (refusal.code.code(), refusal.message.clone()),
    }
}
