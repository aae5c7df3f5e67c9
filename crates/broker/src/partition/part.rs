//! The part that a replica plays, stepped under its log's lock: alone, leading, or following.
//!
//! ```text
//!                    the image says                      a fetch, an append, a tick, an answer
//!  Idle ──▶ Alone    one replica                         nothing to agree on
//!       ──▶ Leading  several, this one leads      ────▶  replica::Leader   ──▶ ends, proposals
//!       ──▶ Following another leads               ────▶  replica::Follower ──▶ log, ends
//! ```

use super::neighbours::Proposed;
use super::{LogGuard, Move, Neighbours, Partition, PartitionLog, now as wall_clock};
use log::LogError;
use metadata::image::PartitionState;
use replica::{
    Acknowledgement, Assignment, Candidate, EpochEnd, Epochs, Fetch, Fetched, Follower,
    FollowerEffect, FollowerInput, IsrAnswer, Leader, LeaderEffect, LeaderInput, LogPosition,
    Rules,
};
use std::sync::Arc;
use types::{BrokerEpoch, ErrorCode, LeaderEpoch, NodeId, Offset, PartitionEpoch, TimestampMs};

#[derive(Debug, Default)]
pub(super) enum Part {
    /// The log is not open, or nobody leads.
    #[default]
    Idle,
    /// The only replica: what it has, everyone has.
    Alone(LeaderEpoch),
    Leading(Box<Leading>),
    Following(Box<Follower>),
}

#[derive(Debug)]
pub(super) struct Leading {
    machine: Leader,
    /// Kept for the next step: most have an effect.
    effects: Vec<LeaderEffect>,
}

/// A follower that fetches, as its request names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FetchingReplica {
    pub node: NodeId,
    /// -1 where the request has no room for it.
    pub broker_epoch: BrokerEpoch,
}

/// The epochs of a log on disk.
struct OwnEpochs<'a>(&'a PartitionLog);

impl Epochs for OwnEpochs<'_> {
    fn latest(&self) -> Option<LeaderEpoch> {
        self.0.latest_epoch()
    }

    fn end_of(&self, epoch: LeaderEpoch) -> Option<EpochEnd> {
        let end = self.0.epoch_end_offset(epoch)?;
        Some(EpochEnd { epoch: end.epoch, end: end.end_offset })
    }
}

impl Part {
    /// The term in which records may be appended.
    pub(super) fn leads_in(&self) -> Option<LeaderEpoch> {
        match self {
            Self::Alone(epoch) => Some(*epoch),
            Self::Leading(leading) => Some(leading.machine.epoch()),
            Self::Following(_) | Self::Idle => None,
        }
    }
}

impl Partition {
    /// Has the leader look who lags, if its log is open; see [`Self::lead_if_closed`].
    pub(crate) fn tick(&self) {
        if self.leads_others()
            && let Some(log) = self.log_if_open()
        {
            log.lead_on(LeaderInput::Tick);
        }
    }

    /// Opens the log of a leader that nobody asks: whoever stays silent must be missed.
    pub(crate) async fn lead_if_closed(self: &Arc<Self>) {
        if self.leads_others() && self.ends_if_open().is_none() {
            // what cannot be opened is said where it is opened
            let _ = self.log().await.map(drop);
        }
    }

    fn leads_others(&self) -> bool {
        self.leadership.has_followers(self.neighbours.node)
    }

    /// Hands the leader what the controller says to its proposal.
    pub(crate) fn isr_answered(&self, based_on: PartitionEpoch, answer: IsrAnswer) {
        if let Some(log) = self.log_if_open() {
            log.lead_on(LeaderInput::IsrAnswered { based_on, answer });
        }
    }

    /// Whether as many are in sync as a write with acks=all needs that everyone has by now.
    pub(crate) fn is_acknowledged(&self, end: Offset) -> bool {
        let Some(log) = self.log_if_open() else { return false };
        match &log.replica.part {
            Part::Leading(leading) => {
                leading.machine.acknowledgement(end) == Acknowledgement::Committed
            }
            Part::Alone(_) => true,
            Part::Following(_) | Part::Idle => false,
        }
    }

    /// The replica in the consumer's rack that it should read from; `None` for this one (KIP-392).
    pub(crate) fn closest(&self, rack: &str, offset: Offset) -> Option<NodeId> {
        let image = self.neighbours.image();
        let log = self.log_if_open()?;
        let Part::Leading(leading) = &log.replica.part else { return None };
        let machine = &leading.machine;
        let me = self.neighbours.node;
        let candidate = |node: &NodeId| {
            let broker = image.cluster().broker(*node).filter(|broker| !broker.fenced)?;
            let (log_start, (end, caught_up_at)) = match *node == me {
                true => (log.start_offset(), (log.end_offset(), self.neighbours.now())),
                false => (machine.log_start_of(*node)?, machine.follower(*node)?),
            };
            let (rack, is_leader) = (broker.rack.as_deref(), *node == me);
            Some(Candidate { node: *node, rack, log_start, end, caught_up_at, is_leader })
        };
        let candidates: Vec<_> = machine.isr().iter().filter_map(candidate).collect();
        replica::closest(rack, offset, &candidates).filter(|node| *node != me)
    }

    /// Whether a replica that this one feeds has to wait: it is limited and catches up only.
    pub(crate) fn is_feeding_limited(&self, replica: NodeId) -> bool {
        let Neighbours { node, leaders_throttle, .. } = &*self.neighbours;
        self.topic.rules.load().leaders_throttled.contains(self.index, *node)
            && leaders_throttle.is_exceeded(self.neighbours.now())
            && !self.is_in_sync(replica)
    }

    /// Whether this replica has to wait before it fetches more.
    pub(crate) fn is_fetching_limited(&self) -> bool {
        let Neighbours { node, followers_throttle, .. } = &*self.neighbours;
        self.topic.rules.load().followers_throttled.contains(self.index, *node)
            && followers_throttle.is_exceeded(self.neighbours.now())
            && !self.is_in_sync(*node)
    }

    /// Takes note of bytes on their way to a follower.
    pub(crate) fn has_fed(&self, bytes: usize) {
        let Neighbours { node, leaders_throttle, .. } = &*self.neighbours;
        if self.topic.rules.load().leaders_throttled.contains(self.index, *node) {
            leaders_throttle.take(bytes, self.neighbours.now());
        }
    }

    /// Takes note of bytes that came from the leader.
    pub(crate) fn has_fetched(&self, bytes: usize) {
        let Neighbours { node, followers_throttle, .. } = &*self.neighbours;
        if self.topic.rules.load().followers_throttled.contains(self.index, *node) {
            followers_throttle.take(bytes, self.neighbours.now());
        }
    }

    fn is_in_sync(&self, node: NodeId) -> bool {
        self.replica().state.isr.contains(&node)
    }

    /// Before this, every active replica has deleted its records.
    pub(crate) fn low_watermark(&self) -> Option<Offset> {
        let log = self.log_if_open()?;
        match &log.replica.part {
            Part::Leading(leading) => {
                Some(leading.machine.low_watermark(&self.neighbours.brokers()))
            }
            Part::Alone(_) => Some(log.start_offset()),
            Part::Following(_) | Part::Idle => None,
        }
    }

    /// What to ask the leader for; `None` where this is no follower, or one that has to wait.
    pub(crate) fn plan_fetch(&self) -> Option<Fetch> {
        let log = self.log_if_open()?;
        match &log.replica.part {
            Part::Following(follower) => follower.plan(self.neighbours.now(), &OwnEpochs(&log)),
            Part::Alone(_) | Part::Leading(_) | Part::Idle => None,
        }
    }

    /// When there may be something to fetch again, of a follower that waits.
    pub(crate) fn fetch_deadline(&self) -> Option<TimestampMs> {
        let log = self.log_if_open()?;
        match &log.replica.part {
            Part::Following(follower) => follower.next_deadline(),
            Part::Alone(_) | Part::Leading(_) | Part::Idle => None,
        }
    }

    /// Takes what the leader has answered. Whether it must be asked for its log's ends.
    pub(crate) fn follow(&self, input: FollowerInput, records: &[u8]) -> bool {
        self.log_if_open().is_some_and(|log| log.follow(input, records))
    }
}

impl LogGuard<'_> {
    /// Takes the part that the metadata gives this replica, unless it has it already.
    pub(super) fn take_part(&mut self) {
        let state = Arc::clone(&self.replica.state);
        let node = self.partition.neighbours.node;
        match &self.replica.part {
            _ if state.leader == node && state.replicas.len() == 1 => {
                self.begin_epoch(state.leader_epoch);
                self.replica.part = Part::Alone(state.leader_epoch);
                self.replica.high_watermark = self.end_offset();
            }
            Part::Leading(leading)
                if state.leader == node && leading.machine.epoch() == state.leader_epoch =>
            {
                self.step_leader(LeaderInput::Assigned(assignment(&state)));
            }
            _ if state.leader == node => self.lead(&state),
            _ if state.leader == NodeId::NONE || !state.replicas.contains(&node) => {
                self.replica.part = Part::Idle;
            }
            Part::Following(follower) if follower.epoch() == state.leader_epoch => {}
            _ => self.replica.part = Part::Following(Box::new(self.follower(&state))),
        }
    }

    fn lead(&mut self, state: &PartitionState) {
        let neighbours = &self.partition.neighbours;
        let (me, mut effects) = ((neighbours.node, assignment(state)), Vec::new());
        let (rules, position) = (self.partition.leader_rules(), self.position());
        let (now, brokers) = (neighbours.now(), neighbours.brokers());
        let machine = Leader::start(now, &brokers, me, rules, position, &mut effects);
        self.replica.part = Part::Leading(Box::new(Leading { machine, effects }));
        self.perform();
    }

    fn follower(&self, state: &PartitionState) -> Follower {
        let backoff_ms = self.partition.neighbours.terms.backoff_ms;
        Follower::start(state.leader, state.leader_epoch, self.position(), backoff_ms)
    }

    fn position(&self) -> LogPosition {
        LogPosition {
            log_start: self.start_offset(),
            end: self.end_offset(),
            high_watermark: self.replica.high_watermark,
        }
    }

    /// Steps a leader and shows what came of it.
    fn lead_on(mut self, input: LeaderInput) {
        self.step_leader(input);
        self.show_and_wake();
    }

    fn step_leader(&mut self, input: LeaderInput) {
        let Part::Leading(leading) = &mut self.replica.part else { return };
        let neighbours = &self.partition.neighbours;
        let (now, brokers) = (neighbours.now(), neighbours.brokers());
        leading.machine.step(now, &brokers, input, &mut leading.effects);
        self.perform();
    }

    fn perform(&mut self) {
        let Part::Leading(leading) = &mut self.replica.part else { return };
        let in_sync = leading.machine.isr().len();
        let mut effects = std::mem::take(&mut leading.effects);
        self.partition.leadership.set_in_sync(in_sync);
        for effect in effects.drain(..) {
            match effect {
                LeaderEffect::NoteEpoch(led) => self.begin_epoch(led.epoch),
                LeaderEffect::HighWatermark(offset) => self.replica.high_watermark = offset,
                LeaderEffect::ProposeIsr(proposal) => {
                    let Partition { topic, index, neighbours, .. } = self.partition;
                    neighbours.propose(Proposed { topic: topic.id, index: *index, proposal });
                }
            }
        }
        if let Part::Leading(leading) = &mut self.replica.part {
            leading.effects = effects;
        }
    }

    /// Brings the part up to what the log's owner has done to the log: appended, or cut its front.
    pub(super) fn take_note(&mut self) {
        let (start, end) = (self.start_offset(), self.end_offset());
        match &mut self.replica.part {
            Part::Alone(_) => self.replica.high_watermark = end,
            Part::Leading(leading) => {
                let has_lost = start > leading.log_start();
                if has_lost {
                    self.step_leader(LeaderInput::StartsAt(start));
                }
                self.step_leader(LeaderInput::Appended(end));
            }
            Part::Following(follower) => follower.starts_at(start),
            Part::Idle => {}
        }
    }

    /// A follower fetches from `offset`, which says that it has everything before that is in the log
    /// of `epoch`'s leader: in another term it may have cut some of it.
    ///
    /// # Errors
    /// `NOT_LEADER_OR_FOLLOWER` where `epoch` is over, and to a broker that has been registered anew
    /// since.
    pub(crate) fn fetched(
        mut self,
        by: FetchingReplica,
        epoch: LeaderEpoch,
        offset: Offset,
        log_start: Offset,
    ) -> Result<super::EndsSeen, ErrorCode> {
        let neighbours = &self.partition.neighbours;
        let (now, brokers) = (neighbours.now(), neighbours.brokers());
        let mut has_deleted = false;
        if self.replica.part.leads_in() != Some(epoch) {
            return Err(ErrorCode::NotLeaderOrFollower);
        }
        match &mut self.replica.part {
            Part::Leading(leading) => {
                let Leading { machine, effects } = &mut **leading;
                has_deleted = machine.log_start_of(by.node) != Some(log_start);
                let (by, position) = ((by.node, by.broker_epoch), (offset, log_start));
                let noted = machine.fetched(now, &brokers, by, position, effects);
                noted.map_err(|_| ErrorCode::NotLeaderOrFollower)?;
            }
            Part::Alone(_) => {}
            Part::Following(_) | Part::Idle => return Err(ErrorCode::NotLeaderOrFollower),
        }
        self.perform();
        let partition = self.partition;
        let ends = self.show_and_wake();
        if has_deleted {
            // DeleteRecords may wait for it
            partition.moves.of(Move::Committed).wake();
        }
        Ok(ends)
    }

    /// Whether it is known which of the records before this leader's term are committed (KIP-207).
    pub(crate) fn is_watermark_known(&self) -> bool {
        match &self.replica.part {
            Part::Leading(leading) => {
                leading.machine.high_watermark() >= leading.machine.epoch_start()
            }
            Part::Alone(_) | Part::Following(_) | Part::Idle => true,
        }
    }

    /// Whether batches may still be on their way to an earlier leader.
    pub(super) fn awaits_stragglers(&self) -> bool {
        self.leads_and(Leader::awaits_stragglers)
    }

    /// Whether batches may come again that were refused before this term was heard of.
    pub(super) fn awaits_refused(&self) -> bool {
        self.leads_and(Leader::awaits_refused)
    }

    fn leads_and(&self, is_young: fn(&Leader, TimestampMs) -> bool) -> bool {
        match &self.replica.part {
            Part::Leading(leading) => is_young(&leading.machine, self.partition.neighbours.now()),
            Part::Alone(_) | Part::Following(_) | Part::Idle => false,
        }
    }

    fn follow(mut self, input: FollowerInput, records: &[u8]) -> bool {
        let now = self.partition.neighbours.now();
        let mut effects = Vec::new();
        let (log, part) = self.replica.log_and_part();
        let Part::Following(follower) = part else { return false };
        follower.step(now, &OwnEpochs(log), input, &mut effects);
        let asks = effects.contains(&FollowerEffect::AskEnds);
        let (end, high_watermark) = (follower.end(), follower.high_watermark());
        let done = effects.into_iter().try_for_each(|effect| self.obey(effect, records));
        self.replica.high_watermark = high_watermark.clamp(self.start_offset(), self.end_offset());
        if let Err(error) = &done {
            tracing::error!(partition = ?self.partition, %error, "cannot follow the leader");
        }
        if done.is_err() || self.end_offset() != end {
            self.start_anew(done.is_err());
        }
        self.show_and_wake();
        asks
    }

    fn obey(&mut self, effect: FollowerEffect, records: &[u8]) -> Result<(), LogError> {
        let now = wall_clock();
        match effect {
            FollowerEffect::TruncateTo(end) => {
                tracing::info!(partition = ?self.partition, from = %self.end_offset(), to = %end,
                    "cut what the leader does not have");
                self.truncate_to(end, now)?;
                self.store_cut()
            }
            FollowerEffect::RestartAt(start) => {
                tracing::info!(partition = ?self.partition, at = %start, "begins anew");
                self.start_over_at(start, now)?;
                self.store_cut()
            }
            FollowerEffect::Append => self.append_leaders(records, now),
            FollowerEffect::StartsAt(start) => self.delete_records(start).map(drop),
            FollowerEffect::HighWatermark(_) | FollowerEffect::AskEnds => Ok(()),
        }
    }

    /// An empty log may begin within the first batch: it then holds the whole batch all the same.
    fn append_leaders(&mut self, records: &[u8], now: TimestampMs) -> Result<(), LogError> {
        let (start, end) = (self.start_offset(), self.end_offset());
        let first = record::batches(records).next().and_then(Result::ok);
        let base = first.map_or(end, |batch| batch.header().base_offset);
        if start < end || base >= end {
            return self.append_replicated(records, now).map(drop);
        }
        self.start_over_at(base, now)?;
        self.store_cut()?;
        self.append_replicated(records, now)?;
        self.delete_records(start).map(drop)
    }

    /// What was cut is not to count as durable, nor as deleted, when the log has grown again.
    fn store_cut(&self) -> Result<(), LogError> {
        let Partition { topic, index, .. } = self.partition;
        let directory = self.partition.directory();
        directory.store_cut(&topic.name, *index, self.recovery_point(), self.start_offset())
    }

    /// Follows from where the log really is; after a failure, not at once.
    fn start_anew(&mut self, has_failed: bool) {
        let mut follower = self.follower(&self.replica.state);
        let now = self.partition.neighbours.now();
        let plan = follower.plan(now, &OwnEpochs(self));
        if let Some(fetch) = plan.filter(|_| has_failed) {
            let input = FollowerInput::Fetched { fetch, answer: Fetched::Unreachable };
            follower.step(now, &OwnEpochs(self), input, &mut Vec::new());
        }
        self.replica.part = Part::Following(Box::new(follower));
    }

    /// Obeys changed settings of the topic.
    pub(super) fn obey_rules(&mut self, rules: Rules) {
        if let Part::Leading(leading) = &mut self.replica.part {
            leading.machine.set_rules(rules);
        }
    }
}

impl Leading {
    fn log_start(&self) -> Offset {
        self.machine.log_start()
    }
}

fn assignment(state: &PartitionState) -> Assignment {
    Assignment {
        leader: state.leader,
        leader_epoch: state.leader_epoch,
        partition_epoch: PartitionEpoch(state.partition_epoch),
        replicas: state.replicas.to_vec(),
        isr: state.isr.to_vec(),
    }
}
