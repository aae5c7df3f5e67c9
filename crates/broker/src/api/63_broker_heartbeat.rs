//! BrokerHeartbeat: a broker lives, and says whether it wants in or out.

use crate::dispatch::RequestContext;
use metadata::BrokerRun;
use types::{BrokerEpoch, ErrorCode, NodeId};
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
    let (broker, epoch) = (NodeId(request.broker_id), BrokerEpoch(request.broker_epoch));
    let reply = controller.heartbeat(request).await.unwrap_or_else(|_| refused());
    if reply.error_code == ErrorCode::None.code() {
        context.connection.carries_heartbeats_of(BrokerRun { broker, epoch });
    }
    reply
}
