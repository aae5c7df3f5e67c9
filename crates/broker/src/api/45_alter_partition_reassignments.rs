//! AlterPartitionReassignments: replicas move to other brokers, or stay after all.

use crate::dispatch::RequestContext;
use wire::alter_partition_reassignments_request::AlterPartitionReassignmentsRequest;
use wire::alter_partition_reassignments_response::AlterPartitionReassignmentsResponse;

pub(crate) async fn answer(
    context: &RequestContext<'_>,
    request: AlterPartitionReassignmentsRequest<'_>,
) -> AlterPartitionReassignmentsResponse<'static> {
    let command = metadata::decide::AlterPartitionReassignments(request.into_owned());
    match context.submit(command).await {
        Ok(response) => response,
        Err(unavailable) => AlterPartitionReassignmentsResponse {
            error_code: unavailable.code().code(),
            ..Default::default()
        },
    }
}
