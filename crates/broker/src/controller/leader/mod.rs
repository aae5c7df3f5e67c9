//! What the controller does for other nodes: it lets them copy its log, and watches over brokers.

mod brokers;
mod departed;
mod fetch;
mod observers;
mod quorum;
mod snapshot;
#[cfg(test)]
mod tests;

pub(crate) use fetch::{LogAnswer, LogFetch, LogFound};
pub(crate) use observers::ReplicaKey;
pub(super) use observers::{Observers, Progress};
pub(crate) use quorum::{QuorumView, ReplicaView};
pub(crate) use snapshot::{SnapshotFetch, SnapshotPart, SnapshotRefusal};

use log::Disk;
use metadata::image::Endpoint;
use types::{LeaderEpoch, NodeId};

use super::Controller;

/// Who leads the metadata log, for those who ask the wrong node or in an old epoch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LogLeader {
    pub id: NodeId,
    pub epoch: LeaderEpoch,
    /// Where it is reached, on each of its listeners.
    pub endpoints: Vec<Endpoint>,
}

impl<D: Disk> Controller<D> {
    /// Returns when more than `offset` records are committed.
    pub(crate) async fn committed_past(&self, offset: types::Offset) {
        let mut committed = self.published.committed.subscribe();
        // the channel lasts as long as the controller does
        let _ = committed.wait_for(|committed| *committed > offset).await;
    }
}
