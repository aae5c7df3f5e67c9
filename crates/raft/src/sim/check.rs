//! What must hold after every effect, and what must hold when the faults are over.

use std::collections::BTreeMap;

use types::{ErrorCode, LeaderEpoch};

use super::disk::{Body, Disk, Entry, index_to_offset};
use super::network::NodeIndex;
use super::world::{Node, id};
use crate::message::{ChangeAnswer, FetchAnswer, Found, VoteRequest};
use crate::{
    Answer, ControlRecord, Effect, Raft, ReplicaKey, Request, RequestId, RoleChange, RoleKind,
    SnapshotControl,
};

/// What a leader may stay without hearing of anyone: check-quorum's time and a pause's.
const DESERTED_MS_MAX: i64 = 3_000 + 200;

#[derive(Debug, Clone, Default)]
pub struct Checks {
    /// Every record that any node was told is committed, by offset.
    pub committed: Vec<Entry>,
    /// In which epoch each of them was first told to be.
    committed_in: Vec<LeaderEpoch>,
    /// What the cluster was formatted with.
    pub formatted: SnapshotControl,
    leaders: BTreeMap<LeaderEpoch, (NodeIndex, u32)>,
    led_since: BTreeMap<NodeIndex, i64>,
    /// Who granted whom an epoch.
    votes: BTreeMap<(ReplicaKey, LeaderEpoch), ReplicaKey>,
    vote_requests: BTreeMap<RequestId, VoteRequest>,
    /// The watermark that each running node knows.
    watermarks: BTreeMap<NodeIndex, i64>,
    /// The highest watermark that each epoch's leader told others.
    exposed: BTreeMap<LeaderEpoch, i64>,
    /// How often something happened that a history may or may not come by.
    pub visits: BTreeMap<&'static str, u32>,
}

/// What an effect shows that the machine did.
fn visited(effect: &Effect) -> Option<&'static str> {
    let is_done = |answer: &ChangeAnswer| answer.error == ErrorCode::None;
    Some(match effect {
        Effect::Role(RoleChange { role: RoleKind::Leader, .. }) => "leads",
        Effect::Role(RoleChange { role: RoleKind::Resigned, .. }) => "resigns",
        Effect::Role(RoleChange { role: RoleKind::Candidate, .. }) => "stands",
        Effect::Role(RoleChange { role: RoleKind::Prospective, .. }) => "asks in advance",
        Effect::TruncateTo(_) => "cuts",
        Effect::InstallSnapshot(_) => "loads a snapshot",
        Effect::RespondUpgrade { result: Ok(()), .. } => "becomes dynamic",
        Effect::Respond { answer, .. } => match answer {
            Answer::Fetch(FetchAnswer { found: Found::Snapshot(_), .. }) => "is sent to a snapshot",
            Answer::Fetch(FetchAnswer { found: Found::Diverging(_), .. }) => {
                "is told that it diverges"
            }
            Answer::FetchSnapshot(_) => "serves a piece of a snapshot",
            Answer::AddVoter(answer) if is_done(answer) => "adds a voter",
            Answer::RemoveVoter(answer) if is_done(answer) => "removes a voter",
            Answer::UpdateVoter(answer) if answer.error == ErrorCode::None => "updates a voter",
            Answer::Vote(answer) if !answer.granted => "refuses a vote",
            _ => return None,
        },
        _ => return None,
    })
}

impl Checks {
    pub fn started(&mut self, index: NodeIndex) {
        self.watermarks.remove(&index);
        self.led_since.remove(&index);
    }

    pub fn asked(&mut self, id: RequestId, request: &Request) {
        if let Request::Vote(vote) = request
            && !vote.pre_vote
        {
            self.vote_requests.insert(id, vote.clone());
        }
    }

    /// An effect that is about to be performed.
    pub fn effect(&mut self, index: NodeIndex, node: &Node, effect: &Effect) -> Result<(), String> {
        if let Some(what) = visited(effect) {
            *self.visits.entry(what).or_insert(0) += 1;
        }
        match effect {
            Effect::HighWatermark(offset) => self.watermark_rose(index, node, offset.0),
            Effect::TruncateTo(offset) => self.cut(index, node, offset.0),
            Effect::Role(change) => self.role(index, node, change),
            Effect::Send { request: Request::Vote(vote), .. } if !vote.pre_vote => {
                wrote_vote(index, &node.disk, vote.epoch, node.config.key())
            }
            Effect::Send { request: Request::Fetch(fetch), .. } => {
                let synced = node.disk.synced_end();
                let is_synced = fetch.offset.0 <= synced;
                must(is_synced, || format!("node {index} reports {:?} of {synced}", fetch.offset))
            }
            Effect::Respond { to, answer: Answer::Vote(answer) } if answer.granted => {
                self.granted(index, node, *to)
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

    /// A leader that nobody asks anything must not go on for ever.
    pub fn leader_is_heard(
        &mut self,
        index: NodeIndex,
        raft: &Raft,
        heard: i64,
        now: i64,
    ) -> Result<(), String> {
        if raft.role() != RoleKind::Leader || raft.voters().len() < 2 {
            self.led_since.remove(&index);
            return Ok(());
        }
        let since = *self.led_since.entry(index).or_insert(now);
        let silence = now - since.max(heard);
        must(silence <= DESERTED_MS_MAX, || format!("node {index} leads unheard for {silence} ms"))
    }

    /// After a time of peace there is one leader, and everybody has all that it has.
    pub fn recovered(&self, nodes: &[Node]) -> Result<(), String> {
        let rafts: Vec<&Raft> = nodes.iter().filter_map(|node| node.raft.as_ref()).collect();
        must(rafts.len() == nodes.len(), || "not every node runs".to_owned())?;
        let states = || {
            let state = |r: &&Raft| (r.role(), r.epoch(), r.log().end, r.committed());
            format!("no recovery: {:?}", rafts.iter().map(state).collect::<Vec<_>>())
        };
        let mut leaders = rafts.iter().filter(|raft| raft.role() == RoleKind::Leader);
        let (Some(leader), None) = (leaders.next(), leaders.next()) else { return Err(states()) };
        let end = leader.log().end;
        for raft in &rafts {
            let is_there = raft.log().end == end && raft.committed() == Some(end);
            must(is_there && raft.epoch() == leader.epoch(), states)?;
        }
        must(index_to_offset(self.committed.len()) == end.0, states)?;
        // who may join by itself has done so, under the disk that it has
        let joins = |node: &&Node| node.config.auto_join && leader.kraft_version() > 0;
        let is_out = |node: &&Node| !leader.voters().is_voter(node.config.key());
        let out = nodes.iter().filter(joins).find(is_out).map(|node| node.config.key());
        must(out.is_none(), || format!("{out:?} has not joined {:?}", leader.voters().ids()))
    }

    /// What the committed records below an offset say, which is what a snapshot there holds.
    pub fn control_at(&self, offset: i64) -> SnapshotControl {
        let mut control = self.formatted.clone();
        let below = usize::try_from(offset).unwrap_or(0).min(self.committed.len());
        for entry in &self.committed[..below] {
            match &entry.body {
                Body::Control(ControlRecord::KraftVersion(version)) => {
                    control.kraft_version = *version;
                }
                Body::Control(ControlRecord::Voters(voters)) => {
                    control.voters = Some(voters.clone());
                }
                Body::Control(ControlRecord::LeaderChange { .. }) | Body::Data(_) => {}
            }
        }
        control
    }

    /// Committed records are never lost or changed, and the watermark of a node never falls.
    fn watermark_rose(&mut self, index: NodeIndex, node: &Node, offset: i64) -> Result<(), String> {
        let disk = &node.disk;
        let epoch = node.raft.as_ref().map(Raft::epoch).unwrap_or_default();
        let known = self.watermarks.insert(index, offset).unwrap_or(-1);
        must(offset > known, || format!("the watermark of node {index} fell to {offset}"))?;
        must(offset <= disk.end(), || format!("node {index} lacks what it calls committed"))?;
        let first = known.max(disk.start);
        must(first <= index_to_offset(self.committed.len()), || {
            format!("node {index} starts at {first}, behind what was ever committed")
        })?;
        for at in first..offset {
            let Some(entry) = disk.get(at) else { continue };
            match usize::try_from(at).ok().and_then(|at| self.committed.get(at)) {
                None => {
                    self.committed.push(entry.clone());
                    self.committed_in.push(epoch);
                }
                Some(committed) => must(committed == entry, || {
                    format!("node {index} has {entry:?} at {at}, where {committed:?} was committed")
                })?,
            }
        }
        Ok(())
    }

    /// A leader has what was committed before it, so its followers do not cut that. One whose epoch is
    /// over may still cut what others have committed since, in copies that they did not count.
    fn cut(&self, index: NodeIndex, node: &Node, end: i64) -> Result<(), String> {
        let epoch = node.raft.as_ref().map(Raft::epoch).unwrap_or_default();
        let known = self.committed_in.partition_point(|committed_in| *committed_in <= epoch);
        let is_committed = |at: &i64| {
            let committed = usize::try_from(*at).ok().and_then(|at| self.committed.get(at));
            *at < index_to_offset(known) && node.disk.get(*at) == committed
        };
        let lost = (end..node.disk.end()).find(is_committed);
        must(lost.is_none(), || format!("node {index} cuts {lost:?}, which is committed"))
    }

    /// One leader an epoch, which wrote that down and has every committed record.
    fn role(&mut self, index: NodeIndex, node: &Node, change: &RoleChange) -> Result<(), String> {
        if change.role != RoleKind::Leader {
            return Ok(());
        }
        let epoch = change.leader.epoch;
        let leader = (index, node.life);
        let first = *self.leaders.entry(epoch).or_insert(leader);
        must(first == leader, || format!("{first:?} and {leader:?} both lead {epoch:?}"))?;
        let written = node.disk.quorum_state.as_ref();
        let wrote = written.is_some_and(|s| s.epoch == epoch && s.leader == Some(id(index)));
        must(wrote, || format!("node {index} leads {epoch:?} and has not written it down"))?;
        // a late leader of an epoch that others have left lacks what these committed
        let before = self.committed_in.partition_point(|committed_in| *committed_in < epoch);
        for at in node.disk.start..index_to_offset(before) {
            let committed = usize::try_from(at).ok().and_then(|at| self.committed.get(at));
            must(node.disk.get(at) == committed, || {
                format!("node {index} leads {epoch:?} without the committed record {at}")
            })?;
        }
        Ok(())
    }

    fn granted(&mut self, index: NodeIndex, node: &Node, id: RequestId) -> Result<(), String> {
        let Some(vote) = self.vote_requests.get(&id) else { return Ok(()) };
        let (epoch, candidate) = (vote.epoch, vote.replica);
        let first = *self.votes.entry((node.config.key(), epoch)).or_insert(candidate);
        must(first == candidate, || {
            format!("node {index} grants {epoch:?} to {first:?} and to {candidate:?}")
        })?;
        wrote_vote(index, &node.disk, epoch, candidate)
    }

    /// No leader tells of less than leaders before it did.
    fn expose(&mut self, epoch: LeaderEpoch, offset: i64) -> Result<(), String> {
        if offset < 0 {
            return Ok(());
        }
        let told = self.exposed.entry(epoch).or_insert(offset);
        *told = offset.max(*told);
        let most = self.exposed.range(..=epoch).map(|(_, told)| *told).max().unwrap_or(offset);
        must(offset >= most, || format!("the leader of {epoch:?} tells of {offset}, not {most}"))
    }
}

fn wrote_vote(
    index: NodeIndex,
    disk: &Disk,
    epoch: LeaderEpoch,
    candidate: ReplicaKey,
) -> Result<(), String> {
    let written = disk.quorum_state.as_ref();
    let wrote = written.is_some_and(|s| s.epoch == epoch && s.voted == Some(candidate));
    must(wrote, || format!("node {index} speaks of a vote in {epoch:?} that it has not written"))
}

fn must(holds: bool, text: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(text()) }
}
