//! The leader of a partition: who is in sync with it, and what they all have.

use std::collections::BTreeMap;

use types::{BrokerEpoch, LeaderEpoch, NodeId, Offset, PartitionEpoch, TimestampMs};

use crate::assignment::{Assignment, Cluster, LogPosition, Rules};
use crate::divergence::EpochStart;
use crate::in_sync::{InSync, InSyncReplica, IsrAnswer, IsrProposal, Refusal};
use crate::progress::{Position, Progress};

/// How long a batch may still be on its way to an earlier leader, or come again that this one refused
/// when it did not lead yet. A client gives its answer up after `request.timeout.ms`, 30 s by default,
/// and has sent it before it heard of this leader.
const STRAGGLERS_MS: i64 = 45_000;

/// How long a client may take to send those batches again that this leader refused when it had not
/// heard of its term: what it sent right behind them comes first then.
const REFUSED_MS: i64 = 5_000;

/// The machine; see [`Leader::step`].
#[derive(Debug, Clone)]
pub struct Leader {
    me: NodeId,
    epoch: LeaderEpoch,
    started: TimestampMs,
    /// Where this leader's own records begin: who lacks what is before is not in sync.
    epoch_start: Offset,
    rules: Rules,
    log_start: Offset,
    end: Offset,
    high_watermark: Offset,
    in_sync: InSync,
    followers: BTreeMap<NodeId, Progress>,
    #[cfg(any(test, feature = "broken"))]
    pub(crate) broken: Option<crate::broken::BrokenRule>,
}

/// What has happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LeaderInput {
    /// Newer metadata of the same leader epoch. Older one is ignored.
    Assigned(Assignment),
    /// The log grew to this end.
    Appended(Offset),
    /// Records were deleted below this offset.
    StartsAt(Offset),
    /// The controller's answer to the proposal that was based on `based_on`. The shell makes one, as
    /// REQUEST_TIMED_OUT, where none comes.
    IsrAnswered { based_on: PartitionEpoch, answer: IsrAnswer },
    /// Time has passed: once in half of `replica.lag.time.max.ms` is enough.
    Tick,
}

/// What the shell does, in this order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LeaderEffect {
    /// Put the epoch into the log's own list before anything else, although no record has it yet: a
    /// follower may have records of an epoch between the last record's and this one.
    NoteEpoch(EpochStart),
    /// What is before it is committed: waiting producers and consumers may go on.
    HighWatermark(Offset),
    /// Send AlterPartition.
    ProposeIsr(IsrProposal),
}

/// Where a write with acks=all stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Acknowledgement {
    Waiting,
    Committed,
    /// All who are in sync have it, but they are fewer than asked for:
    /// NOT_ENOUGH_REPLICAS_AFTER_APPEND.
    TooFewInSync,
}

/// A fetch of an earlier incarnation of a broker: NOT_LEADER_OR_FOLLOWER (KIP-903).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StaleBroker;

impl Leader {
    /// Takes the lead in a new epoch, with the log and the high watermark that this replica has. Alone
    /// in sync, it commits all of it.
    pub fn start(
        now: TimestampMs,
        cluster: &impl Cluster,
        (me, assignment): (NodeId, Assignment),
        rules: Rules,
        LogPosition { log_start, end, high_watermark }: LogPosition,
        effects: &mut Vec<LeaderEffect>,
    ) -> Self {
        let Assignment { leader_epoch, partition_epoch, replicas, isr, .. } = assignment;
        let followers = replicas.into_iter().filter(|node| *node != me);
        let followers =
            followers.map(|node| (node, Progress::at_start(now, isr.contains(&node)))).collect();
        effects.push(LeaderEffect::NoteEpoch(EpochStart { epoch: leader_epoch, start: end }));
        let mut leader = Self {
            me,
            epoch: leader_epoch,
            started: now,
            epoch_start: end,
            rules,
            log_start,
            end,
            high_watermark: high_watermark.clamp(log_start, end),
            in_sync: InSync::new(partition_epoch, isr),
            followers,
            #[cfg(any(test, feature = "broken"))]
            broken: None,
        };
        leader.advance(now, cluster, effects);
        leader
    }

    /// Switches a rule off, or none: what a simulator must notice.
    #[cfg(any(test, feature = "broken"))]
    pub fn set_broken(&mut self, broken: Option<crate::BrokenRule>) {
        self.broken = broken;
    }

    /// Steps the machine.
    pub fn step(
        &mut self,
        now: TimestampMs,
        cluster: &impl Cluster,
        input: LeaderInput,
        effects: &mut Vec<LeaderEffect>,
    ) {
        match input {
            LeaderInput::Assigned(assignment) => self.assigned(now, assignment),
            LeaderInput::Appended(end) => {
                assert!(end >= self.end, "a leader's log grows: {end} behind {}", self.end);
                self.end = end;
            }
            LeaderInput::StartsAt(offset) => self.starts_at(offset),
            LeaderInput::IsrAnswered { based_on, answer } => {
                self.isr_answered(cluster, based_on, answer, effects);
            }
            LeaderInput::Tick => self.drop_who_lags(now, cluster, effects),
        }
        self.advance(now, cluster, effects);
    }

    /// A follower fetches from `offset`, which says that it has everything before.
    ///
    /// # Errors
    /// Where the broker has been registered anew since.
    pub fn fetched(
        &mut self,
        now: TimestampMs,
        cluster: &impl Cluster,
        (replica, broker_epoch): (NodeId, BrokerEpoch),
        (offset, log_start): (Offset, Offset),
        effects: &mut Vec<LeaderEffect>,
    ) -> Result<(), StaleBroker> {
        let known = cluster.broker_epoch(replica);
        let names_itself = broker_epoch.0 != -1;
        if names_itself && known.is_some_and(|known| known > broker_epoch) {
            return Err(StaleBroker);
        }
        // one that is not assigned here any more may still read
        let Some(progress) = self.followers.get_mut(&replica) else { return Ok(()) };
        progress.note(now, Position { offset, log_start, broker_epoch }, self.end);
        self.take_in(replica, cluster, effects);
        self.advance(now, cluster, effects);
        Ok(())
    }

    fn assigned(&mut self, now: TimestampMs, assignment: Assignment) {
        let Assignment { leader_epoch, partition_epoch, replicas, isr, .. } = assignment;
        assert_eq!(leader_epoch, self.epoch, "another epoch is another leader");
        if partition_epoch < self.in_sync.partition_epoch() {
            return;
        }
        self.followers.retain(|node, _| replicas.contains(node));
        for node in replicas.into_iter().filter(|node| *node != self.me) {
            let start = || Progress::at_start(now, isr.contains(&node));
            self.followers.entry(node).or_insert_with(start);
        }
        // metadata that comes after the controller's answer ends no proposal that builds on it
        if partition_epoch > self.in_sync.partition_epoch() {
            self.in_sync.commit(partition_epoch, isr);
        }
    }

    fn starts_at(&mut self, offset: Offset) {
        assert!(offset <= self.end, "a log starts before its end");
        self.log_start = self.log_start.max(offset);
        self.high_watermark = self.high_watermark.max(self.log_start);
    }

    fn isr_answered(
        &mut self,
        cluster: &impl Cluster,
        based_on: PartitionEpoch,
        answer: IsrAnswer,
        effects: &mut Vec<LeaderEffect>,
    ) {
        if self.in_sync.proposed().is_none() || based_on != self.in_sync.partition_epoch() {
            return;
        }
        match answer {
            IsrAnswer::Holds { leader_epoch, partition_epoch, isr } => {
                if leader_epoch == self.epoch {
                    self.in_sync.commit(partition_epoch, isr);
                }
            }
            IsrAnswer::Refused(code) => match Refusal::of(code) {
                Refusal::Undone => self.in_sync.withdraw(),
                Refusal::AskAgain => effects.extend(self.proposal(cluster)),
                Refusal::AwaitMetadata => {}
            },
        }
    }

    /// Proposes the ISR with a follower that has come level with what is committed.
    fn take_in(
        &mut self,
        replica: NodeId,
        cluster: &impl Cluster,
        effects: &mut Vec<LeaderEffect>,
    ) {
        #[cfg(any(test, feature = "broken"))]
        if self.broken == Some(crate::broken::BrokenRule::NeverExpands) {
            return;
        }
        let committed = self.in_sync.committed();
        if self.in_sync.proposed().is_some() || committed.contains(&replica) {
            return;
        }
        if !self.is_level(replica) || !self.may_join(replica, cluster) {
            return;
        }
        let with_it = committed.iter().copied().chain([replica]).collect();
        self.in_sync.propose(with_it);
        effects.extend(self.proposal(cluster));
    }

    fn is_level(&self, replica: NodeId) -> bool {
        let end = self.followers.get(&replica).and_then(|progress| progress.end);
        #[cfg(any(test, feature = "broken"))]
        if self.broken == Some(crate::broken::BrokenRule::JoinsBelowHighWatermark) {
            return end.is_some();
        }
        end.is_some_and(|end| end >= self.high_watermark && end >= self.epoch_start)
    }

    /// Neither fenced nor leaving, and the incarnation that has fetched (KIP-841, KIP-903).
    fn may_join(&self, replica: NodeId, cluster: &impl Cluster) -> bool {
        let seen = self.followers.get(&replica).and_then(|progress| progress.broker_epoch);
        let (Some(seen), Some(known)) = (seen, cluster.broker_epoch(replica)) else { return false };
        #[cfg(any(test, feature = "broken"))]
        if self.broken == Some(crate::broken::BrokenRule::ForgetsBrokerEpochs) {
            return cluster.is_active(replica);
        }
        (seen.0 == -1 || seen == known) && cluster.is_active(replica)
    }

    fn drop_who_lags(
        &mut self,
        now: TimestampMs,
        cluster: &impl Cluster,
        effects: &mut Vec<LeaderEffect>,
    ) {
        if self.in_sync.proposed().is_some() {
            return;
        }
        let committed = self.in_sync.committed();
        let keeps_up = |node: &NodeId| {
            let progress = self.followers.get(node);
            let lag_ms_max = self.rules.lag_ms_max;
            *node == self.me || progress.is_some_and(|p| p.is_caught_up(now, self.end, lag_ms_max))
        };
        let left: Vec<NodeId> = committed.iter().copied().filter(keeps_up).collect();
        if left.len() < committed.len() {
            self.in_sync.propose(left);
            effects.extend(self.proposal(cluster));
        }
    }

    /// The open proposal, each member with the incarnation that fetched, -1 where none has yet.
    fn proposal(&self, cluster: &impl Cluster) -> Option<LeaderEffect> {
        let epoch_of = |node: NodeId| match node == self.me {
            true => cluster.broker_epoch(node),
            false => self.followers.get(&node).and_then(|progress| progress.broker_epoch),
        };
        #[cfg(any(test, feature = "broken"))]
        let epoch_of = |node| match self.broken {
            Some(crate::broken::BrokenRule::ForgetsBrokerEpochs) => None,
            _ => epoch_of(node),
        };
        let member = |node: &NodeId| InSyncReplica {
            node: *node,
            broker_epoch: epoch_of(*node).unwrap_or(BrokerEpoch(-1)),
        };
        Some(LeaderEffect::ProposeIsr(IsrProposal {
            leader_epoch: self.epoch,
            partition_epoch: self.in_sync.partition_epoch(),
            isr: self.in_sync.proposed()?.iter().map(member).collect(),
        }))
    }

    /// Moves the high watermark to what everyone has who is in sync or about to be.
    fn advance(
        &mut self,
        now: TimestampMs,
        cluster: &impl Cluster,
        effects: &mut Vec<LeaderEffect>,
    ) {
        if !self.may_advance() {
            return;
        }
        let counts = |node: NodeId, progress: &Progress| {
            let is_caught_up = progress.is_caught_up(now, self.end, self.rules.lag_ms_max);
            self.counted().contains(&node) || is_caught_up && self.may_join(node, cluster)
        };
        let ends = self.followers.iter().filter(|(node, progress)| counts(**node, progress));
        let ends = ends.map(|(_, progress)| progress.end.unwrap_or(Offset(-1)));
        let committed = ends.fold(self.end, Offset::min);
        if committed > self.high_watermark || self.lets_watermark_fall(committed) {
            self.high_watermark = committed;
            effects.push(LeaderEffect::HighWatermark(committed));
        }
    }

    /// Below `min.insync.replicas` nothing more is committed: whoever left the ISR since still has all
    /// that is, and may be elected (KIP-966).
    fn may_advance(&self) -> bool {
        #[cfg(any(test, feature = "broken"))]
        if self.broken == Some(crate::broken::BrokenRule::AdvancesBelowMinimum) {
            return true;
        }
        self.has_enough_in_sync()
    }

    #[cfg(any(test, feature = "broken"))]
    fn lets_watermark_fall(&self, committed: Offset) -> bool {
        let is_broken = self.broken == Some(crate::broken::BrokenRule::WatermarkFalls);
        is_broken && committed < self.high_watermark && committed >= self.log_start
    }

    #[cfg(not(any(test, feature = "broken")))]
    fn lets_watermark_fall(&self, _committed: Offset) -> bool {
        false
    }

    fn counted(&self) -> &[NodeId] {
        #[cfg(any(test, feature = "broken"))]
        if self.broken == Some(crate::broken::BrokenRule::CountsProposedShrink)
            && let Some(proposed) = self.in_sync.proposed()
        {
            return proposed;
        }
        self.in_sync.maximal()
    }

    fn in_sync_min(&self) -> usize {
        self.rules.in_sync_min.min(self.followers.len() + 1)
    }

    /// Whether a write with acks=all may begin; otherwise NOT_ENOUGH_REPLICAS.
    #[must_use]
    pub fn has_enough_in_sync(&self) -> bool {
        self.in_sync.committed().len() >= self.in_sync_min()
    }

    /// Where a write with acks=all stands whose last record is before `end`.
    #[must_use]
    pub fn acknowledgement(&self, end: Offset) -> Acknowledgement {
        #[cfg(any(test, feature = "broken"))]
        if self.broken == Some(crate::broken::BrokenRule::AcknowledgesAlone) {
            return Acknowledgement::Committed;
        }
        if self.high_watermark < end {
            Acknowledgement::Waiting
        } else if self.in_sync.maximal().len() >= self.in_sync_min() {
            Acknowledgement::Committed
        } else {
            Acknowledgement::TooFewInSync
        }
    }

    /// Whether a producer of which nothing is known here may have a batch under way that comes before
    /// what it sends: then it must not begin in the middle of its sequence, or that batch never fits.
    #[must_use]
    pub fn awaits_stragglers(&self, now: TimestampMs) -> bool {
        now.0 - self.started.0 < STRAGGLERS_MS
    }

    /// Whether what comes before a batch may have been refused here just now, because this leader had
    /// not heard of its term: then it is not lost, and a gap in the sequence is none.
    #[must_use]
    pub fn awaits_refused(&self, now: TimestampMs) -> bool {
        now.0 - self.started.0 < REFUSED_MS
    }

    #[must_use]
    pub fn epoch(&self) -> LeaderEpoch {
        self.epoch
    }

    #[must_use]
    pub fn log_start(&self) -> Offset {
        self.log_start
    }

    /// Where this leader's own records begin.
    #[must_use]
    pub fn epoch_start(&self) -> Offset {
        self.epoch_start
    }

    #[must_use]
    pub fn high_watermark(&self) -> Offset {
        self.high_watermark
    }

    /// The ISR that the metadata holds.
    #[must_use]
    pub fn isr(&self) -> &[NodeId] {
        self.in_sync.committed()
    }

    /// What every active replica has deleted: DeleteRecords waits for it.
    #[must_use]
    pub fn low_watermark(&self, cluster: &impl Cluster) -> Offset {
        let active = self.followers.iter().filter(|(node, _)| cluster.is_active(**node));
        let starts = active.map(|(_, progress)| progress.log_start.unwrap_or(Offset(-1)));
        starts.fold(self.log_start, Offset::min)
    }

    /// A follower's log end as last seen, and when it was last caught up.
    #[must_use]
    pub fn follower(&self, node: NodeId) -> Option<(Offset, TimestampMs)> {
        let progress = self.followers.get(&node)?;
        Some((progress.end?, progress.caught_up_at()))
    }

    /// Where a follower's log begins, as last seen.
    #[must_use]
    pub fn log_start_of(&self, node: NodeId) -> Option<Offset> {
        self.followers.get(&node)?.log_start
    }

    /// Obeys changed settings from the next step on.
    pub fn set_rules(&mut self, rules: Rules) {
        self.rules = rules;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct AllActive;

    impl Cluster for AllActive {
        fn broker_epoch(&self, _node: NodeId) -> Option<BrokerEpoch> {
            Some(BrokerEpoch(7))
        }

        fn is_active(&self, _node: NodeId) -> bool {
            true
        }
    }

    const NOW: TimestampMs = TimestampMs(0);
    /// Who was caught up before is not any more.
    const LATER: TimestampMs = TimestampMs(1_000);

    fn assignment(partition_epoch: i32, isr: &[i32]) -> Assignment {
        Assignment {
            leader: NodeId(1),
            leader_epoch: LeaderEpoch(0),
            partition_epoch: PartitionEpoch(partition_epoch),
            replicas: [1, 2, 3].map(NodeId).to_vec(),
            isr: isr.iter().copied().map(NodeId).collect(),
        }
    }

    fn fetches(leader: &mut Leader, now: TimestampMs, node: i32, offset: i64) {
        let replica = (NodeId(node), BrokerEpoch(7));
        let (position, effects) = ((Offset(offset), Offset(0)), &mut Vec::new());
        leader.fetched(now, &AllActive, replica, position, effects).expect("it is registered");
    }

    /// The metadata log brings what an answer has told already, and later.
    #[test]
    fn metadata_behind_an_answer_ends_no_proposal() {
        let rules = Rules { lag_ms_max: 10, in_sync_min: 1 };
        let log = LogPosition { log_start: Offset(0), end: Offset(0), high_watermark: Offset(0) };
        let mut effects = Vec::new();
        let told = (NodeId(1), assignment(5, &[1]));
        let mut leader = Leader::start(NOW, &AllActive, told, rules, log, &mut effects);
        fetches(&mut leader, NOW, 2, 0);
        let holds = IsrAnswer::Holds {
            leader_epoch: LeaderEpoch(0),
            partition_epoch: PartitionEpoch(6),
            isr: vec![NodeId(1), NodeId(2)],
        };
        let answered = LeaderInput::IsrAnswered { based_on: PartitionEpoch(5), answer: holds };
        leader.step(NOW, &AllActive, answered, &mut effects);
        fetches(&mut leader, NOW, 3, 0);
        let late = LeaderInput::Assigned(assignment(6, &[1, 2]));
        leader.step(NOW, &AllActive, late, &mut effects);
        leader.step(NOW, &AllActive, LeaderInput::Appended(Offset(10)), &mut effects);
        fetches(&mut leader, LATER, 2, 10);
        assert_eq!(leader.high_watermark(), Offset(0), "the third may be elected");
        fetches(&mut leader, LATER, 3, 10);
        assert_eq!(leader.high_watermark(), Offset(10));
    }
}
