//! LeaveGroup: members go, several at once from v3 on.

use crate::dispatch::RequestContext;
use coordinator::{
    Call, GroupId, InstanceId, LeaveGroup, LeaveReply, LeavingMember, MemberId, Reply,
};
use types::ErrorCode;
use wire::LeaveGroupRequest;
use wire::leave_group_request::MemberIdentity;
use wire::leave_group_response::{LeaveGroupResponse, MemberResponse};

const FIRST_VERSION_WITH_BATCHES: i16 = 3;

pub(crate) async fn answer<'a>(
    context: &RequestContext<'_>,
    request: LeaveGroupRequest<'a>,
) -> LeaveGroupResponse<'static> {
    let group = GroupId::from(&*request.group_id);
    let is_batch = context.version >= FIRST_VERSION_WITH_BATCHES;
    let members = if is_batch {
        request.members.iter().map(leaving).collect()
    } else {
        let member = MemberId::from(&*request.member_id);
        vec![LeavingMember { member, instance: None }]
    };
    let leave = Call::Leave(LeaveGroup { group: group.clone(), members });
    let reply = match context.node.groups.call(&group, leave).await {
        Ok(Reply::Leave(reply)) => reply,
        Ok(reply) => unreachable!("{reply:?} to a leave"),
        Err(error) => LeaveReply { error, members: Vec::new() },
    };
    if is_batch { batch_response(&reply) } else { single_response(&reply) }
}

fn leaving(member: &MemberIdentity<'_>) -> LeavingMember {
    LeavingMember {
        member: MemberId::from(&*member.member_id),
        instance: member.group_instance_id.as_deref().map(InstanceId::from),
    }
}

fn batch_response(reply: &LeaveReply) -> LeaveGroupResponse<'static> {
    let members = reply.members.iter().map(|member| MemberResponse {
        member_id: member.member.to_string().into(),
        group_instance_id: member.instance.as_ref().map(|i| i.to_string().into()),
        error_code: member.error.code(),
    });
    let error_code = reply.error.code();
    LeaveGroupResponse { throttle_time_ms: 0, error_code, members: members.collect() }
}

/// The only member's error is the response's.
fn single_response(reply: &LeaveReply) -> LeaveGroupResponse<'static> {
    let member = reply.members.first().map_or(ErrorCode::None, |member| member.error);
    let error = if reply.error.is_none() { member } else { reply.error };
    LeaveGroupResponse { error_code: error.code(), ..Default::default() }
}
