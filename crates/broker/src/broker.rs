//! Starting and stopping the whole server, in order.

use crate::background::{
    Chores, Cleaner, CleanerSettings, Housekeeper, Intervals, Mover, close_logs,
};
use crate::connection_limits::connection_limits;
use crate::controller::{Authority, BrokerMembership, ControllerError, ImageListener, Membership};
use crate::directories::{self, DirectoryKeeper};
use crate::effects::Effects;
use crate::fetch::Sessions;
use crate::groups::{GroupSettings, Groups};
use crate::net::{self, Admission, BoundListener, ListenError, ListenerKind, Reactors};
use crate::node::Node;
use crate::partition::{Neighbours, Partitions, ReplicaTerms};
use crate::producer_ids::ProducerIds;
use crate::replication::{Fetchers, keep_in_sync};
use crate::settings::{HttpSettings, Settings};
use crate::storage::{Storage, StorageStartError, random_id};
use crate::telemetry::{self, HttpServer, Metrics};
use metadata::config::BrokerLayers;
use metadata::image::{Endpoint, Image};
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// The server; see [`Broker::start`].
#[derive(Debug)]
pub struct Broker;

/// Why the server did not start.
#[derive(Debug)]
pub enum StartError {
    Listen(ListenError),
    Storage(StorageStartError),
    Controller(ControllerError),
    Http { address: String, source: io::Error },
    Threads(io::Error),
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Listen(error) => error.fmt(f),
            Self::Storage(error) => error.fmt(f),
            Self::Controller(error) => error.fmt(f),
            Self::Http { address, source } => {
                write!(f, "cannot serve metrics on {address}: {source}")
            }
            Self::Threads(error) => write!(f, "cannot start a thread: {error}"),
        }
    }
}

impl std::error::Error for StartError {}

impl From<ListenError> for StartError {
    fn from(error: ListenError) -> Self {
        Self::Listen(error)
    }
}

impl From<StorageStartError> for StartError {
    fn from(error: StorageStartError) -> Self {
        Self::Storage(error)
    }
}

impl From<ControllerError> for StartError {
    fn from(error: ControllerError) -> Self {
        Self::Controller(error)
    }
}

/// A server that answers requests until [`Running::shutdown`].
pub struct Running {
    node: Arc<Node>,
    reactors: Arc<Reactors>,
    /// What accepts connections, keeps groups, and has leaders agree, in the order of their ends.
    tasks: [(&'static str, JoinHandle<()>); 3],
    housekeeper: Housekeeper,
    cleaner: Cleaner,
    mover: Mover,
    following: Fetchers,
    keeping: DirectoryKeeper,
    http: Option<HttpServer>,
    stop: watch::Sender<bool>,
    listeners: Vec<(Arc<str>, SocketAddr)>,
}

impl Broker {
    /// Opens listeners and directories, takes the lead of the metadata, and serves.
    ///
    /// # Errors
    /// When a port, a thread or a directory cannot be had; nothing runs then.
    pub async fn start(settings: Settings) -> Result<Running, StartError> {
        let settings = Arc::new(settings);
        let mut bound = Vec::new();
        for listener in &settings.network.listeners {
            bound.push(net::bind(listener, &settings.network.sockets).await?);
        }
        let listeners = addresses(&bound);
        let storage = open_storage(&settings)?;
        let partitions = partitions(&settings, &storage);
        let chores = Arc::new(Chores::default());
        let membership = membership(&settings, &storage, &partitions, &bound);
        let (stop, stopping) = watch::channel(false);
        let producer_ids = ProducerIds::new(settings.node_id);
        let group_settings = GroupSettings::new(&settings.config);
        let groups = Groups::new(group_settings, Arc::clone(&partitions), stopping.clone());
        let groups = Arc::new(groups);
        let file = BrokerLayers::of_file(settings.config.file());
        let admission = Admission::new(connection_limits(file, &settings.config));
        let effects = Effects {
            settings: Arc::clone(&settings),
            partitions: Arc::clone(&partitions),
            admission: Arc::clone(&admission),
        };
        let listener = image_listener(effects, &chores, &groups);
        let metadata = storage.metadata;
        let controller = Authority::start(&settings.config, membership, metadata, listener)?;
        let node = Arc::new(Node {
            fetch_sessions: Sessions::new(settings.fetch.sessions_max),
            settings,
            cluster_id: storage.cluster_id,
            controller,
            partitions: Arc::clone(&partitions),
            producer_ids,
            groups: Arc::clone(&groups),
            metrics: Metrics::default(),
            stopping,
            ready: AtomicBool::new(false),
        });
        let intervals = intervals(&node.settings);
        let cleaner = cleaner_settings(&node.settings);
        let cleaner = Cleaner::start(Arc::clone(&chores), Arc::clone(&partitions), cleaner)
            .map_err(StartError::Threads)?;
        let mover = Mover::start(&partitions).map_err(StartError::Threads)?;
        let housekeeper = Housekeeper::start(chores, partitions, storage.files, intervals)
            .map_err(StartError::Threads)?;
        let http = start_http(&node).await?;
        let reactors = Reactors::start(&node, node.settings.network.reactors);
        let reactors = Arc::new(reactors.map_err(StartError::Threads)?);
        let tasks = [
            ("accepting", tokio::spawn(accept(Arc::clone(&node), &reactors, admission, bound))),
            ("coordinating", tokio::spawn(async move { groups.run().await })),
            ("leading", tokio::spawn(keep_in_sync(Arc::clone(&node)))),
        ];
        let following = Fetchers::start(&node).map_err(StartError::Threads)?;
        let keeping = DirectoryKeeper::start(&node);
        node.ready.store(node.controller.is_in_service(), Ordering::Release);
        Ok(Running {
            node,
            reactors,
            tasks,
            housekeeper,
            cleaner,
            mover,
            following,
            keeping,
            http,
            stop,
            listeners,
        })
    }
}

/// Serves other nodes at once, and clients from when the controller has let this node in.
fn accept(
    node: Arc<Node>,
    reactors: &Arc<Reactors>,
    admission: Arc<Admission>,
    bound: Vec<BoundListener>,
) -> impl Future<Output = ()> + use<> {
    let (controllers, brokers): (Vec<_>, Vec<_>) = with_kinds(bound, &node.settings)
        .into_iter()
        .partition(|(_, kind)| *kind == ListenerKind::Controller);
    let accept = |listeners| {
        let (reactors, admission) = (Arc::clone(reactors), Arc::clone(&admission));
        net::accept_all(listeners, reactors, admission, node.stopping.clone())
    };
    let (controllers, brokers) = (accept(controllers), accept(brokers));
    async move {
        tokio::join!(controllers, once_in_service(node, brokers));
    }
}

/// Serves clients from when the controller has let this node in.
async fn once_in_service(node: Arc<Node>, serve: impl Future<Output = ()>) {
    let mut stopping = node.stopping.clone();
    tokio::select! {
        in_service = node.controller.in_service() => if in_service.is_err() {
            return;
        },
        _ = stopping.wait_for(|stop| *stop) => return,
    }
    node.ready.store(true, Ordering::Release);
    serve.await;
}

/// Puts every image into effect; a controller in this process answers only then.
fn image_listener(effects: Effects, chores: &Arc<Chores>, groups: &Arc<Groups>) -> ImageListener {
    let (chores, groups) = (Arc::clone(chores), Arc::clone(groups));
    Box::new(move |old: &Image, new: &Arc<Image>| {
        effects.partitions.neighbours().learn(new);
        let deleted = effects.apply(old, new);
        groups.leaders_may_have_moved();
        groups.forget_topics(deleted.iter().map(|partition| &*partition.topic));
        chores.remove(deleted);
    })
}

/// A client that is told of a new leader has asked it by then; closed earlier, its connection could
/// take the answer along that tells it, and Java's client then waits for 100 ms (`retry.backoff.ms`).
const QUIET: Duration = Duration::from_millis(20);
const QUIET_WAIT_MAX: Duration = Duration::from_millis(100);

/// With a heartbeat so often, a session of 1.5 s outlives two of them that are lost.
const HEARTBEAT_MS_OFTEN: i64 = 300;

fn partitions(settings: &Settings, storage: &Storage) -> Arc<Partitions> {
    let neighbours = Neighbours::new(settings.node_id, replica_terms(settings));
    let directories = storage.directories.clone();
    let partitions = Partitions::new(Arc::new(neighbours), directories);
    directories::take_configs(BrokerLayers::of_file(settings.config.file()), &partitions);
    Arc::new(partitions)
}

fn open_storage(settings: &Settings) -> Result<Storage, StorageStartError> {
    let config = &settings.config;
    let (paths, metadata) = (&config.log_dirs, &config.metadata_log_dir);
    Storage::open(paths, metadata, settings.node_id, config.roles.controller)
}

fn membership(
    settings: &Settings,
    storage: &Storage,
    partitions: &Partitions,
    bound: &[BoundListener],
) -> Membership {
    let advertised = &settings.config.listeners.advertised;
    let endpoint = |listener: &BoundListener| {
        let told = advertised.iter().find(|told| told.name == *listener.name);
        let host = told.and_then(|told| told.host.as_deref()).unwrap_or(&listener.host);
        let port = told.map(|told| told.port).filter(|port| *port != 0).unwrap_or(listener.port);
        Endpoint::new(&listener.name, host, port, told.map_or(0, |told| told.protocol.id()))
    };
    let heartbeat_ms = settings.config.value("broker.heartbeat.interval.ms").as_i64();
    let is_controller = |name: &str| settings.config.listeners.is_controller(name);
    let (controllers, brokers): (Vec<_>, Vec<_>) =
        bound.iter().partition(|listener| is_controller(&listener.name));
    Membership {
        node: settings.node_id,
        cluster_id: storage.cluster_id.clone(),
        incarnation: random_id(),
        broker: settings.config.roles.broker.then(|| BrokerMembership {
            endpoints: brokers.into_iter().map(endpoint).collect(),
            rack: settings.config.value("broker.rack").as_str().map(str::to_owned),
            directories: partitions.directories().online().map(|online| online.id).collect(),
            directory_news: partitions.directories().news(),
            epoch_left_in: storage.epoch_left_in(),
            beats_often: heartbeat_ms.is_some_and(|ms| ms <= HEARTBEAT_MS_OFTEN),
        }),
        controller_endpoints: controllers.into_iter().map(endpoint).collect(),
        unstable_features: false,
    }
}

fn cleaner_settings(settings: &Settings) -> CleanerSettings {
    let number = |key| settings.config.value(key).as_i64().unwrap_or_default();
    CleanerSettings {
        is_enabled: settings.config.value("log.cleaner.enable")
            == metadata::config::ConfigValue::Boolean(true),
        backoff: Duration::from_millis(
            u64::try_from(number("log.cleaner.backoff.ms")).unwrap_or_default(),
        ),
        map_bytes_max: usize::try_from(number("log.cleaner.dedupe.buffer.size"))
            .unwrap_or_default(),
    }
}

fn replica_terms(settings: &Settings) -> ReplicaTerms {
    let number = |key| settings.config.value(key).as_i64().unwrap_or_default();
    ReplicaTerms {
        lag_ms_max: number("replica.lag.time.max.ms"),
        backoff_ms: number("replica.fetch.backoff.ms"),
    }
}

fn intervals(settings: &Settings) -> Intervals {
    let millis = |key| {
        let number = settings.config.value(key).as_i64().unwrap_or_default();
        Duration::from_millis(u64::try_from(number).unwrap_or_default())
    };
    Intervals {
        tick: Duration::from_secs(1),
        checkpoint: millis("log.flush.offset.checkpoint.interval.ms"),
        retention: millis("log.retention.check.interval.ms"),
        retention_delay: millis("log.initial.task.delay.ms"),
    }
}

async fn start_http(node: &Arc<Node>) -> Result<Option<HttpServer>, StartError> {
    let (address, must_serve) = match &node.settings.network.http {
        HttpSettings::Off => return Ok(None),
        HttpSettings::At(address) => (address.as_str(), true),
        HttpSettings::IfFree(address) => (address.as_str(), false),
    };
    match telemetry::serve(Arc::clone(node), address).await {
        Ok(server) => {
            tracing::info!("metrics: http://{address}/metrics");
            Ok(Some(server))
        }
        Err(source) if must_serve => Err(StartError::Http { address: address.to_owned(), source }),
        Err(error) => {
            tracing::warn!(%error, "no metrics on {address}; klamm.http.address says where else");
            Ok(None)
        }
    }
}

fn with_kinds(
    bound: Vec<BoundListener>,
    settings: &Settings,
) -> Vec<(BoundListener, ListenerKind)> {
    let is_controller = |name: &str| settings.config.listeners.is_controller(name);
    let with_kind = |listener: BoundListener| match is_controller(&listener.name) {
        true => (listener, ListenerKind::Controller),
        false => (listener, ListenerKind::Broker),
    };
    bound.into_iter().map(with_kind).collect()
}

fn addresses(bound: &[BoundListener]) -> Vec<(Arc<str>, SocketAddr)> {
    let address = |listener: &BoundListener| {
        listener.address().ok().map(|address| (Arc::clone(&listener.name), address))
    };
    bound.iter().filter_map(address).collect()
}

impl Running {
    /// The address that a listener's first socket has.
    #[must_use]
    pub fn address(&self, listener: &str) -> Option<SocketAddr> {
        self.listeners.iter().find(|(name, _)| &**name == listener).map(|(_, address)| *address)
    }

    /// The address of `/metrics`, if it is served.
    #[must_use]
    pub fn http_address(&self) -> Option<SocketAddr> {
        self.http.as_ref().map(|http| http.address)
    }

    /// Returns when clients are served. At once, unless the controller is in another process.
    ///
    /// # Errors
    /// Where that will never be, and why.
    pub async fn in_service(&self) -> Result<(), String> {
        self.node.controller.in_service().await
    }

    /// Returns, with the reason, when the node cannot go on; for ever waits else.
    pub async fn failed(&self) -> String {
        tokio::select! {
            why = self.node.controller.failed() => why,
            why = self.keeping.failed() => why,
        }
    }

    /// Stops in order: leave taken from a controller elsewhere, clients sent to the new leaders, no new
    /// connections, requests in progress answered, the logs closed and marked clean.
    pub async fn shutdown(self) {
        self.node.ready.store(false, Ordering::Release);
        let others_lead = self.node.controller.leave(self.node.settings.network.stop_grace).await;
        if others_lead {
            // clients that go on asking here are no reason to stay
            let _ = tokio::time::timeout(QUIET_WAIT_MAX, self.reactors.quiet(QUIET)).await;
        }
        self.stop.send_replace(true);
        for (what, task) in self.tasks {
            joined(what, task.await);
        }
        self.keeping.stopped().await;
        let grace = self.node.settings.network.stop_grace;
        let reactors = Arc::into_inner(self.reactors).expect("who accepted has ended");
        reactors.stop(grace).await;
        if let Some(http) = self.http {
            http.stopped().await;
        }
        let (node, housekeeper, cleaner) = (self.node, self.housekeeper, self.cleaner);
        let following = self.following;
        let mover = self.mover;
        let close = move || {
            following.joined();
            node.controller.stop();
            cleaner.stop();
            mover.stop();
            housekeeper.stop();
            close_logs(&node.partitions, node.controller.broker_epoch());
        };
        joined("closing", tokio::task::spawn_blocking(close).await);
    }
}

fn joined(what: &str, result: Result<(), tokio::task::JoinError>) {
    if let Err(error) = result {
        tracing::error!(what, %error, "a task of the server panicked");
    }
}
