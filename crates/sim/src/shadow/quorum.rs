//! The quorum's promises: one leader an epoch, one vote, and committed records for ever.

use std::collections::BTreeMap;

use raft::message::VoteRequest;
use raft::{
    Answer, ControlRecord, Effect, ReplicaKey, Request, RequestId, RoleChange, RoleKind,
    SnapshotControl,
};
use types::{ErrorCode, LeaderEpoch, Offset};

use crate::env::{Checked, Place, must};
use crate::metadata_log::{Content, StoredBatch};
use crate::process::{Process, node_id};

/// Whether somebody is to be a voter.
#[derive(Debug, Clone, Copy)]
struct Change {
    replica: ReplicaKey,
    votes: bool,
}

#[derive(Debug, Default)]
pub struct QuorumShadow {
    /// Every batch that any node was told is committed, by its base offset.
    committed: BTreeMap<i64, StoredBatch>,
    /// In which epoch each of them was first told to be.
    committed_in: BTreeMap<i64, LeaderEpoch>,
    end: Offset,
    /// What the cluster was formatted with.
    pub formatted: SnapshotControl,
    leaders: BTreeMap<LeaderEpoch, (Place, u32)>,
    votes: BTreeMap<(ReplicaKey, LeaderEpoch), ReplicaKey>,
    vote_requests: BTreeMap<RequestId, VoteRequest>,
    /// Who asked that somebody becomes a voter, or is none any more.
    change_requests: BTreeMap<RequestId, Change>,
    /// What was answered to be so, and what was committed by then.
    changed: Vec<(Change, Offset)>,
    /// The watermark that rose last.
    risen_to: Offset,
    /// The highest watermark that each epoch's leader told others.
    exposed: BTreeMap<LeaderEpoch, i64>,
    /// The epoch of the node whose watermark rises.
    rising_in: LeaderEpoch,
}

impl QuorumShadow {
    pub fn end(&self) -> Offset {
        self.end
    }

    /// Whether just that is committed which ends there, with a batch of this epoch.
    pub fn ends_with(&self, end: Offset, epoch: LeaderEpoch) -> bool {
        let last = self.committed.last_key_value().map(|(_, batch)| (batch.end, batch.epoch));
        last == Some((end, epoch))
    }

    pub fn asked(&mut self, id: RequestId, request: &Request) {
        let change = match request {
            Request::Vote(vote) if !vote.pre_vote => {
                self.vote_requests.insert(id, vote.clone());
                return;
            }
            Request::AddVoter(add) if add.ack_when_committed => {
                Change { replica: add.voter, votes: true }
            }
            Request::RemoveVoter(replica) => Change { replica: *replica, votes: false },
            _ => return,
        };
        self.change_requests.insert(id, change);
    }

    /// What was said of the voters is what the committed records say.
    pub fn keeps_changes(&mut self, controls: &[ControlRecord]) -> Checked {
        let end = self.end;
        let known: Vec<_> = self.changed.extract_if(.., |(_, at)| *at <= end).collect();
        for (change, at) in known {
            let voters = self.control_at(at, controls).voters;
            let votes = voters.is_some_and(|voters| voters.is_voter(change.replica));
            must(votes == change.votes, || format!("{change:?} was answered and is not so"))?;
        }
        Ok(())
    }

    /// Takes what a node calls committed; yields what nobody had called so before.
    pub fn commit(
        &mut self,
        place: Place,
        from: Offset,
        batches: &[StoredBatch],
    ) -> Result<Vec<StoredBatch>, String> {
        must(from <= self.end, || {
            format!("node {place} goes on at {from}, behind what was ever committed")
        })?;
        let mut fresh = Vec::new();
        for batch in batches {
            match self.committed.get(&batch.base.0) {
                Some(known) => must(known == batch, || {
                    format!("node {place} has other records at {} than were committed", batch.base)
                })?,
                None => {
                    must(batch.base == self.end, || {
                        format!(
                            "node {place} has other batches at {} than were committed",
                            batch.base
                        )
                    })?;
                    self.end = batch.end;
                    self.committed.insert(batch.base.0, batch.clone());
                    self.committed_in.insert(batch.base.0, self.rising_in);
                    fresh.push(batch.clone());
                }
            }
        }
        Ok(fresh)
    }

    /// An effect that is about to be performed.
    pub fn effect(&mut self, process: &mut Process, effect: &Effect) -> Checked {
        match effect {
            Effect::HighWatermark(offset) => {
                self.rising_in = process.raft.epoch();
                self.risen_to = *offset;
                must(*offset >= process.applied && *offset <= process.log.end(), || {
                    format!("node {} lacks what it calls committed at {offset}", process.place)
                })
            }
            Effect::TruncateTo(offset) => self.cut(process, *offset),
            Effect::Role(change) => self.role(process, change),
            Effect::Send { request: Request::Vote(vote), .. } if !vote.pre_vote => {
                wrote_vote(process, vote.epoch, vote.replica)
            }
            Effect::Send { request: Request::Fetch(fetch), .. } => {
                let synced = process.log.synced_end();
                must(fetch.offset <= synced, || {
                    format!("node {} reports {:?}, synced {synced:?}", process.place, fetch.offset)
                })
            }
            Effect::Respond { to, answer: Answer::Vote(answer) } if answer.granted => {
                self.granted(process, *to)
            }
            Effect::Respond {
                to,
                answer: Answer::AddVoter(answer) | Answer::RemoveVoter(answer),
            } => {
                let change = self.change_requests.remove(to);
                let change = change.filter(|_| answer.error == ErrorCode::None);
                self.changed.extend(change.map(|change| (change, self.risen_to)));
                Ok(())
            }
            Effect::Respond { answer: Answer::Fetch(answer), .. } => {
                self.expose(answer.leader.epoch, answer.high_watermark.0)
            }
            Effect::Persist(_)
            | Effect::Append { .. }
            | Effect::AppendFetched { .. }
            | Effect::WriteSnapshot { .. }
            | Effect::InstallSnapshot(_)
            | Effect::Send { .. }
            | Effect::Respond { .. }
            | Effect::RespondUpgrade { .. }
            | Effect::ShutdownDone => Ok(()),
        }
    }

    /// What the committed records below an offset say, which is what a snapshot there holds.
    pub fn control_at(&self, offset: Offset, controls: &[ControlRecord]) -> SnapshotControl {
        let mut control = self.formatted.clone();
        for batch in self.committed.range(..offset.0).map(|(_, batch)| batch) {
            let Content::Control(records) = batch.content(controls) else { continue };
            for record in records {
                match record {
                    ControlRecord::KraftVersion(version) => control.kraft_version = version,
                    ControlRecord::Voters(voters) => control.voters = Some(voters),
                    ControlRecord::LeaderChange { .. } => {}
                }
            }
        }
        control
    }

    /// A leader has what was committed before it, so its followers do not cut that.
    fn cut(&self, process: &mut Process, end: Offset) -> Checked {
        let epoch = process.raft.epoch();
        for batch in process.log.batches(end, process.log.end()) {
            let is_committed = self.committed.get(&batch.base.0) == Some(&batch)
                && self.committed_in.get(&batch.base.0).is_some_and(|within| *within <= epoch);
            must(!is_committed, || {
                format!("node {} cuts {}, which is committed", process.place, batch.base)
            })?;
        }
        Ok(())
    }

    /// One leader an epoch, which wrote that down and has every committed record.
    fn role(&mut self, process: &mut Process, change: &RoleChange) -> Checked {
        if change.role != RoleKind::Leader {
            return Ok(());
        }
        let (epoch, place) = (change.leader.epoch, process.place);
        let leader = (place, process.life);
        let first = *self.leaders.entry(epoch).or_insert(leader);
        must(first == leader, || {
            format!("{first:?} and {leader:?} both lead the quorum in {epoch:?}")
        })?;
        let written = process.stable.quorum_state.as_ref();
        let wrote = written.is_some_and(|s| s.epoch == epoch && s.leader == Some(node_id(place)));
        must(wrote, || format!("node {place} leads {epoch:?} and has not written it down"))?;
        let (start, end) = (process.log.start(), process.log.end());
        let held = process.log.batches(start, end);
        let held: BTreeMap<i64, StoredBatch> = held.into_iter().map(|b| (b.base.0, b)).collect();
        for (base, batch) in self.committed.range(start.0..) {
            let is_before = self.committed_in.get(base).is_some_and(|within| *within < epoch);
            must(!is_before || held.get(base) == Some(batch), || {
                format!("node {place} leads {epoch:?} without the committed record {base}")
            })?;
        }
        Ok(())
    }

    fn granted(&mut self, process: &Process, id: RequestId) -> Checked {
        let Some(vote) = self.vote_requests.get(&id) else { return Ok(()) };
        let (epoch, candidate) = (vote.epoch, vote.replica);
        let voter = ReplicaKey::new(process.id(), process.stable.directory);
        let first = *self.votes.entry((voter, epoch)).or_insert(candidate);
        must(first == candidate, || {
            format!("node {} grants {epoch:?} to {first:?} and {candidate:?}", process.place)
        })?;
        wrote_vote(process, epoch, candidate)
    }

    /// No leader tells of less than leaders before it did.
    fn expose(&mut self, epoch: LeaderEpoch, offset: i64) -> Checked {
        if offset < 0 {
            return Ok(());
        }
        let told = self.exposed.entry(epoch).or_insert(offset);
        *told = offset.max(*told);
        let most = self.exposed.range(..=epoch).map(|(_, told)| *told).max().unwrap_or(offset);
        must(offset >= most, || format!("the leader of {epoch:?} tells of {offset}, not {most}"))
    }
}

fn wrote_vote(process: &Process, epoch: LeaderEpoch, candidate: ReplicaKey) -> Checked {
    let written = process.stable.quorum_state.as_ref();
    let wrote = written.is_some_and(|s| s.epoch == epoch && s.voted == Some(candidate));
    must(wrote, || format!("node {} speaks of a vote in {epoch:?} not written", process.place))
}
