//! UpdateFeatures: the cluster goes to other levels.

use crate::dispatch::RequestContext;
use metadata::features::Feature;
use std::borrow::Cow;
use types::ErrorCode;
use wire::update_features_request::UpdateFeaturesRequest;
use wire::update_features_response::UpdateFeaturesResponse;

pub(crate) async fn answer(
    context: &RequestContext<'_>,
    request: UpdateFeaturesRequest<'_>,
) -> UpdateFeaturesResponse<'static> {
    let kraft_version = context.node.controller.kraft_version();
    let wanted = wanted_kraft_version(&request).filter(|wanted| *wanted > kraft_version);
    let command = metadata::decide::UpdateFeatures {
        request: request.into_owned(),
        version: context.version,
        kraft_version,
    };
    let controller = context.node.controller.active();
    let response = match context.submit(command).await {
        Ok(response) => response,
        Err(unavailable) => return refused(unavailable.code(), None),
    };
    match (controller, wanted) {
        (Some(controller), Some(version)) if response.error_code == ErrorCode::None.code() => {
            match controller.upgrade_kraft(version).await {
                Ok(Ok(())) => response,
                Ok(Err(why)) => refused(ErrorCode::InvalidUpdateVersion, Some(why)),
                Err(unavailable) => refused(unavailable.code(), None),
            }
        }
        _ => response,
    }
}

/// The level that the quorum itself shall run, which is no record of the cluster's state.
fn wanted_kraft_version(request: &UpdateFeaturesRequest<'_>) -> Option<i16> {
    let mut updates = request.feature_updates.iter().filter(|_| !request.validate_only);
    let update = updates.find(|update| update.feature == Feature::Kraft.name())?;
    Some(update.max_version_level)
}

fn refused(code: ErrorCode, why: Option<String>) -> UpdateFeaturesResponse<'static> {
    UpdateFeaturesResponse {
        error_code: code.code(),
        error_message: why.map(Cow::Owned),
        ..UpdateFeaturesResponse::default()
    }
}
