//! The quorum of controllers: who is in it, how far each has come, who joins and who leaves.

use std::collections::BTreeMap;

use types::DirectoryId;
use wire::Str;
use wire::add_raft_voter_request::{AddRaftVoterRequest, Listener};
use wire::add_raft_voter_response::AddRaftVoterResponse;
use wire::describe_quorum_request::{DescribeQuorumRequest, PartitionData, TopicData};
use wire::describe_quorum_response::{DescribeQuorumResponse, ReplicaState};
use wire::remove_raft_voter_request::RemoveRaftVoterRequest;
use wire::remove_raft_voter_response::RemoveRaftVoterResponse;

use super::{Admin, verdict};
use crate::{Error, Result};

/// The topic whose one partition is the metadata log.
const METADATA_TOPIC: &str = "__cluster_metadata";

/// A node that copies the metadata log, as its leader sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QuorumReplica {
    pub id: i32,
    /// Zero where the node or the broker that answered is older than directory ids.
    pub directory: DirectoryId,
    /// -1 before its first fetch.
    pub log_end_offset: i64,
    /// Milliseconds since the epoch, by the leader's clock; `None` where the leader does not know.
    pub last_fetch_ms: Option<i64>,
    /// As above: when it last had everything that the leader had.
    pub last_caught_up_ms: Option<i64>,
}

/// Where a controller is reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ControllerEndpoint {
    pub listener: String,
    pub host: String,
    pub port: u16,
}

/// The quorum as its leader describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quorum {
    pub leader: i32,
    pub leader_epoch: i32,
    pub high_watermark: i64,
    pub voters: Vec<QuorumReplica>,
    pub observers: Vec<QuorumReplica>,
    /// Of voters, by node.
    pub endpoints: BTreeMap<i32, Vec<ControllerEndpoint>>,
}

impl Quorum {
    /// What the leader says of itself, which is one of the voters.
    #[must_use]
    pub fn leader_replica(&self) -> Option<&QuorumReplica> {
        self.voters.iter().find(|voter| voter.id == self.leader)
    }
}

impl Admin {
    /// The quorum, described by its leader.
    pub async fn describe_quorum(&self) -> Result<Quorum> {
        let request = DescribeQuorumRequest {
            topics: vec![TopicData {
                topic_name: Str::Borrowed(METADATA_TOPIC),
                partitions: vec![PartitionData { partition_index: 0 }],
            }],
        };
        self.retry(async || {
            let answer = self.ask_once(&request).await?;
            let response: DescribeQuorumResponse<'_> = answer.decode()?;
            read_quorum(&response)
        })
        .await
    }

    /// Makes a controller a voter (KIP-853).
    pub async fn add_voter(
        &self,
        id: i32,
        directory: DirectoryId,
        endpoints: &[ControllerEndpoint],
    ) -> Result<()> {
        let listeners = endpoints.iter().map(|endpoint| Listener {
            name: Str::Borrowed(&endpoint.listener),
            host: Str::Borrowed(&endpoint.host),
            port: endpoint.port,
        });
        let request = AddRaftVoterRequest {
            cluster_id: None,
            timeout_ms: self.timeout_ms(),
            voter_id: id,
            voter_directory_id: directory,
            listeners: listeners.collect(),
            ack_when_committed: true,
        };
        let answer = self.call(&request).await?;
        let response: AddRaftVoterResponse<'_> = answer.decode()?;
        verdict(response.error_code, response.error_message.as_deref())
    }

    /// Takes a controller out of the voters.
    pub async fn remove_voter(&self, id: i32, directory: DirectoryId) -> Result<()> {
        let request = RemoveRaftVoterRequest {
            cluster_id: None,
            voter_id: id,
            voter_directory_id: directory,
        };
        let answer = self.call(&request).await?;
        let response: RemoveRaftVoterResponse<'_> = answer.decode()?;
        verdict(response.error_code, response.error_message.as_deref())
    }
}

fn read_quorum(response: &DescribeQuorumResponse<'_>) -> Result<Quorum> {
    verdict(response.error_code, response.error_message.as_deref())?;
    let topic = response.topics.iter().find(|topic| topic.topic_name == METADATA_TOPIC);
    let partition = topic.and_then(|topic| topic.partitions.first());
    let partition = partition.ok_or_else(|| Error::protocol("a quorum without its partition"))?;
    verdict(partition.error_code, partition.error_message.as_deref())?;
    let endpoints = response.nodes.iter().map(|node| {
        let endpoints = node.listeners.iter().map(|listener| ControllerEndpoint {
            listener: listener.name.to_string(),
            host: listener.host.to_string(),
            port: listener.port,
        });
        (node.node_id, endpoints.collect())
    });
    Ok(Quorum {
        leader: partition.leader_id,
        leader_epoch: partition.leader_epoch,
        high_watermark: partition.high_watermark,
        voters: partition.current_voters.iter().map(read_replica).collect(),
        observers: partition.observers.iter().map(read_replica).collect(),
        endpoints: endpoints.collect(),
    })
}

fn read_replica(state: &ReplicaState) -> QuorumReplica {
    let known = |timestamp_ms: i64| Some(timestamp_ms).filter(|ms| *ms >= 0);
    QuorumReplica {
        id: state.replica_id,
        directory: state.replica_directory_id,
        log_end_offset: state.log_end_offset,
        last_fetch_ms: known(state.last_fetch_timestamp),
        last_caught_up_ms: known(state.last_caught_up_timestamp),
    }
}
