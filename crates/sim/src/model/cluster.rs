//! A state of a model: the nodes, what is under way between them, what may still happen, and what was
//! promised so far.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use raft::message::AddVoterRequest;
use raft::{CorrelationId, Effect, Effects, Input, Reply, Request, RequestId, RoleKind};
use types::Offset;

use super::node::{Body, Digest, Disk, Formatted, Node, Record, index};
use super::promises::{Breach, Promises};
use crate::env::Place;
use crate::node::{endpoints, replica_key};
use crate::quorum::reply_of;

/// How much of everything may happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Bounds {
    pub timers: u8,
    pub crashes: u8,
    pub losses: u8,
    pub writes: u8,
    pub changes: u8,
    pub epoch_max: i32,
    /// Behind so many committed records nothing more is of interest.
    pub committed_max: usize,
}

/// What may happen next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// The nth message under way arrives.
    Deliver(usize),
    Lose(usize),
    /// The node's next timer ends.
    Time(Place),
    /// The process ends, and another starts on its disk.
    Crash(Place),
    /// A client writes a record at a leader.
    Write(Place),
    /// An administrator asks a leader to let another node vote, or not any more.
    Add {
        leader: Place,
        voter: Place,
    },
    Remove {
        leader: Place,
        voter: Place,
    },
}

#[derive(Debug)]
enum Content {
    Request(Request),
    Reply(Reply, Vec<Record>),
}

#[derive(Debug)]
struct Message {
    from: Place,
    to: Place,
    /// Who asked, in which of its lives.
    asker: (Place, u32),
    correlation: CorrelationId,
    content: Content,
    digest: u64,
}

#[derive(Clone)]
pub struct Cluster {
    pub formatted: Formatted,
    nodes: Vec<Arc<Node>>,
    digests: Vec<u64>,
    network: Vec<Arc<Message>>,
    /// The requests that nodes have not answered yet.
    waiting: BTreeMap<RequestId, Arc<Message>>,
    next_request: u64,
    left: Bounds,
    pub promises: Promises,
    pub breach: Option<Breach>,
    digest: u64,
}

impl PartialEq for Cluster {
    fn eq(&self, other: &Self) -> bool {
        self.digest == other.digest
    }
}

impl Eq for Cluster {}

impl Hash for Cluster {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        self.digest.hash(hasher);
    }
}

impl std::fmt::Debug for Cluster {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for node in &self.nodes {
            let (role, epoch, log) = (node.raft.role(), node.raft.epoch().0, node.disk.log.len());
            write!(f, "{role:?} in {epoch} with {log}; ")?;
        }
        write!(f, "{} under way; {:?}", self.network.len(), self.breach)
    }
}

impl Cluster {
    /// A cluster of which nothing has happened yet.
    pub fn fresh(formatted: Formatted, observers: usize, left: Bounds) -> Self {
        let mut cluster = Self {
            formatted,
            nodes: Vec::new(),
            digests: Vec::new(),
            network: Vec::new(),
            waiting: BTreeMap::new(),
            next_request: 0,
            left,
            promises: Promises::default(),
            breach: None,
            digest: 0,
        };
        for place in 0..formatted.voters + observers {
            let (node, effects) = Node::open(formatted, place, 0, Disk::default());
            cluster.nodes.push(Arc::new(node));
            cluster.digests.push(0);
            cluster.perform(place, effects, Vec::new());
        }
        cluster.settle();
        cluster
    }

    /// Two voters of three stand for the same epoch, each with the third one's word that it would be
    /// elected, and ask for votes.
    pub fn rivals(formatted: Formatted, left: Bounds) -> Self {
        let mut cluster = Self::fresh(formatted, 0, left);
        let third = 2;
        for rival in [0, 1] {
            cluster.time(rival);
            cluster.settle();
            for way in [(rival, third), (third, rival)] {
                let sent = cluster.network.iter().position(|sent| (sent.from, sent.to) == way);
                cluster.deliver(sent.expect("it asks, and is answered"));
                cluster.settle();
            }
            assert_eq!(cluster.nodes[rival].raft.role(), RoleKind::Candidate);
        }
        cluster
    }

    /// A cluster whose first election is over: everybody has all that there is, and nothing is under way.
    pub fn led(formatted: Formatted, observers: usize, left: Bounds) -> Self {
        const EVENTS_MAX: usize = 5_000;
        let mut cluster = Self::fresh(formatted, observers, left);
        for _ in 0..EVENTS_MAX {
            if !cluster.network.is_empty() {
                cluster.deliver(0);
            } else if cluster.is_level() {
                cluster.settle();
                return cluster;
            } else {
                let deadline = |node: &Arc<Node>| node.raft.next_deadline();
                let waits = |place: &Place| deadline(&cluster.nodes[*place]).is_some();
                let all = (0..cluster.nodes.len()).filter(waits);
                let next = all.min_by_key(|place| deadline(&cluster.nodes[*place]));
                cluster.time(next.expect("somebody waits"));
            }
            cluster.settle();
        }
        panic!("nobody leads {cluster:?}");
    }

    /// A cluster that has committed a record which its last voter has never seen.
    pub fn behind(formatted: Formatted, left: Bounds) -> Self {
        let mut cluster = Self::led(formatted, 0, left);
        let leads = |node: &Arc<Node>| node.raft.role() == RoleKind::Leader;
        let leader = cluster.nodes.iter().position(leads).expect("somebody leads");
        let last = if leader == formatted.voters - 1 { 0 } else { formatted.voters - 1 };
        cluster.write(leader);
        loop {
            cluster.network.retain(|sent| sent.from != last && sent.to != last);
            cluster.settle();
            if cluster.network.is_empty() {
                return cluster;
            }
            cluster.deliver(0);
        }
    }

    /// A cluster whose leader was asked to remove all others from the voters, one after the other,
    /// before anybody heard of it.
    pub fn shrunk(formatted: Formatted, left: Bounds) -> Self {
        let others = u8::try_from(formatted.voters - 1).expect("a few voters");
        let mut cluster = Self::led(formatted, 0, Bounds { changes: others, ..left });
        let leads = |node: &Arc<Node>| node.raft.role() == RoleKind::Leader;
        let leader = cluster.nodes.iter().position(leads).expect("somebody leads");
        for other in (0..formatted.voters).rev().filter(|other| *other != leader) {
            cluster.change(leader, Request::RemoveVoter(replica_key(other)));
        }
        cluster.network.clear();
        cluster.settle();
        cluster
    }

    fn is_level(&self) -> bool {
        let leader = self.nodes.iter().find(|node| node.raft.role() == RoleKind::Leader);
        let end = leader.map(|leader| leader.raft.log().end);
        end.is_some() && self.nodes.iter().all(|node| node.raft.committed() == end)
    }

    pub fn is_within_bounds(&self) -> bool {
        let is_early = |node: &Arc<Node>| node.raft.epoch().0 <= self.left.epoch_max;
        self.nodes.iter().all(is_early) && self.promises.committed() <= self.left.committed_max
    }

    pub fn actions(&self, actions: &mut Vec<Action>) {
        if self.breach.is_some() {
            return;
        }
        let left = self.left;
        actions.extend((0..self.network.len()).map(Action::Deliver));
        if left.losses > 0 {
            actions.extend((0..self.network.len()).map(Action::Lose));
        }
        let all = 0..self.nodes.len();
        let raft = |place: &Place| &self.nodes[*place].raft;
        if left.timers > 0 {
            let waits = |place: &Place| raft(place).next_deadline().is_some();
            actions.extend(all.clone().filter(waits).map(Action::Time));
        }
        if left.crashes > 0 {
            actions.extend(all.clone().map(Action::Crash));
        }
        for leader in all.clone().filter(|place| raft(place).role() == RoleKind::Leader) {
            if left.writes > 0 {
                actions.push(Action::Write(leader));
            }
            if left.changes > 0 {
                let votes = |voter: &Place| raft(&leader).voters().is_voter(replica_key(*voter));
                actions.extend(all.clone().map(|voter| match votes(&voter) {
                    true => Action::Remove { leader, voter },
                    false => Action::Add { leader, voter },
                }));
            }
        }
    }

    pub fn after(&self, action: Action) -> Self {
        let mut next = self.clone();
        match action {
            Action::Deliver(at) => next.deliver(at),
            Action::Lose(at) => {
                next.left.losses -= 1;
                next.network.remove(at);
            }
            Action::Time(place) => {
                next.left.timers -= 1;
                next.time(place);
            }
            Action::Crash(place) => {
                next.left.crashes -= 1;
                next.crash(place);
            }
            Action::Write(place) => {
                next.left.writes -= 1;
                next.write(place);
            }
            Action::Add { leader, voter } => {
                let (endpoints, ack_when_committed) = (endpoints(voter), true);
                let voter = replica_key(voter);
                let add = AddVoterRequest { voter, endpoints, ack_when_committed };
                next.change(leader, Request::AddVoter(add));
            }
            Action::Remove { leader, voter } => {
                next.change(leader, Request::RemoveVoter(replica_key(voter)));
            }
        }
        next.settle();
        next
    }

    fn deliver(&mut self, at: usize) {
        let message = self.network.remove(at);
        let to = message.to;
        match &message.content {
            Content::Request(request) => {
                let id = self.new_request();
                let request = request.clone();
                self.waiting.insert(id, message);
                self.step(to, Input::Request { id, request });
            }
            Content::Reply(reply, records) => {
                let (correlation, reply) = (message.correlation, reply.clone());
                self.step_with(to, Input::Reply { correlation, reply }, records.clone());
            }
        }
    }

    fn time(&mut self, place: Place) {
        let Some(deadline) = self.nodes[place].raft.next_deadline() else { return };
        Arc::make_mut(&mut self.nodes[place]).now = deadline;
        self.step(place, Input::Tick);
    }

    fn crash(&mut self, place: Place) {
        self.waiting.retain(|_, message| message.to != place);
        let Node { life, disk, .. } = &*self.nodes[place];
        let (node, effects) = Node::open(self.formatted, place, life + 1, disk.clone());
        self.nodes[place] = Arc::new(node);
        self.digests[place] = 0;
        self.perform(place, effects, Vec::new());
    }

    fn write(&mut self, place: Place) {
        let body = Body::Data(usize::from(self.left.writes));
        let node = Arc::make_mut(&mut self.nodes[place]);
        let epoch = node.raft.epoch();
        node.disk.log.push(Record { epoch, body });
        let end = node.end();
        self.step(place, Input::Appended { epoch, end });
        self.step(place, Input::Flushed { end });
    }

    fn change(&mut self, leader: Place, request: Request) {
        self.left.changes -= 1;
        let id = self.new_request();
        self.step(leader, Input::Request { id, request });
    }

    fn new_request(&mut self) -> RequestId {
        self.next_request += 1;
        RequestId(self.next_request)
    }

    fn step(&mut self, place: Place, input: Input) {
        self.step_with(place, input, Vec::new());
    }

    fn step_with(&mut self, place: Place, input: Input, brought: Vec<Record>) {
        let node = Arc::make_mut(&mut self.nodes[place]);
        self.digests[place] = 0;
        let mut effects = Effects::new();
        node.raft.step(node.now, input, &mut effects);
        self.perform(place, effects, brought);
    }

    /// Does what a step says, in its order; what was written is synced at once.
    fn perform(&mut self, place: Place, effects: Effects, mut brought: Vec<Record>) {
        let mut has_written = false;
        for effect in effects {
            let node = Arc::make_mut(&mut self.nodes[place]);
            let kept = self.promises.effect(node, &effect);
            if let Err(breach) = kept {
                self.breach.get_or_insert(breach);
                return;
            }
            match effect {
                Effect::Persist(state) => node.disk.election = Some(state),
                Effect::Append { epoch, records, .. } => {
                    let bodies = records.into_iter().map(Body::Control);
                    node.disk.log.extend(bodies.map(|body| Record { epoch, body }));
                    has_written = true;
                }
                Effect::AppendFetched { .. } => {
                    node.disk.log.append(&mut brought);
                    has_written = true;
                }
                Effect::TruncateTo(end) => {
                    node.disk.log.truncate(index(end));
                    has_written = true;
                }
                Effect::Send { to, correlation, request } => {
                    let (to, asker) = (usize::from(to.endpoint.port), (place, node.life));
                    self.send((place, to), asker, correlation, Content::Request(request));
                }
                Effect::Respond { to, answer } => {
                    let Some(asked) = self.waiting.remove(&to) else { continue };
                    let mut records = Vec::new();
                    let reply = reply_of(answer, |from: Offset| {
                        let (fetched, found) = node.read(from);
                        records = found;
                        fetched
                    });
                    let Some(reply) = reply else { continue };
                    let content = Content::Reply(reply, records);
                    self.send((place, asked.from), asked.asker, asked.correlation, content);
                }
                Effect::WriteSnapshot { .. } | Effect::InstallSnapshot(_) => {
                    unreachable!("nobody takes a snapshot")
                }
                Effect::HighWatermark(_)
                | Effect::Role(_)
                | Effect::RespondUpgrade { .. }
                | Effect::ShutdownDone => {}
            }
        }
        if has_written {
            let end = self.nodes[place].end();
            self.step(place, Input::Flushed { end });
        }
    }

    fn send(
        &mut self,
        (from, to): (Place, Place),
        asker: (Place, u32),
        correlation: CorrelationId,
        content: Content,
    ) {
        let mut text = Digest::default();
        write!(text, "{from} {to} {content:?}").expect("a digest takes all");
        let digest = text.finish();
        let message = Message { from, to, asker, correlation, content, digest };
        self.network.push(Arc::new(message));
    }

    /// Forgets answers that nobody waits for, and takes the state's digest.
    fn settle(&mut self) {
        let nodes = &self.nodes;
        let is_expected = |message: &Message| {
            let (place, life) = message.asker;
            nodes[place].life == life && nodes[place].raft.expects(message.correlation)
        };
        self.network.retain(|message| {
            matches!(message.content, Content::Request(_)) || is_expected(message)
        });
        for (node, digest) in self.nodes.iter().zip(&mut self.digests) {
            if *digest == 0 {
                *digest = node.digest();
            }
        }
        let tell = |message: &Arc<Message>| (message.digest, is_expected(message));
        let mut under_way: Vec<_> = self.network.iter().map(tell).collect();
        under_way.sort_unstable();
        let mut waiting: Vec<_> = self.waiting.values().map(tell).collect();
        waiting.sort_unstable();
        let mut digest = Digest::default();
        (&self.digests, under_way, waiting, self.left).hash(&mut digest);
        (&self.promises, self.breach.is_some()).hash(&mut digest);
        self.digest = digest.finish();
    }
}

impl Node {
    fn end(&self) -> Offset {
        Offset(i64::try_from(self.disk.log.len()).expect("a short log"))
    }
}
