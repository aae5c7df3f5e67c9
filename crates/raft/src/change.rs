//! Changes of the voter set, one at a time and each committed before the next (KIP-853).

use types::{ErrorCode, Offset, TimestampMs};

use crate::broken::is_broken;
use crate::clock::after;
use crate::config::{KRAFT_VERSION_DYNAMIC, KRAFT_VERSIONS};
use crate::control::ControlRecord;
use crate::effect::{Effect, Effects};
use crate::machine::Raft;
use crate::message::{
    AddVoterRequest, Answer, ChangeAnswer, CorrelationId, Request, RequestId, UpdateVoterRequest,
};
use crate::voter_change::{ChangeStep, VoterChange};
use crate::voters::{ReplicaKey, VersionRange, Voter, VoterSet};

impl Raft {
    /// First asks the voter-to-be what it can run; [`Raft::learn_versions`] goes on.
    pub(crate) fn serve_add_voter(
        &mut self,
        now: TimestampMs,
        id: RequestId,
        add: AddVoterRequest,
        fx: &mut Effects,
    ) {
        let started = self.may_change(now, add.voter, fx).and_then(|()| {
            if add.endpoints.get(&self.config.listener).is_none() {
                return refuse(ErrorCode::InvalidRequest, "no endpoint for the quorum's listener");
            }
            if self.voters().get(add.voter.id).is_some() {
                return refuse(ErrorCode::DuplicateVoter, "the node is a voter already");
            }
            let asked =
                self.send_to_replica(add.voter, &add.endpoints, Request::ApiVersions, now, fx);
            asked.ok_or_else(|| change_answer(ErrorCode::RequestTimedOut, "the voter is busy"))
        });
        match started {
            Err(answer) => fx.push(Effect::Respond { to: id, answer: Answer::AddVoter(answer) }),
            Ok(correlation) => {
                let AddVoterRequest { voter, endpoints, ack_when_committed } = add;
                let step = ChangeStep::Asking { correlation, voter, endpoints, ack_when_committed };
                self.begin_change(now, id, step);
            }
        }
    }

    pub(crate) fn serve_remove_voter(
        &mut self,
        now: TimestampMs,
        id: RequestId,
        voter: ReplicaKey,
        fx: &mut Effects,
    ) {
        let smaller = self.may_change(now, voter, fx).and_then(|()| {
            let smaller = self.voters().without(voter);
            smaller.ok_or_else(|| {
                change_answer(ErrorCode::VoterNotFound, "not a voter, or the last one")
            })
        });
        match smaller {
            Err(answer) => fx.push(Effect::Respond { to: id, answer: Answer::RemoveVoter(answer) }),
            Ok(smaller) => {
                let at = self.append_voters(now, smaller, fx);
                self.begin_change(now, id, ChangeStep::Removing(at));
            }
        }
    }

    /// A voter says where it listens and what it can run. Under static voters that is only remembered,
    /// for the upgrade to dynamic ones.
    pub(crate) fn serve_update_voter(
        &mut self,
        now: TimestampMs,
        update: UpdateVoterRequest,
        fx: &mut Effects,
    ) -> ErrorCode {
        let UpdateVoterRequest { current_epoch, voter } = update;
        if let Some(error) = self.refuse_unless_leader(current_epoch) {
            return error;
        }
        let VersionRange { min, max } = voter.kraft_versions;
        let listens = voter.endpoints.get(&self.config.listener).is_some();
        if voter.key.directory.is_none() || !listens || min < 0 || max < min {
            return ErrorCode::InvalidRequest;
        }
        self.expire_voter_change(now, fx);
        let version = self.kraft_version();
        let Some(leader) = self.role.as_leader() else { return ErrorCode::NotLeaderOrFollower };
        let is_dynamic = version >= KRAFT_VERSION_DYNAMIC;
        if leader.change.is_some() || self.high_watermark.is_none() {
            return ErrorCode::RequestTimedOut;
        }
        if is_dynamic && !self.are_voters_committed() {
            return ErrorCode::RequestTimedOut;
        }
        if !voter.kraft_versions.contains(version) {
            return ErrorCode::InvalidRequest;
        }
        let key = voter.key;
        let updated = if is_dynamic {
            self.voters().updated(voter)
        } else {
            leader.static_voters_told.updated_whatever_directory(voter)
        };
        let Some(updated) = updated else { return ErrorCode::VoterNotFound };
        if is_dynamic {
            self.append_voters(now, updated, fx);
        } else if let Some(leader) = self.role.as_leader_mut() {
            leader.static_voters_told = updated;
        }
        let timeouts = self.config.timeouts;
        if let Some(leader) = self.role.as_leader_mut()
            && key.id != self.config.node
        {
            leader.is_alive(key, now, &timeouts);
        }
        ErrorCode::None
    }

    /// The voter-to-be has answered: if it fits and keeps up, it votes from now on.
    pub(crate) fn learn_versions(
        &mut self,
        now: TimestampMs,
        correlation: CorrelationId,
        versions: Option<VersionRange>,
        fx: &mut Effects,
    ) -> bool {
        let Some(change) = self.take_asking(correlation) else { return true };
        let ChangeStep::Asking { voter, endpoints, ack_when_committed, .. } = change.step else {
            return true;
        };
        let fits = versions.filter(|range| range.contains(self.kraft_version()));
        let keeps_up = self.role.as_leader().is_some_and(|leader| leader.is_caught_up(voter, now));
        let refusal = if fits.is_none() {
            Some((ErrorCode::InvalidRequest, "the voter cannot run the quorum's kraft.version"))
        } else if !keeps_up {
            Some((ErrorCode::RequestTimedOut, "the voter lags behind"))
        } else {
            None
        };
        let larger = fits.and_then(|kraft_versions| {
            self.voters().with(Voter { key: voter, endpoints, kraft_versions })
        });
        let (Some(larger), None) = (larger, refusal) else {
            let (error, text) = refusal.unwrap_or((ErrorCode::DuplicateVoter, "votes already"));
            self.answer_change(change.request, Answer::AddVoter(change_answer(error, text)), fx);
            return true;
        };
        let at = self.append_voters(now, larger, fx);
        let mut request = change.request;
        if !ack_when_committed {
            self.answer_change(request.take(), Answer::AddVoter(done()), fx);
        }
        self.put_change(VoterChange { request, step: ChangeStep::Adding(at), ..change });
        true
    }

    pub(crate) fn versions_failed(&mut self, correlation: CorrelationId, fx: &mut Effects) {
        if let Some(change) = self.take_asking(correlation) {
            let answer = change_answer(ErrorCode::RequestTimedOut, "the voter did not answer");
            self.answer_change(change.request, Answer::AddVoter(answer), fx);
        }
    }

    /// A change that nobody confirms in time is answered; its record may be committed nevertheless.
    pub(crate) fn expire_voter_change(&mut self, now: TimestampMs, fx: &mut Effects) {
        let Some(leader) = self.role.as_leader_mut() else { return };
        if leader.change.as_ref().is_none_or(|change| change.until > now) {
            return;
        }
        let Some(change) = leader.change.take() else { return };
        let answer = ChangeAnswer { error: ErrorCode::RequestTimedOut, message: None };
        let answer = match change.step {
            ChangeStep::Asking { .. } | ChangeStep::Adding(_) => Answer::AddVoter(answer),
            ChangeStep::Removing(_) => Answer::RemoveVoter(answer),
        };
        self.answer_change(change.request, answer, fx);
    }

    /// The watermark rose: a change below it is done.
    pub(crate) fn voter_change_reached(&mut self, reached: Offset, fx: &mut Effects) {
        let Some(leader) = self.role.as_leader_mut() else { return };
        let Some(change) = leader.change.take() else { return };
        let answer = match change.step {
            ChangeStep::Adding(at) if at < reached => Answer::AddVoter(done()),
            ChangeStep::Removing(at) if at < reached => Answer::RemoveVoter(done()),
            ChangeStep::Asking { .. } | ChangeStep::Adding(_) | ChangeStep::Removing(_) => {
                leader.change = Some(change);
                return;
            }
        };
        self.answer_change(change.request, answer, fx);
    }

    /// A leader without a vote leads until it is committed that it has none.
    pub(crate) fn step_down_if_removed(&mut self) {
        let is_removed = !self.is_voter() && self.are_voters_committed();
        if let Some(leader) = self.role.as_leader_mut() {
            leader.must_resign |= is_removed;
        }
    }

    /// From static voters to dynamic ones: what the voters said of themselves becomes the first record.
    pub(crate) fn upgrade_kraft_version(
        &mut self,
        now: TimestampMs,
        to: RequestId,
        version: i16,
        fx: &mut Effects,
    ) {
        let result = self.upgraded_voters(version);
        let result = result.map(|voters| {
            if let Some(voters) = voters {
                let records =
                    vec![ControlRecord::KraftVersion(version), ControlRecord::Voters(voters)];
                self.append_control(now, records, fx);
            }
        });
        fx.push(Effect::RespondUpgrade { to, result });
    }

    /// The voters of the upgrade; `None` where there is nothing to do.
    fn upgraded_voters(&self, version: i16) -> Result<Option<VoterSet>, String> {
        let current = self.kraft_version();
        let Some(leader) = self.role.as_leader() else {
            return Err("ask the leader of the quorum".to_owned());
        };
        if version == current {
            return Ok(None);
        }
        if version < current || !KRAFT_VERSIONS.contains(version) {
            return Err(format!("kraft.version cannot go from {current} to {version}"));
        }
        let own = leader.static_voters_told.updated_whatever_directory(self.config.as_voter());
        let told = own.unwrap_or_default();
        let silent = |voter: &&Voter| voter.key.directory.is_none();
        if let Some(voter) = told.iter().find(silent) {
            return Err(format!("voter {} has not said yet which disk it has", voter.key.id));
        }
        if let Some(voter) = told.iter().find(|voter| !voter.kraft_versions.contains(version)) {
            return Err(format!("voter {} cannot run kraft.version {version}", voter.key.id));
        }
        Ok(Some(told))
    }

    /// What every change needs: a leader that has committed, dynamic voters, no change under way.
    fn may_change(
        &mut self,
        now: TimestampMs,
        voter: ReplicaKey,
        fx: &mut Effects,
    ) -> Result<(), ChangeAnswer> {
        if let Some(error) = self.refuse_unless_leader(self.epoch) {
            return Err(ChangeAnswer { error, message: None });
        }
        if voter.directory.is_none() {
            return refuse(ErrorCode::InvalidRequest, "a voter must have a directory id");
        }
        self.expire_voter_change(now, fx);
        let is_free = is_broken!(self, OneChange);
        if !is_free && self.role.as_leader().is_some_and(|leader| leader.change.is_some()) {
            return refuse(ErrorCode::RequestTimedOut, "another voter change is under way");
        }
        if !is_free && self.high_watermark.is_none() {
            return refuse(ErrorCode::RequestTimedOut, "the leader has not committed yet");
        }
        if self.kraft_version() < KRAFT_VERSION_DYNAMIC {
            return refuse(ErrorCode::UnsupportedVersion, "kraft.version must be 1 for that");
        }
        if !is_free && !self.are_voters_committed() {
            return refuse(ErrorCode::RequestTimedOut, "the last voter change is not committed");
        }
        Ok(())
    }

    fn are_voters_committed(&self) -> bool {
        let (at, reached) = (self.control.voters_offset(), self.high_watermark);
        at.is_some_and(|at| reached.is_some_and(|reached| at < reached))
    }

    fn begin_change(&mut self, now: TimestampMs, request: RequestId, step: ChangeStep) {
        let until = after(now, self.config.timeouts.request_ms);
        self.put_change(VoterChange { request: Some(request), until, step });
    }

    fn put_change(&mut self, change: VoterChange) {
        if let Some(leader) = self.role.as_leader_mut() {
            leader.change = Some(change);
        }
    }

    fn take_asking(&mut self, correlation: CorrelationId) -> Option<VoterChange> {
        let leader = self.role.as_leader_mut()?;
        let asked = |change: &VoterChange| matches!(change.step, ChangeStep::Asking { correlation: c, .. } if c == correlation);
        if leader.change.as_ref().is_some_and(asked) { leader.change.take() } else { None }
    }

    fn answer_change(&self, to: Option<RequestId>, answer: Answer, fx: &mut Effects) {
        if let Some(to) = to {
            fx.push(Effect::Respond { to, answer });
        }
    }
}

fn done() -> ChangeAnswer {
    ChangeAnswer { error: ErrorCode::None, message: None }
}

fn change_answer(error: ErrorCode, text: &str) -> ChangeAnswer {
    ChangeAnswer { error, message: Some(text.to_owned()) }
}

fn refuse<T>(error: ErrorCode, text: &str) -> Result<T, ChangeAnswer> {
    Err(change_answer(error, text))
}
