//! Brokers that leave without a word: a process that died is known by its closed listeners, long
//! before its session ends.
//!
//! ```text
//! connection of heartbeats closes,
//! another controller takes over   ─▶ cut off ─┬─ listeners refuse ─▶ gone: fenced
//!                                             ├─ heard of again   ─▶ alive
//!                                             └─ neither          ─▶ its session decides
//! ```

use std::time::Duration;

use log::Disk;
use metadata::BrokerRun;
use metadata::decide::FenceBroker;
use tokio::task::JoinSet;
use types::TimestampMs;

use super::super::Controller;
use super::super::NotDone;
use super::super::error::ControllerError;
use super::super::worker::{Job, Worker};
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

/// Looks at the listeners of brokers that a controller has not heard of since it took over: the one
/// before it may have died together with a broker, or with the news of one.
#[derive(Debug, Default)]
pub(in crate::controller) struct Lookout {
    wanted: Vec<(BrokerRun, Vec<Address>)>,
    looking: JoinSet<(BrokerRun, Presence)>,
}

/// A broker whose listeners are closed; nobody waits for what follows.
#[derive(Debug)]
pub(in crate::controller) struct Departed(pub BrokerRun);

impl<D: Disk> Job<D> for Departed {
    fn decide(&mut self, worker: &mut Worker<D>, now: TimestampMs) -> Result<(), ControllerError> {
        worker.gone(self.0, now)
    }

    fn answer(self: Box<Self>, _outcome: Result<(), NotDone>) {}
}

impl Lookout {
    /// The next broker that is found to be gone.
    pub async fn next(&mut self) -> BrokerRun {
        for (run, listeners) in self.wanted.drain(..) {
            self.looking.spawn(async move { (run, presence(&listeners).await) });
        }
        loop {
            match self.looking.join_next().await {
                Some(Ok((run, Presence::Gone))) => return run,
                Some(_) => {}
                None => std::future::pending().await,
            }
        }
    }
}

impl<D: Disk> Worker<D> {
    /// Brokers that are not heard of are looked for, from now on.
    pub(in crate::controller) fn look_for_all(&mut self) {
        let cut_off: Vec<BrokerRun> = self.sessions.all_cut_off().collect();
        for run in cut_off {
            if let Some(listeners) = self.doubted(run, false) {
                self.lookout.wanted.push((run, listeners));
            }
        }
    }

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
        let BrokerRun { broker, epoch } = run;
        let is_news = self.state.decide(&FenceBroker { broker, epoch }, now)?;
        // until then its session would have ended by itself
        self.sessions.end(broker);
        if is_news {
            tracing::warn!(%broker, "a broker is fenced: its process is gone");
        }
        Ok(())
    }
}
