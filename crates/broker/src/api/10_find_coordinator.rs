//! FindCoordinator: which broker keeps a group, named by the partition of the topic that keeps it.

use crate::dispatch::RequestContext;
use std::borrow::Cow;
use types::ErrorCode;
use wire::FindCoordinatorRequest;
use wire::find_coordinator_response::{Coordinator, FindCoordinatorResponse};

/// From this version on one request asks for many keys (KIP-699).
const FIRST_VERSION_WITH_BATCHES: i16 = 4;

/// Key types on the wire.
const GROUP: i8 = 0;
const TRANSACTION: i8 = 1;
const SHARE: i8 = 2;

const NO_PORT: i32 = -1;
const NO_NODE: i32 = -1;

pub(crate) async fn answer<'a>(
    context: &RequestContext<'_>,
    request: FindCoordinatorRequest<'a>,
) -> FindCoordinatorResponse<'a> {
    if context.version < FIRST_VERSION_WITH_BATCHES {
        let found = find(context, request.key_type, request.key).await;
        return FindCoordinatorResponse {
            error_code: found.error_code,
            error_message: found.error_message,
            node_id: found.node_id,
            host: found.host,
            port: found.port,
            ..Default::default()
        };
    }
    let mut coordinators = Vec::with_capacity(request.coordinator_keys.len());
    for key in request.coordinator_keys {
        coordinators.push(find(context, request.key_type, key).await);
    }
    FindCoordinatorResponse { coordinators, ..Default::default() }
}

async fn find<'a>(
    context: &RequestContext<'_>,
    key_type: i8,
    key: Cow<'a, str>,
) -> Coordinator<'a> {
    let refuse = |key, error: ErrorCode, message: Option<&'static str>| Coordinator {
        key,
        node_id: NO_NODE,
        host: "".into(),
        port: NO_PORT,
        error_code: error.code(),
        error_message: message.map(Into::into),
    };
    match key_type {
        GROUP => {}
        TRANSACTION | SHARE => {
            let message = "this server coordinates neither transactions nor share groups";
            return refuse(key, ErrorCode::UnsupportedVersion, Some(message));
        }
        _ => {
            let message = "the type of the key is unknown: 0 is a group";
            return refuse(key, ErrorCode::InvalidRequest, Some(message));
        }
    }
    let node = match context.node.groups.coordinator_of(&context.node.controller, &key).await {
        Ok(node) => node,
        Err(error) => return refuse(key, error, None),
    };
    let image = context.node.controller.image();
    let broker = image.cluster().broker(node).filter(|broker| broker.is_active());
    match broker.and_then(|broker| broker.endpoint(&context.connection.listener)) {
        Some(endpoint) => Coordinator {
            key,
            node_id: node.0,
            host: endpoint.host.to_string().into(),
            port: i32::from(endpoint.port),
            error_code: ErrorCode::None.code(),
            error_message: None,
        },
        None => refuse(key, ErrorCode::CoordinatorNotAvailable, None),
    }
}
