//! Quotas of users, clients and addresses, and the SCRAM credentials of users.

use std::collections::BTreeMap;

use types::ErrorCode;
use wire::alter_client_quotas_request::{self as alter, AlterClientQuotasRequest};
use wire::alter_client_quotas_response::AlterClientQuotasResponse;
use wire::alter_user_scram_credentials_request::{
    AlterUserScramCredentialsRequest, ScramCredentialDeletion, ScramCredentialUpsertion,
};
use wire::alter_user_scram_credentials_response::AlterUserScramCredentialsResponse;
use wire::describe_client_quotas_request::{ComponentData, DescribeClientQuotasRequest};
use wire::describe_client_quotas_response::DescribeClientQuotasResponse;
use wire::describe_user_scram_credentials_request::{
    DescribeUserScramCredentialsRequest, UserName,
};
use wire::describe_user_scram_credentials_response::DescribeUserScramCredentialsResponse;
use wire::{Blob, Str};

use super::{Admin, verdict};
use crate::{Error, Result};

/// Which names of a type of entity are meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum QuotaName {
    Exact(String),
    /// What counts for names without a quota of their own.
    Default,
    /// Every name that has one; only to ask for.
    Any,
}

/// What a quota counts for: by type (`user`, `client-id`, `ip`), a name, or `None` for the default.
pub type QuotaEntity = BTreeMap<String, Option<String>>;

/// The values of an entity by key.
pub type Quotas = BTreeMap<String, f64>;

/// A credential to be set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScramUpsertion {
    /// 1 for SHA-256, 2 for SHA-512.
    pub mechanism: i8,
    pub iterations: i32,
    pub salt: Vec<u8>,
    pub salted_password: Vec<u8>,
}

/// A credential as brokers tell of it: mechanism and iterations.
pub type ScramInfo = (i8, i32);

impl Admin {
    /// The quotas of the entities that have exactly these types.
    pub async fn describe_quotas(
        &self,
        components: &[(&str, QuotaName)],
    ) -> Result<Vec<(QuotaEntity, Quotas)>> {
        let components = components.iter().map(|(entity_type, name)| ComponentData {
            entity_type: Str::Borrowed(entity_type),
            match_type: match name {
                QuotaName::Exact(_) => 0,
                QuotaName::Default => 1,
                QuotaName::Any => 2,
            },
            r#match: exact(name),
        });
        let request =
            DescribeClientQuotasRequest { components: components.collect(), strict: true };
        let answer = self.call(&request).await?;
        let response: DescribeClientQuotasResponse<'_> = answer.decode()?;
        verdict(response.error_code, response.error_message.as_deref())?;
        let entries = response.entries.unwrap_or_default().into_iter().map(|entry| {
            let entity = entry
                .entity
                .into_iter()
                .map(|part| (part.entity_type.into_owned(), part.entity_name.map(Str::into_owned)));
            let values =
                entry.values.into_iter().map(|value| (value.key.into_owned(), value.value));
            (entity.collect(), values.collect())
        });
        Ok(entries.collect())
    }

    /// Sets (`Some`) and removes (`None`) quotas of one entity.
    pub async fn alter_quotas(
        &self,
        entity: &[(&str, QuotaName)],
        changes: &[(String, Option<f64>)],
    ) -> Result<()> {
        let entity = entity.iter().map(|(entity_type, name)| alter::EntityData {
            entity_type: Str::Borrowed(entity_type),
            entity_name: exact(name),
        });
        let ops = changes.iter().map(|(key, value)| alter::OpData {
            key: Str::Borrowed(key),
            value: value.unwrap_or_default(),
            remove: value.is_none(),
        });
        let entry = alter::EntryData { entity: entity.collect(), ops: ops.collect() };
        let request = AlterClientQuotasRequest { entries: vec![entry], validate_only: false };
        let answer = self.call(&request).await?;
        let response: AlterClientQuotasResponse<'_> = answer.decode()?;
        let result = response.entries.first();
        result.map_or(Ok(()), |r| verdict(r.error_code, r.error_message.as_deref()))
    }

    /// The credentials of one user or, without a name, of all; users without any are left out.
    pub async fn describe_scram(
        &self,
        user: Option<&str>,
    ) -> Result<Vec<(String, Vec<ScramInfo>)>> {
        let users = user.map(|name| vec![UserName { name: Str::Borrowed(name) }]);
        let request = DescribeUserScramCredentialsRequest { users };
        let answer = self.call(&request).await?;
        let response: DescribeUserScramCredentialsResponse<'_> = answer.decode()?;
        verdict(response.error_code, response.error_message.as_deref())?;
        let mut found = Vec::new();
        for result in response.results {
            if result.error_code == ErrorCode::ResourceNotFound.code() {
                continue;
            }
            verdict(result.error_code, result.error_message.as_deref())?;
            let infos = result.credential_infos.iter().map(|i| (i.mechanism, i.iterations));
            found.push((result.user.to_string(), infos.collect()));
        }
        Ok(found)
    }

    /// Sets and removes credentials of a user.
    pub async fn alter_scram(
        &self,
        user: &str,
        upsertions: &[ScramUpsertion],
        deletions: &[i8],
    ) -> Result<()> {
        let upsertions = upsertions.iter().map(|upsertion| ScramCredentialUpsertion {
            name: Str::Borrowed(user),
            mechanism: upsertion.mechanism,
            iterations: upsertion.iterations,
            salt: Blob::Borrowed(&upsertion.salt),
            salted_password: Blob::Borrowed(&upsertion.salted_password),
        });
        let deletions = deletions.iter().map(|mechanism| ScramCredentialDeletion {
            name: Str::Borrowed(user),
            mechanism: *mechanism,
        });
        let request = AlterUserScramCredentialsRequest {
            deletions: deletions.collect(),
            upsertions: upsertions.collect(),
        };
        let answer = self.call(&request).await?;
        let response: AlterUserScramCredentialsResponse<'_> = answer.decode()?;
        let result = response.results.first();
        let result = result.ok_or_else(|| Error::protocol("no verdict in the answer"))?;
        verdict(result.error_code, result.error_message.as_deref())
    }
}

fn exact(name: &QuotaName) -> Option<Str<'_>> {
    match name {
        QuotaName::Exact(name) => Some(Str::Borrowed(name)),
        QuotaName::Default | QuotaName::Any => None,
    }
}
