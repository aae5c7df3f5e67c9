//! ListPartitionReassignments: which replicas are on their way to other brokers.

use crate::dispatch::RequestContext;
use wire::list_partition_reassignments_request::ListPartitionReassignmentsRequest;
use wire::list_partition_reassignments_response::ListPartitionReassignmentsResponse;

pub(crate) async fn answer(
    context: &RequestContext<'_>,
    request: ListPartitionReassignmentsRequest<'_>,
) -> ListPartitionReassignmentsResponse<'static> {
    let command = metadata::decide::ListPartitionReassignments(request.into_owned());
    match context.submit(command).await {
        Ok(response) => response,
        Err(unavailable) => ListPartitionReassignmentsResponse {
            error_code: unavailable.code().code(),
            ..Default::default()
        },
    }
}
