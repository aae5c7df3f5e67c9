//! The cluster and its clock: the next thing that happens, to whom, until nothing is left to do.

use std::collections::BTreeMap;

use types::{NodeId, TimestampMs, Uuid};

use super::check::Checks;
use super::disk::{Disk, Entry};
use super::network::{Content, Envelope, Network, NodeIndex};
use super::story::Story;
use crate::broken::Broken;
use crate::chance::Chance;
use crate::{
    BOOTSTRAP_SNAPSHOT, Config, Effects, Endpoint, Endpoints, Input, Raft, ReplicaKey, RequestId,
    SnapshotControl, Timeouts, VersionRange, Voter, VoterSet,
};

pub const LISTENER: &str = "CONTROLLER";

/// What a rule's breach looks like: text for people, with the time in it.
pub type Violation = String;

#[derive(Debug, Clone)]
pub struct Node {
    pub config: Config,
    /// `None` while it is down.
    pub raft: Option<Raft>,
    pub disk: Disk,
    pub life: u32,
    /// Who waits for which answer.
    pub waiting: BTreeMap<RequestId, (NodeIndex, crate::CorrelationId, u32)>,
    pub flush_at: Option<i64>,
    pub paused_until: i64,
    /// When a request of another node last arrived.
    pub heard: i64,
    /// The records that the reply brought which is being taken.
    pub bytes: Vec<Entry>,
}

#[derive(Clone)]
pub struct World {
    pub now: i64,
    pub nodes: Vec<Node>,
    pub network: Network,
    pub chance: Chance,
    pub checks: Checks,
    pub story: Story,
    pub broken: Option<Broken>,
    pub next_id: u64,
    /// A digest of everything that happened.
    pub trace: u64,
    /// Whether it is told on standard output.
    pub narrates: bool,
}

/// Steps that one moment may take before it counts as spinning.
const STEPS_A_MOMENT_MAX: u32 = 2_000;

impl World {
    pub fn new(seed: u64, broken: Option<Broken>) -> Self {
        let mut chance = Chance::new(seed);
        let story = Story::of(&mut chance);
        Self::with(story, chance, broken)
    }

    /// Some voters among whom nothing fails, but for what the test does.
    pub fn calm(seed: u64, voters: usize, observers: usize) -> Self {
        let mut chance = Chance::new(seed);
        let story = Story::calm(voters, observers, &mut chance);
        Self::with(story, chance, None)
    }

    fn with(story: Story, mut chance: Chance, broken: Option<Broken>) -> Self {
        let all = story.voters + story.observers;
        let voters: VoterSet = (0..story.voters).map(|i| voter(i, story.is_static)).collect();
        let nodes = (0..all).map(|i| node(i, all, &story, &voters, &mut chance)).collect();
        let mut world = Self {
            now: 1_000_000,
            nodes,
            network: Network::new(story.weather),
            chance,
            checks: Checks::default(),
            story,
            broken,
            next_id: 0,
            trace: 0,
            narrates: false,
        };
        if !world.story.is_static {
            world.checks.formatted.kraft_version = 1;
            world.checks.formatted.voters = Some(voters);
        }
        world
    }

    /// The whole history: faults, then a time of peace in which the cluster must recover.
    pub fn run(&mut self) -> Result<(), Violation> {
        self.start_all()?;
        let end_of_faults = self.now + self.story.faults_ms;
        self.run_until(end_of_faults)?;
        self.heal()?;
        let end = self.now + self.story.peace_ms;
        self.run_until(end)?;
        self.append_at_leader()?;
        self.run_until(end + 5_000)?;
        self.checks.recovered(&self.nodes).map_err(|text| self.at(text))
    }

    pub fn start_all(&mut self) -> Result<(), Violation> {
        (0..self.nodes.len()).try_for_each(|node| self.start(node))
    }

    /// Goes on until some node leads; when that was.
    pub fn run_to_leader(&mut self) -> Result<(NodeIndex, i64), Violation> {
        for _ in 0..60_000 {
            if let Some(leader) = self.some_leader() {
                return Ok((leader, self.now));
            }
            self.run_until(self.now + 1)?;
        }
        Err(self.at("nobody leads".to_owned()))
    }

    pub fn run_until(&mut self, end: i64) -> Result<(), Violation> {
        let (mut moment, mut steps) = (self.now, 0);
        while let Some(next) = self.next_at().filter(|at| *at < end) {
            self.now = self.now.max(next);
            steps = if self.now == moment { steps + 1 } else { 0 };
            moment = self.now;
            if steps > STEPS_A_MOMENT_MAX {
                return Err(self.at("the machines spin".to_owned()));
            }
            self.one_event()?;
        }
        self.now = end;
        Ok(())
    }

    fn next_at(&self) -> Option<i64> {
        let node = |node: &Node| {
            let deadline = node.raft.as_ref().and_then(Raft::next_deadline).map(|at| at.0);
            let own = deadline.into_iter().chain(node.flush_at).min();
            own.map(|at| at.max(node.paused_until))
        };
        let nodes = self.nodes.iter().filter_map(node).min();
        [nodes, self.network.next_at(), self.story.next_at()].into_iter().flatten().min()
    }

    fn one_event(&mut self) -> Result<(), Violation> {
        if self.story.next_at().is_some_and(|at| at <= self.now) {
            return self.play();
        }
        if let Some(envelope) = self.network.receive(self.now) {
            return self.deliver(envelope);
        }
        for index in 0..self.nodes.len() {
            let node = &mut self.nodes[index];
            if node.paused_until > self.now {
                continue;
            }
            if node.flush_at.is_some_and(|at| at <= self.now) {
                return self.flush(index);
            }
            let deadline = node.raft.as_ref().and_then(Raft::next_deadline);
            if deadline.is_some_and(|at| at.0 <= self.now) {
                return self.step(index, Input::Tick);
            }
        }
        Ok(())
    }

    /// Opens a node's machine on what its disk holds.
    pub fn start(&mut self, index: NodeIndex) -> Result<(), Violation> {
        let node = &mut self.nodes[index];
        node.life += 1;
        let mut config = node.config.clone();
        config.seed = self.chance.word();
        let mut effects = Effects::new();
        let now = TimestampMs(self.now);
        let mut raft = Raft::open(config, node.disk.stored(), now, &mut effects);
        raft.broken = self.broken;
        node.raft = Some(raft);
        self.checks.started(index);
        self.perform(index, effects)
    }

    pub fn crash(&mut self, index: NodeIndex) {
        let node = &mut self.nodes[index];
        node.raft = None;
        node.flush_at = None;
        let waiting = std::mem::take(&mut node.waiting);
        node.disk.crash(&mut self.chance);
        // a process that ends closes its connections; a machine that does takes them with it
        for (to, correlation, life) in waiting.into_values().filter(|_| self.story.tells_gone) {
            let content = Content::Reply(None, Vec::new());
            let closed = Envelope { from: index, to, life, correlation, content };
            self.network.send(self.now, closed, &mut self.chance);
        }
    }

    /// A node comes back with an empty disk, which is another replica than the one before (KIP-853).
    pub fn replace_disk(&mut self, index: NodeIndex) {
        self.crash_for_a_while(index);
        *self.checks.visits.entry("loses its disk").or_insert(0) += 1;
        let node = &mut self.nodes[index];
        node.disk = Disk::default();
        node.config.directory = Uuid([0xd0 + u8::try_from(index).expect("few nodes"); 16]);
    }

    pub fn step(&mut self, index: NodeIndex, input: Input) -> Result<(), Violation> {
        let mut effects = Effects::new();
        self.narrate(|| format!("node {index} takes {input:?}"));
        let Some(raft) = &mut self.nodes[index].raft else { return Ok(()) };
        raft.step(TimestampMs(self.now), input, &mut effects);
        if raft.next_deadline().is_some_and(|at| at.0 <= self.now) {
            return Err(self.at(format!("node {index} has a deadline in the past")));
        }
        self.perform(index, effects)?;
        let heard = self.nodes[index].heard;
        if let Some(raft) = &self.nodes[index].raft {
            let checked = self.checks.leader_is_heard(index, raft, heard, self.now);
            return checked.map_err(|text| self.at(text));
        }
        Ok(())
    }

    /// Tells a replayed history as it goes.
    pub fn narrate(&self, text: impl FnOnce() -> String) {
        if self.narrates {
            println!("{} ms: {}", self.now - 1_000_000, text());
        }
    }

    pub fn at(&self, text: String) -> Violation {
        format!("at {} ms: {text}", self.now - 1_000_000)
    }

    /// Mixes a number into the trace.
    pub fn mark(&mut self, number: i64) {
        self.trace = (self.trace ^ number.cast_unsigned()).wrapping_mul(0x0000_0100_0000_01b3);
        self.trace ^= self.trace >> 29;
    }
}

fn directory(index: NodeIndex) -> Uuid {
    Uuid([u8::try_from(index + 1).expect("few nodes"); 16])
}

pub fn id(index: NodeIndex) -> NodeId {
    NodeId(i32::try_from(index).expect("few nodes"))
}

fn endpoint(index: NodeIndex) -> Endpoint {
    Endpoint { host: "sim".to_owned(), port: u16::try_from(index).expect("few nodes") }
}

pub fn endpoints(index: NodeIndex) -> Endpoints {
    Endpoints::one(LISTENER, endpoint(index))
}

fn voter(index: NodeIndex, is_static: bool) -> Voter {
    let directory = if is_static { Uuid::ZERO } else { directory(index) };
    Voter {
        key: ReplicaKey::new(id(index), directory),
        endpoints: endpoints(index),
        kraft_versions: VersionRange { min: 0, max: 1 },
    }
}

fn node(
    index: NodeIndex,
    all: usize,
    story: &Story,
    voters: &VoterSet,
    chance: &mut Chance,
) -> Node {
    let config = Config {
        node: id(index),
        directory: directory(index),
        listener: LISTENER.to_owned(),
        endpoints: endpoints(index),
        can_become_voter: true,
        auto_join: story.auto_join,
        bootstrap: (0..all).map(endpoint).collect(),
        static_voters: if story.is_static { voters.clone() } else { VoterSet::default() },
        timeouts: Timeouts::default(),
        seed: chance.word(),
    };
    let mut disk = Disk::default();
    if !story.is_static && index < story.voters {
        let control = SnapshotControl { kraft_version: 1, voters: Some(voters.clone()) };
        disk.snapshots.insert(0, (BOOTSTRAP_SNAPSHOT, control));
    }
    Node {
        config,
        raft: None,
        disk,
        life: 0,
        waiting: BTreeMap::new(),
        flush_at: None,
        paused_until: 0,
        heard: 0,
        bytes: Vec::new(),
    }
}
