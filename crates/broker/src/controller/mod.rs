//! The cluster's controller in this process: one voter that writes `__cluster_metadata-0` and
//! publishes the image.
//!
//! ```text
//! handlers ──submit──▶ [jobs] ──▶ worker: decide ▸ append ▸ sync ▸ publish ▸ answer
//!                                                     │               │
//!                                            metadata log        ArcSwap<Image>, listener
//! ```

mod authority;
mod bootstrap;
pub mod checkpoint;
mod chores;
mod error;
mod files;
pub(crate) mod leader;
mod membership;
mod metadata_log;
mod quorum_state;
pub(crate) mod remote;
mod snapshots;
mod state;
#[cfg(test)]
mod tests;
mod worker;

use std::fmt;
use std::hash::{BuildHasher as _, RandomState};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::Mutex;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use log::{Disk, RealDisk};
use metadata::config::{ConfigValue, GroupBounds, ServerConfig};
use metadata::decide::{self, Command};
use metadata::image::Image;
use metadata::{SessionTimeouts, Sessions};
use tokio::sync::{mpsc, oneshot, watch};
use types::{BrokerEpoch, DirectoryId, NodeId, Offset, TimestampMs};

pub(crate) use authority::Authority;
pub use bootstrap::write_bootstrap;
pub use chores::ChoreIntervals;
pub use error::ControllerError;
pub use membership::{BrokerMembership, Membership};
pub use metadata_log::{FOLDER, MetadataLogSettings};

use chores::Chores;
use leader::Observers;
use metadata_log::MetadataLog;
use state::State;
use worker::{Asked, Job, Worker, now};

/// Commands that may wait for the thread; who comes later waits to send.
const COMMANDS_WAITING_MAX: usize = 1024;

/// Everything that the controller is started with.
#[derive(Clone, Debug)]
pub struct ControllerSettings {
    /// `metadata.log.dir`, or the first of `log.dirs`.
    pub directory: PathBuf,
    /// The id of that directory, by which a voter is known.
    pub directory_id: DirectoryId,
    /// Who this node is.
    pub membership: Membership,
    /// Voters of `controller.quorum.voters`; empty where the log knows them.
    pub static_voters: Vec<NodeId>,
    /// `broker.session.timeout.ms`.
    pub sessions: SessionTimeouts,
    /// What it does unasked.
    pub chores: ChoreIntervals,
    /// What decisions fall back to.
    pub decide: decide::Settings,
    /// Segments and snapshots.
    pub log: MetadataLogSettings,
}

impl ControllerSettings {
    /// What a node's configuration says of its controller.
    #[must_use]
    pub fn from_config(
        config: &ServerConfig,
        membership: Membership,
        directory_id: DirectoryId,
    ) -> Self {
        Self {
            directory: PathBuf::from(&config.metadata_log_dir),
            directory_id,
            membership,
            static_voters: config.quorum.voters.iter().map(|voter| voter.id).collect(),
            sessions: session_timeouts(config),
            chores: ChoreIntervals::from_config(config),
            decide: decide_settings(config),
            log: MetadataLogSettings::from_config(config),
        }
    }
}

/// Of brokers of Apache Kafka where nobody says otherwise: they beat every two seconds.
const APACHE_SESSION_MS: i32 = 9_000;

/// A file that says how long sessions are speaks of all brokers.
fn session_timeouts(config: &ServerConfig) -> SessionTimeouts {
    const KEY: &str = "broker.session.timeout.ms";
    let value = config.value(KEY).as_i64().and_then(|n| i32::try_from(n).ok());
    let short_ms = value.unwrap_or(i32::MAX);
    let is_set = config.file().contains_key(KEY);
    SessionTimeouts { ms: if is_set { short_ms } else { APACHE_SESSION_MS }, short_ms }
}

/// A time in milliseconds that is at least 0.
fn millis(config: &ServerConfig, key: &str) -> Duration {
    let millis = config.value(key).as_i64().and_then(|n| u64::try_from(n).ok());
    Duration::from_millis(millis.unwrap_or_default())
}

fn decide_settings(config: &ServerConfig) -> decide::Settings {
    let defaults = decide::Settings::default();
    let number = |key| config.value(key).as_i64();
    let flag = |key| config.value(key) == ConfigValue::Boolean(true);
    decide::Settings {
        node: config.node_id,
        num_partitions: number("num.partitions")
            .and_then(|n| i32::try_from(n).ok())
            .unwrap_or(defaults.num_partitions),
        default_replication_factor: number("default.replication.factor")
            .and_then(|n| i16::try_from(n).ok())
            .unwrap_or(defaults.default_replication_factor),
        min_insync_replicas: number("min.insync.replicas")
            .and_then(|n| usize::try_from(n).ok())
            .unwrap_or(defaults.min_insync_replicas),
        unclean_leader_election: flag("unclean.leader.election.enable"),
        unstable_features: flag("unstable.feature.versions.enable"),
        group_bounds: GroupBounds::of(config),
    }
}

/// Called on the controller's thread with the image before and the image now, before the command
/// that changed it is answered.
pub type ImageListener = Box<dyn Fn(&Image, &Arc<Image>) + Send + Sync>;

/// The way to the controller, shared by all handlers.
pub struct Controller<D: Disk = RealDisk> {
    published: Arc<Published>,
    /// Gone once the controller stops.
    jobs: Mutex<Option<mpsc::Sender<Box<dyn Job<D>>>>>,
    thread: Mutex<Option<JoinHandle<()>>>,
    /// The epoch of this node's broker.
    broker_epoch: Option<BrokerEpoch>,
    kraft_version: i16,
}

/// The command may or may not have been carried out: the controller stopped or could not write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unavailable;

/// The image that all may see, and who wants to know of changes.
struct Published {
    image: ArcSwap<Image>,
    /// The end of what is committed in the metadata log.
    committed: watch::Sender<Offset>,
    listener: ImageListener,
}

impl Controller {
    /// Opens the metadata log on the machine's disk, takes the lead, registers this node.
    ///
    /// # Errors
    /// Where the log cannot be read or written, or the quorum has other voters.
    pub fn start(
        settings: ControllerSettings,
        listener: ImageListener,
    ) -> Result<Self, ControllerError> {
        Self::start_on(RealDisk, settings, listener)
    }
}

impl<D: Disk> Controller<D> {
    /// As [`Controller::start`], on any disk.
    ///
    /// # Errors
    /// The same.
    pub fn start_on(
        disk: D,
        settings: ControllerSettings,
        listener: ImageListener,
    ) -> Result<Self, ControllerError> {
        let start = now();
        let mut load = loader(disk, settings.clone());
        let mut state = load()?;
        if state.is_unformatted()? && settings.static_voters.is_empty() {
            state.quorum = settings.membership.alone(settings.directory_id);
        }
        state.take_lead(settings.membership.node, &settings.static_voters, start)?;
        let broker_epoch = settings.membership.join(&mut state, start)?;
        state.log.flush(start)?;
        let image = Arc::new(state.replay.publish());
        listener(&Image::default(), &image);
        let kraft_version = state.quorum.kraft_version;
        let committed = state.log.end_offset();
        let mut sessions = Sessions::new(settings.sessions);
        if broker_epoch.is_some() {
            sessions = sessions.beside(settings.membership.node);
        }
        sessions.take_over(types::Instant::default(), image.cluster());
        let published = Arc::new(Published {
            image: ArcSwap::new(image),
            committed: watch::Sender::new(committed),
            listener,
        });
        let (jobs, receiver) = mpsc::channel(COMMANDS_WAITING_MAX);
        let worker = Worker {
            state,
            membership: settings.membership,
            epoch: broker_epoch,
            sessions,
            chores: Chores::new(settings.chores, Instant::now()),
            started: Instant::now(),
            observers: Observers::default(),
            committed,
            published: Arc::clone(&published),
            jobs: receiver,
            reload: Box::new(load),
        };
        let thread = Mutex::new(Some(worker.spawn()?));
        Ok(Self { published, jobs: Mutex::new(Some(jobs)), thread, broker_epoch, kraft_version })
    }

    /// The newest image. Loading it takes no lock.
    #[must_use]
    pub fn image(&self) -> Arc<Image> {
        self.published.image.load_full()
    }

    /// The epoch under which this node's broker is registered; `None` where it is no broker.
    #[must_use]
    pub fn broker_epoch(&self) -> Option<BrokerEpoch> {
        self.broker_epoch
    }

    /// The level of `kraft.version`: 1 where the log knows the voters.
    #[must_use]
    pub fn kraft_version(&self) -> i16 {
        self.kraft_version
    }

    /// Has a command decided and written, and yields its answer once it is durable and published.
    ///
    /// # Errors
    /// Where the controller is stopping or its disk fails.
    pub async fn submit<C>(&self, command: C) -> Result<C::Reply, Unavailable>
    where
        C: Command<Reply: Send> + Send + 'static,
    {
        self.ask(move |worker, now| worker.state.decide(&command, now)).await
    }

    /// Has `question` answered on the controller's thread, once all that it wrote is durable.
    async fn ask<R, F>(&self, question: F) -> Result<R, Unavailable>
    where
        R: Send + 'static,
        F: FnOnce(&mut Worker<D>, TimestampMs) -> Result<R, ControllerError> + Send + 'static,
    {
        let (sender, answer) = oneshot::channel();
        let jobs = self.jobs.lock().unwrap_or_else(|e| e.into_inner()).clone();
        let jobs = jobs.ok_or(Unavailable)?;
        let job = Box::new(Asked::new(question, sender));
        jobs.send(job).await.map_err(|_| Unavailable)?;
        drop(jobs);
        answer.await.unwrap_or(Err(Unavailable))
    }

    /// Takes no more commands, finishes those that wait, takes leave of the cluster and closes the
    /// log. Blocks until that is done.
    pub fn stop(&self) {
        self.jobs.lock().unwrap_or_else(|e| e.into_inner()).take();
        let thread = self.thread.lock().unwrap_or_else(|e| e.into_inner()).take();
        if thread.is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the controller's thread panicked");
        }
    }
}

impl<D: Disk> Drop for Controller<D> {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Opens the log and reads the state, as often as it is called.
fn loader<D: Disk>(
    disk: D,
    settings: ControllerSettings,
) -> impl FnMut() -> Result<State<D>, ControllerError> {
    move || {
        let seed = RandomState::new().hash_one(());
        let log =
            MetadataLog::open(disk.clone(), &settings.directory, settings.log.clone(), now())?;
        State::load(log, settings.decide.clone(), seed, now())
    }
}

impl<D: Disk> fmt::Debug for Controller<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Controller").field("broker_epoch", &self.broker_epoch).finish()
    }
}

impl fmt::Display for Unavailable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the controller stops or cannot write; the command may be tried again")
    }
}

impl std::error::Error for Unavailable {}
