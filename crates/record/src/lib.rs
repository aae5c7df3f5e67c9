//! Record batch v2: the only crate with compression libraries (a crate because of the wall around them).
//!
//! A partition's log, a Produce request and a Fetch response all hold the same thing: record
//! batches back to back. This crate frames them ([`batches`]), reads them ([`Batch::records`]),
//! writes them ([`BatchBuilder`]) and decides whether a producer's batch may enter a log
//! ([`validate`]). Bytes that passed are a [`ValidBatch`], the only thing that `log` appends.
//!
//! Nothing here panics, and nothing allocates beyond a stated bound, whatever the bytes are.
//!
//! # From a producer to a consumer
//!
//! ```
//! use record::{BatchBuilder, Compression, Producer, Rules, batches, validate, with_scratch};
//! use types::{LeaderEpoch, Offset, TimestampMs};
//!
//! let now = TimestampMs(1_700_000_000_000);
//! with_scratch(|scratch| {
//!     // A producer collects records.
//!     let mut builder = BatchBuilder::new();
//!     builder.append(now, Some(b"AA"), Some(b"JFK to LAX"), &[])?;
//!     let request = builder.finish(Compression::Lz4.into(), Producer::NONE, scratch);
//!
//!     // The leader judges them and writes header and body: the body is the request's own bytes.
//!     let valid = validate(&request, &Rules::default(), now, scratch)?;
//!     let header = valid.header_bytes(Offset(42), LeaderEpoch(0));
//!     let log = [&header[..], valid.body()].concat();
//!
//!     // A consumer reads them.
//!     for batch in batches(&log) {
//!         for record in batch?.records(scratch)? {
//!             let record = record?;
//!             assert_eq!(record.offset, Offset(42));
//!             assert_eq!(record.value, Some(b"JFK to LAX".as_slice()));
//!         }
//!     }
//!     Ok::<(), Box<dyn std::error::Error>>(())
//! })
//! # .unwrap();
//! ```
//!
//! # What it costs
//!
//! Validating 64 KiB of 100-byte records, against Kafka 4.4.0's `LogValidator` warmed up, best of
//! many runs on one machine: uncompressed 2.5 µs (15.6), lz4 21 (34), snappy 45 (86), zstd 67
//! (101), gzip 83 (113). The checksum is 1.2 of the 2.5. `cargo bench -p record` measures ours.
//!
//! A walk over uncompressed records cannot be left out, since counts, offsets, timestamps and keys
//! are judged by it; it is cheap where records repeat the layout of the one before (`shape.rs`).
//! A compressed batch is inflated into a buffer that its thread keeps. Where the leader stamps, the
//! checksum is corrected by what changed rather than computed again (`crc.rs`).
//!
//! # Where it is stricter than Kafka
//!
//! A batch whose offset deltas do not count up from 0 is refused; Kafka stores it if it is not
//! compressed, and answers UNKNOWN_SERVER_ERROR if it is. The attribute LogAppendTime in a
//! producer's batch is refused; Kafka overlooks it on topics with CreateTime as long as the batch's
//! greatest timestamp is in bounds. Broken compressed data is INVALID_RECORD, a compression type
//! that does not exist UNSUPPORTED_COMPRESSION_TYPE; both are UNKNOWN_SERVER_ERROR in Kafka. How
//! far the records of a batch inflate all together is limited; in Kafka each of them is, which is
//! `max.decompressed.message.bytes` here as there. `tests/verdicts.rs` holds all of this against Kafka's classes.

mod attributes;
mod batch;
mod builder;
mod bytes;
mod compression;
mod control;
mod crc;
mod header;
mod item;
mod retain;
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
