//! Answers of others: what every one of them may tell of epoch and leader, and those of an election.

use types::{ErrorCode, NodeId, TimestampMs};

use crate::clock::after;
use crate::config::{GONE_SPREAD_MS, LOST_DOUBLINGS_MAX, LOST_PAUSE_MS, LOST_SPREAD_MS};
use crate::effect::Effects;
use crate::machine::Raft;
use crate::message::{CorrelationId, EpochAnswer, LeaderInfo, Reply, VoteAnswer};
use crate::role::Role;

impl Raft {
    pub(crate) fn learn(
        &mut self,
        now: TimestampMs,
        correlation: CorrelationId,
        reply: Reply,
        fx: &mut Effects,
    ) {
        // an answer that nobody waits for any more belongs to a former state
        let Some(node) = self.connections.complete(correlation) else { return };
        let is_good = match reply {
            Reply::Vote(answer) => self.learn_vote(now, node, answer, fx),
            Reply::VoteUnsupported => self.learn_no_pre_vote(now, fx),
            Reply::BeginQuorumEpoch(answer) => self.learn_epoch(now, &answer, fx),
            Reply::EndQuorumEpoch(answer) => self.learn_end_epoch(now, node, &answer, fx),
            Reply::Fetch(reply) => self.learn_fetch(now, correlation, reply, fx),
            Reply::FetchSnapshot(reply) => self.learn_fetch_snapshot(now, correlation, reply, fx),
            Reply::AddVoter(error) | Reply::RemoveVoter(error) => {
                matches!(error, ErrorCode::None | ErrorCode::RequestTimedOut)
                    || error == ErrorCode::DuplicateVoter
            }
            Reply::UpdateVoter(answer) => self.learn_update_voter(now, &answer, fx),
            Reply::ApiVersions(versions) => self.learn_versions(now, correlation, versions, fx),
        };
        // the state that asked may be gone, and with it the node's pause
        if !is_good {
            self.connections.back_off(node, now, &self.config.timeouts);
        }
    }

    pub(crate) fn request_failed(
        &mut self,
        now: TimestampMs,
        correlation: CorrelationId,
        fx: &mut Effects,
    ) {
        let Some(node) = self.connections.complete(correlation) else { return };
        self.connections.back_off(node, now, &self.config.timeouts);
        self.versions_failed(correlation, fx);
        match &mut self.role {
            Role::Prospective(prospective) => {
                prospective.tally.is_unreachable(node);
                self.lose_pre_vote_if_stalled(now, fx);
            }
            Role::Candidate(candidate) => {
                candidate.tally.is_unreachable(node);
                self.hurry_if_lost(now);
            }
            Role::Unattached(_) | Role::Leader(_) | Role::Follower(_) | Role::Resigned(_) => {}
        }
    }

    /// A follower need not wait for a leader whose process is gone. It asks for pre-votes soon; a
    /// leader that others are served by stays one.
    pub(crate) fn leader_gone(&mut self, now: TimestampMs, leader: NodeId) {
        let soon = after(now, self.chance.below(GONE_SPREAD_MS));
        if let Some(follower) = self.role.as_follower_mut()
            && follower.leader == leader
        {
            follower.fetch_deadline = follower.fetch_deadline.min(soon);
            follower.is_served = false;
        }
    }

    /// Back to the leader, which may be there again; without one there is nobody to go to.
    fn lose_pre_vote_if_stalled(&mut self, now: TimestampMs, fx: &mut Effects) {
        if let Role::Prospective(prospective) = &self.role
            && (prospective.tally.is_lost()
                || prospective.leader.is_some() && prospective.tally.is_stalled())
        {
            self.lose_pre_vote(now, fx);
        }
    }

    /// A candidate that cannot win any more asks again before its time is over.
    fn hurry_if_lost(&mut self, now: TimestampMs) {
        let Role::Candidate(candidate) = &mut self.role else { return };
        if candidate.is_hurried || !candidate.tally.is_stalled() {
            return;
        }
        let spread = LOST_SPREAD_MS << self.lost.min(LOST_DOUBLINGS_MAX);
        let soon = after(now, LOST_PAUSE_MS + self.chance.below(spread));
        candidate.is_hurried = true;
        candidate.deadline = candidate.deadline.min(soon);
        self.lost = self.lost.saturating_add(1);
    }

    /// What an answer says of epoch and leader. `Some` where that is all it is good for: whether the
    /// node that sent it may be asked again at once.
    pub(crate) fn learn_leader(
        &mut self,
        now: TimestampMs,
        error: ErrorCode,
        leader: &LeaderInfo,
        fx: &mut Effects,
    ) -> Option<bool> {
        if leader.epoch < self.epoch || error == ErrorCode::UnknownLeaderEpoch {
            return Some(false);
        }
        let redirects =
            matches!(error, ErrorCode::FencedLeaderEpoch | ErrorCode::NotLeaderOrFollower);
        if leader.epoch > self.epoch || redirects {
            // a node that neither leads nor knows who does needs a pause before it is asked again
            let names_other = leader.id.is_some() && leader.id != self.leader_id();
            let is_news = leader.epoch > self.epoch || names_other;
            return Some(self.follow(now, leader.clone(), fx) && is_news);
        }
        let is_lost = matches!(self.role, Role::Unattached(_)) || self.leader_id().is_none();
        if leader.id.is_some() && is_lost {
            let is_followed = self.follow(now, leader.clone(), fx);
            return if error == ErrorCode::None { None } else { Some(is_followed) };
        }
        match error {
            // a node that has another disk than we think, or that refuses us for what we said
            ErrorCode::BrokerNotAvailable
            | ErrorCode::InvalidVoterKey
            | ErrorCode::InvalidRequest => Some(false),
            _ => None,
        }
    }

    /// Moves to an epoch and its leader; `false` where what was said cannot be true.
    pub(crate) fn follow(
        &mut self,
        now: TimestampMs,
        mut leader: LeaderInfo,
        fx: &mut Effects,
    ) -> bool {
        let me = self.config.node;
        if leader.epoch == self.epoch {
            if leader.id == Some(me) && self.leader_id() != Some(me) {
                return false;
            }
            if let (Some(named), Some(known)) = (leader.id, self.leader_id())
                && named != known
            {
                return false;
            }
        }
        if leader.endpoints.is_empty()
            && let Some(id) = leader.id
        {
            leader.endpoints = self.voters().endpoints(id);
        }
        let is_reachable = !leader.endpoints.is_empty();
        let Some(id) = leader.id.filter(|id| *id != me) else {
            if leader.epoch > self.epoch {
                self.become_unattached(leader.epoch, leader.id, now, fx);
            }
            return true;
        };
        let knows_more = leader.epoch > self.epoch
            || self.leader_id().is_none()
            || leader.endpoints.len() > self.leader().endpoints.len();
        if is_reachable && knows_more {
            self.become_follower(leader.epoch, id, leader.endpoints, now, fx);
        } else if leader.epoch > self.epoch {
            self.become_unattached(leader.epoch, Some(id), now, fx);
        }
        true
    }

    fn learn_vote(
        &mut self,
        now: TimestampMs,
        voter: NodeId,
        answer: VoteAnswer,
        fx: &mut Effects,
    ) -> bool {
        if let Some(is_good) = self.learn_leader(now, answer.error, &answer.leader, fx) {
            return is_good;
        }
        if answer.error != ErrorCode::None {
            return false;
        }
        match &mut self.role {
            Role::Prospective(prospective) => {
                prospective.tally.record(voter, answer.granted);
                if prospective.tally.is_won() {
                    self.become_candidate(now, fx);
                } else {
                    self.lose_pre_vote_if_stalled(now, fx);
                }
            }
            Role::Candidate(candidate) => {
                candidate.tally.record(voter, answer.granted);
                if candidate.tally.is_won() {
                    self.become_leader(now, fx);
                }
                self.hurry_if_lost(now);
            }
            Role::Unattached(_) | Role::Leader(_) | Role::Follower(_) | Role::Resigned(_) => {}
        }
        true
    }

    /// A voter knows no pre-votes: the election is held as before KIP-996.
    fn learn_no_pre_vote(&mut self, now: TimestampMs, fx: &mut Effects) -> bool {
        if matches!(self.role, Role::Prospective(_)) {
            self.become_candidate(now, fx);
            return true;
        }
        false
    }

    fn learn_epoch(&mut self, now: TimestampMs, answer: &EpochAnswer, fx: &mut Effects) -> bool {
        self.learn_leader(now, answer.error, &answer.leader, fx)
            .unwrap_or(answer.error == ErrorCode::None)
    }

    fn learn_end_epoch(
        &mut self,
        now: TimestampMs,
        node: NodeId,
        answer: &EpochAnswer,
        fx: &mut Effects,
    ) -> bool {
        let is_good = self.learn_epoch(now, answer, fx);
        if let Role::Resigned(resigned) = &mut self.role
            && answer.error == ErrorCode::None
        {
            resigned.unacked.remove(&node);
        }
        is_good
    }

    fn learn_update_voter(
        &mut self,
        now: TimestampMs,
        answer: &EpochAnswer,
        fx: &mut Effects,
    ) -> bool {
        if let Some(is_good) = self.learn_leader(now, answer.error, &answer.leader, fx) {
            return is_good;
        }
        let is_done = matches!(answer.error, ErrorCode::None | ErrorCode::UnsupportedVersion);
        if is_done && let Some(follower) = self.role.as_follower_mut() {
            follower.has_told_leader = true;
            self.is_served(now);
        }
        is_done
    }
}
