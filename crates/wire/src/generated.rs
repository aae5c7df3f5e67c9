//! What the generated files see.

pub(crate) use types::Uuid;

pub(crate) use crate::api_key::ApiKey;
pub(crate) use crate::error::{DecodeError, EncodeError, Malformed};
pub(crate) use crate::json::{Json, Printed};
pub(crate) use crate::message::{
    CoordinatorKey, CoordinatorValue, FramedRecord, Message, Request, Response, VersionRange,
};
pub(crate) use crate::owned::IntoStatic;
pub(crate) use crate::part::{Blob, Composite, Part, Shape, Str, most, read_tagged, write_tagged};
pub(crate) use crate::reader::Reader;
pub(crate) use crate::records::Records;
pub(crate) use crate::writer::Writer;
