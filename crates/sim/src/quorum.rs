//! The shell around `raft`: performs effects in order on the metadata log, then speaks.

use raft::message::{
    ChangeAnswer, FetchReply, FetchSnapshotAnswer, FetchSnapshotReply, Fetched, FetchedRecords,
    Found,
};
use raft::{Answer, Effect, Effects, Input, LogEnd, RequestId, RoleChange, RoleKind, SnapshotId};
use types::{ErrorCode, Offset};

use crate::ambush::{Moment, Sight};
use crate::broker::Asked;
use crate::env::{Checked, Env, ShellRule, Snapshot, must};
use crate::message::{Reply, Request};
use crate::metadata_log::{Content, epoch_starts, stored};
use crate::process::{Process, node_id};

/// Of every simulated snapshot, and of one piece of it.
const SNAPSHOT_BYTES: u64 = 100;
const PIECE_BYTES: u64 = 40;
/// What one fetch brings at most, so that followers come by partial answers.
const FETCH_BYTES_MAX: u32 = 4_000;
/// One batch.
const FETCH_BYTES_MIN: u32 = 1;
/// What a leader may stay without hearing of anyone: check-quorum's time.
const DESERTED_MS_MAX: i64 = 3_000;

impl Process {
    pub fn step(&mut self, env: &mut Env, input: Input) -> Checked {
        if self.is_doomed {
            return Ok(());
        }
        env.narrate(|| format!("node {} takes {input:?}", self.place));
        let mut effects = Effects::new();
        self.raft.step(env.timestamp(), input, &mut effects);
        let deadline = self.raft.next_deadline();
        must(deadline.is_none_or(|at| at.0 > env.now), || {
            format!("node {} has a deadline in the past", self.place)
        })?;
        self.perform(env, effects)?;
        self.is_heard(env)
    }

    /// A leader of whom no voter asks anything does not go on for ever.
    fn is_heard(&self, env: &Env) -> Checked {
        let silence = env.now - self.heard_at;
        let leads = self.raft.role() == RoleKind::Leader && self.raft.voters().len() > 1;
        must(!leads || self.is_doomed || silence <= DESERTED_MS_MAX, || {
            format!("node {} leads unheard for {silence} ms", self.place)
        })
    }

    /// Performs what a step brought. A crash may come between any two effects.
    pub fn perform(&mut self, env: &mut Env, effects: Effects) -> Checked {
        let (mut installed, mut committed) = (None, None);
        let mut has_written = false;
        for effect in effects {
            if self.is_doomed
                || env.shadow.dooms(&mut env.chance, &env.shape, env.is_rough, self.place)
            {
                self.is_doomed = true;
                env.network.muted = Some(self.place);
                return Ok(());
            }
            env.narrate(|| format!("node {} {effect:?}", self.place));
            env.shadow.quorum.effect(self, &effect)?;
            if let Some(what) = visited(&effect) {
                env.shadow.visit(what);
            }
            has_written |= self.write(env, &effect)?;
            match effect {
                Effect::InstallSnapshot(snapshot) => installed = Some(snapshot),
                Effect::Send { to, correlation, request } => {
                    let request = Request::Quorum(request);
                    self.ask(
                        env,
                        usize::from(to.endpoint.port),
                        request,
                        Asked::Quorum(correlation),
                    );
                }
                Effect::Respond { to, answer } => self.respond(env, to, answer),
                Effect::HighWatermark(offset) => committed = Some(offset),
                Effect::Role(change) => self.role_changed(change.role == RoleKind::Leader, env),
                Effect::Persist(_)
                | Effect::Append { .. }
                | Effect::AppendFetched { .. }
                | Effect::TruncateTo(_)
                | Effect::WriteSnapshot { .. }
                | Effect::RespondUpgrade { .. }
                | Effect::ShutdownDone => {}
            }
        }
        if let Some(snapshot) = installed {
            let control = env.snapshot(snapshot).control.clone();
            self.step(env, Input::SnapshotInstalled { snapshot, control })?;
        }
        if let Some(offset) = committed.filter(|offset| *offset > self.applied) {
            self.commit(env, offset)?;
        }
        env.shadow.quorum.keeps_changes(&env.controls)?;
        if has_written && !self.is_doomed { self.flush_soon(env) } else { Ok(()) }
    }

    /// Writes to the disk what the effect says; whether the log must be flushed for it.
    fn write(&mut self, env: &mut Env, effect: &Effect) -> Result<bool, String> {
        let now = env.timestamp();
        match effect {
            Effect::Persist(state) => self.stable.quorum_state = Some(state.clone()),
            Effect::Append { base, epoch, records } => {
                must(self.log.end() == *base, || {
                    format!("node {} appends at {base:?}, not its end", self.place)
                })?;
                let first = env.controls.len();
                env.controls.extend(records.iter().cloned());
                self.log.append_control(first, records.len(), *epoch, now);
                return Ok(true);
            }
            Effect::AppendFetched { end, .. } => {
                let bytes = std::mem::take(&mut self.fetched);
                self.log.append_fetched(&bytes, now);
                must(self.log.end() == *end, || {
                    format!("node {} copies up to {end:?}, not its end", self.place)
                })?;
                return Ok(true);
            }
            Effect::TruncateTo(end) => {
                self.log.truncate_to(*end, now);
                return Ok(true);
            }
            Effect::InstallSnapshot(snapshot) => self.install(env, *snapshot)?,
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

    /// Either at once, or while other things happen.
    pub fn flush_soon(&mut self, env: &mut Env) -> Checked {
        let is_slow = env.slow_until.get(&self.place).is_some_and(|until| *until > env.now);
        if is_slow {
            env.shadow.visit("waits for a slow disk");
        }
        if env.shape.syncs_at_once && !is_slow {
            return self.flush(env);
        }
        let at = env.soon(if is_slow { 400 } else { 30 });
        self.flush_at = Some(self.flush_at.unwrap_or(at));
        Ok(())
    }

    pub fn flush(&mut self, env: &mut Env) -> Checked {
        self.flush_at = None;
        self.log.flush(env.timestamp());
        let end = self.log.end();
        self.step(env, Input::Flushed { end })
    }

    fn install(&mut self, env: &mut Env, snapshot: SnapshotId) -> Checked {
        must(snapshot.offset >= self.applied, || {
            format!("node {} goes back to a snapshot at {snapshot:?}", self.place)
        })?;
        self.stable.snapshots = vec![snapshot];
        self.stable.metadata_start = snapshot.offset;
        self.log.restart_at(snapshot.offset, env.timestamp());
        if !env.is_broken(ShellRule::KeepsImage) {
            self.image = env.snapshot(snapshot).image.clone();
            self.replay = metadata::image::Replay::from_image(self.image.clone());
        }
        self.applied = snapshot.offset;
        self.with_broker(env, |broker, process, env| broker.image_changed(process, env))
    }

    /// Takes a snapshot of what is committed and synced; the log before it may go.
    pub fn take_snapshot(&mut self, env: &mut Env, cleans: bool) -> Checked {
        let at = self.applied;
        let is_whole = self.flush_at.is_none() && !self.replay.in_transaction();
        if at <= self.log.start() || !is_whole || at > self.log.end() {
            return Ok(());
        }
        let Some(last) = self.log.batches(at.plus(-1), at).pop() else { return Ok(()) };
        let id = LogEnd { offset: at, epoch: last.epoch };
        if self.stable.snapshots.contains(&id) {
            return Ok(());
        }
        let control = env.shadow.quorum.control_at(at, &env.controls);
        let taken = Snapshot { control, image: rebuilt(&self.image) };
        must(taken.image == self.image, || {
            format!("node {}: a snapshot at {at} says other things than the log", self.place)
        })?;
        let first = env.snapshots.entry((at.0, last.epoch.0)).or_insert_with(|| taken.clone());
        must(*first == taken, || format!("node {} has another snapshot at {at}", self.place))?;
        self.stable.snapshots.push(id);
        self.step(env, Input::SnapshotTaken(id))?;
        if cleans && !self.is_doomed {
            self.stable.snapshots = vec![id];
            self.stable.metadata_start = at;
            self.log.clean(at);
            let start = self.log.start();
            return self.step(env, Input::LogCleaned { start, snapshots: vec![id] });
        }
        Ok(())
    }

    /// Applies what is committed, and answers who waited for it.
    fn commit(&mut self, env: &mut Env, offset: Offset) -> Checked {
        let batches = self.log.batches(self.applied, offset);
        env.shadow.commit(self.place, self.applied, &batches, &env.controls)?;
        let mut is_own = false;
        for batch in &batches {
            is_own |= batch.epoch == self.raft.epoch();
            match batch.content(&env.controls) {
                Content::Control(_) => self.replay.skip_to(batch.end.plus(-1), batch.epoch),
                Content::Records(records) => {
                    for (at, record) in (batch.base.0..).zip(&records) {
                        self.replay.apply(Offset(at), batch.epoch, record);
                    }
                }
            }
        }
        self.applied = offset;
        self.image = self.replay.publish();
        env.shadow.applied(self.place, offset, &self.image)?;
        self.committed(env, is_own)?;
        self.with_broker(env, |broker, process, env| broker.image_changed(process, env))
    }

    fn role_changed(&mut self, leads: bool, env: &mut Env) {
        let epoch = self.raft.epoch();
        if self.active.as_ref().is_some_and(|active| leads && active.epoch == epoch) {
            return;
        }
        if let Some(active) = self.active.take()
            && active.is_claimed
            && env.is_broken(ShellRule::KeepsUncommitted)
        {
            self.replay = active.latest;
        }
        env.shadow.decided.remove(&self.place);
        self.heard_at = env.now;
        if leads {
            self.active = Some(crate::active::Active::new(epoch, self.replay.clone()));
        }
    }

    fn respond(&mut self, env: &mut Env, id: RequestId, answer: Answer) {
        let Some(back) = self.waiting.remove(&id) else { return };
        let mut bytes = Vec::new();
        let is_watched = env.ambush.waits_for == Some(Moment::Half);
        let mut is_half = false;
        let reply = reply_of(answer, |from| {
            let bytes_max = if is_watched { FETCH_BYTES_MIN } else { FETCH_BYTES_MAX };
            bytes = self.log.fetch(from, bytes_max);
            let batches = stored(&bytes);
            let last = batches.last().filter(|_| is_watched);
            is_half = last.is_some_and(|last| last.begins_transaction(&env.controls));
            let controls = batches.iter().flat_map(|batch| batch.controls(&env.controls));
            FetchedRecords {
                base: from,
                end: batches.last().map_or(from, |last| last.end),
                epochs: epoch_starts(&batches),
                controls: controls.collect(),
            }
        });
        if let Some(reply) = reply {
            env.answer(back, Reply::Quorum { reply, bytes });
        }
        let is_voter = self.raft.voters().ids().contains(&node_id(back.to));
        if is_half && is_voter {
            self.is_in_sight(env, Moment::Half, Sight::Half);
        }
    }
}

/// What an effect shows that the quorum did.
fn visited(effect: &Effect) -> Option<&'static str> {
    let is_done = |answer: &ChangeAnswer| answer.error == ErrorCode::None;
    Some(match effect {
        Effect::Role(RoleChange { role: RoleKind::Leader, .. }) => "leads the quorum",
        Effect::Role(RoleChange { role: RoleKind::Resigned, .. }) => "resigns",
        Effect::TruncateTo(_) => "cuts the metadata log",
        Effect::InstallSnapshot(_) => "loads a snapshot",
        Effect::Respond { answer: Answer::AddVoter(answer), .. } if is_done(answer) => {
            "adds a voter"
        }
        Effect::Respond { answer: Answer::RemoveVoter(answer), .. } if is_done(answer) => {
            "removes a voter"
        }
        _ => return None,
    })
}

/// What the asker's shell makes of an answer, with records that are read where it says.
pub fn reply_of(
    answer: Answer,
    read: impl FnOnce(Offset) -> FetchedRecords,
) -> Option<raft::Reply> {
    Some(match answer {
        Answer::Vote(answer) => raft::Reply::Vote(answer),
        Answer::BeginQuorumEpoch(answer) => raft::Reply::BeginQuorumEpoch(answer),
        Answer::EndQuorumEpoch(answer) => raft::Reply::EndQuorumEpoch(answer),
        Answer::UpdateVoter(answer) => raft::Reply::UpdateVoter(answer),
        Answer::AddVoter(answer) => raft::Reply::AddVoter(answer.error),
        Answer::RemoveVoter(answer) => raft::Reply::RemoveVoter(answer.error),
        Answer::ApiVersions(range) => raft::Reply::ApiVersions(Some(range)),
        Answer::DescribeQuorum(_) => return None,
        Answer::FetchSnapshot(answer) => raft::Reply::FetchSnapshot(piece(answer)),
        Answer::Fetch(answer) => raft::Reply::Fetch(FetchReply {
            error: answer.error,
            leader: answer.leader,
            high_watermark: answer.high_watermark,
            fetched: match answer.found {
                Found::Nothing => Fetched::Nothing,
                Found::Diverging(end) => Fetched::Diverging(end),
                Found::Snapshot(id) => Fetched::Snapshot(id),
                Found::Records { from, .. } => Fetched::Records(read(from)),
            },
        }),
    })
}

/// The image as its snapshot's records build it.
fn rebuilt(image: &metadata::image::Image) -> metadata::image::Image {
    let release = image.features().metadata_version();
    let start = metadata::image::Image::default();
    let mut replay = metadata::image::Replay::from_image(start);
    for record in image.to_records() {
        let version = metadata::decide::record_version(&record, release);
        let bytes = record.encode(version).expect("the record fits its version");
        let (record, _) =
            wire::record_frame::MetadataRecord::decode(&bytes).expect("our own bytes");
        replay.apply(image.provenance.offset, image.provenance.epoch, &record);
    }
    replay.skip_to(image.provenance.offset, image.provenance.epoch);
    replay.publish()
}

fn piece(answer: FetchSnapshotAnswer) -> FetchSnapshotReply {
    let FetchSnapshotAnswer { mut error, leader, snapshot, position, .. } = answer;
    if position >= SNAPSHOT_BYTES && error == ErrorCode::None {
        error = ErrorCode::PositionOutOfRange;
    }
    let bytes = PIECE_BYTES.min(SNAPSHOT_BYTES.saturating_sub(position));
    FetchSnapshotReply { error, leader, snapshot, position, bytes, size: SNAPSHOT_BYTES }
}
