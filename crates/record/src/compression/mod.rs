//! The five compression types behind one door, with reused buffers and a cap on what inflates.

mod gzip;
mod lz4;
mod scratch;
mod snappy;
mod zstd;

use std::fmt;
use std::str::FromStr;

pub use scratch::{INFLATED_BYTES_MAX, Scratch, with_scratch};

/// How a batch's records section is compressed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Compression {
    #[default]
    None,
    Gzip,
    /// Read raw and in the framing of Java's `SnappyOutputStream`; written in the latter.
    Snappy,
    /// The LZ4 frame format.
    Lz4,
    Zstd,
}

/// A compression type with the level to compress at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Codec {
    compression: Compression,
    level: i32,
}

/// A name that no compression type has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParseCompressionError(String);

/// Why a records section does not inflate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DecompressError {
    /// The data does not keep to the format of its compression type.
    Corrupt { compression: Compression, detail: String },
    /// It inflates to more than the reader allows.
    TooLarge { compression: Compression, bytes_max: usize },
}

impl Compression {
    /// All of them, in the order of their ids.
    pub const ALL: [Self; 5] = [Self::None, Self::Gzip, Self::Snappy, Self::Lz4, Self::Zstd];

    /// The type of an id in a batch's attributes.
    #[must_use]
    pub const fn from_id(id: i16) -> Option<Self> {
        match id {
            0 => Some(Self::None),
            1 => Some(Self::Gzip),
            2 => Some(Self::Snappy),
            3 => Some(Self::Lz4),
            4 => Some(Self::Zstd),
            _ => None,
        }
    }

    /// The id in a batch's attributes.
    #[must_use]
    pub const fn id(self) -> i16 {
        match self {
            Self::None => 0,
            Self::Gzip => 1,
            Self::Snappy => 2,
            Self::Lz4 => 3,
            Self::Zstd => 4,
        }
    }

    /// The name in configurations.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Gzip => "gzip",
            Self::Snappy => "snappy",
            Self::Lz4 => "lz4",
            Self::Zstd => "zstd",
        }
    }

    const fn level_default(self) -> i32 {
        match self {
            Self::None | Self::Snappy => 0,
            Self::Gzip => gzip::LEVEL_DEFAULT,
            Self::Lz4 => lz4::LEVEL_DEFAULT,
            Self::Zstd => zstd::LEVEL_DEFAULT,
        }
    }
}

impl fmt::Display for Compression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Compression {
    type Err = ParseCompressionError;

    fn from_str(name: &str) -> Result<Self, ParseCompressionError> {
        let named = Self::ALL.into_iter().find(|compression| compression.name() == name);
        named.ok_or_else(|| ParseCompressionError(name.to_owned()))
    }
}

impl fmt::Display for ParseCompressionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "compression type {:?} is none of none, gzip, snappy, lz4, zstd", self.0)
    }
}

impl std::error::Error for ParseCompressionError {}

impl Codec {
    /// No compression.
    pub const NONE: Self = Self { compression: Compression::None, level: 0 };

    /// At Kafka's default level: gzip -1 (zlib's choice, 6), lz4 9, zstd 3.
    #[must_use]
    pub const fn new(compression: Compression) -> Self {
        Self { compression, level: compression.level_default() }
    }

    /// At this level, moved into the range of the type: gzip 1 to 9, or -1; lz4 1 to 17 (all of
    /// which compress fast here); zstd -131072 to 22. None and snappy have no levels.
    #[must_use]
    pub fn with_level(compression: Compression, level: i32) -> Self {
        let level = match compression {
            Compression::None | Compression::Snappy => 0,
            Compression::Gzip => gzip::level(level),
            Compression::Lz4 => lz4::level(level),
            Compression::Zstd => zstd::level(level),
        };
        Self { compression, level }
    }

    /// The type without the level.
    #[must_use]
    pub const fn compression(self) -> Compression {
        self.compression
    }

    /// The level to compress at.
    #[must_use]
    pub const fn level(self) -> i32 {
        self.level
    }
}

impl From<Compression> for Codec {
    fn from(compression: Compression) -> Self {
        Self::new(compression)
    }
}

impl fmt::Display for DecompressError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Corrupt { compression, detail } => {
                write!(f, "the records are no valid {compression} data: {detail}")
            }
            Self::TooLarge { compression, bytes_max } => {
                write!(f, "the {compression} records inflate to more than {bytes_max} bytes")
            }
        }
    }
}

impl std::error::Error for DecompressError {}

/// What a codec says when it cannot go on; the type is known one level up.
#[derive(Debug)]
enum InflateError {
    Corrupt(String),
    /// The output would pass the cap.
    Full,
}

impl InflateError {
    fn corrupt(detail: impl fmt::Display) -> Self {
        Self::Corrupt(detail.to_string())
    }
}
