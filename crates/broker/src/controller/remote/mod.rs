//! A broker's dealings with an active controller that may be another node: it registers and beats
//! there, and what clients ask of the controller is passed on.
//!
//! ```text
//!                    ┌ worker     the quorum's log ─▶ ArcSwap<Image>
//! controller thread ─┼ Lifecycle  BrokerRegistration, BrokerHeartbeat
//!                    └ Lines      connections of that, and of RemoteController::submit
//! ```
//! Answers come in order, so three connections lead there: what a client has to wait for holds up
//! neither heartbeats nor changes of who is in sync.

mod forward;
mod lifecycle;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use metadata::config::ServerConfig;
use tokio::sync::watch;
use types::NodeId;

pub(crate) use forward::{Forwarded, ResponseOf};

use super::Beside;
use super::membership::Membership;
use super::outside::{Published, Shared};
use super::settings::millis;
use crate::peer::{Line, Peer, PeerError, Spoken, Trouble};
use lifecycle::Lifecycle;

/// As whom the controller sees this node.
pub(super) const CLIENT_ID: &str = "klamm";

/// How long this broker waits for what.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Patience {
    /// `broker.heartbeat.interval.ms`.
    pub heartbeat: Duration,
    /// `broker.session.timeout.ms`.
    pub session: Duration,
    /// `initial.broker.registration.timeout.ms`.
    pub registration: Duration,
    /// `request.timeout.ms`.
    pub request: Duration,
    /// `log.dir.failure.timeout.ms`.
    pub directory_failure: Duration,
}

impl Patience {
    pub(crate) fn from_config(config: &ServerConfig) -> Self {
        let time = |key| millis(config, key);
        Self {
            heartbeat: time("broker.heartbeat.interval.ms"),
            session: time("broker.session.timeout.ms"),
            registration: time("initial.broker.registration.timeout.ms"),
            request: time("request.timeout.ms"),
            directory_failure: time("log.dir.failure.timeout.ms"),
        }
    }
}

/// Where this broker is in its life.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// Not registered, not caught up, or fenced since the start.
    Starting,
    /// The controller has let it in.
    InService,
    /// The controller has let it go.
    Left,
    /// It cannot go on.
    Failed(String),
}

/// What is wanted of the broker's life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Order {
    Serve,
    Leave,
}

/// The way to the active controller, wherever it is, shared by all handlers.
pub(crate) struct RemoteController {
    shared: Arc<Shared>,
    published: Arc<Published>,
    /// As which broker the cluster knows this node.
    node: NodeId,
    /// What clients ask.
    forwarding: Peer,
    /// What this broker asks for itself.
    own: Peer,
    /// What the controller speaks, known from the connection on which this broker beats.
    spoken: watch::Receiver<Option<Arc<Spoken>>>,
    orders: watch::Sender<Order>,
    /// Why commands are not carried out.
    trouble: Trouble,
}

/// What a broker's life needs done on the controller's thread.
struct Tasks {
    lifecycle: Lifecycle,
    lines: [Line; 3],
    /// Alone, the broker was registered beside its controller, which knows that it lives; that it
    /// wants to leave, it must say as all others do.
    alone: watch::Receiver<bool>,
}

impl RemoteController {
    /// The way, and what has to run for it. Whether the broker is let in is known later: see
    /// [`Self::stage`].
    pub(super) fn new(
        membership: Membership,
        patience: Patience,
        published: &Arc<Published>,
        shared: &Arc<Shared>,
    ) -> (Self, Beside) {
        let address = || shared.controller.subscribe();
        let (forwarding, forwarding_line) = Peer::new(CLIENT_ID, address(), patience.request);
        let (own, own_line) = Peer::new(CLIENT_ID, address(), patience.request);
        let (beats, beating_line) = Peer::new(CLIENT_ID, address(), patience.session);
        let (orders, ordered) = watch::channel(Order::Serve);
        let (node, spoken) = (membership.node, beats.spoken());
        let lifecycle = Lifecycle {
            membership,
            patience,
            controller: beats,
            published: Arc::clone(published),
            shared: Arc::clone(shared),
            orders: ordered,
        };
        let alone = shared.alone.subscribe();
        let lines = [forwarding_line, own_line, beating_line];
        let tasks = Tasks { lifecycle, lines, alone };
        let (shared, published) = (Arc::clone(shared), Arc::clone(published));
        let trouble = Trouble::default();
        let remote = Self { shared, published, node, forwarding, own, spoken, orders, trouble };
        (remote, Box::pin(tasks.run()))
    }

    /// Notes whether the controller has answered, and tells where that has changed.
    fn noted<T>(&self, answer: Result<T, PeerError>) -> Result<T, PeerError> {
        match &answer {
            Ok(_) if self.trouble.is_over() => tracing::info!("the controller answers again"),
            Err(error) if self.trouble.is_news(error) => {
                tracing::warn!(%error, "the controller does not answer");
            }
            Ok(_) | Err(_) => {}
        }
        answer
    }

    /// Where this broker is in its life.
    pub(crate) fn stage(&self) -> watch::Receiver<Stage> {
        self.shared.stage.subscribe()
    }

    /// Tells the controller that this broker stops, and waits until it may, at most `patience`.
    /// Returns whether it may.
    pub(crate) async fn leave(&self, patience: Duration) -> bool {
        let mut stage = self.stage();
        let is_known = self.shared.broker_epoch().is_some();
        let has_others = !*self.shared.alone.borrow() || self.has_neighbours();
        if !has_others || !is_known || matches!(*stage.borrow(), Stage::Failed(_)) {
            return false;
        }
        self.orders.send_replace(Order::Leave);
        let left = stage.wait_for(|stage| matches!(stage, Stage::Left | Stage::Failed(_)));
        match tokio::time::timeout(patience, left).await {
            Ok(stage) => stage.is_ok_and(|stage| *stage == Stage::Left),
            Err(_) => {
                tracing::warn!("the controller does not let this broker go; it stops all the same");
                false
            }
        }
    }

    /// Whether another broker is in service, which may take over what this one leads.
    fn has_neighbours(&self) -> bool {
        let image = self.published.image.load();
        let mut brokers = image.cluster().brokers.values();
        brokers.any(|broker| broker.id != self.node && broker.is_active())
    }
}

impl fmt::Debug for RemoteController {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RemoteController").field("shared", &self.shared).finish()
    }
}

impl Tasks {
    async fn run(self) {
        let Self { lifecycle, lines: [forwarding, own, beating], mut alone } = self;
        let mut orders = lifecycle.orders.clone();
        let live = async {
            // the channels last as long as the controller does
            tokio::select! {
                _ = alone.wait_for(|alone| !alone) => {}
                _ = orders.wait_for(|order| *order == Order::Leave) => {}
            }
            lifecycle.run().await;
        };
        tokio::join!(live, forwarding.run(), own.run(), beating.run());
    }
}
