//! Keys and values of records as text, by decoder.

use wire::record_frame::{
    MetadataRecord, OffsetsKey, OffsetsValue, RemoteLogRecord, ShareStateKey, ShareStateValue,
    TransactionStateKey, TransactionStateValue,
};
use wire::{ConsumerProtocolAssignment, ConsumerProtocolSubscription, Reader, ToJson};

use super::super::support::options::Parsed;

/// What the bytes of records are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decoder {
    Text,
    Offsets,
    Transactions,
    ShareState,
    Metadata,
    RemoteLog,
}

/// What stands for a value that is null.
const DELETE: &str = "<DELETE>";

impl Decoder {
    pub fn chosen(options: &Parsed) -> Self {
        let choices = [
            ("offsets-decoder", Self::Offsets),
            ("transaction-log-decoder", Self::Transactions),
            ("share-group-state-decoder", Self::ShareState),
            ("cluster-metadata-decoder", Self::Metadata),
            ("remote-log-metadata-decoder", Self::RemoteLog),
        ];
        let chosen = choices.into_iter().find(|(option, _)| options.has(option));
        chosen.map_or(Self::Text, |(_, decoder)| decoder)
    }

    /// Key and payload as they are printed; `None` where nothing is.
    pub fn show(
        self,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
    ) -> (Option<String>, Option<String>) {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        match self {
            Self::Text => (key.map(text), value.map(text)),
            Self::Metadata => (key.map(text), value.map(metadata)),
            Self::RemoteLog => (key.map(text), value.map(remote)),
            Self::Offsets | Self::Transactions | Self::ShareState => {
                let Some(key) = key else { return (Some("<NULL>".to_owned()), None) };
                let (shown, id) = self.key(key);
                let value = value.map_or(DELETE.to_owned(), |value| self.value(id, value));
                (Some(shown), Some(value))
            }
        }
    }

    fn key(self, key: &[u8]) -> (String, i16) {
        let id = wire::record_frame::key_type(key).map_or(-1, |(id, _)| id);
        let json = match self {
            Self::Offsets => OffsetsKey::decode(key).map(|key| key.to_json()),
            Self::Transactions => TransactionStateKey::decode(key).map(|key| key.to_json()),
            _ => ShareStateKey::decode(key).map(|key| key.to_json()),
        };
        let shown = match json {
            Ok(json) => format!("{{\"type\":\"{id}\",\"data\":{json}}}"),
            Err(error) => {
                format!("Error at offset: could not decode record of type {id}: {error}")
            }
        };
        (shown, id)
    }

    fn value(self, id: i16, value: &[u8]) -> String {
        let read = match self {
            Self::Offsets => {
                OffsetsValue::decode(id, value).map(|(value, v)| (offsets_json(&value, v), v))
            }
            Self::Transactions => {
                TransactionStateValue::decode(id, value).map(|(value, v)| (value.to_json(v), v))
            }
            _ => ShareStateValue::decode(id, value).map(|(value, v)| (value.to_json(v), v)),
        };
        match read {
            Ok((json, version)) => format!("{{\"version\":\"{version}\",\"data\":{json}}}"),
            Err(error) => format!("could not decode the value: {error}"),
        }
    }
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

fn metadata(value: &[u8]) -> String {
    match MetadataRecord::decode(value) {
        Ok((record, version)) => {
            let (name, data) = (record.type_name(), record.to_json(version));
            format!("{{\"type\":\"{name}\",\"version\":{version},\"data\":{data}}}")
        }
        Err(error) => format!("Error at offset: {error}"),
    }
}

fn remote(value: &[u8]) -> String {
    match RemoteLogRecord::decode(value) {
        Ok((record, version)) => record.to_json(version),
        Err(error) => format!("Error at offset: {error}"),
    }
}
