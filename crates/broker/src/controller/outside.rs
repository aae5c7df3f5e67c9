//! What the controller's thread shows to all others of its process: the image, who leads, and whether
//! it is this node.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI16, AtomicI32, AtomicI64, Ordering};

use arc_swap::ArcSwap;
use log::Disk;
use metadata::image::Image;
use tokio::sync::watch;
use types::{BrokerEpoch, NodeId, Offset};

use super::ImageListener;
use super::error::ControllerError;
use super::publisher::Publisher;
use super::remote::Stage;
use super::state::State;
use crate::peer::Address;

/// The epoch of a broker that has not registered.
const NO_EPOCH: i64 = -1;

/// The image that all may see, and who wants to know of changes.
pub(super) struct Published {
    pub image: ArcSwap<Image>,
    /// The end of what is committed in the metadata log.
    pub committed: watch::Sender<Offset>,
    pub listener: ImageListener,
}

/// What handlers and the tasks beside them see.
#[derive(Debug)]
pub(super) struct Shared {
    /// [`NO_EPOCH`] while there is none.
    broker_epoch: AtomicI64,
    kraft_version: AtomicI16,
    /// -1 while nobody is known to lead.
    leader: AtomicI32,
    /// Whether this node is the active controller.
    decides: AtomicBool,
    pub stage: watch::Sender<Stage>,
    /// The end of what is applied to the image.
    pub applied: watch::Sender<Offset>,
    /// Where the active controller is reached; `None` while none is known.
    pub controller: watch::Sender<Option<Address>>,
    /// Whether this node is the only voter of the quorum.
    pub alone: watch::Sender<bool>,
}

impl Shared {
    pub fn new(stage: Stage) -> Self {
        Self {
            broker_epoch: AtomicI64::new(NO_EPOCH),
            kraft_version: AtomicI16::new(0),
            leader: AtomicI32::new(NodeId::NONE.0),
            decides: AtomicBool::new(false),
            stage: watch::Sender::new(stage),
            applied: watch::Sender::new(Offset(0)),
            controller: watch::Sender::new(None),
            alone: watch::Sender::new(false),
        }
    }

    pub fn broker_epoch(&self) -> Option<BrokerEpoch> {
        let epoch = self.broker_epoch.load(Ordering::Acquire);
        (epoch != NO_EPOCH).then_some(BrokerEpoch(epoch))
    }

    pub fn set_broker_epoch(&self, epoch: BrokerEpoch) {
        self.broker_epoch.store(epoch.0, Ordering::Release);
    }

    pub fn kraft_version(&self) -> i16 {
        self.kraft_version.load(Ordering::Acquire)
    }

    /// Who leads the quorum; [`NodeId::NONE`] while nobody is known to.
    pub fn leader(&self) -> NodeId {
        NodeId(self.leader.load(Ordering::Acquire))
    }

    pub fn decides(&self) -> bool {
        self.decides.load(Ordering::Acquire)
    }

    pub fn fail(&self, why: &str) {
        tracing::error!("this node cannot go on: {why}");
        self.stage.send_replace(Stage::Failed(why.to_owned()));
    }
}

/// The thread's own end of it.
pub(super) struct Outside {
    pub shared: Arc<Shared>,
    pub publisher: Publisher,
    /// The listener by which controllers are reached.
    pub listener: Arc<str>,
    /// The end of the last image that was given to be shown.
    shown: Offset,
}

impl Outside {
    pub fn new(shared: Arc<Shared>, publisher: Publisher, listener: Arc<str>) -> Self {
        Self { shared, publisher, listener, shown: Offset(0) }
    }

    /// Has the committed image shown, unless this node is still on its way to it.
    pub fn publish<D: Disk>(&mut self, state: &State<D>) {
        let committed = state.committed();
        self.shared.kraft_version.store(state.shell.raft().kraft_version(), Ordering::Release);
        let is_first = self.shown == Offset(0);
        if committed.end <= self.shown || is_first && !state.is_caught_up() {
            return;
        }
        self.publisher.show(committed.replay.publish(), committed.end);
        self.shown = committed.end;
    }

    /// Notes whether this node is the only voter; true where that is news.
    pub fn set_alone(&self, is_alone: bool) -> bool {
        self.shared.alone.send_if_modified(|known| std::mem::replace(known, is_alone) != is_alone)
    }

    /// This node's broker was registered beside the controller.
    pub fn joined(&self, epoch: Option<BrokerEpoch>) {
        if let Some(epoch) = epoch {
            self.shared.set_broker_epoch(epoch);
            self.shared.stage.send_replace(Stage::InService);
        }
    }

    /// Who leads the quorum, and whether it is this node, ready to decide.
    pub fn lead(&self, leader: raft::LeaderInfo, decides: bool) {
        self.shared.decides.store(decides, Ordering::Release);
        self.shared.leader.store(leader.id.unwrap_or(NodeId::NONE).0, Ordering::Release);
        let endpoint = leader.id.and_then(|_| leader.endpoints.get(&self.listener));
        let address = endpoint.map(|at| Address { host: at.host.clone(), port: at.port });
        self.shared.controller.send_if_modified(|known| {
            let changes = *known != address;
            *known = address;
            changes
        });
    }

    pub fn fail(&self, error: &ControllerError) {
        self.shared.fail(&error.to_string());
    }
}

impl Published {
    pub fn new(listener: ImageListener) -> Self {
        Self { image: ArcSwap::default(), committed: watch::Sender::new(Offset(0)), listener }
    }

    /// Shows an image that all records before `committed` are in.
    pub fn publish(&self, image: Image, committed: Offset) {
        let new = Arc::new(image);
        let old = self.image.swap(Arc::clone(&new));
        if old.provenance != new.provenance {
            (self.listener)(&old, &new);
        }
        self.committed.send_replace(committed);
    }
}
