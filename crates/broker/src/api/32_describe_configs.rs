//! DescribeConfigs: every key of topics, brokers, groups and subscriptions, and where it comes from.

use crate::cluster::broker_layers;
use crate::configs::BROKER_LOGGER;
use crate::dispatch::RequestContext;
use metadata::check_topic_name;
use metadata::config::{
    Assignments, Entry, Setting, UNSET, describe_broker, describe_broker_default,
    describe_client_metrics, describe_group, describe_topic,
};
use metadata::decide::Refusal;
use metadata::image::{ConfigResource, Image, ResourceKind};
use std::borrow::Cow;
use types::ErrorCode;
use wire::describe_configs_request::{DescribeConfigsRequest, DescribeConfigsResource};
use wire::describe_configs_response::{
    DescribeConfigsResourceResult, DescribeConfigsResponse, DescribeConfigsResult,
    DescribeConfigsSynonym,
};

/// Where the level of a logger comes from, by Kafka's number.
const LOGGER_SOURCE: i8 = 6;

pub(crate) async fn answer<'a>(
    context: &RequestContext<'_>,
    request: DescribeConfigsRequest<'a>,
) -> DescribeConfigsResponse<'a> {
    let image = context.node.controller.image();
    let shown =
        Shown { synonyms: request.include_synonyms, documentation: request.include_documentation };
    let results = request
        .resources
        .into_iter()
        .map(|resource| {
            let described = describe(context, &image, &resource, shown);
            result(resource, described)
        })
        .collect();
    DescribeConfigsResponse { results, ..Default::default() }
}

/// What the client wants to see beside names and values.
#[derive(Clone, Copy)]
struct Shown {
    synonyms: bool,
    documentation: bool,
}

fn result<'a>(
    resource: DescribeConfigsResource<'a>,
    described: Result<Vec<DescribeConfigsResourceResult<'static>>, Refusal>,
) -> DescribeConfigsResult<'a> {
    let (error_code, error_message, mut configs) = match described {
        Ok(configs) => (ErrorCode::None, None, configs),
        Err(refusal) => (refusal.code, refusal.message, Vec::new()),
    };
    // neither no list nor an empty one leaves a key out
    if let Some(keys) = resource.configuration_keys.filter(|keys| !keys.is_empty()) {
        configs.retain(|config| keys.contains(&config.name));
    }
    DescribeConfigsResult {
        error_code: error_code.code(),
        error_message,
        resource_type: resource.resource_type,
        resource_name: resource.resource_name,
        configs,
    }
}

fn describe(
    context: &RequestContext<'_>,
    image: &Image,
    resource: &DescribeConfigsResource<'_>,
    shown: Shown,
) -> Result<Vec<DescribeConfigsResourceResult<'static>>, Refusal> {
    let name = &*resource.resource_name;
    let settings = &context.node.settings;
    let layers = broker_layers(image, settings);
    let kind = ResourceKind::from_id(resource.resource_type);
    let own = || set_for(image, kind, name);
    let entries = match kind {
        ResourceKind::Topic => {
            check_topic_name(name).map_err(|error| {
                Refusal::new(ErrorCode::InvalidTopicException, error.to_string())
            })?;
            if image.topics().named(name).is_none() {
                return Err(Refusal::new(ErrorCode::UnknownTopicOrPartition, ""));
            }
            describe_topic(own(), layers)
        }
        ResourceKind::Broker if name.is_empty() => describe_broker_default(own()),
        ResourceKind::Broker => {
            check_this_broker(context, name, " or empty string,")?;
            describe_broker(layers)
        }
        ResourceKind::Group if name.is_empty() => {
            return Err(invalid("Group name must not be empty"));
        }
        ResourceKind::Group => describe_group(own(), layers),
        ResourceKind::ClientMetrics if name.is_empty() => {
            return Err(invalid("Client metrics subscription name must not be empty"));
        }
        ResourceKind::ClientMetrics => describe_client_metrics(own()),
        kind if kind == BROKER_LOGGER => {
            if name.is_empty() {
                return Err(invalid("Broker id must not be empty"));
            }
            check_this_broker(context, name, "")?;
            return Ok(settings.loggers.list().into_iter().map(logger).collect());
        }
        ResourceKind::Other(id) => {
            return Err(invalid(format!("Unsupported resource type: {id}")));
        }
    };
    Ok(entries.into_iter().map(|entry| config(entry, shown)).collect())
}

fn set_for<'i>(image: &'i Image, kind: ResourceKind, name: &str) -> &'i Assignments {
    image.configs().of(&ConfigResource::new(kind, name)).unwrap_or(UNSET)
}

/// Only this broker knows what stands in its file.
fn check_this_broker(
    context: &RequestContext<'_>,
    name: &str,
    alternative: &str,
) -> Result<(), Refusal> {
    let id = context.node.settings.node_id.0;
    match name.parse::<i32>() {
        Ok(asked) if asked == id => Ok(()),
        Ok(_) => Err(invalid(format!(
            "Unexpected broker id, expected {id}{alternative} but received {name}"
        ))),
        Err(_) => Err(invalid(format!("Broker id must be an integer, but it is: {name}"))),
    }
}

fn invalid(message: impl Into<Cow<'static, str>>) -> Refusal {
    Refusal::new(ErrorCode::InvalidRequest, message)
}

fn logger((name, level): (&'static str, &'static str)) -> DescribeConfigsResourceResult<'static> {
    DescribeConfigsResourceResult {
        name: Cow::Borrowed(name),
        value: Some(Cow::Borrowed(level)),
        config_source: LOGGER_SOURCE,
        ..Default::default()
    }
}

fn config(entry: Entry, shown: Shown) -> DescribeConfigsResourceResult<'static> {
    let is_sensitive = entry.is_sensitive;
    let synonym = |setting: Setting| DescribeConfigsSynonym {
        name: Cow::Owned(setting.name),
        value: (!is_sensitive).then_some(Cow::Owned(setting.value)),
        source: setting.source.code(),
    };
    let synonyms = if shown.synonyms { entry.synonyms } else { Vec::new() };
    DescribeConfigsResourceResult {
        name: Cow::Owned(entry.name),
        value: entry.value.map(Cow::Owned),
        read_only: entry.is_read_only,
        config_source: entry.source.code(),
        is_sensitive,
        synonyms: synonyms.into_iter().map(synonym).collect(),
        config_type: entry.kind,
        documentation: entry.doc.filter(|_| shown.documentation).map(Cow::Borrowed),
    }
}
