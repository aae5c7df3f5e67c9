//! The sixteen attribute bits of a batch.

use std::fmt;

use crate::compression::Compression;

/// Whose clock stamped the records.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum TimestampType {
    /// The producer's: each record has its own timestamp.
    #[default]
    CreateTime,
    /// The leader's: every record counts as appended at the batch's `max_timestamp`.
    LogAppendTime,
}

/// The attributes of a batch, known to name a compression type that exists.
///
/// ```text
/// bit  15 … 7   6               5         4               3                2 1 0
///      unused   delete horizon  control   transactional   LogAppendTime    compression
/// ```
/// With the delete horizon set, `base_timestamp` is the time from which the tombstones and markers
/// of the batch may go (KIP-534). Unused bits are kept as they came.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Attributes(i16);

const COMPRESSION_MASK: i16 = 0x07;
const LOG_APPEND_TIME: i16 = 0x08;
const TRANSACTIONAL: i16 = 0x10;
const CONTROL: i16 = 0x20;
const DELETE_HORIZON: i16 = 0x40;

/// A batch names a compression type that Kafka does not have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownCompression(pub i16);

impl fmt::Display for UnknownCompression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "compression type {} is none of 0 (none) to 4 (zstd)", self.0)
    }
}

impl std::error::Error for UnknownCompression {}

impl Attributes {
    /// The attributes as they stand in a batch.
    ///
    /// # Errors
    /// When the compression bits are 5, 6 or 7.
    pub const fn parse(bits: i16) -> Result<Self, UnknownCompression> {
        match Compression::from_id(bits & COMPRESSION_MASK) {
            Some(_) => Ok(Self(bits)),
            None => Err(UnknownCompression(bits & COMPRESSION_MASK)),
        }
    }

    /// The bits as they are written.
    #[must_use]
    pub const fn bits(self) -> i16 {
        self.0
    }

    /// How the records section is compressed.
    #[must_use]
    pub const fn compression(self) -> Compression {
        match Compression::from_id(self.0 & COMPRESSION_MASK) {
            Some(compression) => compression,
            None => unreachable!(),
        }
    }

    /// Whose clock stamped the records.
    #[must_use]
    pub const fn timestamp_type(self) -> TimestampType {
        if self.has(LOG_APPEND_TIME) {
            TimestampType::LogAppendTime
        } else {
            TimestampType::CreateTime
        }
    }

    /// Whether the batch belongs to a transaction.
    #[must_use]
    pub const fn is_transactional(self) -> bool {
        self.has(TRANSACTIONAL)
    }

    /// Whether the records are for the brokers rather than for consumers.
    #[must_use]
    pub const fn is_control(self) -> bool {
        self.has(CONTROL)
    }

    /// Whether `base_timestamp` is a delete horizon.
    #[must_use]
    pub const fn has_delete_horizon(self) -> bool {
        self.has(DELETE_HORIZON)
    }

    #[must_use]
    pub const fn with_compression(self, compression: Compression) -> Self {
        Self(self.0 & !COMPRESSION_MASK | compression.id())
    }

    #[must_use]
    pub const fn with_timestamp_type(self, timestamp_type: TimestampType) -> Self {
        self.with(LOG_APPEND_TIME, matches!(timestamp_type, TimestampType::LogAppendTime))
    }

    #[must_use]
    pub const fn with_transactional(self, transactional: bool) -> Self {
        self.with(TRANSACTIONAL, transactional)
    }

    #[must_use]
    pub const fn with_control(self, control: bool) -> Self {
        self.with(CONTROL, control)
    }

    #[must_use]
    pub const fn with_delete_horizon(self, delete_horizon: bool) -> Self {
        self.with(DELETE_HORIZON, delete_horizon)
    }

    const fn has(self, bit: i16) -> bool {
        self.0 & bit != 0
    }

    const fn with(self, bit: i16, set: bool) -> Self {
        if set { Self(self.0 | bit) } else { Self(self.0 & !bit) }
    }
}

impl fmt::Debug for Attributes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Attributes")
            .field("compression", &self.compression())
            .field("timestamp_type", &self.timestamp_type())
            .field("transactional", &self.is_transactional())
            .field("control", &self.is_control())
            .field("delete_horizon", &self.has_delete_horizon())
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_attribute_has_its_bit() {
        let check = |attributes: Attributes, bits: i16| {
            assert_eq!(attributes.bits(), bits);
            assert_eq!(Attributes::parse(bits), Ok(attributes));
        };
        let none = Attributes::default();
        check(none.with_compression(Compression::Zstd), 4);
        check(none.with_timestamp_type(TimestampType::LogAppendTime), 8);
        check(none.with_transactional(true), 16);
        check(none.with_control(true), 32);
        check(none.with_delete_horizon(true), 64);
        check(none.with_control(true).with_control(false), 0);
        assert_eq!(Attributes::parse(0x15), Err(UnknownCompression(5)));
    }
}
