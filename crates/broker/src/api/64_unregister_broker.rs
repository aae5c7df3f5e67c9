//! UnregisterBroker: a broker is gone for good.

use crate::dispatch::RequestContext;
use metadata::decide::{Refusal, UnregisterBroker};
use types::NodeId;
use wire::unregister_broker_request::UnregisterBrokerRequest;
use wire::unregister_broker_response::UnregisterBrokerResponse;

pub(crate) async fn answer(
    context: &RequestContext<'_>,
    request: UnregisterBrokerRequest,
) -> UnregisterBrokerResponse<'static> {
    let command = UnregisterBroker { broker: NodeId(request.broker_id) };
    let refusal = match context.submit(command).await {
        Ok(Ok(())) => return UnregisterBrokerResponse::default(),
        Ok(Err(refusal)) => refusal,
        Err(unavailable) => Refusal::new(unavailable.code(), unavailable.to_string()),
    };
    UnregisterBrokerResponse {
        error_code: refusal.code.code(),
        error_message: refusal.message,
        ..UnregisterBrokerResponse::default()
    }
}
