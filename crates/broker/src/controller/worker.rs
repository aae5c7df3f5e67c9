//! The one thread that decides: what waits together is decided, written and synced together.

use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use log::Disk;
use metadata::decide::FenceBroker;
use metadata::image::Image;
use metadata::{BrokerRun, Sessions};
use tokio::sync::{mpsc, oneshot};
use types::{BrokerEpoch, Offset, TimestampMs};

use super::chores::Chores;
use super::error::ControllerError;
use super::leader::Observers;
use super::membership::Membership;
use super::state::State;
use super::{Published, Unavailable};

/// Most commands that share one sync of the log.
const COMMANDS_PER_TURN: usize = 512;

/// Something to do on the thread: done in its turn, answered once what it wrote is durable.
pub(super) trait Job<D: Disk>: Send {
    /// Decides and appends; an error where nothing could be written.
    fn decide(&mut self, worker: &mut Worker<D>, now: TimestampMs) -> Result<(), ControllerError>;
    /// Sends the answer, or that there is none.
    fn answer(self: Box<Self>, durable: bool);
}

/// A job whose answer somebody waits for.
pub(super) struct Asked<F, R> {
    question: Option<F>,
    reply: Option<R>,
    sender: oneshot::Sender<Result<R, Unavailable>>,
}

impl<F, R> Asked<F, R> {
    pub(super) fn new(question: F, sender: oneshot::Sender<Result<R, Unavailable>>) -> Self {
        Self { question: Some(question), reply: None, sender }
    }
}

impl<D, F, R> Job<D> for Asked<F, R>
where
    D: Disk,
    F: FnOnce(&mut Worker<D>, TimestampMs) -> Result<R, ControllerError> + Send,
    R: Send,
{
    fn decide(&mut self, worker: &mut Worker<D>, now: TimestampMs) -> Result<(), ControllerError> {
        let question = self.question.take().expect("a job is done once");
        self.reply = Some(question(worker, now)?);
        Ok(())
    }

    fn answer(self: Box<Self>, durable: bool) {
        let reply = self.reply.filter(|_| durable).ok_or(Unavailable);
        // whoever asked may be gone
        let _ = self.sender.send(reply);
    }
}

/// A timer that fires so late was not looked at: the whole process was away, or its disk was.
const ABSENCE_MS: u64 = 250;

/// Brokers whose sessions have run out are fenced; nobody waits for it.
struct FenceSilent {
    due: types::Instant,
}

impl<D: Disk> Job<D> for FenceSilent {
    fn decide(&mut self, worker: &mut Worker<D>, now: TimestampMs) -> Result<(), ControllerError> {
        let late = worker.instant().ms_since(self.due);
        if late > ABSENCE_MS {
            // what brokers sent meanwhile has yet to come in
            worker.sessions.excuse(late);
            return Ok(());
        }
        while let Some(BrokerRun { broker, epoch }) = worker.sessions.expire(worker.instant()) {
            if worker.state.decide(&FenceBroker { broker, epoch }, now)? {
                tracing::warn!(%broker, "a broker is fenced: it was not heard of for too long");
            }
        }
        Ok(())
    }

    fn answer(self: Box<Self>, _durable: bool) {}
}

/// What the thread owns.
pub(super) struct Worker<D: Disk> {
    pub state: State<D>,
    pub membership: Membership,
    pub epoch: Option<BrokerEpoch>,
    /// Brokers of other processes.
    pub sessions: Sessions,
    pub chores: Chores,
    /// Origin of the sessions' clock.
    pub started: Instant,
    /// Who copies the metadata log.
    pub observers: Observers,
    /// All records before it are durable.
    pub committed: Offset,
    pub published: Arc<Published>,
    pub jobs: mpsc::Receiver<Box<dyn Job<D>>>,
    /// Opens the log again and rebuilds the state, after the disk has failed.
    pub reload: Box<dyn FnMut() -> Result<State<D>, ControllerError> + Send>,
}

impl<D: Disk> Worker<D> {
    /// Starts the thread. It ends when every sender of jobs is gone.
    pub(super) fn spawn(self) -> Result<JoinHandle<()>, ControllerError> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
        let runtime = runtime.map_err(ControllerError::Thread)?;
        let thread = std::thread::Builder::new().name("controller".to_owned());
        thread.spawn(move || runtime.block_on(self.run())).map_err(ControllerError::Thread)
    }

    async fn run(mut self) {
        let mut turn: Vec<Box<dyn Job<D>>> = Vec::new();
        loop {
            let session = self.sessions.next_deadline().map(|due| self.at(due));
            let chore = self.chores.next_due().map(tokio::time::Instant::from);
            let deadline = [session, chore].into_iter().flatten().min();
            tokio::select! {
                job = self.jobs.recv() => match job {
                    Some(job) => turn.push(job),
                    None => break,
                },
                () = until(deadline) => {}
            }
            while turn.len() < COMMANDS_PER_TURN {
                let Ok(job) = self.jobs.try_recv() else { break };
                turn.push(job);
            }
            // last, so that a heartbeat that waited is heard before its session ends
            if let Some(due) = self.sessions.next_deadline().filter(|due| *due <= self.instant()) {
                turn.push(Box::new(FenceSilent { due }));
            }
            for chore in self.chores.take_due(Instant::now()) {
                turn.push(Box::new(chore));
            }
            self.turn(&mut turn);
        }
        self.stop();
    }

    /// The time of the sessions.
    pub(super) fn instant(&self) -> types::Instant {
        let millis = self.started.elapsed().as_millis();
        types::Instant(u64::try_from(millis).unwrap_or(u64::MAX))
    }

    /// When an instant of the sessions has passed.
    fn at(&self, instant: types::Instant) -> tokio::time::Instant {
        (self.started + Duration::from_millis(instant.0)).into()
    }

    fn turn(&mut self, turn: &mut Vec<Box<dyn Job<D>>>) {
        let now = now();
        let before = self.state.log.end_offset();
        let decided: Vec<bool> = turn
            .iter_mut()
            .map(|job| job.decide(self, now).map_err(|e| note(&e)).is_ok())
            .collect();
        let durable = if self.state.log.end_offset() == before {
            true
        } else {
            self.state.log.flush(now).map_err(|e| note(&e)).is_ok()
        };
        if durable {
            self.publish();
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

    fn publish(&mut self) {
        self.committed = self.state.log.end_offset();
        self.published.publish(self.state.replay.publish(), self.committed);
    }

    /// What is on disk is not known after a failed sync: the state is read anew from there.
    fn recover(&mut self) {
        match (self.reload)() {
            Ok(state) => {
                self.state = state;
                self.publish();
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
    /// Shows an image that all records before `committed` are in.
    pub(super) fn publish(&self, image: Image, committed: Offset) {
        let new = Arc::new(image);
        let old = self.image.swap(Arc::clone(&new));
        if old.provenance != new.provenance {
            (self.listener)(&old, &new);
        }
        self.committed.send_if_modified(|known| std::mem::replace(known, committed) != committed);
    }
}

async fn until(deadline: Option<tokio::time::Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}

fn note(error: &ControllerError) {
    tracing::error!(%error, "the cluster's metadata cannot be changed");
}

pub(super) fn now() -> TimestampMs {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    TimestampMs(i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX))
}
