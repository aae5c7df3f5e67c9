//! Heartbeat: a member is alive, and learns whether its generation still stands.

use crate::dispatch::RequestContext;
use coordinator::{Call, GroupId, Heartbeat, InstanceId, MemberId, Reply};
use types::ErrorCode;
use wire::{HeartbeatRequest, HeartbeatResponse};

pub(crate) async fn answer<'a>(
    context: &RequestContext<'_>,
    request: HeartbeatRequest<'a>,
) -> HeartbeatResponse {
    let group = GroupId::from(&*request.group_id);
    let heartbeat = Heartbeat {
        group: group.clone(),
        member: MemberId::from(&*request.member_id),
        instance: request.group_instance_id.as_deref().map(InstanceId::from),
        generation: request.generation_id,
    };
    let error = match context.node.groups.call(&group, Call::Heartbeat(heartbeat)).await {
        Ok(Reply::Heartbeat(error)) => error,
        Ok(reply) => unreachable!("{reply:?} to a heartbeat"),
        // all members of a group that is being loaded are alive
        Err(ErrorCode::CoordinatorLoadInProgress) => ErrorCode::None,
        Err(error) => error,
    };
    HeartbeatResponse { throttle_time_ms: 0, error_code: error.code() }
}
