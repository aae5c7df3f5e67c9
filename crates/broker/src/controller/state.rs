//! The controller's state on one thread: the log with its quorum, what is committed of it, and, while
//! this node decides, the state behind the log's last record.
//!
//! ```text
//!   committed            what decisions build on
//!       |─── marks ──────────|
//!  ─────┴────────────────────┴──▶ log
//!   high watermark          end
//! ```

use std::collections::VecDeque;

use log::Disk;
use metadata::decide::{self, Batching, Command, Decision, Unity};
use metadata::image::Replay;
use raft::{CorrelationId, Input, Reply, RoleChange};
use types::{LeaderEpoch, Offset, TimestampMs};
use wire::record_frame::MetadataRecord;

use super::bootstrap;
use super::checkpoint::{self, Quorum, SnapshotId};
use super::error::ControllerError;
use super::metadata_log::{MetadataLog, Replayed};
use super::quorum::{self, Found, Shell, Told};
use super::snapshots::Draft;

/// The state behind a record of the log.
#[derive(Clone, Debug)]
pub(super) struct Stand {
    pub replay: Replay,
    pub quorum: Quorum,
    /// All records before it are applied.
    pub end: Offset,
}

/// The log, its quorum, and the states that they stand for.
#[derive(Debug)]
pub(super) struct State<D: Disk> {
    pub log: MetadataLog<D>,
    pub shell: Shell,
    /// What decisions build on.
    pub replay: Replay,
    /// The quorum's own records, as far as `replay` goes.
    quorum: Quorum,
    committed: Stand,
    /// States on the way to being committed, in order.
    marks: VecDeque<Stand>,
    /// The epoch in which this node decides.
    deciding: Option<LeaderEpoch>,
    settings: decide::Settings,
    seed: u64,
}

/// What has changed since it was last asked.
#[derive(Debug, Default)]
pub(super) struct News {
    /// The last of the roles that this node went through.
    pub role: Option<RoleChange>,
    /// This node does not decide any more; nothing that was not committed counts.
    pub has_lost_lead: bool,
    /// This node decides from here on.
    pub has_taken_lead: bool,
    pub upgraded: Vec<(raft::RequestId, Result<(), String>)>,
    pub is_shut_down: bool,
}

impl<D: Disk> State<D> {
    /// Starts the quorum's machine on what was found in the log's folder.
    pub(super) fn open(
        mut log: MetadataLog<D>,
        found: Found,
        config: raft::Config,
        (settings, seed): (decide::Settings, u64),
        now: TimestampMs,
    ) -> Result<Self, ControllerError> {
        let Found { replay, quorum, applied, stored } = found;
        let shell = Shell::open(config, stored, &mut log, now)?;
        let committed = Stand { replay: replay.clone(), quorum: quorum.clone(), end: applied };
        Ok(Self {
            log,
            shell,
            replay,
            quorum,
            committed,
            marks: VecDeque::new(),
            deciding: None,
            settings,
            seed,
        })
    }

    /// Whether commands are decided here.
    pub(super) fn decides(&self) -> bool {
        self.deciding.is_some_and(|epoch| self.shell.leads() && self.shell.raft().epoch() == epoch)
    }

    pub(super) fn committed(&self) -> &Stand {
        &self.committed
    }

    /// Takes an input of the quorum.
    pub(super) fn step(&mut self, input: Input, now: TimestampMs) -> Result<(), ControllerError> {
        self.shell.step(&mut self.log, input, now)
    }

    /// Takes a reply to a request of the quorum, with the bytes that came with it.
    pub(super) fn reply(
        &mut self,
        reply: (CorrelationId, Reply, &[u8]),
        now: TimestampMs,
    ) -> Result<(), ControllerError> {
        self.shell.reply(&mut self.log, reply, now)
    }

    /// Whether nothing was told, and nothing decided that the quorum does not know.
    pub(super) fn is_quiet(&self) -> bool {
        self.shell.told.is_empty() && self.shell.raft().log().end == self.log.end_offset()
    }

    /// Whether everything is applied that the leader has called committed.
    pub(super) fn is_caught_up(&self) -> bool {
        let known = self.shell.raft().leader_high_watermark();
        self.decides() || known.is_some_and(|offset| self.committed.end >= offset)
    }

    /// Tells the quorum what was decided, so that others get it while it is synced here.
    pub(super) fn offer(&mut self, now: TimestampMs) -> Result<(), ControllerError> {
        let end = self.log.end_offset();
        let is_news = self.decides() && end > self.shell.raft().log().end;
        let Some(epoch) = self.deciding.filter(|_| is_news) else {
            return Ok(());
        };
        self.mark();
        self.step(Input::Appended { epoch, end }, now)
    }

    /// Syncs what was written, if anything.
    pub(super) fn flush(&mut self, now: TimestampMs) -> Result<(), ControllerError> {
        if self.shell.must_flush() {
            self.shell.flush(&mut self.log, now)?;
        }
        Ok(())
    }

    /// Takes in what the quorum has told.
    pub(super) fn take_in(&mut self) -> Result<News, ControllerError> {
        let mut news = News::default();
        for told in std::mem::take(&mut self.shell.told) {
            match told {
                Told::Role(change) => {
                    self.forget_unless_leading(&mut news);
                    news.role = Some(change);
                }
                Told::Wrote { base, records } => self.wrote(base, &records),
                Told::HighWatermark(offset) => self.commit(offset)?,
                Told::Installed(id, checkpoint) => {
                    let replay = quorum::replay_of(id, &checkpoint);
                    let quorum = checkpoint.quorum;
                    self.committed = Stand { replay, quorum, end: id.end };
                }
                Told::Upgraded(id, result) => news.upgraded.push((id, result)),
                Told::ShutdownDone => news.is_shut_down = true,
            }
        }
        self.forget_unless_leading(&mut news);
        if self.deciding.is_none() && self.has_committed_its_epoch() {
            self.begin_to_decide()?;
            news.has_taken_lead = true;
        }
        Ok(news)
    }

    /// Decisions that are not committed are for the next leader to keep or to drop.
    fn forget_unless_leading(&mut self, news: &mut News) {
        if self.deciding.is_some() && !self.decides() {
            self.deciding = None;
            self.marks.clear();
            news.has_lost_lead = true;
        }
    }

    /// A leader knows what is committed once a record of its own epoch is.
    fn has_committed_its_epoch(&self) -> bool {
        let raft = self.shell.raft();
        let own = raft.log().epochs.last().filter(|last| last.epoch == raft.epoch());
        self.shell.leads() && own.is_some_and(|own| self.committed.end > own.start)
    }

    fn begin_to_decide(&mut self) -> Result<(), ControllerError> {
        let mut stand = self.committed.clone();
        let end = self.log.end_offset();
        catch_up(&mut stand, &mut self.log, end)?;
        let epoch = self.shell.raft().epoch();
        self.log.begin_epoch(epoch);
        self.replay = stand.replay.clone();
        self.quorum = stand.quorum.clone();
        self.deciding = Some(epoch);
        self.marks.clear();
        if stand.end > self.committed.end {
            self.marks.push_back(stand);
        }
        Ok(())
    }

    fn wrote(&mut self, base: Offset, records: &[raft::ControlRecord]) {
        if self.deciding.is_none() {
            return;
        }
        let last = base.plus(i64::try_from(records.len()).unwrap_or(1) - 1);
        self.replay.skip_to(last, self.log.epoch());
        quorum::note(&mut self.quorum, records);
        self.marks.push_back(Stand {
            replay: self.replay.clone(),
            quorum: self.quorum.clone(),
            end: last.plus(1),
        });
    }

    fn mark(&mut self) {
        let (replay, quorum) = (self.replay.clone(), self.quorum.clone());
        self.marks.push_back(Stand { replay, quorum, end: self.log.end_offset() });
    }

    fn commit(&mut self, offset: Offset) -> Result<(), ControllerError> {
        if self.deciding.is_none() {
            let until = offset.min(self.log.end_offset());
            return catch_up(&mut self.committed, &mut self.log, until);
        }
        while self.marks.front().is_some_and(|mark| mark.end <= offset) {
            self.committed = self.marks.pop_front().expect("looked at above");
        }
        Ok(())
    }

    /// Decides a command and appends what it decided.
    pub(super) fn decide<C: Command>(
        &mut self,
        command: &C,
        now: TimestampMs,
    ) -> Result<C::Reply, ControllerError> {
        self.seed = self.seed.wrapping_add(1);
        let controller = decide::Controller {
            image: self.replay.latest(),
            settings: &self.settings,
            next_offset: self.log.end_offset(),
            seed: self.seed,
        };
        let Decision { records, reply } = command.decide(&controller);
        if !records.is_empty() {
            let release = self.replay.latest().features().metadata_version();
            self.write(records, C::UNITY, release, now)?;
        }
        Ok(reply)
    }

    /// What a leader writes before anything else: the end of a transaction that its predecessor
    /// left open, and the first records of a cluster that has none.
    pub(super) fn settle_in(&mut self, now: TimestampMs) -> Result<(), ControllerError> {
        let release = self.replay.latest().features().metadata_version();
        if self.replay.in_transaction() {
            tracing::warn!(
                "a transaction that the controller before this one left open is aborted"
            );
            self.write(vec![bootstrap::abort()], Unity::Parts, release, now)?;
        }
        if !self.replay.latest().features().has_metadata_version() {
            let records = bootstrap::records(&mut self.log, &self.settings)?;
            let release = bootstrap::release(&records);
            // they bring their own transaction
            self.write(records, Unity::Parts, release, now)?;
        }
        Ok(())
    }

    fn write(
        &mut self,
        records: Vec<MetadataRecord<'static>>,
        unity: Unity,
        release: metadata::MetadataVersion,
        now: TimestampMs,
    ) -> Result<(), ControllerError> {
        let batching = Batching { bytes_max: self.log.settings.batch_bytes_max, release };
        let end = self.log.end_offset();
        let batches = batching
            .split(records, unity)
            .map_err(|error| self.log.bad_record(end, error.to_string()))?;
        let base = self.log.append(&batches, now)?;
        for (offset, written) in (base.0..).zip(batches.iter().flatten()) {
            self.replay.apply(Offset(offset), self.log.epoch(), &written.record);
        }
        Ok(())
    }

    /// Whether the state that decisions build on is that behind the log's last record. It is not
    /// where a decision was written in part and the rest could not be, nor be taken back.
    pub(super) fn is_in_step(&self) -> bool {
        !self.decides() || self.replay.latest().provenance.offset.plus(1) == self.log.end_offset()
    }

    /// A snapshot of what is committed, to be written, if it is time for one.
    pub(super) fn due_snapshot(&mut self, now: TimestampMs) -> Option<Draft<D>> {
        let Stand { replay, quorum, end } = &self.committed;
        let is_nothing = *end == Offset::ZERO;
        if is_nothing || !self.log.is_snapshot_due(now) || replay.in_transaction() {
            return None;
        }
        let image = replay.latest().clone();
        let id = SnapshotId { end: *end, epoch: image.provenance.epoch };
        let is_known = self.shell.raft().log().snapshots.contains(&named(id));
        (!is_known).then(|| self.log.draft(id, (image, quorum.clone()), now))
    }

    /// A snapshot is on disk: what it stands for may go.
    pub(super) fn snapshot_written(
        &mut self,
        id: SnapshotId,
        now: TimestampMs,
    ) -> Result<(), ControllerError> {
        if !self.log.snapshot_written(id, now)? {
            return Ok(());
        }
        self.step(Input::SnapshotTaken(named(id)), now)?;
        let kept = self.log.snapshots()?.into_iter().map(named).collect();
        let cleaned = Input::LogCleaned { start: self.log.start_offset(), snapshots: kept };
        self.step(cleaned, now)
    }
}

/// A snapshot as the quorum names it.
fn named(id: SnapshotId) -> raft::SnapshotId {
    raft::SnapshotId { offset: id.end, epoch: id.epoch }
}

/// Applies what the log holds up to `until`.
fn catch_up<D: Disk>(
    stand: &mut Stand,
    log: &mut MetadataLog<D>,
    until: Offset,
) -> Result<(), ControllerError> {
    if until <= stand.end {
        return Ok(());
    }
    let Stand { replay, quorum, end } = stand;
    log.replay(*end, until, |offset, epoch, record| {
        apply(replay, quorum, (offset, epoch), &record).map_err(|source| {
            let path = std::path::PathBuf::from(format!("offset {offset}"));
            ControllerError::Checkpoint { path, source }
        })
    })?;
    *end = until;
    Ok(())
}

/// Takes one record of the log in.
fn apply(
    replay: &mut Replay,
    quorum: &mut Quorum,
    (offset, epoch): (Offset, LeaderEpoch),
    record: &Replayed<'_>,
) -> Result<(), checkpoint::CheckpointError> {
    match record {
        Replayed::Metadata(record) => replay.apply(offset, epoch, record),
        Replayed::Control(control) => {
            quorum.take(control)?;
            replay.skip_to(offset, epoch);
        }
        Replayed::Unknown => replay.skip_to(offset, epoch),
    }
    Ok(())
}
