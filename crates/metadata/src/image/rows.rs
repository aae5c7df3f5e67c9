//! Rows of the image that single-node brokers keep but do not act on: ACLs, SCRAM, tokens, quotas.

use std::collections::BTreeMap;

use types::Uuid;
use wire::access_control_entry_record::AccessControlEntryRecord;
use wire::client_quota_record::ClientQuotaRecord;
use wire::delegation_token_record::DelegationTokenRecord;
use wire::user_scram_credential_record::UserScramCredentialRecord;

/// Who may do what, and with which credentials; each row as its record stands in the log.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SecurityRows {
    /// ACL entries by id.
    pub acls: BTreeMap<Uuid, AccessControlEntryRecord<'static>>,
    /// SCRAM credentials by mechanism (1 SHA-256, 2 SHA-512) and user.
    pub scram: BTreeMap<(i8, Box<str>), UserScramCredentialRecord<'static>>,
    /// Delegation tokens by id.
    pub tokens: BTreeMap<Box<str>, DelegationTokenRecord<'static>>,
}

/// Client quotas.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct QuotaRows(pub BTreeMap<QuotaEntity, BTreeMap<Box<str>, f64>>);

/// Whom a quota binds: entity types (`user`, `client-id`, `ip`) with a name, or none for the default.
pub type QuotaEntity = BTreeMap<Box<str>, Option<Box<str>>>;

impl QuotaRows {
    pub(super) fn apply(&mut self, record: &ClientQuotaRecord<'_>) {
        let entity: QuotaEntity = record
            .entity
            .iter()
            .map(|e| (Box::from(&*e.entity_type), e.entity_name.as_deref().map(Box::from)))
            .collect();
        if !record.remove {
            self.0.entry(entity).or_default().insert(record.key.as_ref().into(), record.value);
        } else if let Some(values) = self.0.get_mut(&entity) {
            values.remove(&*record.key);
            if values.is_empty() {
                self.0.remove(&entity);
            }
        }
    }
}
