//! LeaveGroup: members go by themselves, or an operator removes static ones by their instance.

use types::ErrorCode;

use super::group::State;
use super::transition::Transition;
use crate::{LeaveGroup, LeaveReply, LeavingMember, LeftMember, MemberId, Reply, Ticket};

impl Transition<'_> {
    pub fn leave(&mut self, ticket: Ticket, request: &LeaveGroup) {
        let members: Vec<LeftMember> = request.members.iter().map(|m| self.let_go(m)).collect();
        let somebody_left = members.iter().any(|m| m.error.is_none());
        self.reply(ticket, Reply::Leave(LeaveReply { error: ErrorCode::None, members }));
        if somebody_left && self.group().state != State::Empty {
            self.rebalance();
        }
    }

    fn let_go(&mut self, leaving: &LeavingMember) -> LeftMember {
        let found = self.find_leaving(leaving);
        let error = found.as_ref().err().copied().unwrap_or_default();
        if let Ok(id) = found {
            self.remove(&id);
        }
        LeftMember { member: leaving.member.clone(), instance: leaving.instance.clone(), error }
    }

    fn find_leaving(&self, leaving: &LeavingMember) -> Result<MemberId, ErrorCode> {
        let group = self.group();
        if leaving.member.is_unknown() {
            let instance = leaving.instance.as_ref();
            let named = instance.and_then(|instance| group.instances.get(instance));
            return named.cloned().ok_or(ErrorCode::UnknownMemberId);
        }
        if !group.pending.contains_key(&leaving.member) {
            group.check_member(&leaving.member, leaving.instance.as_ref())?;
        }
        Ok(leaving.member.clone())
    }
}
