//! From a frame to its answer: read the header, check the version, call the one file that answers.
//!
//! To add an API: write `api/NN_name.rs` with
//!
//! ```text
//! pub(crate) async fn answer<'a>(
//!     context: &RequestContext<'_>,
//!     request: XRequest<'a>,
//! ) -> XResponse<'a>            // or XResponse<'static>
//! ```
//!
//! declare it in `api/mod.rs`, and add its line to [`routes!`] below. The line also advertises it.
//! A handler answers every request that decodes: errors are codes in the response. It runs on the
//! connection's task and may await; it must not block the thread.

use crate::api;
use crate::controller::{Controller, Forwarded, Unavailable};
use crate::fetch::epoch_error;
use crate::net::{ConnectionInfo, FileRange, ListenerKind, OtherEnd, Reply};
use crate::node::Node;
use crate::partition::Partition;
use std::fmt;
use std::sync::Arc;
use std::time::Instant;
use types::{ErrorCode, LeaderEpoch};
use wire::{ApiKey, DecodeError, EncodeError, Message, Reader, RequestHeader, Response};

/// What a handler knows besides the request itself.
pub(crate) struct RequestContext<'a> {
    pub node: &'a Arc<Node>,
    pub connection: &'a ConnectionInfo,
    pub peer: OtherEnd<'a>,
    pub version: i16,
    pub client_id: Option<&'a str>,
}

impl RequestContext<'_> {
    /// The controller, if this node is the active one.
    ///
    /// # Errors
    /// `NOT_CONTROLLER`.
    pub(crate) fn controller(&self) -> Result<&Controller, ErrorCode> {
        self.node.controller.active().ok_or(ErrorCode::NotController)
    }

    /// Has a command carried out. A client's goes to whichever node decides; who asks a controller
    /// looks for the active one himself, and is not to wait behind this one's search for it.
    ///
    /// # Errors
    /// Where there is no answer.
    pub(crate) async fn submit<C: Forwarded>(&self, command: C) -> Result<C::Reply, Unavailable> {
        match self.connection.kind {
            ListenerKind::Broker => self.node.controller.submit(command).await,
            ListenerKind::Controller => {
                let active = self.node.controller.active().ok_or(Unavailable::NotDone)?;
                active.submit(command).await
            }
        }
    }

    /// A partition that this node leads.
    ///
    /// # Errors
    /// `UNKNOWN_TOPIC_OR_PARTITION` or `NOT_LEADER_OR_FOLLOWER`.
    pub(crate) fn led_partition(
        &self,
        topic: &str,
        index: i32,
    ) -> Result<Arc<Partition>, ErrorCode> {
        self.led_partition_in(topic, index, LeaderEpoch::NONE)
    }

    /// A partition that this node leads, for a client that knows its leader of `epoch`.
    ///
    /// # Errors
    /// As [`Self::partition_in`], and `NOT_LEADER_OR_FOLLOWER`.
    pub(crate) fn led_partition_in(
        &self,
        topic: &str,
        index: i32,
        epoch: LeaderEpoch,
    ) -> Result<Arc<Partition>, ErrorCode> {
        let partition = self.partition_in(topic, index, epoch)?;
        match partition.led_by(self.node.settings.node_id) {
            Ok(_) => Ok(partition),
            Err(_) => Err(ErrorCode::NotLeaderOrFollower),
        }
    }

    /// A partition that this node leads or follows, for a client that knows its leader of `epoch`.
    ///
    /// # Errors
    /// `UNKNOWN_TOPIC_OR_PARTITION`; `FENCED_LEADER_EPOCH` and `UNKNOWN_LEADER_EPOCH` (rule 26).
    pub(crate) fn partition_in(
        &self,
        topic: &str,
        index: i32,
        epoch: LeaderEpoch,
    ) -> Result<Arc<Partition>, ErrorCode> {
        let partition = self.partition_here(topic, index)?;
        match epoch_error(epoch, partition.leader().epoch) {
            Some(code) => Err(code),
            None => Ok(partition),
        }
    }

    /// A partition that this node leads or follows.
    ///
    /// # Errors
    /// `UNKNOWN_TOPIC_OR_PARTITION`.
    pub(crate) fn partition_here(
        &self,
        topic: &str,
        index: i32,
    ) -> Result<Arc<Partition>, ErrorCode> {
        let topic = self.node.partitions.named(topic).ok_or(ErrorCode::UnknownTopicOrPartition)?;
        topic.partition(index).cloned().ok_or(ErrorCode::UnknownTopicOrPartition)
    }
}

/// Why a connection is closed instead of answered (rules 1 and 7).
#[derive(Debug)]
pub(crate) enum Refusal {
    /// Too short to hold a header.
    NoHeader {
        bytes: usize,
    },
    UnknownApi {
        key: i16,
    },
    UnsupportedVersion {
        api: ApiKey,
        version: i16,
    },
    Malformed {
        api: ApiKey,
        version: i16,
        source: DecodeError,
    },
    /// A produce request that wants no answer failed: closing is the only way to say so.
    UnacknowledgedError {
        error: ErrorCode,
    },
    /// The answer cannot be put in the version asked for: a defect of ours.
    Unencodable {
        api: ApiKey,
        version: i16,
        source: EncodeError,
    },
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoHeader { bytes } => write!(f, "a frame of {bytes} bytes holds no header"),
            Self::UnknownApi { key } => write!(f, "there is no API key {key}"),
            Self::UnsupportedVersion { api, version } => {
                write!(f, "version {version} of {} is not supported", api.name())
            }
            Self::Malformed { api, version, source } => {
                write!(f, "cannot read {} version {version}: {source}", api.name())
            }
            Self::UnacknowledgedError { error } => {
                write!(f, "a produce request with acks=0 failed with {}", error.name())
            }
            Self::Unencodable { api, version, source } => {
                write!(f, "cannot write the answer to {} version {version}: {source}", api.name())
            }
        }
    }
}

/// Key, version and correlation id, which stand first in every header version.
const FIXED_HEADER_BYTES: usize = 8;

/// One request being answered.
struct Exchange<'a> {
    api: ApiKey,
    version: i16,
    correlation_id: i32,
    /// What of the frame has not been read.
    body: Reader<'a>,
    /// Memory for the encoded answer.
    spare: Vec<u8>,
}

impl<'a> Exchange<'a> {
    /// Reads the request. Bytes behind it are let be, as Kafka does: librdkafka 2.16 sends three too
    /// many with the Metadata request for all topics.
    fn decode<Q: Message<'a>>(&mut self) -> Result<Q, Refusal> {
        let (api, version) = (self.api, self.version);
        let malformed = |source| Refusal::Malformed { api, version, source };
        Q::decode(&mut self.body, version).map_err(malformed)
    }

    /// Writes the answer; `ranges` is what its `Records::Range` fields point into.
    fn encode<'r, R: Response<'r>>(
        self,
        response: &R,
        ranges: Vec<FileRange>,
    ) -> Result<Option<Reply>, Refusal> {
        let Self { api, version, correlation_id, spare, .. } = self;
        wire::encode_response(correlation_id, response, version, spare)
            .map(|plan| Some(Reply { plan, ranges }))
            .map_err(|source| Refusal::Unencodable { api, version, source })
    }
}

/// Answers one frame. `None` where the request wants no answer.
pub(crate) async fn answer(
    node: &Arc<Node>,
    connection: &ConnectionInfo,
    peer: OtherEnd<'_>,
    frame: &[u8],
    spare: Vec<u8>,
) -> Result<Option<Reply>, Refusal> {
    let received = Instant::now();
    let Some((fixed, _)) = frame.split_first_chunk::<FIXED_HEADER_BYTES>() else {
        return Err(Refusal::NoHeader { bytes: frame.len() });
    };
    let [k0, k1, v0, v1, id @ ..] = *fixed;
    let (key, version) = (i16::from_be_bytes([k0, k1]), i16::from_be_bytes([v0, v1]));
    let correlation_id = i32::from_be_bytes(id);
    let known =
        ApiKey::from_i16(key).and_then(|api| Some((api, api::versions(api, connection.kind)?)));
    let (api, versions) = known.ok_or(Refusal::UnknownApi { key })?;
    let mut exchange = Exchange { api, version, correlation_id, body: Reader::new(frame), spare };
    if !versions.contains(version) {
        return refuse_version(exchange, connection.kind);
    }
    let header = RequestHeader::decode(&mut exchange.body, api.request_header_version(version))
        .map_err(|source| Refusal::Malformed { api, version, source })?;
    let client_id = header.client_id.as_deref();
    let context = RequestContext { node, connection, peer, version, client_id };
    let reply = route(&context, exchange).await;
    let sent =
        reply.as_ref().ok().and_then(Option::as_ref).map_or(0, |reply| reply.plan.total_bytes());
    node.metrics.requests.answered(api, received.elapsed(), frame.len(), sent);
    reply
}

/// An unknown version of ApiVersions is answered, so that newer clients find their way (rule 1).
fn refuse_version(
    exchange: Exchange<'_>,
    listener: ListenerKind,
) -> Result<Option<Reply>, Refusal> {
    let Exchange { api, version, .. } = exchange;
    match api {
        ApiKey::ApiVersions => {
            let response = api::api_versions::unsupported_version(listener);
            Exchange { version: 0, ..exchange }.encode(&response, Vec::new())
        }
        _ => Err(Refusal::UnsupportedVersion { api, version }),
    }
}

/// Decodes, calls and encodes; the request's type follows from the handler's.
macro_rules! typed {
    ($context:expr, $exchange:expr, $answer:path) => {{
        let request = $exchange.decode()?;
        let response = $answer($context, request).await;
        $exchange.encode(&response, Vec::new())
    }};
}

/// Produce and Fetch by hand; all others boxed, so that a connection's task stays small.
macro_rules! routes {
    ($($key:ident => $module:ident,)*) => {
        /// Every API that this server answers.
        pub(crate) const ADVERTISED: &[ApiKey] =
            &[ApiKey::Produce, ApiKey::Fetch, $(ApiKey::$key,)*];

        async fn route(
            context: &RequestContext<'_>,
            mut exchange: Exchange<'_>,
        ) -> Result<Option<Reply>, Refusal> {
            match exchange.api {
                ApiKey::Produce => produce(context, exchange).await,
                ApiKey::Fetch => fetch(context, exchange).await,
                $(ApiKey::$key => {
                    Box::pin(async move { typed!(context, exchange, api::$module::answer) }).await
                })*
                api => Err(Refusal::UnknownApi { key: api.code() }),
            }
        }
    };
}

routes! {
    ListOffsets => list_offsets,
    Metadata => metadata,
    OffsetCommit => offset_commit,
    OffsetFetch => offset_fetch,
    FindCoordinator => find_coordinator,
    JoinGroup => join_group,
    Heartbeat => heartbeat,
    LeaveGroup => leave_group,
    SyncGroup => sync_group,
    DescribeGroups => describe_groups,
    ListGroups => list_groups,
    ApiVersions => api_versions,
    CreateTopics => create_topics,
    DeleteTopics => delete_topics,
    DeleteRecords => delete_records,
    InitProducerId => init_producer_id,
    OffsetForLeaderEpoch => offset_for_leader_epoch,
    DescribeConfigs => describe_configs,
    AlterConfigs => alter_configs,
    AlterReplicaLogDirs => alter_replica_log_dirs,
    DescribeLogDirs => describe_log_dirs,
    CreatePartitions => create_partitions,
    DeleteGroups => delete_groups,
    ElectLeaders => elect_leaders,
    IncrementalAlterConfigs => incremental_alter_configs,
    OffsetDelete => offset_delete,
    UpdateFeatures => update_features,
    DescribeCluster => describe_cluster,
    DescribeProducers => describe_producers,
    ListConfigResources => list_config_resources,
    DescribeTopicPartitions => describe_topic_partitions,
    Vote => vote,
    BeginQuorumEpoch => begin_quorum_epoch,
    EndQuorumEpoch => end_quorum_epoch,
    DescribeQuorum => describe_quorum,
    AddRaftVoter => add_raft_voter,
    RemoveRaftVoter => remove_raft_voter,
    UpdateRaftVoter => update_raft_voter,
    Envelope => envelope,
    FetchSnapshot => fetch_snapshot,
    BrokerRegistration => broker_registration,
    BrokerHeartbeat => broker_heartbeat,
    UnregisterBroker => unregister_broker,
    AllocateProducerIds => allocate_producer_ids,
    ControllerRegistration => controller_registration,
    AlterPartition => alter_partition,
    AlterPartitionReassignments => alter_partition_reassignments,
    ListPartitionReassignments => list_partition_reassignments,
    UnregisterController => unregister_controller,
    AssignReplicasToDirs => assign_replicas_to_dirs,
}

async fn produce(
    context: &RequestContext<'_>,
    mut exchange: Exchange<'_>,
) -> Result<Option<Reply>, Refusal> {
    let request: wire::ProduceRequest<'_> = exchange.decode()?;
    let acks = request.acks;
    let response = api::produce::answer(context, request).await;
    if acks != api::produce::ACKS_NONE {
        return exchange.encode(&response, Vec::new());
    }
    match api::produce::first_error(&response) {
        None => Ok(None),
        Some(error) => Err(Refusal::UnacknowledgedError { error }),
    }
}

async fn fetch(
    context: &RequestContext<'_>,
    mut exchange: Exchange<'_>,
) -> Result<Option<Reply>, Refusal> {
    let request = exchange.decode()?;
    if context.connection.kind == ListenerKind::Controller {
        let response = api::fetch_metadata_log::answer(context, request).await;
        return exchange.encode(&response, Vec::new());
    }
    let fetched = api::fetch::answer(context, request).await;
    exchange.encode(&fetched.response, fetched.ranges)
}
