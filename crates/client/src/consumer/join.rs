//! Joining a group (classic protocol): one task, from finding the coordinator to the assignment.
//!
//! ```text
//! find coordinator ─▶ JoinGroup ─▶ (leader: assign) ─▶ SyncGroup ─▶ Joined, heartbeats run
//!        ▲               │ MEMBER_ID_REQUIRED: again with the id given out
//!        └── not coordinator, connection lost: again after a backoff
//! ```

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use types::ErrorCode;
use wire::join_group_request::{JoinGroupRequest, JoinGroupRequestProtocol};
use wire::join_group_response::JoinGroupResponse;
use wire::sync_group_request::{SyncGroupRequest, SyncGroupRequestAssignment};
use wire::sync_group_response::SyncGroupResponse;
use wire::{Blob, Str};

use super::assign::{self, Member, PartitionCounts};
use crate::cluster::{ANY_VERSION, Cluster, coordinator};
use crate::config::{AssignorKind, ConsumerConfig};
use crate::net::Lane;
use crate::{Error, Result, TopicPartition};

/// What the coordinator may take beyond the rebalance timeout.
const JOIN_MARGIN: Duration = Duration::from_secs(5);
const PROTOCOL_TYPE: &str = "consumer";

/// What a member brings along.
#[derive(Clone, Debug)]
pub(super) struct Candidate {
    pub config: Arc<ConsumerConfig>,
    pub group: String,
    /// Empty for a newcomer.
    pub member_id: String,
    pub topics: BTreeSet<Arc<str>>,
    pub owned: Vec<TopicPartition>,
    pub generation: i32,
    pub reason: &'static str,
}

/// A member's place in a generation.
#[derive(Clone, Debug)]
pub(super) struct Membership {
    pub coordinator: i32,
    pub member_id: String,
    pub generation: i32,
}

/// What became of a join.
pub(super) struct Joined {
    pub membership: Membership,
    pub kind: AssignorKind,
    pub partitions: BTreeSet<TopicPartition>,
    /// Of the leader: how many partitions each topic had when it assigned.
    pub led: Option<PartitionCounts>,
    pub heartbeat: Option<super::heartbeat::Heartbeat>,
}

/// Joins until it works or fails for good.
pub(super) async fn join(cluster: &Cluster, mut candidate: Candidate) -> Result<Joined> {
    let mut failures = 0;
    loop {
        let error = match attempt(cluster, &mut candidate).await {
            Ok(joined) => return Ok(joined),
            Err(error) => error,
        };
        tracing::debug!(%error, group = candidate.group, "joining again");
        match error.code() {
            ErrorCode::MemberIdRequired => continue,
            ErrorCode::UnknownMemberId | ErrorCode::IllegalGeneration => {
                candidate.member_id.clear();
                candidate.generation = -1;
                candidate.owned.clear();
            }
            ErrorCode::RebalanceInProgress => {}
            _ if error.is_retriable() => cluster.note(&error),
            _ => return Err(error),
        }
        tokio::time::sleep(cluster.backoff(failures)).await;
        failures += 1;
    }
}

async fn attempt(cluster: &Cluster, candidate: &mut Candidate) -> Result<Joined> {
    let coordinator = coordinator::find(cluster, &candidate.group).await?;
    let connection = cluster.connection(coordinator, Lane::Group).await?;
    let version = connection.versions().pick::<JoinGroupRequest<'_>>(ANY_VERSION)?;
    let subscriptions = subscriptions(candidate)?;
    let request = join_request(candidate, &subscriptions);
    let within = candidate.config.max_poll_interval + JOIN_MARGIN;
    let answer = connection.call(&request, version, within).await?;
    let response: JoinGroupResponse<'_> = answer.decode()?;
    let given_id = response.member_id.to_string();
    if response.error_code == ErrorCode::MemberIdRequired.code() {
        candidate.member_id = given_id;
        return Err(Error::broker(response.error_code));
    }
    Error::check(response.error_code)?;
    candidate.member_id = given_id;
    candidate.generation = response.generation_id;
    let name = response.protocol_name.as_deref().unwrap_or_default();
    let kind = AssignorKind::parse(name)
        .ok_or_else(|| Error::protocol(format!("the group chose assignor {name:?}")))?;
    let leads = response.leader == response.member_id && !response.skip_assignment;
    let (assignments, led) =
        if leads { lead(cluster, kind, &response).await? } else { (Vec::new(), None) };
    let partitions = sync(cluster, candidate, coordinator, name, assignments).await?;
    let member_id = candidate.member_id.clone();
    let membership = Membership { coordinator, member_id, generation: candidate.generation };
    Ok(Joined { membership, kind, partitions, led, heartbeat: None })
}

fn subscriptions(candidate: &Candidate) -> Result<Vec<(AssignorKind, Vec<u8>)>> {
    let member = Member {
        id: candidate.member_id.clone(),
        instance_id: candidate.config.group_instance_id.clone(),
        topics: candidate.topics.clone(),
        owned: candidate.owned.clone(),
        generation: candidate.generation,
        rack: candidate.config.client_rack.clone(),
    };
    let encode = |kind: &AssignorKind| Ok((*kind, assign::encode_subscription(*kind, &member)?));
    candidate.config.assignors.iter().map(encode).collect()
}

fn join_request<'a>(
    candidate: &'a Candidate,
    subscriptions: &'a [(AssignorKind, Vec<u8>)],
) -> JoinGroupRequest<'a> {
    let millis = |d: Duration| i32::try_from(d.as_millis()).unwrap_or(i32::MAX);
    let protocols = subscriptions.iter().map(|(kind, bytes)| JoinGroupRequestProtocol {
        name: Str::Borrowed(kind.name()),
        metadata: Blob::Borrowed(bytes),
    });
    JoinGroupRequest {
        group_id: Str::Borrowed(&candidate.group),
        session_timeout_ms: millis(candidate.config.session_timeout),
        rebalance_timeout_ms: millis(candidate.config.max_poll_interval),
        member_id: Str::Borrowed(&candidate.member_id),
        group_instance_id: candidate.config.group_instance_id.as_deref().map(Str::Borrowed),
        protocol_type: Str::Borrowed(PROTOCOL_TYPE),
        protocols: protocols.collect(),
        reason: Some(Str::Borrowed(candidate.reason)),
    }
}

type Assignments = Vec<(String, Vec<u8>)>;

/// The leader's part: shares out the partitions of everything that anybody is subscribed to.
async fn lead(
    cluster: &Cluster,
    kind: AssignorKind,
    response: &JoinGroupResponse<'_>,
) -> Result<(Assignments, Option<PartitionCounts>)> {
    let members: Vec<Member> = response
        .members
        .iter()
        .map(|m| {
            let instance = m.group_instance_id.as_deref();
            assign::decode_subscription(kind, &m.member_id, instance, &m.metadata)
        })
        .collect::<Result<_>>()?;
    let topics: BTreeSet<_> = members.iter().flat_map(|member| member.topics.iter()).collect();
    let mut asked_for_more = false;
    for topic in &topics {
        asked_for_more |= cluster.want(topic) || cluster.metadata().topic(topic).is_none();
    }
    let metadata = if asked_for_more {
        cluster.mark_stale();
        cluster.refresh().await?
    } else {
        cluster.fresh().await?
    };
    let counts: PartitionCounts = topics
        .into_iter()
        .filter_map(|topic| Some((Arc::clone(topic), metadata.topic(topic)?.partition_count())))
        .collect();
    let assignment = assign::assign(kind, &members, &counts);
    let encoded = assignment
        .into_iter()
        .map(|(member, partitions)| Ok((member, assign::encode_assignment(&partitions)?)))
        .collect::<Result<_>>()?;
    Ok((encoded, Some(counts)))
}

async fn sync(
    cluster: &Cluster,
    candidate: &Candidate,
    coordinator: i32,
    protocol_name: &str,
    assignments: Assignments,
) -> Result<BTreeSet<TopicPartition>> {
    let assignments = assignments.iter().map(|(member, bytes)| SyncGroupRequestAssignment {
        member_id: Str::Borrowed(member),
        assignment: Blob::Borrowed(bytes),
    });
    let request = SyncGroupRequest {
        group_id: Str::Borrowed(&candidate.group),
        generation_id: candidate.generation,
        member_id: Str::Borrowed(&candidate.member_id),
        group_instance_id: candidate.config.group_instance_id.as_deref().map(Str::Borrowed),
        protocol_type: Some(Str::Borrowed(PROTOCOL_TYPE)),
        protocol_name: Some(Str::Borrowed(protocol_name)),
        assignments: assignments.collect(),
    };
    let connection = cluster.connection(coordinator, Lane::Group).await?;
    let version = connection.versions().pick::<SyncGroupRequest<'_>>(ANY_VERSION)?;
    let within = candidate.config.max_poll_interval + JOIN_MARGIN;
    let answer = connection.call(&request, version, within).await?;
    let response: SyncGroupResponse<'_> = answer.decode()?;
    Error::check(response.error_code)?;
    Ok(assign::decode_assignment(&response.assignment)?.into_iter().collect())
}
