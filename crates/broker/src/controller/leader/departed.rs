//! Brokers that leave without a word: a process that died is known by its closed listeners, long
//! before its session ends.
//!
//! ```text
//! connection of heartbeats closes ─▶ cut off ─┬─ listeners refuse ─▶ gone: fenced
//!                                             ├─ heard of again   ─▶ alive
//!                                             └─ neither          ─▶ its session decides
//! ```

use std::time::Duration;

use log::Disk;
use metadata::BrokerRun;
use metadata::decide::FenceBroker;
use types::TimestampMs;

use super::super::Controller;
use super::super::error::ControllerError;
use super::super::worker::Worker;
use crate::peer::{Address, Presence, presence};

/// Before each look at the listeners of a broker that is cut off. A process that is killed does not
/// close all of its sockets at once.
const PAUSES_MS: [u64; 8] = [0, 2, 10, 25, 50, 100, 250, 500];

impl<D: Disk> Controller<D> {
    /// Finds out whether a broker lives whose connection has closed, and fences it if it does not.
    pub(crate) async fn connection_closed(&self, run: BrokerRun) {
        for pause in PAUSES_MS {
            tokio::time::sleep(Duration::from_millis(pause)).await;
            let is_first = pause == 0;
            let asked = self.ask(move |worker, _now| Ok(worker.doubted(run, is_first))).await;
            let Ok(Some(listeners)) = asked else { return };
            match presence(&listeners).await {
                Presence::Gone => {
                    // nobody waits for it
                    let _ = self.ask(move |worker, now| worker.gone(run, now)).await;
                    return;
                }
                Presence::Unknown => return,
                Presence::Present => {}
            }
        }
    }
}

impl<D: Disk> Worker<D> {
    /// Where a broker listens that was not heard of since its connection closed.
    fn doubted(&mut self, run: BrokerRun, has_just_closed: bool) -> Option<Vec<Address>> {
        let is_doubted = match has_just_closed {
            true => self.sessions.cut_off(run),
            false => self.sessions.is_cut_off(run),
        };
        let broker = self.state.replay.latest().cluster().broker(run.broker)?;
        let address = |endpoint: &metadata::image::Endpoint| Address {
            host: endpoint.host.to_string(),
            port: endpoint.port,
        };
        is_doubted.then(|| broker.endpoints.iter().map(address).collect())
    }

    fn gone(&mut self, run: BrokerRun, now: TimestampMs) -> Result<(), ControllerError> {
        if !self.sessions.is_cut_off(run) {
            return Ok(());
        }
        self.sessions.end(run.broker);
        let BrokerRun { broker, epoch } = run;
        if self.state.decide(&FenceBroker { broker, epoch }, now)? {
            tracing::warn!(%broker, "a broker is fenced: its process is gone");
        }
        Ok(())
    }
}
