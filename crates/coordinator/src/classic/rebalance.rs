//! From one generation to the next: calling members in, waiting for them, electing a leader.

use std::sync::Arc;

use types::ErrorCode;

use super::group::{InitialDelay, State};
use super::member::Waiting;
use super::transition::Transition;
use crate::{Bytes, MemberId, Reply};

/// A member may claim to need no time at all; looking again must not become a loop.
const RETRY_MS_MIN: i32 = 100;

impl Transition<'_> {
    /// Begins a rebalance, or, within one, looks whether it can go on.
    pub(super) fn rebalance(&mut self) {
        match self.group().state {
            State::Empty => self.begin_first_rebalance(),
            State::Stable { .. } => self.begin_rebalance(),
            State::CompletingRebalance { .. } => {
                self.reset_assignments(ErrorCode::RebalanceInProgress);
                self.begin_rebalance();
            }
            State::PreparingRebalance { .. } => self.complete_join_if_all_are_there(),
        }
    }

    /// The first generation waits a little, and a little longer as long as members come.
    fn begin_first_rebalance(&mut self) {
        let step_ms = self.config.initial_rebalance_delay_ms;
        let remaining_ms = (self.group().rebalance_timeout_ms() - step_ms).max(0);
        let until = self.in_ms(step_ms);
        let initial = Some(InitialDelay { step_ms, remaining_ms, grew: false });
        self.enter(State::PreparingRebalance { until, initial });
    }

    fn begin_rebalance(&mut self) {
        let until = self.in_ms(self.group().rebalance_timeout_ms());
        self.enter(State::PreparingRebalance { until, initial: None });
        self.complete_join_if_all_are_there();
    }

    /// Ends the joining before its time if nobody is missing. The first generation has no such end.
    pub(super) fn complete_join_if_all_are_there(&mut self) {
        if let State::PreparingRebalance { initial: None, .. } = self.group().state
            && self.group().all_joined()
        {
            self.complete_join();
        }
    }

    /// The time for joining is up, or a step of it after which newcomers are looked for.
    pub(super) fn join_time_is_up(&mut self) {
        if let State::PreparingRebalance { initial: Some(delay), .. } = self.group().state
            && delay.grew
            && delay.remaining_ms > 0
        {
            let step_ms = self.config.initial_rebalance_delay_ms.min(delay.remaining_ms);
            let remaining_ms = (delay.remaining_ms - delay.step_ms).max(0);
            let until = self.in_ms(step_ms);
            let initial = Some(InitialDelay { step_ms, remaining_ms, grew: false });
            self.group_mut().state = State::PreparingRebalance { until, initial };
            return;
        }
        self.complete_join();
    }

    /// Those who came make the next generation; static members keep their place unseen.
    fn complete_join(&mut self) {
        let absent: Vec<MemberId> = self
            .group()
            .members
            .iter()
            .filter(|(_, m)| !m.awaits_join() && m.instance.is_none())
            .map(|(id, _)| id.clone())
            .collect();
        for id in &absent {
            self.remove(id);
        }
        if self.group().members.is_empty() {
            self.next_generation();
            self.store();
        } else if self.elect_leader() {
            self.next_generation();
            self.answer_joins();
        } else {
            // only silent static members are left: their sessions decide
            let until = self.in_ms(self.group().rebalance_timeout_ms().max(RETRY_MS_MIN));
            self.group_mut().state = State::PreparingRebalance { until, initial: None };
        }
    }

    /// Whether some member who came can lead; the present leader goes first.
    fn elect_leader(&mut self) -> bool {
        let group = self.group();
        let came = |id: &&MemberId| group.members.get(*id).is_some_and(|m| m.awaits_join());
        let elected =
            group.leader.iter().find(came).or_else(|| group.members.keys().find(came)).cloned();
        let found = elected.is_some();
        if found {
            self.group_mut().leader = elected;
        }
        found
    }

    fn next_generation(&mut self) {
        let until = self.in_ms(self.group().rebalance_timeout_ms());
        let protocol = self.group().elect_protocol();
        let generation = self.following(self.group().generation);
        let group = self.group_mut();
        group.generation = generation;
        group.protocol = protocol;
        group.subscribed = group.read_subscriptions();
        if group.members.is_empty() {
            self.enter(State::Empty);
        } else {
            self.enter(State::CompletingRebalance { until });
        }
    }

    fn following(&self, generation: i32) -> i32 {
        #[cfg(any(test, feature = "broken"))]
        if self.config.broken == Some(crate::Broken::NextGeneration) {
            return generation.max(1);
        }
        generation.checked_add(1).unwrap_or(1)
    }

    fn answer_joins(&mut self) {
        let ids: Vec<MemberId> = self.group().members.keys().cloned().collect();
        for id in &ids {
            let reply = self.joined(id, true, false);
            let Some(member) = self.member_mut(id) else { continue };
            member.is_new = false;
            member.owes_sync = true;
            if let Waiting::Join(ticket) = member.waiting {
                member.waiting = Waiting::Nothing;
                self.reply(ticket, Reply::Join(reply));
            }
            self.renew_session(id);
        }
    }

    /// The present assignment is void; who waits for it learns why.
    pub(super) fn reset_assignments(&mut self, error: ErrorCode) {
        let ids: Vec<MemberId> = self.group().members.keys().cloned().collect();
        for id in &ids {
            let Some(member) = self.member_mut(id) else { continue };
            member.assignment = Bytes::from([]);
            if let Waiting::Sync(ticket) = member.waiting {
                member.waiting = Waiting::Nothing;
                self.refuse_sync(ticket, error);
                self.renew_session(id);
            }
        }
    }

    pub(super) fn enter(&mut self, state: State) {
        let wall = self.now.wall;
        let group = self.group_mut();
        group.state = state;
        group.since = Some(wall);
        for member in group.members.values_mut().filter(|m| m.owes_sync) {
            Arc::make_mut(member).owes_sync = matches!(state, State::Stable { .. });
        }
    }
}
