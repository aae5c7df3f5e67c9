//! From one state to the next: what is kept, what is written down, who is told.

use types::{ErrorCode, LeaderEpoch, NodeId, TimestampMs};

use crate::broken::is_broken;
use crate::config::KRAFT_VERSION_DYNAMIC;
use crate::control::ControlRecord;
use crate::effect::Effects;
use crate::election::Tally;
use crate::leader::Leader;
use crate::machine::Raft;
use crate::role::{Candidate, Prospective, Resigned, Role, Unattached};
use crate::voters::Endpoints;

impl Raft {
    /// An epoch at least as high as ours whose leader we do not know, or cannot reach.
    pub(crate) fn become_unattached(
        &mut self,
        epoch: LeaderEpoch,
        leader: Option<NodeId>,
        now: TimestampMs,
        fx: &mut Effects,
    ) {
        let running = match &self.role {
            Role::Candidate(candidate) => Some(candidate.deadline),
            Role::Unattached(unattached) => unattached.deadline,
            Role::Prospective(p) if !p.tally.is_lost() => Some(p.deadline),
            Role::Resigned(resigned) => Some(resigned.deadline),
            Role::Prospective(_) | Role::Follower(_) | Role::Leader(_) => None,
        };
        let deadline = match running {
            _ if !self.stands() => None,
            Some(deadline) => Some(deadline),
            None => Some(self.election_deadline(now)),
        };
        self.enter_epoch(epoch);
        let role = Role::Unattached(Unattached { leader, deadline });
        self.enter(role, ErrorCode::NotLeaderOrFollower, fx);
    }

    /// Asks the voters whether they would elect us; the only voter need not ask.
    pub(crate) fn become_prospective(&mut self, now: TimestampMs, fx: &mut Effects) {
        let leader = self.leader();
        let tally = Tally::of(self.voters(), self.config.node);
        let is_won = tally.is_won();
        let deadline = self.election_deadline(now);
        let role = Prospective { leader: leader.id, endpoints: leader.endpoints, tally, deadline };
        self.enter(Role::Prospective(role), ErrorCode::NotLeaderOrFollower, fx);
        if is_won {
            self.become_candidate(now, fx);
        }
    }

    /// Stands for the next epoch, which our own vote is for.
    pub(crate) fn become_candidate(&mut self, now: TimestampMs, fx: &mut Effects) {
        self.enter_epoch(LeaderEpoch(self.epoch.0.saturating_add(1)));
        self.voted = Some(self.config.key());
        let mut tally = Tally::of(self.voters(), self.config.node);
        if let Some(silenced) = self.silenced {
            tally.is_unreachable(silenced);
        }
        let is_won = tally.is_won();
        let deadline = self.election_deadline(now);
        let role = Role::Candidate(Candidate { tally, deadline, is_hurried: false });
        self.enter(role, ErrorCode::NotLeaderOrFollower, fx);
        if is_won {
            self.become_leader(now, fx);
        }
    }

    /// Leads the epoch that a majority elected us for, and says so in the log: nothing of former
    /// epochs is committed before a record of this one is.
    pub(crate) fn become_leader(&mut self, now: TimestampMs, fx: &mut Effects) {
        let granting = match &self.role {
            Role::Candidate(candidate) => candidate.tally.granting(),
            Role::Unattached(_)
            | Role::Prospective(_)
            | Role::Leader(_)
            | Role::Follower(_)
            | Role::Resigned(_) => return,
        };
        let me = self.config.key();
        let voters = self.voters().clone();
        let leader = Leader::new(me, self.log.end, &voters, now, &self.config.timeouts);
        if !is_broken!(self, FreshWatermark) {
            self.high_watermark = None;
        }
        self.voted = None;
        self.enter(Role::Leader(Box::new(leader)), ErrorCode::NotLeaderOrFollower, fx);
        let leader = self.config.node;
        let mut records =
            vec![ControlRecord::LeaderChange { leader, voters: voters.ids(), granting }];
        if self.kraft_version() >= KRAFT_VERSION_DYNAMIC {
            let local = self.config.as_voter();
            let is_bootstrap = self.control.voters_offset().is_some_and(|offset| offset.0 < 0);
            if (is_bootstrap || voters.is_outdated(&local))
                && let Some(voters) = voters.updated(local)
            {
                records.push(ControlRecord::KraftVersion(self.kraft_version()));
                records.push(ControlRecord::Voters(voters));
            }
        }
        self.append_control(now, records, fx);
        let end = self.log.durable_end;
        self.flushed(now, end, fx);
    }

    pub(crate) fn become_follower(
        &mut self,
        epoch: LeaderEpoch,
        leader: NodeId,
        endpoints: Endpoints,
        now: TimestampMs,
        fx: &mut Effects,
    ) {
        self.enter_epoch(epoch);
        self.silenced = self.silenced.filter(|silenced| *silenced == leader);
        let role = Role::Follower(self.follower(leader, endpoints, now));
        self.enter(role, ErrorCode::NotLeaderOrFollower, fx);
    }

    /// Stops leading, without leaving the epoch; nothing of this is written down, since a leader that
    /// restarts is resigned in any case.
    pub(crate) fn become_resigned(&mut self, now: TimestampMs, fx: &mut Effects) {
        let Some(successors) = self.role.as_leader().map(Leader::successors) else { return };
        let me = self.config.node;
        let unacked = self.voters().ids().into_iter().filter(|id| *id != me).collect();
        let deadline = self.election_deadline(now);
        let role = Role::Resigned(Resigned { unacked, successors, deadline });
        self.enter(role, ErrorCode::BrokerNotAvailable, fx);
    }

    /// A vote counts in its epoch only.
    fn enter_epoch(&mut self, epoch: LeaderEpoch) {
        assert!(epoch >= self.epoch, "an epoch never falls: {epoch:?} behind {:?}", self.epoch);
        if epoch > self.epoch {
            self.voted = None;
        }
        self.epoch = epoch;
    }

    /// Takes up a role; who waits for the leader that we were is answered with `parting`.
    fn enter(&mut self, role: Role, parting: ErrorCode, fx: &mut Effects) {
        let former = std::mem::replace(&mut self.role, role);
        self.connections.reset();
        if matches!(self.role, Role::Leader(_) | Role::Follower(_)) {
            self.lost = 0;
        }
        if !matches!(self.role, Role::Prospective(_) | Role::Resigned(_)) {
            self.persist(fx);
        }
        self.tell(fx);
        if let Role::Leader(leader) = former {
            self.dismiss(*leader, parting, fx);
        }
    }
}
