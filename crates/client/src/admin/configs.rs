//! Configs of topics, brokers, groups and client metrics.

use types::ErrorCode;
use wire::Str;
use wire::describe_configs_request::{DescribeConfigsRequest, DescribeConfigsResource};
use wire::describe_configs_response::{DescribeConfigsResourceResult, DescribeConfigsResponse};
use wire::incremental_alter_configs_request::{
    AlterConfigsResource, AlterableConfig, IncrementalAlterConfigsRequest,
};
use wire::incremental_alter_configs_response::IncrementalAlterConfigsResponse;
use wire::list_config_resources_request::ListConfigResourcesRequest;
use wire::list_config_resources_response::ListConfigResourcesResponse;

use super::{Admin, verdict};
use crate::{Error, Result};

/// What has configs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ResourceKind {
    Topic,
    Broker,
    BrokerLogger,
    ClientMetrics,
    Group,
}

impl ResourceKind {
    const ALL: [Self; 5] =
        [Self::Topic, Self::Broker, Self::BrokerLogger, Self::ClientMetrics, Self::Group];

    /// As requests have it.
    #[must_use]
    pub fn code(self) -> i8 {
        match self {
            Self::Topic => 2,
            Self::Broker => 4,
            Self::BrokerLogger => 8,
            Self::ClientMetrics => 16,
            Self::Group => 32,
        }
    }

    fn from_code(code: i8) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.code() == code)
    }
}

/// A topic, a broker, a group… by name; the empty broker name is the cluster-wide default.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConfigResource {
    pub kind: ResourceKind,
    pub name: String,
}

impl ConfigResource {
    #[must_use]
    pub fn new(kind: ResourceKind, name: impl Into<String>) -> Self {
        Self { kind, name: name.into() }
    }

    /// The broker that must be asked itself.
    fn home(&self) -> Option<i32> {
        let own = matches!(self.kind, ResourceKind::Broker | ResourceKind::BrokerLogger);
        self.name.parse().ok().filter(|_| own)
    }
}

/// Where a value comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConfigSource(pub i8);

impl ConfigSource {
    pub const DEFAULT: Self = Self(5);
    pub const STATIC_BROKER: Self = Self(4);

    /// Kafka's name, as its tools print it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self.0 {
            1 => "DYNAMIC_TOPIC_CONFIG",
            2 => "DYNAMIC_BROKER_CONFIG",
            3 => "DYNAMIC_DEFAULT_BROKER_CONFIG",
            4 => "STATIC_BROKER_CONFIG",
            5 => "DEFAULT_CONFIG",
            6 => "DYNAMIC_BROKER_LOGGER_CONFIG",
            7 => "DYNAMIC_CLIENT_METRICS_CONFIG",
            8 => "DYNAMIC_GROUP_CONFIG",
            _ => "UNKNOWN",
        }
    }
}

/// One of the places in which a value may stand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigSynonym {
    pub name: String,
    pub value: Option<String>,
    pub source: ConfigSource,
}

/// A key with its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigEntry {
    pub name: String,
    pub value: Option<String>,
    pub source: ConfigSource,
    pub is_read_only: bool,
    pub is_sensitive: bool,
    /// Most specific first.
    pub synonyms: Vec<ConfigSynonym>,
}

/// What to do with a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AlterOp {
    Set,
    Delete,
    Append,
    Subtract,
}

/// A change of one key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigChange {
    pub name: String,
    pub op: AlterOp,
    pub value: Option<String>,
}

impl Admin {
    /// The configs of a resource.
    pub async fn describe_configs(
        &self,
        resource: &ConfigResource,
        synonyms: bool,
    ) -> Result<Vec<ConfigEntry>> {
        let request = DescribeConfigsRequest {
            resources: vec![DescribeConfigsResource {
                resource_type: resource.kind.code(),
                resource_name: Str::Borrowed(&resource.name),
                configuration_keys: None,
            }],
            include_synonyms: synonyms,
            ..Default::default()
        };
        let answer = match resource.home() {
            Some(node) => self.call_node(node, &request).await?,
            None => self.call(&request).await?,
        };
        let response: DescribeConfigsResponse<'_> = answer.decode()?;
        let result = response.results.first();
        let result = result.ok_or_else(|| Error::protocol("no configs in the answer"))?;
        verdict(result.error_code, result.error_message.as_deref())?;
        Ok(result.configs.iter().map(read_entry).collect())
    }

    /// Changes keys of a resource.
    pub async fn alter_configs(
        &self,
        resource: &ConfigResource,
        changes: &[ConfigChange],
    ) -> Result<()> {
        let configs = changes.iter().map(|change| AlterableConfig {
            name: Str::Borrowed(&change.name),
            config_operation: match change.op {
                AlterOp::Set => 0,
                AlterOp::Delete => 1,
                AlterOp::Append => 2,
                AlterOp::Subtract => 3,
            },
            value: change.value.as_deref().map(Str::Borrowed),
        });
        let request = IncrementalAlterConfigsRequest {
            resources: vec![AlterConfigsResource {
                resource_type: resource.kind.code(),
                resource_name: Str::Borrowed(&resource.name),
                configs: configs.collect(),
            }],
            ..Default::default()
        };
        let answer = match resource.home() {
            Some(node) => self.call_node(node, &request).await?,
            None => self.call(&request).await?,
        };
        let response: IncrementalAlterConfigsResponse<'_> = answer.decode()?;
        let result = response.responses.first();
        result.map_or(Ok(()), |r| verdict(r.error_code, r.error_message.as_deref()))
    }

    /// The names of all resources of a kind that have configs.
    pub async fn list_config_resources(&self, kind: ResourceKind) -> Result<Vec<ConfigResource>> {
        let request = ListConfigResourcesRequest { resource_types: vec![kind.code()] };
        let answer = self.call(&request).await?;
        let response: ListConfigResourcesResponse<'_> = answer.decode()?;
        if response.error_code == ErrorCode::UnsupportedVersion.code() {
            return Ok(Vec::new());
        }
        Error::check(response.error_code)?;
        let found = response.config_resources.iter().filter_map(|resource| {
            let kind = ResourceKind::from_code(resource.resource_type)?;
            Some(ConfigResource::new(kind, &*resource.resource_name))
        });
        Ok(found.collect())
    }
}

fn read_entry(entry: &DescribeConfigsResourceResult<'_>) -> ConfigEntry {
    let synonyms = entry.synonyms.iter().map(|synonym| ConfigSynonym {
        name: synonym.name.to_string(),
        value: synonym.value.as_deref().map(str::to_owned),
        source: ConfigSource(synonym.source),
    });
    ConfigEntry {
        name: entry.name.to_string(),
        value: entry.value.as_deref().map(str::to_owned),
        source: ConfigSource(entry.config_source),
        is_read_only: entry.read_only,
        is_sensitive: entry.is_sensitive,
        synonyms: synonyms.collect(),
    }
}
