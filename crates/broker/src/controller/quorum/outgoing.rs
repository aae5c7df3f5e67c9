//! Requests to other nodes of the quorum in Kafka's layout, and their answers read back.

use std::sync::Arc;

use raft::message::{
    AddVoterRequest, BeginQuorumEpochRequest, EndQuorumEpochRequest, EpochAnswer, FetchReply,
    FetchSnapshotReply, Fetched, LeaderInfo, UpdateVoterRequest, VoteAnswer, VoteRequest,
};
use raft::{Endpoint, Endpoints, LogEnd, ReplicaKey, Reply, Request, VersionRange};
use types::{ErrorCode, LeaderEpoch, NodeId, Offset};
use wire::api_versions_request::ApiVersionsRequest;
use wire::{
    ApiKey, Records, Str, add_raft_voter_request, begin_quorum_epoch_request,
    end_quorum_epoch_request, fetch_request, fetch_response, fetch_snapshot_request,
    remove_raft_voter_request, update_raft_voter_request, vote_request,
};

use super::checked;
use crate::api::fetch_metadata_log::{METADATA_TOPIC, METADATA_TOPIC_ID};
use crate::peer::{PeerError, Versions, response};

const KRAFT_VERSION: &str = "kraft.version";
const FIRST_VERSION_WITH_PRE_VOTE: i16 = 2;
const CORRELATION_ID: i32 = 1;

/// So long a leader may take to have a voter added.
const ADD_VOTER_TIMEOUT_MS: i32 = 30_000;

/// What stands in every message beside what `raft` says.
#[derive(Clone, Debug)]
pub(in super::super) struct Envelope {
    pub cluster_id: Arc<str>,
    /// The listener over which the quorum talks.
    pub listener: Arc<str>,
}

/// A request that was written, or needs not be sent.
pub(super) enum Encoded {
    Frame {
        frame: Vec<u8>,
        version: i16,
    },
    /// The answer is known beforehand.
    Known(Reply),
}

impl Envelope {
    fn cluster<'a>(&self) -> Option<Str<'a>> {
        Some(Str::Owned(self.cluster_id.to_string()))
    }
}

/// Writes a request in the highest version that both nodes know.
pub(super) fn encode(
    request: &Request,
    envelope: &Envelope,
    versions: &Versions,
) -> Result<Encoded, PeerError> {
    match request {
        Request::Vote(vote) => encode_vote(vote, envelope, versions),
        Request::BeginQuorumEpoch(begin) => frame(&begin_epoch(begin, envelope), versions),
        Request::EndQuorumEpoch(end) => frame(&end_epoch(end, envelope), versions),
        Request::Fetch(fetch) => frame(&self::fetch(fetch, envelope), versions),
        Request::FetchSnapshot(fetch) => frame(&fetch_snapshot(fetch, envelope), versions),
        Request::AddVoter(add) => frame(&add_voter(add, envelope), versions),
        Request::RemoveVoter(key) => frame(&remove_voter(*key, envelope), versions),
        Request::UpdateVoter(update) => frame(&update_voter(update, envelope), versions),
        Request::ApiVersions => frame(&api_versions(), versions),
        Request::DescribeQuorum => Err(PeerError::Unsupported(ApiKey::DescribeQuorum)),
    }
}

fn frame<'a, Q: wire::Request<'a>>(request: &Q, versions: &Versions) -> Result<Encoded, PeerError> {
    let version = versions.highest(Q::KEY)?;
    let mut frame = Vec::new();
    let client = Some(versions.client_id);
    wire::encode_request(&mut frame, CORRELATION_ID, client, request, version)?;
    Ok(Encoded::Frame { frame, version })
}

fn encode_vote(
    vote: &VoteRequest,
    envelope: &Envelope,
    versions: &Versions,
) -> Result<Encoded, PeerError> {
    if vote.pre_vote && versions.highest(ApiKey::Vote)? < FIRST_VERSION_WITH_PRE_VOTE {
        return Ok(Encoded::Known(Reply::VoteUnsupported));
    }
    let partition = vote_request::PartitionData {
        partition_index: 0,
        replica_epoch: vote.epoch.0,
        replica_id: vote.replica.id.0,
        replica_directory_id: vote.replica.directory_or_zero(),
        voter_directory_id: vote.voter.map(ReplicaKey::directory_or_zero).unwrap_or_default(),
        last_offset_epoch: vote.last.epoch.0,
        last_offset: vote.last.offset.0,
        pre_vote: vote.pre_vote,
    };
    let request = vote_request::VoteRequest {
        cluster_id: envelope.cluster(),
        voter_id: vote.voter.map_or(NodeId::NONE, |voter| voter.id).0,
        topics: vec![vote_request::TopicData {
            topic_name: METADATA_TOPIC.into(),
            partitions: vec![partition],
        }],
    };
    frame(&request, versions)
}

fn begin_epoch(
    begin: &BeginQuorumEpochRequest,
    envelope: &Envelope,
) -> begin_quorum_epoch_request::BeginQuorumEpochRequest<'static> {
    use begin_quorum_epoch_request as message;
    let partition = message::PartitionData {
        partition_index: 0,
        voter_directory_id: begin.voter.map(ReplicaKey::directory_or_zero).unwrap_or_default(),
        leader_id: begin.leader.0,
        leader_epoch: begin.epoch.0,
    };
    let endpoint = |(name, place): (&String, &Endpoint)| message::LeaderEndpoint {
        name: name.clone().into(),
        host: place.host.clone().into(),
        port: place.port,
    };
    message::BeginQuorumEpochRequest {
        cluster_id: envelope.cluster(),
        voter_id: begin.voter.map_or(NodeId::NONE, |voter| voter.id).0,
        topics: vec![message::TopicData {
            topic_name: METADATA_TOPIC.into(),
            partitions: vec![partition],
        }],
        leader_endpoints: begin.endpoints.0.iter().map(endpoint).collect(),
    }
}

fn end_epoch(
    end: &EndQuorumEpochRequest,
    envelope: &Envelope,
) -> end_quorum_epoch_request::EndQuorumEpochRequest<'static> {
    use end_quorum_epoch_request as message;
    let candidate = |key: &ReplicaKey| message::ReplicaInfo {
        candidate_id: key.id.0,
        candidate_directory_id: key.directory_or_zero(),
    };
    let partition = message::PartitionData {
        partition_index: 0,
        leader_id: end.leader.0,
        leader_epoch: end.epoch.0,
        preferred_successors: end.successors.iter().map(|key| key.id.0).collect(),
        preferred_candidates: end.successors.iter().map(candidate).collect(),
    };
    let endpoint = |(name, place): (&String, &Endpoint)| message::LeaderEndpoint {
        name: name.clone().into(),
        host: place.host.clone().into(),
        port: place.port,
    };
    message::EndQuorumEpochRequest {
        cluster_id: envelope.cluster(),
        topics: vec![message::TopicData {
            topic_name: METADATA_TOPIC.into(),
            partitions: vec![partition],
        }],
        leader_endpoints: end.endpoints.0.iter().map(endpoint).collect(),
    }
}

fn fetch(
    fetch: &raft::message::FetchRequest,
    envelope: &Envelope,
) -> fetch_request::FetchRequest<'static> {
    let partition = fetch_request::FetchPartition {
        current_leader_epoch: fetch.current_epoch.0,
        fetch_offset: fetch.offset.0,
        last_fetched_epoch: fetch.last_fetched_epoch.0,
        partition_max_bytes: fetch.bytes_max,
        replica_directory_id: fetch.replica.directory_or_zero(),
        high_watermark: fetch.high_watermark.0,
        ..fetch_request::FetchPartition::default()
    };
    let replica_id = fetch.replica.id.0;
    fetch_request::FetchRequest {
        cluster_id: envelope.cluster(),
        replica_state: fetch_request::ReplicaState {
            replica_id,
            ..fetch_request::ReplicaState::default()
        },
        max_wait_ms: fetch.wait_ms_max,
        min_bytes: 1,
        max_bytes: fetch.bytes_max,
        topics: vec![fetch_request::FetchTopic {
            topic: METADATA_TOPIC.into(),
            topic_id: METADATA_TOPIC_ID,
            partitions: vec![partition],
        }],
        ..fetch_request::FetchRequest::default()
    }
}

fn fetch_snapshot(
    fetch: &raft::message::FetchSnapshotRequest,
    envelope: &Envelope,
) -> fetch_snapshot_request::FetchSnapshotRequest<'static> {
    use fetch_snapshot_request as message;
    message::FetchSnapshotRequest {
        cluster_id: envelope.cluster(),
        replica_id: fetch.replica.id.0,
        max_bytes: i32::try_from(fetch.bytes_max).unwrap_or(i32::MAX),
        topics: vec![message::TopicSnapshot {
            name: METADATA_TOPIC.into(),
            partitions: vec![message::PartitionSnapshot {
                partition: 0,
                current_leader_epoch: fetch.current_epoch.0,
                snapshot_id: message::SnapshotId {
                    end_offset: fetch.snapshot.offset.0,
                    epoch: fetch.snapshot.epoch.0,
                },
                position: i64::try_from(fetch.position).unwrap_or(i64::MAX),
                replica_directory_id: fetch.replica.directory_or_zero(),
            }],
        }],
    }
}

fn add_voter(
    add: &AddVoterRequest,
    envelope: &Envelope,
) -> add_raft_voter_request::AddRaftVoterRequest<'static> {
    let endpoint = |(name, place): (&String, &Endpoint)| add_raft_voter_request::Listener {
        name: name.clone().into(),
        host: place.host.clone().into(),
        port: place.port,
    };
    add_raft_voter_request::AddRaftVoterRequest {
        cluster_id: envelope.cluster(),
        timeout_ms: ADD_VOTER_TIMEOUT_MS,
        voter_id: add.voter.id.0,
        voter_directory_id: add.voter.directory_or_zero(),
        listeners: add.endpoints.0.iter().map(endpoint).collect(),
        ack_when_committed: add.ack_when_committed,
    }
}

fn remove_voter(
    key: ReplicaKey,
    envelope: &Envelope,
) -> remove_raft_voter_request::RemoveRaftVoterRequest<'static> {
    remove_raft_voter_request::RemoveRaftVoterRequest {
        cluster_id: envelope.cluster(),
        voter_id: key.id.0,
        voter_directory_id: key.directory_or_zero(),
    }
}

fn update_voter(
    update: &UpdateVoterRequest,
    envelope: &Envelope,
) -> update_raft_voter_request::UpdateRaftVoterRequest<'static> {
    use update_raft_voter_request as message;
    let voter = &update.voter;
    let endpoint = |(name, place): (&String, &Endpoint)| message::Listener {
        name: name.clone().into(),
        host: place.host.clone().into(),
        port: place.port,
    };
    message::UpdateRaftVoterRequest {
        cluster_id: envelope.cluster(),
        current_leader_epoch: update.current_epoch.0,
        voter_id: voter.key.id.0,
        voter_directory_id: voter.key.directory_or_zero(),
        listeners: voter.endpoints.0.iter().map(endpoint).collect(),
        kraft_version_feature: message::KRaftVersionFeature {
            min_supported_version: voter.kraft_versions.min,
            max_supported_version: voter.kraft_versions.max,
        },
    }
}

fn api_versions() -> ApiVersionsRequest<'static> {
    ApiVersionsRequest {
        client_software_name: "klamm".into(),
        client_software_version: env!("CARGO_PKG_VERSION").into(),
        ..ApiVersionsRequest::default()
    }
}

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
        let response = response::<vote_request::VoteRequest<'static>>(self.frame, self.version)?;
        refuse_unless_none(response.error_code)?;
        let partition = response.topics.first().and_then(|topic| topic.partitions.first());
        let partition = partition.ok_or_else(empty)?;
        let endpoints = response.node_endpoints.iter();
        let endpoints = endpoints.map(|node| (node.node_id, node.host.to_string(), node.port));
        Ok(Reply::Vote(VoteAnswer {
            error: ErrorCode::from_wire(partition.error_code),
            leader: self.leader((partition.leader_id, partition.leader_epoch), endpoints),
            granted: partition.vote_granted,
        }))
    }

    fn begin_epoch(&self) -> Result<Reply, PeerError> {
        type Asked = begin_quorum_epoch_request::BeginQuorumEpochRequest<'static>;
        let response = response::<Asked>(self.frame, self.version)?;
        refuse_unless_none(response.error_code)?;
        let partition = response.topics.first().and_then(|topic| topic.partitions.first());
        let partition = partition.ok_or_else(empty)?;
        let endpoints = response.node_endpoints.iter();
        let endpoints = endpoints.map(|node| (node.node_id, node.host.to_string(), node.port));
        Ok(Reply::BeginQuorumEpoch(EpochAnswer {
            error: ErrorCode::from_wire(partition.error_code),
            leader: self.leader((partition.leader_id, partition.leader_epoch), endpoints),
        }))
    }

    fn end_epoch(&self) -> Result<Reply, PeerError> {
        type Asked = end_quorum_epoch_request::EndQuorumEpochRequest<'static>;
        let response = response::<Asked>(self.frame, self.version)?;
        refuse_unless_none(response.error_code)?;
        let partition = response.topics.first().and_then(|topic| topic.partitions.first());
        let partition = partition.ok_or_else(empty)?;
        let endpoints = response.node_endpoints.iter();
        let endpoints = endpoints.map(|node| (node.node_id, node.host.to_string(), node.port));
        Ok(Reply::EndQuorumEpoch(EpochAnswer {
            error: ErrorCode::from_wire(partition.error_code),
            leader: self.leader((partition.leader_id, partition.leader_epoch), endpoints),
        }))
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
