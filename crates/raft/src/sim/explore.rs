//! Every order in which a few things can happen: all interleavings of messages, timers, crashes and
//! administrators up to a depth, on the real machines, where seeds only sample them.
//!
//! Time is free: any timer may come next. States that differ only in moments and numbers of requests
//! count as one.

use std::collections::BTreeMap;
use std::fmt::Write;

use types::TimestampMs;

use super::network::{Content, Envelope, NodeIndex};
use super::world::{Violation, World, endpoints};
use crate::broken::Broken;
use crate::message::AddVoterRequest;
use crate::role::Role;
use crate::{Input, Raft, Request, RoleKind};

/// One thing that may happen next.
#[derive(Debug, Clone, Copy)]
enum Event {
    /// The nth message under way arrives.
    Arrive(usize),
    /// The nth message, a request, finds nobody.
    Refuse(usize),
    Time(NodeIndex),
    Crash(NodeIndex),
    Append(NodeIndex),
    Add(NodeIndex),
    Remove(NodeIndex),
}

/// How much of it may happen.
#[derive(Debug, Clone, Copy)]
struct Bounds {
    depth: u32,
    epoch_max: i32,
    crashes: u32,
    appends: u32,
    changes: u32,
    refusals: u32,
}

struct Explorer {
    bounds: Bounds,
    /// The states that were seen, and how much depth was left then.
    seen: BTreeMap<u64, u32>,
}

#[derive(Clone)]
struct State {
    world: World,
    left: Bounds,
}

impl Explorer {
    fn explore(bounds: Bounds, world: World) -> Result<usize, Violation> {
        let mut explorer = Self { bounds, seen: BTreeMap::new() };
        let mut path = Vec::new();
        explorer.visit(&State { world, left: bounds }, bounds.depth, &mut path)?;
        Ok(explorer.seen.len())
    }

    fn visit(&mut self, state: &State, depth: u32, path: &mut Vec<Event>) -> Result<(), Violation> {
        let known = self.seen.entry(state.digest()).or_insert(0);
        if *known >= depth {
            return Ok(());
        }
        *known = depth;
        for event in state.events(self.bounds.epoch_max) {
            let mut next = state.clone();
            path.push(event);
            next.happen(event).map_err(|violation| format!("{violation} after {path:?}"))?;
            if depth > 1 {
                self.visit(&next, depth - 1, path)?;
            }
            path.pop();
        }
        Ok(())
    }
}

impl State {
    fn events(&self, epoch_max: i32) -> Vec<Event> {
        let world = &self.world;
        let messages = world.network.all().count();
        let mut events: Vec<Event> = (0..messages).map(Event::Arrive).collect();
        if self.left.refusals > 0 {
            let requests = world.network.all().enumerate();
            let requests = requests.filter(|(_, m)| matches!(m.content, Content::Request(_)));
            events.extend(requests.map(|(place, _)| Event::Refuse(place)));
        }
        let nodes = 0..world.nodes.len();
        let raft = |index: &NodeIndex| world.nodes[*index].raft.as_ref();
        let may_go_on = |r: &Raft| r.epoch().0 < epoch_max || matches!(r.role, Role::Follower(_));
        let timers = nodes
            .clone()
            .filter(|i| raft(i).is_some_and(|r| r.next_deadline().is_some() && may_go_on(r)));
        events.extend(timers.map(Event::Time));
        if self.left.crashes > 0 {
            events.extend(nodes.clone().map(Event::Crash));
        }
        let leads = |index: &NodeIndex| raft(index).is_some_and(|r| r.role.as_leader().is_some());
        if self.left.appends > 0 {
            events.extend(nodes.clone().filter(leads).map(Event::Append));
        }
        if self.left.changes > 0 && nodes.clone().any(|index| leads(&index)) {
            events.extend(nodes.clone().map(Event::Add));
            events.extend(nodes.map(Event::Remove));
        }
        events
    }

    fn happen(&mut self, event: Event) -> Result<(), Violation> {
        let world = &mut self.world;
        match event {
            Event::Arrive(place) => match world.network.take(place) {
                Some(envelope) => world.deliver(envelope),
                None => Ok(()),
            },
            Event::Refuse(place) => {
                self.left.refusals -= 1;
                let Some(sent) = world.network.take(place) else { return Ok(()) };
                let content = Content::Reply(None, Vec::new());
                world.deliver(Envelope { from: sent.to, to: sent.from, content, ..sent })
            }
            Event::Time(index) => {
                let deadline = world.nodes[index].raft.as_ref().and_then(Raft::next_deadline);
                let TimestampMs(at) = deadline.unwrap_or_default();
                world.now = world.now.max(at);
                world.step(index, Input::Tick)
            }
            Event::Crash(index) => {
                self.left.crashes -= 1;
                world.crash(index);
                world.start(index)
            }
            Event::Append(index) => {
                self.left.appends -= 1;
                world.append(index, 1)
            }
            Event::Add(index) => {
                self.left.changes -= 1;
                let voter = world.nodes[index].config.key();
                let (endpoints, ack_when_committed) = (endpoints(index), true);
                let add = AddVoterRequest { voter, endpoints, ack_when_committed };
                world.ask_leader(Request::AddVoter(add))
            }
            Event::Remove(index) => {
                self.left.changes -= 1;
                let voter = world.nodes[index].config.key();
                world.ask_leader(Request::RemoveVoter(voter))
            }
        }
    }

    /// What makes a state another one: not the time, nor the numbers of requests.
    fn digest(&self) -> u64 {
        let mut text = String::new();
        let nodes = &self.world.nodes;
        for node in nodes {
            let Some(raft) = &node.raft else { continue };
            let log = &node.disk.entries;
            let _ = write!(text, "{:?}{:?}{:?}", raft.epoch, raft.voted, node.disk.quorum_state);
            let _ = write!(text, "{log:?}{:?}{:?}", raft.high_watermark, raft.announced);
            write_role(&mut text, &raft.role);
        }
        let mut messages: Vec<String> = Vec::new();
        for message in self.world.network.all() {
            let asker = match message.content {
                Content::Request(_) => message.from,
                Content::Reply(..) => message.to,
            };
            let raft = nodes[asker].raft.as_ref().filter(|_| nodes[asker].life == message.life);
            let is_expected = raft.is_some_and(|r| r.connections.expects(message.correlation));
            let (from, to, content) = (message.from, message.to, &message.content);
            messages.push(format!("{from}{to}{is_expected}{content:?}"));
        }
        messages.sort_unstable();
        let Bounds { crashes, appends, changes, refusals, .. } = self.left;
        let _ = write!(text, "{messages:?}{crashes}{appends}{changes}{refusals}");
        let mix =
            |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        text.bytes().fold(0xcbf2_9ce4_8422_2325, mix)
    }
}

fn write_role(text: &mut String, role: &Role) {
    let _ = match role {
        Role::Unattached(unattached) => write!(text, "U{:?}", unattached.leader),
        Role::Prospective(prospective) => {
            write!(text, "P{:?}{:?}", prospective.leader, prospective.tally)
        }
        Role::Candidate(candidate) => write!(text, "C{:?}", candidate.tally),
        Role::Follower(follower) => write!(text, "F{:?}{}", follower.leader, follower.is_served),
        Role::Resigned(resigned) => write!(text, "R{:?}", resigned.unacked),
        Role::Leader(leader) => {
            let ends = leader.voters.values().chain(leader.observers.values());
            let ends: Vec<_> = ends.map(|p| (p.key, p.end)).collect();
            let step = leader.change.as_ref().map(|change| &change.step);
            write!(text, "L{ends:?}{step:?}{}{}", leader.must_resign, leader.parked.len())
        }
    };
}

/// A cluster of which nothing has happened yet.
fn fresh(voters: usize, broken: Option<Broken>) -> World {
    let mut world = World::calm(1, voters, 0);
    world.broken = broken;
    for node in &mut world.nodes {
        // who looks for a leader by itself would fill every state with requests
        node.config.bootstrap.clear();
    }
    world.start_all().expect("nothing has happened");
    world
}

/// Two voters of three stand for the same epoch, and their requests for votes are under way.
fn rivals(broken: Option<Broken>) -> World {
    let mut world = fresh(3, broken);
    for rival in [0, 1] {
        let role = |world: &World| world.nodes[rival].raft.as_ref().map(Raft::role);
        while role(&world) != Some(RoleKind::Prospective) {
            let raft = world.nodes[rival].raft.as_ref();
            let TimestampMs(at) = raft.and_then(Raft::next_deadline).expect("it will stand");
            world.now = world.now.max(at);
            world.step(rival, Input::Tick).expect("nothing fails");
        }
        // its question to the third voter, and the answer
        for way in [(rival, 2), (2, rival)] {
            let place = world.network.all().position(|m| (m.from, m.to) == way).expect("sent");
            let envelope = world.network.take(place).expect("it is there");
            world.deliver(envelope).expect("nothing fails");
        }
        assert_eq!(role(&world), Some(RoleKind::Candidate));
    }
    world
}

/// A cluster in which the first election is over.
fn led(voters: usize, broken: Option<Broken>) -> World {
    let mut world = World::calm(1, voters, 1);
    world.start_all().expect("it starts");
    world.run_to_leader().expect("somebody leads");
    world.run_until(world.now + 2_000).expect("nothing fails");
    world.set_broken(broken);
    world
}

const ELECTION: Bounds =
    Bounds { depth: 5, epoch_max: 3, crashes: 1, appends: 0, changes: 0, refusals: 1 };

const CHANGE: Bounds =
    Bounds { depth: 5, epoch_max: 4, crashes: 1, appends: 1, changes: 2, refusals: 0 };

#[test]
fn every_short_election_is_safe() {
    let states = Explorer::explore(ELECTION, rivals(None)).expect("every state holds");
    println!("{states} states of an election");
    assert!(states > 300, "{states}: a bound that leaves nothing to explore");
}

#[test]
fn every_short_voter_change_is_safe() {
    for voters in [1, 2, 3] {
        let states = Explorer::explore(CHANGE, led(voters, None)).expect("every state holds");
        println!("{states} states of changes among {voters}");
        assert!(states > 300, "{states}: a bound that leaves nothing to explore");
    }
}

#[test]
fn a_second_vote_is_found_without_chance() {
    let found = Explorer::explore(ELECTION, rivals(Some(Broken::OneVote)));
    assert!(found.is_err(), "of {found:?} states none has two leaders");
}
