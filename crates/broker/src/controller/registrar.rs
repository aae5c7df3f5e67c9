//! A controller that another one leads introduces itself there, as KIP-919 asks of every process.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use types::{ErrorCode, Offset};
use wire::controller_registration_request::ControllerRegistrationRequest;

use super::Beside;
use super::membership::Membership;
use super::outside::{Published, Shared};
use super::remote::CLIENT_ID;
use crate::peer::{Line, Peer, PeerError};

/// Between attempts.
const PAUSE: Duration = Duration::from_millis(100);

/// A registration takes no longer.
const PATIENCE: Duration = Duration::from_secs(5);

pub(super) struct Registrar {
    membership: Membership,
    published: Arc<Published>,
    shared: Arc<Shared>,
    controller: Peer,
    line: Line,
}

impl Registrar {
    pub fn new(membership: Membership, published: &Arc<Published>, shared: &Arc<Shared>) -> Self {
        let address = shared.controller.subscribe();
        let (controller, line) = Peer::new(CLIENT_ID, address, PATIENCE);
        let (published, shared) = (Arc::clone(published), Arc::clone(shared));
        Self { membership, published, shared, controller, line }
    }

    /// Sees to it for as long as the node runs.
    pub fn run(self) -> Beside {
        Box::pin(async move {
            let Self { membership, published, shared, controller, line } = self;
            let register = async {
                let mut applied = shared.applied.subscribe();
                loop {
                    if !is_due(&membership, &published, &shared) {
                        wait_for_news(&mut applied).await;
                        continue;
                    }
                    if let Err(error) = introduce(&membership, &controller).await {
                        tracing::debug!(%error, "this controller is not registered yet");
                    }
                    tokio::time::sleep(PAUSE).await;
                }
            };
            tokio::join!(register, line.run());
        })
    }
}

/// Whether the cluster knows another process of this controller, or none. The active controller
/// registers itself.
fn is_due(membership: &Membership, published: &Published, shared: &Shared) -> bool {
    let image = published.image.load();
    let release = image.features().metadata_version();
    let known = image.cluster().controllers.get(&membership.node);
    *shared.applied.borrow() > Offset(0)
        && !shared.decides()
        && release >= metadata::MetadataVersion::CONTROLLER_REGISTRATION
        && known.is_none_or(|known| known.incarnation != membership.incarnation)
}

async fn wait_for_news(applied: &mut watch::Receiver<Offset>) {
    if applied.changed().await.is_err() {
        // nothing is applied any more
        std::future::pending::<()>().await;
    }
}

async fn introduce(membership: &Membership, controller: &Peer) -> Result<(), PeerError> {
    let answered = controller.call(membership.controller_request()).await?;
    let response = answered.read::<ControllerRegistrationRequest<'static>>()?;
    match ErrorCode::from_wire(response.error_code) {
        ErrorCode::None => Ok(()),
        code => Err(PeerError::Refused(code)),
    }
}
