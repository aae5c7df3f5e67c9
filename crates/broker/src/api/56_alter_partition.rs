//! AlterPartition: a leader tells the controller who is in sync with it.

use crate::dispatch::RequestContext;
use metadata::decide;
use types::ErrorCode;
use wire::alter_partition_request::AlterPartitionRequest;
use wire::alter_partition_response::AlterPartitionResponse;

pub(crate) async fn answer(
    context: &RequestContext<'_>,
    request: AlterPartitionRequest,
) -> AlterPartitionResponse {
    let refused = || AlterPartitionResponse {
        error_code: ErrorCode::NotController.code(),
        ..AlterPartitionResponse::default()
    };
    let Ok(controller) = context.controller() else { return refused() };
    let command = decide::AlterPartition(request);
    controller.submit(command).await.unwrap_or_else(|_| refused())
}
