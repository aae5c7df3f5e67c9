//! Kafka's messages and persisted records (a crate because its code is generated at build time).
//!
//! ```text
//! spec/*.kl --build.rs--> one module a message: structs with the fields of all versions
//!                         ApiKey, VersionRange     what exists, where, and since when
//!                         catalogue                every message as a row of functions
//!
//! frame bytes --decode_request_header--> header, Reader --Request::decode--> structs that borrow
//! structs --encode_response--> WritePlan: inline bytes, cut where file ranges go
//! log record  <--record_frame, ControlValue--> persisted record
//! ```

mod api_key;
pub mod catalogue;
mod control;
mod error;
mod frame;
mod generated;
mod json;
mod message;
mod owned;
mod part;
mod reader;
pub mod record_frame;
mod records;
mod writer;

pub use api_key::{ApiKey, Listeners};
pub use control::ControlValue;
pub use error::{DecodeError, EncodeError, Malformed};
pub use frame::{
    LENGTH_BYTES, decode_request_header, decode_response_header, encode_request, encode_response,
};
pub use json::{Json, ToJson};
pub use message::{
    CoordinatorKey, CoordinatorValue, FramedRecord, Message, Request, Response, VersionRange,
};
pub use part::{Blob, Str};
pub use reader::Reader;
pub use records::Records;
pub use writer::{Cut, WritePlan, Writer};

include!(concat!(env!("OUT_DIR"), "/messages.rs"));
