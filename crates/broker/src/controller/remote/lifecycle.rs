//! A broker's life at the controller: it registers, beats, is let in, and takes its leave.

use std::sync::Arc;
use std::time::Duration;

use metadata::MetadataVersion;
use tokio::sync::watch;
use tokio::time::Instant;
use types::{BrokerEpoch, ErrorCode, Offset};
use wire::broker_heartbeat_request::BrokerHeartbeatRequest;
use wire::broker_heartbeat_response::BrokerHeartbeatResponse;
use wire::broker_registration_request::BrokerRegistrationRequest;

use super::super::membership::Membership;
use super::{Order, Patience, Published, Shared, Stage};
use crate::peer::{Peer, PeerError, Trouble};

/// Between attempts to register.
const REGISTRATION_PAUSE: Duration = Duration::from_millis(100);
/// Between the heartbeats of a broker that wants to stop: it waits for that alone. Doubled with each
/// that is lost, up to the longest: nobody may be left to let it go.
const LEAVING_PAUSE: Duration = Duration::from_millis(5);
const LEAVING_PAUSE_MAX: Duration = Duration::from_millis(40);

pub(super) struct Lifecycle {
    pub membership: Membership,
    pub patience: Patience,
    pub controller: Peer,
    pub published: Arc<Published>,
    pub shared: Arc<Shared>,
    pub orders: watch::Receiver<Order>,
}

/// Directories that have failed, of which the controller has not heard yet.
#[derive(Debug, Default)]
struct Untold {
    told: usize,
    since: Option<Instant>,
}

impl Untold {
    fn are_told(&mut self, failed: usize) {
        (self.told, self.since) = (failed, None);
    }

    /// Whether one of those is left for longer than `patience`.
    fn is_over(&mut self, failed: usize, now: Instant, patience: Duration) -> bool {
        if failed == self.told {
            return false;
        }
        now.duration_since(*self.since.get_or_insert(now)) >= patience
    }
}

impl Lifecycle {
    /// Lives until the controller lets it go, then waits to be dropped; returns where it failed.
    pub async fn run(mut self) {
        // a controller that was alone has registered the broker beside it
        if self.shared.broker_epoch().is_none() {
            let Some(epoch) = self.register().await else { return };
            self.shared.set_broker_epoch(epoch);
            self.catch_up(epoch).await;
        }
        let Some(epoch) = self.shared.broker_epoch() else { return };
        let mut applied = self.shared.applied.subscribe();
        let mut ordered = self.orders.clone();
        let broker = self.membership.broker.as_ref().expect("only brokers register");
        let mut news = broker.directory_news.clone();
        let mut untold = Untold::default();
        let (trouble, mut leaving_pause) = (Trouble::default(), LEAVING_PAUSE);
        loop {
            let is_leaving = *ordered.borrow_and_update() != Order::Serve;
            let at = *applied.borrow_and_update();
            let failed = news.borrow_and_update().offline.len();
            match self.beat(epoch, at, is_leaving).await {
                Ok(reply) => {
                    untold.are_told(failed);
                    leaving_pause = LEAVING_PAUSE;
                    if trouble.is_over() {
                        tracing::info!("heartbeats are answered again");
                    }
                    self.take(&reply, is_leaving);
                    self.tell_directories().await;
                }
                Err(PeerError::Refused(ErrorCode::StaleBrokerEpoch))
                    if self.is_displaced(epoch) =>
                {
                    self.shared.fail("another process has registered with this node's id");
                }
                Err(error) => {
                    leaving_pause = LEAVING_PAUSE_MAX.min(leaving_pause * 2);
                    if trouble.is_news(&error) {
                        tracing::warn!(%error, "heartbeats are lost");
                    }
                }
            }
            if untold.is_over(failed, Instant::now(), self.patience.directory_failure) {
                self.shared.fail("the controller could not be told in time of a failed directory");
            }
            let stage = self.shared.stage.borrow().clone();
            match stage {
                Stage::Left => std::future::pending().await,
                Stage::Failed(_) => return,
                Stage::Starting | Stage::InService => {}
            }
            let pause = if is_leaving { leaving_pause } else { self.patience.heartbeat };
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                _ = ordered.changed() => {}
                Ok(()) = news.changed() => {}
                () = self.is_waited_for(&mut applied, &stage) => {}
            }
        }
    }

    /// Returns when the controller waits to hear how far the image is by now: of a broker on its
    /// way in, and of all others while one is on its way out, which may go when they know.
    async fn is_waited_for(&self, applied: &mut watch::Receiver<Offset>, stage: &Stage) {
        while applied.changed().await.is_ok() {
            let image = self.published.image.load();
            let mut brokers = image.cluster().brokers.values();
            let one_goes = brokers.any(|broker| broker.in_controlled_shutdown && !broker.fenced);
            if *stage == Stage::Starting || one_goes {
                return;
            }
        }
        // nothing is applied any more
        std::future::pending().await
    }

    /// Registers once more where the registration is of before the cluster's release knew
    /// directories. The next heartbeat tries again where that fails.
    async fn tell_directories(&self) {
        let lacks_directories = {
            let image = self.published.image.load();
            let registered = image.cluster().broker(self.membership.node);
            image.features().metadata_version() >= MetadataVersion::DIRECTORIES
                && registered.is_some_and(|known| {
                    known.directories.is_empty() && known.incarnation == self.membership.incarnation
                })
        };
        if lacks_directories && let Err(error) = self.ask_to_register().await {
            tracing::warn!(%error, "the controller is not told of the log directories");
        }
    }

    /// Tries until the controller says yes, or the time for it is over.
    async fn register(&mut self) -> Option<BrokerEpoch> {
        let until = Instant::now() + self.patience.registration;
        let trouble = Trouble::default();
        loop {
            let why = match self.ask_to_register().await {
                Ok(epoch) => return Some(epoch),
                Err(PeerError::Refused(code @ ErrorCode::InconsistentClusterId)) => {
                    let why = format!("the controller refuses to register it: {}", code.name());
                    self.shared.fail(&why);
                    return None;
                }
                Err(error) => error,
            };
            if Instant::now() >= until {
                let why = format!("it could not register with the controller in time: {why}");
                self.shared.fail(&why);
                return None;
            }
            if trouble.is_news(&why) {
                tracing::warn!(%why, "cannot register with the controller; trying again");
            }
            tokio::select! {
                () = tokio::time::sleep(REGISTRATION_PAUSE) => {}
                _ = self.orders.wait_for(|order| *order != Order::Serve) => return None,
            }
        }
    }

    async fn ask_to_register(&self) -> Result<BrokerEpoch, PeerError> {
        let broker = self.membership.broker.as_ref().expect("only brokers register");
        let request = self.membership.broker_request(broker);
        let answered = self.controller.call(request).await?;
        let response = answered.read::<BrokerRegistrationRequest<'static>>()?;
        match ErrorCode::from_wire(response.error_code) {
            ErrorCode::None => Ok(BrokerEpoch(response.broker_epoch)),
            code => Err(PeerError::Refused(code)),
        }
    }

    /// Waits until the image has this registration, but not longer than a heartbeat may take.
    async fn catch_up(&self, epoch: BrokerEpoch) {
        let mut applied = self.shared.applied.subscribe();
        let caught_up = applied.wait_for(|applied| applied.0 > epoch.0);
        // not being there in time is no fault: heartbeats tell the controller how far this is
        let _ = tokio::time::timeout(self.patience.heartbeat, caught_up).await;
    }

    async fn beat(
        &self,
        epoch: BrokerEpoch,
        applied: Offset,
        want_shut_down: bool,
    ) -> Result<BrokerHeartbeatResponse, PeerError> {
        let current_metadata_offset = applied.0 - 1;
        let news = self.membership.directory_news();
        let request = BrokerHeartbeatRequest {
            broker_id: self.membership.node.0,
            broker_epoch: epoch.0,
            current_metadata_offset,
            want_fence: current_metadata_offset < epoch.0,
            want_shut_down,
            offline_log_dirs: news.offline,
            cordoned_log_dirs: Some(news.cordoned),
        };
        let answered = self.controller.call(request).await?;
        let response = answered.read::<BrokerHeartbeatRequest>()?;
        match ErrorCode::from_wire(response.error_code) {
            ErrorCode::None => Ok(response),
            code => Err(PeerError::Refused(code)),
        }
    }

    /// Whether another process is this broker by now, which the controller lets be where this one
    /// was silent for a session. What that one leads, this one must not take for its own.
    fn is_displaced(&self, epoch: BrokerEpoch) -> bool {
        let image = self.published.image.load();
        let registered = image.cluster().broker(self.membership.node);
        registered.is_some_and(|known| {
            known.epoch > epoch && known.incarnation != self.membership.incarnation
        })
    }

    fn take(&self, reply: &BrokerHeartbeatResponse, is_leaving: bool) {
        let known = self.shared.stage.borrow().clone();
        let next = match known {
            Stage::Starting | Stage::InService if reply.should_shut_down && is_leaving => {
                Stage::Left
            }
            Stage::Starting if !reply.is_fenced && self.is_let_in() => Stage::InService,
            other => other,
        };
        self.shared.stage.send_if_modified(|stage| {
            let changes = *stage != next;
            *stage = next;
            changes
        });
    }

    /// Whether this node's own image says so too: clients are shown that image.
    fn is_let_in(&self) -> bool {
        self.published.image.load().is_active(self.membership.node)
    }
}
