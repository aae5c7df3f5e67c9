//! The leader's side: producers, followers and consumers are served from the log.

use log::{LogError, Origin};
use record::ValidBatch;
use replica::{Fetch, Fetched, LeaderInput, divergence};
use types::{ErrorCode, LeaderEpoch, Offset};

use crate::ambush::{Moment, Sight};
use crate::broker::Broker;
use crate::env::{Checked, Env, Return, ShellRule, must};
use crate::message::{Consumed, FollowRequest, Key, ProduceRequest, Reply};
use crate::partition::{LogEpochs, Partition, Waiter, Work};
use crate::process::Process;

/// How long a leader holds a fetch that brings nothing.
const WAIT_MS: i64 = 150;
const FETCH_BYTES_MAX: u32 = 600;

/// A follower's fetch that waits for records.
#[derive(Debug, Clone)]
pub struct Parked {
    pub until: i64,
    pub back: Return,
    pub request: FollowRequest,
}

type Answers = Vec<(Key, Fetch, Fetched, Vec<u8>)>;

impl Broker {
    pub fn produce(
        &mut self,
        process: &mut Process,
        env: &mut Env,
        back: Return,
        request: ProduceRequest,
    ) -> Checked {
        if !self.is_next(request.turn) {
            return Ok(());
        }
        let mut refused = Some(ErrorCode::NotLeaderOrFollower);
        let mut failed = None;
        self.with_partition(process, env, request.key, |partition, work, env| {
            refused = match partition.produce(env, work, back, &request)? {
                Ok(()) => None,
                Err(error) => {
                    let is_lost = matches!(error, LogError::Storage(_) | LogError::Failed { .. });
                    failed = is_lost.then_some(partition.directory);
                    Some(error.code())
                }
            };
            Ok(())
        })?;
        if refused.is_none() {
            process.is_in_sight(env, Moment::Writer(request.key), Sight::Writer);
        }
        let leads = self.leads(request.key).is_some();
        if let Some(code) = refused {
            let code = if leads { code } else { ErrorCode::NotLeaderOrFollower };
            env.answer(back, Reply::Produce(Err(code)));
        }
        if let Some(directory) = failed {
            self.directory_failed(process, env, directory);
        }
        Ok(())
    }

    pub fn consume(
        &mut self,
        process: &mut Process,
        env: &mut Env,
        back: Return,
        key: Key,
        from: Offset,
    ) -> Checked {
        let mut result = Err(ErrorCode::NotLeaderOrFollower);
        self.with_partition(process, env, key, |partition, _, _| {
            result = partition.consume(from);
            Ok(())
        })?;
        env.answer(back, Reply::Consume(result));
        Ok(())
    }

    pub fn ends(
        &mut self,
        _: &mut Process,
        env: &mut Env,
        back: Return,
        key: Key,
        epoch: LeaderEpoch,
    ) -> Checked {
        let leads = self.leads(key).filter(|partition| partition.state.leader_epoch == epoch);
        let ends =
            leads.map(|partition| (partition.log.start_offset(), partition.log.end_offset()));
        env.answer(back, Reply::Ends(ends));
        Ok(())
    }

    pub fn follow(
        &mut self,
        process: &mut Process,
        env: &mut Env,
        back: Return,
        request: FollowRequest,
    ) -> Checked {
        self.parked.push(Parked { until: env.now + WAIT_MS, back, request });
        self.serve_parked(process, env)
    }

    /// Answers the fetches that can be, or have waited long enough.
    pub fn serve_parked(&mut self, process: &mut Process, env: &mut Env) -> Checked {
        for parked in std::mem::take(&mut self.parked) {
            let (answers, is_news) = self.answers(process, env, &parked.request)?;
            if is_news || parked.until <= env.now {
                let told = answers.iter().find(|answer| is_first_to_hear(answer));
                let told = told.map(|(key, ..)| *key);
                env.answer(parked.back, Reply::Follow(answers));
                if let Some(key) = told {
                    let seen = Sight::Reader { key, leader: process.place };
                    process.is_in_sight(env, Moment::Reader, seen);
                }
            } else {
                self.parked.push(parked);
            }
        }
        Ok(())
    }

    fn answers(
        &mut self,
        process: &mut Process,
        env: &mut Env,
        request: &FollowRequest,
    ) -> Result<(Answers, bool), String> {
        let mut answers = Answers::new();
        let mut is_news = false;
        for (key, fetch) in &request.parts {
            let mut found = (Fetched::Refused(ErrorCode::NotLeaderOrFollower), Vec::new());
            self.with_partition(process, env, *key, |partition, work, env| {
                found = partition.serve(env, work, request, fetch)?;
                Ok(())
            })?;
            let (fetched, bytes) = found;
            is_news |= !matches!(fetched, Fetched::Records { .. }) || !bytes.is_empty();
            answers.push((*key, *fetch, fetched, bytes));
        }
        Ok((answers, is_news))
    }
}

/// Whether it brings what not every replica in sync has.
fn is_first_to_hear((_, _, fetched, bytes): &(Key, Fetch, Fetched, Vec<u8>)) -> bool {
    let Fetched::Records { next_offset, high_watermark, .. } = fetched else { return false };
    !bytes.is_empty() && next_offset > high_watermark
}

impl Partition {
    fn produce(
        &mut self,
        env: &mut Env,
        work: &mut Work<'_>,
        back: Return,
        request: &ProduceRequest,
    ) -> Result<Result<(), LogError>, String> {
        let Some(leader) = self.leader() else {
            return Ok(Err(LogError::Malformed { why: "not the leader".to_owned() }));
        };
        if request.acks_all && !leader.has_enough_in_sync() {
            env.answer(back, Reply::Produce(Err(ErrorCode::NotEnoughReplicas)));
            return Ok(Ok(()));
        }
        let epoch = leader.epoch();
        let batch = ValidBatch::trusted(&request.bytes).map_err(|error| error.to_string())?;
        let awaits_stragglers = leader.awaits_stragglers(env.timestamp());
        let awaits_refused = leader.awaits_refused(env.timestamp());
        if awaits_stragglers && self.log.begins_midway(batch.header()) {
            env.answer(back, Reply::Produce(Err(ErrorCode::NotLeaderOrFollower)));
            return Ok(Ok(()));
        }
        let appended = match self.log.append(&batch, Origin::Client, epoch, env.timestamp()) {
            Ok(appended) => appended,
            Err(LogError::OutOfOrderSequence { expected, got, .. })
                if awaits_refused && expected.until(got).is_some() =>
            {
                env.shadow.visit("waits for a batch that it refused");
                env.answer(back, Reply::Produce(Err(ErrorCode::NotLeaderOrFollower)));
                return Ok(Ok(()));
            }
            Err(error) => {
                if matches!(error, LogError::DiskFull(_)) {
                    env.shadow.visit("has no room for a record");
                }
                return Ok(Err(error));
            }
        };
        if appended.is_duplicate {
            env.shadow.visit("recognises a duplicate");
        }
        let base = appended.base_offset;
        if request.acks_all {
            self.waiters.push(Waiter { base, end: appended.last_offset.plus(1), to: back });
        } else {
            env.answer(back, Reply::Produce(Ok(base)));
        }
        work.has_news = true;
        let end = self.log.end_offset();
        self.lead(env, work, LeaderInput::Appended(end))?;
        Ok(Ok(()))
    }

    /// Serves a follower as Kafka's leaders do: first epochs, then positions, then what is there.
    fn serve(
        &mut self,
        env: &mut Env,
        work: &mut Work<'_>,
        request: &FollowRequest,
        fetch: &Fetch,
    ) -> Result<(Fetched, Vec<u8>), String> {
        let refused = |code| Ok((Fetched::Refused(code), Vec::new()));
        let epoch = self.state.leader_epoch;
        if self.leader().is_none() {
            return refused(ErrorCode::NotLeaderOrFollower);
        }
        if fetch.epoch < epoch {
            return refused(ErrorCode::FencedLeaderEpoch);
        }
        if fetch.epoch > epoch {
            return refused(ErrorCode::UnknownLeaderEpoch);
        }
        let is_judged = !env.is_broken(ShellRule::TrustsPositions);
        if is_judged && fetch.last_fetched != LeaderEpoch::NONE {
            match divergence(&LogEpochs(&self.log), fetch.offset, fetch.last_fetched) {
                Err(_) => {
                    // it notes its epoch before its first record
                    must(fetch.last_fetched > epoch, || {
                        let last = fetch.last_fetched;
                        format!("the leader of {epoch:?} cannot tell where {last:?} ends")
                    })?;
                    return refused(ErrorCode::OffsetOutOfRange);
                }
                Ok(Some(end)) => return Ok((Fetched::Diverging(end), Vec::new())),
                Ok(None) => {}
            }
        }
        if fetch.offset > self.log.end_offset() || fetch.offset < self.log.start_offset() {
            return refused(ErrorCode::OffsetOutOfRange);
        }
        let end = self.log.end_offset();
        let Some(bytes) = crate::records::read(&mut self.log, fetch.offset, end, FETCH_BYTES_MAX)
        else {
            return refused(ErrorCode::KafkaStorageError);
        };
        let mut effects = Vec::new();
        let from = (request.replica, request.broker_epoch);
        let position = (fetch.offset, fetch.log_start);
        let now = env.timestamp();
        let Some(leader) = self.leader() else { return refused(ErrorCode::NotLeaderOrFollower) };
        if leader.fetched(now, work, from, position, &mut effects).is_err() {
            return refused(ErrorCode::NotLeaderOrFollower);
        }
        self.perform(env, work, effects)?;
        let last = record::batches(&bytes).filter_map(Result::ok).last();
        let next_offset = last.map_or(fetch.offset, |batch| batch.header().next_offset());
        let (high_watermark, log_start) = (self.high_watermark(), self.log.start_offset());
        Ok((Fetched::Records { next_offset, high_watermark, log_start }, bytes))
    }

    fn consume(&mut self, from: Offset) -> Result<Consumed, ErrorCode> {
        let high_watermark = self.leader().ok_or(ErrorCode::NotLeaderOrFollower)?.high_watermark();
        if from < self.log.start_offset() || from > self.log.end_offset() {
            return Err(ErrorCode::OffsetOutOfRange);
        }
        let bytes = crate::records::read(&mut self.log, from, high_watermark, FETCH_BYTES_MAX);
        let bytes = bytes.ok_or(ErrorCode::KafkaStorageError)?;
        Ok(Consumed { high_watermark, bytes })
    }
}
