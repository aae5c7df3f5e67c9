//! SyncGroup: the leader hands in the assignment, every member gets its own part of it.

use crate::dispatch::RequestContext;
use coordinator::{Call, GroupId, InstanceId, MemberId, Reply, SyncGroup, SyncReply, Text};
use types::ErrorCode;
use wire::sync_group_request::SyncGroupRequestAssignment;
use wire::{SyncGroupRequest, SyncGroupResponse};

/// From this version on a member says what it believes the group's protocol to be.
const FIRST_VERSION_WITH_PROTOCOL: i16 = 5;

pub(crate) async fn answer<'a>(
    context: &RequestContext<'_>,
    request: SyncGroupRequest<'a>,
) -> SyncGroupResponse<'static> {
    let names_protocol = request.protocol_type.is_some() && request.protocol_name.is_some();
    if context.version >= FIRST_VERSION_WITH_PROTOCOL && !names_protocol {
        return response(&SyncReply::refuse(ErrorCode::InconsistentGroupProtocol));
    }
    let group = GroupId::from(&*request.group_id);
    let sync = SyncGroup {
        group: group.clone(),
        member: MemberId::from(&*request.member_id),
        instance: request.group_instance_id.as_deref().map(InstanceId::from),
        generation: request.generation_id,
        protocol_type: request.protocol_type.as_deref().map(Text::from),
        protocol: request.protocol_name.as_deref().map(Text::from),
        assignments: request.assignments.iter().map(assignment).collect(),
    };
    let reply = match context.node.groups.call(&group, Call::Sync(sync)).await {
        Ok(Reply::Sync(reply)) => reply,
        Ok(reply) => unreachable!("{reply:?} to a sync"),
        Err(error) => SyncReply::refuse(error),
    };
    response(&reply)
}

fn assignment(given: &SyncGroupRequestAssignment<'_>) -> (MemberId, coordinator::Bytes) {
    (MemberId::from(&*given.member_id), (&*given.assignment).into())
}

fn response(reply: &SyncReply) -> SyncGroupResponse<'static> {
    SyncGroupResponse {
        throttle_time_ms: 0,
        error_code: reply.error.code(),
        protocol_type: reply.protocol_type.as_ref().map(|text| text.to_string().into()),
        protocol_name: reply.protocol.as_ref().map(|text| text.to_string().into()),
        assignment: reply.assignment.to_vec().into(),
    }
}
