//! A copy of the metadata log and the image of what is committed in it.

use std::path::Path;

use log::Disk;
use metadata::image::{Image, Replay};
use types::{LeaderEpoch, NodeId, Offset, TimestampMs};

use super::super::checkpoint::{Checkpoint, Quorum, SnapshotId};
use super::super::error::ControllerError;
use super::super::metadata_log::{MetadataLog, MetadataLogSettings};
use super::super::quorum_state::QuorumState;
use super::super::state::{apply, newest_snapshot, snapshot_if_due};

/// The log as its leader wrote it, applied as far as it is committed.
#[derive(Debug)]
pub(super) struct Follower<D: Disk> {
    log: MetadataLog<D>,
    replay: Replay,
    quorum: Quorum,
    /// All records before it are in the image.
    applied: Offset,
    /// The leader that was heard of last.
    leader: QuorumState,
    voters: Vec<NodeId>,
}

impl<D: Disk> Follower<D> {
    /// Opens the copy in `directory`, which may be empty. Its newest snapshot is committed; what
    /// follows it may not be, until the leader says so.
    pub fn open(
        disk: D,
        directory: &Path,
        settings: MetadataLogSettings,
        voters: Vec<NodeId>,
        now: TimestampMs,
    ) -> Result<Self, ControllerError> {
        let mut log = MetadataLog::open(disk, directory, settings, now)?;
        let nobody = QuorumState { leader: NodeId::NONE, epoch: LeaderEpoch(0) };
        let leader = log.quorum_state()?.unwrap_or(nobody);
        let (replay, quorum, applied) = newest_snapshot(&mut log, now)?;
        Ok(Self { log, replay, quorum, applied, leader, voters })
    }

    /// Where the next fetch begins, and the epoch of the record before.
    pub fn position(&self) -> (Offset, LeaderEpoch) {
        (self.log.end_offset(), self.log.epoch())
    }

    /// The epoch of the leader that was heard of last.
    pub fn leader_epoch(&self) -> LeaderEpoch {
        self.leader.epoch
    }

    pub fn kraft_version(&self) -> i16 {
        self.quorum.kraft_version
    }

    pub fn image(&self) -> Image {
        self.replay.publish()
    }

    pub fn applied(&self) -> Offset {
        self.applied
    }

    /// Notes who leads, so that this node never goes back to an older epoch.
    pub fn follow(&mut self, leader: NodeId, epoch: LeaderEpoch) -> Result<(), ControllerError> {
        let state = QuorumState { leader, epoch };
        if state != self.leader {
            self.log.store_quorum_state(state, &self.quorum, &self.voters)?;
            self.leader = state;
        }
        Ok(())
    }

    /// Appends what the leader sent.
    pub fn append(&mut self, batches: &[u8], now: TimestampMs) -> Result<(), ControllerError> {
        self.log.append_replicated(batches, now)
    }

    /// Cuts what the leader does not have: of `epoch` it has nothing from `end` on.
    pub fn truncate(
        &mut self,
        epoch: LeaderEpoch,
        end: Offset,
        now: TimestampMs,
    ) -> Result<(), ControllerError> {
        let end = self.log.common_end(epoch, end);
        if end < self.applied {
            let why =
                format!("the leader's log differs before {}, which is committed", self.applied);
            return Err(self.log.bad_record(end, why));
        }
        self.log.truncate_to(end, now)
    }

    /// Applies what is committed by now.
    pub fn commit(
        &mut self,
        high_watermark: Offset,
        now: TimestampMs,
    ) -> Result<(), ControllerError> {
        let until = high_watermark.min(self.log.end_offset());
        if until <= self.applied {
            return Ok(());
        }
        let (replay, quorum) = (&mut self.replay, &mut self.quorum);
        self.log.replay(self.applied, until, |offset, epoch, record| {
            apply(replay, quorum, offset, epoch, &record)
        })?;
        self.applied = until;
        if self.applied == self.log.end_offset() {
            snapshot_if_due(&mut self.log, &self.replay, &self.quorum, now)?;
        }
        Ok(())
    }

    /// Puts a snapshot of the leader's in the place of everything there is.
    pub fn install(
        &mut self,
        id: SnapshotId,
        bytes: &[u8],
        now: TimestampMs,
    ) -> Result<(), ControllerError> {
        let damaged = |source| ControllerError::Checkpoint { path: id.file_name().into(), source };
        Checkpoint::decode(bytes).map_err(damaged)?;
        self.log.install(id, bytes, now)?;
        let (replay, quorum, applied) = newest_snapshot(&mut self.log, now)?;
        (self.replay, self.quorum, self.applied) = (replay, quorum, applied);
        Ok(())
    }

    /// Leaves the copy in order.
    pub fn close(self, now: TimestampMs) -> Result<(), ControllerError> {
        self.log.close(now)
    }
}
