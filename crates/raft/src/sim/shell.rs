//! What a broker's shell does, in small: performs effects in order on the disk, then speaks.

use types::{ErrorCode, Offset};

use super::disk::{Body, Entry};
use super::network::{Content, Envelope, NodeIndex};
use super::world::{Violation, World, id};
use crate::message::{
    FetchReply, FetchSnapshotAnswer, FetchSnapshotReply, Fetched, FetchedRecords, Found,
};
use crate::{Answer, Effect, Effects, Input, Reply, RequestId};

/// Of every simulated snapshot, and of one piece of it.
const SNAPSHOT_BYTES: u64 = 100;
const PIECE_BYTES: u64 = 40;
/// Records that one fetch brings at most.
const RECORDS_A_FETCH: i64 = 8;

impl World {
    /// Performs what a step brought. A crash may come between any two effects.
    pub fn perform(&mut self, index: NodeIndex, effects: Effects) -> Result<(), Violation> {
        let mut installed = None;
        let mut has_written = false;
        for effect in effects {
            if self.story.crashes_now(&mut self.chance) {
                self.crash_for_a_while(index);
                return Ok(());
            }
            self.narrate(|| format!("node {index} {effect:?}"));
            let checked = self.checks.effect(index, &self.nodes[index], &effect);
            checked.map_err(|text| self.at(text))?;
            has_written |= self.write(index, &effect)?;
            match effect {
                Effect::InstallSnapshot(snapshot) => installed = Some(snapshot),
                Effect::Send { to, correlation, request } => {
                    let target = NodeIndex::from(to.endpoint.port);
                    let life = self.nodes[index].life;
                    let content = Content::Request(request);
                    let envelope = Envelope { from: index, to: target, life, correlation, content };
                    self.network.send(self.now, envelope, &mut self.chance);
                }
                Effect::Respond { to, answer } => self.respond(index, to, answer),
                Effect::Persist(_)
                | Effect::Append { .. }
                | Effect::AppendFetched { .. }
                | Effect::TruncateTo(_)
                | Effect::WriteSnapshot { .. }
                | Effect::RespondUpgrade { .. }
                | Effect::HighWatermark(_)
                | Effect::Role(_)
                | Effect::ShutdownDone => {}
            }
        }
        if let Some(snapshot) = installed {
            let control = self.checks.control_at(snapshot.offset.0);
            self.step(index, Input::SnapshotInstalled { snapshot, control })?;
        }
        if has_written {
            self.flush_soon(index)?;
        }
        Ok(())
    }

    /// Either at once, or while other things happen.
    pub fn flush_soon(&mut self, index: NodeIndex) -> Result<(), Violation> {
        if self.story.syncs_at_once {
            return self.flush(index);
        }
        let at = self.now + i64::from(self.chance.below(30));
        let node = &mut self.nodes[index];
        node.flush_at = Some(node.flush_at.unwrap_or(at));
        Ok(())
    }

    pub fn flush(&mut self, index: NodeIndex) -> Result<(), Violation> {
        let node = &mut self.nodes[index];
        node.flush_at = None;
        if node.raft.is_none() {
            return Ok(());
        }
        node.disk.sync();
        let end = Offset(node.disk.end());
        self.step(index, Input::Flushed { end })
    }

    pub fn deliver(&mut self, envelope: Envelope) -> Result<(), Violation> {
        let until = self.nodes[envelope.to].paused_until;
        if until > self.now {
            self.network.hold(until, envelope);
            return Ok(());
        }
        let Envelope { from, to, life, correlation, content } = envelope;
        match content {
            Content::Request(request) => {
                if self.nodes[to].raft.is_none() {
                    let content = Content::Reply(None, Vec::new());
                    let refused = Envelope { from: to, to: from, life, correlation, content };
                    self.network.send(self.now, refused, &mut self.chance);
                    return Ok(());
                }
                let request_id = self.new_request();
                self.nodes[to].waiting.insert(request_id, (from, correlation, life));
                self.nodes[to].heard = self.now;
                self.checks.asked(request_id, &request);
                self.step(to, Input::Request { id: request_id, request })
            }
            Content::Reply(..) if self.nodes[to].life != life => Ok(()),
            Content::Reply(None, _) => {
                self.step(to, Input::Failed { correlation })?;
                // refused by who is still down: its process is gone
                if self.story.tells_gone && self.nodes[from].raft.is_none() {
                    return self.step(to, Input::LeaderGone(id(from)));
                }
                Ok(())
            }
            Content::Reply(Some(reply), bytes) => {
                self.nodes[to].bytes = bytes;
                self.step(to, Input::Reply { correlation, reply })
            }
        }
    }

    pub fn new_request(&mut self) -> RequestId {
        self.next_id += 1;
        RequestId(self.next_id)
    }

    /// Writes to the disk what the effect says; whether the log must be flushed for it.
    fn write(&mut self, index: NodeIndex, effect: &Effect) -> Result<bool, Violation> {
        let node = &mut self.nodes[index];
        match effect {
            Effect::Persist(state) => node.disk.quorum_state = Some(state.clone()),
            Effect::Append { base, epoch, records } => {
                if node.disk.end() != base.0 {
                    return Err(self.at(format!("node {index} appends at {base:?}, not its end")));
                }
                for record in records {
                    let body = Body::Control(record.clone());
                    node.disk.append(Entry { epoch: *epoch, body });
                }
                return Ok(true);
            }
            Effect::AppendFetched { base, end, .. } => {
                let entries = std::mem::take(&mut node.bytes);
                entries.into_iter().for_each(|entry| node.disk.append(entry));
                if node.disk.end() != end.0 {
                    return Err(self.at(format!("node {index} copies at {base:?}, not its end")));
                }
                return Ok(true);
            }
            Effect::TruncateTo(end) => {
                node.disk.truncate_to(*end);
                return Ok(true);
            }
            Effect::InstallSnapshot(snapshot) => {
                let control = self.checks.control_at(snapshot.offset.0);
                node.disk.install(*snapshot, control);
            }
            Effect::WriteSnapshot { .. }
            | Effect::Send { .. }
            | Effect::Respond { .. }
            | Effect::RespondUpgrade { .. }
            | Effect::HighWatermark(_)
            | Effect::Role(_)
            | Effect::ShutdownDone => {}
        }
        Ok(false)
    }

    fn respond(&mut self, index: NodeIndex, id: RequestId, answer: Answer) {
        let Some((to, correlation, life)) = self.nodes[index].waiting.remove(&id) else { return };
        let (reply, bytes) = self.reply_of(index, answer);
        let content = Content::Reply(reply, bytes);
        let envelope = Envelope { from: index, to, life, correlation, content };
        self.network.send(self.now, envelope, &mut self.chance);
    }

    /// What the other side's shell makes of an answer.
    fn reply_of(&self, index: NodeIndex, answer: Answer) -> (Option<Reply>, Vec<Entry>) {
        let mut bytes = Vec::new();
        let reply = match answer {
            Answer::Vote(answer) => Reply::Vote(answer),
            Answer::BeginQuorumEpoch(answer) => Reply::BeginQuorumEpoch(answer),
            Answer::EndQuorumEpoch(answer) => Reply::EndQuorumEpoch(answer),
            Answer::UpdateVoter(answer) => Reply::UpdateVoter(answer),
            Answer::AddVoter(answer) => Reply::AddVoter(answer.error),
            Answer::RemoveVoter(answer) => Reply::RemoveVoter(answer.error),
            Answer::ApiVersions(range) => Reply::ApiVersions(Some(range)),
            Answer::DescribeQuorum(_) => return (None, bytes),
            Answer::FetchSnapshot(answer) => Reply::FetchSnapshot(piece(answer)),
            Answer::Fetch(answer) => Reply::Fetch(FetchReply {
                error: answer.error,
                leader: answer.leader,
                high_watermark: answer.high_watermark,
                fetched: match answer.found {
                    Found::Nothing => Fetched::Nothing,
                    Found::Diverging(end) => Fetched::Diverging(end),
                    Found::Snapshot(id) => Fetched::Snapshot(id),
                    Found::Records { from, .. } => {
                        Fetched::Records(self.read(index, from, &mut bytes))
                    }
                },
            }),
        };
        (Some(reply), bytes)
    }

    /// The records of a fetch, read when it is answered.
    fn read(&self, index: NodeIndex, from: Offset, bytes: &mut Vec<Entry>) -> FetchedRecords {
        let disk = &self.nodes[index].disk;
        let end = disk.end().min(from.0 + RECORDS_A_FETCH).max(from.0);
        let mut epochs = disk.epochs_from(from.0);
        epochs.retain(|entry| entry.start.0 < end);
        bytes.extend((from.0..end).filter_map(|offset| disk.get(offset).cloned()));
        FetchedRecords {
            base: from,
            end: Offset(end),
            epochs,
            controls: disk.controls(from.0, end),
        }
    }
}

fn piece(answer: FetchSnapshotAnswer) -> FetchSnapshotReply {
    let FetchSnapshotAnswer { mut error, leader, snapshot, position, .. } = answer;
    if position >= SNAPSHOT_BYTES && error == ErrorCode::None {
        error = ErrorCode::PositionOutOfRange;
    }
    let bytes = PIECE_BYTES.min(SNAPSHOT_BYTES.saturating_sub(position));
    FetchSnapshotReply { error, leader, snapshot, position, bytes, size: SNAPSHOT_BYTES }
}
