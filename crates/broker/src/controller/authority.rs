//! Who decides for this node: a controller in this process, or one in another.

use std::sync::Arc;
use std::time::Duration;

use metadata::BrokerRun;
use metadata::image::Image;
use types::BrokerEpoch;

use super::remote::{Forwarded, RemoteController, Stage};
use super::{Controller, Unavailable};

/// So long a client is kept waiting for what it has not asked for.
const ASIDE_MAX: Duration = Duration::from_secs(1);

/// The seam between handlers and the metadata: where it is decided is not their concern.
#[derive(Debug)]
pub(crate) enum Authority {
    Here(Controller),
    Elsewhere(RemoteController),
}

impl Authority {
    /// The newest image that this node knows. Loading it takes no lock.
    pub(crate) fn image(&self) -> Arc<Image> {
        match self {
            Self::Here(controller) => controller.image(),
            Self::Elsewhere(controller) => controller.image(),
        }
    }

    /// The epoch under which this node's broker is registered, if it is.
    pub(crate) fn broker_epoch(&self) -> Option<BrokerEpoch> {
        match self {
            Self::Here(controller) => controller.broker_epoch(),
            Self::Elsewhere(controller) => controller.broker_epoch(),
        }
    }

    /// The level of `kraft.version`: 1 where the log knows the voters.
    pub(crate) fn kraft_version(&self) -> i16 {
        match self {
            Self::Here(controller) => controller.kraft_version(),
            Self::Elsewhere(controller) => controller.kraft_version(),
        }
    }

    /// Has a command carried out. Of a controller in this process the image shows it when this
    /// returns; of another's, soon after.
    ///
    /// # Errors
    /// Where there is no answer; the command may have been carried out all the same.
    pub(crate) async fn submit<C: Forwarded>(&self, command: C) -> Result<C::Reply, Unavailable> {
        match self {
            Self::Here(controller) => controller.submit(command).await,
            Self::Elsewhere(controller) => controller.submit(command).await,
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
        match self {
            Self::Here(controller) => controller.submit(command).await,
            Self::Elsewhere(controller) => {
                let reply = tokio::time::timeout(ASIDE_MAX, controller.submit(command)).await;
                reply.unwrap_or(Err(Unavailable))
            }
        }
    }

    /// The connection on which a broker beats has closed.
    pub(crate) async fn connection_closed(&self, run: BrokerRun) {
        if let Self::Here(controller) = self {
            controller.connection_closed(run).await;
        }
    }

    /// Returns when clients may be served.
    ///
    /// # Errors
    /// Where that will never be, and why.
    pub(crate) async fn in_service(&self) -> Result<(), String> {
        let Self::Elsewhere(controller) = self else { return Ok(()) };
        let mut stage = controller.stage();
        let known = stage.wait_for(|stage| *stage != Stage::Starting).await;
        match known.map(|stage| stage.clone()) {
            Ok(Stage::Failed(why)) => Err(why),
            Ok(Stage::Starting | Stage::InService | Stage::Left) => Ok(()),
            Err(_) => Err("the node is stopping".to_owned()),
        }
    }

    /// Returns when this node cannot go on, and why.
    pub(crate) async fn failed(&self) -> String {
        if let Self::Elsewhere(controller) = self {
            let mut stage = controller.stage();
            let failed = stage.wait_for(|stage| matches!(stage, Stage::Failed(_))).await;
            if let Ok(Stage::Failed(why)) = failed.as_deref() {
                return why.clone();
            }
        }
        std::future::pending().await
    }

    /// Takes leave of a controller in another process while this node still serves, so that others
    /// know first. One in this process learns of it in [`Self::stop`].
    pub(crate) async fn leave(&self, patience: Duration) {
        if let Self::Elsewhere(controller) = self {
            controller.leave(patience).await;
        }
    }

    /// Takes no more commands and closes the metadata log. Blocks until that is done.
    pub(crate) fn stop(&self) {
        match self {
            Self::Here(controller) => controller.stop(),
            Self::Elsewhere(controller) => controller.stop(),
        }
    }
}
