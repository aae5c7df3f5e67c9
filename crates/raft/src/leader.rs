//! What a leader knows of its replicas: how far each has come, who is alive, what is committed.

use std::collections::{BTreeMap, BTreeSet};

use types::{NodeId, Offset, TimestampMs};

use crate::clock::after;
use crate::config::{CAUGHT_UP_WITHIN_MS, OBSERVER_SESSION_MS, Timeouts};
use crate::message::{FetchRequest, ReplicaState, RequestId};
use crate::voter_change::VoterChange;
use crate::voters::{ReplicaKey, VoterSet};

/// A cluster has hundreds of brokers; who invents more is served but not remembered.
const OBSERVERS_MAX: usize = 10_000;

/// A replica's way through the leader's log.
#[derive(Debug, Clone)]
pub(crate) struct Progress {
    pub key: ReplicaKey,
    /// Where its log ends, as far as it survives a crash.
    pub end: Option<Offset>,
    pub last_fetch: Option<TimestampMs>,
    pub last_caught_up: Option<TimestampMs>,
    leader_end_at_last_fetch: Option<Offset>,
}

/// A fetch that waits for records or for a higher watermark.
#[derive(Debug, Clone)]
pub(crate) struct Parked {
    pub id: RequestId,
    pub fetch: FetchRequest,
    pub until: TimestampMs,
}

#[derive(Debug, Clone)]
pub(crate) struct Leader {
    local: ReplicaKey,
    /// Where this epoch's first record stands: nothing is committed before a majority has it.
    pub epoch_start: Offset,
    pub voters: BTreeMap<NodeId, Progress>,
    pub observers: BTreeMap<ReplicaKey, Progress>,
    /// Voters that fetched since the check-quorum clock was last set.
    fetched: BTreeSet<NodeId>,
    pub quorum_deadline: TimestampMs,
    pub begin_epoch: TimestampMs,
    pub parked: Vec<Parked>,
    pub change: Option<VoterChange>,
    /// What static voters said of themselves: the voter set of an upgrade to dynamic voters.
    pub static_voters_told: VoterSet,
    pub must_resign: bool,
}

impl Leader {
    pub fn new(
        local: ReplicaKey,
        epoch_start: Offset,
        voters: &VoterSet,
        now: TimestampMs,
        timeouts: &Timeouts,
    ) -> Self {
        let progress = |key: ReplicaKey| (key.id, Progress::new(key));
        Self {
            local,
            epoch_start,
            voters: voters.iter().map(|voter| progress(voter.key)).collect(),
            observers: BTreeMap::new(),
            fetched: BTreeSet::new(),
            quorum_deadline: after(now, timeouts.check_quorum_ms()),
            begin_epoch: now,
            parked: Vec::new(),
            change: None,
            static_voters_told: voters.clone(),
            must_resign: false,
        }
    }

    /// The voters are these from now on: who left becomes an observer, who came brings its progress.
    pub fn set_voters(&mut self, voters: &VoterSet) {
        let mut former = std::mem::take(&mut self.voters);
        for voter in voters.iter() {
            let key = voter.key;
            let was_voter = former.get(&key.id).is_some_and(|known| known.key.accepts(key));
            let known = if was_voter { former.remove(&key.id) } else { None };
            let observed = self.observers.remove(&key);
            let mut progress = known.or(observed).unwrap_or_else(|| Progress::new(key));
            progress.key = key;
            self.voters.insert(key.id, progress);
        }
        for progress in former.into_values() {
            self.observers.entry(progress.key).or_insert(progress);
        }
        self.fetched.retain(|id| self.voters.contains_key(id));
    }

    /// Our own log is durable up to `end`.
    pub fn local_end(&mut self, end: Offset) {
        let local = self.local;
        if let Some(progress) = self.progress(local) {
            progress.end = Some(end);
        }
    }

    /// A replica asked for the records from `offset` on, so it has those before.
    pub fn fetched(
        &mut self,
        key: ReplicaKey,
        offset: Offset,
        leader_end: Offset,
        now: TimestampMs,
        timeouts: &Timeouts,
    ) {
        if let Some(progress) = self.progress(key) {
            progress.fetched(offset, leader_end, now);
        }
        self.is_alive(key, now, timeouts);
    }

    /// Counts a fetch or a snapshot fetch towards check-quorum.
    pub fn is_alive(&mut self, key: ReplicaKey, now: TimestampMs, timeouts: &Timeouts) {
        if self.is_voter(key) {
            self.fetched.insert(key.id);
        }
        let counts_itself = self.voters.contains_key(&self.local.id);
        let others_needed = self.voters.len() / 2 + usize::from(!counts_itself);
        if self.fetched.len() >= others_needed {
            self.fetched.clear();
            self.quorum_deadline = after(now, timeouts.check_quorum_ms());
        }
    }

    /// When this leader gives up unless it hears from a majority; never for the only voter.
    pub fn quorum_deadline(&self) -> Option<TimestampMs> {
        self.has_other_voters().then_some(self.quorum_deadline)
    }

    pub fn has_other_voters(&self) -> bool {
        self.voters.keys().any(|id| *id != self.local.id)
    }

    pub fn is_voter(&self, key: ReplicaKey) -> bool {
        self.voters.get(&key.id).is_some_and(|progress| progress.key.accepts(key))
    }

    /// The largest offset below which a majority of the voters has every record durably.
    pub fn majority_end(&self) -> Option<Offset> {
        let mut ends: Vec<Option<Offset>> = self.voters.values().map(|p| p.end).collect();
        ends.sort_unstable();
        ends.reverse();
        ends.get(ends.len() / 2).copied().flatten()
    }

    /// Voters that must be told of this epoch: those that have not fetched for a while.
    pub fn must_be_told(&self, now: TimestampMs, timeouts: &Timeouts) -> Vec<ReplicaKey> {
        let silent = |p: &&Progress| {
            p.last_fetch.is_none_or(|fetch| after(fetch, timeouts.begin_epoch_ms()) <= now)
        };
        let others = self.voters.values().filter(|p| !p.key.accepts(self.local));
        others.filter(silent).map(|p| p.key).collect()
    }

    /// The other voters, the most caught up first.
    pub fn successors(&self) -> Vec<ReplicaKey> {
        let mut others: Vec<&Progress> =
            self.voters.values().filter(|p| !p.key.accepts(self.local)).collect();
        others.sort_by_key(|p| std::cmp::Reverse(p.end));
        others.into_iter().map(|p| p.key).collect()
    }

    /// Whether an observer has been at the end of the log lately.
    pub fn is_caught_up(&self, key: ReplicaKey, now: TimestampMs) -> bool {
        self.observers.get(&key).is_some_and(|p| {
            p.last_caught_up.is_some()
                && p.last_fetch.is_some_and(|fetch| after(fetch, CAUGHT_UP_WITHIN_MS) > now)
        })
    }

    /// Forgets observers that have not fetched for a session.
    pub fn drop_idle_observers(&mut self, now: TimestampMs) {
        let local = self.local;
        self.observers.retain(|key, progress| {
            *key == local
                || progress.last_fetch.is_some_and(|fetch| after(fetch, OBSERVER_SESSION_MS) > now)
        });
    }

    /// A replica as DescribeQuorum shows it; the leader itself is always up to date.
    pub fn describe(&self, progress: &Progress, now: TimestampMs) -> ReplicaState {
        let is_local = progress.key.accepts(self.local);
        let moment =
            |at: Option<TimestampMs>| if is_local { now } else { at.unwrap_or(TimestampMs::NONE) };
        ReplicaState {
            key: progress.key,
            log_end: progress.end.unwrap_or(Offset(-1)),
            last_fetch: moment(progress.last_fetch),
            last_caught_up: moment(progress.last_caught_up),
        }
    }

    /// The progress of a voter, or else of an observer; `None` for one more than are kept.
    fn progress(&mut self, key: ReplicaKey) -> Option<&mut Progress> {
        if self.is_voter(key) {
            return self.voters.get_mut(&key.id);
        }
        if self.observers.len() >= OBSERVERS_MAX && !self.observers.contains_key(&key) {
            return None;
        }
        Some(self.observers.entry(key).or_insert_with(|| Progress::new(key)))
    }
}

impl Progress {
    fn new(key: ReplicaKey) -> Self {
        Self {
            key,
            end: None,
            last_fetch: None,
            last_caught_up: None,
            leader_end_at_last_fetch: None,
        }
    }

    fn fetched(&mut self, offset: Offset, leader_end: Offset, now: TimestampMs) {
        if offset >= leader_end {
            self.last_caught_up = Some(now);
        } else if self
            .leader_end_at_last_fetch
            .is_some_and(|end| end > Offset::ZERO && offset >= end)
        {
            self.last_caught_up = self.last_caught_up.max(self.last_fetch);
        }
        self.leader_end_at_last_fetch = Some(leader_end);
        self.last_fetch = self.last_fetch.max(Some(now));
        self.end = Some(offset);
    }
}
