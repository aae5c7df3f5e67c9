//! A step of one classic group: a copy to work on, and what the step has to say and to write.

use std::sync::Arc;

use types::ErrorCode;

use super::group::ClassicGroup;
use super::member::{Member, Waiting};
use crate::{
    Decision, GroupConfig, Instant, JoinReply, MemberId, Now, Record, Reply, StoredRecord,
    SyncReply, Ticket, Volatile,
};

/// Collects what a request does to a group. Nothing outside changes until the decision is applied.
pub(crate) struct Transition<'a> {
    pub(super) config: &'a GroupConfig,
    pub(super) now: Now,
    group: ClassicGroup,
    /// The group is not known to the shard yet.
    is_unknown: bool,
    changed: bool,
    stored: Vec<StoredRecord>,
    replies: Vec<(Ticket, Reply)>,
}

impl<'a> Transition<'a> {
    /// A step of a group that the shard holds.
    pub fn of(config: &'a GroupConfig, now: Now, group: &ClassicGroup) -> Self {
        Self {
            config,
            now,
            group: group.clone(),
            is_unknown: false,
            changed: false,
            stored: Vec::new(),
            replies: Vec::new(),
        }
    }

    /// A step of a group that comes into being if the step changes it.
    pub fn of_unknown(config: &'a GroupConfig, now: Now, mut group: ClassicGroup) -> Self {
        group.since = Some(now.wall);
        Self { is_unknown: true, ..Self::of(config, now, &group) }
    }

    /// The decision: stored records first, then the group as it is afterwards, then the answers.
    pub fn decision(mut self) -> Decision<Record, Reply> {
        if self.changed && self.is_unknown && self.stored.is_empty() {
            // a group leaves a mark in the log before anybody depends on it
            let since = Some(self.now.wall);
            let mark = ClassicGroup { since, ..ClassicGroup::new(self.group.id.clone()) };
            self.stored.push(mark.to_record());
        }
        let mut records: Vec<Record> = self.stored.into_iter().map(Record::Stored).collect();
        if self.changed {
            records.push(Record::Volatile(Volatile::Group(Arc::new(self.group))));
        }
        Decision { records, replies: self.replies }
    }

    pub(super) fn group(&self) -> &ClassicGroup {
        &self.group
    }

    pub(super) fn group_mut(&mut self) -> &mut ClassicGroup {
        self.changed = true;
        &mut self.group
    }

    /// The member to change it, if it is one.
    pub(super) fn member_mut(&mut self, id: &MemberId) -> Option<&mut Member> {
        self.group_mut().members.get_mut(id).map(Arc::make_mut)
    }

    pub(super) fn reply(&mut self, ticket: Ticket, reply: Reply) {
        self.replies.push((ticket, reply));
    }

    pub(super) fn refuse_join(&mut self, ticket: Ticket, error: ErrorCode, member: MemberId) {
        self.reply(ticket, Reply::Join(JoinReply::refuse(error, member)));
    }

    pub(super) fn refuse_sync(&mut self, ticket: Ticket, error: ErrorCode) {
        self.reply(ticket, Reply::Sync(SyncReply::refuse(error)));
    }

    /// Whether the log takes the group's present generation: its members decide how long it gets.
    pub(super) fn fits_the_log(&self) -> bool {
        self.group.record_bytes() <= self.config.record_bytes_max
    }

    /// As if nothing had been asked, except for what is answered from here on.
    pub(super) fn abandon(&mut self) {
        self.changed = false;
        self.stored.clear();
        self.replies.clear();
    }

    /// Has the group's present generation written to the log.
    pub(super) fn store(&mut self) {
        self.changed = true;
        self.stored.push(self.group.to_record());
    }

    /// Answers what the member waits for, if anything, with a refusal.
    pub(super) fn refuse_waiting(&mut self, id: &MemberId, error: ErrorCode, known_as: MemberId) {
        let Some(member) = self.member_mut(id) else { return };
        match std::mem::replace(&mut member.waiting, Waiting::Nothing) {
            Waiting::Nothing => {}
            Waiting::Join(ticket) => self.refuse_join(ticket, error, known_as),
            Waiting::Sync(ticket) => self.refuse_sync(ticket, error),
        }
    }

    /// Starts the member's session anew, with its own timeout.
    pub(super) fn renew_session(&mut self, id: &MemberId) {
        let now = self.now.instant;
        if let Some(member) = self.member_mut(id) {
            member.expires_at = Some(now.plus_ms(member.session_timeout_ms));
        }
    }

    /// Takes a member, or an id that was given out, from the group, and answers what it waits for.
    pub(super) fn remove(&mut self, id: &MemberId) {
        self.refuse_waiting(id, ErrorCode::UnknownMemberId, MemberId::unknown());
        let group = self.group_mut();
        group.pending.remove(id);
        if let Some(member) = group.members.remove(id)
            && let Some(instance) = &member.instance
        {
            group.instances.remove(instance);
        }
        if group.is_leader(id) {
            group.leader = group.members.keys().next().cloned();
        }
    }

    pub(super) fn in_ms(&self, ms: i32) -> Instant {
        self.now.instant.plus_ms(ms)
    }
}
