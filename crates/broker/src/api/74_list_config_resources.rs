//! ListConfigResources: the names of everything that can have configs (KIP-1142).

use crate::dispatch::RequestContext;
use metadata::image::{Image, ResourceKind};
use std::borrow::Cow;
use types::ErrorCode;
use wire::list_config_resources_request::ListConfigResourcesRequest;
use wire::list_config_resources_response::{ConfigResource, ListConfigResourcesResponse};

const TOPIC: i8 = ResourceKind::Topic.id();
const BROKER: i8 = ResourceKind::Broker.id();
const BROKER_LOGGER: i8 = 8;
const CLIENT_METRICS: i8 = ResourceKind::ClientMetrics.id();
const GROUP: i8 = ResourceKind::Group.id();
const ALL: [i8; 5] = [GROUP, CLIENT_METRICS, BROKER_LOGGER, BROKER, TOPIC];

/// Before this version a client cannot say which types it wants and gets subscriptions only.
const FIRST_VERSION_WITH_TYPES: i16 = 1;

pub(crate) async fn answer(
    context: &RequestContext<'_>,
    request: ListConfigResourcesRequest,
) -> ListConfigResourcesResponse<'static> {
    let supported: &[i8] =
        if context.version < FIRST_VERSION_WITH_TYPES { &[CLIENT_METRICS] } else { &ALL };
    let asked = &request.resource_types;
    if !asked.iter().all(|kind| supported.contains(kind)) {
        let error_code = ErrorCode::UnsupportedVersion.code();
        return ListConfigResourcesResponse { error_code, ..Default::default() };
    }
    let image = context.node.controller.image();
    let wanted = supported.iter().filter(|kind| asked.is_empty() || asked.contains(kind));
    let config_resources = wanted
        .flat_map(|kind| {
            names(&image, *kind).into_iter().map(|name| ConfigResource {
                resource_name: Cow::Owned(name),
                resource_type: *kind,
            })
        })
        .collect();
    ListConfigResourcesResponse { config_resources, ..Default::default() }
}

fn names(image: &Image, kind: i8) -> Vec<String> {
    match kind {
        TOPIC => image.topics().iter().map(|topic| topic.name.to_string()).collect(),
        BROKER | BROKER_LOGGER => {
            let brokers = image.cluster().brokers.values().filter(|broker| !broker.fenced);
            brokers.map(|broker| broker.id.to_string()).collect()
        }
        _ => image
            .configs()
            .iter()
            .filter(|(resource, _)| resource.kind.id() == kind)
            .map(|(resource, _)| resource.name.to_string())
            .collect(),
    }
}
