//! Answers of other nodes of the quorum, read back from Kafka's layout.

use raft::message::{EpochAnswer, FetchReply, FetchSnapshotReply, Fetched, LeaderInfo, VoteAnswer};
use raft::{Endpoint, Endpoints, LogEnd, Reply, Request, VersionRange};
use types::{ErrorCode, LeaderEpoch, NodeId, Offset};
use wire::api_versions_request::ApiVersionsRequest;
use wire::{
    ApiKey, Records, add_raft_voter_request, begin_quorum_epoch_request, end_quorum_epoch_request,
    fetch_request, fetch_response, fetch_snapshot_request, remove_raft_voter_request,
    update_raft_voter_request, vote_request,
};

use super::checked;
use super::outgoing::Envelope;
use crate::peer::{PeerError, response};

const KRAFT_VERSION: &str = "kraft.version";

/// Reads the answer to `request`, and the bytes that it brought.
pub(super) fn decode(
    request: &Request,
    envelope: &Envelope,
    frame: &[u8],
    version: i16,
) -> Result<(Reply, Vec<u8>), PeerError> {
    let answer = Answer { envelope, frame, version };
    let reply = match request {
        Request::Vote(_) => answer.vote()?,
        Request::BeginQuorumEpoch(_) => answer.begin_epoch()?,
        Request::EndQuorumEpoch(_) => answer.end_epoch()?,
        Request::Fetch(fetch) => return answer.fetch(fetch.offset),
        Request::FetchSnapshot(_) => return answer.fetch_snapshot(),
        Request::AddVoter(_) => {
            type Asked = add_raft_voter_request::AddRaftVoterRequest<'static>;
            let response = response::<Asked>(frame, version)?;
            Reply::AddVoter(ErrorCode::from_wire(response.error_code))
        }
        Request::RemoveVoter(_) => {
            type Asked = remove_raft_voter_request::RemoveRaftVoterRequest<'static>;
            let response = response::<Asked>(frame, version)?;
            Reply::RemoveVoter(ErrorCode::from_wire(response.error_code))
        }
        Request::UpdateVoter(_) => answer.update_voter()?,
        Request::ApiVersions => answer.api_versions()?,
        Request::DescribeQuorum => return Err(PeerError::Unsupported(ApiKey::DescribeQuorum)),
    };
    Ok((reply, Vec::new()))
}

/// The error of an answer's only partition, who leads it, and the partition: three answers say so in
/// fields of the same names, each with types of its own.
macro_rules! told {
    ($answer:expr, $asked:ty) => {{
        let response = response::<$asked>($answer.frame, $answer.version)?;
        refuse_unless_none(response.error_code)?;
        let partition = response.topics.first().and_then(|topic| topic.partitions.first());
        let partition = partition.ok_or_else(empty)?.clone();
        let endpoints = response.node_endpoints.iter();
        let endpoints = endpoints.map(|node| (node.node_id, node.host.to_string(), node.port));
        let leader = $answer.leader((partition.leader_id, partition.leader_epoch), endpoints);
        (ErrorCode::from_wire(partition.error_code), leader, partition)
    }};
}

/// An answer that is to be read.
struct Answer<'a> {
    envelope: &'a Envelope,
    frame: &'a [u8],
    version: i16,
}

impl Answer<'_> {
    /// Who leads which epoch, and where: known by the endpoint that is told for its id.
    fn leader(
        &self,
        (id, epoch): (i32, i32),
        mut endpoints: impl Iterator<Item = (i32, String, u16)>,
    ) -> LeaderInfo {
        let told = endpoints.find(|(node, ..)| *node == id);
        let endpoints = told.map_or_else(Endpoints::default, |(_, host, port)| {
            Endpoints::one(&self.envelope.listener, Endpoint { host, port })
        });
        let id = (id >= 0).then_some(NodeId(id));
        LeaderInfo { id, epoch: LeaderEpoch(epoch), endpoints }
    }

    fn vote(&self) -> Result<Reply, PeerError> {
        let (error, leader, partition) = told!(self, vote_request::VoteRequest<'static>);
        Ok(Reply::Vote(VoteAnswer { error, leader, granted: partition.vote_granted }))
    }

    fn begin_epoch(&self) -> Result<Reply, PeerError> {
        type Asked = begin_quorum_epoch_request::BeginQuorumEpochRequest<'static>;
        let (error, leader, _) = told!(self, Asked);
        Ok(Reply::BeginQuorumEpoch(EpochAnswer { error, leader }))
    }

    fn end_epoch(&self) -> Result<Reply, PeerError> {
        type Asked = end_quorum_epoch_request::EndQuorumEpochRequest<'static>;
        let (error, leader, _) = told!(self, Asked);
        Ok(Reply::EndQuorumEpoch(EpochAnswer { error, leader }))
    }

    fn fetch(&self, from: Offset) -> Result<(Reply, Vec<u8>), PeerError> {
        type Asked = fetch_request::FetchRequest<'static>;
        let response = response::<Asked>(self.frame, self.version)?;
        refuse_unless_none(response.error_code)?;
        let partition = response.responses.first().and_then(|topic| topic.partitions.first());
        let partition = partition.ok_or_else(empty)?;
        let endpoints = response.node_endpoints.iter().filter_map(|node| {
            Some((node.node_id, node.host.to_string(), u16::try_from(node.port).ok()?))
        });
        let current = &partition.current_leader;
        let leader = self.leader((current.leader_id, current.leader_epoch), endpoints);
        let (fetched, bytes) = fetched(partition, from);
        let reply = FetchReply {
            error: ErrorCode::from_wire(partition.error_code),
            leader,
            high_watermark: Offset(partition.high_watermark),
            fetched,
        };
        Ok((Reply::Fetch(reply), bytes))
    }

    fn fetch_snapshot(&self) -> Result<(Reply, Vec<u8>), PeerError> {
        type Asked = fetch_snapshot_request::FetchSnapshotRequest<'static>;
        let response = response::<Asked>(self.frame, self.version)?;
        refuse_unless_none(response.error_code)?;
        let partition = response.topics.first().and_then(|topic| topic.partitions.first());
        let partition = partition.ok_or_else(empty)?;
        let endpoints = response.node_endpoints.iter();
        let endpoints = endpoints.map(|node| (node.node_id, node.host.to_string(), node.port));
        let current = &partition.current_leader;
        let bytes = match &partition.unaligned_records {
            Records::Inline(bytes) => bytes.to_vec(),
            Records::Null | Records::Range { .. } => Vec::new(),
        };
        let reply = FetchSnapshotReply {
            error: ErrorCode::from_wire(partition.error_code),
            leader: self.leader((current.leader_id, current.leader_epoch), endpoints),
            snapshot: LogEnd {
                offset: Offset(partition.snapshot_id.end_offset),
                epoch: LeaderEpoch(partition.snapshot_id.epoch),
            },
            position: u64::try_from(partition.position).map_err(|_| empty())?,
            bytes: bytes.len() as u64,
            size: u64::try_from(partition.size).map_err(|_| empty())?,
        };
        Ok((Reply::FetchSnapshot(reply), bytes))
    }

    fn update_voter(&self) -> Result<Reply, PeerError> {
        type Asked = update_raft_voter_request::UpdateRaftVoterRequest<'static>;
        let response = response::<Asked>(self.frame, self.version)?;
        let current = &response.current_leader;
        let port = u16::try_from(current.port).ok().filter(|port| *port > 0);
        let endpoint = port.map(|port| (current.leader_id, current.host.to_string(), port));
        Ok(Reply::UpdateVoter(EpochAnswer {
            error: ErrorCode::from_wire(response.error_code),
            leader: self.leader((current.leader_id, current.leader_epoch), endpoint.into_iter()),
        }))
    }

    fn api_versions(&self) -> Result<Reply, PeerError> {
        let response = response::<ApiVersionsRequest<'static>>(self.frame, self.version)?;
        refuse_unless_none(response.error_code)?;
        let kraft = response.supported_features.iter().find(|f| f.name == KRAFT_VERSION);
        let range = kraft.map(|f| VersionRange { min: f.min_version, max: f.max_version });
        Ok(Reply::ApiVersions(range))
    }
}

fn fetched(partition: &fetch_response::PartitionData<'_>, from: Offset) -> (Fetched, Vec<u8>) {
    let diverging = &partition.diverging_epoch;
    if diverging.epoch >= 0 {
        let (epoch, offset) = (LeaderEpoch(diverging.epoch), Offset(diverging.end_offset));
        return (Fetched::Diverging(LogEnd { offset, epoch }), Vec::new());
    }
    let snapshot = &partition.snapshot_id;
    if snapshot.epoch >= 0 && snapshot.end_offset >= 0 {
        let (epoch, offset) = (LeaderEpoch(snapshot.epoch), Offset(snapshot.end_offset));
        return (Fetched::Snapshot(LogEnd { offset, epoch }), Vec::new());
    }
    let Records::Inline(bytes) = &partition.records else { return (Fetched::Nothing, Vec::new()) };
    let (records, taken) = checked(bytes);
    if taken == 0 || records.base != from {
        return (Fetched::Nothing, Vec::new());
    }
    (Fetched::Records(records), bytes.get(..taken).unwrap_or_default().to_vec())
}

fn refuse_unless_none(code: i16) -> Result<(), PeerError> {
    match ErrorCode::from_wire(code) {
        ErrorCode::None => Ok(()),
        code => Err(PeerError::Refused(code)),
    }
}

fn empty() -> PeerError {
    PeerError::Malformed("an answer that says nothing".to_owned())
}
