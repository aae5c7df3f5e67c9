//! A static member that comes back under a new id takes its old place (KIP-345, KIP-814).

use types::ErrorCode;

use super::group::State;
use super::member::Waiting;
use super::transition::Transition;
use crate::{JoinGroup, MemberId, Reply, Ticket};

impl Transition<'_> {
    /// Lets `fresh` stand in for `old`, without a rebalance where the assignment stays right.
    pub(super) fn replace_static_member(
        &mut self,
        ticket: Ticket,
        request: &JoinGroup,
        old: &MemberId,
        fresh: MemberId,
    ) {
        let leader_before = self.group().leader.clone();
        self.rename_member(old, &fresh);
        self.update_member(ticket, request, &fresh);
        self.renew_session(&fresh);
        match self.group().state {
            State::Stable { .. } => self.resume_or_rebalance(ticket, request, leader_before),
            // the leader may be assigning to the old id: what it gives would go to nobody
            State::CompletingRebalance { .. } => self.rebalance(),
            State::PreparingRebalance { .. } => self.rebalance(),
            State::Empty => unreachable!("an empty group has no instances"),
        }
    }

    /// The new id inherits everything; who still calls under the old one is fenced.
    fn rename_member(&mut self, old: &MemberId, fresh: &MemberId) {
        self.refuse_waiting(old, ErrorCode::FencedInstanceId, old.clone());
        let group = self.group_mut();
        let Some(member) = group.members.remove(old) else { return };
        if let Some(instance) = &member.instance {
            group.instances.insert(instance.clone(), fresh.clone());
        }
        group.members.insert(fresh.clone(), member);
        if group.is_leader(old) {
            group.leader = Some(fresh.clone());
        }
        if let Some(member) = self.member_mut(fresh) {
            member.is_new = false;
        }
    }

    fn resume_or_rebalance(
        &mut self,
        ticket: Ticket,
        request: &JoinGroup,
        leader_before: Option<MemberId>,
    ) {
        if self.group().elect_protocol() != self.group().protocol {
            self.rebalance();
            return;
        }
        let Some(instance) = &request.instance else { return };
        let Some(id) = self.group().instances.get(instance).cloned() else { return };
        if let Some(member) = self.member_mut(&id) {
            member.waiting = Waiting::Nothing;
        }
        if !self.fits_the_log() {
            self.abandon();
            self.refuse_join(ticket, ErrorCode::UnknownServerError, MemberId::unknown());
            return;
        }
        let mut reply = self.joined(&id, false, false);
        if request.can_skip_assignment {
            let leads = self.group().is_leader(&id);
            reply = self.joined(&id, leads, leads);
        } else if let Some(leader) = leader_before {
            // under the old leader's name an old client does not take itself for the leader,
            // and does not assign what is assigned
            reply.leader = leader;
        }
        self.store();
        self.reply(ticket, Reply::Join(reply));
    }
}
