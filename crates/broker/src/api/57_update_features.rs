//! UpdateFeatures: the cluster goes to other levels.

use crate::dispatch::RequestContext;
use types::ErrorCode;
use wire::update_features_request::UpdateFeaturesRequest;
use wire::update_features_response::UpdateFeaturesResponse;

pub(crate) async fn answer(
    context: &RequestContext<'_>,
    request: UpdateFeaturesRequest<'_>,
) -> UpdateFeaturesResponse<'static> {
    let command = metadata::decide::UpdateFeatures {
        request: request.into_owned(),
        version: context.version,
        kraft_version: context.node.controller.kraft_version(),
    };
    match context.node.controller.submit(command).await {
        Ok(response) => response,
        Err(_) => UpdateFeaturesResponse {
            error_code: ErrorCode::NotController.code(),
            ..Default::default()
        },
    }
}
