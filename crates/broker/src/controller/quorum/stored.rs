//! What a node finds in its directory when it starts: the state of the newest snapshot, and what
//! `raft` must know of the log behind it.

use log::Disk;
use metadata::image::{Image, Replay};
use raft::{BOOTSTRAP_SNAPSHOT, EpochStart, LogEnd, LogState, Stored};
use types::{Offset, TimestampMs};

use super::super::checkpoint::{Checkpoint, Quorum, SnapshotId};
use super::super::error::ControllerError;
use super::super::metadata_log::MetadataLog;
use super::records;

/// The committed state that is known without asking anybody, and the rest for the machine.
#[derive(Debug)]
pub(in super::super) struct Found {
    pub replay: Replay,
    pub quorum: Quorum,
    /// All records before it are in `replay`.
    pub applied: Offset,
    pub stored: Stored,
}

/// Reads the directory. `alone` is the quorum of a node whose directory nobody has formatted.
pub(in super::super) fn find<D: Disk>(
    log: &mut MetadataLog<D>,
    alone: Option<Quorum>,
    now: TimestampMs,
) -> Result<Found, ControllerError> {
    let quorum_state = log.quorum_state()?;
    let is_unformatted = log.end_offset() == Offset(0) && log.snapshots()?.is_empty();
    let (replay, mut quorum, applied) = newest_snapshot(log, now)?;
    let snapshots: Vec<LogEnd> = log.snapshots()?.into_iter().map(log_end).collect();
    if is_unformatted && let Some(alone) = alone {
        quorum = alone;
    }
    let snapshot = snapshots.last().copied().unwrap_or(BOOTSTRAP_SNAPSHOT);
    let controls = log.controls(applied)?;
    // what a process wrote that was killed is in the system's cache, not yet on disk
    log.flush(now)?;
    let stored = Stored {
        quorum_state,
        log: log_state(log, snapshots),
        snapshot: Some((snapshot, records::snapshot_control(&quorum))),
        controls,
    };
    Ok(Found { replay, quorum, applied, stored })
}

fn log_end(id: SnapshotId) -> LogEnd {
    LogEnd { offset: id.end, epoch: id.epoch }
}

fn log_state<D: Disk>(log: &MetadataLog<D>, snapshots: Vec<LogEnd>) -> LogState {
    let start = log.start_offset();
    let epoch = |entry: &log::EpochStart| EpochStart {
        epoch: entry.epoch,
        start: entry.start_offset.max(start),
    };
    let end = log.end_offset();
    let mut epochs: Vec<EpochStart> = log.log.epochs().iter().map(epoch).collect();
    epochs.retain(|entry| entry.start < end);
    LogState { start, end, durable_end: end, epochs, snapshots }
}

/// The state of the newest snapshot and where the log goes on from it; nothing where there is none.
fn newest_snapshot<D: Disk>(
    log: &mut MetadataLog<D>,
    now: TimestampMs,
) -> Result<(Replay, Quorum, Offset), ControllerError> {
    let Some(id) = log.snapshots()?.pop() else {
        return Ok((Replay::from_image(Image::default()), Quorum::default(), Offset(0)));
    };
    let checkpoint = log.load(id)?;
    if id == SnapshotId::BOOTSTRAP {
        let replay = Replay::from_image(Image::default());
        return Ok((replay, checkpoint.quorum, Offset(0)));
    }
    log.start_behind(id, now)?;
    Ok((replay_of(id, &checkpoint), checkpoint.quorum, id.end))
}

/// The state that a snapshot stands for.
pub(in super::super) fn replay_of(id: SnapshotId, checkpoint: &Checkpoint) -> Replay {
    let mut replay = Replay::from_image(Image::default());
    for (record, _) in &checkpoint.records {
        replay.apply(id.end.plus(-1), id.epoch, record);
    }
    replay.skip_to(id.end.plus(-1), id.epoch);
    replay
}
