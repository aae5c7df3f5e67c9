//! UnregisterController: a controller is gone for good (KIP-1312).

use crate::dispatch::RequestContext;
use metadata::decide::{Refusal, UnregisterController};
use types::NodeId;
use wire::unregister_controller_request::UnregisterControllerRequest;
use wire::unregister_controller_response::UnregisterControllerResponse;

pub(crate) async fn answer(
    context: &RequestContext<'_>,
    request: UnregisterControllerRequest,
) -> UnregisterControllerResponse<'static> {
    let command = UnregisterController { controller: NodeId(request.controller_id) };
    let refusal = match context.submit(command).await {
        Ok(Ok(())) => return UnregisterControllerResponse::default(),
        Ok(Err(refusal)) => refusal,
        Err(unavailable) => Refusal::new(unavailable.code(), unavailable.to_string()),
    };
    UnregisterControllerResponse {
        error_code: refusal.code.code(),
        error_message: refusal.message,
        ..UnregisterControllerResponse::default()
    }
}
