//! The controller's state on one thread: what is decided goes to the log, then into the image.

use log::Disk;
use metadata::decide::{self, Command, Decision, record_version};
use metadata::image::{Image, Replay};
use types::{LeaderEpoch, NodeId, Offset, TimestampMs};
use wire::leader_change_message::{LeaderChangeMessage, Voter};
use wire::record_frame::MetadataRecord;

use record::ControlType;

use super::bootstrap;
use super::checkpoint::{self, Checkpoint, Quorum, SnapshotId};
use super::error::ControllerError;
use super::metadata_log::{MetadataLog, Replayed};
use super::quorum_state::QuorumState;

/// The log, the image behind its last record, and the quorum.
#[derive(Debug)]
pub(super) struct State<D: Disk> {
    pub log: MetadataLog<D>,
    pub replay: Replay,
    pub quorum: Quorum,
    settings: decide::Settings,
    seed: u64,
}

impl<D: Disk> State<D> {
    /// Rebuilds the state from the newest snapshot and the log behind it.
    pub(super) fn load(
        mut log: MetadataLog<D>,
        settings: decide::Settings,
        seed: u64,
        now: TimestampMs,
    ) -> Result<Self, ControllerError> {
        let (mut replay, mut quorum, from) = newest_snapshot(&mut log, now)?;
        let end = log.end_offset();
        log.replay(from, end, |offset, epoch, record| {
            apply(&mut replay, &mut quorum, offset, epoch, &record)
        })?;
        Ok(Self { log, replay, quorum, settings, seed })
    }

    /// Whether nobody has formatted the directory, and nothing was ever written.
    pub(super) fn is_unformatted(&self) -> Result<bool, ControllerError> {
        Ok(self.log.end_offset() == Offset(0) && self.log.snapshots()?.is_empty())
    }

    /// Takes the lead alone: a higher epoch, its announcement, and the first records of a fresh
    /// cluster. Nothing is durable before [`State::flush`].
    pub(super) fn take_lead(
        &mut self,
        node: NodeId,
        static_voters: &[NodeId],
        now: TimestampMs,
    ) -> Result<(), ControllerError> {
        let voters = self.voters(node, static_voters);
        if voters != [node] {
            return Err(ControllerError::OtherVoters { node, voters });
        }
        let seen = self.log.quorum_state()?.map_or(LeaderEpoch(0), |state| state.epoch);
        let epoch = LeaderEpoch(seen.max(self.log.epoch()).0 + 1);
        let is_fresh = self.log.end_offset() == Offset(0);
        self.log.lead(QuorumState { leader: node, epoch }, &self.quorum, &voters)?;
        self.announce(node, is_fresh, now)?;
        let release = self.replay.latest().features().metadata_version();
        if self.replay.in_transaction() {
            self.write(&[bootstrap::abort()], release, now)?;
        }
        if !self.replay.latest().features().has_metadata_version() {
            let records = bootstrap::records(&mut self.log, &self.settings)?;
            let release = bootstrap::release(&records);
            self.write(&records, release, now)?;
        }
        Ok(())
    }

    fn voters(&self, node: NodeId, static_voters: &[NodeId]) -> Vec<NodeId> {
        match &self.quorum.voters {
            Some(record) => record.voters.iter().map(|voter| NodeId(voter.voter_id)).collect(),
            // formatted to join voters that this node does not know
            None if self.quorum.kraft_version > 0 => Vec::new(),
            None if static_voters.is_empty() => vec![node],
            None => static_voters.to_vec(),
        }
    }

    /// The control batch that begins an epoch; in a fresh log with what is known of the quorum.
    fn announce(
        &mut self,
        node: NodeId,
        is_fresh: bool,
        now: TimestampMs,
    ) -> Result<(), ControllerError> {
        let voter = || Voter { voter_id: node.0, ..Voter::default() };
        let leader = LeaderChangeMessage {
            version: 0,
            leader_id: node.0,
            voters: vec![voter()],
            granting_voters: vec![voter()],
        };
        let failed =
            |source| ControllerError::Checkpoint { path: self.log.folder().to_owned(), source };
        let body = checkpoint::message(&leader).map_err(failed)?;
        let mut records = vec![(ControlType::LeaderChange, body)];
        if is_fresh {
            records.extend(self.quorum.control_records().map_err(failed)?);
        }
        let base = self.log.append_control(&records, now)?;
        let last = base.plus(i64::try_from(records.len()).unwrap_or(1) - 1);
        self.replay.skip_to(last, self.log.epoch());
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
            self.write(&records, release, now)?;
        }
        Ok(reply)
    }

    fn write(
        &mut self,
        records: &[MetadataRecord<'static>],
        release: metadata::MetadataVersion,
        now: TimestampMs,
    ) -> Result<(), ControllerError> {
        let base = self.log.append(records, |record| record_version(record, release), now)?;
        for (offset, record) in (base.0..).zip(records) {
            self.replay.apply(Offset(offset), self.log.epoch(), record);
        }
        Ok(())
    }

    /// Writes a snapshot if it is time for one.
    pub(super) fn snapshot_if_due(&mut self, now: TimestampMs) -> Result<(), ControllerError> {
        snapshot_if_due(&mut self.log, &self.replay, &self.quorum, now)
    }
}

/// The state of the newest snapshot and where the log goes on from it; nothing where there is none.
pub(super) fn newest_snapshot<D: Disk>(
    log: &mut MetadataLog<D>,
    now: TimestampMs,
) -> Result<(Replay, Quorum, Offset), ControllerError> {
    let mut replay = Replay::from_image(Image::default());
    let Some(id) = log.snapshots()?.pop() else {
        return Ok((replay, Quorum::default(), Offset(0)));
    };
    let Checkpoint { quorum, records, .. } = log.load(id)?;
    if id == SnapshotId::BOOTSTRAP {
        return Ok((replay, quorum, Offset(0)));
    }
    for (record, _) in &records {
        replay.apply(id.end.plus(-1), id.epoch, record);
    }
    log.start_behind(id, now)?;
    Ok((replay, quorum, id.end))
}

/// Writes a snapshot of the whole log, which `replay` has applied, if it is time for one.
pub(super) fn snapshot_if_due<D: Disk>(
    log: &mut MetadataLog<D>,
    replay: &Replay,
    quorum: &Quorum,
    now: TimestampMs,
) -> Result<(), ControllerError> {
    if !log.is_snapshot_due(now) || replay.in_transaction() {
        return Ok(());
    }
    let image = replay.latest();
    let release = image.features().metadata_version();
    let records = image.to_records().into_iter().map(|record| {
        let version = record_version(&record, release);
        (record, version)
    });
    let id = log.snapshot(records.collect(), quorum, now)?;
    tracing::info!(snapshot = id.file_name(), "the cluster's metadata is written as a snapshot");
    Ok(())
}

/// Takes one record of the log in.
pub(super) fn apply(
    replay: &mut Replay,
    quorum: &mut Quorum,
    offset: Offset,
    epoch: LeaderEpoch,
    record: &Replayed<'_>,
) -> Result<(), ControllerError> {
    take(replay, quorum, offset, epoch, record).map_err(|source| {
        let path = std::path::PathBuf::from(format!("offset {offset}"));
        ControllerError::Checkpoint { path, source }
    })
}

fn take(
    replay: &mut Replay,
    quorum: &mut Quorum,
    offset: Offset,
    epoch: LeaderEpoch,
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
