//! Producer ids handed out from a block, so that the controller is asked once for a thousand.

use crate::controller::{Authority, Unavailable};
use metadata::decide::AllocateProducerIds;
use std::ops::Range;
use tokio::sync::Mutex;
use types::{NodeId, ProducerId};

/// The rest of the block in hand.
#[derive(Debug)]
pub(crate) struct ProducerIds {
    node: NodeId,
    block: Mutex<Range<i64>>,
}

impl ProducerIds {
    /// Nothing in hand: the first id asks for a block.
    pub(crate) fn new(node: NodeId) -> Self {
        Self { node, block: Mutex::new(0..0) }
    }

    /// An id that nobody else has or will have.
    pub(crate) async fn next(&self, controller: &Authority) -> Result<ProducerId, Unavailable> {
        // Who needs a block holds the others up, who would all need one too. Nothing here waits for
        // anything but the controller's thread, which takes no such lock.
        let mut block = self.block.lock().await;
        if let Some(id) = block.next() {
            return Ok(ProducerId(id));
        }
        let epoch = controller.broker_epoch().ok_or(Unavailable::NotDone)?;
        let reply =
            controller.submit_aside(AllocateProducerIds { broker: self.node, epoch }).await?;
        if reply.error_code != 0 {
            return Err(Unavailable::NotDone);
        }
        let first = reply.producer_id_start;
        *block = first..first + i64::from(reply.producer_id_len);
        block.next().map(ProducerId).ok_or(Unavailable::NotDone)
    }
}
