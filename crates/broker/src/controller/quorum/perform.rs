//! What each effect of the machine means on disk, in the order in which it asks for it.

use log::Disk;
use raft::message::{FetchAnswer, FetchSnapshotAnswer, Found};
use raft::{Answer, ControlRecord, Effect, Input};
use types::{ErrorCode, LeaderEpoch, Offset, TimestampMs};

use super::super::checkpoint::{Checkpoint, SnapshotId};
use super::super::error::ControllerError;
use super::super::metadata_log::MetadataLog;
use super::{Outgoing, Served, Shell, Told, records};

/// No answer is larger, whatever the request allows.
const ANSWER_BYTES_MAX: u32 = raft::FETCH_BYTES_MAX;

impl Shell {
    /// Performs all effects that wait; `bytes` came with the reply that brought them about.
    pub(super) fn perform<D: Disk>(
        &mut self,
        log: &mut MetadataLog<D>,
        bytes: &[u8],
        now: TimestampMs,
    ) -> Result<(), ControllerError> {
        while !self.effects.is_empty() {
            let effects = std::mem::take(&mut self.effects);
            for effect in effects {
                self.perform_one(log, effect, bytes, now)?;
            }
        }
        Ok(())
    }

    fn perform_one<D: Disk>(
        &mut self,
        log: &mut MetadataLog<D>,
        effect: Effect,
        bytes: &[u8],
        now: TimestampMs,
    ) -> Result<(), ControllerError> {
        match effect {
            Effect::Persist(state) => log.store_quorum_state(&state)?,
            Effect::Append { base, epoch, records } => {
                self.append(log, (base, epoch, records), now)?;
            }
            Effect::AppendFetched { end, .. } => {
                log.append_replicated(bytes, now)?;
                assert_eq!(log.end_offset(), end, "the log holds what the machine was told");
            }
            Effect::TruncateTo(end) => log.truncate_to(end, now)?,
            Effect::WriteSnapshot { position, .. } => {
                if position == 0 {
                    self.download.clear();
                }
                self.download.extend_from_slice(bytes);
            }
            Effect::InstallSnapshot(snapshot) => self.install(log, snapshot, now)?,
            Effect::Send { to, correlation, request } => {
                self.outbox.push(Outgoing { to, correlation, request });
            }
            Effect::Respond { to, answer } => {
                let served = serve(log, answer)?;
                self.answers.push((to, served));
            }
            Effect::RespondUpgrade { to, result } => self.told.push(Told::Upgraded(to, result)),
            Effect::HighWatermark(offset) => self.told.push(Told::HighWatermark(offset)),
            Effect::Role(change) => self.told.push(Told::Role(change)),
            Effect::ShutdownDone => self.told.push(Told::ShutdownDone),
        }
        Ok(())
    }

    fn append<D: Disk>(
        &mut self,
        log: &mut MetadataLog<D>,
        (base, epoch, records): (Offset, LeaderEpoch, Vec<ControlRecord>),
        now: TimestampMs,
    ) -> Result<(), ControllerError> {
        let bodies: Result<Vec<_>, _> = records.iter().map(records::body).collect();
        let bodies = bodies.map_err(|source| ControllerError::Checkpoint {
            path: log.folder().to_owned(),
            source,
        })?;
        log.begin_epoch(epoch);
        let at = log.append_control(&bodies, now)?;
        assert_eq!(at, base, "the log ends where the machine thinks");
        self.told.push(Told::Wrote { base, records });
        Ok(())
    }

    fn install<D: Disk>(
        &mut self,
        log: &mut MetadataLog<D>,
        snapshot: raft::SnapshotId,
        now: TimestampMs,
    ) -> Result<(), ControllerError> {
        let bytes = std::mem::take(&mut self.download);
        let id = SnapshotId { end: snapshot.offset, epoch: snapshot.epoch };
        let damaged = |source| ControllerError::Checkpoint { path: id.file_name().into(), source };
        let checkpoint = Checkpoint::decode(&bytes).map_err(damaged)?;
        log.install(id, &bytes, now)?;
        tracing::info!(snapshot = id.file_name(), "the metadata's state is taken from a snapshot");
        let control = records::snapshot_control(&checkpoint.quorum);
        self.told.push(Told::Installed(id, checkpoint));
        let installed = Input::SnapshotInstalled { snapshot, control };
        self.raft.step(now, installed, &mut self.effects);
        Ok(())
    }
}

/// Completes an answer by the bytes that it names.
fn serve<D: Disk>(log: &mut MetadataLog<D>, answer: Answer) -> Result<Served, ControllerError> {
    let mut served = Served { answer, bytes: Vec::new(), snapshot_size: 0 };
    match &mut served.answer {
        Answer::Fetch(FetchAnswer { found: Found::Records { from, bytes_max }, .. }) => {
            let bytes_max = u32::try_from(*bytes_max).unwrap_or_default();
            served.bytes = log.read(*from, bytes_max.min(ANSWER_BYTES_MAX))?;
        }
        Answer::FetchSnapshot(answer) if answer.error == ErrorCode::None => {
            let FetchSnapshotAnswer { error, snapshot, position, bytes_max, .. } = answer;
            let id = SnapshotId { end: snapshot.offset, epoch: snapshot.epoch };
            let bytes_max = usize::try_from((*bytes_max).min(ANSWER_BYTES_MAX)).unwrap_or_default();
            match log.snapshot_part(id, *position, bytes_max)? {
                None => *error = ErrorCode::SnapshotNotFound,
                Some((size, _)) if *position >= size => *error = ErrorCode::PositionOutOfRange,
                Some((size, bytes)) => (served.snapshot_size, served.bytes) = (size, bytes),
            }
        }
        Answer::Vote(_)
        | Answer::BeginQuorumEpoch(_)
        | Answer::EndQuorumEpoch(_)
        | Answer::Fetch(_)
        | Answer::FetchSnapshot(_)
        | Answer::DescribeQuorum(_)
        | Answer::AddVoter(_)
        | Answer::RemoveVoter(_)
        | Answer::UpdateVoter(_)
        | Answer::ApiVersions(_) => {}
    }
    Ok(served)
}
