//! The machine itself: its state, how it starts, and the step that every input takes.

use types::{ErrorCode, LeaderEpoch, NodeId, Offset, TimestampMs};

use crate::broken::is_broken;
use crate::chance::Chance;
use crate::clock::{after, earlier};
use crate::config::{Config, KRAFT_VERSION_DYNAMIC};
use crate::connections::Connections;
use crate::control::{ControlHistory, ControlRecord, LeaderInfo, PlacedControl, SnapshotControl};
use crate::effect::{Effect, Effects, Input, RoleChange, RoleKind};
use crate::election::Tally;
use crate::log_state::{LogState, SnapshotId};
use crate::quorum_state::QuorumState;
use crate::role::{Candidate, Follower, Resigned, Role, Unattached};
use crate::voters::{Endpoints, ReplicaKey, VoterSet};

/// What a node finds in its directory when it starts.
#[derive(Debug, Clone, Default)]
pub struct Stored {
    /// `None` where there is no file `quorum-state`.
    pub quorum_state: Option<QuorumState>,
    pub log: LogState,
    /// The control records of the latest snapshot, where there is one.
    pub snapshot: Option<(SnapshotId, SnapshotControl)>,
    /// The control records of the log from the latest snapshot on.
    pub controls: Vec<PlacedControl>,
}

/// One node's part in the quorum. See the crate's page for how a shell drives it.
#[derive(Debug, Clone)]
pub struct Raft {
    pub(crate) config: Config,
    pub(crate) log: LogState,
    pub(crate) control: ControlHistory,
    pub(crate) connections: Connections,
    pub(crate) chance: Chance,
    pub(crate) epoch: LeaderEpoch,
    /// Our vote in `epoch`.
    pub(crate) voted: Option<ReplicaKey>,
    pub(crate) role: Role,
    /// As this epoch's role knows it: a leader starts without, and learns it from its majority.
    pub(crate) high_watermark: Option<Offset>,
    /// The highest watermark that the shell was told.
    pub(crate) announced: Option<Offset>,
    pub(crate) persisted: Option<QuorumState>,
    told: Option<RoleChange>,
    /// Elections lost in a row.
    pub(crate) lost: u32,
    /// The leader that was last followed, if it served us and then fell silent.
    pub(crate) silenced: Option<NodeId>,
    /// Until when a node that stops may hand over.
    pub(crate) shutdown: Option<TimestampMs>,
    is_shut_down: bool,
    pub(crate) deadline: Option<TimestampMs>,
    #[cfg(any(test, feature = "broken"))]
    pub(crate) broken: Option<crate::broken::Broken>,
}

/// How many states a step may pass through; an only voter passes through three.
const TRANSITIONS_MAX: usize = 8;

impl Raft {
    /// Starts a node on what it stored. A former leader starts as resigned, a former candidate as a
    /// candidate of the same epoch, and the only voter leads at once.
    #[must_use]
    pub fn open(config: Config, stored: Stored, now: TimestampMs, fx: &mut Effects) -> Self {
        let mut control = ControlHistory::new(config.static_voters.clone());
        if let Some((id, records)) = stored.snapshot {
            control.load_snapshot(id.offset, records);
        }
        for placed in &stored.controls {
            control.append(placed.offset, &placed.record);
        }
        let mut raft = Self {
            chance: Chance::new(config.seed),
            config,
            log: stored.log,
            control,
            connections: Connections::default(),
            epoch: LeaderEpoch(0),
            voted: None,
            role: Role::Unattached(Unattached { leader: None, deadline: None }),
            high_watermark: None,
            announced: None,
            persisted: stored.quorum_state.clone(),
            told: None,
            lost: 0,
            silenced: None,
            shutdown: None,
            is_shut_down: false,
            deadline: None,
            #[cfg(any(test, feature = "broken"))]
            broken: None,
        };
        raft.start(stored.quorum_state.unwrap_or_default(), now, fx);
        raft.poll(now, fx);
        raft
    }

    /// The leader whose place this one took because nothing was heard of it any more, and for how many
    /// milliseconds that was so; `None` where it resigned, or its process was seen to be gone.
    #[must_use]
    pub fn silenced(&self) -> Option<(NodeId, u32)> {
        let silenced = self.silenced.filter(|_| self.role.as_leader().is_some())?;
        Some((silenced, self.config.timeouts.fetch_ms))
    }

    /// Takes one input; what is to be done is pushed to `fx`.
    pub fn step(&mut self, now: TimestampMs, input: Input, fx: &mut Effects) {
        match input {
            Input::Tick => {}
            Input::Request { id, request } => self.serve(now, id, request, fx),
            Input::Reply { correlation, reply } => self.learn(now, correlation, reply, fx),
            Input::Failed { correlation } => self.request_failed(now, correlation, fx),
            Input::LeaderGone(leader) => self.leader_gone(now, leader),
            Input::Appended { epoch, end } => self.appended(now, epoch, end, fx),
            Input::Flushed { end } => self.flushed(now, end, fx),
            Input::SnapshotTaken(snapshot) => self.log.add_snapshot(snapshot),
            Input::LogCleaned { start, snapshots } => {
                self.log.cleaned(start, snapshots);
                self.control.cleaned(start);
            }
            Input::SnapshotInstalled { snapshot, control } => {
                self.snapshot_installed(now, snapshot, control, fx);
            }
            Input::Resign { epoch } => {
                if let Some(leader) = self.role.as_leader_mut()
                    && epoch == self.epoch
                {
                    leader.must_resign = true;
                }
            }
            Input::Shutdown { within_ms } => self.shutdown = Some(after(now, within_ms)),
            Input::UpgradeKraftVersion { id, version } => {
                self.upgrade_kraft_version(now, id, version, fx);
            }
        }
        self.poll(now, fx);
    }

    /// Switches a rule off, or none: what a simulator must notice.
    #[cfg(any(test, feature = "broken"))]
    pub fn set_broken(&mut self, broken: Option<crate::Broken>) {
        self.broken = broken;
    }

    /// When to come back with [`Input::Tick`] if nothing else happens; `None` for never.
    #[must_use]
    pub fn next_deadline(&self) -> Option<TimestampMs> {
        self.deadline
    }

    #[must_use]
    pub fn epoch(&self) -> LeaderEpoch {
        self.epoch
    }

    #[must_use]
    pub fn role(&self) -> RoleKind {
        self.role.kind()
    }

    /// The leader of the epoch, where known.
    #[must_use]
    pub fn leader(&self) -> LeaderInfo {
        let endpoints = match &self.role {
            Role::Unattached(_) | Role::Candidate(_) => Endpoints::default(),
            Role::Prospective(prospective) => prospective.endpoints.clone(),
            Role::Follower(follower) => follower.endpoints.clone(),
            Role::Leader(_) | Role::Resigned(_) => self.config.endpoints.clone(),
        };
        LeaderInfo { id: self.leader_id(), epoch: self.epoch, endpoints }
    }

    /// The voters as the log has them, committed or not.
    #[must_use]
    pub fn voters(&self) -> &VoterSet {
        self.control.voters()
    }

    #[must_use]
    pub fn kraft_version(&self) -> i16 {
        self.control.kraft_version()
    }

    /// The watermark as the leader told it last, which may be ahead of our log.
    #[must_use]
    pub fn leader_high_watermark(&self) -> Option<Offset> {
        match &self.role {
            Role::Follower(follower) => follower.leader_high_watermark,
            Role::Leader(_) => self.high_watermark,
            Role::Unattached(_) | Role::Prospective(_) | Role::Candidate(_) | Role::Resigned(_) => {
                None
            }
        }
    }

    /// The highest offset that this node knows to be committed.
    #[must_use]
    pub fn committed(&self) -> Option<Offset> {
        self.announced
    }

    #[must_use]
    pub fn log(&self) -> &LogState {
        &self.log
    }

    #[must_use]
    pub fn is_voter(&self) -> bool {
        self.voters().is_voter(self.config.key())
    }

    /// Whether this node stands for election. A voter that was removed does so until that is known to
    /// be committed: it may be the only one with the record that removes it, and who lacks that record
    /// needs its vote, which it cannot give (Raft, dissertation §4.2.2).
    pub(crate) fn stands(&self) -> bool {
        let was_voter = || {
            let former = self.control.former_voters();
            former.is_some_and(|voters| voters.is_voter(self.config.key()))
        };
        let removal = self.control.voters_offset();
        let is_open = || self.announced.is_none_or(|committed| removal >= Some(committed));
        self.is_voter() || was_voter() && is_open() && !is_broken!(self, RemovedStands)
    }

    pub(crate) fn leader_id(&self) -> Option<NodeId> {
        match &self.role {
            Role::Unattached(unattached) => unattached.leader,
            Role::Prospective(prospective) => prospective.leader,
            Role::Candidate(_) => None,
            Role::Follower(follower) => Some(follower.leader),
            Role::Leader(_) | Role::Resigned(_) => Some(self.config.node),
        }
    }

    /// Writes down the election if it changed since it was last written.
    pub(crate) fn persist(&mut self, fx: &mut Effects) {
        let is_static = self.control.kraft_version() < KRAFT_VERSION_DYNAMIC;
        let state = QuorumState {
            epoch: self.epoch,
            leader: self.leader_id(),
            voted: self.voted,
            static_voters: is_static.then(|| self.voters().ids().into_iter().collect()),
        };
        if self.persisted.as_ref() != Some(&state) {
            fx.push(Effect::Persist(state.clone()));
            self.persisted = Some(state);
        }
    }

    /// Tells the shell what this node is, if that changed.
    pub(crate) fn tell(&mut self, fx: &mut Effects) {
        let change = RoleChange { role: self.role.kind(), leader: self.leader() };
        if self.told.as_ref() != Some(&change) {
            fx.push(Effect::Role(change.clone()));
            self.told = Some(change);
        }
    }

    /// Raises the watermark; what is not higher than before is no news.
    pub(crate) fn raise_high_watermark(&mut self, offset: Offset, fx: &mut Effects) -> bool {
        if self.high_watermark.is_some_and(|known| known >= offset) {
            return false;
        }
        self.high_watermark = Some(offset);
        if self.announced.is_none_or(|known| known < offset) {
            self.announced = Some(offset);
            fx.push(Effect::HighWatermark(offset));
        }
        true
    }

    /// Appends control records as leader and returns the offset of the last.
    pub(crate) fn append_control(
        &mut self,
        now: TimestampMs,
        records: Vec<ControlRecord>,
        fx: &mut Effects,
    ) -> Offset {
        let base = self.log.end;
        let mut next = base;
        for record in &records {
            self.control.append(next, record);
            next = next.plus(1);
        }
        self.log.append(self.epoch, next);
        fx.push(Effect::Append { base, epoch: self.epoch, records });
        let voters = self.control.voters().clone();
        if let Some(leader) = self.role.as_leader_mut() {
            leader.set_voters(&voters);
        }
        self.leader_log_grew(now, fx);
        next.plus(-1)
    }

    fn start(&mut self, election: QuorumState, now: TimestampMs, fx: &mut Effects) {
        let me = self.config.key();
        self.epoch = election.epoch.max(self.log.last_epoch());
        let is_current = self.epoch == election.epoch;
        self.voted = election.voted.filter(|_| is_current);
        let endpoints = election.leader.map(|id| self.voters().endpoints(id)).unwrap_or_default();
        let deadline = self.election_deadline(now);
        self.role = match election.leader.filter(|_| is_current) {
            Some(id) if id == self.config.node => {
                let unacked = self.voters().ids().into_iter().filter(|id| *id != me.id).collect();
                self.voted = None;
                Role::Resigned(Resigned { unacked, successors: Vec::new(), deadline })
            }
            Some(id) if !endpoints.is_empty() => Role::Follower(self.follower(id, endpoints, now)),
            leader if self.voted == Some(me) && leader.is_none() => {
                let tally = Tally::of(self.voters(), me.id);
                Role::Candidate(Candidate { tally, deadline, is_hurried: false })
            }
            leader => {
                let deadline = self.stands().then_some(deadline);
                Role::Unattached(Unattached { leader, deadline })
            }
        };
        self.persist(fx);
        self.tell(fx);
        if let Role::Candidate(candidate) = &self.role {
            if candidate.tally.is_won() {
                self.become_leader(now, fx);
            }
        } else if self.voters().is_only_voter(me) {
            self.become_prospective(now, fx);
        }
    }

    pub(crate) fn follower(
        &self,
        leader: NodeId,
        endpoints: Endpoints,
        now: TimestampMs,
    ) -> Follower {
        let patience = after(now, self.config.timeouts.fetch_ms);
        Follower {
            leader,
            endpoints,
            fetch_deadline: patience,
            is_served: false,
            voter_update: patience,
            has_told_leader: false,
            download: None,
            leader_high_watermark: None,
        }
    }

    pub(crate) fn election_deadline(&mut self, now: TimestampMs) -> TimestampMs {
        let least = self.config.timeouts.election_ms;
        after(now, least.saturating_add(self.chance.below(least)))
    }

    fn poll(&mut self, now: TimestampMs, fx: &mut Effects) {
        self.answer_expired_fetches(now, fx);
        for _ in 0..TRANSITIONS_MAX {
            self.deadline = None;
            if !self.poll_role(now, fx) {
                break;
            }
        }
        if self.shutdown.is_some() && !self.is_shut_down && self.is_handed_over(now) {
            self.is_shut_down = true;
            fx.push(Effect::ShutdownDone);
        }
        if !self.is_shut_down {
            self.wake_at(self.shutdown);
        }
    }

    /// Wakes the shell at `at` at the latest.
    pub(crate) fn wake_at(&mut self, at: Option<TimestampMs>) {
        self.deadline = earlier(self.deadline, at);
    }

    fn is_handed_over(&self, now: TimestampMs) -> bool {
        let remote = self.leader_id().is_some_and(|id| id != self.config.node);
        let alone = !self.is_voter() || self.voters().is_only_voter(self.config.key());
        remote || alone || self.shutdown.is_some_and(|until| until <= now)
    }

    /// Why a request that only the leader of `epoch` serves is refused.
    pub(crate) fn refuse_unless_leader(&self, epoch: LeaderEpoch) -> Option<ErrorCode> {
        if epoch < self.epoch {
            Some(ErrorCode::FencedLeaderEpoch)
        } else if epoch > self.epoch {
            Some(ErrorCode::UnknownLeaderEpoch)
        } else if self.role.as_leader().is_none() {
            Some(ErrorCode::NotLeaderOrFollower)
        } else if self.shutdown.is_some() {
            Some(ErrorCode::BrokerNotAvailable)
        } else {
            None
        }
    }
}
