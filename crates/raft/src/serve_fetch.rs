//! The leader's log, read by others: fetches that wait, snapshots, and what they prove to the leader.

use types::{ErrorCode, Offset, TimestampMs};

use crate::broken::is_broken;
use crate::clock::after;
use crate::control::ControlRecord;
use crate::effect::{Effect, Effects};
use crate::leader::{Leader, Parked};
use crate::log_state::{BOOTSTRAP_SNAPSHOT, Position};
use crate::machine::Raft;
use crate::message::{
    Answer, ChangeAnswer, FetchAnswer, FetchRequest, FetchSnapshotAnswer, FetchSnapshotRequest,
    Found, RequestId,
};
use crate::voter_change::ChangeStep;

/// More fetches than this do not wait: they are answered at once, with nothing.
const PARKED_MAX: usize = 10_000;

/// A fetch that waits longer is answered with nothing, so that those whose askers are gone are not
/// kept for ever.
const WAIT_MS_MAX: u32 = 30_000;

impl Raft {
    pub(crate) fn serve_fetch(
        &mut self,
        now: TimestampMs,
        id: RequestId,
        fetch: FetchRequest,
        fx: &mut Effects,
    ) {
        let is_invalid = fetch.wait_ms_max < 0
            || fetch.offset.0 < 0
            || fetch.last_fetched_epoch.0 < 0
            || fetch.last_fetched_epoch > fetch.current_epoch;
        let refusal = is_invalid
            .then_some(ErrorCode::InvalidRequest)
            .or_else(|| self.refuse_unless_leader(fetch.current_epoch))
            .or_else(|| {
                (fetch.replica.id == self.config.node).then_some(ErrorCode::UnknownServerError)
            });
        if let Some(error) = refusal {
            return self.respond_fetch(id, self.empty_fetch(error), fx);
        }
        let position = self.fetch_position(&fetch);
        if position == Position::Valid && fetch.replica.id.0 >= 0 {
            self.replica_fetched(now, &fetch, fx);
        }
        let has_records = fetch.offset < self.log.end;
        let is_behind = self.high_watermark.is_some_and(|offset| fetch.high_watermark < offset);
        let Some(leader) = self.role.as_leader_mut() else {
            return self.respond_fetch(id, self.empty_fetch(ErrorCode::NotLeaderOrFollower), fx);
        };
        let may_wait = fetch.wait_ms_max > 0 && leader.parked.len() < PARKED_MAX;
        if position == Position::Valid && !has_records && !is_behind && may_wait {
            let until = after(now, fetch.wait_ms_max.unsigned_abs().min(WAIT_MS_MAX));
            leader.parked.push(Parked { id, fetch, until });
        } else {
            let answer = self.fetch_answer(&fetch);
            self.respond_fetch(id, answer, fx);
        }
    }

    /// The pieces of a snapshot; the file itself is the shell's.
    pub(crate) fn serve_fetch_snapshot(
        &mut self,
        now: TimestampMs,
        fetch: &FetchSnapshotRequest,
    ) -> FetchSnapshotAnswer {
        let is_there =
            self.log.snapshots.contains(&fetch.snapshot) && fetch.snapshot != BOOTSTRAP_SNAPSHOT;
        let error = self
            .refuse_unless_leader(fetch.current_epoch)
            .or_else(|| (!is_there).then_some(ErrorCode::SnapshotNotFound));
        let timeouts = self.config.timeouts;
        if error.is_none()
            && fetch.replica.id.0 >= 0
            && fetch.replica.id != self.config.node
            && let Some(leader) = self.role.as_leader_mut()
        {
            leader.is_alive(fetch.replica, now, &timeouts);
        }
        FetchSnapshotAnswer {
            error: error.unwrap_or_default(),
            leader: self.leader(),
            snapshot: fetch.snapshot,
            position: fetch.position,
            bytes_max: fetch.bytes_max,
        }
    }

    /// The shell of the leader wrote records.
    pub(crate) fn appended(
        &mut self,
        now: TimestampMs,
        epoch: types::LeaderEpoch,
        end: Offset,
        fx: &mut Effects,
    ) {
        assert!(self.role.as_leader().is_some() && epoch == self.epoch, "only the leader appends");
        self.log.append(epoch, end);
        self.leader_log_grew(now, fx);
    }

    /// Fetches that waited for records have some.
    pub(crate) fn leader_log_grew(&mut self, _now: TimestampMs, fx: &mut Effects) {
        let end = self.log.end;
        self.answer_parked(|parked| parked.fetch.offset < end, fx);
        self.advance_high_watermark(fx);
    }

    /// The log is durable up to `end`; as leader that may commit records, as follower it allows the
    /// next fetch.
    pub(crate) fn flushed(&mut self, _now: TimestampMs, end: Offset, fx: &mut Effects) {
        self.log.durable_end = self.log.durable_end.max(end).min(self.log.end);
        let durable = self.log.durable_end;
        if let Some(leader) = self.role.as_leader_mut() {
            leader.local_end(durable);
            self.advance_high_watermark(fx);
        }
        self.raise_follower_watermark(fx);
    }

    pub(crate) fn answer_expired_fetches(&mut self, now: TimestampMs, fx: &mut Effects) {
        self.answer_parked(|parked| parked.until <= now, fx);
    }

    /// A leader that is none any more answers all who wait for it.
    pub(crate) fn dismiss(&mut self, leader: Leader, error: ErrorCode, fx: &mut Effects) {
        for parked in leader.parked {
            self.respond_fetch(parked.id, self.empty_fetch(error), fx);
        }
        let Some(change) = leader.change else { return };
        let Some(to) = change.request else { return };
        let answer = ChangeAnswer { error: ErrorCode::NotLeaderOrFollower, message: None };
        let answer = match change.step {
            ChangeStep::Asking { .. } | ChangeStep::Adding(_) => Answer::AddVoter(answer),
            ChangeStep::Removing(_) => Answer::RemoveVoter(answer),
        };
        fx.push(Effect::Respond { to, answer });
    }

    /// Moves the watermark to where a majority is, once that covers a record of this epoch.
    pub(crate) fn advance_high_watermark(&mut self, fx: &mut Effects) {
        let Some(leader) = self.role.as_leader() else { return };
        let any_end = || leader.voters.values().filter_map(|progress| progress.end).max();
        let reached = if is_broken!(self, Majority) { any_end() } else { leader.majority_end() };
        let Some(reached) = reached else { return };
        if reached <= leader.epoch_start && !is_broken!(self, OwnEpochFirst) {
            return;
        }
        if self.raise_high_watermark(reached, fx) {
            self.voter_change_reached(reached, fx);
            self.step_down_if_removed();
            self.answer_parked(|parked| parked.fetch.high_watermark < reached, fx);
        }
    }

    fn replica_fetched(&mut self, now: TimestampMs, fetch: &FetchRequest, fx: &mut Effects) {
        let (end, timeouts) = (self.log.end, self.config.timeouts);
        if let Some(leader) = self.role.as_leader_mut() {
            leader.fetched(fetch.replica, fetch.offset, end, now, &timeouts);
        }
        self.advance_high_watermark(fx);
    }

    fn fetch_position(&self, fetch: &FetchRequest) -> Position {
        match self.log.snapshots.last() {
            // an empty log is filled faster by a snapshot
            Some(latest) if fetch.offset == Offset::ZERO && *latest != BOOTSTRAP_SNAPSHOT => {
                Position::Snapshot(*latest)
            }
            _ if is_broken!(self, Diverging) => Position::Valid,
            _ => self.log.position(fetch.offset, fetch.last_fetched_epoch),
        }
    }

    fn fetch_answer(&self, fetch: &FetchRequest) -> FetchAnswer {
        let found = match self.fetch_position(fetch) {
            Position::Valid => Found::Records { from: fetch.offset, bytes_max: fetch.bytes_max },
            Position::Diverging(end) => Found::Diverging(end),
            Position::Snapshot(id) => Found::Snapshot(id),
        };
        let high_watermark = self.high_watermark.unwrap_or(Offset(-1));
        FetchAnswer { found, high_watermark, ..self.empty_fetch(ErrorCode::None) }
    }

    fn empty_fetch(&self, error: ErrorCode) -> FetchAnswer {
        FetchAnswer {
            error,
            leader: self.leader(),
            high_watermark: Offset(-1),
            log_start: self.log.start,
            found: Found::Nothing,
        }
    }

    fn answer_parked(&mut self, is_due: impl Fn(&Parked) -> bool, fx: &mut Effects) {
        let Some(leader) = self.role.as_leader_mut() else { return };
        let (due, waiting) = std::mem::take(&mut leader.parked).into_iter().partition(is_due);
        leader.parked = waiting;
        let due: Vec<Parked> = due;
        for parked in due {
            let answer = self.fetch_answer(&parked.fetch);
            self.respond_fetch(parked.id, answer, fx);
        }
    }

    fn respond_fetch(&self, to: RequestId, answer: FetchAnswer, fx: &mut Effects) {
        fx.push(Effect::Respond { to, answer: Answer::Fetch(answer) });
    }

    /// Appends the voters, which hold from now on.
    pub(crate) fn append_voters(
        &mut self,
        now: TimestampMs,
        voters: crate::VoterSet,
        fx: &mut Effects,
    ) -> Offset {
        self.append_control(now, vec![ControlRecord::Voters(voters)], fx)
    }
}
