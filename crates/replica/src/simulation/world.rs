//! The world of a history: nodes, a network that loses, doubles and delays, and what must hold.

use std::fmt::Write as _;

use types::{BrokerEpoch, ErrorCode, LeaderEpoch, NodeId, Offset, PartitionEpoch, TimestampMs};

use super::controller::{Controller, at};
use super::node::{Answer, Node, RULES, Role};
use crate::broken::BrokenRule;
use crate::follower::Fetch;
use crate::in_sync::{IsrAnswer, IsrProposal};
use crate::leader::{LeaderEffect, LeaderInput};

/// Rounds after healing in which everything must be level again.
const HEALING_ROUNDS: usize = 400;

#[derive(Debug, Clone)]
enum Message {
    Fetch { from: NodeId, broker_epoch: BrokerEpoch, fetch: Fetch },
    Answer { to: NodeId, broker_epoch: BrokerEpoch, fetch: Fetch, answer: Answer },
    Propose { from: NodeId, proposal: IsrProposal },
    Altered { to: NodeId, based_on: PartitionEpoch, answer: IsrAnswer },
}

#[derive(Debug, Clone, Copy)]
enum Happening {
    Produce,
    Fetch,
    Deliver,
    Learn,
    Sync,
    PassTime,
    Crash,
    Restart,
}

/// How likely each is in one history: a mix of its own for every seed reaches corners that one
/// average of all would not.
struct Mix(Vec<(usize, Happening)>);

impl Mix {
    const USUAL: [(usize, Happening); 8] = [
        (20, Happening::Produce),
        (25, Happening::Fetch),
        (30, Happening::Deliver),
        (10, Happening::Learn),
        (5, Happening::Sync),
        (4, Happening::PassTime),
        (3, Happening::Crash),
        (6, Happening::Restart),
    ];

    fn new(chance: &mut Chance) -> Self {
        let factors = [0, 1, 1, 2, 4];
        let mut vary = |(weight, happening)| {
            let never = matches!(happening, Happening::Sync | Happening::PassTime);
            let factor = factors[chance.below(factors.len())];
            (weight * if never { factor } else { factor.max(1) }, happening)
        };
        Self(Self::USUAL.into_iter().map(&mut vary).collect())
    }

    fn draw(&self, chance: &mut Chance) -> Happening {
        let total = self.0.iter().map(|(weight, _)| weight).sum();
        let mut left = chance.below(total);
        for (weight, happening) in &self.0 {
            if left < *weight {
                return *happening;
            }
            left -= weight;
        }
        unreachable!("a draw is below the sum of weights")
    }
}

pub(super) struct World {
    chance: Chance,
    mix: Mix,
    now: TimestampMs,
    nodes: Vec<Node>,
    controller: Controller,
    network: Vec<Message>,
    next_value: u64,
    /// Every record that was ever below a leader's high watermark.
    committed: Vec<(LeaderEpoch, u64)>,
    trace: String,
}

/// A stream of numbers that a seed determines (splitmix64).
struct Chance(u64);

impl Chance {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ (mixed >> 31)) % limit as u64).expect("below a usize")
    }
}

impl World {
    pub(super) fn new(seed: u64, broken: Option<BrokenRule>) -> Self {
        let mut chance = Chance(seed);
        let count = 2 + chance.below(3);
        let controller = Controller::new(count, RULES.in_sync_min);
        let nodes = (0..i32::try_from(count).expect("few nodes"))
            .map(|id| Node::new(NodeId(id), controller.latest().clone(), broken))
            .collect();
        let mix = Mix::new(&mut chance);
        let mut world = Self {
            chance,
            mix,
            now: TimestampMs(1_000_000),
            nodes,
            controller,
            network: Vec::new(),
            next_value: 0,
            committed: Vec::new(),
            trace: String::new(),
        };
        for node in 0..count {
            let effects = world.nodes[node].become_what(world.now);
            world.send(node, effects);
        }
        world
    }

    /// One thing happens; then everything that must hold is looked at.
    pub(super) fn step(&mut self) -> Result<(), String> {
        let node = self.chance.below(self.nodes.len());
        match self.mix.draw(&mut self.chance) {
            Happening::Produce => self.produce(node),
            Happening::Fetch => self.fetch(node),
            Happening::Deliver => self.deliver(),
            Happening::Learn => self.learn(node),
            Happening::Sync => self.nodes[node].synced = self.nodes[node].log.records.len(),
            Happening::PassTime => self.pass_time(node),
            Happening::Crash => self.crash(node),
            Happening::Restart => {
                let dead = self.nodes.iter().position(|node| !node.alive);
                self.restart(dead.unwrap_or(node));
            }
        }
        self.check()
    }

    fn produce(&mut self, node: usize) {
        self.next_value += 1;
        let effects = self.nodes[node].produce(self.now, self.next_value);
        self.send(node, effects);
    }

    fn fetch(&mut self, node: usize) {
        let Some(fetch) = self.nodes[node].plan(self.now) else { return };
        let Node { id, broker_epoch, .. } = self.nodes[node];
        self.network.push(Message::Fetch { from: id, broker_epoch, fetch });
    }

    fn send(&mut self, node: usize, effects: Vec<LeaderEffect>) {
        let from = self.nodes[node].id;
        let proposals = Node::proposals(effects);
        self.network.extend(proposals.map(|proposal| Message::Propose { from, proposal }));
    }

    /// Any message arrives next; one in ten is lost, one in ten comes again later.
    fn deliver(&mut self) {
        if self.network.is_empty() {
            return;
        }
        let at = self.chance.below(self.network.len());
        match self.chance.below(10) {
            0 => {
                let message = self.network.swap_remove(at);
                self.network.extend(Self::lost(message));
            }
            1 => {
                let message = self.network[at].clone();
                self.arrive(message);
            }
            _ => {
                let message = self.network.swap_remove(at);
                self.arrive(message);
            }
        }
    }

    /// A leader hears of a proposal that nobody answered; a follower fetches again of itself.
    fn lost(message: Message) -> Option<Message> {
        let (to, based_on) = match message {
            Message::Propose { from, proposal } => (from, proposal.partition_epoch),
            Message::Altered { to, based_on, .. } => (to, based_on),
            Message::Fetch { .. } | Message::Answer { .. } => return None,
        };
        let answer = IsrAnswer::Refused(ErrorCode::RequestTimedOut);
        Some(Message::Altered { to, based_on, answer })
    }

    fn arrive(&mut self, message: Message) {
        writeln!(self.trace, "{message:?}").expect("write to a string");
        match message {
            Message::Fetch { from, broker_epoch, fetch } => self.serve(from, broker_epoch, fetch),
            Message::Answer { to, broker_epoch, fetch, answer } => {
                let now = self.now;
                let node = &mut self.nodes[at(to)];
                // a new process has none of the connections of the one before
                if node.alive && node.broker_epoch == broker_epoch && node.take(now, fetch, answer)
                {
                    let leader = &self.nodes[at(fetch.leader)];
                    let ends = matches!(leader.role, Role::Leader(_));
                    let ends = ends.then(|| (Offset::ZERO, leader.log.end()));
                    self.nodes[at(to)].take_ends(now, fetch.epoch, ends);
                }
            }
            Message::Propose { from, proposal } => {
                let answer = self.controller.alter(from, &proposal);
                let based_on = proposal.partition_epoch;
                self.network.push(Message::Altered { to: from, based_on, answer });
            }
            Message::Altered { to, based_on, answer } => {
                self.lead(at(to), LeaderInput::IsrAnswered { based_on, answer });
            }
        }
    }

    fn serve(&mut self, from: NodeId, broker_epoch: BrokerEpoch, fetch: Fetch) {
        let leader = at(fetch.leader);
        if !self.nodes[leader].alive {
            return;
        }
        let mut effects = Vec::new();
        let answer = self.nodes[leader].serve(self.now, (from, broker_epoch), fetch, &mut effects);
        self.send(leader, effects);
        self.network.push(Message::Answer { to: from, broker_epoch, fetch, answer });
    }

    fn lead(&mut self, node: usize, input: LeaderInput) {
        let now = self.now;
        let shell = &mut self.nodes[node];
        let mut effects = Vec::new();
        if let Role::Leader(leader) = &mut shell.role {
            leader.step(now, &shell.metadata, input, &mut effects);
        }
        self.send(node, effects);
    }

    /// The next state of the cluster reaches a node.
    fn learn(&mut self, node: usize) {
        let now = self.now;
        let shell = &mut self.nodes[node];
        let Some(metadata) = self.controller.history.get(shell.metadata_index + 1) else { return };
        if !shell.alive {
            return;
        }
        shell.metadata_index += 1;
        let effects = shell.learn(now, metadata.clone());
        self.send(node, effects);
    }

    fn pass_time(&mut self, node: usize) {
        let ms = i64::try_from(self.chance.below(600)).expect("a short while");
        self.now = TimestampMs(self.now.0 + ms);
        self.lead(node, LeaderInput::Tick);
    }

    /// A process is killed, or its machine loses power while others have what it may lose.
    fn crash(&mut self, node: usize) {
        if !self.nodes[node].alive {
            return;
        }
        let id = self.nodes[node].id;
        let others = self.controller.may_lead().iter().any(|other| *other != id);
        let loses_records = others && self.chance.below(2) == 0;
        self.nodes[node].crash(loses_records);
        let lot = self.chance.below(self.nodes.len());
        self.controller.fence(id, loses_records, lot);
        writeln!(self.trace, "{id} crashes, loses: {loses_records}").expect("write to a string");
    }

    /// A node comes back knowing the metadata up to its own registration.
    fn restart(&mut self, node: usize) {
        if self.nodes[node].alive {
            return;
        }
        let id = self.nodes[node].id;
        let lot = self.chance.below(self.nodes.len());
        self.controller.register(id, lot);
        let shell = &mut self.nodes[node];
        shell.alive = true;
        shell.metadata = self.controller.latest().clone();
        shell.metadata_index = self.controller.history.len() - 1;
        shell.broker_epoch = shell.metadata.brokers[node].0;
        let effects = shell.become_what(self.now);
        self.send(node, effects);
        writeln!(self.trace, "{id} comes back").expect("write to a string");
    }

    /// What is committed never changes, and everyone who knows that it is has the same.
    fn check(&mut self) -> Result<(), String> {
        let newest = self.controller.latest().assignment.leader_epoch;
        for node in self.nodes.iter().filter(|node| node.alive) {
            let Role::Leader(leader) = &node.role else { continue };
            let Some(committed) = node.committed() else { continue };
            let shared = committed.len().min(self.committed.len());
            if committed[..shared] != self.committed[..shared] {
                return Err(format!("{} leads with other committed records", node.id));
            }
            if committed.len() > self.committed.len() {
                self.committed = committed.to_vec();
            }
            let has_all = node.log.records.get(..self.committed.len()) == Some(&self.committed[..]);
            if leader.epoch() == newest && !has_all {
                return Err(format!("{} leads without all that is committed", node.id));
            }
        }
        for node in self.nodes.iter().filter(|node| node.alive) {
            let known = node.known_committed();
            let shared = known.len().min(self.committed.len());
            if known[..shared] != self.committed[..shared] {
                return Err(format!("{} holds other records as committed", node.id));
            }
        }
        Ok(())
    }

    /// Nothing fails any more: all come back, become level and in sync.
    pub(super) fn heal(&mut self) -> Result<(), String> {
        for node in 0..self.nodes.len() {
            self.restart(node);
        }
        for round in 0..HEALING_ROUNDS {
            self.now = TimestampMs(self.now.0 + 50);
            for node in 0..self.nodes.len() {
                self.learn(node);
                self.fetch(node);
                if round % 10 == 0 {
                    self.lead(node, LeaderInput::Tick);
                }
            }
            for message in std::mem::take(&mut self.network) {
                self.arrive(message);
            }
            self.check()?;
            if self.is_level() {
                return Ok(());
            }
        }
        Err(format!("not level again: {:?}", self.controller.latest()))
    }

    fn is_level(&self) -> bool {
        let isr = self.controller.latest().assignment.isr.len();
        let logs_agree =
            self.nodes.iter().all(|node| node.log.records == self.nodes[0].log.records);
        let committed = self.nodes.iter().find_map(Node::committed).map(<[_]>::len);
        isr == self.nodes.len() && logs_agree && committed == Some(self.nodes[0].log.records.len())
    }

    pub(super) fn trace(self) -> String {
        self.trace
    }
}
