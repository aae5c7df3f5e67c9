//! IncrementalAlterConfigs: sets, resets, appends to and subtracts from single keys.

use crate::dispatch::RequestContext;
use metadata::decide::IncrementalAlterConfigs;
use types::ErrorCode;
use wire::incremental_alter_configs_request::IncrementalAlterConfigsRequest;
use wire::incremental_alter_configs_response::{
    AlterConfigsResourceResponse, IncrementalAlterConfigsResponse,
};

pub(crate) async fn answer<'a>(
    context: &RequestContext<'_>,
    request: IncrementalAlterConfigsRequest<'a>,
) -> IncrementalAlterConfigsResponse<'static> {
    let request = request.into_owned();
    let names: Vec<_> =
        request.resources.iter().map(|r| (r.resource_type, r.resource_name.clone())).collect();
    match context.node.controller.submit(IncrementalAlterConfigs(request)).await {
        Ok(response) => response,
        Err(unavailable) => IncrementalAlterConfigsResponse {
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
