//! DeleteGroups: groups without members go, with everything that they have committed.

use crate::dispatch::RequestContext;
use coordinator::{Call, GroupId, Reply};
use wire::DeleteGroupsRequest;
use wire::delete_groups_response::{DeletableGroupResult, DeleteGroupsResponse};

pub(crate) async fn answer<'a>(
    context: &RequestContext<'_>,
    request: DeleteGroupsRequest<'a>,
) -> DeleteGroupsResponse<'a> {
    let mut results = Vec::with_capacity(request.groups_names.len());
    for group_id in request.groups_names {
        let group = GroupId::from(&*group_id);
        let error = match context.node.groups.call(&group, Call::DeleteGroup(group.clone())).await {
            Ok(Reply::DeleteGroup(error)) => error,
            Ok(reply) => unreachable!("{reply:?} to a deletion"),
            Err(error) => error,
        };
        let error_code = error.code();
        results.push(DeletableGroupResult { group_id, error_code, ..Default::default() });
    }
    DeleteGroupsResponse { throttle_time_ms: 0, results }
}
