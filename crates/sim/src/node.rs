//! A node, whether it runs or not: what its disks hold, and how a process starts on that.

use std::collections::BTreeMap;

use log::MemDisk;
use metadata::image::{Image, Replay};
use raft::{
    BOOTSTRAP_SNAPSHOT, Config, Effects, Endpoint, Endpoints, LogState, Raft, ReplicaKey, Stored,
    Timeouts, VersionRange, Voter, VoterSet,
};
use types::{Offset, Uuid};

use crate::broker::Broker;
use crate::env::{Checked, Env, Place};
use crate::metadata_log::{MetadataLog, epoch_starts};
use crate::process::{Directory, Process, Stable, node_id};

pub const LISTENER: &str = "CONTROLLER";

pub struct Node {
    pub place: Place,
    pub life: u32,
    pub state: State,
    pub paused_until: i64,
    pub wake: i64,
}

pub enum State {
    Up(Box<Process>),
    Down(Box<Stable>),
    /// Between the two.
    Changing,
}

impl Node {
    /// A node whose disks were formatted for a cluster of these voters.
    pub fn formatted(env: &mut Env, place: Place) -> Self {
        let is_voter = voters(env).ids().contains(&node_id(place));
        let directories = (0..env.shape.directories).map(|_| fresh_directory(env)).collect();
        let stable = Stable {
            metadata: MemDisk::new(),
            quorum_state: None,
            snapshots: if is_voter { vec![BOOTSTRAP_SNAPSHOT] } else { Vec::new() },
            metadata_start: Offset::ZERO,
            directory: metadata_directory(place),
            directories,
            stopped_in: None,
        };
        let state = State::Down(Box::new(stable));
        Self { place, life: 0, state, paused_until: 0, wake: i64::MAX }
    }

    pub fn process(&mut self) -> Option<&mut Process> {
        match &mut self.state {
            State::Up(process) => Some(process),
            State::Down(_) | State::Changing => None,
        }
    }

    pub fn up(&self) -> Option<&Process> {
        match &self.state {
            State::Up(process) => Some(process),
            State::Down(_) | State::Changing => None,
        }
    }

    pub fn stable(&mut self) -> &mut Stable {
        match &mut self.state {
            State::Up(process) => &mut process.stable,
            State::Down(stable) => stable,
            State::Changing => unreachable!("a change is over at once"),
        }
    }

    /// Starts a process on what the disks hold.
    pub fn start(&mut self, env: &mut Env) -> Checked {
        let State::Down(stable) = std::mem::replace(&mut self.state, State::Changing) else {
            unreachable!("only a node that is down starts")
        };
        self.life += 1;
        env.narrate(|| format!("node {} starts", self.place));
        if self.life > 1 {
            env.shadow.visit("restarts");
        }
        let (process, effects) = open(env, self.place, self.life, *stable);
        self.state = State::Up(Box::new(process));
        match self.process() {
            Some(process) => process.perform(env, effects),
            None => Ok(()),
        }
    }

    /// The process is gone; what its disks hold may be changed by `after`.
    pub fn end(&mut self, after: impl FnOnce(&mut Stable)) {
        let state = std::mem::replace(&mut self.state, State::Changing);
        self.state = match state {
            State::Up(process) => {
                let mut stable = process.stable;
                after(&mut stable);
                State::Down(Box::new(stable))
            }
            other => other,
        };
        self.wake = i64::MAX;
    }
}

fn open(env: &mut Env, place: Place, life: u32, mut stable: Stable) -> (Process, Effects) {
    let now = env.timestamp();
    let roles = env.shape.nodes[place];
    for directory in &mut stable.directories {
        directory.is_dead = directory.is_lost;
        if !directory.is_lost {
            env.shadow.losses.works(directory.id);
        }
    }
    let mut log = MetadataLog::open(&stable.metadata, stable.metadata_start, now);
    let latest = stable.snapshots.last().copied();
    if let Some(id) = latest.filter(|id| id.offset > log.end() || log.start() > id.offset) {
        log.restart_at(id.offset, now);
        stable.metadata_start = id.offset;
    }
    log.flush(now);
    let batches = log.batches(log.start(), log.end());
    let from = latest.map_or(Offset::ZERO, |id| id.offset);
    let known = batches.iter().filter(|batch| batch.base >= from);
    let stored = Stored {
        quorum_state: stable.quorum_state.clone(),
        log: LogState {
            start: log.start(),
            end: log.end(),
            durable_end: log.end(),
            epochs: epoch_starts(&batches),
            snapshots: stable.snapshots.clone(),
        },
        snapshot: latest.map(|id| (id, env.snapshot(id).control.clone())),
        controls: known.flat_map(|batch| batch.controls(&env.controls)).collect(),
    };
    let image = latest.map_or_else(Image::default, |id| env.snapshot(id).image.clone());
    let mut effects = Effects::new();
    let config = config(env, place, stable.directory);
    let mut raft = Raft::open(config, stored, now, &mut effects);
    raft.set_broken(env.raft_rule());
    let incarnation = Uuid::from_random((u128::from(env.number()) << 64 | 1).to_be_bytes());
    let process = Process {
        place,
        life,
        roles,
        stable,
        raft,
        log,
        waiting: BTreeMap::new(),
        fetched: Vec::new(),
        flush_at: None,
        heard_at: env.now,
        replay: Replay::from_image(image.clone()),
        applied: from,
        image,
        active: None,
        broker: roles.broker.then(|| Broker::new(incarnation, env.now + 1)),
        asked: BTreeMap::new(),
        is_doomed: false,
    };
    (process, effects)
}

pub fn fresh_directory(env: &mut Env) -> Directory {
    Directory {
        id: Uuid::from_random((u128::from(env.number()) << 64 | 1 << 71).to_be_bytes()),
        disk: MemDisk::new(),
        is_dead: false,
        is_lost: false,
        high_watermarks: BTreeMap::new(),
        ended_at: BTreeMap::new(),
        is_clean: true,
    }
}

pub fn metadata_directory(place: Place) -> Uuid {
    Uuid([u8::try_from(place + 1).expect("few nodes"); 16])
}

pub fn endpoint(place: Place) -> Endpoint {
    Endpoint { host: "sim".to_owned(), port: u16::try_from(place).expect("few nodes") }
}

pub fn endpoints(place: Place) -> Endpoints {
    Endpoints::one(LISTENER, endpoint(place))
}

pub fn replica_key(place: Place) -> ReplicaKey {
    ReplicaKey::new(node_id(place), metadata_directory(place))
}

pub fn voter(place: Place) -> Voter {
    let kraft_versions = VersionRange { min: 0, max: 1 };
    Voter { key: replica_key(place), endpoints: endpoints(place), kraft_versions }
}

/// The voters that the cluster was formatted with.
pub fn voters(env: &Env) -> VoterSet {
    env.shape.controllers().take(env.shape.voters).map(voter).collect()
}

fn config(env: &mut Env, place: Place, directory: Uuid) -> Config {
    let roles = env.shape.nodes[place];
    Config {
        node: node_id(place),
        directory,
        listener: LISTENER.to_owned(),
        endpoints: if roles.controller { endpoints(place) } else { Endpoints::default() },
        can_become_voter: roles.controller,
        auto_join: false,
        bootstrap: env.shape.controllers().map(endpoint).collect(),
        static_voters: VoterSet::default(),
        timeouts: Timeouts::default(),
        seed: env.chance.bits(),
    }
}
