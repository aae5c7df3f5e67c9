//! The node's part in the cluster's controller: it copies `__cluster_metadata-0` as a voter or an
//! observer of the quorum, publishes the image, and decides while the quorum has elected it.
//!
//! ```text
//! handlers ──submit──▶ [orders] ──▶ worker: decide ▸ write ▸ commit ─▶ publisher: show ▸ answer
//! other nodes ◀──── quorum ────────▶   │                  │                        │
//!                                  raft::Raft        metadata log        ArcSwap<Image>, listener
//! ```

mod authority;
mod bootstrap;
pub mod checkpoint;
mod chores;
mod error;
mod files;
mod leader;
mod membership;
mod metadata_log;
mod outside;
mod publisher;
mod quorum;
mod registrar;
pub(crate) mod remote;
mod settings;
mod snapshots;
mod state;
#[cfg(test)]
mod tests;
mod traffic;
mod worker;

use std::fmt;
use std::hash::{BuildHasher as _, RandomState};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use log::{Disk, RealDisk, WatchedDisk};
use metadata::decide::Command;
use metadata::image::Image;
use tokio::sync::{mpsc, oneshot};
use types::{BrokerEpoch, ErrorCode, TimestampMs};

pub(crate) use authority::Authority;
pub use bootstrap::write_bootstrap;
pub use chores::ChoreIntervals;
pub use error::ControllerError;
pub use membership::{BrokerMembership, DirectoryNews, Membership};
pub use metadata_log::{FOLDER, MetadataLogSettings};
pub use quorum::AnswerSizes;
pub(crate) use quorum::Served;
pub use settings::ControllerSettings;

use chores::Chores;
use metadata_log::MetadataLog;
use outside::{Outside, Published, Shared};
use publisher::Publisher;
use quorum::{Envelope, Network};
pub(crate) use remote::Forwarded;
use remote::Stage;
use state::State;
use traffic::Traffic;
use worker::{Asked, Moment, Order, Reload, Worker};

/// Beside the controller's thread: one for names to be resolved, one for a snapshot to be written.
const BLOCKING_THREADS: usize = 2;

/// Commands that may wait for the thread; who comes later waits to send.
const COMMANDS_WAITING_MAX: usize = 1024;

/// Called on a thread of its own with the image that was shown before and the one that is now, before
/// the commands in between are answered.
pub type ImageListener = Box<dyn Fn(&Image, &Arc<Image>) + Send + Sync>;

/// The way to the controller's thread, shared by all handlers.
pub struct Controller<D: Disk = WatchedDisk> {
    published: Arc<Published>,
    shared: Arc<Shared>,
    /// Gone once the controller stops.
    orders: Mutex<Option<mpsc::Sender<Order<D>>>>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

/// Why there is no answer to a command, which may have been carried out all the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unavailable {
    /// The controller stopped, lost its lead or could not write; or there is no way to it.
    NotDone,
    /// No controller that a majority follows answered in time.
    TooLate,
    /// The active controller does not know it, or not in that version.
    Unsupported,
}

impl Unavailable {
    /// What a client is told.
    pub(crate) fn code(self) -> ErrorCode {
        match self {
            Self::NotDone => ErrorCode::NotController,
            Self::TooLate => ErrorCode::RequestTimedOut,
            Self::Unsupported => ErrorCode::UnsupportedVersion,
        }
    }
}

/// Why a command was not carried out, or is not known to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum NotDone {
    /// Another node decides, or none.
    NotController,
    /// The controller is stopping or its disk fails.
    Failed,
}

/// What runs on the controller's thread beside it, until that ends.
type Beside = Pin<Box<dyn Future<Output = ()> + Send>>;

impl Controller<RealDisk> {
    /// Opens the metadata log on the machine's disk and takes part in the quorum; leads at once
    /// where this node is the only voter, and registers it then.
    ///
    /// # Errors
    /// Where the log cannot be read or written.
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
        Self::start_beside(disk, settings, listener, |_, _| Box::pin(std::future::pending()))
    }

    /// As [`Controller::start_on`], with more to run on a thread beside it.
    fn start_beside(
        disk: D,
        settings: ControllerSettings,
        listener: ImageListener,
        beside: impl FnOnce(&Arc<Published>, &Arc<Shared>) -> Beside,
    ) -> Result<Self, ControllerError> {
        let stage = match &settings.membership.broker {
            Some(_) => Stage::Starting,
            None => Stage::InService,
        };
        let (published, shared) =
            (Arc::new(Published::new(listener)), Arc::new(Shared::new(stage)));
        let listener: Arc<str> = settings.quorum.listener.as_str().into();
        let envelope = Envelope {
            cluster_id: settings.membership.cluster_id.as_str().into(),
            listener: Arc::clone(&listener),
            sizes: settings.sizes,
        };
        let request_ms = u64::from(settings.quorum.timeouts.request_ms);
        let network = Network::new(envelope, Duration::from_millis(request_ms));
        let publisher = Publisher::start(Arc::clone(&published), Arc::clone(&shared))?;
        let outside = Outside::new(Arc::clone(&shared), publisher, listener);
        let membership = settings.membership.clone();
        let (timeouts, chores) = (settings.sessions, Chores::new(settings.chores, Instant::now()));
        let reload = reloading(disk, settings);
        let unasked = (timeouts, chores);
        let worker = Worker::open(reload, membership, unasked, Traffic::new(network), outside)?;
        worker.wait_until_shown();
        let (orders, receiver) = mpsc::channel(COMMANDS_WAITING_MAX);
        let beside = beside(&published, &shared);
        let thread = Mutex::new(Some(spawn(worker, receiver, beside)?));
        Ok(Self { published, shared, orders: Mutex::new(Some(orders)), thread })
    }

    /// The newest image. Loading it takes no lock.
    #[must_use]
    pub fn image(&self) -> Arc<Image> {
        self.published.image.load_full()
    }

    /// The epoch under which this node's broker is registered; `None` where it is not.
    #[must_use]
    pub fn broker_epoch(&self) -> Option<BrokerEpoch> {
        self.shared.broker_epoch()
    }

    /// The level of `kraft.version`: 1 where the log knows the voters.
    #[must_use]
    pub fn kraft_version(&self) -> i16 {
        self.shared.kraft_version()
    }

    /// Whether this node is the active controller.
    #[must_use]
    pub fn decides(&self) -> bool {
        self.shared.decides()
    }

    /// Has a command decided and written, and yields its answer once it is committed and published.
    ///
    /// # Errors
    /// Where this node does not decide, is stopping, or its disk fails.
    pub async fn submit<C>(&self, command: C) -> Result<C::Reply, Unavailable>
    where
        C: Command<Reply: Send> + Send + 'static,
    {
        self.ask_for(Moment::Shown, move |worker, now| worker.state.decide(&command, now)).await
    }

    /// Has this node's own broker beat, where nobody else beats for it: there is news of its
    /// directories.
    ///
    /// # Errors
    /// As [`Self::submit`].
    pub(crate) async fn beat(&self) -> Result<(), Unavailable> {
        self.ask(|worker, now| match worker.epoch.filter(|_| worker.is_alone()) {
            Some(epoch) => worker.membership.beat(&mut worker.state, epoch, false, now),
            None => Ok(()),
        })
        .await
    }

    /// Has `question` answered on the controller's thread, once all that it wrote is committed.
    async fn ask<R, F>(&self, question: F) -> Result<R, Unavailable>
    where
        R: Send + 'static,
        F: FnOnce(&mut Worker<D>, TimestampMs) -> Result<R, ControllerError> + Send + 'static,
    {
        self.ask_for(Moment::Committed, question).await
    }

    async fn ask_for<R, F>(&self, moment: Moment, question: F) -> Result<R, Unavailable>
    where
        R: Send + 'static,
        F: FnOnce(&mut Worker<D>, TimestampMs) -> Result<R, ControllerError> + Send + 'static,
    {
        let (sender, answer) = oneshot::channel();
        self.order(Order::Decide(Box::new(Asked::new(question, moment, sender)))).await?;
        answer.await.ok().and_then(Result::ok).ok_or(Unavailable::NotDone)
    }

    /// Has the quorum answer another node's request.
    ///
    /// # Errors
    /// Where the controller is stopping or its disk fails.
    pub(crate) async fn serve(&self, request: raft::Request) -> Result<Served, Unavailable> {
        let (answer, served) = oneshot::channel();
        self.order(Order::Quorum { request, answer }).await?;
        served.await.map_err(|_| Unavailable::NotDone)
    }

    /// Moves `kraft.version`; why not, in words, where that cannot be.
    ///
    /// # Errors
    /// Where the controller is stopping or its disk fails.
    pub(crate) async fn upgrade_kraft(
        &self,
        version: i16,
    ) -> Result<Result<(), String>, Unavailable> {
        let (answer, upgraded) = oneshot::channel();
        self.order(Order::Upgrade { version, answer }).await?;
        upgraded.await.map_err(|_| Unavailable::NotDone)
    }

    /// Lets another node lead, before this one stops; waits for that no longer than `patience`.
    pub(crate) async fn hand_over(&self, patience: Duration) {
        let (done, handed_over) = oneshot::channel();
        let within_ms = u32::try_from(patience.as_millis()).unwrap_or(u32::MAX);
        if self.order(Order::HandOver { within_ms, done }).await.is_ok() {
            // no answer comes where there is nobody to hand over to
            let _ = tokio::time::timeout(patience, handed_over).await;
        }
    }

    async fn order(&self, order: Order<D>) -> Result<(), Unavailable> {
        let orders = self.orders.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let orders = orders.ok_or(Unavailable::NotDone)?;
        orders.send(order).await.map_err(|_| Unavailable::NotDone)
    }

    /// Takes no more commands, finishes those that wait, takes leave of the cluster and closes the
    /// log. Blocks until that is done.
    pub fn stop(&self) {
        self.orders.lock().unwrap_or_else(PoisonError::into_inner).take();
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
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

fn spawn<D: Disk>(
    worker: Worker<D>,
    orders: mpsc::Receiver<Order<D>>,
    beside: Beside,
) -> Result<JoinHandle<()>, ControllerError> {
    let (working, living) = (runtime()?, runtime()?);
    let (ended, has_ended) = oneshot::channel::<()>();
    let live = async {
        tokio::select! {
            () = beside => {}
            _ = has_ended => {}
        }
    };
    // a heartbeat must not wait for the disk, nor for what a change of the image entails
    let life = thread("membership").spawn(move || living.block_on(live));
    let life = life.map_err(ControllerError::Thread)?;
    let work = move || {
        working.block_on(worker.run(orders));
        drop(ended);
        if life.join().is_err() {
            tracing::error!("the thread of this node's membership panicked");
        }
    };
    thread("controller").spawn(work).map_err(ControllerError::Thread)
}

fn thread(name: &str) -> std::thread::Builder {
    std::thread::Builder::new().name(name.to_owned())
}

fn runtime() -> Result<tokio::runtime::Runtime, ControllerError> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .max_blocking_threads(BLOCKING_THREADS)
        .thread_name("klamm-aside")
        .build()
        .map_err(ControllerError::Thread)
}

/// Opens the log and the quorum's machine on it, as often as it is called.
fn reloading<D: Disk>(disk: D, settings: ControllerSettings) -> Reload<D> {
    Box::new(move |now| {
        let seed = RandomState::new().hash_one(());
        let mut log =
            MetadataLog::open(disk.clone(), &settings.directory, settings.log.clone(), now)?;
        let alone = settings.may_stand_alone.then(|| settings.membership.alone(&settings.quorum));
        let found = quorum::find(&mut log, alone, now)?;
        let config = raft::Config { seed, ..settings.quorum.clone() };
        State::open(log, found, config, (settings.decide.clone(), seed), now)
    })
}

impl<D: Disk> fmt::Debug for Controller<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Controller").field("shared", &self.shared).finish()
    }
}

impl fmt::Display for Unavailable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotDone => "the controller stops or cannot write; the command may be tried again",
            Self::TooLate => "no controller answers in time; the command may be tried again",
            Self::Unsupported => "the active controller is older and does not know the command",
        })
    }
}

impl std::error::Error for Unavailable {}
