//! What the APIs of the quorum have in common: which requests are for it, and where its leader is.

use super::fetch_metadata_log::METADATA_TOPIC;
use crate::controller::Served;
use crate::dispatch::RequestContext;
use crate::net::ListenerKind;
use raft::message::LeaderInfo;
use raft::{Endpoint, Endpoints};
use types::{ErrorCode, NodeId};

/// From here on Vote, BeginQuorumEpoch and EndQuorumEpoch name directories and endpoints.
pub(super) const FIRST_VERSION_WITH_KEYS: i16 = 1;

/// Checks what every request of the quorum says: the cluster, and the only partition there is.
///
/// # Errors
/// `INCONSISTENT_CLUSTER_ID` or `INVALID_REQUEST`.
pub(super) fn only_partition<'p, P>(
    context: &RequestContext<'_>,
    cluster: Option<&str>,
    mut asked: impl Iterator<Item = (&'p str, i32, &'p P)>,
) -> Result<&'p P, ErrorCode> {
    check_cluster(context, cluster)?;
    match (asked.next(), asked.next()) {
        (Some((METADATA_TOPIC, 0, partition)), None) => Ok(partition),
        _ => Err(ErrorCode::InvalidRequest),
    }
}

/// # Errors
/// `INCONSISTENT_CLUSTER_ID`, where a cluster is named and is another.
pub(super) fn check_cluster(
    context: &RequestContext<'_>,
    cluster: Option<&str>,
) -> Result<(), ErrorCode> {
    match cluster {
        Some(cluster) if cluster != context.node.cluster_id => {
            Err(ErrorCode::InconsistentClusterId)
        }
        Some(_) | None => Ok(()),
    }
}

/// Whether this node's part of the quorum answers: on a broker's listener, only while it leads. Else
/// the request is passed on.
pub(super) fn is_served_here(context: &RequestContext<'_>) -> bool {
    context.connection.kind == ListenerKind::Controller
        || context.node.controller.active().is_some()
}

/// Has the quorum answer.
///
/// # Errors
/// `BROKER_NOT_AVAILABLE`, where it cannot.
pub(super) async fn serve(
    context: &RequestContext<'_>,
    request: raft::Request,
) -> Result<Served, ErrorCode> {
    let served = context.node.controller.quorum().serve(request).await;
    served.map_err(|_| ErrorCode::BrokerNotAvailable)
}

/// Where the leader is reached, on the listener that the request came in by.
pub(super) fn leader_endpoint<'l>(
    context: &RequestContext<'_>,
    leader: &'l LeaderInfo,
) -> Option<(NodeId, &'l Endpoint)> {
    let endpoint = leader.endpoints.get(&context.connection.listener)?;
    Some((leader.id?, endpoint))
}

/// The leader's id as the wire has it.
pub(super) fn leader_id(leader: &LeaderInfo) -> i32 {
    leader.id.unwrap_or(NodeId::NONE).0
}

/// Endpoints by the names of their listeners.
pub(super) fn endpoints(told: impl Iterator<Item = (String, String, u16)>) -> Endpoints {
    Endpoints(told.map(|(name, host, port)| (name, Endpoint { host, port })).collect())
}

/// The response to BeginQuorumEpoch and EndQuorumEpoch: the same fields, in types of their own.
macro_rules! epoch_response {
    ($module:ident::$response:ident, $context:expr, $answer:expr) => {{
        use wire::$module::{NodeEndpoint, PartitionData, TopicData, $response};
        let (context, answer): (&RequestContext<'_>, &raft::message::EpochAnswer) =
            ($context, $answer);
        let partition = PartitionData {
            partition_index: 0,
            error_code: answer.error.code(),
            leader_id: leader_id(&answer.leader),
            leader_epoch: answer.leader.epoch.0,
        };
        let endpoint = leader_endpoint(context, &answer.leader);
        let node = endpoint.map(|(id, endpoint)| NodeEndpoint {
            node_id: id.0,
            host: endpoint.host.clone().into(),
            port: endpoint.port,
        });
        let is_told = context.version >= FIRST_VERSION_WITH_KEYS;
        $response {
            error_code: ErrorCode::None.code(),
            topics: vec![TopicData {
                topic_name: METADATA_TOPIC.into(),
                partitions: vec![partition],
            }],
            node_endpoints: node.filter(|_| is_told).into_iter().collect(),
        }
    }};
}

pub(super) use epoch_response;
