//! Records of Kafka's own topics as JSON, in the form of Kafka's formatter classes.

use wire::record_frame::{
    OffsetsKey, OffsetsValue, ShareStateKey, ShareStateValue, TransactionStateKey,
    TransactionStateValue,
};

/// Which records are to be shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// Committed offsets of `__consumer_offsets`.
    Offsets,
    /// Classic groups of `__consumer_offsets`.
    GroupMetadata,
    /// `__transaction_state`.
    Transactions,
    /// `__share_group_state`.
    ShareState,
}

/// The types of keys under which offsets stand.
const OFFSET_TYPES: [i16; 2] = [0, 1];
const GROUP_METADATA_TYPE: i16 = 2;

impl Family {
    /// `{"key":{"type":…,"data":…},"value":{"version":…,"data":…}}`; `None` for records of other
    /// families. What cannot be read is shown as `unknown`.
    pub fn to_json(self, key: Option<&[u8]>, value: Option<&[u8]>) -> Option<String> {
        let key = key?;
        let (id, _) = wire::record_frame::key_type(key).ok()?;
        let shown = match self {
            Self::Offsets => OFFSET_TYPES.contains(&id),
            Self::GroupMetadata => id == GROUP_METADATA_TYPE,
            Self::Transactions | Self::ShareState => true,
        };
        if !shown {
            return None;
        }
        let key = self.key_json(key).unwrap_or_else(|| "\"unknown\"".to_owned());
        let value = match value {
            None => "null".to_owned(),
            Some(value) => match self.value_json(id, value) {
                Some((json, version)) => format!("{{\"version\":{version},\"data\":{json}}}"),
                None => format!("{{\"version\":{},\"data\":\"unknown\"}}", version_of(value)),
            },
        };
        Some(format!("{{\"key\":{{\"type\":{id},\"data\":{key}}},\"value\":{value}}}"))
    }

    fn key_json(self, key: &[u8]) -> Option<String> {
        match self {
            Self::Offsets | Self::GroupMetadata => {
                OffsetsKey::decode(key).ok().map(|key| key.to_json())
            }
            Self::Transactions => TransactionStateKey::decode(key).ok().map(|key| key.to_json()),
            Self::ShareState => ShareStateKey::decode(key).ok().map(|key| key.to_json()),
        }
    }

    fn value_json(self, id: i16, value: &[u8]) -> Option<(String, i16)> {
        match self {
            Self::Offsets | Self::GroupMetadata => {
                let (value, version) = OffsetsValue::decode(id, value).ok()?;
                Some((value.to_json(version), version))
            }
            Self::Transactions => {
                let (value, version) = TransactionStateValue::decode(id, value).ok()?;
                Some((value.to_json(version), version))
            }
            Self::ShareState => {
                let (value, version) = ShareStateValue::decode(id, value).ok()?;
                Some((value.to_json(version), version))
            }
        }
    }
}

fn version_of(value: &[u8]) -> i16 {
    value.first_chunk::<2>().map_or(-1, |bytes| i16::from_be_bytes(*bytes))
}
