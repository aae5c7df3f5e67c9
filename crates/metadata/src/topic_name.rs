//! Which names a topic may have, and which two names would share a metric name.

use std::borrow::Cow;
use std::fmt;

/// The metadata log's own topic; clients cannot create it.
pub const CLUSTER_METADATA_TOPIC: &str = "__cluster_metadata";

/// Topics that Kafka marks `is_internal` in Metadata responses.
pub const INTERNAL_TOPICS: [&str; 3] =
    ["__consumer_offsets", "__transaction_state", "__share_group_state"];

/// Longest name: with `-` and a partition number it still fits a file name of 255 bytes.
pub const TOPIC_NAME_CHARS_MAX: usize = 249;

/// Why a text cannot name a topic; the text of [`fmt::Display`] is Kafka's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InvalidTopicName {
    /// The empty text.
    Empty,
    /// `.` or `..`, which name folders.
    Dots(String),
    /// More than [`TOPIC_NAME_CHARS_MAX`] characters.
    TooLong(String),
    /// A character other than ASCII letters, digits, `.`, `_` and `-`.
    IllegalCharacter(String),
}

/// Checks a name for a topic.
///
/// # Errors
/// Tells what is wrong with the name.
pub fn check_topic_name(name: &str) -> Result<(), InvalidTopicName> {
    if name.is_empty() {
        return Err(InvalidTopicName::Empty);
    }
    if name == "." || name == ".." {
        return Err(InvalidTopicName::Dots(name.to_owned()));
    }
    if name.encode_utf16().count() > TOPIC_NAME_CHARS_MAX {
        return Err(InvalidTopicName::TooLong(name.to_owned()));
    }
    let legal = |c: u8| c.is_ascii_alphanumeric() || matches!(c, b'.' | b'_' | b'-');
    if !name.bytes().all(legal) {
        return Err(InvalidTopicName::IllegalCharacter(name.to_owned()));
    }
    Ok(())
}

/// Whether Metadata responses mark the topic as internal.
#[must_use]
pub fn is_internal_topic(name: &str) -> bool {
    INTERNAL_TOPICS.contains(&name)
}

/// The form in which two names collide: metric names turn `.` into `_`.
#[must_use]
pub fn collision_form(name: &str) -> Cow<'_, str> {
    if name.contains('.') { Cow::Owned(name.replace('.', "_")) } else { Cow::Borrowed(name) }
}

impl fmt::Display for InvalidTopicName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("Topic name is invalid: the empty string is not allowed"),
            Self::Dots(name) => write!(f, "Topic name is invalid: '{name}' is not allowed"),
            Self::TooLong(name) => write!(
                f,
                "Topic name is invalid: the length of '{name}' is longer than the max allowed \
                 length {TOPIC_NAME_CHARS_MAX}"
            ),
            Self::IllegalCharacter(name) => write!(
                f,
                "Topic name is invalid: '{name}' contains one or more characters other than \
                 ASCII alphanumerics, '.', '_' and '-'"
            ),
        }
    }
}

impl std::error::Error for InvalidTopicName {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_kafkas_rules() {
        for good in ["a", "flights", "A.b_c-9", "...", "__consumer_offsets", &"x".repeat(249)] {
            assert_eq!(check_topic_name(good), Ok(()), "{good}");
        }
        for bad in ["", ".", "..", "a b", "a/b", "ä", "a:b", "x\0", &"x".repeat(250)] {
            assert!(check_topic_name(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn dots_and_underscores_collide() {
        assert_eq!(collision_form("a.b_c"), "a_b_c");
        assert_eq!(collision_form("plain"), "plain");
    }
}
