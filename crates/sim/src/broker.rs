//! A broker: the partitions that the cluster's metadata gives it, and what it asks of others.

use std::collections::BTreeMap;

use raft::CorrelationId;
use replica::{Fetch, IsrAnswer, IsrProposal, LeaderInput};
use types::{BrokerEpoch, ErrorCode, LeaderEpoch, PartitionEpoch, Uuid};
use wire::alter_partition_request::{AlterPartitionRequest, BrokerState, PartitionData, TopicData};

use crate::env::{Checked, Env, Place, ShellRule};
use crate::groups::GroupHost;
use crate::leading::Parked;
use crate::message::{Command, Key, Outcome, Reply, Request, Turn};
use crate::partition::{Partition, Role, Work};
use crate::process::Process;

/// What an answer is for that a node waits for.
#[derive(Debug, Clone)]
pub enum Asked {
    /// `raft` has its own patience.
    Quorum(CorrelationId),
    /// Up to a time.
    Broker(Errand, i64),
}

#[derive(Debug, Clone)]
pub enum Errand {
    Register,
    Heartbeat,
    Alter { key: Key, based_on: PartitionEpoch },
    AssignDirectory,
    Follow { leader: Place, parts: Vec<(Key, Fetch)> },
    Ends(Key, LeaderEpoch),
}

/// Something to do a little later.
#[derive(Debug, Clone, Copy)]
pub struct Refused {
    pub at: i64,
    pub key: Key,
    pub based_on: PartitionEpoch,
    pub code: ErrorCode,
}

/// Where a broker is on its way out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    Stays,
    Wanted,
    /// The controller lets it go.
    Granted,
}

pub struct Broker {
    pub incarnation: Uuid,
    pub epoch: Option<BrokerEpoch>,
    pub stop: Stop,
    pub next_beat: i64,
    pub partitions: BTreeMap<Key, Partition>,
    /// Leaders that are being asked, and from when on they may be asked again.
    pub fetchers: BTreeMap<Place, i64>,
    pub parked: Vec<Parked>,
    pub refused: Vec<Refused>,
    pub groups: BTreeMap<Key, GroupHost>,
    /// Which request of each client's connection comes next.
    pub turns: BTreeMap<u64, u32>,
    pub look_at: i64,
}

pub const REQUEST_MS: i64 = 800;
const RETRY_MS: i64 = 60;
/// How often leaders look who lags, and watermarks are written down.
const LOOK_EVERY_MS: i64 = 500;

impl Broker {
    pub fn new(incarnation: Uuid, now: i64) -> Self {
        Self {
            incarnation,
            epoch: None,
            stop: Stop::Stays,
            next_beat: now,
            partitions: BTreeMap::new(),
            fetchers: BTreeMap::new(),
            parked: Vec::new(),
            refused: Vec::new(),
            groups: BTreeMap::new(),
            turns: BTreeMap::new(),
            look_at: now + LOOK_EVERY_MS,
        }
    }

    pub fn wake(&self, asked: &BTreeMap<u64, Asked>) -> i64 {
        let until = asked.values().filter_map(|asked| match asked {
            Asked::Quorum(_) => None,
            Asked::Broker(_, until) => Some(*until),
        });
        let fetchers = self.fetchers.values().copied();
        let parked = self.parked.iter().map(|parked| parked.until);
        let refused = self.refused.iter().map(|refused| refused.at);
        let groups = self.groups.values().filter_map(GroupHost::wake);
        let own = [self.next_beat, self.look_at].into_iter();
        let all = own.chain(until).chain(fetchers).chain(parked).chain(refused).chain(groups);
        all.min().unwrap_or(i64::MAX)
    }

    pub fn tick(&mut self, process: &mut Process, env: &mut Env) -> Checked {
        let expired: Vec<u64> = process
            .asked
            .iter()
            .filter(|(_, asked)| matches!(asked, Asked::Broker(_, until) if *until <= env.now))
            .map(|(number, _)| *number)
            .collect();
        for number in expired {
            if let Some(asked) = process.asked.remove(&number) {
                self.learn(process, env, process.place, asked, None)?;
            }
        }
        self.beat(process, env);
        let due: Vec<Refused> =
            self.refused.extract_if(.., |refused| refused.at <= env.now).collect();
        for Refused { key, based_on, code, .. } in due {
            let answer = IsrAnswer::Refused(code);
            self.with_partition(process, env, key, |partition, work, env| {
                partition.lead(env, work, LeaderInput::IsrAnswered { based_on, answer })
            })?;
        }
        if self.look_at <= env.now {
            self.look_at = env.now + LOOK_EVERY_MS;
            self.look(process, env)?;
        }
        self.tick_groups(process, env)?;
        self.serve_parked(process, env)?;
        self.fetch(process, env);
        Ok(())
    }

    /// Leaders look who lags; watermarks are written down; full disks are tried again.
    fn look(&mut self, process: &mut Process, env: &mut Env) -> Checked {
        let image = process.image.clone();
        self.host_groups(process, env, &image)?;
        let keys: Vec<Key> = self.partitions.keys().copied().collect();
        for key in keys {
            self.with_partition(process, env, key, |partition, work, env| {
                partition.lead(env, work, LeaderInput::Tick)
            })?;
            let Some(partition) = self.partitions.get(&key).filter(|p| !p.has_failed) else {
                continue;
            };
            let directory = &mut process.stable.directories[partition.directory];
            directory.high_watermarks.insert(key, partition.high_watermark());
        }
        Ok(())
    }

    /// Works on one partition with what the node knows of the cluster, then speaks.
    pub fn with_partition(
        &mut self,
        process: &mut Process,
        env: &mut Env,
        key: Key,
        work: impl FnOnce(&mut Partition, &mut Work<'_>, &mut Env) -> Checked,
    ) -> Checked {
        let Some(partition) = self.partitions.get_mut(&key) else { return Ok(()) };
        let image = process.image.clone();
        let (place, life, me) = (process.place, process.life, process.id());
        let mut about =
            Work { place, life, me, image: &image, proposals: Vec::new(), has_news: false };
        work(partition, &mut about, env)?;
        let Work { proposals, has_news, .. } = about;
        for (key, proposal) in proposals {
            self.propose(process, env, key, proposal);
        }
        if has_news {
            self.groups_committed(env, key);
            return self.serve_parked(process, env);
        }
        Ok(())
    }

    fn propose(&mut self, process: &mut Process, env: &mut Env, key: Key, proposal: IsrProposal) {
        let based_on = proposal.partition_epoch;
        let (Some(controller), Some(epoch)) = (process.controller(), self.epoch) else {
            self.refuse(env, key, based_on, ErrorCode::NotController);
            return;
        };
        let members = proposal.isr.iter().map(|member| BrokerState {
            broker_id: member.node.0,
            broker_epoch: member.broker_epoch.0,
        });
        let partition = PartitionData {
            partition_index: key.1,
            leader_epoch: proposal.leader_epoch.0,
            new_isr: Vec::new(),
            new_isr_with_epochs: members.collect(),
            leader_recovery_state: 0,
            partition_epoch: proposal.partition_epoch.0,
        };
        let request = AlterPartitionRequest {
            broker_id: process.id().0,
            broker_epoch: epoch.0,
            topics: vec![TopicData { topic_id: key.0, partitions: vec![partition] }],
        };
        if let Some(partition) = self.partitions.get(&key) {
            let proposed = proposal.isr.iter().map(|member| member.node);
            let late = process.proposes(&mut env.ambush, &partition.state.isr, proposed);
            env.network.detains = late;
        }
        let request = Request::Control(Box::new(Command::AlterPartition(request)));
        let errand = Errand::Alter { key, based_on };
        process.ask(env, controller, request, Asked::Broker(errand, env.now + REQUEST_MS));
    }

    fn refuse(&mut self, env: &Env, key: Key, based_on: PartitionEpoch, code: ErrorCode) {
        self.refused.push(Refused { at: env.now + RETRY_MS, key, based_on, code });
    }

    /// Takes the answer to an errand; none for one that was lost.
    pub fn learn(
        &mut self,
        process: &mut Process,
        env: &mut Env,
        _from: Place,
        asked: Asked,
        reply: Option<Reply>,
    ) -> Checked {
        let Asked::Broker(errand, _) = asked else { return Ok(()) };
        match errand {
            Errand::Register => self.registered(process, env, reply),
            Errand::Heartbeat => {
                self.beaten(env, reply);
                Ok(())
            }
            Errand::AssignDirectory => Ok(()),
            Errand::Alter { key, based_on } => self.altered(process, env, (key, based_on), reply),
            Errand::Follow { leader, parts } => self.followed(process, env, leader, parts, reply),
            Errand::Ends(key, epoch) => {
                let ends = match reply {
                    Some(Reply::Ends(ends)) => ends,
                    _ => None,
                };
                self.leader_ends(process, env, (key, epoch), ends)
            }
        }
    }

    fn altered(
        &mut self,
        process: &mut Process,
        env: &mut Env,
        (key, based_on): (Key, PartitionEpoch),
        reply: Option<Reply>,
    ) -> Checked {
        let response = match reply {
            Some(Reply::Control(Outcome::AlterPartition(response))) => response,
            Some(Reply::Control(_)) => {
                self.refuse(env, key, based_on, ErrorCode::NotController);
                return Ok(());
            }
            _ => {
                self.refuse(env, key, based_on, ErrorCode::RequestTimedOut);
                return Ok(());
            }
        };
        let state = response.topics.first().and_then(|topic| topic.partitions.first());
        let code = state.map_or(response.error_code, |state| state.error_code);
        let code = ErrorCode::from_wire(code);
        let Some(state) = state.filter(|_| code == ErrorCode::None) else {
            self.refuse(env, key, based_on, code);
            return Ok(());
        };
        let answer = IsrAnswer::Holds {
            leader_epoch: types::LeaderEpoch(state.leader_epoch),
            partition_epoch: PartitionEpoch(state.partition_epoch),
            isr: state.isr.iter().copied().map(types::NodeId).collect(),
        };
        self.with_partition(process, env, key, |partition, work, env| {
            partition.lead(env, work, LeaderInput::IsrAnswered { based_on, answer })
        })
    }

    /// Whether the request is the one that its connection brings next.
    pub fn is_next(&mut self, turn: Turn) -> bool {
        let next = self.turns.entry(turn.connection).or_default();
        let is_next = *next == turn.index;
        *next += u32::from(is_next);
        is_next
    }

    /// The cluster's metadata has changed.
    pub fn image_changed(&mut self, process: &mut Process, env: &mut Env) -> Checked {
        let image = process.image.clone();
        let registered = image.cluster().broker(process.id()).map(|broker| broker.epoch);
        let is_registered = self.epoch.is_some() && registered == self.epoch;
        if !is_registered && !env.is_broken(ShellRule::LeadsUnregistered) {
            return Ok(());
        }
        self.drop_removed(process, &image);
        let mut mine = Vec::new();
        for (topic, partitions) in image.topics().replicas_on(process.id()) {
            mine.extend(partitions.map(|(index, state)| ((topic.id, index), state.clone())));
        }
        for (key, state) in mine {
            let is_known = self.partitions.contains_key(&key);
            if !is_known && !self.open(process, env, key, &state) {
                continue;
            }
            let is_same = |partition: &Partition| std::sync::Arc::ptr_eq(&partition.state, &state);
            if is_known && self.partitions.get(&key).is_some_and(is_same) {
                continue;
            }
            self.with_partition(process, env, key, |partition, work, env| {
                if is_known {
                    partition.assign(env, work, &state)
                } else {
                    partition.start(env, work)
                }
            })?;
        }
        self.host_groups(process, env, &image)?;
        self.fetch(process, env);
        Ok(())
    }

    /// How far a replica has come that leads here.
    pub fn leads(&self, key: Key) -> Option<&Partition> {
        let partition = self.partitions.get(&key)?;
        (matches!(partition.role, Role::Leader(_)) && !partition.has_failed).then_some(partition)
    }

    /// The directory's disk does not do as it is told: whatever is in it is offline.
    pub fn directory_failed(&mut self, process: &mut Process, env: &mut Env, directory: usize) {
        env.narrate(|| format!("node {} loses directory {directory}", process.place));
        process.stable.directories[directory].is_dead = true;
        env.shadow.losses.fails(process.place, process.stable.directories[directory].id);
        let lost = self.partitions.values_mut().filter(|p| p.directory == directory);
        for partition in lost.filter(|partition| !partition.has_failed) {
            partition.fail(env);
        }
        self.next_beat = env.now;
    }
}
