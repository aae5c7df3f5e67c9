//! JoinGroup: who is let in, and who gets the present generation back without a rebalance.

use std::sync::Arc;

use types::ErrorCode;

use super::group::{InitialDelay, State};
use super::member::{Member, Waiting};
use super::transition::Transition;
use crate::{JoinGroup, JoinReply, JoinedMember, MemberId, Reply, Ticket};

impl Transition<'_> {
    /// Kafka's rules of joining, in Kafka's order.
    pub fn join(&mut self, ticket: Ticket, request: &JoinGroup) {
        if !self.has_room_for(&request.member) {
            self.remove(&request.member);
            self.refuse_join(ticket, ErrorCode::GroupMaxSizeReached, MemberId::unknown());
            return;
        }
        if !self.group().accepts(&request.protocol_type, &request.protocols) {
            let error = ErrorCode::InconsistentGroupProtocol;
            self.refuse_join(ticket, error, request.member.clone());
            return;
        }
        if request.member.is_unknown() {
            self.join_without_id(ticket, request);
        } else if request.instance.is_none() && self.group().pending.contains_key(&request.member) {
            self.add_member(ticket, request, request.member.clone());
        } else {
            self.rejoin(ticket, request);
        }
    }

    /// An existing member keeps its place as long as it was counted; others need a free one.
    fn has_room_for(&self, id: &MemberId) -> bool {
        let members_max = self.config.members_max;
        let member = self.group().members.get(id);
        match self.group().state {
            State::Empty => true,
            // the members may be more than are allowed since the limit was lowered:
            // the first to come back stay
            State::PreparingRebalance { .. } => {
                member.is_some_and(|m| m.awaits_join())
                    || self.group().awaiting_join() < members_max
            }
            State::CompletingRebalance { .. } | State::Stable { .. } => {
                member.is_some() || self.group().members.len() < members_max
            }
        }
    }

    fn join_without_id(&mut self, ticket: Ticket, request: &JoinGroup) {
        let Some(instance) = &request.instance else {
            let fresh = MemberId::fresh(&request.client.id, request.random);
            if request.id_required {
                let until = self.in_ms(request.session_timeout_ms);
                self.group_mut().pending.insert(fresh.clone(), until);
                self.refuse_join(ticket, ErrorCode::MemberIdRequired, fresh);
            } else {
                self.add_member(ticket, request, fresh);
            }
            return;
        };
        let fresh = MemberId::fresh(instance.as_str(), request.random);
        match self.group().instances.get(instance).cloned() {
            Some(old) => self.replace_static_member(ticket, request, &old, fresh),
            None => self.add_member(ticket, request, fresh),
        }
    }

    fn rejoin(&mut self, ticket: Ticket, request: &JoinGroup) {
        let id = &request.member;
        if let Err(error) = self.group().check_member(id, request.instance.as_ref()) {
            self.refuse_join(ticket, error, id.clone());
            return;
        }
        let said_the_same =
            self.group().members.get(id).is_some_and(|m| m.protocols == request.protocols);
        match self.group().state {
            State::Empty => {
                self.refuse_join(ticket, ErrorCode::UnknownMemberId, MemberId::unknown());
            }
            // the answer to its first join may be lost: it gets it again
            State::CompletingRebalance { .. } if said_the_same => self.repeat_join(ticket, id),
            // a leader that joins again wants to assign anew; topics may have changed
            State::Stable { .. } if said_the_same && !self.group().is_leader(id) => {
                self.repeat_join(ticket, id);
            }
            State::PreparingRebalance { .. }
            | State::CompletingRebalance { .. }
            | State::Stable { .. } => {
                self.update_member(ticket, request, id);
                self.rebalance();
            }
        }
    }

    fn repeat_join(&mut self, ticket: Ticket, id: &MemberId) {
        let sees_members = matches!(self.group().state, State::CompletingRebalance { .. });
        let reply = self.joined(id, sees_members, false);
        self.reply(ticket, Reply::Join(reply));
    }

    fn add_member(&mut self, ticket: Ticket, request: &JoinGroup, id: MemberId) {
        let expires_at = Some(self.in_ms(self.config.new_member_join_timeout_ms));
        let waiting = Waiting::Join(ticket);
        let member = Member { waiting, expires_at, ..Member::joining(request) };
        let group = self.group_mut();
        if group.members.is_empty() {
            group.protocol_type = Some(request.protocol_type.clone());
        }
        if let Some(instance) = &member.instance {
            let present = group.instances.insert(instance.clone(), id.clone());
            assert_eq!(present, None, "an instance has one member");
        }
        if let State::PreparingRebalance { initial: Some(InitialDelay { grew, .. }), .. } =
            &mut group.state
        {
            *grew = true;
        }
        group.leader.get_or_insert_with(|| id.clone());
        group.pending.remove(&id);
        group.members.insert(id, Arc::new(member));
        self.rebalance();
    }

    /// Takes over what the member now says, and has it wait for the next generation.
    pub(super) fn update_member(&mut self, ticket: Ticket, request: &JoinGroup, id: &MemberId) {
        // a call that the member has repeated elsewhere is one that nobody listens to
        self.refuse_waiting(id, ErrorCode::RebalanceInProgress, id.clone());
        if let Some(member) = self.member_mut(id) {
            member.protocols.clone_from(&request.protocols);
            member.session_timeout_ms = request.session_timeout_ms;
            member.rebalance_timeout_ms = request.rebalance_timeout_ms;
            member.waiting = Waiting::Join(ticket);
        }
    }

    /// The answer that makes `id` part of the present generation.
    pub(super) fn joined(&self, id: &MemberId, sees_members: bool, skip: bool) -> JoinReply {
        let group = self.group();
        let members = if sees_members && group.is_leader(id) {
            let protocol = group.protocol.as_deref().unwrap_or_default();
            let describe = |(member, m): (&MemberId, &Arc<Member>)| JoinedMember {
                member: member.clone(),
                instance: m.instance.clone(),
                metadata: m.metadata(protocol),
            };
            group.members.iter().map(describe).collect()
        } else {
            Vec::new()
        };
        JoinReply {
            error: ErrorCode::None,
            member: id.clone(),
            generation: group.generation,
            protocol_type: group.protocol_type.clone(),
            protocol: group.protocol.clone(),
            leader: group.leader.clone().unwrap_or_else(MemberId::unknown),
            skip_assignment: skip,
            members,
        }
    }
}
