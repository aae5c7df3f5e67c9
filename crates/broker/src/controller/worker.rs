//! The one thread of the controller: it drives the quorum, and while this node leads it, decides. What
//! waits together is decided, written and synced together.

use std::collections::VecDeque;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use log::Disk;
use metadata::decide::FenceBroker;
use metadata::{BrokerRun, MetadataVersion, SessionTimeouts, Sessions};
use raft::{Input, RoleKind};
use tokio::sync::{mpsc, oneshot};
use types::{BrokerEpoch, Offset, TimestampMs};

use super::NotDone;
use super::checkpoint::SnapshotId;
use super::chores::Chores;
use super::error::ControllerError;
use super::leader::{Departed, Lookout};
use super::membership::Membership;
use super::outside::Outside;
use super::quorum::{Arrival, Outcome, Served};
use super::snapshots::SnapshotWriter;
use super::state::{News, State};
use super::traffic::Traffic;

/// Most commands that share one sync of the log.
const COMMANDS_PER_TURN: usize = 512;

/// Between attempts to open the log again, after the disk has failed.
const RECOVERY_PAUSE: Duration = Duration::from_millis(100);

/// Before a broker is fenced whose fencing could not be written.
const WRITE_PAUSE_MS: i32 = 100;

/// What the broker beside a leader that fell silent has at least to be heard of: more than a heartbeat.
const FORMER_LEADER_MS_MIN: i32 = 300;

/// A timer that fires so late was not looked at: the whole process was away, or its disk was.
const ABSENCE_MS: u64 = 250;

/// What is wanted of the thread.
pub(super) enum Order<D: Disk> {
    /// To be done by the active controller.
    Decide(Box<dyn Job<D>>),
    /// A request of another node, for the quorum.
    Quorum { request: raft::Request, answer: oneshot::Sender<Served> },
    /// To move `kraft.version`.
    Upgrade { version: i16, answer: oneshot::Sender<Result<(), String>> },
    /// To let another lead, before this node stops.
    HandOver { within_ms: u32, done: oneshot::Sender<()> },
}

/// Something to do on the thread: done in its turn, answered once what it wrote is committed.
pub(super) trait Job<D: Disk>: Send {
    /// Decides and appends; an error where nothing could be written.
    fn decide(&mut self, worker: &mut Worker<D>, now: TimestampMs) -> Result<(), ControllerError>;
    /// Sends the answer, or why there is none.
    fn answer(self: Box<Self>, outcome: Result<(), NotDone>);
    /// When it is answered.
    fn moment(&self) -> Moment {
        Moment::Committed
    }
}

/// How far a change must have come before it is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Moment {
    /// It is in the log for good.
    Committed,
    /// This node's image has it, and the broker goes by it.
    Shown,
}

/// A job whose answer somebody waits for.
pub(super) struct Asked<F, R> {
    question: Option<F>,
    moment: Moment,
    reply: Option<R>,
    sender: oneshot::Sender<Result<R, NotDone>>,
}

impl<F, R> Asked<F, R> {
    pub(super) fn new(
        question: F,
        moment: Moment,
        sender: oneshot::Sender<Result<R, NotDone>>,
    ) -> Self {
        Self { question: Some(question), moment, reply: None, sender }
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

    fn answer(self: Box<Self>, outcome: Result<(), NotDone>) {
        let Self { reply, sender, .. } = *self;
        // whoever asked may be gone
        let _ = sender.send(outcome.and_then(|()| reply.ok_or(NotDone::Failed)));
    }

    fn moment(&self) -> Moment {
        self.moment
    }
}

/// A job whose records, and those that it saw, end at `end`.
struct Waiting<D: Disk> {
    end: Offset,
    job: Box<dyn Job<D>>,
}

/// What the thread owns.
pub(super) struct Worker<D: Disk> {
    pub state: State<D>,
    pub membership: Membership,
    /// Of this node's broker, where no other controller is asked.
    pub epoch: Option<BrokerEpoch>,
    /// Brokers that tell by heartbeats that they live.
    pub sessions: Sessions,
    pub chores: Chores,
    pub lookout: Lookout,
    clock: Clock,
    traffic: Traffic,
    outside: Outside,
    snapshots: SnapshotWriter,
    waiting: VecDeque<Waiting<D>>,
    recovery: Recovery<D>,
}

/// How the state comes back after the disk has failed.
struct Recovery<D: Disk> {
    reload: Reload<D>,
    /// What is on the disk is not known yet.
    is_due: bool,
}

/// Opens the log and reads the state, as often as it is called.
pub(super) type Reload<D> = Box<dyn FnMut(TimestampMs) -> Result<State<D>, ControllerError> + Send>;

impl<D: Disk> Worker<D> {
    /// Opens the log, and leads at once where this node is the only voter.
    pub(super) fn open(
        mut reload: Reload<D>,
        membership: Membership,
        (timeouts, chores): (SessionTimeouts, Chores),
        traffic: Traffic,
        outside: Outside,
    ) -> Result<Self, ControllerError> {
        let clock = Clock::start();
        let now = clock.now();
        let mut worker = Self {
            state: reload(now)?,
            membership,
            epoch: None,
            sessions: Sessions::new(timeouts),
            chores,
            lookout: Lookout::default(),
            clock,
            traffic,
            outside,
            snapshots: SnapshotWriter::default(),
            waiting: VecDeque::new(),
            recovery: Recovery { reload, is_due: false },
        };
        worker.outside.set_alone(worker.is_alone());
        worker.settle(now)?;
        Ok(worker)
    }

    /// Blocks until the image is shown that is known by now.
    pub(super) fn wait_until_shown(&self) {
        self.outside.publisher.wait_until_shown();
    }

    /// Works until every sender of orders is gone.
    pub(super) async fn run(mut self, mut orders: mpsc::Receiver<Order<D>>) {
        let mut turn = Vec::new();
        let mut arrivals = Vec::new();
        let mut written = None;
        loop {
            let deadline = self.deadline();
            let due = deadline.unwrap_or_else(Instant::now).into();
            tokio::select! {
                order = orders.recv() => match order {
                    Some(order) => turn.push(order),
                    None => break,
                },
                arrival = self.traffic.next() => arrivals.push(arrival),
                run = self.lookout.next() => turn.push(Order::Decide(Box::new(Departed(run)))),
                id = self.snapshots.next() => written = Some(id),
                () = tokio::time::sleep_until(due), if deadline.is_some() => {}
            }
            while turn.len() < COMMANDS_PER_TURN {
                let Ok(order) = orders.try_recv() else { break };
                turn.push(order);
            }
            while let Some(arrival) = self.traffic.try_next() {
                arrivals.push(arrival);
            }
            self.turn(&mut turn, &mut arrivals, written.take());
            self.begin_snapshot();
        }
        std::mem::take(&mut self.snapshots).ended().await;
        self.stop();
    }

    /// When there is something to do although nobody asks.
    fn deadline(&self) -> Option<Instant> {
        if self.recovery.is_due {
            return Some(Instant::now() + RECOVERY_PAUSE);
        }
        let quorum = self.state.shell.raft().next_deadline().map(|at| self.clock.at(at));
        let sessions = self.sessions.next_deadline().filter(|_| self.state.decides());
        let sessions = sessions.map(|at| self.clock.started + Duration::from_millis(at.0));
        let chores = self.chores.next_due().filter(|_| self.state.decides());
        quorum.into_iter().chain(sessions).chain(chores).min()
    }

    /// The time of the sessions.
    pub(super) fn instant(&self) -> types::Instant {
        let millis = self.clock.started.elapsed().as_millis();
        types::Instant(u64::try_from(millis).unwrap_or(u64::MAX))
    }

    /// Whether this node is the only voter.
    pub(super) fn is_alone(&self) -> bool {
        let raft = self.state.shell.raft();
        raft.is_voter() && raft.voters().len() == 1
    }

    fn turn(
        &mut self,
        orders: &mut Vec<Order<D>>,
        arrivals: &mut Vec<Arrival>,
        written: Option<SnapshotId>,
    ) {
        let now = self.clock.now();
        if self.recovery.is_due {
            self.recover(now);
        }
        if self.recovery.is_due {
            // whoever waits for an answer is told that there is none
            orders.clear();
            arrivals.clear();
            return;
        }
        let taken = written.map_or(Ok(()), |id| self.state.snapshot_written(id, now));
        let taken = taken.and_then(|()| self.take_turn(orders, arrivals, now));
        if let Err(error) = taken {
            note(&error);
            orders.clear();
            arrivals.clear();
            self.recover(now);
        }
    }

    fn take_turn(
        &mut self,
        orders: &mut Vec<Order<D>>,
        arrivals: &mut Vec<Arrival>,
        now: TimestampMs,
    ) -> Result<(), ControllerError> {
        for arrival in arrivals.drain(..) {
            self.arrived(arrival, now)?;
        }
        self.state.step(Input::Tick, now)?;
        self.look_around(now)?;
        for order in orders.drain(..) {
            self.carry_out(order, now)?;
            // it may have cost the lead, or written: the next one must know
            self.look_around(now)?;
        }
        self.fence_silent(now)?;
        if self.state.decides() {
            for chore in self.chores.take_due(Instant::now()) {
                self.decide(Box::new(chore), now)?;
            }
        }
        self.settle(now)
    }

    fn arrived(&mut self, arrival: Arrival, now: TimestampMs) -> Result<(), ControllerError> {
        let Arrival { to, correlation, outcome, .. } = arrival;
        match outcome {
            Outcome::Reply { reply, bytes } => {
                return self.state.reply((correlation, reply, &bytes), now);
            }
            Outcome::Failed(why) => tracing::debug!(node = %to, why, "no answer in the quorum"),
            Outcome::Gone => {
                self.state.step(Input::Failed { correlation }, now)?;
                return self.state.step(Input::LeaderGone(to), now);
            }
            Outcome::OtherCluster { address: asked } => {
                let own = self.membership.cluster_id.clone();
                self.outside.fail(&ControllerError::OtherCluster { own, asked });
            }
        }
        self.state.step(Input::Failed { correlation }, now)
    }

    fn carry_out(&mut self, order: Order<D>, now: TimestampMs) -> Result<(), ControllerError> {
        match order {
            Order::Decide(job) => self.decide(job, now),
            Order::Quorum { request, answer } => {
                self.state.offer(now)?;
                let id = self.traffic.expect(answer);
                self.state.step(Input::Request { id, request }, now)
            }
            Order::Upgrade { version, answer } => {
                self.state.offer(now)?;
                let id = self.traffic.expect_upgrade(answer);
                self.state.step(Input::UpgradeKraftVersion { id, version }, now)
            }
            // nobody else could lead, and this node has its leave to take
            Order::HandOver { .. } if self.is_alone() => Ok(()),
            Order::HandOver { within_ms, done } => {
                self.state.offer(now)?;
                self.traffic.hands_over = Some(done);
                self.state.step(Input::Shutdown { within_ms }, now)
            }
        }
    }

    fn decide(
        &mut self,
        mut job: Box<dyn Job<D>>,
        now: TimestampMs,
    ) -> Result<(), ControllerError> {
        if !self.state.decides() {
            job.answer(Err(NotDone::NotController));
            return Ok(());
        }
        let before = self.release();
        let decided = job.decide(self, now).and_then(|()| match self.release() == before {
            true => Ok(()),
            // releases before it may not have known controllers
            false => self.membership.introduce(&mut self.state, now),
        });
        match decided {
            Ok(()) => {
                self.waiting.push_back(Waiting { end: self.state.log.end_offset(), job });
                Ok(())
            }
            Err(error) => {
                job.answer(Err(NotDone::Failed));
                self.failed_to_write(error, now)
            }
        }
    }

    fn release(&self) -> MetadataVersion {
        self.state.replay.latest().features().metadata_version()
    }

    /// A decision that could not be written is as if it had never been made; where a part of it
    /// stands in the log, the state must be read anew. Who cannot write leaves the lead to others,
    /// if there are any.
    fn failed_to_write(
        &mut self,
        error: ControllerError,
        now: TimestampMs,
    ) -> Result<(), ControllerError> {
        if !self.state.is_in_step() {
            return Err(error);
        }
        note(&error);
        if self.is_alone() {
            return Ok(());
        }
        // what others decided before in this turn is in the log
        self.state.offer(now)?;
        let epoch = self.state.shell.raft().epoch();
        self.state.step(Input::Resign { epoch }, now)
    }

    /// Fences brokers whose sessions have run out; nobody waits for it.
    fn fence_silent(&mut self, now: TimestampMs) -> Result<(), ControllerError> {
        let instant = self.instant();
        let due = self.sessions.next_deadline().filter(|due| *due <= instant);
        let Some(due) = due.filter(|_| self.state.decides()) else { return Ok(()) };
        let late = instant.ms_since(due);
        // what brokers sent meanwhile has yet to come in
        if late > ABSENCE_MS && self.sessions.excuse(late + ABSENCE_MS) {
            return Ok(());
        }
        while let Some(BrokerRun { broker, epoch }) = self.sessions.expired(instant) {
            match self.state.decide(&FenceBroker { broker, epoch }, now) {
                Ok(is_news) => {
                    self.sessions.end(broker);
                    if is_news {
                        tracing::warn!(%broker, "a broker is fenced: it was not heard of");
                    }
                }
                Err(error) => {
                    // it stays due
                    self.sessions.put_off(broker, instant.plus_ms(WRITE_PAUSE_MS));
                    self.failed_to_write(error, now)?;
                    return self.look_around(now);
                }
            }
        }
        Ok(())
    }

    /// Brings what was written to others and to the disk, until nothing is left to do.
    fn settle(&mut self, now: TimestampMs) -> Result<(), ControllerError> {
        loop {
            self.state.offer(now)?;
            self.look_around(now)?;
            if self.state.shell.must_flush() {
                self.state.flush(now)?;
            } else if self.state.is_quiet() {
                break;
            }
        }
        self.outside.publish(&self.state);
        self.answer_committed();
        Ok(())
    }

    /// Has a snapshot written beside this thread, if it is time for one.
    fn begin_snapshot(&mut self) {
        if self.recovery.is_due || self.snapshots.is_busy() {
            return;
        }
        if let Some(draft) = self.state.due_snapshot(self.clock.now()) {
            self.snapshots.begin(draft);
        }
    }

    /// Takes in what the quorum tells, and lets out what it wants sent.
    fn look_around(&mut self, now: TimestampMs) -> Result<(), ControllerError> {
        let News { role, has_lost_lead, has_taken_lead, upgraded, is_shut_down } =
            self.state.take_in()?;
        if has_lost_lead {
            tracing::info!("this node is no longer the active controller");
            for waiting in self.waiting.drain(..) {
                waiting.job.answer(Err(NotDone::NotController));
            }
        }
        let is_alone = self.is_alone();
        if self.outside.set_alone(is_alone) && self.state.decides() {
            self.renew_sessions(is_alone);
        }
        if has_taken_lead {
            self.take_over(is_alone, now)?;
        }
        if let Some(change) = &role
            && change.role == RoleKind::Unattached
            && change.leader.id == Some(self.membership.node)
        {
            tracing::warn!(
                "another process with this node's id leads the quorum: was `node.id` given twice?"
            );
        }
        if role.is_some() || has_lost_lead || has_taken_lead {
            self.outside.lead(self.state.shell.raft().leader(), self.state.decides());
        }
        self.traffic.let_out(&mut self.state.shell);
        for (id, result) in upgraded {
            self.traffic.upgraded(id, result);
        }
        if is_shut_down && let Some(done) = self.traffic.hands_over.take() {
            // whoever asked may be gone
            let _ = done.send(());
        }
        Ok(())
    }

    fn answer_committed(&mut self) {
        let committed = self.state.committed().end;
        while self.waiting.front().is_some_and(|waiting| waiting.end <= committed) {
            let Some(Waiting { job, .. }) = self.waiting.pop_front() else { break };
            match job.moment() {
                Moment::Committed => job.answer(Ok(())),
                Moment::Shown => self.outside.publisher.answer(Box::new(|| job.answer(Ok(())))),
            }
        }
    }

    /// Becomes the active controller.
    fn take_over(&mut self, is_alone: bool, now: TimestampMs) -> Result<(), ControllerError> {
        tracing::info!(epoch = %self.state.shell.raft().epoch(), "this node is the active controller");
        self.state.settle_in(now)?;
        self.membership.introduce(&mut self.state, now)?;
        if is_alone && self.epoch.is_none() {
            self.epoch = self.membership.join(&mut self.state, now)?;
            self.outside.joined(self.epoch);
        }
        self.renew_sessions(is_alone);
        if let Some((former, silent_ms)) = self.state.shell.raft().silenced() {
            let least = self.instant().plus_ms(FORMER_LEADER_MS_MIN);
            self.sessions.was_silent(former, silent_ms, least);
        }
        Ok(())
    }

    /// Gives every broker a whole session; that of this process needs none where it is alone.
    fn renew_sessions(&mut self, is_alone: bool) {
        let mut sessions = Sessions::new(self.sessions.timeouts());
        if is_alone && self.epoch.is_some() {
            sessions = sessions.beside(self.membership.node);
        }
        sessions.take_over(self.instant(), self.state.replay.latest().cluster());
        self.sessions = sessions;
        self.look_for_all();
    }

    /// What is on disk is not known after a failure: the state is read anew from there.
    fn recover(&mut self, now: TimestampMs) {
        self.recovery.is_due = true;
        for waiting in self.waiting.drain(..) {
            waiting.job.answer(Err(NotDone::Failed));
        }
        self.traffic.forget();
        self.snapshots.forget();
        let reloaded = (self.recovery.reload)(now).and_then(|state| {
            self.state = state;
            self.settle(now)
        });
        match reloaded {
            Ok(()) => {
                self.recovery.is_due = false;
                self.outside.lead(self.state.shell.raft().leader(), self.state.decides());
            }
            Err(error) => {
                note(&error);
                self.outside.lead(raft::LeaderInfo::default(), false);
            }
        }
    }

    fn leave(&mut self, epoch: BrokerEpoch, now: TimestampMs) -> Result<(), ControllerError> {
        self.membership.leave(&mut self.state, epoch, now)?;
        self.state.offer(now)?;
        self.state.flush(now)
    }

    fn stop(mut self) {
        let now = self.clock.now();
        let left = match self.epoch.filter(|_| self.is_alone() && self.state.decides()) {
            Some(epoch) => self.leave(epoch, now),
            None => Ok(()),
        };
        if let Err(error) = left.and_then(|()| self.state.log.close(now)) {
            note(&error);
        }
    }
}

/// Time that does not run backwards, beginning at the machine's.
struct Clock {
    started: Instant,
    started_at: TimestampMs,
}

impl Clock {
    fn start() -> Self {
        Self { started: Instant::now(), started_at: now() }
    }

    fn now(&self) -> TimestampMs {
        let millis = i64::try_from(self.started.elapsed().as_millis()).unwrap_or(i64::MAX);
        TimestampMs(self.started_at.0.saturating_add(millis))
    }

    fn at(&self, moment: TimestampMs) -> Instant {
        let millis = u64::try_from(moment.0.saturating_sub(self.started_at.0)).unwrap_or_default();
        self.started + Duration::from_millis(millis)
    }
}

fn note(error: &ControllerError) {
    tracing::error!(%error, "the cluster's metadata cannot be changed");
}

/// The machine's time.
pub(super) fn now() -> TimestampMs {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    TimestampMs(i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX))
}
