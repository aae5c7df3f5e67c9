//! Kafka's 128-bit ids and their text form: 22 characters of URL-safe base64 without padding.

use std::fmt;
use std::str::FromStr;

/// A 128-bit id, big-endian on the wire. All zeros stands for "none" (Kafka's `ZERO_UUID`).
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Uuid(pub [u8; 16]);

/// Identity of a topic across deletion and re-creation (KIP-516).
pub type TopicId = Uuid;

/// Identity of a log directory (KIP-858).
pub type DirectoryId = Uuid;

/// A text that is no id in Kafka's form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParseUuidError;

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
const TEXT_CHARS: usize = 22;

impl Uuid {
    /// No id.
    pub const ZERO: Self = Self([0; 16]);
    /// The topic id of `__cluster_metadata`, and a log directory that was not known (KIP-858).
    pub const ONE: Self = Self([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);

    /// A version-4 id made of 16 random bytes that the caller brings.
    #[must_use]
    pub const fn from_random(mut bytes: [u8; 16]) -> Self {
        bytes[6] = (bytes[6] & 0x0f) | 0x40;
        bytes[8] = (bytes[8] & 0x3f) | 0x80;
        Self(bytes)
    }

    /// Whether this is [`Uuid::ZERO`].
    #[must_use]
    pub fn is_zero(self) -> bool {
        self == Self::ZERO
    }
}

impl fmt::Display for Uuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = u128::from_be_bytes(self.0);
        let mut text = [0u8; TEXT_CHARS];
        for (i, char) in text.iter_mut().enumerate() {
            // 21 characters carry 6 bits each from the top; the last carries 2 bits and 4 of padding
            let bits = if i < TEXT_CHARS - 1 { value >> (122 - 6 * i) } else { value << 4 };
            *char = ALPHABET[(bits & 0x3f) as usize];
        }
        f.write_str(std::str::from_utf8(&text).map_err(|_| fmt::Error)?)
    }
}

impl fmt::Debug for Uuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Uuid({self})")
    }
}

impl fmt::Display for ParseUuidError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("expected 22 characters of URL-safe base64 (16 bytes, no padding)")
    }
}

impl std::error::Error for ParseUuidError {}

impl FromStr for Uuid {
    type Err = ParseUuidError;

    fn from_str(text: &str) -> Result<Self, ParseUuidError> {
        let text = text.trim_end_matches('=').as_bytes();
        if text.len() != TEXT_CHARS {
            return Err(ParseUuidError);
        }
        let mut value: u128 = 0;
        for (i, char) in text.iter().enumerate() {
            let digit = ALPHABET.iter().position(|c| c == char).ok_or(ParseUuidError)? as u128;
            value = if i < TEXT_CHARS - 1 { value << 6 | digit } else { value << 2 | digit >> 4 };
        }
        Ok(Self(value.to_be_bytes()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_form_is_that_of_java() {
        // printed by org.apache.kafka.common.Uuid
        for (bytes, text) in [
            (Uuid::ZERO, "AAAAAAAAAAAAAAAAAAAAAA"),
            (Uuid::ONE, "AAAAAAAAAAAAAAAAAAAAAQ"),
            (Uuid([0xff; 16]), "_____________________w"),
        ] {
            assert_eq!(bytes.to_string(), text);
            assert_eq!(text.parse(), Ok(bytes));
        }
    }

    #[test]
    fn every_byte_survives_the_text_form() {
        let mut byte = 3u8;
        let id = Uuid(std::array::from_fn(|_| {
            byte = byte.wrapping_add(17);
            byte
        }));
        assert_eq!(id.to_string().parse(), Ok(id));
    }

    #[test]
    fn other_lengths_and_letters_are_refused() {
        for text in ["", "AAAA", "AAAAAAAAAAAAAAAAAAAAA!", "AAAAAAAAAAAAAAAAAAAAAAAAA"] {
            assert_eq!(text.parse::<Uuid>(), Err(ParseUuidError));
        }
    }
}
