//! The follower's side: one fetch at a time to each leader, for everything that it leads.

use replica::{Fetch, Fetched, FollowerEffect, FollowerInput};
use types::{ErrorCode, LeaderEpoch, Offset};

use crate::broker::{Asked, Broker, Errand, REQUEST_MS};
use crate::env::{Checked, Env, Place};
use crate::message::{FollowRequest, Key, Reply, Request};
use crate::partition::{LogEpochs, Partition, Role, Work};
use crate::process::Process;

const AFTER_FAILURE_MS: i64 = 50;

/// What a follower's effects ask of its shell beyond its log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Then {
    Nothing,
    AskEnds,
    DirectoryFailed,
}

impl Broker {
    /// Asks every leader that is not being asked for what its followers here want.
    pub fn fetch(&mut self, process: &mut Process, env: &mut Env) {
        self.fetchers.retain(|_, until| *until > env.now);
        let Some(broker_epoch) = self.epoch else { return };
        let mut wanted: Vec<(Place, Key, Fetch)> = Vec::new();
        for partition in self.partitions.values().filter(|partition| !partition.has_failed) {
            let Role::Follower(follower) = &partition.role else { continue };
            let Some(fetch) = follower.plan(env.timestamp(), &LogEpochs(&partition.log)) else {
                continue;
            };
            let Ok(leader) = usize::try_from(fetch.leader.0) else { continue };
            wanted.push((leader, partition.key, fetch));
        }
        wanted.sort_by_key(|(leader, key, _)| (*leader, *key));
        for group in wanted.chunk_by(|a, b| a.0 == b.0) {
            let leader = group[0].0;
            if self.fetchers.contains_key(&leader) {
                continue;
            }
            let parts: Vec<(Key, Fetch)> =
                group.iter().map(|(_, key, fetch)| (*key, *fetch)).collect();
            let replica = process.id();
            let request = FollowRequest { replica, broker_epoch, parts: parts.clone() };
            let until = env.now + REQUEST_MS;
            self.fetchers.insert(leader, until + 1);
            let errand = Errand::Follow { leader, parts };
            process.ask(env, leader, Request::Follow(request), Asked::Broker(errand, until));
        }
    }

    /// Takes a leader's answer.
    pub fn followed(
        &mut self,
        process: &mut Process,
        env: &mut Env,
        leader: Place,
        parts: Vec<(Key, Fetch)>,
        reply: Option<Reply>,
    ) -> Checked {
        self.fetchers.remove(&leader);
        let answers = match reply {
            Some(Reply::Follow(answers)) => answers,
            _ => {
                self.fetchers.insert(leader, env.now + AFTER_FAILURE_MS);
                let lost = |(key, fetch)| (key, fetch, Fetched::Unreachable, Vec::new());
                parts.into_iter().map(lost).collect()
            }
        };
        for (key, fetch, answer, bytes) in answers {
            self.take(process, env, key, FollowerInput::Fetched { fetch, answer }, &bytes)?;
        }
        self.fetch(process, env);
        Ok(())
    }

    pub fn leader_ends(
        &mut self,
        process: &mut Process,
        env: &mut Env,
        (key, epoch): (Key, LeaderEpoch),
        ends: Option<(Offset, Offset)>,
    ) -> Checked {
        self.take(process, env, key, FollowerInput::LeaderEnds { epoch, ends }, &[])?;
        self.fetch(process, env);
        Ok(())
    }

    fn take(
        &mut self,
        process: &mut Process,
        env: &mut Env,
        key: Key,
        input: FollowerInput,
        bytes: &[u8],
    ) -> Checked {
        let mut then = Then::Nothing;
        self.with_partition(process, env, key, |partition, work, env| {
            then = partition.follow(env, work, input, bytes)?;
            Ok(())
        })?;
        let Some(partition) = self.partitions.get(&key) else { return Ok(()) };
        match then {
            Then::Nothing => {}
            Then::DirectoryFailed => {
                let directory = partition.directory;
                self.directory_failed(process, env, directory);
            }
            Then::AskEnds => {
                let (leader, epoch) = (partition.state.leader, partition.state.leader_epoch);
                let Ok(leader) = usize::try_from(leader.0) else { return Ok(()) };
                let asked = Asked::Broker(Errand::Ends(key, epoch), env.now + REQUEST_MS);
                process.ask(env, leader, Request::Ends(key, epoch), asked);
            }
        }
        Ok(())
    }
}

impl Partition {
    /// Steps the follower and does what it says to the log.
    fn follow(
        &mut self,
        env: &mut Env,
        work: &mut Work<'_>,
        input: FollowerInput,
        bytes: &[u8],
    ) -> Result<Then, String> {
        let mut effects = Vec::new();
        let Role::Follower(follower) = &mut self.role else { return Ok(Then::Nothing) };
        follower.step(env.timestamp(), &LogEpochs(&self.log), input, &mut effects);
        let expected = follower.end();
        let mut then = Then::Nothing;
        for effect in effects {
            env.narrate(|| format!("node {} follows {:?}: {effect:?}", work.place, self.key.1));
            let written = match effect {
                FollowerEffect::TruncateTo(end) => {
                    env.shadow.cuts(
                        work.place,
                        self.key,
                        self.state.leader_epoch,
                        end,
                        &mut self.log,
                    )?;
                    self.compared = self.compared.min(end);
                    self.log.truncate_to(end, env.timestamp())
                }
                FollowerEffect::RestartAt(start) => {
                    self.compared = start;
                    self.log.start_over_at(start, env.timestamp())
                }
                FollowerEffect::Append => {
                    self.log.append_replicated(bytes, env.timestamp()).map(|_| ())
                }
                FollowerEffect::HighWatermark(offset) => {
                    self.compare(env, work.place, offset, false)?;
                    Ok(())
                }
                FollowerEffect::StartsAt(_) => Ok(()),
                FollowerEffect::AskEnds => {
                    then = Then::AskEnds;
                    Ok(())
                }
            };
            if let Err(error) = written {
                return self.write_failed(env, work, &error);
            }
        }
        if self.log.end_offset() != expected {
            let end = self.log.end_offset();
            return Err(format!(
                "node {}: a follower at {expected} has a log up to {end}",
                work.place
            ));
        }
        Ok(then)
    }

    /// A full disk may have room again: the machine begins anew where the log stands. Every other
    /// failure takes the directory offline.
    fn write_failed(
        &mut self,
        env: &mut Env,
        work: &mut Work<'_>,
        error: &log::LogError,
    ) -> Result<Then, String> {
        match error {
            log::LogError::DiskFull(_) => {
                env.shadow.visit("has no room for a record");
                self.start(env, work)?;
                if let Role::Follower(follower) = &mut self.role {
                    let ours = LogEpochs(&self.log);
                    if let Some(fetch) = follower.plan(env.timestamp(), &ours) {
                        let answer = Fetched::Refused(ErrorCode::KafkaStorageError);
                        let input = FollowerInput::Fetched { fetch, answer };
                        follower.step(env.timestamp(), &ours, input, &mut Vec::new());
                    }
                }
                Ok(Then::Nothing)
            }
            log::LogError::Storage(_) | log::LogError::Failed { .. } => Ok(Then::DirectoryFailed),
            other => Err(format!("node {}: a follower's log refuses: {other}", work.place)),
        }
    }
}
