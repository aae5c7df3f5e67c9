//! ControllerRegistration: a controller's process introduces itself to the one that leads.

use crate::dispatch::RequestContext;
use metadata::decide::{Refusal, RegisterController};
use types::ErrorCode;
use wire::controller_registration_request::ControllerRegistrationRequest;
use wire::controller_registration_response::ControllerRegistrationResponse;

pub(crate) async fn answer(
    context: &RequestContext<'_>,
    request: ControllerRegistrationRequest<'_>,
) -> ControllerRegistrationResponse<'static> {
    let registered = match context.controller() {
        Ok(controller) => controller.submit(RegisterController(request.into_owned())).await,
        Err(_) => Ok(Err(Refusal::from(ErrorCode::NotController))),
    };
    let refusal = match registered {
        Ok(Ok(())) => return ControllerRegistrationResponse::default(),
        Ok(Err(refusal)) => refusal,
        Err(unavailable) => Refusal::new(ErrorCode::NotController, unavailable.to_string()),
    };
    ControllerRegistrationResponse {
        error_code: refusal.code.code(),
        error_message: refusal.message,
        ..ControllerRegistrationResponse::default()
    }
}
