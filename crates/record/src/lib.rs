//! Record batch v2: the only crate with compression libraries (a crate because of the wall around them).
//!
//! A partition's log, a Produce request and a Fetch response all hold the same thing: record
//! batches back to back. This crate frames them ([`batches`]), reads them ([`Batch::records`]),
//! writes them ([`BatchBuilder`]) and decides whether a producer's batch may enter a log
//! ([`validate`]). Bytes that passed are a [`ValidBatch`], the only thing that `log` appends.
//!
//! Nothing here panics, and nothing allocates beyond a stated bound, whatever the bytes are.

mod attributes;
mod batch;
mod builder;
mod bytes;
mod compression;
mod control;
mod crc;
mod header;
mod item;
mod valid;
mod validate;
mod varint;

pub use attributes::{Attributes, TimestampType, UnknownCompression};
pub use batch::{Batch, Batches, FrameError, batches};
pub use builder::{BatchBuilder, BatchTooLarge, Producer};
pub use compression::{
    Codec, Compression, DecompressError, INFLATED_BYTES_MAX, ParseCompressionError, Scratch,
    with_scratch,
};
pub use control::{ControlRecord, ControlType, control_batch};
pub use crc::crc32c;
pub use header::{BatchHeader, BatchHeaderError, HEADER_BYTES, LENGTH_PREFIX_BYTES};
pub use item::{Header, Headers, HeadersIter, Record, RecordError, Records};
pub use valid::{UntrustedBatch, ValidBatch};
pub use validate::{RecordRejection, Rejection, Rules, validate};
