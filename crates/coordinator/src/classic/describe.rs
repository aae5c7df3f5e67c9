//! What DescribeGroups and ListGroups tell of a classic group.

use types::ErrorCode;

use super::group::{ClassicGroup, State};
use crate::{Bytes, DescribeReply, DescribedMember, GroupKind, ListedGroup};

impl ClassicGroup {
    pub(crate) fn describe(&self) -> DescribeReply {
        let stable = matches!(self.state, State::Stable { .. });
        let protocol = self.protocol.clone().filter(|_| stable);
        let members = self.members.iter().map(|(id, m)| DescribedMember {
            member: id.clone(),
            instance: m.instance.clone(),
            client_id: m.client.id.clone(),
            client_host: m.client.host.clone(),
            metadata: protocol.as_ref().map_or_else(|| Bytes::from([]), |p| m.metadata(p)),
            assignment: if stable { m.assignment.clone() } else { Bytes::from([]) },
        });
        DescribeReply {
            error: ErrorCode::None,
            state: self.state.name(),
            protocol_type: self.protocol_type.clone().unwrap_or_else(|| "".into()),
            members: members.collect(),
            protocol: protocol.unwrap_or_else(|| "".into()),
        }
    }

    pub(crate) fn list(&self) -> ListedGroup {
        ListedGroup {
            group: self.id.clone(),
            protocol_type: self.protocol_type.clone().unwrap_or_else(|| "".into()),
            state: self.state.name(),
            kind: GroupKind::Classic,
        }
    }
}
