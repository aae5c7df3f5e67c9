//! Who may be written to, where a client can know of an election before this broker does.

use super::{Leader, Move, Partition, Waiter};
use std::sync::{Arc, TryLockError};
use std::time::Duration;
use tokio::time::Instant;
use types::LeaderEpoch;

/// A client that came too early is better off to wait here: told to try again, Java's waits 100 ms
/// (`retry.backoff.ms`). All partitions of a request share it.
pub(crate) const ELECTION_GRACE: Duration = Duration::from_millis(50);

impl Partition {
    /// This node's term as the leader. The former leader names its successor to clients (KIP-951),
    /// which may be there before the image is: a replica that may be that successor gives the image
    /// until then.
    ///
    /// # Errors
    /// The leader that the client should go to.
    pub(crate) async fn term(&self, until: Instant) -> Result<LeaderEpoch, Leader> {
        let node = self.neighbours.node;
        let elsewhere = match self.led_by(node) {
            Ok(epoch) => return Ok(epoch),
            Err(leader) => leader,
        };
        if !self.may_lead_next() {
            return Err(elsewhere);
        }
        let waiter = Arc::new(Waiter::default());
        let news = async {
            loop {
                self.await_move(Move::Appended, &waiter);
                match self.led_by(node) {
                    Err(leader) if leader == elsewhere => waiter.woken().await,
                    news => break news,
                }
            }
        };
        let outcome = tokio::time::timeout_at(until, news).await;
        self.forget(Move::Appended, &waiter);
        outcome.unwrap_or(Err(elsewhere))
    }

    /// Not where this node led until just now: there it is the client that is late.
    fn may_lead_next(&self) -> bool {
        let replica = match self.replica.try_lock() {
            Ok(replica) => replica,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            // its log is being opened, perhaps for seconds: no client is kept for that
            Err(TryLockError::WouldBlock) => return false,
        };
        !replica.has_led_before && replica.state.isr.contains(&self.neighbours.node)
    }
}
