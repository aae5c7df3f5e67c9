//! Deadlines of a group: sessions, ids that nobody used, the joining phase, the syncs.

use std::sync::Arc;

use types::ErrorCode;

use super::group::{ClassicGroup, State};
use super::transition::Transition;
use crate::{Heartbeat, Instant, MemberId};

/// What a deadline was for.
enum Due {
    Pending(MemberId),
    Session(MemberId),
    Phase,
}

impl Transition<'_> {
    /// Does all that is due, the earliest first.
    pub fn expire(&mut self) {
        self.group_mut(); // even if nothing is due after all, the group says when it wants to be next
        while let Some(due) = next_due(self.group(), self.now.instant) {
            match due {
                Due::Pending(id) => {
                    self.remove(&id);
                    self.complete_join_if_all_are_there();
                }
                Due::Session(id) => self.end_session(&id),
                Due::Phase => self.end_phase(),
            }
        }
    }

    /// After a reload all members that the log names are given one session to show up in.
    pub fn resume(&mut self) {
        let ids: Vec<MemberId> = self.group().members.keys().cloned().collect();
        for id in &ids {
            self.renew_session(id);
        }
        // the limit may have been lowered while the group was on disk
        if ids.len() > self.config.members_max {
            self.rebalance();
        }
    }

    fn end_session(&mut self, id: &MemberId) {
        if self.group().members.get(id).is_some_and(|m| m.is_excused()) {
            // the answer that it waits for starts its session again
            if let Some(member) = self.member_mut(id) {
                member.expires_at = None;
            }
            return;
        }
        self.remove(id);
        self.rebalance();
    }

    fn end_phase(&mut self) {
        match self.group().state {
            State::Empty => {}
            State::PreparingRebalance { .. } => self.join_time_is_up(),
            State::CompletingRebalance { .. } | State::Stable { .. } => self.sync_time_is_up(),
        }
    }
}

fn next_due(group: &ClassicGroup, now: Instant) -> Option<Due> {
    let pending = group.pending.iter().map(|(id, at)| (*at, id)).min();
    let session = group.members.iter().filter_map(|(id, m)| Some((m.expires_at?, id))).min();
    let pending = pending.map(|(at, id)| (at, Due::Pending(id.clone())));
    let session = session.map(|(at, id)| (at, Due::Session(id.clone())));
    let phase = group.state.deadline().map(|at| (at, Due::Phase));
    let earliest = [pending, session, phase].into_iter().flatten().min_by_key(|(at, _)| *at)?;
    (earliest.0 <= now).then_some(earliest.1)
}

impl ClassicGroup {
    /// What a member's heartbeat is answered, and until when the member counts as alive then.
    pub(crate) fn heartbeat(
        &self,
        now: Instant,
        request: &Heartbeat,
    ) -> Result<(ErrorCode, Instant), ErrorCode> {
        self.check_member(&request.member, request.instance.as_ref())?;
        if request.generation != self.generation {
            return Err(ErrorCode::IllegalGeneration);
        }
        let error = match self.state {
            State::Empty => return Err(ErrorCode::UnknownMemberId),
            State::PreparingRebalance { .. } => ErrorCode::RebalanceInProgress,
            State::CompletingRebalance { .. } | State::Stable { .. } => ErrorCode::None,
        };
        let until = self.session_end(now, &request.member).ok_or(ErrorCode::UnknownMemberId)?;
        Ok((error, until))
    }

    /// When a session of the member that starts now would end.
    pub(crate) fn session_end(&self, now: Instant, member: &MemberId) -> Option<Instant> {
        self.members.get(member).map(|m| now.plus_ms(m.session_timeout_ms))
    }

    /// The member is expected again by `until`.
    pub(crate) fn keep_alive(&mut self, member: &MemberId, until: Instant) {
        if let Some(member) = self.members.get_mut(member) {
            Arc::make_mut(member).expires_at = Some(until);
        }
    }
}
