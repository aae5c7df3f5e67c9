//! The one thread that decides: what waits together is decided, written and synced together.

use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{SystemTime, UNIX_EPOCH};

use log::Disk;
use metadata::decide::Command;
use metadata::image::Image;
use tokio::sync::{mpsc, oneshot};
use types::{BrokerEpoch, TimestampMs};

use super::error::ControllerError;
use super::membership::Membership;
use super::state::State;
use super::{Published, Unavailable};

/// Most commands that share one sync of the log.
const COMMANDS_PER_TURN: usize = 512;

/// A command on its way: decided on the thread, answered once it is durable.
pub(super) trait Job<D: Disk>: Send {
    /// Decides and appends. `false` where nothing could be written.
    fn decide(&mut self, state: &mut State<D>, now: TimestampMs) -> Result<(), ControllerError>;
    /// Sends the answer, or that there is none.
    fn answer(self: Box<Self>, durable: bool);
}

/// The job of one command.
pub(super) struct Pending<C: Command> {
    pub command: C,
    pub reply: Option<C::Reply>,
    pub sender: oneshot::Sender<Result<C::Reply, Unavailable>>,
}

impl<D: Disk, C: Command<Reply: Send> + Send> Job<D> for Pending<C> {
    fn decide(&mut self, state: &mut State<D>, now: TimestampMs) -> Result<(), ControllerError> {
        self.reply = Some(state.decide(&self.command, now)?);
        Ok(())
    }

    fn answer(self: Box<Self>, durable: bool) {
        let reply = self.reply.filter(|_| durable).ok_or(Unavailable);
        // whoever asked may be gone
        let _ = self.sender.send(reply);
    }
}

/// What the thread owns.
pub(super) struct Worker<D: Disk> {
    pub state: State<D>,
    pub membership: Membership,
    pub epoch: Option<BrokerEpoch>,
    pub published: Arc<Published>,
    pub jobs: mpsc::Receiver<Box<dyn Job<D>>>,
    /// Opens the log again and rebuilds the state, after the disk has failed.
    pub reload: Box<dyn FnMut() -> Result<State<D>, ControllerError> + Send>,
}

impl<D: Disk> Worker<D> {
    /// Starts the thread. It ends when every sender of jobs is gone.
    pub(super) fn spawn(self) -> Result<JoinHandle<()>, ControllerError> {
        let thread = std::thread::Builder::new().name("controller".to_owned());
        thread.spawn(move || self.run()).map_err(ControllerError::Thread)
    }

    fn run(mut self) {
        let mut turn = Vec::new();
        while let Some(job) = self.jobs.blocking_recv() {
            turn.push(job);
            while turn.len() < COMMANDS_PER_TURN {
                let Ok(job) = self.jobs.try_recv() else { break };
                turn.push(job);
            }
            self.turn(&mut turn);
        }
        self.stop();
    }

    fn turn(&mut self, turn: &mut Vec<Box<dyn Job<D>>>) {
        let now = now();
        let before = self.state.log.end_offset();
        let decided: Vec<bool> = turn
            .iter_mut()
            .map(|job| job.decide(&mut self.state, now).map_err(|e| note(&e)).is_ok())
            .collect();
        let durable = if self.state.log.end_offset() == before {
            true
        } else {
            self.state.log.flush(now).map_err(|e| note(&e)).is_ok()
        };
        if durable {
            self.published.publish(self.state.replay.publish());
        } else {
            self.recover();
        }
        for (job, decided) in turn.drain(..).zip(decided) {
            job.answer(decided && durable);
        }
        if let Err(error) = self.state.snapshot_if_due(now) {
            note(&error);
        }
    }

    /// What is on disk is not known after a failed sync: the state is read anew from there.
    fn recover(&mut self) {
        match (self.reload)() {
            Ok(state) => {
                self.state = state;
                self.published.publish(self.state.replay.publish());
            }
            Err(error) => note(&error),
        }
    }

    fn stop(mut self) {
        let now = now();
        let left = match self.epoch {
            Some(epoch) => self.membership.leave(&mut self.state, epoch, now),
            None => Ok(()),
        };
        if let Err(error) = left.and_then(|()| self.state.log.close(now)) {
            note(&error);
        }
    }
}

impl Published {
    fn publish(&self, image: Image) {
        let new = Arc::new(image);
        let old = self.image.swap(Arc::clone(&new));
        if old.provenance == new.provenance {
            return;
        }
        (self.listener)(&old, &new);
    }
}

fn note(error: &ControllerError) {
    tracing::error!(%error, "the cluster's metadata cannot be changed");
}

pub(super) fn now() -> TimestampMs {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    TimestampMs(i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX))
}
