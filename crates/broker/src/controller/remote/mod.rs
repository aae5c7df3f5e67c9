//! The controller in another process: its log is copied, this broker registers and beats, and what
//! clients ask of the controller is passed on.
//!
//! ```text
//!               ┌ Observer   Fetch, FetchSnapshot ─▶ own __cluster_metadata-0 ─▶ ArcSwap<Image>
//! one thread ───┼ Lifecycle  BrokerRegistration, BrokerHeartbeat
//!               └ Lines      connections of the two, and of RemoteController::submit (Envelope)
//! ```

mod follower;
mod forward;
mod lifecycle;
mod observer;
#[cfg(test)]
mod tests;

use std::fmt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicI16, AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use arc_swap::ArcSwap;
use log::RealDisk;
use metadata::config::ServerConfig;
use metadata::image::Image;
use tokio::sync::watch;
use types::{BrokerEpoch, DirectoryId, NodeId, Offset};

pub(crate) use forward::Forwarded;

use super::error::ControllerError;
use super::membership::Membership;
use super::metadata_log::MetadataLogSettings;
use super::worker::now;
use super::{ImageListener, Published, Unavailable, millis};
use crate::peer::{Address, Line, Peer};
use follower::Follower;
use lifecycle::Lifecycle;
use observer::{Observer, Routes};

/// The epoch of a broker that has not registered.
const NO_EPOCH: i64 = -1;

/// As whom the controller sees this node.
const CLIENT_ID: &str = "klamm";

/// How long the leader may hold a fetch of the metadata log (Kafka's time).
const FETCH_WAIT: Duration = Duration::from_millis(500);

/// Everything that a broker without a controller of its own is started with.
#[derive(Clone, Debug)]
pub(crate) struct RemoteSettings {
    /// `metadata.log.dir`, or the first of `log.dirs`.
    pub directory: PathBuf,
    pub directory_id: DirectoryId,
    pub membership: Membership,
    /// Voters of `controller.quorum.voters` with their addresses.
    pub voters: Vec<(NodeId, Address)>,
    /// `controller.quorum.bootstrap.servers`.
    pub bootstrap: Vec<Address>,
    pub log: MetadataLogSettings,
    pub patience: Patience,
}

/// How long this broker waits for what.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Patience {
    /// `broker.heartbeat.interval.ms`.
    pub heartbeat: Duration,
    /// `broker.session.timeout.ms`.
    pub session: Duration,
    /// `initial.broker.registration.timeout.ms`.
    pub registration: Duration,
    /// `controller.quorum.request.timeout.ms`.
    pub fetch: Duration,
    /// `request.timeout.ms`.
    pub request: Duration,
}

impl RemoteSettings {
    pub(crate) fn from_config(
        config: &ServerConfig,
        membership: Membership,
        directory_id: DirectoryId,
    ) -> Self {
        let address = |voter: &metadata::config::Voter| {
            (voter.id, Address { host: voter.host.clone(), port: voter.port })
        };
        let time = |key| millis(config, key);
        Self {
            directory: PathBuf::from(&config.metadata_log_dir),
            directory_id,
            membership,
            voters: config.quorum.voters.iter().map(address).collect(),
            bootstrap: config
                .quorum
                .bootstrap_servers
                .iter()
                .filter_map(|server| parse(server))
                .collect(),
            log: MetadataLogSettings::from_config(config),
            patience: Patience {
                heartbeat: time("broker.heartbeat.interval.ms"),
                session: time("broker.session.timeout.ms"),
                registration: time("initial.broker.registration.timeout.ms"),
                fetch: time("controller.quorum.request.timeout.ms"),
                request: time("request.timeout.ms"),
            },
        }
    }
}

fn parse(server: &str) -> Option<Address> {
    let (host, port) = server.rsplit_once(':')?;
    let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
    Some(Address { host, port: port.parse().ok()? })
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

/// What is wanted of the thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Order {
    Serve,
    Leave,
    Stop,
}

/// What both loops of the thread and all handlers see.
#[derive(Debug)]
struct Shared {
    /// [`NO_EPOCH`] while there is none.
    broker_epoch: AtomicI64,
    kraft_version: AtomicI16,
    stage: watch::Sender<Stage>,
    /// The end of what is applied to the image.
    applied: watch::Sender<Offset>,
}

/// The way to a controller in another process, shared by all handlers.
pub(crate) struct RemoteController {
    published: Arc<Published>,
    shared: Arc<Shared>,
    controller: Peer,
    orders: watch::Sender<Order>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl RemoteController {
    /// Opens this node's copy of the metadata log and starts to follow the quorum. Whether that
    /// succeeds is known later: see [`Self::stage`].
    ///
    /// # Errors
    /// Where the copy cannot be opened, or the thread not be started.
    pub(crate) fn start(
        settings: RemoteSettings,
        listener: ImageListener,
    ) -> Result<Self, ControllerError> {
        let voters = settings.voters.iter().map(|(id, _)| *id).collect();
        let log = settings.log.clone();
        let follower = Follower::open(RealDisk, &settings.directory, log, voters, now())?;
        let published = Arc::new(Published {
            image: ArcSwap::default(),
            committed: watch::Sender::new(Offset(0)),
            listener,
        });
        let shared = Arc::new(Shared {
            broker_epoch: AtomicI64::new(NO_EPOCH),
            kraft_version: AtomicI16::new(follower.kraft_version()),
            stage: watch::Sender::new(Stage::Starting),
            applied: watch::Sender::new(Offset(0)),
        });
        let routes = Routes::new(&settings);
        let patience = settings.patience;
        let (controller, forwarding) = Peer::new(CLIENT_ID, routes.controller(), patience.request);
        let (orders, ordered) = watch::channel(Order::Serve);
        let thread = Thread {
            settings,
            routes,
            follower,
            published: Arc::clone(&published),
            shared: Arc::clone(&shared),
            orders: ordered,
            forwarding,
        };
        let thread = Mutex::new(Some(thread.spawn()?));
        Ok(Self { published, shared, controller, orders, thread })
    }

    pub(crate) fn image(&self) -> Arc<Image> {
        self.published.image.load_full()
    }

    pub(crate) fn broker_epoch(&self) -> Option<BrokerEpoch> {
        let epoch = self.shared.broker_epoch.load(Ordering::Acquire);
        (epoch != NO_EPOCH).then_some(BrokerEpoch(epoch))
    }

    pub(crate) fn kraft_version(&self) -> i16 {
        self.shared.kraft_version.load(Ordering::Acquire)
    }

    /// Where this broker is in its life.
    pub(crate) fn stage(&self) -> watch::Receiver<Stage> {
        self.shared.stage.subscribe()
    }

    /// Tells the controller that this broker stops, and waits until it may, at most `patience`.
    pub(crate) async fn leave(&self, patience: Duration) {
        let mut stage = self.stage();
        let is_known = self.broker_epoch().is_some();
        if !is_known || matches!(*stage.borrow(), Stage::Failed(_)) {
            return;
        }
        self.orders.send_replace(Order::Leave);
        let left = stage.wait_for(|stage| matches!(stage, Stage::Left | Stage::Failed(_)));
        if tokio::time::timeout(patience, left).await.is_err() {
            tracing::warn!("the controller does not let this broker go; it stops all the same");
        }
    }

    /// Ends the thread. Blocks until it has.
    pub(crate) fn stop(&self) {
        self.orders.send_replace(Order::Stop);
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if thread.is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the thread that follows the controller panicked");
        }
    }
}

impl Drop for RemoteController {
    fn drop(&mut self) {
        self.stop();
    }
}

impl fmt::Debug for RemoteController {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RemoteController").field("shared", &self.shared).finish()
    }
}

/// What the thread is started with.
struct Thread {
    settings: RemoteSettings,
    routes: Routes,
    follower: Follower<RealDisk>,
    published: Arc<Published>,
    shared: Arc<Shared>,
    orders: watch::Receiver<Order>,
    forwarding: Line,
}

impl Thread {
    fn spawn(self) -> Result<JoinHandle<()>, ControllerError> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .max_blocking_threads(1)
            .thread_name("klamm-resolve")
            .build()
            .map_err(ControllerError::Thread)?;
        let thread = std::thread::Builder::new().name("controller".to_owned());
        thread.spawn(move || runtime.block_on(self.run())).map_err(ControllerError::Thread)
    }

    async fn run(self) {
        let Self { settings, routes, follower, published, shared, orders, forwarding } = self;
        let patience = settings.patience;
        let (leader, fetching) =
            Peer::new(CLIENT_ID, routes.fetching(), FETCH_WAIT + patience.fetch);
        let (controller, beating) = Peer::new(CLIENT_ID, routes.controller(), patience.session);
        let mut stop = orders.clone();
        let lifecycle = Lifecycle {
            membership: settings.membership.clone(),
            patience,
            controller,
            published: Arc::clone(&published),
            shared: Arc::clone(&shared),
            orders,
        };
        let mut observer =
            Observer::new(settings, routes, leader, follower, published, Arc::clone(&shared));
        tokio::select! {
            error = observer.run() => shared.fail(&error.to_string()),
            // both end only when they have failed and said so
            () = lifecycle.run() => {}
            () = async { tokio::join!(fetching.run(), beating.run(), forwarding.run()); } => {}
            _ = stop.wait_for(|order| *order == Order::Stop) => {}
        }
        if let Err(error) = observer.close() {
            tracing::error!(%error, "the copy of the metadata log is not left in order");
        }
    }
}

impl Shared {
    fn fail(&self, why: &str) {
        tracing::error!("this broker cannot go on: {why}");
        self.stage.send_replace(Stage::Failed(why.to_owned()));
    }
}
