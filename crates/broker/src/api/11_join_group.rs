//! JoinGroup: a member asks for its place in the group's next generation.

use crate::dispatch::RequestContext;
use coordinator::{
    Call, Client, GroupId, InstanceId, JoinGroup, JoinReply, MemberId, Protocol, Reply,
};
use std::hash::{BuildHasher, RandomState};
use wire::JoinGroupRequest;
use wire::join_group_request::JoinGroupRequestProtocol;
use wire::join_group_response::{JoinGroupResponse, JoinGroupResponseMember};

const FIRST_VERSION_WITH_REBALANCE_TIMEOUT: i16 = 1;
/// A member that has no id is given one, and joins with it (KIP-394).
const FIRST_VERSION_WITH_KNOWN_IDS: i16 = 4;
const FIRST_VERSION_WITH_NULL_PROTOCOL: i16 = 7;
/// A static leader that returns can be told that its assignment stands (KIP-814).
const FIRST_VERSION_THAT_SKIPS: i16 = 9;

pub(crate) async fn answer<'a>(
    context: &RequestContext<'_>,
    request: JoinGroupRequest<'a>,
) -> JoinGroupResponse<'static> {
    let group = GroupId::from(&*request.group_id);
    let member = MemberId::from(&*request.member_id);
    let call = Call::Join(join(context, &request, group.clone(), member.clone()));
    let reply = match context.node.groups.call(&group, call).await {
        Ok(Reply::Join(reply)) => reply,
        Ok(reply) => unreachable!("{reply:?} to a join"),
        Err(error) => JoinReply::refuse(error, member),
    };
    if reply.generation > 0 && reply.member == reply.leader && !reply.skip_assignment {
        // each generation has one leader, which is told when all have joined
        context.node.metrics.groups.rebalanced();
    }
    response(context.version, &reply)
}

fn join(
    context: &RequestContext<'_>,
    request: &JoinGroupRequest<'_>,
    group: GroupId,
    member: MemberId,
) -> JoinGroup {
    let version = context.version;
    let protocol = |p: &JoinGroupRequestProtocol<'_>| Protocol {
        name: (&*p.name).into(),
        metadata: (&*p.metadata).into(),
    };
    JoinGroup {
        group,
        member,
        instance: request.group_instance_id.as_deref().map(InstanceId::from),
        client: Client {
            id: context.client_id.unwrap_or_default().into(),
            host: format!("/{}", context.connection.peer.ip().to_canonical()).into(),
        },
        session_timeout_ms: request.session_timeout_ms,
        rebalance_timeout_ms: match version < FIRST_VERSION_WITH_REBALANCE_TIMEOUT {
            true => request.session_timeout_ms,
            false => request.rebalance_timeout_ms,
        },
        protocol_type: (&*request.protocol_type).into(),
        protocols: request.protocols.iter().map(protocol).collect(),
        random: random(),
        id_required: version >= FIRST_VERSION_WITH_KNOWN_IDS,
        can_skip_assignment: version >= FIRST_VERSION_THAT_SKIPS,
    }
}

fn random() -> u128 {
    let half = || u128::from(RandomState::new().hash_one(()));
    half() << 64 | half()
}

fn response(version: i16, reply: &JoinReply) -> JoinGroupResponse<'static> {
    let text = |text: &coordinator::Text| text.to_string().into();
    let protocol_name = reply.protocol.as_ref().map(text);
    let members = reply.members.iter().map(|member| JoinGroupResponseMember {
        member_id: member.member.to_string().into(),
        group_instance_id: member.instance.as_ref().map(|i| i.to_string().into()),
        metadata: member.metadata.to_vec().into(),
    });
    JoinGroupResponse {
        throttle_time_ms: 0,
        error_code: reply.error.code(),
        generation_id: reply.generation,
        protocol_type: reply.protocol_type.as_ref().map(text),
        protocol_name: match version < FIRST_VERSION_WITH_NULL_PROTOCOL {
            true => Some(protocol_name.unwrap_or_default()),
            false => protocol_name,
        },
        leader: reply.leader.to_string().into(),
        skip_assignment: reply.skip_assignment,
        member_id: reply.member.to_string().into(),
        members: members.collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use types::ErrorCode;

    #[test]
    fn old_versions_read_no_null() {
        let refused = JoinReply::refuse(ErrorCode::UnknownMemberId, MemberId::unknown());
        for (version, name) in [(6, Some("")), (7, None)] {
            assert_eq!(response(version, &refused).protocol_name.as_deref(), name);
        }
    }
}
