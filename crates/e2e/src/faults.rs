//! A seeded plan of faults: kills, pauses, stops and cut links, every few seconds, and their ends.

use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::clock::TimeOfDay;
use crate::cluster::Cluster;

/// What befalls a cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// `kill -9`; started again at its end.
    Kill(u8),
    /// SIGTERM; started again at its end.
    Stop(u8),
    /// SIGSTOP, and SIGCONT at its end.
    Pause(u8),
    /// Nothing of the first reaches the second.
    Cut(u8, u8),
    /// Nothing comes to or from any other node.
    Isolate(u8),
}

/// Random numbers that are the same for the same seed (SplitMix64).
#[derive(Clone, Debug)]
pub struct Dice(u64);

impl Dice {
    /// From a seed on.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// A number below `sides`.
    pub fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % sides
    }

    fn millis(&mut self, from: u64, to: u64) -> Duration {
        Duration::from_millis(from + self.roll(to - from))
    }
}

/// A fault, how long it lasts, and how long after it the next one comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    pub fault: Fault,
    pub lasts: Duration,
    pub pause: Duration,
}

/// The steps of a seed, for so many nodes; without cuts where links cannot be cut.
pub fn steps(seed: u64, nodes: u8, cuts: bool) -> impl Iterator<Item = Step> {
    let mut dice = Dice::new(seed);
    std::iter::repeat_with(move || step(&mut dice, nodes, cuts))
}

fn step(dice: &mut Dice, nodes: u8, cuts: bool) -> Step {
    let node = |dice: &mut Dice| {
        1 + u8::try_from(dice.roll(u64::from(nodes))).expect("fewer than 255 nodes")
    };
    let one = node(dice);
    let kinds = if cuts { 12 } else { 8 };
    let fault = match dice.roll(kinds) {
        0..=3 => Fault::Kill(one),
        4..=5 => Fault::Stop(one),
        6..=7 => Fault::Pause(one),
        8..=10 => {
            let others = node(dice);
            let other = if others == one { 1 + others % nodes } else { others };
            Fault::Cut(one, other)
        }
        _ => Fault::Isolate(one),
    };
    Step { fault, lasts: dice.millis(500, 7_000), pause: dice.millis(500, 4_000) }
}

/// Carries faults out, and ends them in time. Nodes that something has befallen are at most a
/// minority: what is done to the others then is skipped.
#[derive(Debug)]
pub struct Fire<'c> {
    cluster: &'c mut Cluster,
    burning: Vec<(Fault, Instant)>,
    befallen: Vec<Fault>,
    started: Instant,
    report: Vec<String>,
}

impl<'c> Fire<'c> {
    /// Nothing burns yet.
    pub fn new(cluster: &'c mut Cluster) -> Self {
        let (burning, befallen, report) = (Vec::new(), Vec::new(), Vec::new());
        Self { cluster, burning, befallen, started: Instant::now(), report }
    }

    /// The faults that there were, in order.
    #[must_use]
    pub fn faults(&self) -> &[Fault] {
        &self.befallen
    }

    /// What happened, in words.
    #[must_use]
    pub fn report(&self) -> &[String] {
        &self.report
    }

    /// Follows `plan` for so long, and then heals everything.
    pub fn burn(&mut self, plan: impl Iterator<Item = Step>, duration: Duration) {
        let end = Instant::now() + duration;
        for step in plan {
            if Instant::now() >= end {
                break;
            }
            if self.may_befall(step.fault) {
                self.tell(&format!("{:?} for {:?}", step.fault, step.lasts));
                self.begin(step.fault);
                self.burning.push((step.fault, Instant::now() + step.lasts));
            }
            self.rest_until(end.min(Instant::now() + step.pause));
        }
        self.rest_until(Instant::now());
        for (fault, _) in std::mem::take(&mut self.burning) {
            self.end(fault);
        }
        self.tell("healed");
    }

    /// Lets time pass, and ends the faults whose time has come.
    fn rest_until(&mut self, until: Instant) {
        loop {
            let now = Instant::now();
            let (over, burning) = self.burning.iter().partition(|(_, end)| *end <= now);
            self.burning = burning;
            let over: Vec<(Fault, Instant)> = over;
            over.into_iter().for_each(|(fault, _)| self.end(fault));
            let next = self.burning.iter().map(|(_, end)| *end).min();
            let next = next.map_or(until, |next| next.min(until));
            if now >= until {
                return;
            }
            // the plan's own pace, not a wait for something
            std::thread::sleep(next.saturating_duration_since(Instant::now()));
        }
    }

    fn may_befall(&self, fault: Fault) -> bool {
        let mut befallen: Vec<u8> = self.burning.iter().map(|(fault, _)| fault.victim()).collect();
        if befallen.contains(&fault.victim()) {
            return false;
        }
        befallen.push(fault.victim());
        befallen.len() <= (self.cluster.ids().count() - 1) / 2
    }

    fn begin(&mut self, fault: Fault) {
        self.befallen.push(fault);
        match fault {
            Fault::Stop(node) => self.cluster.node_mut(node).server().signal(Signal::TERM),
            Fault::Kill(node) => self.cluster.node_mut(node).kill(),
            Fault::Pause(node) => self.cluster.node_mut(node).pause(),
            Fault::Cut(from, to) => self.cluster.network().cut(from, to),
            Fault::Isolate(node) => self.links(node, |network, from, to| network.cut(from, to)),
        }
    }

    fn end(&mut self, fault: Fault) {
        match fault {
            Fault::Kill(node) => self.cluster.node_mut(node).launch(),
            Fault::Stop(node) => {
                self.cluster.node_mut(node).server().await_end();
                self.cluster.node_mut(node).launch();
            }
            Fault::Pause(node) => self.cluster.node_mut(node).resume(),
            Fault::Cut(from, to) => self.cluster.network().heal(from, to),
            Fault::Isolate(node) => self.links(node, |network, from, to| network.heal(from, to)),
        }
        self.tell(&format!("end of {fault:?}"));
    }

    fn links(&self, node: u8, change: impl Fn(&crate::netns::Network, u8, u8)) {
        for other in self.cluster.ids().filter(|other| *other != node) {
            change(self.cluster.network(), node, other);
            change(self.cluster.network(), other, node);
        }
    }

    fn tell(&mut self, what: &str) {
        let passed = self.started.elapsed().as_secs_f32();
        let line = format!("{} {passed:6.1} s: {what}", TimeOfDay::now());
        eprintln!("{line}");
        self.report.push(line);
    }
}

impl Fault {
    /// Who suffers it.
    fn victim(self) -> u8 {
        match self {
            Self::Kill(node) | Self::Stop(node) | Self::Pause(node) => node,
            Self::Cut(node, _) | Self::Isolate(node) => node,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_is_the_same_plan() {
        let plan = |seed| steps(seed, 5, true).take(200).collect::<Vec<_>>();
        assert_eq!(plan(7), plan(7));
        assert_ne!(plan(7), plan(8));
        let kinds = plan(7);
        let among = |fault: fn(&Fault) -> bool| kinds.iter().filter(|s| fault(&s.fault)).count();
        assert!(among(|fault| matches!(fault, Fault::Cut(from, to) if from != to)) > 20);
        assert_eq!(among(|fault| matches!(fault, Fault::Cut(from, to) if from == to)), 0);
        assert!(steps(7, 3, false).take(200).all(|step| !matches!(step.fault, Fault::Cut(..))));
    }
}
