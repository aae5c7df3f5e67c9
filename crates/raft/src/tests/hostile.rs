//! Whatever a peer says, a node goes on: no message stops the machine, whichever state it is in.

use types::{ErrorCode, LeaderEpoch, NodeId, Offset, Uuid};

use super::node::{Node, config, endpoints, formatted, key, voters};
use crate::chance::Chance;
use crate::message::{
    AddVoterRequest, BeginQuorumEpochRequest, EndQuorumEpochRequest, EpochAnswer, FetchReply,
    FetchRequest, FetchSnapshotReply, FetchSnapshotRequest, Fetched, FetchedRecords,
    UpdateVoterRequest, VoteAnswer, VoteRequest,
};
use crate::{
    CorrelationId, Effect, Endpoints, EpochStart, Input, LeaderInfo, LogEnd, ReplicaKey, Reply,
    Request, RequestId, SnapshotControl, VersionRange, Voter,
};

/// Says anything: small numbers that fit, and those at the edges.
struct Liar(Chance);

impl Liar {
    fn pick<T: Clone>(&mut self, of: &[T]) -> T {
        let count = u32::try_from(of.len()).expect("short lists");
        of[self.0.below(count) as usize].clone()
    }

    fn offset(&mut self) -> Offset {
        Offset(self.pick(&[0, 1, 2, 3, 5, 9, 40, -1, -7, i64::MAX, i64::MIN]))
    }

    fn epoch(&mut self) -> LeaderEpoch {
        LeaderEpoch(self.pick(&[0, 1, 1, 2, 2, 3, 5, -1, -9, 1_000, i32::MIN]))
    }

    fn end(&mut self) -> LogEnd {
        LogEnd { offset: self.offset(), epoch: self.epoch() }
    }

    fn key(&mut self) -> ReplicaKey {
        let id = NodeId(self.pick(&[1, 2, 3, 4, -1, i32::MIN]));
        let own = if (1..5).contains(&id.0) { key(id.0).directory_or_zero() } else { Uuid::ONE };
        ReplicaKey::new(id, self.pick(&[own, own, Uuid::ZERO, Uuid::ONE]))
    }

    fn endpoints(&mut self) -> Endpoints {
        self.pick(&[endpoints(2), endpoints(3), Endpoints::default()])
    }

    fn leader(&mut self) -> LeaderInfo {
        let id = self.pick(&[None, Some(1), Some(2), Some(3), Some(9), Some(-5)]).map(NodeId);
        LeaderInfo { id, epoch: self.epoch(), endpoints: self.endpoints() }
    }

    fn error(&mut self) -> ErrorCode {
        use ErrorCode as E;
        self.pick(&[
            E::None,
            E::None,
            E::None,
            E::FencedLeaderEpoch,
            E::UnknownLeaderEpoch,
            E::NotLeaderOrFollower,
            E::BrokerNotAvailable,
            E::InvalidVoterKey,
            E::InvalidRequest,
            E::SnapshotNotFound,
            E::UnknownServerError,
        ])
    }

    fn request(&mut self) -> Request {
        let voter = self.pick(&[None, Some(key(1)), Some(key(2))]);
        let epoch = self.epoch();
        match self.0.below(9) {
            0 => Request::Vote(VoteRequest {
                voter,
                replica: self.key(),
                epoch,
                last: self.end(),
                pre_vote: self.pick(&[true, false]),
            }),
            1 => Request::BeginQuorumEpoch(BeginQuorumEpochRequest {
                voter,
                leader: self.key().id,
                epoch,
                endpoints: self.endpoints(),
            }),
            2 => Request::EndQuorumEpoch(EndQuorumEpochRequest {
                leader: self.key().id,
                epoch,
                successors: (0..self.0.below(40)).map(|_| self.key()).collect(),
                endpoints: self.endpoints(),
            }),
            3 => Request::Fetch(FetchRequest {
                replica: self.key(),
                current_epoch: epoch,
                offset: self.offset(),
                last_fetched_epoch: self.epoch(),
                high_watermark: self.offset(),
                wait_ms_max: self.pick(&[0, 1, 500, -1, i32::MAX]),
                bytes_max: self.pick(&[0, -1, 1 << 20]),
            }),
            4 => Request::FetchSnapshot(FetchSnapshotRequest {
                replica: self.key(),
                current_epoch: epoch,
                snapshot: self.end(),
                position: self.pick(&[0, 7, u64::MAX]),
                bytes_max: 9,
            }),
            5 => Request::AddVoter(AddVoterRequest {
                voter: self.key(),
                endpoints: self.endpoints(),
                ack_when_committed: self.pick(&[true, false]),
            }),
            6 => Request::RemoveVoter(self.key()),
            7 => Request::UpdateVoter(UpdateVoterRequest {
                current_epoch: epoch,
                voter: Voter {
                    key: self.key(),
                    endpoints: self.endpoints(),
                    kraft_versions: VersionRange {
                        min: self.pick(&[0, -1, 1]),
                        max: self.pick(&[0, 1, -3, i16::MAX]),
                    },
                },
            }),
            _ => Request::DescribeQuorum,
        }
    }

    fn fetched(&mut self, node: &Node) -> Fetched {
        let end = node.raft.log().end;
        match self.0.below(6) {
            // what a leader would say, but for the epochs
            4..=5 => Fetched::Records(FetchedRecords {
                base: end,
                end: self.pick(&[end, end.plus(3), end.plus(-1)]),
                epochs: (0..1 + self.0.below(2))
                    .map(|_| EpochStart { epoch: self.epoch(), start: end })
                    .collect(),
                controls: Vec::new(),
            }),
            0 => Fetched::Nothing,
            1 => Fetched::Diverging(self.end()),
            2 => Fetched::Snapshot(self.end()),
            _ => Fetched::Records(FetchedRecords {
                base: self.offset(),
                end: self.offset(),
                epochs: (0..self.0.below(3))
                    .map(|_| EpochStart { epoch: self.epoch(), start: self.offset() })
                    .collect(),
                controls: Vec::new(),
            }),
        }
    }

    fn reply(&mut self, node: &Node) -> Reply {
        let (mut error, mut leader) = (self.error(), self.leader());
        if self.pick(&[true, false]) {
            (error, leader) = (ErrorCode::None, node.raft.leader());
        }
        let answer = EpochAnswer { error, leader: leader.clone() };
        match self.0.below(14) {
            0 => Reply::Vote(VoteAnswer { error, leader, granted: self.pick(&[true, false]) }),
            1 => Reply::VoteUnsupported,
            2 => Reply::BeginQuorumEpoch(answer),
            3 => Reply::EndQuorumEpoch(answer),
            4 => Reply::UpdateVoter(answer),
            5 => Reply::AddVoter(error),
            6 => Reply::ApiVersions(Some(VersionRange { min: 0, max: 1 })),
            7 => Reply::FetchSnapshot(FetchSnapshotReply {
                error,
                leader,
                snapshot: self.end(),
                position: self.pick(&[0, 40, u64::MAX]),
                bytes: self.pick(&[0, 40, u64::MAX]),
                size: self.pick(&[0, 40, 100]),
            }),
            _ => Reply::Fetch(FetchReply {
                error,
                leader,
                high_watermark: self.offset(),
                fetched: self.fetched(node),
            }),
        }
    }
}

#[test]
fn nothing_that_is_said_stops_the_machine() {
    for seed in 0..3_000 {
        let mut liar = Liar(Chance::new(seed));
        let voting = liar.pick(&[vec![1], vec![1, 2], vec![1, 2, 3], vec![2, 3]]);
        let (mut node, _) = Node::open(config(1, &[2, 3]), formatted(&voting));
        for request in 0..60 {
            let input = match liar.0.below(8) {
                0..=2 => Input::Request { id: RequestId(request), request: liar.request() },
                3..=5 => {
                    let correlation = node.last_sent.unwrap_or(CorrelationId(7));
                    Input::Reply { correlation, reply: liar.reply(&node) }
                }
                6 => Input::Failed { correlation: CorrelationId(request) },
                _ => {
                    node.now.0 += i64::from(liar.0.below(3_000));
                    Input::Tick
                }
            };
            let effects = node.step(input);
            for effect in effects {
                if let Effect::InstallSnapshot(snapshot) = effect {
                    let control =
                        SnapshotControl { kraft_version: 1, voters: Some(voters(&voting)) };
                    node.step(Input::SnapshotInstalled { snapshot, control });
                }
            }
        }
    }
}
