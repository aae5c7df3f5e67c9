//! The pure quorum (`raft`) on a real log: its effects are performed in order, and what it wants sent,
//! answered and told is queued for whoever drives it.
//!
//! ```text
//! Worker ──input──▶ Shell::step ─▶ raft ─▶ effects: quorum-state, log, snapshots
//!                        └──▶ outbox (to other nodes), answers (to requests), told (to State)
//! ```

mod answers;
mod fetched;
mod network;
mod outgoing;
mod perform;
mod records;
mod stored;
#[cfg(test)]
mod tests;

use log::Disk;
use raft::{
    Answer, CorrelationId, Destination, Effects, Input, Raft, Reply, Request, RequestId,
    RoleChange, RoleKind,
};
use types::{Offset, TimestampMs};

use super::checkpoint::{Checkpoint, Quorum, SnapshotId};
use super::error::ControllerError;
use super::metadata_log::MetadataLog;

use fetched::checked;
pub(super) use network::{Arrival, Network, Outcome};
pub use outgoing::AnswerSizes;
pub(super) use outgoing::Envelope;
pub(super) use records::read;
pub(super) use stored::{Found, find, replay_of};

/// A request to another node.
#[derive(Debug)]
pub(super) struct Outgoing {
    pub to: Destination,
    pub correlation: CorrelationId,
    pub request: Request,
}

/// The answer to another node's request, with the bytes that it names.
#[derive(Debug)]
pub(crate) struct Served {
    pub answer: Answer,
    /// Records of a fetch, or a piece of a snapshot.
    pub bytes: Vec<u8>,
    /// Of the whole snapshot.
    pub snapshot_size: u64,
}

/// What the state behind the log must know, in order.
#[derive(Debug)]
pub(super) enum Told {
    Role(RoleChange),
    HighWatermark(Offset),
    /// Control records were written by this node as leader.
    Wrote {
        base: Offset,
        records: Vec<raft::ControlRecord>,
    },
    /// The log was replaced by a snapshot.
    Installed(SnapshotId, Checkpoint),
    Upgraded(RequestId, Result<(), String>),
    ShutdownDone,
}

/// The machine, and what it has asked for since it was last looked after.
#[derive(Debug)]
pub(super) struct Shell {
    raft: Raft,
    effects: Effects,
    /// The snapshot that is being fetched, as far as it is here.
    download: Vec<u8>,
    pub outbox: Vec<Outgoing>,
    pub answers: Vec<(RequestId, Served)>,
    pub told: Vec<Told>,
}

impl Shell {
    /// Starts the machine on what was found.
    pub fn open<D: Disk>(
        config: raft::Config,
        stored: raft::Stored,
        log: &mut MetadataLog<D>,
        now: TimestampMs,
    ) -> Result<Self, ControllerError> {
        let mut effects = Effects::new();
        let raft = Raft::open(config, stored, now, &mut effects);
        let mut shell = Self {
            raft,
            effects,
            download: Vec::new(),
            outbox: Vec::new(),
            answers: Vec::new(),
            told: Vec::new(),
        };
        shell.perform(log, &[], now)?;
        Ok(shell)
    }

    /// Takes an input; nothing is durable before [`Self::flush`].
    pub fn step<D: Disk>(
        &mut self,
        log: &mut MetadataLog<D>,
        input: Input,
        now: TimestampMs,
    ) -> Result<(), ControllerError> {
        self.raft.step(now, input, &mut self.effects);
        self.perform(log, &[], now)
    }

    /// Takes a reply with the bytes that came with it.
    pub fn reply<D: Disk>(
        &mut self,
        log: &mut MetadataLog<D>,
        (correlation, reply, bytes): (CorrelationId, Reply, &[u8]),
        now: TimestampMs,
    ) -> Result<(), ControllerError> {
        self.raft.step(now, Input::Reply { correlation, reply }, &mut self.effects);
        self.perform(log, bytes, now)
    }

    /// Syncs what was written, and tells the machine.
    pub fn flush<D: Disk>(
        &mut self,
        log: &mut MetadataLog<D>,
        now: TimestampMs,
    ) -> Result<(), ControllerError> {
        log.flush(now)?;
        self.step(log, Input::Flushed { end: log.end_offset() }, now)
    }

    /// Whether something was written that a crash could take.
    pub fn must_flush(&self) -> bool {
        self.raft.log().durable_end < self.raft.log().end
    }

    pub fn raft(&self) -> &Raft {
        &self.raft
    }

    pub fn leads(&self) -> bool {
        self.raft.role() == RoleKind::Leader
    }
}

/// Keeps the picture of what the quorum's own records say in step with the log.
pub(super) fn note(quorum: &mut Quorum, records: &[raft::ControlRecord]) {
    records.iter().for_each(|record| records::note(quorum, record));
}
