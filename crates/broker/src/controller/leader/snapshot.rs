//! Handing out snapshots of the metadata log, piece by piece (KIP-630).

use log::Disk;
use types::{ErrorCode, LeaderEpoch};

use super::super::Controller;
use super::super::Unavailable;
use super::super::checkpoint::SnapshotId;
use super::super::error::ControllerError;
use super::super::worker::Worker;
use super::LogLeader;

/// Which bytes of which snapshot.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SnapshotFetch {
    pub id: SnapshotId,
    pub leader_epoch: LeaderEpoch,
    pub position: u64,
    pub bytes_max: usize,
}

/// Some of a snapshot.
#[derive(Clone, Debug)]
pub(crate) struct SnapshotPart {
    /// Of the whole snapshot.
    pub size: u64,
    pub bytes: Vec<u8>,
    pub leader: LogLeader,
}

/// No bytes, and why.
#[derive(Clone, Debug)]
pub(crate) struct SnapshotRefusal {
    pub code: ErrorCode,
    pub leader: LogLeader,
}

impl<D: Disk> Controller<D> {
    /// Reads a part of a snapshot.
    ///
    /// # Errors
    /// Where the controller is stopping or its disk fails.
    pub(crate) async fn fetch_snapshot(
        &self,
        fetch: SnapshotFetch,
    ) -> Result<Result<SnapshotPart, SnapshotRefusal>, Unavailable> {
        self.ask(move |worker, _now| worker.fetch_snapshot(&fetch)).await
    }
}

impl<D: Disk> Worker<D> {
    fn fetch_snapshot(
        &self,
        fetch: &SnapshotFetch,
    ) -> Result<Result<SnapshotPart, SnapshotRefusal>, ControllerError> {
        let leader = self.leader();
        let refuse = |code| Ok(Err(SnapshotRefusal { code, leader: self.leader() }));
        if let Err(code) = self.check_epoch(Some(fetch.leader_epoch)) {
            return refuse(code);
        }
        let Some(found) =
            self.state.log.snapshot_part(fetch.id, fetch.position, fetch.bytes_max)?
        else {
            return refuse(ErrorCode::SnapshotNotFound);
        };
        let (size, bytes) = found;
        if fetch.position >= size {
            return refuse(ErrorCode::PositionOutOfRange);
        }
        Ok(Ok(SnapshotPart { size, bytes, leader }))
    }
}
