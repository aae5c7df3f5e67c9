//! AlterConfigs: replaces all configs of resources; what is not mentioned is reset.

use crate::dispatch::RequestContext;
use metadata::decide::AlterConfigs;
use types::ErrorCode;
use wire::alter_configs_request::AlterConfigsRequest;
use wire::alter_configs_response::{AlterConfigsResourceResponse, AlterConfigsResponse};

pub(crate) async fn answer<'a>(
    context: &RequestContext<'_>,
    request: AlterConfigsRequest<'a>,
) -> AlterConfigsResponse<'static> {
    let request = request.into_owned();
    let names: Vec<_> =
        request.resources.iter().map(|r| (r.resource_type, r.resource_name.clone())).collect();
    match context.node.controller.submit(AlterConfigs(request)).await {
        Ok(response) => response,
        Err(unavailable) => AlterConfigsResponse {
            responses: names
                .into_iter()
                .map(|(resource_type, resource_name)| AlterConfigsResourceResponse {
                    error_code: ErrorCode::NotController.code(),
                    error_message: Some(unavailable.to_string().into()),
                    resource_type,
                    resource_name,
                })
                .collect(),
            ..Default::default()
        },
    }
}
