//! AssignReplicasToDirs: a broker tells the controller in which directories its replicas are.

use crate::dispatch::RequestContext;
use metadata::decide;
use types::ErrorCode;
use wire::assign_replicas_to_dirs_request::AssignReplicasToDirsRequest;
use wire::assign_replicas_to_dirs_response::AssignReplicasToDirsResponse;

pub(crate) async fn answer(
    context: &RequestContext<'_>,
    request: AssignReplicasToDirsRequest,
) -> AssignReplicasToDirsResponse {
    let refused = || AssignReplicasToDirsResponse {
        error_code: ErrorCode::NotController.code(),
        ..AssignReplicasToDirsResponse::default()
    };
    let Ok(controller) = context.controller() else { return refused() };
    let command = decide::AssignReplicasToDirs(request);
    controller.submit(command).await.unwrap_or_else(|_| refused())
}
