//! A broker of the simulation: the shell around the real machines.

use types::{BrokerEpoch, ErrorCode, LeaderEpoch, NodeId, Offset, TimestampMs};

use super::controller::{Metadata, at};
use super::{Records, index};
use crate::assignment::{LogPosition, Rules};
use crate::broken::BrokenRule;
use crate::divergence::divergence;
use crate::follower::{Fetch, Fetched, Follower, FollowerEffect, FollowerInput};
use crate::in_sync::IsrProposal;
use crate::leader::{Leader, LeaderEffect, LeaderInput};

pub(super) const RULES: Rules = Rules { lag_ms_max: 1_000, in_sync_min: 2 };
const BACKOFF_MS: i64 = 20;
const FETCH_RECORDS_MAX: usize = 3;

#[derive(Debug)]
pub(super) enum Role {
    Leader(Box<Leader>),
    Follower(Follower),
    /// Nobody leads.
    None,
}

#[derive(Debug)]
pub(super) struct Node {
    pub id: NodeId,
    pub log: Records,
    /// How many records survive the loss of power.
    pub synced: usize,
    pub role: Role,
    pub alive: bool,
    pub broker_epoch: BrokerEpoch,
    /// How much of the controller's history it knows.
    pub metadata_index: usize,
    pub metadata: Metadata,
    broken: Option<BrokenRule>,
}

/// What a leader answers, with the records that go with it.
pub(super) type Answer = (Fetched, Vec<(LeaderEpoch, u64)>);

impl Node {
    pub(super) fn new(id: NodeId, metadata: Metadata, broken: Option<BrokenRule>) -> Self {
        let broker_epoch = metadata.brokers[at(id)].0;
        Self {
            id,
            log: Records::default(),
            synced: 0,
            role: Role::None,
            alive: true,
            broker_epoch,
            metadata_index: 0,
            metadata,
            broken,
        }
    }

    fn high_watermark(&self) -> Offset {
        match &self.role {
            Role::Leader(leader) => leader.high_watermark(),
            Role::Follower(follower) => follower.high_watermark(),
            Role::None => Offset::ZERO,
        }
    }

    /// Takes note of newer metadata, and its own part in it.
    pub(super) fn learn(&mut self, now: TimestampMs, metadata: Metadata) -> Vec<LeaderEffect> {
        let was = std::mem::replace(&mut self.metadata, metadata.clone()).assignment;
        let is = metadata.assignment;
        let mut effects = Vec::new();
        match &mut self.role {
            Role::Leader(leader) if leader.epoch() == is.leader_epoch => {
                leader.step(now, &self.metadata, LeaderInput::Assigned(is), &mut effects);
            }
            Role::Follower(_) if was.leader_epoch == is.leader_epoch => {}
            _ => effects = self.become_what(now),
        }
        effects
    }

    /// Starts in the role that the metadata gives it.
    pub(super) fn become_what(&mut self, now: TimestampMs) -> Vec<LeaderEffect> {
        let is = self.metadata.assignment.clone();
        let (end, high_watermark) = (self.log.end(), self.high_watermark());
        let position = LogPosition { log_start: Offset::ZERO, end, high_watermark };
        let mut effects = Vec::new();
        self.role = if is.leader == self.id {
            let me = (self.id, is);
            let mut leader = Leader::start(now, &self.metadata, me, RULES, position, &mut effects);
            leader.broken = self.broken;
            Role::Leader(Box::new(leader))
        } else if is.leader == NodeId::NONE {
            Role::None
        } else {
            let mut follower = Follower::start(is.leader, is.leader_epoch, position, BACKOFF_MS);
            follower.broken = self.broken;
            Role::Follower(follower)
        };
        self.perform(&effects);
        effects
    }

    fn perform(&mut self, effects: &[LeaderEffect]) {
        for effect in effects {
            match effect {
                LeaderEffect::NoteEpoch(led) => {
                    let notes = self.broken != Some(BrokenRule::NotesNoEpoch);
                    self.log.led = notes.then_some(*led);
                }
                LeaderEffect::HighWatermark(_) | LeaderEffect::ProposeIsr(_) => {}
            }
        }
    }

    /// Appends a record of a producer that wants acks=all, if this node leads with enough in sync.
    pub(super) fn produce(&mut self, now: TimestampMs, value: u64) -> Vec<LeaderEffect> {
        let mut effects = Vec::new();
        if let Role::Leader(leader) = &mut self.role
            && leader.has_enough_in_sync()
        {
            self.log.records.push((leader.epoch(), value));
            let end = self.log.end();
            leader.step(now, &self.metadata, LeaderInput::Appended(end), &mut effects);
        }
        effects
    }

    pub(super) fn plan(&self, now: TimestampMs) -> Option<Fetch> {
        match &self.role {
            Role::Follower(follower) => follower.plan(now, &self.log),
            Role::Leader(_) | Role::None => None,
        }
    }

    /// Serves a follower's fetch as the broker does.
    pub(super) fn serve(
        &mut self,
        now: TimestampMs,
        from: (NodeId, BrokerEpoch),
        fetch: Fetch,
        effects: &mut Vec<LeaderEffect>,
    ) -> Answer {
        let refused = |code| (Fetched::Refused(code), Vec::new());
        let Role::Leader(leader) = &mut self.role else {
            return refused(ErrorCode::NotLeaderOrFollower);
        };
        if fetch.epoch < leader.epoch() {
            return refused(ErrorCode::FencedLeaderEpoch);
        }
        if fetch.epoch > leader.epoch() {
            return refused(ErrorCode::UnknownLeaderEpoch);
        }
        if fetch.last_fetched != LeaderEpoch::NONE {
            match divergence(&self.log, fetch.offset, fetch.last_fetched) {
                Err(_) => return refused(ErrorCode::OffsetOutOfRange),
                Ok(Some(end)) => return (Fetched::Diverging(end), Vec::new()),
                Ok(None) => {}
            }
        }
        let position = (fetch.offset, fetch.log_start);
        if leader.fetched(now, &self.metadata, from, position, effects).is_err() {
            return refused(ErrorCode::NotLeaderOrFollower);
        }
        let records = self.log.behind(fetch.offset);
        let records = records[..records.len().min(FETCH_RECORDS_MAX)].to_vec();
        let next_offset = fetch.offset.plus(i64::try_from(records.len()).expect("few records"));
        let high_watermark = leader.high_watermark();
        (Fetched::Records { next_offset, high_watermark, log_start: Offset::ZERO }, records)
    }

    /// Takes an answer as a follower. Whether it then wants to know the leader's ends.
    pub(super) fn take(
        &mut self,
        now: TimestampMs,
        fetch: Fetch,
        (answer, records): Answer,
    ) -> bool {
        self.follow(now, FollowerInput::Fetched { fetch, answer }, records)
    }

    pub(super) fn take_ends(
        &mut self,
        now: TimestampMs,
        epoch: LeaderEpoch,
        ends: Option<(Offset, Offset)>,
    ) {
        self.follow(now, FollowerInput::LeaderEnds { epoch, ends }, Vec::new());
    }

    fn follow(
        &mut self,
        now: TimestampMs,
        input: FollowerInput,
        mut records: Vec<(LeaderEpoch, u64)>,
    ) -> bool {
        let Role::Follower(follower) = &mut self.role else { return false };
        let mut effects = Vec::new();
        follower.step(now, &self.log, input, &mut effects);
        let mut asks = false;
        for effect in effects {
            match effect {
                FollowerEffect::TruncateTo(end) => self.log.truncate_to(end),
                FollowerEffect::RestartAt(_) | FollowerEffect::StartsAt(_) => {
                    unreachable!("nothing is deleted here")
                }
                FollowerEffect::Append => self.log.records.append(&mut records),
                FollowerEffect::HighWatermark(_) => {}
                FollowerEffect::AskEnds => asks = true,
            }
            self.synced = self.synced.min(self.log.records.len());
        }
        asks
    }

    /// The committed part of its log, where it leads.
    pub(super) fn committed(&self) -> Option<&[(LeaderEpoch, u64)]> {
        let Role::Leader(leader) = &self.role else { return None };
        Some(&self.log.records[..index(leader.high_watermark())])
    }

    /// What it knows to be committed, in any role.
    pub(super) fn known_committed(&self) -> &[(LeaderEpoch, u64)] {
        &self.log.records[..index(self.high_watermark())]
    }

    /// The process ends; with the power, what was not synced goes too.
    pub(super) fn crash(&mut self, loses_records: bool) {
        self.alive = false;
        self.role = Role::None;
        if loses_records {
            let synced = i64::try_from(self.synced).expect("a short log");
            self.log.truncate_to(Offset(synced));
        }
    }

    pub(super) fn proposals(effects: Vec<LeaderEffect>) -> impl Iterator<Item = IsrProposal> {
        effects.into_iter().filter_map(|effect| match effect {
            LeaderEffect::ProposeIsr(proposal) => Some(proposal),
            LeaderEffect::NoteEpoch(_) | LeaderEffect::HighWatermark(_) => None,
        })
    }
}
