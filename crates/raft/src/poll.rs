//! What a node does on its own: each state's timers, and the requests that it must have under way.

use types::{NodeId, TimestampMs};

use crate::clock::after;
use crate::config::{FETCH_BYTES_MAX, FETCH_WAIT_MS_MAX, KRAFT_VERSION_DYNAMIC};
use crate::effect::{Effect, Effects};
use crate::machine::Raft;
use crate::message::{
    AddVoterRequest, BeginQuorumEpochRequest, CorrelationId, Destination, EndQuorumEpochRequest,
    FetchRequest, FetchSnapshotRequest, Request, UpdateVoterRequest, VoteRequest,
};
use crate::role::Role;
use crate::voters::{Endpoint, Endpoints, ReplicaKey};

/// Bootstrap servers have ids from here downwards (Kafka's numbering).
const FIRST_BOOTSTRAP_ID: i32 = -2;

impl Raft {
    /// Does what is due in this state; whether that led to another one.
    pub(crate) fn poll_role(&mut self, now: TimestampMs, fx: &mut Effects) -> bool {
        match &self.role {
            Role::Unattached(_) => self.poll_unattached(now, fx),
            Role::Prospective(_) => self.poll_prospective(now, fx),
            Role::Candidate(_) => self.poll_candidate(now, fx),
            Role::Leader(_) => self.poll_leader(now, fx),
            Role::Follower(_) if self.stands() => self.poll_following_voter(now, fx),
            Role::Follower(_) => self.poll_observer(now, fx),
            Role::Resigned(_) => self.poll_resigned(now, fx),
        }
    }

    fn poll_unattached(&mut self, now: TimestampMs, fx: &mut Effects) -> bool {
        let Role::Unattached(unattached) = &self.role else { return false };
        if self.stands() && self.shutdown.is_none() {
            let deadline = unattached.deadline;
            if deadline.is_some_and(|deadline| deadline <= now) {
                self.become_prospective(now, fx);
                return true;
            }
            self.wake_at(deadline);
        }
        self.fetch_from_bootstrap(now, fx);
        false
    }

    fn poll_prospective(&mut self, now: TimestampMs, fx: &mut Effects) -> bool {
        let Role::Prospective(prospective) = &self.role else { return false };
        let deadline = prospective.deadline;
        if deadline <= now && self.shutdown.is_none() {
            self.lose_pre_vote(now, fx);
            return true;
        }
        self.wake_at(Some(deadline).filter(|_| self.shutdown.is_none()));
        self.ask_for_votes(now, true, fx);
        false
    }

    fn poll_candidate(&mut self, now: TimestampMs, fx: &mut Effects) -> bool {
        let Role::Candidate(candidate) = &self.role else { return false };
        let deadline = candidate.deadline;
        if deadline <= now && self.shutdown.is_none() {
            self.become_prospective(now, fx);
            return true;
        }
        self.wake_at(Some(deadline).filter(|_| self.shutdown.is_none()));
        self.ask_for_votes(now, false, fx);
        false
    }

    fn poll_leader(&mut self, now: TimestampMs, fx: &mut Effects) -> bool {
        self.expire_voter_change(now, fx);
        let timeouts = self.config.timeouts;
        let checks_quorum = !crate::broken::is_broken!(self, CheckQuorum);
        let Some(leader) = self.role.as_leader_mut() else { return false };
        let quorum = leader.quorum_deadline().filter(|_| checks_quorum);
        let is_deserted = quorum.is_some_and(|deadline| deadline <= now);
        if self.shutdown.is_some() || leader.must_resign || is_deserted {
            self.become_resigned(now, fx);
            return true;
        }
        let mut silent = Vec::new();
        if leader.begin_epoch <= now {
            silent = leader.must_be_told(now, &timeouts);
            leader.drop_idle_observers(now);
            leader.begin_epoch = after(now, timeouts.begin_epoch_ms());
        }
        let next = [
            quorum,
            leader.has_other_voters().then_some(leader.begin_epoch),
            leader.change.as_ref().map(|change| change.until),
            leader.parked.iter().map(|parked| parked.until).min(),
        ];
        for at in next {
            self.wake_at(at);
        }
        for voter in silent {
            let request = Request::BeginQuorumEpoch(BeginQuorumEpochRequest {
                voter: Some(voter),
                leader: self.config.node,
                epoch: self.epoch,
                endpoints: self.config.endpoints.clone(),
            });
            self.send_to_voter(voter.id, request, now, fx);
        }
        false
    }

    fn poll_resigned(&mut self, now: TimestampMs, fx: &mut Effects) -> bool {
        let Role::Resigned(resigned) = &self.role else { return false };
        if self.shutdown.is_none() {
            let deadline = resigned.deadline;
            if deadline <= now {
                let next = types::LeaderEpoch(self.epoch.0.saturating_add(1));
                self.become_unattached(next, None, now, fx);
                return true;
            }
            self.wake_at(Some(deadline));
        }
        let Role::Resigned(resigned) = &self.role else { return false };
        let request = Request::EndQuorumEpoch(EndQuorumEpochRequest {
            leader: self.config.node,
            epoch: self.epoch,
            successors: resigned.successors.clone(),
            endpoints: self.config.endpoints.clone(),
        });
        for voter in resigned.unacked.clone() {
            self.send_to_voter(voter, request.clone(), now, fx);
        }
        self.wake_at(self.connections.next_change(now));
        false
    }

    fn poll_following_voter(&mut self, now: TimestampMs, fx: &mut Effects) -> bool {
        let Role::Follower(follower) = &self.role else { return false };
        if self.shutdown.is_some() {
            return false;
        }
        let (patience, update) = (follower.fetch_deadline, follower.voter_update);
        if patience <= now {
            if follower.is_served {
                self.silenced = Some(follower.leader);
            }
            self.become_prospective(now, fx);
            return true;
        }
        self.wake_at(Some(patience));
        if update > now {
            self.wake_at(Some(update));
            self.fetch_from_best(now, fx);
            return false;
        }
        let is_done = if self.must_update_voter() {
            let request = Request::UpdateVoter(UpdateVoterRequest {
                current_epoch: self.epoch,
                voter: self.config.as_voter(),
            });
            self.send_to_leader(request, now, fx).is_some()
        } else {
            self.fetch_from_best(now, fx);
            true
        };
        self.reset_voter_update(is_done, now);
        false
    }

    fn poll_observer(&mut self, now: TimestampMs, fx: &mut Effects) -> bool {
        let Role::Follower(follower) = &self.role else { return false };
        let update = follower.voter_update;
        let joins = self.config.auto_join
            && self.config.can_become_voter
            && self.kraft_version() >= KRAFT_VERSION_DYNAMIC;
        if self.shutdown.is_some() {
            return false;
        }
        if !joins || update > now {
            self.wake_at(Some(update).filter(|_| joins));
            self.fetch_from_best(now, fx);
            return false;
        }
        // another disk of this node votes: that one goes first, and we join at the next turn (KIP-1186)
        let request = match self.voters().get(self.config.node) {
            Some(former) => Request::RemoveVoter(former.key),
            None => Request::AddVoter(AddVoterRequest {
                voter: self.config.key(),
                endpoints: self.config.endpoints.clone(),
                ack_when_committed: false,
            }),
        };
        let is_sent = self.send_to_leader(request, now, fx).is_some();
        self.reset_voter_update(is_sent, now);
        false
    }

    fn reset_voter_update(&mut self, is_done: bool, now: TimestampMs) {
        let period = self.config.timeouts.fetch_ms;
        if is_done && let Some(follower) = self.role.as_follower_mut() {
            follower.voter_update = after(now, period);
            let next = follower.voter_update;
            self.wake_at(Some(next));
        }
        self.wake_at(self.connections.next_change(now));
    }

    fn must_update_voter(&self) -> bool {
        let Role::Follower(follower) = &self.role else { return false };
        if self.kraft_version() >= KRAFT_VERSION_DYNAMIC {
            self.voters().is_outdated(&self.config.as_voter())
        } else {
            !follower.has_told_leader
        }
    }

    /// Back to the leader that was thought lost, or on without one.
    pub(crate) fn lose_pre_vote(&mut self, now: TimestampMs, fx: &mut Effects) {
        let leader = self.leader();
        match leader.id {
            Some(id) if !leader.endpoints.is_empty() && id != self.config.node => {
                self.become_follower(self.epoch, id, leader.endpoints, now, fx);
            }
            _ => self.become_unattached(self.epoch, leader.id, now, fx),
        }
    }

    fn ask_for_votes(&mut self, now: TimestampMs, pre_vote: bool, fx: &mut Effects) {
        let tally = match &self.role {
            Role::Prospective(prospective) => &prospective.tally,
            Role::Candidate(candidate) => &candidate.tally,
            Role::Unattached(_) | Role::Leader(_) | Role::Follower(_) | Role::Resigned(_) => return,
        };
        if tally.is_lost() {
            return;
        }
        for id in tally.unanswered() {
            let request = Request::Vote(VoteRequest {
                voter: self.voters().get(id).map(|voter| voter.key),
                replica: self.config.key(),
                epoch: self.epoch,
                last: self.log.log_end(),
                pre_vote,
            });
            self.send_to_voter(id, request, now, fx);
        }
        self.wake_at(self.connections.next_change(now));
    }

    /// The leader, unless it did not answer lately: then whoever may know a better one.
    fn fetch_from_best(&mut self, now: TimestampMs, fx: &mut Effects) {
        let Some(leader) = self.leader_destination() else {
            return self.fetch_from_bootstrap(now, fx);
        };
        if self.connections.has_timed_out(leader.id, now) {
            self.connections.reset_node(leader.id);
            self.fetch_from_bootstrap(now, fx);
        } else if self.connections.is_backing_off(leader.id, now) {
            self.fetch_from_bootstrap(now, fx);
        } else if !self.connections.has_any_in_flight(now)
            && let Some(request) = self.fetch_or_snapshot()
        {
            self.send(leader, request, now, fx);
        }
        self.wake_at(self.connections.next_change(now));
    }

    fn fetch_from_bootstrap(&mut self, now: TimestampMs, fx: &mut Effects) {
        let servers = self.bootstrap();
        let count = u32::try_from(servers.len()).unwrap_or(0);
        if count > 0 && !self.connections.has_any_in_flight(now) && self.has_durable_log() {
            let first = self.chance.below(count) as usize;
            let ready = (0..servers.len())
                .map(|i| &servers[(first + i) % servers.len()])
                .find(|server| self.connections.is_ready(server.id, now));
            if let Some(server) = ready {
                let request = self.fetch();
                self.send(server.clone(), request, now, fx);
            }
        }
        self.wake_at(self.connections.next_change(now));
    }

    /// Whom to ask when no leader is known: the bootstrap servers, or else the static voters.
    fn bootstrap(&self) -> Vec<Destination> {
        let own = self.config.endpoints.get(&self.config.listener);
        let statics = || {
            let endpoint =
                |voter: &crate::Voter| voter.endpoints.get(&self.config.listener).cloned();
            self.config.static_voters.iter().filter_map(endpoint).collect::<Vec<Endpoint>>()
        };
        let servers = if self.config.bootstrap.is_empty() {
            statics()
        } else {
            self.config.bootstrap.clone()
        };
        let ids = (0..).map(|i: i32| NodeId(FIRST_BOOTSTRAP_ID - i));
        let named = ids.zip(servers).filter(|(_, endpoint)| Some(endpoint) != own);
        named.map(|(id, endpoint)| Destination { id, endpoint }).collect()
    }

    fn fetch_or_snapshot(&self) -> Option<Request> {
        let Role::Follower(follower) = &self.role else { return None };
        match &follower.download {
            Some(download) if download.is_whole => None,
            Some(download) => Some(Request::FetchSnapshot(FetchSnapshotRequest {
                replica: self.config.key(),
                current_epoch: self.epoch,
                snapshot: download.snapshot,
                position: download.position,
                bytes_max: FETCH_BYTES_MAX,
            })),
            None => self.has_durable_log().then(|| self.fetch()),
        }
    }

    /// A fetch tells its receiver what we have, so it waits until that survives a crash.
    fn has_durable_log(&self) -> bool {
        self.log.durable_end == self.log.end || crate::broken::is_broken!(self, FlushBeforeFetch)
    }

    fn fetch(&self) -> Request {
        Request::Fetch(FetchRequest {
            replica: self.config.key(),
            current_epoch: self.epoch,
            offset: self.log.end,
            last_fetched_epoch: self.log.last_epoch(),
            high_watermark: self.high_watermark.unwrap_or(types::Offset(-1)),
            wait_ms_max: i32::try_from(FETCH_WAIT_MS_MAX).unwrap_or(i32::MAX),
            bytes_max: i32::try_from(FETCH_BYTES_MAX).unwrap_or(i32::MAX),
        })
    }

    fn leader_destination(&self) -> Option<Destination> {
        let Role::Follower(follower) = &self.role else { return None };
        destination(follower.leader, &follower.endpoints, &self.config.listener)
    }

    fn send_to_leader(
        &mut self,
        request: Request,
        now: TimestampMs,
        fx: &mut Effects,
    ) -> Option<CorrelationId> {
        let leader = self.leader_destination()?;
        self.send(leader, request, now, fx)
    }

    fn send_to_voter(&mut self, id: NodeId, request: Request, now: TimestampMs, fx: &mut Effects) {
        let endpoints = self.voters().endpoints(id);
        if let Some(voter) = destination(id, &endpoints, &self.config.listener) {
            self.send(voter, request, now, fx);
        }
    }

    /// Sends to a voter-to-be, if it is free.
    pub(crate) fn send_to_replica(
        &mut self,
        key: ReplicaKey,
        endpoints: &Endpoints,
        request: Request,
        now: TimestampMs,
        fx: &mut Effects,
    ) -> Option<CorrelationId> {
        let to = destination(key.id, endpoints, &self.config.listener)?;
        self.send(to, request, now, fx)
    }

    fn send(
        &mut self,
        to: Destination,
        request: Request,
        now: TimestampMs,
        fx: &mut Effects,
    ) -> Option<CorrelationId> {
        if !self.connections.is_ready(to.id, now) {
            return None;
        }
        let correlation = self.connections.send(to.id, now, &self.config.timeouts);
        fx.push(Effect::Send { to, correlation, request });
        Some(correlation)
    }
}

fn destination(id: NodeId, endpoints: &Endpoints, listener: &str) -> Option<Destination> {
    endpoints.get(listener).map(|endpoint| Destination { id, endpoint: endpoint.clone() })
}
