//! Telling the coordinator that we live, in the background, and hearing from it what we must do.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use types::ErrorCode;
use wire::Str;
use wire::heartbeat_request::HeartbeatRequest;
use wire::heartbeat_response::HeartbeatResponse;
use wire::leave_group_request::{LeaveGroupRequest, MemberIdentity};
use wire::leave_group_response::LeaveGroupResponse;

use super::join::Membership;
use crate::cluster::{ANY_VERSION, Cluster, coordinator};
use crate::config::ConsumerConfig;
use crate::net::Lane;
use crate::{Error, Result};

/// From this version on several members leave at once.
const LEAVE_MEMBERS_FROM: i16 = 3;

/// What the last heartbeat meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Go on.
    Fine,
    /// Join again: the group is rebalancing.
    Rebalance,
    /// The membership is gone: join again as a newcomer.
    Lost,
    /// Another consumer has our `group.instance.id`.
    Fenced,
    /// The application stayed away for too long, so we left.
    PolledTooLate,
}

/// A running heartbeat. Dropping it stops it.
pub(super) struct Heartbeat {
    state: Arc<State>,
    task: JoinHandle<()>,
}

struct State {
    verdict: Mutex<Verdict>,
    last_poll: Mutex<Instant>,
}

impl State {
    fn set(&self, verdict: Verdict) {
        *self.verdict.lock().unwrap_or_else(PoisonError::into_inner) = verdict;
    }
}

impl Heartbeat {
    /// Starts beating for `membership`; `wake` is told about every verdict that is not fine.
    pub(super) fn start(
        cluster: Arc<Cluster>,
        config: Arc<ConsumerConfig>,
        group: String,
        membership: Membership,
        wake: Arc<Notify>,
    ) -> Self {
        let state = Arc::new(State {
            verdict: Mutex::new(Verdict::Fine),
            last_poll: Mutex::new(Instant::now()),
        });
        let shared = Arc::clone(&state);
        let task = tokio::spawn(async move {
            let verdict = beat(&cluster, &config, &group, membership, &shared).await;
            shared.set(verdict);
            wake.notify_one();
        });
        Self { state, task }
    }

    pub(super) fn verdict(&self) -> Verdict {
        *self.state.verdict.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The application is alive.
    pub(super) fn polled(&self) {
        *self.state.last_poll.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }
}

impl Drop for Heartbeat {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Beats until there is something to tell.
async fn beat(
    cluster: &Cluster,
    config: &ConsumerConfig,
    group: &str,
    mut membership: Membership,
    state: &State,
) -> Verdict {
    let mut last_success = Instant::now();
    loop {
        tokio::time::sleep(config.heartbeat_interval).await;
        let last_poll = *state.last_poll.lock().unwrap_or_else(PoisonError::into_inner);
        if last_poll.elapsed() > config.max_poll_interval {
            let reason = "consumer poll timeout has expired.";
            if let Err(error) = leave(cluster, config, group, &membership, reason).await {
                tracing::debug!(%error, "cannot leave the group");
            }
            return Verdict::PolledTooLate;
        }
        let code = match send(cluster, config, group, &membership).await {
            Ok(code) => code,
            Err(error) => {
                tracing::debug!(%error, "a heartbeat is lost");
                ErrorCode::NotCoordinator
            }
        };
        match code {
            ErrorCode::None => last_success = Instant::now(),
            ErrorCode::RebalanceInProgress => return Verdict::Rebalance,
            ErrorCode::UnknownMemberId | ErrorCode::IllegalGeneration => return Verdict::Lost,
            ErrorCode::FencedInstanceId => return Verdict::Fenced,
            _ if last_success.elapsed() > config.session_timeout => return Verdict::Lost,
            _ => {
                tokio::time::sleep(cluster.backoff(0).min(Duration::from_secs(1))).await;
                if let Ok(found) = coordinator::find(cluster, group).await {
                    membership.coordinator = found;
                }
            }
        }
    }
}

async fn send(
    cluster: &Cluster,
    config: &ConsumerConfig,
    group: &str,
    membership: &Membership,
) -> Result<ErrorCode> {
    let request = HeartbeatRequest {
        group_id: Str::Borrowed(group),
        generation_id: membership.generation,
        member_id: Str::Borrowed(&membership.member_id),
        group_instance_id: config.group_instance_id.as_deref().map(Str::Borrowed),
    };
    let node = membership.coordinator;
    let answer = cluster.call_node(node, Lane::Group, &request, ANY_VERSION).await?;
    let response: HeartbeatResponse = answer.decode()?;
    Ok(ErrorCode::from_wire(response.error_code))
}

/// Leaves the group so that the others need not wait for the session to expire.
pub(super) async fn leave(
    cluster: &Cluster,
    config: &ConsumerConfig,
    group: &str,
    membership: &Membership,
    reason: &str,
) -> Result<()> {
    let connection = cluster.connection(membership.coordinator, Lane::Group).await?;
    let version = connection.versions().pick::<LeaveGroupRequest<'_>>(ANY_VERSION)?;
    let mut request = LeaveGroupRequest { group_id: Str::Borrowed(group), ..Default::default() };
    if version >= LEAVE_MEMBERS_FROM {
        request.members = vec![MemberIdentity {
            member_id: Str::Borrowed(&membership.member_id),
            group_instance_id: config.group_instance_id.as_deref().map(Str::Borrowed),
            reason: Some(Str::Borrowed(reason)),
        }];
    } else {
        request.member_id = Str::Borrowed(&membership.member_id);
    }
    let answer = connection.call(&request, version, config.client.request_timeout).await?;
    let response: LeaveGroupResponse<'_> = answer.decode()?;
    Error::check(response.error_code)
}
