//! The cluster and its clock: the next thing that happens, to whom, until nothing is left to do.

use crate::ambush::Ambush;
use crate::client::Client;
use crate::env::{Checked, Env, Mutation, Place, Violation};
use crate::message::{Content, Envelope};
use crate::network::FAIR;
use crate::node::{Node, voters};
use crate::plan::{Plan, Step};
use crate::shape::Shape;

pub struct World {
    pub env: Env,
    pub nodes: Vec<Node>,
    pub clients: Vec<Client>,
    /// When a node that is down comes back.
    pub restarts: Vec<(i64, Place)>,
    plan: Plan,
    next_step: usize,
}

/// Steps that one moment may take before it counts as spinning.
const STEPS_A_MOMENT_MAX: u32 = 3_000;
/// So long after healing everything must be well again, at most.
const HEALING_MS_MAX: i64 = 60_000;
const LOOK_EVERY_MS: i64 = 250;
/// So long after a silence a node may still be taken for dead: a session, and a little.
const UNHEARD_MS: i64 = 2_500;
/// So long a broken disk stays where the rest of its node is the only one with some records.
const PATIENCE_MS: i64 = 15_000;

/// What a history came by.
#[derive(Debug)]
pub struct History {
    pub trace: u64,
    pub visits: std::collections::BTreeMap<&'static str, u32>,
}

impl World {
    pub fn new(plan: Plan, mutation: Option<Mutation>) -> Self {
        let shape = Shape::of(plan.seed);
        let mut env = Env::new(shape, plan.seed, mutation);
        let formatted = raft::SnapshotControl { kraft_version: 1, voters: Some(voters(&env)) };
        env.shadow.quorum.formatted = formatted.clone();
        let image = metadata::image::Image::default();
        env.snapshots.insert((0, 0), crate::env::Snapshot { control: formatted, image });
        let nodes =
            (0..env.shape.nodes.len()).map(|place| Node::formatted(&mut env, place)).collect();
        let clients = crate::client::all(&env);
        Self { env, nodes, clients, restarts: Vec::new(), plan, next_step: 0 }
    }

    /// The whole history: faults, then a time of peace in which the cluster must recover.
    pub fn run(&mut self) -> Result<History, Violation> {
        self.history().map_err(|text| self.at(&text))?;
        let mut visits = std::mem::take(&mut self.env.shadow.visits);
        visits.append(&mut self.env.network.visits);
        Ok(History { trace: self.env.trace, visits })
    }

    fn history(&mut self) -> Checked {
        let late = self.env.shape.late;
        for place in (0..self.nodes.len()).filter(|place| late != Some(*place)) {
            self.start(place)?;
        }
        let end_of_faults = self.env.now + self.env.shape.faults_ms;
        self.run_until(end_of_faults)?;
        self.heal()?;
        let end = self.env.now + HEALING_MS_MAX;
        loop {
            self.run_until(self.env.now + LOOK_EVERY_MS)?;
            self.replace_disks(end - HEALING_MS_MAX + PATIENCE_MS)?;
            match self.recovered() {
                Ok(()) => break,
                Err(lack) if self.env.now >= end => return Err(format!("no recovery: {lack}")),
                Err(_) => {}
            }
        }
        self.complete()
    }

    fn run_until(&mut self, end: i64) -> Checked {
        let (mut moment, mut steps) = (self.env.now, 0);
        while let Some(next) = Some(self.next_at()).filter(|at| *at < end) {
            self.env.now = self.env.now.max(next);
            steps = if self.env.now == moment { steps + 1 } else { 0 };
            moment = self.env.now;
            if steps > STEPS_A_MOMENT_MAX {
                return Err("the machines spin".to_owned());
            }
            self.one_event()?;
            self.strike()?;
        }
        self.env.now = end;
        Ok(())
    }

    fn next_at(&self) -> i64 {
        let nodes = self.nodes.iter().map(|node| node.wake.max(node.paused_until));
        let clients = self.clients.iter().map(|client| client.wake);
        let network = self.env.network.next_at();
        let restarts = self.restarts.iter().map(|(at, _)| *at);
        let step = self.plan.steps.get(self.next_step).map(|step| step.at);
        nodes.chain(clients).chain(network).chain(restarts).chain(step).min().unwrap_or(i64::MAX)
    }

    fn one_event(&mut self) -> Checked {
        let now = self.env.now;
        if let Some(step) =
            self.plan.steps.get(self.next_step).filter(|step| step.at <= now).cloned()
        {
            self.next_step += 1;
            self.env.mark(now.cast_unsigned());
            self.env.narrate(|| format!("== {step}"));
            return self.perform(&step);
        }
        if let Some(due) = self.restarts.iter().position(|(at, _)| *at <= now) {
            let (_, place) = self.restarts.remove(due);
            return self.start(place);
        }
        if let Some(envelope) = self.env.network.receive(now) {
            return self.deliver(envelope);
        }
        let due = |node: &Node| node.wake <= now && node.paused_until <= now;
        if let Some(place) = self.nodes.iter().position(due) {
            self.env.mark(place as u64 | 1 << 40);
            return self.touch(place, |process, env| process.tick(env));
        }
        if let Some(client) = self.clients.iter_mut().find(|client| client.wake <= now) {
            client.tick(&mut self.env)?;
        }
        Ok(())
    }

    fn perform(&mut self, step: &Step) -> Checked {
        self.guarded(|world| (step.operation.perform)(world, step.draws))
    }

    /// Lets a fault happen. A silence that leaves a partition to those who have lost its records is taken
    /// back: no protocol survives it.
    pub fn guarded(&mut self, fault: impl FnOnce(&mut Self) -> Checked) -> Checked {
        let cut = self.env.network.cut.clone();
        let paused: Vec<i64> = self.nodes.iter().map(|node| node.paused_until).collect();
        self.note_silence();
        fault(self)?;
        self.note_silence();
        if !self.env.shadow.is_guarded() {
            self.env.network.cut = cut;
            for (node, until) in self.nodes.iter_mut().zip(paused) {
                node.paused_until = until;
            }
            self.note_silence();
        }
        Ok(())
    }

    fn note_silence(&mut self) {
        let Env { network, shape, now, .. } = &self.env;
        let is_cut = |place: Place| {
            let controllers = shape.controllers().filter(|other| *other != place);
            controllers.into_iter().any(|other| {
                network.cut.contains(&(place, other)) || network.cut.contains(&(other, place))
            })
        };
        let now = *now;
        let until = |node: &Node| {
            let since = if is_cut(node.place) { now } else { node.paused_until };
            (node.place, since.max(node.paused_until) + UNHEARD_MS)
        };
        let known: Vec<(Place, i64)> = self.nodes.iter().map(until).collect();
        self.env.shadow.losses.note_silence(now, known);
    }

    fn deliver(&mut self, envelope: Envelope) -> Checked {
        let to = envelope.to;
        self.env.mark(envelope.number ^ ((to as u64) << 48));
        if to >= self.nodes.len() {
            let Content::Reply(reply) = envelope.content else { return Ok(()) };
            let client = &mut self.clients[to - self.nodes.len()];
            return client.receive(&mut self.env, envelope.number, reply.map(|reply| *reply));
        }
        let until = self.nodes[to].paused_until;
        if until > self.env.now {
            self.env.network.hold(until, envelope);
            return Ok(());
        }
        if self.nodes[to].up().is_none() {
            // nobody listens: the connection is refused
            let Envelope { from, life, number, content, .. } = envelope;
            if matches!(content, Content::Request(_)) {
                let content = Content::Reply(None);
                let refused = Envelope { from: to, to: from, life, number, content };
                self.env.network.send(self.env.now, refused);
            }
            return Ok(());
        }
        self.touch(to, |process, env| process.receive(env, envelope))
    }

    /// Lets a node that runs do something, and sees what became of it.
    pub fn touch(
        &mut self,
        place: Place,
        work: impl FnOnce(&mut crate::process::Process, &mut Env) -> Checked,
    ) -> Checked {
        let node = &mut self.nodes[place];
        let Some(process) = node.process() else { return Ok(()) };
        work(process, &mut self.env)?;
        self.settle(place);
        Ok(())
    }

    fn settle(&mut self, place: Place) {
        let node = &mut self.nodes[place];
        if node.crash_if_doomed(&mut self.env) || node.stop_if_granted(&mut self.env) {
            self.env.network.muted = None;
            self.restart_later(place);
        } else if let Some(process) = node.process() {
            node.wake = process.wake();
        }
    }

    pub fn start(&mut self, place: Place) -> Checked {
        if self.nodes[place].up().is_some() {
            return Ok(());
        }
        self.nodes[place].start(&mut self.env)?;
        self.settle(place);
        Ok(())
    }

    pub fn restart_later(&mut self, place: Place) {
        if self.env.is_rough {
            let at = self.env.soon(3_000);
            self.restarts.push((at, place));
        } else {
            self.restarts.push((self.env.now + 1, place));
        }
    }

    /// The faults end: everybody runs, every message arrives, what is broken is replaced.
    fn heal(&mut self) -> Checked {
        self.env.narrate(|| "== peace".to_owned());
        self.env.is_rough = false;
        self.env.ambush = Ambush::default();
        self.env.network.weather = FAIR;
        self.env.network.cut.clear();
        self.restarts.clear();
        for place in 0..self.nodes.len() {
            self.nodes[place].paused_until = 0;
            for directory in &mut self.nodes[place].stable().directories {
                if !directory.is_dead {
                    directory.disk.heal();
                    self.env.shadow.losses.works(directory.id);
                }
            }
        }
        self.note_silence();
        self.replace_disks(self.env.now + PATIENCE_MS)
    }

    /// Every node runs, on disks that work. One that is needed as it is waits for that for a while.
    fn replace_disks(&mut self, patience: i64) -> Checked {
        let is_late = self.env.now >= patience;
        for place in 0..self.nodes.len() {
            let has_lost = self.nodes[place].stable().directories.iter().any(|dir| dir.is_dead);
            let may = is_late || self.env.shadow.may_crash(place, crate::shadow::Loss::Process);
            if has_lost && may && self.nodes[place].up().is_some() {
                self.nodes[place].crash(&mut self.env, crate::shadow::Loss::Process);
            }
            if self.nodes[place].up().is_none() {
                self.restarts.retain(|(_, waiting)| *waiting != place);
                self.nodes[place].repair(&mut self.env)?;
                self.settle(place);
            }
        }
        Ok(())
    }

    fn at(&self, text: &str) -> Violation {
        format!("at {} ms: {text}", self.env.now - crate::env::BEGINNING_MS)
    }
}
