//! Reading the metadata log for its observers, by Raft's rules: what they hold must be what the
//! log holds, or they are told where to cut, or which snapshot to take (KIP-595, KIP-630).

use log::Disk;
use types::{ErrorCode, LeaderEpoch, Offset, TimestampMs};

use super::super::Controller;
use super::super::Unavailable;
use super::super::checkpoint::SnapshotId;
use super::super::error::ControllerError;
use super::super::worker::Worker;
use super::{LogLeader, ReplicaKey};

/// What a replica of the metadata log asks for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LogFetch {
    /// `None` where a consumer or a tool reads.
    pub replica: Option<ReplicaKey>,
    /// The epoch that it believes in; `None` where it does not say.
    pub leader_epoch: Option<LeaderEpoch>,
    pub offset: Offset,
    /// The epoch of its last record.
    pub last_epoch: LeaderEpoch,
    pub bytes_max: u32,
}

/// What it gets, and how the log stands.
#[derive(Clone, Debug)]
pub(crate) struct LogAnswer {
    pub found: LogFound,
    pub leader: LogLeader,
    pub high_watermark: Offset,
    pub start: Offset,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum LogFound {
    /// Whole batches, perhaps none.
    Records(Vec<u8>),
    /// The replica's log goes on differently: this epoch of it ends there.
    Diverging {
        epoch: LeaderEpoch,
        end: Offset,
    },
    /// The log begins later: this snapshot holds what was before.
    Snapshot(SnapshotId),
    Refused(ErrorCode),
}

impl<D: Disk> Controller<D> {
    /// Reads committed records for `fetch`.
    ///
    /// # Errors
    /// Where the controller is stopping or its disk fails.
    pub(crate) async fn fetch(&self, fetch: LogFetch) -> Result<LogAnswer, Unavailable> {
        self.ask(move |worker, now| worker.fetch(&fetch, now)).await
    }
}

impl<D: Disk> Worker<D> {
    pub(super) fn leader(&self) -> LogLeader {
        LogLeader {
            id: self.membership.node,
            epoch: self.state.log.epoch(),
            endpoints: self.membership.controller_endpoints.clone(),
        }
    }

    fn fetch(&mut self, fetch: &LogFetch, now: TimestampMs) -> Result<LogAnswer, ControllerError> {
        let found = self.found(fetch)?;
        let is_replica = matches!(found, LogFound::Records(_));
        if let Some(replica) = fetch.replica.filter(|_| is_replica) {
            self.observers.fetched(replica, fetch.offset, self.committed, now);
        }
        Ok(LogAnswer {
            found,
            leader: self.leader(),
            high_watermark: self.committed,
            start: self.state.log.log.start_offset(),
        })
    }

    fn found(&mut self, fetch: &LogFetch) -> Result<LogFound, ControllerError> {
        if let Err(code) = self.check_epoch(fetch.leader_epoch) {
            return Ok(LogFound::Refused(code));
        }
        if let Some(elsewhere) = self.mismatch(fetch)? {
            return Ok(elsewhere);
        }
        let log = &mut self.state.log;
        let slice = log.log.read(fetch.offset, fetch.bytes_max, self.committed, true)?;
        let bytes = slice.map_or(Ok(Vec::new()), |slice| slice.to_vec());
        bytes
            .map(LogFound::Records)
            .map_err(|error| ControllerError::disk("read", log.folder(), error))
    }

    /// # Errors
    /// `FENCED_LEADER_EPOCH` for a replica that is behind, `UNKNOWN_LEADER_EPOCH` for one ahead.
    pub(super) fn check_epoch(&self, known: Option<LeaderEpoch>) -> Result<(), ErrorCode> {
        let own = self.state.log.epoch();
        match known {
            Some(known) if known < own => Err(ErrorCode::FencedLeaderEpoch),
            Some(known) if known > own => Err(ErrorCode::UnknownLeaderEpoch),
            Some(_) | None => Ok(()),
        }
    }

    /// Where the replica has to go first, if what it holds is not what this log holds.
    fn mismatch(&mut self, fetch: &LogFetch) -> Result<Option<LogFound>, ControllerError> {
        let LogFetch { offset, last_epoch, .. } = *fetch;
        let log = &self.state.log;
        let mut snapshots = log.snapshots()?;
        snapshots.retain(|id| *id != SnapshotId::BOOTSTRAP);
        let start = log.log.start_offset();
        let newest = snapshots.last().map(|id| LogFound::Snapshot(*id));
        if offset == Offset(0) && last_epoch == LeaderEpoch(0) && newest.is_some() {
            // a replica that has nothing is quicker with the snapshot
            return Ok(newest);
        }
        if start == Offset(0) && offset == Offset(0) {
            return Ok(None);
        }
        if let Some(oldest) = snapshots.first() {
            let at_start = offset == start && start == oldest.end && last_epoch != oldest.epoch;
            if offset < start || at_start || last_epoch < oldest.epoch {
                return Ok(newest);
            }
            if offset == oldest.end && last_epoch == oldest.epoch {
                return Ok(None);
            }
        }
        let Some(held) = log.log.epoch_end_offset(last_epoch) else {
            // later than every epoch here: nothing of it was ever committed
            let end = log.end_offset();
            let epoch = log.log.latest_epoch().unwrap_or(LeaderEpoch(0));
            return Ok(Some(LogFound::Diverging { epoch, end }));
        };
        let is_ours = held.epoch == last_epoch && offset <= held.end_offset;
        Ok((!is_ours).then_some(LogFound::Diverging { epoch: held.epoch, end: held.end_offset }))
    }
}
