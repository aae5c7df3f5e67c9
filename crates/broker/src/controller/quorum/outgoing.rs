//! Requests to other nodes of the quorum in Kafka's layout.

use std::sync::Arc;

use raft::message::{
    AddVoterRequest, BeginQuorumEpochRequest, EndQuorumEpochRequest, UpdateVoterRequest,
    VoteRequest,
};
use raft::{Endpoint, Endpoints, ReplicaKey, Reply, Request};
use types::NodeId;
use wire::api_versions_request::ApiVersionsRequest;
use wire::{
    ApiKey, Str, add_raft_voter_request, begin_quorum_epoch_request, end_quorum_epoch_request,
    fetch_request, fetch_snapshot_request, remove_raft_voter_request, update_raft_voter_request,
    vote_request,
};

use crate::api::fetch_metadata_log::{METADATA_TOPIC, METADATA_TOPIC_ID};
use crate::peer::{PeerError, Versions};

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
    pub sizes: AnswerSizes,
}

/// How much an answer may bring; a whole batch always comes.
#[derive(Clone, Copy, Debug)]
pub struct AnswerSizes {
    /// `controller.quorum.fetch.max.bytes`.
    pub records_bytes_max: u32,
    /// `controller.quorum.fetch.snapshot.max.bytes`.
    pub snapshot_bytes_max: u32,
}

impl Default for AnswerSizes {
    /// Kafka's defaults.
    fn default() -> Self {
        Self { records_bytes_max: 1 << 20, snapshot_bytes_max: 1 << 20 }
    }
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
    message::BeginQuorumEpochRequest {
        cluster_id: envelope.cluster(),
        voter_id: begin.voter.map_or(NodeId::NONE, |voter| voter.id).0,
        topics: vec![message::TopicData {
            topic_name: METADATA_TOPIC.into(),
            partitions: vec![partition],
        }],
        leader_endpoints: listed(&begin.endpoints, |name, host, port| message::LeaderEndpoint {
            name,
            host,
            port,
        }),
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
    message::EndQuorumEpochRequest {
        cluster_id: envelope.cluster(),
        topics: vec![message::TopicData {
            topic_name: METADATA_TOPIC.into(),
            partitions: vec![partition],
        }],
        leader_endpoints: listed(&end.endpoints, |name, host, port| message::LeaderEndpoint {
            name,
            host,
            port,
        }),
    }
}

fn fetch(
    fetch: &raft::message::FetchRequest,
    envelope: &Envelope,
) -> fetch_request::FetchRequest<'static> {
    let bytes_max = i32::try_from(envelope.sizes.records_bytes_max).unwrap_or(i32::MAX);
    let bytes_max = bytes_max.min(fetch.bytes_max);
    let partition = fetch_request::FetchPartition {
        current_leader_epoch: fetch.current_epoch.0,
        fetch_offset: fetch.offset.0,
        last_fetched_epoch: fetch.last_fetched_epoch.0,
        partition_max_bytes: bytes_max,
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
        max_bytes: bytes_max,
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
    let bytes_max = fetch.bytes_max.min(envelope.sizes.snapshot_bytes_max);
    message::FetchSnapshotRequest {
        cluster_id: envelope.cluster(),
        replica_id: fetch.replica.id.0,
        max_bytes: i32::try_from(bytes_max).unwrap_or(i32::MAX),
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
    use add_raft_voter_request::Listener;
    add_raft_voter_request::AddRaftVoterRequest {
        cluster_id: envelope.cluster(),
        timeout_ms: ADD_VOTER_TIMEOUT_MS,
        voter_id: add.voter.id.0,
        voter_directory_id: add.voter.directory_or_zero(),
        listeners: listed(&add.endpoints, |name, host, port| Listener { name, host, port }),
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
    message::UpdateRaftVoterRequest {
        cluster_id: envelope.cluster(),
        current_leader_epoch: update.current_epoch.0,
        voter_id: voter.key.id.0,
        voter_directory_id: voter.key.directory_or_zero(),
        listeners: listed(&voter.endpoints, |name, host, port| message::Listener {
            name,
            host,
            port,
        }),
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

/// Listeners as a message has them: each has a type of its own for a name and a place.
fn listed<T>(
    endpoints: &Endpoints,
    listed: impl Fn(Str<'static>, Str<'static>, u16) -> T,
) -> Vec<T> {
    let listed = |(name, place): (&String, &Endpoint)| {
        listed(name.clone().into(), place.host.clone().into(), place.port)
    };
    endpoints.0.iter().map(listed).collect()
}
