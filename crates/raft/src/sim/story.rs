//! What a seed lets happen to the cluster: faults, clients, administrators.

use types::Offset;

use super::disk::{Body, Entry};
use super::network::{FAIR, NodeIndex, Weather};
use super::world::{Violation, World, endpoints};
use crate::chance::Chance;
use crate::message::AddVoterRequest;
use crate::{Input, Request, RoleKind};

#[derive(Debug, Clone)]
pub struct Story {
    pub voters: usize,
    pub observers: usize,
    pub is_static: bool,
    pub auto_join: bool,
    pub weather: Weather,
    pub syncs_at_once: bool,
    /// Whether shells notice that a leader's process is gone.
    pub tells_gone: bool,
    pub faults_ms: i64,
    pub peace_ms: i64,
    /// A crash between two effects, in one of so many.
    crash_one_in: u32,
    /// The pause between two acts, at most.
    pause_ms: u32,
    acts: &'static [(u32, Act)],
    next_act: Option<i64>,
    restarts: Vec<(i64, NodeIndex)>,
    /// A second lost disk could be the majority's last copy.
    has_replaced: bool,
}

#[derive(Debug, Clone, Copy)]
enum Act {
    Append,
    Crash,
    CutOneWay,
    CutBothWays,
    Isolate,
    Mend,
    Pause,
    Snapshot,
    Clean,
    AddVoter,
    RemoveVoter,
    Resign,
    Upgrade,
    ReplaceDisk,
}

/// How often each act comes, out of the sum.
const EVERYTHING: &[(u32, Act)] = &[
    (40, Act::Append),
    (8, Act::Crash),
    (4, Act::CutOneWay),
    (4, Act::CutBothWays),
    (4, Act::Isolate),
    (10, Act::Mend),
    (3, Act::Pause),
    (4, Act::Snapshot),
    (4, Act::Clean),
    (4, Act::AddVoter),
    (4, Act::RemoveVoter),
    (1, Act::Resign),
    (1, Act::Upgrade),
];

/// A cluster whose voters change all the time.
const CHANGES: &[(u32, Act)] = &[
    (10, Act::Append),
    (3, Act::Crash),
    (6, Act::Isolate),
    (3, Act::CutBothWays),
    (6, Act::Mend),
    (12, Act::AddVoter),
    (12, Act::RemoveVoter),
];

/// A network that falls apart while clients write.
const ELECTIONS: &[(u32, Act)] = &[
    (30, Act::Append),
    (6, Act::Crash),
    (10, Act::Isolate),
    (6, Act::CutOneWay),
    (12, Act::Mend),
    (3, Act::Resign),
];

/// One voter loses its disk, and its successor joins by itself.
const REPLACEMENT: &[(u32, Act)] = &[
    (30, Act::Append),
    (6, Act::Crash),
    (6, Act::Isolate),
    (10, Act::Mend),
    (4, Act::Snapshot),
    (4, Act::Clean),
    (4, Act::ReplaceDisk),
];

impl Story {
    pub fn of(chance: &mut Chance) -> Self {
        if chance.below(6) == 0 {
            // enough voters that one disk is not the majority, which nothing survives
            let voters = 3 + chance.below(3) as usize;
            let story = Self::with(REPLACEMENT, chance);
            return Self { voters, is_static: false, ..story.joining() };
        }
        let acts = [EVERYTHING, EVERYTHING, CHANGES, ELECTIONS][chance.below(4) as usize];
        let story = Self::with(acts, chance);
        if story.auto_join { story.joining() } else { story }
    }

    /// Controllers join by themselves, one after the other, which takes its time.
    fn joining(self) -> Self {
        Self { auto_join: true, peace_ms: 40_000, ..self }
    }

    /// Nothing fails by itself.
    pub fn calm(voters: usize, observers: usize, chance: &mut Chance) -> Self {
        let story = Self::with(EVERYTHING, chance);
        Self {
            voters,
            observers,
            is_static: false,
            auto_join: false,
            weather: FAIR,
            tells_gone: true,
            syncs_at_once: true,
            crash_one_in: 0,
            next_act: None,
            ..story
        }
    }

    fn with(acts: &'static [(u32, Act)], chance: &mut Chance) -> Self {
        let rough = Weather {
            lost: [0, 10, 100][chance.below(3) as usize],
            twice: [0, 20][chance.below(2) as usize],
            slow: [0, 5, 50][chance.below(3) as usize],
        };
        Self {
            voters: 1 + chance.below(5) as usize,
            observers: chance.below(3) as usize,
            is_static: chance.below(5) == 0,
            auto_join: chance.below(6) == 0,
            weather: rough,
            syncs_at_once: chance.below(2) == 0,
            tells_gone: chance.below(2) == 0,
            faults_ms: 20_000,
            peace_ms: 25_000,
            crash_one_in: [0, 2_000, 400][chance.below(3) as usize],
            pause_ms: [400, 1_500][chance.below(2) as usize],
            acts,
            next_act: Some(1_000_100),
            restarts: Vec::new(),
            has_replaced: false,
        }
    }

    pub fn next_at(&self) -> Option<i64> {
        self.restarts.iter().map(|(at, _)| *at).chain(self.next_act).min()
    }

    pub fn crashes_now(&self, chance: &mut Chance) -> bool {
        self.crash_one_in > 0 && self.next_act.is_some() && chance.below(self.crash_one_in) == 0
    }

    fn choose(&self, chance: &mut Chance) -> Act {
        let sum = self.acts.iter().map(|(weight, _)| weight).sum();
        let mut left = chance.below(sum);
        for (weight, act) in self.acts {
            if left < *weight {
                return *act;
            }
            left -= weight;
        }
        Act::Append
    }
}

impl World {
    /// Restarts who is due, or does what comes next.
    pub fn play(&mut self) -> Result<(), Violation> {
        let now = self.now;
        if let Some(due) = self.story.restarts.iter().position(|(at, _)| *at <= now) {
            let (_, index) = self.story.restarts.remove(due);
            return self.start(index);
        }
        let pause = 1 + self.chance.below(self.story.pause_ms);
        self.story.next_act = Some(now + i64::from(pause));
        let act = self.story.choose(&mut self.chance);
        self.mark(now);
        self.act(act)
    }

    /// The faults end: everybody runs, and every message arrives.
    pub fn heal(&mut self) -> Result<(), Violation> {
        self.story.next_act = None;
        self.network.weather = FAIR;
        self.network.cut.clear();
        for node in &mut self.nodes {
            node.paused_until = 0;
        }
        for (_, index) in std::mem::take(&mut self.story.restarts) {
            self.start(index)?;
        }
        Ok(())
    }

    pub fn crash_for_a_while(&mut self, index: NodeIndex) {
        self.crash(index);
        let down = 10 + self.chance.below(4_000);
        self.story.restarts.push((self.now + i64::from(down), index));
    }

    /// A client writes at whoever takes itself for the leader.
    pub fn append_at_leader(&mut self) -> Result<(), Violation> {
        let Some(index) = self.some_leader() else { return Ok(()) };
        self.append(index, 1)
    }

    fn act(&mut self, act: Act) -> Result<(), Violation> {
        let index = self.some_node();
        let other = self.some_node();
        match act {
            Act::Append => {
                if let Some(leader) = self.some_leader() {
                    let count = 1 + self.chance.below(4);
                    return self.append(leader, count);
                }
            }
            Act::Crash if self.nodes[index].raft.is_some() => self.crash_for_a_while(index),
            Act::CutOneWay => {
                self.network.cut.insert((index, other));
            }
            Act::CutBothWays => self.network.cut.extend([(index, other), (other, index)]),
            Act::Isolate => {
                for other in 0..self.nodes.len() {
                    self.network.cut.extend([(index, other), (other, index)]);
                }
            }
            Act::Mend => self.network.cut.clear(),
            Act::Pause => {
                let pause = self.chance.below(5_000);
                self.nodes[index].paused_until = self.now + i64::from(pause);
            }
            Act::Snapshot => return self.snapshot(index),
            Act::Clean => return self.clean(index),
            Act::AddVoter => {
                let add = AddVoterRequest {
                    voter: self.nodes[other].config.key(),
                    endpoints: endpoints(other),
                    ack_when_committed: index.is_multiple_of(2),
                };
                return self.ask_leader(Request::AddVoter(add));
            }
            Act::RemoveVoter => {
                let voter = self.nodes[other].config.key();
                return self.ask_leader(Request::RemoveVoter(voter));
            }
            Act::Resign => {
                if let Some(leader) = self.some_leader()
                    && let Some(raft) = &self.nodes[leader].raft
                {
                    let epoch = raft.epoch();
                    return self.step(leader, Input::Resign { epoch });
                }
            }
            Act::Upgrade => {
                let id = self.new_request();
                if let Some(leader) = self.some_leader() {
                    return self.step(leader, Input::UpgradeKraftVersion { id, version: 1 });
                }
            }
            Act::ReplaceDisk if self.nodes[index].raft.is_some() && !self.story.has_replaced => {
                self.story.has_replaced = true;
                self.replace_disk(index);
            }
            Act::Crash | Act::ReplaceDisk => {}
        }
        Ok(())
    }

    pub fn append(&mut self, index: NodeIndex, count: u32) -> Result<(), Violation> {
        let Some(raft) = &self.nodes[index].raft else { return Ok(()) };
        let epoch = raft.epoch();
        for _ in 0..count {
            self.next_id += 1;
            let body = Body::Data(self.next_id);
            self.nodes[index].disk.append(Entry { epoch, body });
        }
        let end = Offset(self.nodes[index].disk.end());
        self.step(index, Input::Appended { epoch, end })?;
        self.flush_soon(index)
    }

    /// A snapshot of what a node knows to be committed and has on its disk.
    fn snapshot(&mut self, index: NodeIndex) -> Result<(), Violation> {
        let node = &mut self.nodes[index];
        let Some(committed) = node.raft.as_ref().and_then(crate::Raft::committed) else {
            return Ok(());
        };
        let at = committed.0.min(node.disk.synced_end());
        if at <= node.disk.start || node.disk.snapshots.contains_key(&at) {
            return Ok(());
        }
        let snapshot = node.disk.end_at(at);
        node.disk.snapshots.insert(at, (snapshot, self.checks.control_at(at)));
        self.step(index, Input::SnapshotTaken(snapshot))
    }

    fn clean(&mut self, index: NodeIndex) -> Result<(), Violation> {
        let node = &mut self.nodes[index];
        if node.raft.is_none() {
            return Ok(());
        }
        node.disk.clean();
        let (start, snapshots) = (Offset(node.disk.start), node.disk.snapshot_ids());
        self.step(index, Input::LogCleaned { start, snapshots })
    }

    pub fn ask_leader(&mut self, request: Request) -> Result<(), Violation> {
        let Some(leader) = self.some_leader() else { return Ok(()) };
        let id = self.new_request();
        self.step(leader, Input::Request { id, request })
    }

    fn some_node(&mut self) -> NodeIndex {
        let count = u32::try_from(self.nodes.len()).expect("few nodes");
        self.chance.below(count) as usize
    }

    pub fn some_leader(&mut self) -> Option<NodeIndex> {
        let leads = |index: &NodeIndex| {
            let raft = self.nodes[*index].raft.as_ref();
            raft.is_some_and(|raft| raft.role() == RoleKind::Leader)
        };
        let leaders: Vec<NodeIndex> = (0..self.nodes.len()).filter(leads).collect();
        let count = u32::try_from(leaders.len()).expect("few nodes");
        leaders.get(self.chance.below(count) as usize).copied()
    }
}
