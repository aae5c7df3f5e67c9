//! The state of the quorum, for DescribeQuorum.

use log::Disk;
use types::{DirectoryId, NodeId, Offset, TimestampMs};

use super::super::Controller;
use super::super::Unavailable;
use super::super::worker::Worker;
use super::{LogLeader, Progress, ReplicaKey};

/// The leader, its voters and observers, and how far each is.
#[derive(Clone, Debug)]
pub(crate) struct QuorumView {
    pub leader: LogLeader,
    pub high_watermark: Offset,
    pub voters: Vec<ReplicaView>,
    pub observers: Vec<ReplicaView>,
}

/// One replica; times are -1 where they are not known.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ReplicaView {
    pub node: NodeId,
    pub directory: DirectoryId,
    pub end: Offset,
    pub fetched: TimestampMs,
    pub caught_up: TimestampMs,
}

impl<D: Disk> Controller<D> {
    /// How the quorum stands.
    ///
    /// # Errors
    /// Where the controller is stopping or its disk fails.
    pub(crate) async fn quorum(&self) -> Result<QuorumView, Unavailable> {
        self.ask(|worker, now| Ok(worker.quorum(now))).await
    }
}

impl<D: Disk> Worker<D> {
    fn quorum(&self, now: TimestampMs) -> QuorumView {
        let voters = self.state.quorum.voters.iter().flat_map(|record| &record.voters);
        let node = self.membership.node;
        let directory = voters
            .filter(|voter| voter.voter_id == node.0)
            .map(|voter| voter.voter_directory_id)
            .next()
            .unwrap_or(DirectoryId::ZERO);
        let end = self.state.log.end_offset();
        let own = ReplicaView { node, directory, end, fetched: now, caught_up: now };
        let observer = |(key, progress): (&ReplicaKey, &Progress)| ReplicaView {
            node: key.node,
            directory: key.directory,
            end: progress.end,
            fetched: progress.fetched,
            caught_up: progress.caught_up,
        };
        QuorumView {
            leader: self.leader(),
            high_watermark: self.committed,
            voters: vec![own],
            observers: self.observers.all().map(observer).collect(),
        }
    }
}
