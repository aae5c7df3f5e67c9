//! Which broker coordinates a group.

use wire::find_coordinator_request::FindCoordinatorRequest;
use wire::find_coordinator_response::FindCoordinatorResponse;
use wire::{Request, Str};

use super::{ANY_VERSION, Cluster};
use crate::{Error, Node, Result};

/// From this version on several keys are asked for at once.
const KEYS_FROM: i16 = 4;

/// The id of the group's coordinator, which the cluster then knows how to reach.
pub(crate) async fn find(cluster: &Cluster, group: &str) -> Result<i32> {
    let connection = cluster.any_connection().await?;
    let version = connection.versions().pick::<FindCoordinatorRequest<'_>>(ANY_VERSION)?;
    let mut request = FindCoordinatorRequest::default();
    if version >= KEYS_FROM {
        request.coordinator_keys = vec![Str::Borrowed(group)];
    } else {
        request.key = Str::Borrowed(group);
    }
    let answer = connection.call(&request, version, cluster.config().request_timeout).await?;
    let response: FindCoordinatorResponse<'_> = answer.decode()?;
    let (node, host, port) = match response.coordinators.first() {
        Some(found) => {
            Error::check_explained(found.error_code, found.error_message.as_deref())?;
            (found.node_id, &found.host, found.port)
        }
        None if version >= KEYS_FROM => {
            let what = format!("{} without an answer", FindCoordinatorRequest::KEY.name());
            return Err(Error::protocol(what));
        }
        None => {
            Error::check_explained(response.error_code, response.error_message.as_deref())?;
            (response.node_id, &response.host, response.port)
        }
    };
    cluster.learn(Node { id: node, host: host.to_string(), port, rack: None });
    Ok(node)
}
