//! The active controller: decides against what it has written, and answers once that is committed.

use std::collections::VecDeque;

use metadata::decide::{
    AllocateProducerIds, AlterPartition, AlterPartitionReassignments, AssignReplicasToDirs,
    BATCH_BYTES_MAX, BalanceLeaders, Batching, Command as Decides, Controller, CreateTopics,
    DeleteTopics, ElectLeaders, FenceBroker, Heartbeat, RegisterBroker, Settings, Unity,
    UnregisterBroker,
};
use metadata::features::Feature;
use metadata::image::Replay;
use metadata::{BrokerRun, MetadataVersion, SessionTimeouts, Sessions};
use raft::Input;
use types::{BrokerEpoch, ErrorCode, LeaderEpoch, NodeId, Offset};
use wire::abort_transaction_record::AbortTransactionRecord;
use wire::feature_level_record::FeatureLevelRecord;
use wire::record_frame::MetadataRecord;
use wire::{
    BrokerHeartbeatRequest, BrokerRegistrationRequest, ElectLeadersRequest, ElectLeadersResponse,
};

use crate::env::{Checked, Env, Return, ShellRule};
use crate::message::{Command, Outcome, Reply};
use crate::process::Process;

pub const CLUSTER: &str = "AAAAAAAAAAAAAAAAAAAAZg";
/// `broker.session.timeout.ms`
const SESSION_MS: i32 = 2_000;
const BALANCE_EVERY_MS: i64 = 3_000;

pub struct Active {
    pub epoch: LeaderEpoch,
    /// Whether a record of its own epoch is committed: then it has all that was before.
    pub is_claimed: bool,
    pub latest: Replay,
    sessions: Sessions,
    /// Answers, and up to where the log must be committed for them.
    answers: VecDeque<(Offset, Return, Outcome)>,
    balance_at: i64,
}

impl Active {
    pub fn new(epoch: LeaderEpoch, latest: Replay) -> Self {
        let sessions = Sessions::new(SessionTimeouts { ms: SESSION_MS, short_ms: SESSION_MS });
        let answers = VecDeque::new();
        Self { epoch, is_claimed: false, latest, sessions, answers, balance_at: i64::MAX }
    }

    pub fn next_deadline(&self) -> Option<i64> {
        let session = self.sessions.next_deadline().map(|at| at.0.cast_signed());
        self.is_claimed.then(|| session.unwrap_or(i64::MAX).min(self.balance_at))
    }
}

impl Process {
    /// More is committed; whether a record of this epoch is among it.
    pub fn committed(&mut self, env: &mut Env, is_own: bool) -> Checked {
        let Some(active) = &mut self.active else { return Ok(()) };
        while let Some((_, back, outcome)) =
            active.answers.pop_front_if(|(end, _, _)| *end <= self.applied)
        {
            env.answer(back, Reply::Control(outcome));
        }
        if active.is_claimed || !is_own {
            return Ok(());
        }
        active.is_claimed = true;
        active.latest = self.replay.clone();
        active.sessions.take_over(env.instant(), self.replay.latest().cluster());
        active.balance_at = env.now + BALANCE_EVERY_MS;
        let has_version = active.latest.latest().features().has_metadata_version();
        if active.latest.in_transaction() && !env.is_broken(ShellRule::KeepsTransactionOpen) {
            env.shadow.visit("aborts a transaction");
            let reason = Some("the leader before has left it".into());
            let abort = AbortTransactionRecord { reason }.into();
            self.write_records(env, vec![abort], Unity::Parts, BATCH_BYTES_MAX)?;
        }
        if has_version || self.is_doomed {
            return Ok(());
        }
        self.write_records(env, bootstrap_records(), Unity::Whole, BATCH_BYTES_MAX)
    }

    pub fn command(&mut self, env: &mut Env, back: Return, command: Command) -> Checked {
        let outcome = match command {
            Command::Register(request) => self.register(env, request)?,
            Command::Heartbeat(request) => self.heartbeat(env, request)?,
            Command::AlterPartition(request) => {
                let reply = self.decide(env, &AlterPartition(request))?;
                let all = reply.topics.iter().flat_map(|topic| &topic.partitions);
                let ineligible = ErrorCode::IneligibleReplica.code();
                if all.into_iter().any(|partition| partition.error_code == ineligible) {
                    env.shadow.visit("refuses a member of an ISR");
                }
                Outcome::AlterPartition(reply)
            }
            Command::AssignDirectories(request) => {
                let reply = self.decide(env, &AssignReplicasToDirs(request))?;
                Outcome::Admin(ErrorCode::from_wire(reply.error_code))
            }
            Command::AllocateProducerIds(broker, epoch) => {
                let reply = self.decide(env, &AllocateProducerIds { broker, epoch })?;
                Outcome::AllocateProducerIds(reply)
            }
            Command::CreateTopics(request) => {
                let reply = self.decide(env, &CreateTopics(request))?;
                admin(reply.topics.first().map(|topic| topic.error_code))
            }
            Command::DeleteTopics(request) => {
                let reply = self.decide(env, &DeleteTopics(request))?;
                admin(reply.responses.first().map(|topic| topic.error_code))
            }
            Command::Reassign(request) => {
                let reply = self.decide(env, &AlterPartitionReassignments(request))?;
                let first = reply.responses.first().and_then(|topic| topic.partitions.first());
                admin(first.map(|partition| partition.error_code))
            }
            Command::ElectLeaders(request) => self.elect(env, request)?,
            Command::UpdateFeatures(request) => {
                let reply = self.decide(env, &Command::update(request))?;
                admin(Some(reply.error_code))
            }
            Command::UnregisterBroker(broker) => {
                let reply = self.decide(env, &UnregisterBroker { broker })?;
                Outcome::Admin(reply.map_or_else(|refusal| refusal.code, |()| ErrorCode::None))
            }
        };
        self.answer_when_committed(env, back, outcome);
        Ok(())
    }

    fn answer_when_committed(&mut self, env: &mut Env, back: Return, outcome: Outcome) {
        let end = self.log.end();
        let speaks = end <= self.applied || env.is_broken(ShellRule::SpeaksEarly);
        match &mut self.active {
            None => env.answer(back, Reply::Control(Outcome::NotController)),
            Some(_) if speaks => env.answer(back, Reply::Control(outcome)),
            Some(active) => active.answers.push_back((end, back, outcome)),
        }
    }

    fn register(
        &mut self,
        env: &mut Env,
        request: BrokerRegistrationRequest<'static>,
    ) -> Result<Outcome, String> {
        let broker = NodeId(request.broker_id);
        let now = env.instant();
        let session_alive = self.active.as_ref().is_some_and(|active| {
            let known = active.latest.latest().cluster().broker(broker);
            let run = known.map(|known| BrokerRun { broker, epoch: known.epoch });
            // who comes for one that is cut off has its addresses, and so its place
            let waits =
                |run| active.sessions.is_alive(now, run) && !active.sessions.is_cut_off(run);
            run.is_some_and(waits)
        });
        let reply =
            self.decide(env, &RegisterBroker { request, cluster: CLUSTER, session_alive })?;
        if reply.error_code == ErrorCode::None.code()
            && let Some(active) = &mut self.active
            && let Some(known) = active.latest.latest().cluster().broker(broker)
        {
            active.sessions.hear(now, known, -1);
        }
        Ok(Outcome::Register(reply))
    }

    fn heartbeat(
        &mut self,
        env: &mut Env,
        request: BrokerHeartbeatRequest,
    ) -> Result<Outcome, String> {
        let broker = NodeId(request.broker_id);
        let offset = request.current_metadata_offset;
        let others_have_seen = self.active.as_ref().is_some_and(|active| {
            active.sessions.all_have_seen(active.latest.latest().cluster(), broker)
        });
        let reply = self.decide(env, &Heartbeat { request, others_have_seen })?;
        let last = self.log.end().plus(-1);
        if let Some(active) = &mut self.active
            && reply.error_code == ErrorCode::None.code()
        {
            let known = active.latest.latest().cluster().broker(broker);
            if let Some(known) = known {
                active.sessions.hear(env.instant(), known, offset);
            }
            if known.is_some_and(|known| known.in_controlled_shutdown) {
                active.sessions.gave_up(broker, last.0);
            }
            if reply.should_shut_down {
                active.sessions.end(broker);
            }
        }
        Ok(Outcome::Heartbeat(reply))
    }

    fn elect(
        &mut self,
        env: &mut Env,
        request: ElectLeadersRequest<'static>,
    ) -> Result<Outcome, String> {
        let reply = match env.is_broken(ShellRule::HoldsNoElection) {
            true => ElectLeadersResponse::default(),
            false => self.decide(env, &ElectLeaders(request))?,
        };
        let end = self.log.end();
        if !self.is_doomed && self.log.start() < end {
            let last = self.log.batches(end.plus(-1), end).pop();
            last.map_or(Ok(()), |last| env.shadow.elects(end, last.epoch))?;
        }
        Ok(admin(Some(reply.error_code)))
    }

    /// Fences whom nobody has heard of, and puts leaders where they should be from time to time.
    pub fn expire_sessions(&mut self, env: &mut Env) -> Checked {
        let now = env.instant();
        while let Some(active) = self.active.as_mut().filter(|active| active.is_claimed) {
            let Some(BrokerRun { broker, epoch }) = active.sessions.expired(now) else { break };
            active.sessions.end(broker);
            self.decide(env, &FenceBroker { broker, epoch })?;
        }
        let Some(active) = self.active.as_mut().filter(|active| active.balance_at <= env.now)
        else {
            return Ok(());
        };
        active.balance_at = env.now + BALANCE_EVERY_MS;
        self.decide(env, &BalanceLeaders).map(|_| ())
    }

    /// The process of a broker's run is gone: it need not be waited for.
    pub fn fence_gone(&mut self, env: &mut Env, broker: NodeId, run: BrokerEpoch) -> Checked {
        let Some(active) = self.active.as_mut().filter(|active| active.is_claimed) else {
            return Ok(());
        };
        let known = active.latest.latest().cluster().broker(broker);
        if known.is_none_or(|known| known.epoch != run) {
            return Ok(());
        }
        active.sessions.end(broker);
        self.decide(env, &FenceBroker { broker, epoch: run }).map(|_| ())
    }

    fn decide<C: Decides>(&mut self, env: &mut Env, command: &C) -> Result<C::Reply, String> {
        let active = self.active.as_ref().expect("only the active controller decides");
        let settings = Settings {
            node: self.id(),
            default_replication_factor: 1,
            min_insync_replicas: env.shape.in_sync_min,
            ..Settings::default()
        };
        let controller = Controller {
            image: active.latest.latest(),
            settings: &settings,
            next_offset: self.log.end(),
            seed: env.chance.bits(),
        };
        let decision = command.decide(&controller);
        if !decision.records.is_empty() {
            let bytes_max = env.shape.metadata_batch_bytes;
            self.write_records(env, decision.records, C::UNITY, bytes_max)?;
        }
        Ok(decision.reply)
    }

    /// Writes a decision, batch after batch. A crash may come between any two of them.
    fn write_records(
        &mut self,
        env: &mut Env,
        records: Vec<MetadataRecord<'static>>,
        unity: Unity,
        bytes_max: usize,
    ) -> Checked {
        let Some(active) = &mut self.active else { return Ok(()) };
        let release = active.latest.latest().features().metadata_version();
        let (base, epoch) = (self.log.end(), active.epoch);
        env.narrate(|| format!("controller {} decides {records:?}", self.place));
        let batches = Batching { bytes_max, release }.split(records, unity);
        let batches = batches.map_err(|error| format!("a decision is not written: {error}"))?;
        if batches.len() > 1 {
            env.shadow.visit("splits a decision");
        }
        for (at, batch) in batches.iter().enumerate() {
            if at > 0 && env.shadow.dooms(&mut env.chance, &env.shape, env.is_rough, self.place) {
                self.is_doomed = true;
                env.network.muted = Some(self.place);
                return Ok(());
            }
            self.log.append_records(batch, epoch, env.timestamp());
        }
        for (at, written) in (base.0..).zip(batches.iter().flatten()) {
            active.latest.apply(Offset(at), epoch, &written.record);
        }
        env.shadow.decided.insert(self.place, active.latest.latest().clone());
        let end = self.log.end();
        self.step(env, Input::Appended { epoch, end })?;
        self.flush_soon(env)
    }
}

/// What a cluster that was just formatted begins with.
fn bootstrap_records() -> Vec<MetadataRecord<'static>> {
    let release = MetadataVersion::LATEST_PRODUCTION;
    let level = |name: &'static str, feature_level| -> MetadataRecord<'static> {
        FeatureLevelRecord { name: name.into(), feature_level }.into()
    };
    let features = Feature::ALL.into_iter().filter(|feature| *feature != Feature::Kraft);
    let levels = features.map(|feature| level(feature.name(), feature.default_level(release)));
    let first = level(MetadataVersion::FEATURE, release.level());
    std::iter::once(first).chain(levels).collect()
}

fn admin(code: Option<i16>) -> Outcome {
    Outcome::Admin(code.map_or(ErrorCode::None, ErrorCode::from_wire))
}
