//! SyncGroup: the leader hands in what each member gets, and each member gets just that.

use std::collections::BTreeMap;
use std::sync::Arc;

use types::ErrorCode;

use super::group::{ClassicGroup, State};
use super::member::Waiting;
use super::transition::Transition;
use crate::{Bytes, Instant, MemberId, Reply, SyncGroup, SyncReply, Text, Ticket};

impl Transition<'_> {
    pub fn sync(&mut self, ticket: Ticket, request: &SyncGroup) {
        if let Err(error) = check(self.group(), request) {
            self.refuse_sync(ticket, error);
            return;
        }
        let id = &request.member;
        match self.group().state {
            State::Empty => self.refuse_sync(ticket, ErrorCode::UnknownMemberId),
            State::PreparingRebalance { .. } => {
                self.refuse_sync(ticket, ErrorCode::RebalanceInProgress);
            }
            State::CompletingRebalance { until } => {
                // a call that the member has repeated elsewhere is one that nobody listens to
                self.refuse_waiting(id, ErrorCode::RebalanceInProgress, id.clone());
                if let Some(member) = self.member_mut(id) {
                    member.waiting = Waiting::Sync(ticket);
                    member.owes_sync = false;
                }
                if self.group().is_leader(id) {
                    self.assign(&request.assignments, until);
                }
            }
            State::Stable { until } => {
                self.note_sync(id, until);
                let reply = self.synced(id);
                self.reply(ticket, Reply::Sync(reply));
            }
        }
    }

    /// The generation is complete: written down, then handed out to all who wait for it.
    fn assign(&mut self, assignments: &[(MemberId, Bytes)], until: Instant) {
        let given: BTreeMap<&MemberId, &Bytes> = assignments.iter().map(|(m, a)| (m, a)).collect();
        let nothing = Bytes::from([]);
        for (id, member) in &mut self.group_mut().members {
            let assignment = given.get(id).copied().unwrap_or(&nothing);
            Arc::make_mut(member).assignment = assignment.clone();
        }
        if !self.fits_the_log() {
            self.reset_assignments(ErrorCode::UnknownServerError);
            self.rebalance();
            return;
        }
        self.enter(State::Stable { until: Some(until) });
        self.store();
        let waiting: Vec<(MemberId, Ticket)> = self
            .group()
            .members
            .iter()
            .filter_map(|(id, m)| match m.waiting {
                Waiting::Sync(ticket) => Some((id.clone(), ticket)),
                Waiting::Nothing | Waiting::Join(_) => None,
            })
            .collect();
        for (id, ticket) in &waiting {
            if let Some(member) = self.member_mut(id) {
                member.waiting = Waiting::Nothing;
            }
            self.renew_session(id);
            self.note_sync(id, Some(until));
            let reply = self.synced(id);
            self.reply(*ticket, Reply::Sync(reply));
        }
    }

    /// The member has what it needs; once all have, nothing is due any more.
    fn note_sync(&mut self, id: &MemberId, until: Option<Instant>) {
        if let Some(member) = self.member_mut(id) {
            member.owes_sync = false;
        }
        let all_synced = self.group().members.values().all(|m| !m.owes_sync);
        let until = until.filter(|_| !all_synced);
        self.group_mut().state = State::Stable { until };
    }

    /// The time for syncing is up: who has not is taken for lost.
    pub(super) fn sync_time_is_up(&mut self) {
        let owing = |(id, m): (&MemberId, &Arc<super::Member>)| m.owes_sync.then(|| id.clone());
        let lost: Vec<MemberId> = self.group().members.iter().filter_map(owing).collect();
        for id in &lost {
            self.remove(id);
        }
        self.rebalance();
    }

    fn synced(&self, id: &MemberId) -> SyncReply {
        let group = self.group();
        SyncReply {
            error: ErrorCode::None,
            protocol_type: group.protocol_type.clone(),
            protocol: group.protocol.clone(),
            assignment: group.members.get(id).map_or_else(|| [].into(), |m| m.assignment.clone()),
        }
    }
}

fn check(group: &ClassicGroup, request: &SyncGroup) -> Result<(), ErrorCode> {
    group.check_member(&request.member, request.instance.as_ref())?;
    if request.generation != group.generation {
        return Err(ErrorCode::IllegalGeneration);
    }
    let contradicts = |said: &Option<Text>, is: &Option<Text>| said.is_some() && said != is;
    if contradicts(&request.protocol_type, &group.protocol_type)
        || contradicts(&request.protocol, &group.protocol)
    {
        return Err(ErrorCode::InconsistentGroupProtocol);
    }
    Ok(())
}
