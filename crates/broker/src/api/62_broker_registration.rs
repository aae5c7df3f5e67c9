//! BrokerRegistration: a broker's process introduces itself to the controller.

use crate::dispatch::RequestContext;
use types::ErrorCode;
use wire::broker_registration_request::BrokerRegistrationRequest;
use wire::broker_registration_response::BrokerRegistrationResponse;

pub(crate) async fn answer(
    context: &RequestContext<'_>,
    request: BrokerRegistrationRequest<'_>,
) -> BrokerRegistrationResponse {
    let refused = |code: ErrorCode| BrokerRegistrationResponse {
        error_code: code.code(),
        ..BrokerRegistrationResponse::default()
    };
    let Ok(controller) = context.controller() else { return refused(ErrorCode::NotController) };
    let (broker, previous) = (request.broker_id, request.previous_broker_epoch);
    let Ok(response) = controller.register_broker(request.into_owned()).await else {
        return refused(ErrorCode::NotController);
    };
    let (epoch, code) = (response.broker_epoch, ErrorCode::from_wire(response.error_code));
    let peer = context.connection.peer;
    match code {
        ErrorCode::None => {
            tracing::info!(broker, epoch, previous, %peer, "a broker has registered");
        }
        // the broker itself says so aloud, once for all its attempts
        code => tracing::debug!(broker, code = code.name(), %peer, "a broker may not register"),
    }
    response
}
