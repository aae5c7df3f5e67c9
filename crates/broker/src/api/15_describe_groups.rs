//! DescribeGroups: state and members of classic groups.

use crate::dispatch::RequestContext;
use coordinator::{Call, DescribeReply, DescribedMember, GroupId, Reply};
use std::borrow::Cow;
use types::ErrorCode;
use wire::DescribeGroupsRequest;
use wire::describe_groups_response::{
    DescribeGroupsResponse, DescribedGroup, DescribedGroupMember,
};

/// Before, a group that is not there was described as a dead one.
const FIRST_VERSION_WITH_NOT_FOUND: i16 = 6;

/// Bits of read, delete, describe, describe configs and alter configs: all that a group knows.
const ALL_OPERATIONS: i32 = 1 << 3 | 1 << 6 | 1 << 8 | 1 << 10 | 1 << 11;
/// Nobody has asked.
const NO_OPERATIONS: i32 = i32::MIN;

pub(crate) async fn answer<'a>(
    context: &RequestContext<'_>,
    request: DescribeGroupsRequest<'a>,
) -> DescribeGroupsResponse<'a> {
    let mut groups = Vec::with_capacity(request.groups.len());
    for group_id in request.groups {
        let group = GroupId::from(&*group_id);
        let described = match context.node.groups.call(&group, Call::Describe(group.clone())).await
        {
            Ok(Reply::Describe(reply)) => describe(context.version, group_id, &reply),
            Ok(reply) => unreachable!("{reply:?} to a describe"),
            Err(error) => {
                DescribedGroup { group_id, error_code: error.code(), ..Default::default() }
            }
        };
        let is_asked = request.include_authorized_operations && described.error_code == 0;
        let authorized_operations = if is_asked { ALL_OPERATIONS } else { NO_OPERATIONS };
        groups.push(DescribedGroup { authorized_operations, ..described });
    }
    DescribeGroupsResponse { throttle_time_ms: 0, groups }
}

fn describe<'a>(version: i16, group_id: Cow<'a, str>, reply: &DescribeReply) -> DescribedGroup<'a> {
    let is_missing = reply.error == ErrorCode::GroupIdNotFound;
    let tells_missing = version >= FIRST_VERSION_WITH_NOT_FOUND;
    let error = if is_missing && !tells_missing { ErrorCode::None } else { reply.error };
    let message = (is_missing && tells_missing).then(|| format!("Group {group_id} not found."));
    DescribedGroup {
        error_code: error.code(),
        error_message: message.map(Into::into),
        group_id,
        group_state: reply.state.into(),
        protocol_type: reply.protocol_type.to_string().into(),
        protocol_data: reply.protocol.to_string().into(),
        members: reply.members.iter().map(member).collect(),
        authorized_operations: NO_OPERATIONS,
    }
}

fn member(member: &DescribedMember) -> DescribedGroupMember<'static> {
    DescribedGroupMember {
        member_id: member.member.to_string().into(),
        group_instance_id: member.instance.as_ref().map(|i| i.to_string().into()),
        client_id: member.client_id.to_string().into(),
        client_host: member.client_host.to_string().into(),
        member_metadata: member.metadata.to_vec().into(),
        member_assignment: member.assignment.to_vec().into(),
    }
}
