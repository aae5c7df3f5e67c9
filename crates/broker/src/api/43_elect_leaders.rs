//! ElectLeaders: preferred and unclean elections.

use crate::dispatch::RequestContext;
use wire::elect_leaders_request::ElectLeadersRequest;
use wire::elect_leaders_response::ElectLeadersResponse;

pub(crate) async fn answer(
    context: &RequestContext<'_>,
    request: ElectLeadersRequest<'_>,
) -> ElectLeadersResponse<'static> {
    let command = metadata::decide::ElectLeaders(request.into_owned());
    match context.submit(command).await {
        Ok(response) => response,
        Err(unavailable) => {
            ElectLeadersResponse { error_code: unavailable.code().code(), ..Default::default() }
        }
    }
}
