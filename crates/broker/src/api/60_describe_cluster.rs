//! DescribeCluster: the nodes behind the listener that the request came in by.

use crate::api::metadata::CLUSTER_OPERATIONS;
use crate::dispatch::RequestContext;
use metadata::image::{Endpoint, Image};
use std::borrow::Cow;
use types::{ErrorCode, NodeId};
use wire::describe_cluster_request::DescribeClusterRequest;
use wire::describe_cluster_response::{DescribeClusterBroker, DescribeClusterResponse};

const BROKERS: i8 = 1;
const CONTROLLERS: i8 = 2;

pub(crate) async fn answer(
    context: &RequestContext<'_>,
    request: DescribeClusterRequest,
) -> DescribeClusterResponse<'static> {
    let listener = &*context.connection.listener;
    let is_controller = context.node.settings.config.listeners.is_controller(listener);
    let here = if is_controller { CONTROLLERS } else { BROKERS };
    if let Err((code, message)) = check_type(request.endpoint_type, here) {
        return DescribeClusterResponse {
            error_code: code.code(),
            error_message: Some(Cow::Owned(message)),
            endpoint_type: request.endpoint_type,
            ..Default::default()
        };
    }
    let image = context.node.controller.image();
    let nodes = match is_controller {
        true => controllers(&image, listener),
        false => brokers(&image, listener, request.include_fenced_brokers),
    };
    let controller_id = match is_controller {
        true => context.node.controller.leader(),
        // clients cannot reach the controller: a broker stands for it, as in Metadata
        false => nodes.iter().find(|node| !node.is_fenced).map_or(NodeId::NONE, id_of),
    };
    let mut response = DescribeClusterResponse {
        endpoint_type: here,
        cluster_id: Cow::Owned(context.node.cluster_id.clone()),
        controller_id: controller_id.0,
        brokers: nodes,
        ..Default::default()
    };
    if request.include_cluster_authorized_operations {
        response.cluster_authorized_operations = CLUSTER_OPERATIONS;
    }
    response
}

fn check_type(wanted: i8, here: i8) -> Result<(), (ErrorCode, String)> {
    let name = |kind| if kind == CONTROLLERS { "CONTROLLER" } else { "BROKER" };
    match wanted {
        BROKERS | CONTROLLERS if wanted == here => Ok(()),
        BROKERS | CONTROLLERS => {
            let message = format!(
                "The request was sent to an endpoint of type {}, but we wanted an endpoint of \
                 type {}",
                name(here),
                name(wanted)
            );
            Err((ErrorCode::MismatchedEndpointType, message))
        }
        other => {
            let message = format!("Unsupported endpoint type {other}");
            Err((ErrorCode::UnsupportedEndpointType, message))
        }
    }
}

fn brokers(
    image: &Image,
    listener: &str,
    with_fenced: bool,
) -> Vec<DescribeClusterBroker<'static>> {
    let brokers = image.cluster().brokers.values();
    brokers
        .filter(|broker| with_fenced || !broker.fenced)
        .filter_map(|broker| {
            let endpoint = broker.endpoint(listener)?;
            let rack = broker.rack.as_ref().map(|rack| Cow::Owned(rack.to_string()));
            Some(DescribeClusterBroker {
                rack,
                is_fenced: broker.fenced,
                ..node(broker.id, endpoint)
            })
        })
        .collect()
}

fn controllers(image: &Image, listener: &str) -> Vec<DescribeClusterBroker<'static>> {
    let controllers = image.cluster().controllers.values();
    controllers
        .filter_map(|controller| {
            let mut endpoints = controller.endpoints.iter();
            let endpoint = endpoints.find(|endpoint| &*endpoint.listener == listener)?;
            Some(node(controller.id, endpoint))
        })
        .collect()
}

fn node(id: NodeId, endpoint: &Endpoint) -> DescribeClusterBroker<'static> {
    DescribeClusterBroker {
        broker_id: id.0,
        host: Cow::Owned(endpoint.host.to_string()),
        port: i32::from(endpoint.port),
        ..Default::default()
    }
}

fn id_of(node: &DescribeClusterBroker<'_>) -> NodeId {
    NodeId(node.broker_id)
}
