//! Requests of others: dispatch, and those of an election (Vote, BeginQuorumEpoch, EndQuorumEpoch).

use types::{ErrorCode, LeaderEpoch, TimestampMs};

use crate::broken::is_broken;
use crate::clock::after;
use crate::config::KRAFT_VERSIONS;
use crate::effect::{Effect, Effects};
use crate::log_state::LogEnd;
use crate::machine::Raft;
use crate::message::{
    Answer, BeginQuorumEpochRequest, DescribeQuorumAnswer, EndQuorumEpochRequest, EpochAnswer,
    LeaderInfo, Request, RequestId, VoteAnswer, VoteRequest,
};
use crate::role::Role;
use crate::voters::ReplicaKey;

impl Raft {
    pub(crate) fn serve(
        &mut self,
        now: TimestampMs,
        id: RequestId,
        request: Request,
        fx: &mut Effects,
    ) {
        let answer = match request {
            Request::Vote(vote) => Answer::Vote(self.serve_vote(now, &vote, fx)),
            Request::BeginQuorumEpoch(begin) => {
                let error = self.serve_begin_epoch(now, begin, fx);
                Answer::BeginQuorumEpoch(self.epoch_answer(error))
            }
            Request::EndQuorumEpoch(end) => {
                let error = self.serve_end_epoch(now, end, fx);
                Answer::EndQuorumEpoch(self.epoch_answer(error))
            }
            Request::Fetch(fetch) => return self.serve_fetch(now, id, fetch, fx),
            Request::FetchSnapshot(fetch) => {
                Answer::FetchSnapshot(self.serve_fetch_snapshot(now, &fetch))
            }
            Request::DescribeQuorum => Answer::DescribeQuorum(self.describe(now)),
            Request::AddVoter(add) => return self.serve_add_voter(now, id, add, fx),
            Request::RemoveVoter(voter) => return self.serve_remove_voter(now, id, voter, fx),
            Request::UpdateVoter(update) => {
                let error = self.serve_update_voter(now, update, fx);
                Answer::UpdateVoter(self.epoch_answer(error))
            }
            Request::ApiVersions => Answer::ApiVersions(KRAFT_VERSIONS),
        };
        fx.push(Effect::Respond { to: id, answer });
    }

    /// A vote for one replica an epoch, and only for one that has all that we have. A pre-vote binds
    /// nobody, and is refused by who is served by a leader (KIP-996).
    fn serve_vote(&mut self, now: TimestampMs, vote: &VoteRequest, fx: &mut Effects) -> VoteAnswer {
        let impossible_epoch = if vote.pre_vote {
            vote.last.epoch > vote.epoch
        } else {
            vote.last.epoch >= vote.epoch
        };
        if vote.last.offset.0 < 0 || vote.last.epoch.0 < 0 || impossible_epoch {
            return self.vote_answer(ErrorCode::InvalidRequest, false);
        }
        if let Some(error) = self.refuse_epoch(vote.epoch) {
            return self.vote_answer(error, false);
        }
        if vote.epoch > self.epoch {
            self.become_unattached(vote.epoch, None, now, fx);
        }
        if !self.is_addressee(vote.voter) {
            return self.vote_answer(ErrorCode::InvalidVoterKey, false);
        }
        let granted = self.grants(now, vote);
        if granted
            && !vote.pre_vote
            && matches!(self.role, Role::Unattached(_) | Role::Prospective(_))
        {
            self.vote_for(now, vote.replica, fx);
        }
        self.vote_answer(ErrorCode::None, granted)
    }

    fn grants(&self, now: TimestampMs, vote: &VoteRequest) -> bool {
        let is_up_to_date = self.is_up_to_date(vote.last) || is_broken!(self, LogUpToDate);
        match &self.role {
            Role::Unattached(_) | Role::Prospective(_) if vote.pre_vote => is_up_to_date,
            Role::Unattached(_) | Role::Prospective(_) => match self.voted {
                Some(voted) if !is_broken!(self, OneVote) => voted.accepts(vote.replica),
                _ if self.leader_id().is_some() => false,
                _ => is_up_to_date,
            },
            // an observer keeps its leader when that is silent, but must not keep others from a new one
            Role::Follower(follower) => {
                let is_served = follower.is_served && now < follower.fetch_deadline;
                vote.pre_vote && !is_served && is_up_to_date
            }
            Role::Candidate(_) if is_broken!(self, OneVote) => is_up_to_date,
            Role::Candidate(_) | Role::Resigned(_) => vote.pre_vote && is_up_to_date,
            Role::Leader(_) => false,
        }
    }

    fn is_up_to_date(&self, last: LogEnd) -> bool {
        last >= self.log.log_end()
    }

    /// Remembers the vote; an unattached voter gives its candidate an election's time.
    fn vote_for(&mut self, now: TimestampMs, candidate: ReplicaKey, fx: &mut Effects) {
        if self.voted.is_some() {
            return;
        }
        self.voted = Some(candidate);
        let deadline = self.election_deadline(now);
        let stands = self.stands();
        match &mut self.role {
            Role::Unattached(unattached) => unattached.deadline = stands.then_some(deadline),
            Role::Prospective(_)
            | Role::Candidate(_)
            | Role::Leader(_)
            | Role::Follower(_)
            | Role::Resigned(_) => {}
        }
        if !is_broken!(self, PersistVote) {
            self.persist(fx);
        }
    }

    fn serve_begin_epoch(
        &mut self,
        now: TimestampMs,
        begin: BeginQuorumEpochRequest,
        fx: &mut Effects,
    ) -> ErrorCode {
        if let Some(error) = self.refuse_epoch(begin.epoch) {
            return error;
        }
        let leader =
            LeaderInfo { id: Some(begin.leader), epoch: begin.epoch, endpoints: begin.endpoints };
        if !self.follow(now, leader, fx) {
            return ErrorCode::InvalidRequest;
        }
        if self.is_addressee(begin.voter) { ErrorCode::None } else { ErrorCode::InvalidVoterKey }
    }

    fn serve_end_epoch(
        &mut self,
        now: TimestampMs,
        end: EndQuorumEpochRequest,
        fx: &mut Effects,
    ) -> ErrorCode {
        if let Some(error) = self.refuse_epoch(end.epoch) {
            return error;
        }
        let leader =
            LeaderInfo { id: Some(end.leader), epoch: end.epoch, endpoints: end.endpoints };
        if !self.follow(now, leader, fx) {
            return ErrorCode::InvalidRequest;
        }
        let backoff = self.succession_backoff_ms(&end.successors);
        if let Some(follower) = self.role.as_follower_mut()
            && follower.leader == end.leader
        {
            follower.fetch_deadline = after(now, backoff);
            // its own leader says that it goes: no reason to refuse its successor a pre-vote
            follower.is_served = false;
        }
        ErrorCode::None
    }

    /// The first successor stands at once, each later one twice as long after, who is not named last.
    fn succession_backoff_ms(&self, successors: &[ReplicaKey]) -> u32 {
        let most = self.config.timeouts.election_backoff_ms_max;
        let me = self.config.key();
        let count = u32::try_from(successors.len()).unwrap_or(u32::MAX);
        match successors.iter().position(|key| key.accepts(me)) {
            None => most,
            Some(0) => 0,
            Some(place) => {
                let shortest = most.checked_shr(count.saturating_sub(1)).unwrap_or(0);
                let place = u32::try_from(place).unwrap_or(u32::MAX);
                let grown = u64::from(shortest).checked_shl(place.saturating_sub(1).min(31));
                u32::try_from(grown.unwrap_or(u64::MAX)).unwrap_or(most).min(most)
            }
        }
    }

    /// Why a request between voters is refused for its epoch.
    fn refuse_epoch(&self, epoch: LeaderEpoch) -> Option<ErrorCode> {
        if epoch < self.epoch {
            Some(ErrorCode::FencedLeaderEpoch)
        } else if epoch.0 < 0 {
            Some(ErrorCode::InvalidRequest)
        } else {
            None
        }
    }

    /// Whether a request that names its receiver is for us: the node may have got another disk.
    fn is_addressee(&self, voter: Option<ReplicaKey>) -> bool {
        voter.is_none_or(|voter| voter.accepts(self.config.key()))
    }

    fn vote_answer(&self, error: ErrorCode, granted: bool) -> VoteAnswer {
        VoteAnswer { error, leader: self.leader(), granted }
    }

    pub(crate) fn epoch_answer(&self, error: ErrorCode) -> EpochAnswer {
        EpochAnswer { error, leader: self.leader() }
    }

    fn describe(&mut self, now: TimestampMs) -> DescribeQuorumAnswer {
        let mut answer = DescribeQuorumAnswer {
            error: ErrorCode::NotLeaderOrFollower,
            leader: self.leader(),
            high_watermark: self.high_watermark.unwrap_or(types::Offset(-1)),
            voters: Vec::new(),
            observers: Vec::new(),
            nodes: self.voters().clone(),
        };
        let Some(leader) = self.role.as_leader_mut() else { return answer };
        leader.drop_idle_observers(now);
        answer.error = ErrorCode::None;
        answer.voters = leader.voters.values().map(|p| leader.describe(p, now)).collect();
        answer.observers = leader.observers.values().map(|p| leader.describe(p, now)).collect();
        answer
    }
}
