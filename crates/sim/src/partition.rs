//! A replica on a broker: the machine of its role, and the log that the machine's effects are about.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use log::{Disk as _, FileCache, Log, LogConfig, MemDisk, Opening};
use metadata::image::{Image, PartitionState};
use replica::{
    Acknowledgement, Assignment, Cluster, EpochEnd, Epochs, Follower, IsrProposal, Leader,
    LeaderEffect, LeaderInput, LogPosition, Rules,
};
use types::{BrokerEpoch, ErrorCode, LeaderEpoch, NodeId, Offset, PartitionEpoch};

use crate::env::{Checked, Env, Place, Return};
use crate::message::{Key, Reply};
use crate::process::Directory;

/// `replica.lag.time.max.ms`
const LAG_MS_MAX: i64 = 1_500;
/// `replica.fetch.backoff.ms`
const BACKOFF_MS: i64 = 50;

pub struct Partition {
    pub key: Key,
    pub directory: usize,
    pub log: Log<MemDisk>,
    pub role: Role,
    pub state: Arc<PartitionState>,
    /// Who waits for acks=all.
    pub waiters: Vec<Waiter>,
    /// Its directory has failed, or its disk is full: it neither leads nor follows.
    pub has_failed: bool,
    /// Up to where the shadow has compared this replica.
    pub compared: Offset,
    high_watermark: Offset,
}

pub enum Role {
    Leader(Box<Leader>),
    Follower(Follower),
    /// Nobody leads.
    Idle,
}

#[derive(Debug, Clone, Copy)]
pub struct Waiter {
    pub base: Offset,
    pub end: Offset,
    pub to: Return,
}

/// Who works on a partition, and what comes of it.
pub struct Work<'a> {
    pub place: Place,
    pub life: u32,
    pub me: NodeId,
    pub image: &'a Image,
    pub proposals: Vec<(Key, IsrProposal)>,
    /// Whether who waits for records should look again.
    pub has_news: bool,
}

impl Cluster for Work<'_> {
    fn broker_epoch(&self, node: NodeId) -> Option<BrokerEpoch> {
        self.image.cluster().broker(node).map(|broker| broker.epoch)
    }

    fn is_active(&self, node: NodeId) -> bool {
        self.image.is_active(node)
    }
}

/// The log's epochs as `replica` asks for them.
pub struct LogEpochs<'a>(pub &'a Log<MemDisk>);

impl Epochs for LogEpochs<'_> {
    fn latest(&self) -> Option<LeaderEpoch> {
        self.0.latest_epoch()
    }

    fn end_of(&self, epoch: LeaderEpoch) -> Option<EpochEnd> {
        let found = self.0.epoch_end_offset(epoch)?;
        Some(EpochEnd { epoch: found.epoch, end: found.end_offset })
    }
}

pub fn folder(key: Key) -> PathBuf {
    PathBuf::from(format!("/{}-{}", key.0, key.1))
}

impl Partition {
    /// Opens what the directory holds of it, or begins it there; None where the disk fails.
    pub fn open(
        env: &Env,
        key: Key,
        state: &Arc<PartitionState>,
        at: (usize, &Directory),
    ) -> Option<Self> {
        let (directory, Directory { disk, high_watermarks, is_clean, .. }) = at;
        let folder = folder(key);
        if disk.list(&folder).is_err() {
            disk.create_folder(&folder).ok()?;
            disk.sync_dir(Path::new("/")).ok()?;
        }
        let (start_offset, recovery_point) = (Offset::ZERO, Offset::ZERO);
        let now = env.timestamp();
        let opening = Opening { start_offset, recovery_point, is_clean: *is_clean, now };
        let config =
            LogConfig { segment_bytes: 2_000, index_interval_bytes: 200, ..LogConfig::default() };
        let mut log = Log::open(disk.clone(), FileCache::new(8), folder, config, opening).ok()?;
        log.set_broken(env.log_rule());
        let stored = high_watermarks.get(&key).copied().unwrap_or(Offset::ZERO);
        let high_watermark = stored.clamp(log.start_offset(), log.end_offset());
        Some(Self {
            key,
            directory,
            role: Role::Idle,
            state: state.clone(),
            waiters: Vec::new(),
            has_failed: false,
            compared: Offset::ZERO,
            high_watermark,
            log,
        })
    }

    pub fn high_watermark(&self) -> Offset {
        match &self.role {
            Role::Leader(leader) => leader.high_watermark(),
            Role::Follower(follower) => follower.high_watermark(),
            Role::Idle => self.high_watermark,
        }
    }

    /// The leader, where this replica is it.
    pub fn leader(&mut self) -> Option<&mut Leader> {
        match &mut self.role {
            Role::Leader(leader) if !self.has_failed => Some(leader),
            Role::Leader(_) | Role::Follower(_) | Role::Idle => None,
        }
    }

    /// Takes the part that the cluster's metadata gives it.
    pub fn assign(
        &mut self,
        env: &mut Env,
        work: &mut Work<'_>,
        state: &Arc<PartitionState>,
    ) -> Checked {
        let before = std::mem::replace(&mut self.state, state.clone());
        if self.has_failed {
            return Ok(());
        }
        let same_epoch = before.leader_epoch == state.leader_epoch;
        match &self.role {
            Role::Leader(_) if same_epoch => {
                return self.lead(env, work, LeaderInput::Assigned(assignment(state)));
            }
            Role::Follower(_) if same_epoch => return Ok(()),
            Role::Leader(_) | Role::Follower(_) | Role::Idle => {}
        }
        self.start(env, work)
    }

    /// Starts in the role of the present state.
    pub fn start(&mut self, env: &mut Env, work: &mut Work<'_>) -> Checked {
        self.high_watermark = self.high_watermark();
        self.refuse_waiters(env, ErrorCode::NotLeaderOrFollower);
        let (log_start, end) = (self.log.start_offset(), self.log.end_offset());
        let position = LogPosition { log_start, end, high_watermark: self.high_watermark };
        let (leader, epoch) = (self.state.leader, self.state.leader_epoch);
        work.has_news = true;
        if leader == work.me {
            let entries =
                crate::records::read_all(&mut self.log, log_start, end).unwrap_or_default();
            env.shadow.leads(self.key, epoch, (work.place, work.life), &entries)?;
            let mut effects = Vec::new();
            let me = (work.me, assignment(&self.state));
            let rules = self.rules(env, work.image);
            let mut leader =
                Leader::start(env.timestamp(), work, me, rules, position, &mut effects);
            leader.set_broken(env.replica_rule());
            self.role = Role::Leader(Box::new(leader));
            return self.perform(env, work, effects);
        }
        self.role = if leader == NodeId::NONE {
            Role::Idle
        } else {
            let mut follower = Follower::start(leader, epoch, position, BACKOFF_MS);
            follower.set_broken(env.replica_rule());
            Role::Follower(follower)
        };
        Ok(())
    }

    fn rules(&self, env: &Env, image: &Image) -> Rules {
        let topic = image.topics().get(self.key.0);
        let resource = topic.map(|topic| metadata::image::ConfigResource::topic(&topic.name));
        let value = resource.and_then(|resource| {
            image.configs().value(&resource, "min.insync.replicas").map(str::to_owned)
        });
        let in_sync_min = value.and_then(|value| value.parse().ok());
        Rules { lag_ms_max: LAG_MS_MAX, in_sync_min: in_sync_min.unwrap_or(env.shape.in_sync_min) }
    }

    /// Steps the leader.
    pub fn lead(&mut self, env: &mut Env, work: &mut Work<'_>, input: LeaderInput) -> Checked {
        let mut effects = Vec::new();
        if let Role::Leader(leader) = &mut self.role {
            leader.step(env.timestamp(), work, input, &mut effects);
        }
        self.perform(env, work, effects)
    }

    pub fn perform(
        &mut self,
        env: &mut Env,
        work: &mut Work<'_>,
        effects: Vec<LeaderEffect>,
    ) -> Checked {
        for effect in effects {
            env.narrate(|| format!("node {} leads {:?}: {effect:?}", work.place, self.key.1));
            match effect {
                LeaderEffect::NoteEpoch(led) => {
                    if env.replica_rule() != Some(replica::BrokenRule::NotesNoEpoch) {
                        self.log.begin_epoch(led.epoch);
                    }
                }
                LeaderEffect::HighWatermark(offset) => {
                    work.has_news = true;
                    let epoch = self.state.leader_epoch;
                    env.shadow.exposes(self.key, epoch, offset)?;
                    self.compare(env, work.place, offset, true)?;
                }
                LeaderEffect::ProposeIsr(proposal) => {
                    env.shadow.visit("proposes an ISR");
                    work.proposals.push((self.key, proposal));
                }
            }
        }
        self.acknowledge(env);
        Ok(())
    }

    /// Holds what this replica calls committed against what is.
    pub fn compare(&mut self, env: &mut Env, place: Place, upper: Offset, leads: bool) -> Checked {
        let from = self.compared.min(upper);
        let Some(bytes) = crate::records::read_all(&mut self.log, from, upper) else {
            return Ok(());
        };
        let entries = crate::records::entries(&bytes);
        let epoch = self.state.leader_epoch;
        env.shadow.committed(place, self.key, (epoch, leads), from, upper, entries)?;
        self.compared = upper;
        self.log.set_high_watermark(upper);
        Ok(())
    }

    /// Answers producers whose records every replica in sync has.
    pub fn acknowledge(&mut self, env: &mut Env) {
        let Role::Leader(leader) = &self.role else { return };
        self.waiters.retain(|waiter| {
            let result = match leader.acknowledgement(waiter.end) {
                Acknowledgement::Waiting => return true,
                Acknowledgement::Committed => Ok(waiter.base),
                Acknowledgement::TooFewInSync => Err(ErrorCode::NotEnoughReplicasAfterAppend),
            };
            env.answer(waiter.to, Reply::Produce(result));
            false
        });
    }

    fn refuse_waiters(&mut self, env: &mut Env, code: ErrorCode) {
        for waiter in self.waiters.drain(..) {
            env.answer(waiter.to, Reply::Produce(Err(code)));
        }
    }

    /// Its directory is lost.
    pub fn fail(&mut self, env: &mut Env) {
        self.has_failed = true;
        self.refuse_waiters(env, ErrorCode::KafkaStorageError);
        self.high_watermark = self.high_watermark();
        self.role = Role::Idle;
    }
}

fn assignment(state: &PartitionState) -> Assignment {
    Assignment {
        leader: state.leader,
        leader_epoch: state.leader_epoch,
        partition_epoch: PartitionEpoch(state.partition_epoch),
        replicas: state.replicas.to_vec(),
        isr: state.isr.to_vec(),
    }
}
