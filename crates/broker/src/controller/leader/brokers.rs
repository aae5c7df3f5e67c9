//! Brokers of other processes: they register, beat, and are known to be alive by that.

use log::Disk;
use metadata::BrokerRun;
use metadata::decide::{Heartbeat, RegisterBroker};
use metadata::image::BrokerRegistration;
use types::{ErrorCode, NodeId, TimestampMs};
use wire::broker_heartbeat_request::BrokerHeartbeatRequest;
use wire::broker_heartbeat_response::BrokerHeartbeatResponse;
use wire::broker_registration_request::BrokerRegistrationRequest;
use wire::broker_registration_response::BrokerRegistrationResponse;

use super::super::Controller;
use super::super::Unavailable;
use super::super::error::ControllerError;
use super::super::worker::Worker;

/// Of a broker that has not said how far it has read the metadata log.
const UNKNOWN_OFFSET: i64 = -1;

impl<D: Disk> Controller<D> {
    /// Registers a broker. One whose older process is still alive is refused.
    ///
    /// # Errors
    /// Where the controller is stopping or its disk fails.
    pub(crate) async fn register_broker(
        &self,
        request: BrokerRegistrationRequest<'static>,
    ) -> Result<BrokerRegistrationResponse, Unavailable> {
        self.ask(move |worker, now| {
            let broker = NodeId(request.broker_id);
            let known = worker.state.replay.latest().cluster().broker(broker);
            let session_alive = known.is_some_and(|known| {
                let run = BrokerRun { broker, epoch: known.epoch };
                // who has the sockets of a process that is cut off has taken its place
                let is_replaced = worker.sessions.is_cut_off(run) && listens_where(&request, known);
                worker.sessions.is_alive(worker.instant(), run) && !is_replaced
            });
            let cluster = &worker.membership.cluster_id;
            let command = RegisterBroker { request, cluster, session_alive };
            let reply = worker.state.decide(&command, now)?;
            if reply.error_code == ErrorCode::None.code() {
                worker.hear(broker, UNKNOWN_OFFSET);
            }
            Ok(reply)
        })
        .await
    }

    /// Takes a broker's heartbeat.
    ///
    /// # Errors
    /// Where the controller is stopping or its disk fails.
    pub(crate) async fn heartbeat(
        &self,
        request: BrokerHeartbeatRequest,
    ) -> Result<BrokerHeartbeatResponse, Unavailable> {
        self.ask(move |worker, now| worker.heartbeat(request, now)).await
    }
}

impl<D: Disk> Worker<D> {
    /// The broker lives, and has read the log as far as that.
    fn hear(&mut self, broker: NodeId, offset: i64) {
        let now = self.instant();
        if let Some(known) = self.state.replay.latest().cluster().broker(broker) {
            self.sessions.hear(now, known, offset);
        }
    }

    fn heartbeat(
        &mut self,
        request: BrokerHeartbeatRequest,
        now: TimestampMs,
    ) -> Result<BrokerHeartbeatResponse, ControllerError> {
        let broker = NodeId(request.broker_id);
        let offset = request.current_metadata_offset;
        let others_have_seen =
            self.sessions.all_have_seen(self.state.replay.latest().cluster(), broker);
        let reply = self.state.decide(&Heartbeat { request, others_have_seen }, now)?;
        if reply.error_code != ErrorCode::None.code() {
            return Ok(reply);
        }
        self.hear(broker, offset);
        let known = self.state.replay.latest().cluster().broker(broker);
        if known.is_some_and(|known| known.in_controlled_shutdown) {
            self.sessions.gave_up(broker, self.state.log.end_offset().0 - 1);
        }
        if reply.should_shut_down {
            // its next process need not wait for this one
            self.sessions.end(broker);
        }
        Ok(reply)
    }
}

/// Whether all listeners are the same: two processes of a host cannot have them both.
fn listens_where(request: &BrokerRegistrationRequest<'_>, known: &BrokerRegistration) -> bool {
    let asked = request.listeners.iter().map(|listener| (&*listener.host, listener.port));
    asked.eq(known.endpoints.iter().map(|endpoint| (&*endpoint.host, endpoint.port)))
}
