//! Keys and values of records as text, by decoder.

use std::fmt::{Display, Write};

use types::Offset;
use wire::record_frame::{
    MetadataRecord, OffsetsKey, OffsetsValue, RemoteLogRecord, ShareStateKey, ShareStateValue,
    TransactionStateKey, TransactionStateValue,
};
use wire::{ConsumerProtocolAssignment, ConsumerProtocolSubscription, DecodeError, Reader, ToJson};

use super::super::support::ToolError;
use super::super::support::options::Parsed;

/// What the bytes of records are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decoder {
    Plain { key: Plain, value: Plain },
    Offsets,
    Transactions,
    ShareState,
    Metadata,
    RemoteLog,
}

/// Bytes of an application's own records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Plain {
    Text,
    Long,
    Integer,
}

impl Plain {
    fn chosen(options: &Parsed, option: &str) -> Result<Self, ToolError> {
        let class = options.get(option).unwrap_or("org.apache.kafka.tools.api.StringDecoder");
        match class.strip_prefix("org.apache.kafka.tools.api.") {
            Some("StringDecoder" | "DefaultDecoder") => Ok(Self::Text),
            Some("LongDecoder") => Ok(Self::Long),
            Some("IntegerDecoder") => Ok(Self::Integer),
            Some(_) | None => {
                Err(ToolError::Failed(format!("Failed to load decoder class {class}")))
            }
        }
    }

    fn show(self, bytes: &[u8]) -> Result<String, ToolError> {
        let short = || ToolError::Failed(format!("{} bytes are too few for {self:?}", bytes.len()));
        match self {
            Self::Text => Ok(String::from_utf8_lossy(bytes).into_owned()),
            Self::Long => {
                let octets = bytes.first_chunk().ok_or_else(short)?;
                Ok(i64::from_be_bytes(*octets).to_string())
            }
            Self::Integer => {
                let octets = bytes.first_chunk().ok_or_else(short)?;
                Ok(i32::from_be_bytes(*octets).to_string())
            }
        }
    }
}

/// What stands for a value that is null.
const DELETE: &str = "<DELETE>";

impl Decoder {
    pub fn chosen(options: &Parsed) -> Result<Self, ToolError> {
        let choices = [
            ("offsets-decoder", Self::Offsets),
            ("transaction-log-decoder", Self::Transactions),
            ("share-group-state-decoder", Self::ShareState),
            ("cluster-metadata-decoder", Self::Metadata),
            ("remote-log-metadata-decoder", Self::RemoteLog),
        ];
        let chosen = choices.into_iter().find(|(option, _)| options.has(option));
        match chosen {
            Some((_, decoder)) => Ok(decoder),
            None => Ok(Self::Plain {
                key: Plain::chosen(options, "key-decoder-class")?,
                value: Plain::chosen(options, "value-decoder-class")?,
            }),
        }
    }

    /// Adds key and payload to a record's line; what is there already stays when they cannot be read.
    pub fn show(
        self,
        line: &mut String,
        offset: Offset,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
    ) -> Result<(), ToolError> {
        let skipped = |why: &dyn Display| format!("Error at offset {offset}, skipping. {why}");
        match self {
            Self::Plain { key: by_key, value: by_value } => {
                let key = key.map(|key| by_key.show(key)).transpose()?;
                let value = value.map(|value| by_value.show(value)).transpose()?;
                for (name, text) in [("key", key), ("payload", value)] {
                    text.iter().for_each(|text| push(line, name, text));
                }
            }
            Self::Metadata | Self::RemoteLog => {
                if let Some(value) = value {
                    let json = if self == Self::Metadata { metadata(value) } else { remote(value) };
                    push(line, "payload", &json.unwrap_or_else(|error| skipped(&error)));
                }
            }
            Self::Offsets | Self::Transactions | Self::ShareState => {
                let key = key.ok_or_else(|| {
                    let what = "Failed to decode message at offset";
                    ToolError::Failed(format!("{what} {offset}: it has no key"))
                })?;
                match self.pair(key, value) {
                    Ok((key, value)) => {
                        push(line, "key", &key);
                        push(line, "payload", &value);
                    }
                    Err(error) => push(line, "key", &skipped(&error)),
                }
            }
        }
        Ok(())
    }

    /// Key and value of a coordinator's record.
    fn pair(self, key: &[u8], value: Option<&[u8]>) -> Result<(String, String), String> {
        let no_version = |_| "Could not read version from key's buffer.".to_owned();
        let (id, _) = wire::record_frame::key_type(key).map_err(no_version)?;
        let json = match self {
            Self::Offsets => OffsetsKey::decode(key).map(|key| key.to_json()),
            Self::Transactions => TransactionStateKey::decode(key).map(|key| key.to_json()),
            _ => ShareStateKey::decode(key).map(|key| key.to_json()),
        };
        let json = json.map_err(|error| error.to_string())?;
        let value = value.map_or(Ok(DELETE.to_owned()), |value| self.value(id, value));
        let value = value.map_err(|error| error.to_string())?;
        Ok((format!("{{\"type\":\"{id}\",\"data\":{json}}}"), value))
    }

    fn value(self, id: i16, value: &[u8]) -> Result<String, DecodeError> {
        let (json, version) = match self {
            Self::Offsets => {
                OffsetsValue::decode(id, value).map(|(value, v)| (offsets_json(&value, v), v))
            }
            Self::Transactions => {
                TransactionStateValue::decode(id, value).map(|(value, v)| (value.to_json(v), v))
            }
            _ => ShareStateValue::decode(id, value).map(|(value, v)| (value.to_json(v), v)),
        }?;
        Ok(format!("{{\"version\":\"{version}\",\"data\":{json}}}"))
    }
}

fn push(line: &mut String, name: &str, text: &str) {
    // writing to a String cannot fail
    let _ = write!(line, " {name}: {text}");
}

/// The value as JSON; members of consumer groups with what they said instead of its bytes.
fn offsets_json(value: &OffsetsValue<'_>, version: i16) -> String {
    let json = value.to_json(version);
    let OffsetsValue::GroupMetadata(group) = value else { return json };
    if group.protocol_type != "consumer" {
        return json;
    }
    let members = || group.members.iter();
    let subscriptions =
        members().map(|m| protocol::<ConsumerProtocolSubscription<'_>>(&m.subscription));
    let json = expand(&json, "\"subscription\":", subscriptions);
    let assignments = members().map(|m| protocol::<ConsumerProtocolAssignment<'_>>(&m.assignment));
    expand(&json, "\"assignment\":", assignments)
}

/// A message of the consumer protocol, which has its version in front.
fn protocol<'a, M: ToJson<'a>>(bytes: &'a [u8]) -> Option<String> {
    let mut reader = Reader::new(bytes);
    let version = reader.i16().ok()?;
    M::decode(&mut reader, version).ok().map(|message| message.to_json(version))
}

/// Puts `values` in the places of the strings behind each `field`, in order.
fn expand(json: &str, field: &str, values: impl Iterator<Item = Option<String>>) -> String {
    let (mut out, mut rest) = (String::with_capacity(json.len()), json);
    for value in values {
        let Some((before, behind)) = rest.split_once(field) else { break };
        let end = behind.get(1..).and_then(|text| text.find('"')).map_or(0, |at| at + 2);
        out.push_str(before);
        out.push_str(field);
        out.push_str(value.as_deref().unwrap_or(&behind[..end]));
        rest = &behind[end..];
    }
    out + rest
}

fn metadata(value: &[u8]) -> Result<String, DecodeError> {
    let (record, version) = MetadataRecord::decode(value)?;
    let (name, data) = (record.type_name(), record.to_json(version));
    Ok(format!("{{\"type\":\"{name}\",\"version\":{version},\"data\":{data}}}"))
}

fn remote(value: &[u8]) -> Result<String, DecodeError> {
    RemoteLogRecord::decode(value).map(|(record, version)| record.to_json(version))
}
