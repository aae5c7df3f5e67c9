//! Who decides for this node: the controller in this process while it is the active one, or else
//! whichever node is.

use std::sync::Arc;
use std::time::Duration;

use log::{LogDir, WatchedDisk};
use metadata::BrokerRun;
use metadata::config::ServerConfig;
use metadata::image::Image;
use tokio::time::{Instant, timeout_at};
use types::{BrokerEpoch, ErrorCode, NodeId};
use wire::{ApiKey, VersionRange};

use super::registrar::Registrar;
use super::remote::{Forwarded, Patience, RemoteController, ResponseOf, Stage};
use super::{
    Beside, Controller, ControllerError, ControllerSettings, ImageListener, Membership, Unavailable,
};
use crate::peer::PeerError;
use crate::storage::MetadataDirectory;

/// So long a client is kept waiting for what it has not asked for.
const ASIDE_MAX: Duration = Duration::from_secs(1);

/// A quorum of which nobody is left to lead is not waited for longer than an election takes.
const HAND_OVER_MAX: Duration = Duration::from_secs(2);

/// Between attempts to have a command carried out, while the quorum elects.
const RETRY_PAUSE: Duration = Duration::from_millis(50);

/// A command has that time at least, whatever it says: an election may be in its way.
const ELECTION_MAX: Duration = Duration::from_secs(1);

/// The seam between handlers and the metadata: where it is decided is not their concern.
#[derive(Debug)]
pub(crate) struct Authority {
    controller: Controller,
    /// The broker's way to whoever decides; `None` where this node is no broker.
    remote: Option<RemoteController>,
    /// `request.timeout.ms`: so long a command may take.
    patience: Duration,
    /// The lock of the metadata log's own directory, where it has one.
    _directory: Option<LogDir<WatchedDisk>>,
}

impl Authority {
    /// Takes part in the quorum as `process.roles` says.
    ///
    /// # Errors
    /// Where the metadata log cannot be opened.
    pub(crate) fn start(
        config: &ServerConfig,
        membership: Membership,
        directory: MetadataDirectory,
        listener: ImageListener,
    ) -> Result<Self, ControllerError> {
        let MetadataDirectory { id, disk, own } = directory;
        let settings = ControllerSettings::from_config(config, membership.clone(), id);
        let witness = own.is_some().then(|| disk.witness());
        let patience = Patience::from_config(config);
        let mut remote = None;
        let controller =
            Controller::start_beside(disk, settings, listener, |published, shared| {
                if let Some(witness) = witness {
                    let shared = Arc::clone(shared);
                    witness.on_failure(move |error| {
                        shared.fail(&format!("the metadata log's directory has failed: {error}"));
                    });
                }
                let mut tasks: Vec<Beside> = Vec::new();
                if config.roles.controller {
                    tasks.push(Registrar::new(membership.clone(), published, shared).run());
                }
                if config.roles.broker {
                    let (way, task) =
                        RemoteController::new(membership, patience, published, shared);
                    remote = Some(way);
                    tasks.push(task);
                }
                Box::pin(both(tasks))
            })?;
        Ok(Self { controller, remote, patience: patience.request, _directory: own })
    }

    /// The newest image that this node knows. Loading it takes no lock.
    pub(crate) fn image(&self) -> Arc<Image> {
        self.controller.image()
    }

    /// The epoch under which this node's broker is registered, if it is.
    pub(crate) fn broker_epoch(&self) -> Option<BrokerEpoch> {
        self.controller.broker_epoch()
    }

    /// The level of `kraft.version`: 1 where the log knows the voters.
    pub(crate) fn kraft_version(&self) -> i16 {
        self.controller.kraft_version()
    }

    /// This node's controller while it is the active one.
    pub(crate) fn active(&self) -> Option<&Controller> {
        self.controller.decides().then_some(&self.controller)
    }

    /// Who leads the quorum; [`NodeId::NONE`] while nobody is known to.
    pub(crate) fn leader(&self) -> NodeId {
        self.controller.shared.leader()
    }

    /// This node's part in the quorum.
    pub(crate) fn quorum(&self) -> &Controller {
        &self.controller
    }

    /// Has a command carried out by whichever node decides, and asks again where that moves, for as
    /// long as the command says. Of a controller in this process the image shows it when this
    /// returns; of another's, soon after.
    ///
    /// # Errors
    /// Where there is no answer; the command may have been carried out all the same.
    pub(crate) async fn submit<C: Forwarded>(&self, command: C) -> Result<C::Reply, Unavailable> {
        let until = self.until(command.timeout_ms());
        loop {
            let attempt = timeout_at(until, self.attempt(command.clone())).await;
            if let Ok(reply) = attempt.unwrap_or(Err(Unavailable::TooLate))? {
                return Ok(reply);
            }
            pause(until).await?;
        }
    }

    /// When a client is told that it took too long.
    fn until(&self, timeout_ms: Option<i32>) -> Instant {
        let asked = timeout_ms.and_then(|ms| u64::try_from(ms).ok()).map(Duration::from_millis);
        let patience = asked.map_or(self.patience, |asked| asked.min(self.patience));
        Instant::now() + patience.max(ELECTION_MAX)
    }

    /// One attempt; the outer error is final.
    async fn attempt<C: Forwarded>(
        &self,
        command: C,
    ) -> Result<Result<C::Reply, Unavailable>, Unavailable> {
        if let Some(controller) = self.active() {
            let reply = controller.submit(command).await;
            let is_only_one = self.remote.is_none() || *self.controller.shared.alone.borrow();
            return if is_only_one { reply.map(Ok) } else { Ok(reply) };
        }
        let remote = self.remote.as_ref().ok_or(Unavailable::NotDone)?;
        match remote.submit(command).await {
            Ok(reply) => Ok(Ok(reply)),
            Err(error) => Ok(Err(worth_another(&error)?)),
        }
    }

    /// As [`Self::submit`], for what a client has not asked for but needs on the way: it is told to
    /// come again rather than kept waiting for a controller that is away.
    ///
    /// # Errors
    /// The same.
    pub(crate) async fn submit_aside<C: Forwarded>(
        &self,
        command: C,
    ) -> Result<C::Reply, Unavailable> {
        let reply = tokio::time::timeout(ASIDE_MAX, self.submit(command)).await;
        reply.unwrap_or(Err(Unavailable::TooLate))
    }

    /// Passes a request on to the active controller, where that is another node; `read` takes from
    /// the response what is wanted.
    ///
    /// # Errors
    /// Where it does not answer in time.
    pub(crate) async fn pass_on<Q, R>(
        &self,
        request: Q,
        read: impl Fn(ResponseOf<'_, Q>) -> R,
    ) -> Result<R, Unavailable>
    where
        Q: wire::Request<'static> + Clone + Send + 'static,
    {
        let remote = self.remote.as_ref().ok_or(Unavailable::NotDone)?;
        let until = self.until(None);
        loop {
            let attempt = timeout_at(until, remote.pass_on(request.clone(), &read)).await;
            match attempt.unwrap_or(Err(PeerError::Timeout)) {
                Ok(answer) => return Ok(answer),
                Err(error) => _ = worth_another(&error)?,
            }
            pause(until).await?;
        }
    }

    /// Of the versions that this node answers on a broker's listener, those that a client may use;
    /// `None` if there are none.
    pub(crate) fn common_versions(&self, api: ApiKey, ours: VersionRange) -> Option<VersionRange> {
        self.remote.as_ref().map_or(Some(ours), |remote| remote.common(api, ours))
    }

    /// The connection on which a broker beats has closed.
    pub(crate) async fn connection_closed(&self, run: BrokerRun) {
        if let Some(controller) = self.active() {
            controller.connection_closed(run).await;
        }
    }

    /// There is news of this broker's directories. Where others decide too, they are told by the
    /// next heartbeat, which does not wait.
    pub(crate) async fn tell_of_directories(&self) {
        let is_alone = *self.controller.shared.alone.borrow();
        if is_alone && self.controller.beat().await.is_err() {
            tracing::error!("the controller does not take the news of a log directory");
        }
    }

    /// Returns when clients may be served.
    ///
    /// # Errors
    /// Where that will never be, and why.
    pub(crate) async fn in_service(&self) -> Result<(), String> {
        let mut stage = self.controller.shared.stage.subscribe();
        let known = stage.wait_for(|stage| *stage != Stage::Starting).await;
        match known.map(|stage| stage.clone()) {
            Ok(Stage::Failed(why)) => Err(why),
            Ok(Stage::Starting | Stage::InService | Stage::Left) => Ok(()),
            Err(_) => Err("the node is stopping".to_owned()),
        }
    }

    /// Whether clients may be served by now.
    pub(crate) fn is_in_service(&self) -> bool {
        *self.controller.shared.stage.borrow() == Stage::InService
    }

    /// Returns when this node cannot go on, and why.
    pub(crate) async fn failed(&self) -> String {
        let mut stage = self.controller.shared.stage.subscribe();
        let failed = stage.wait_for(|stage| matches!(stage, Stage::Failed(_))).await;
        if let Ok(Stage::Failed(why)) = failed.as_deref() {
            return why.clone();
        }
        std::future::pending().await
    }

    /// Takes leave of the others while this node still serves, so that they know first: of the
    /// controller as a broker, of the quorum as its leader. A node alone has nobody to tell.
    /// Returns whether what it led is led by others now.
    pub(crate) async fn leave(&self, patience: Duration) -> bool {
        let is_let_go = match &self.remote {
            Some(remote) => remote.leave(patience).await,
            None => false,
        };
        self.controller.hand_over(patience.min(HAND_OVER_MAX)).await;
        is_let_go
    }

    /// Takes no more commands and closes the metadata log. Blocks until that is done.
    pub(crate) fn stop(&self) {
        self.controller.stop();
    }
}

/// Why an attempt failed that may be made again.
///
/// # Errors
/// Where the next would fail too.
fn worth_another(error: &PeerError) -> Result<Unavailable, Unavailable> {
    match error {
        PeerError::Broken | PeerError::Refused(ErrorCode::NotController) => {
            Ok(Unavailable::NotDone)
        }
        PeerError::Timeout => Err(Unavailable::TooLate),
        PeerError::Unsupported(_) => Err(Unavailable::Unsupported),
        PeerError::Malformed(_) | PeerError::Refused(_) | PeerError::Stopped => {
            Err(Unavailable::NotDone)
        }
    }
}

/// # Errors
/// Where there is no time left for another attempt.
async fn pause(until: Instant) -> Result<(), Unavailable> {
    if Instant::now() + RETRY_PAUSE >= until {
        return Err(Unavailable::TooLate);
    }
    tokio::time::sleep(RETRY_PAUSE).await;
    Ok(())
}

/// Runs up to two tasks for as long as the node runs.
async fn both(tasks: Vec<Beside>) {
    let mut tasks = tasks.into_iter();
    let (first, second) = (tasks.next(), tasks.next());
    let run = |task: Option<Beside>| async {
        if let Some(task) = task {
            task.await;
        }
    };
    tokio::join!(run(first), run(second));
    std::future::pending::<()>().await;
}
