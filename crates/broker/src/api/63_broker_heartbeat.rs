//! BrokerHeartbeat: a broker lives, and says whether it wants in or out.

use crate::dispatch::RequestContext;
use types::ErrorCode;
use wire::broker_heartbeat_request::BrokerHeartbeatRequest;
use wire::broker_heartbeat_response::BrokerHeartbeatResponse;

pub(crate) async fn answer(
    context: &RequestContext<'_>,
    request: BrokerHeartbeatRequest,
) -> BrokerHeartbeatResponse {
    let refused = || BrokerHeartbeatResponse {
        error_code: ErrorCode::NotController.code(),
        ..BrokerHeartbeatResponse::default()
    };
    let Ok(controller) = context.controller() else { return refused() };
    controller.heartbeat(request).await.unwrap_or_else(|_| refused())
}
