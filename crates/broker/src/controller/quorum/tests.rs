//! Three controllers on disks in memory, which crash: what was committed is in every log.

use std::collections::BTreeMap;
use std::path::Path;

use log::{Disk, MemDisk, Outage, Survival};
use metadata::decide::{self, CreateTopics};
use raft::message::{FetchReply, FetchSnapshotReply, Fetched, Found};
use raft::{Answer, CorrelationId, Input, Reply, RequestId};
use types::{NodeId, Offset, TimestampMs, Uuid};
use wire::create_topics_request::{CreatableTopic, CreateTopicsRequest};

use super::super::error::ControllerError;
use super::super::metadata_log::{MetadataLog, MetadataLogSettings};
use super::super::state::State;
use super::super::tests;
use super::{Outgoing, Served, checked, find};

const VOTERS: usize = 3;

/// Rounds in which everything that a scenario wants has long happened.
const ROUNDS_MAX: usize = 20_000;

struct Node {
    disk: MemDisk,
    /// `None` after a crash.
    state: Option<State<MemDisk>>,
    /// Who waits for which answer.
    asked: BTreeMap<RequestId, (usize, CorrelationId, u64)>,
    /// Counts the processes.
    life: u64,
}

struct Quorum {
    nodes: Vec<Node>,
    now: TimestampMs,
    next_request: u64,
    log: MetadataLogSettings,
}

fn endpoint(node: usize) -> raft::Endpoint {
    raft::Endpoint { host: "localhost".to_owned(), port: u16::try_from(node).unwrap() + 1 }
}

fn id(node: usize) -> NodeId {
    NodeId(i32::try_from(node).unwrap() + 1)
}

fn config(node: usize) -> raft::Config {
    let endpoints = |node| raft::Endpoints::one("CONTROLLER", endpoint(node));
    let voter = |node| raft::Voter {
        key: raft::ReplicaKey { id: id(node), directory: None },
        endpoints: endpoints(node),
        kraft_versions: raft::KRAFT_VERSIONS,
    };
    raft::Config {
        node: id(node),
        directory: Uuid([u8::try_from(node).unwrap() + 1; 16]),
        listener: "CONTROLLER".to_owned(),
        endpoints: endpoints(node),
        can_become_voter: true,
        auto_join: false,
        bootstrap: Vec::new(),
        static_voters: (0..VOTERS).map(voter).collect(),
        timeouts: raft::Timeouts::default(),
        seed: u64::try_from(node).unwrap(),
    }
}

impl Quorum {
    fn start(log: MetadataLogSettings) -> Self {
        let node = |_| {
            let disk = MemDisk::new();
            disk.create_folder(Path::new("data")).unwrap();
            disk.sync_dir(Path::new("")).unwrap();
            Node { disk, state: None, asked: BTreeMap::new(), life: 0 }
        };
        let nodes = (0..VOTERS).map(node).collect();
        let mut quorum = Self { nodes, now: TimestampMs(1_000), next_request: 0, log };
        (0..VOTERS).for_each(|node| quorum.open(node));
        quorum
    }

    fn open(&mut self, node: usize) {
        let now = self.now;
        let disk = self.nodes[node].disk.clone();
        let mut log = MetadataLog::open(disk, Path::new("data"), self.log.clone(), now).unwrap();
        let found = find(&mut log, None, now).unwrap();
        // topics get their ids from it: another in each process
        let seed = self.nodes[node].life * 1_000_000 + u64::try_from(node).unwrap() * 1_000;
        let settings = (decide::Settings::default(), seed);
        let state = State::open(log, found, config(node), settings, now).unwrap();
        self.nodes[node].state = Some(state);
        self.settle(node);
    }

    /// The machine is switched off: what was not synced may be lost.
    fn crash(&mut self, node: usize, survival: Survival) {
        let node = &mut self.nodes[node];
        node.state = None;
        node.disk = node.disk.survive(survival);
        node.asked.clear();
        node.life += 1;
    }

    /// Does with a node's state what its thread does in a turn.
    fn with(
        &mut self,
        node: usize,
        act: impl FnOnce(&mut State<MemDisk>, TimestampMs) -> Result<(), ControllerError>,
    ) {
        let now = self.now;
        let Some(state) = &mut self.nodes[node].state else { return };
        if act(state, now).is_err() {
            self.crash(node, Survival::SyncedOnly);
        } else {
            self.settle(node);
        }
    }

    fn settle(&mut self, node: usize) {
        let now = self.now;
        let membership = tests::settings(MetadataLogSettings::default()).membership;
        let Some(state) = &mut self.nodes[node].state else { return };
        let settled = (|| -> Result<(), ControllerError> {
            loop {
                state.offer(now)?;
                if state.take_in()?.has_taken_lead {
                    state.settle_in(now)?;
                    if !state.replay.latest().is_active(NodeId(1)) {
                        // topics need a broker; this one is never missed
                        membership.join(state, now)?;
                    }
                } else if state.shell.must_flush() {
                    state.flush(now)?;
                } else if state.is_quiet() {
                    let Some(draft) = state.due_snapshot(now) else { return Ok(()) };
                    let id = draft.write()?;
                    state.snapshot_written(id, now)?;
                }
            }
        })();
        if settled.is_err() {
            self.crash(node, Survival::SyncedOnly);
        }
    }

    /// Delivers all that waits to be sent; where there is nothing, time goes on.
    fn round(&mut self) {
        let mut is_idle = true;
        for from in 0..VOTERS {
            let Some(state) = &mut self.nodes[from].state else { continue };
            let (sent, answered): (Vec<_>, Vec<_>) =
                (state.shell.outbox.drain(..).collect(), state.shell.answers.drain(..).collect());
            is_idle &= sent.is_empty() && answered.is_empty();
            sent.into_iter().for_each(|outgoing| self.deliver(from, outgoing));
            answered.into_iter().for_each(|(id, served)| self.answer(from, id, served));
        }
        if is_idle {
            let states = self.nodes.iter().filter_map(|node| node.state.as_ref());
            let deadline = states.filter_map(|state| state.shell.raft().next_deadline()).min();
            self.now = deadline.unwrap_or(self.now).max(TimestampMs(self.now.0 + 1));
            (0..VOTERS).for_each(|node| self.with(node, |state, now| state.step(Input::Tick, now)));
        }
    }

    fn deliver(&mut self, from: usize, outgoing: Outgoing) {
        let Outgoing { to, correlation, request } = outgoing;
        let target = usize::from(to.endpoint.port) - 1;
        if self.nodes[target].state.is_none() {
            self.with(from, |state, now| state.step(Input::Failed { correlation }, now));
            return self.with(from, |state, now| state.step(Input::LeaderGone(to.id), now));
        }
        self.next_request += 1;
        let id = RequestId(self.next_request);
        let life = self.nodes[from].life;
        self.nodes[target].asked.insert(id, (from, correlation, life));
        self.with(target, |state, now| state.step(Input::Request { id, request }, now));
    }

    fn answer(&mut self, node: usize, id: RequestId, served: Served) {
        let Some((to, correlation, life)) = self.nodes[node].asked.remove(&id) else { return };
        if self.nodes[to].life == life {
            let (reply, bytes) = reply(served);
            self.with(to, |state, now| state.reply((correlation, reply, &bytes), now));
        }
    }

    fn active(&self) -> Option<usize> {
        let decides = |node: &Node| node.state.as_ref().is_some_and(State::decides);
        self.nodes.iter().position(decides)
    }

    fn until(&mut self, what: &str, mut reached: impl FnMut(&Self) -> bool) {
        for _ in 0..ROUNDS_MAX {
            if reached(self) {
                return;
            }
            self.round();
        }
        panic!("{what}: not in {ROUNDS_MAX} rounds");
    }

    /// Has the active controller create a topic; true when it is committed there.
    fn create(&mut self, name: &str) -> bool {
        self.until("a controller is active", |quorum| quorum.active().is_some());
        let active = self.active().expect("awaited");
        let life = self.nodes[active].life;
        let mut end = Offset(0);
        let topic = CreatableTopic {
            name: name.to_owned().into(),
            assignments: vec![wire::create_topics_request::CreatableReplicaAssignment {
                partition_index: 0,
                broker_ids: vec![1],
            }],
            num_partitions: -1,
            replication_factor: -1,
            ..CreatableTopic::default()
        };
        let request = CreateTopicsRequest { topics: vec![topic], ..Default::default() };
        self.with(active, |state, now| {
            let reply = state.decide(&CreateTopics(request), now)?;
            assert_eq!(reply.topics[0].error_code, 0, "{reply:?}");
            end = state.log.end_offset();
            Ok(())
        });
        let state_of = |quorum: &Self| match &quorum.nodes[active].state {
            Some(state) if state.decides() && quorum.nodes[active].life == life => {
                Some(state.committed().end >= end)
            }
            _ => None,
        };
        self.until("the topic is committed, or its controller lost", |quorum| {
            state_of(quorum) != Some(false)
        });
        state_of(self) == Some(true)
    }

    fn names(&self, node: usize) -> Vec<String> {
        let Some(state) = &self.nodes[node].state else { return Vec::new() };
        let image = state.committed().replay.publish();
        let is_whole = |topic: &metadata::image::Topic| !topic.partitions.is_empty();
        assert!(image.topics().iter().all(|topic| is_whole(topic)), "half of a topic is there");
        image.topics().iter().map(|topic| topic.name.to_string()).collect()
    }

    /// Every node runs, and has committed all that any one has in its log.
    fn is_equal(&self) -> bool {
        let ends: Vec<_> = self
            .nodes
            .iter()
            .map(|node| node.state.as_ref().map(|s| (s.committed().end, s.log.end_offset())))
            .collect();
        ends[0].is_some_and(|(committed, end)| committed == end)
            && ends.iter().all(|end| *end == ends[0])
    }
}

/// What the wire would carry.
fn reply(served: Served) -> (Reply, Vec<u8>) {
    let Served { answer, bytes, snapshot_size } = served;
    let reply = match answer {
        Answer::Vote(answer) => Reply::Vote(answer),
        Answer::BeginQuorumEpoch(answer) => Reply::BeginQuorumEpoch(answer),
        Answer::EndQuorumEpoch(answer) => Reply::EndQuorumEpoch(answer),
        Answer::UpdateVoter(answer) => Reply::UpdateVoter(answer),
        Answer::FetchSnapshot(answer) => Reply::FetchSnapshot(FetchSnapshotReply {
            error: answer.error,
            leader: answer.leader,
            snapshot: answer.snapshot,
            position: answer.position,
            bytes: bytes.len() as u64,
            size: snapshot_size,
        }),
        Answer::Fetch(answer) => Reply::Fetch(FetchReply {
            error: answer.error,
            leader: answer.leader,
            high_watermark: answer.high_watermark,
            fetched: match answer.found {
                Found::Diverging(end) => Fetched::Diverging(end),
                Found::Snapshot(id) => Fetched::Snapshot(id),
                Found::Records { .. } if !bytes.is_empty() => Fetched::Records(checked(&bytes).0),
                Found::Records { .. } | Found::Nothing => Fetched::Nothing,
            },
        }),
        other => panic!("nobody asks for {other:?}"),
    };
    (reply, bytes)
}

#[test]
fn what_is_committed_is_in_every_image() {
    let mut quorum = Quorum::start(MetadataLogSettings::default());
    assert!(quorum.create("a") && quorum.create("b"));
    quorum.until("all have everything", Quorum::is_equal);
    for node in 0..VOTERS {
        assert_eq!(quorum.names(node), ["a", "b"]);
    }
}

#[test]
fn a_follower_that_missed_everything_takes_the_snapshot() {
    let often = MetadataLogSettings {
        snapshot_bytes: 512,
        retention_bytes: 0,
        segment_bytes: 1024,
        ..MetadataLogSettings::default()
    };
    let mut quorum = Quorum::start(often);
    assert!(quorum.create("before"));
    let active = quorum.active().expect("it has just created a topic");
    let away = (active + 1) % VOTERS;
    quorum.crash(away, Survival::SyncedOnly);
    for topic in 0..40 {
        assert!(quorum.create(&format!("t{topic:02}")));
    }
    quorum.open(away);
    quorum.until("all have everything", Quorum::is_equal);
    assert_eq!(quorum.names(away), quorum.names(active));
    let snapshots = quorum.nodes[away].state.as_ref().unwrap().log.snapshots().unwrap();
    assert!(snapshots[0].end > Offset(0), "{snapshots:?}");
}

/// What is to be decided may lie behind what costs the lead.
#[test]
fn a_leader_that_steps_down_decides_nothing_more() {
    let mut quorum = Quorum::start(MetadataLogSettings::default());
    assert!(quorum.create("a"));
    let active = quorum.active().expect("it has just created a topic");
    quorum.with(active, |state, now| {
        assert!(state.decides());
        state.step(Input::Shutdown { within_ms: 1_000 }, now)?;
        assert!(!state.decides());
        // nothing of it reaches the quorum as a leader's
        state.offer(now)
    });
    assert!(quorum.create("b"), "another one leads");
}

/// Creates topics while the disk of `victim` fails from its `write`th write on, in its own way.
fn survives(victim: usize, write: u64, survival: Survival) {
    // a topic's records are two batches or three, and one transaction
    let small = MetadataLogSettings {
        snapshot_bytes: 1024,
        batch_bytes_max: 200,
        ..MetadataLogSettings::default()
    };
    let mut quorum = Quorum::start(small);
    quorum.nodes[victim].disk.fail_from(write, Outage::Crash);
    let mut committed = Vec::new();
    for topic in 0..8 {
        let name = format!("t{topic}");
        if quorum.create(&name) {
            committed.push(name);
        }
        if quorum.nodes[victim].state.is_none() {
            // the power is out for all of them
            (0..VOTERS).for_each(|node| quorum.crash(node, survival));
            (0..VOTERS).for_each(|node| quorum.open(node));
        }
    }
    quorum.until("all have everything", Quorum::is_equal);
    for node in 0..VOTERS {
        let names = quorum.names(node);
        let lost: Vec<_> = committed.iter().filter(|name| !names.contains(name)).collect();
        assert!(lost.is_empty(), "node {node} lost {lost:?}; {victim} crashed at write {write}");
    }
}

#[test]
fn a_crash_of_any_voter_at_any_write_loses_nothing_committed() {
    for victim in 0..VOTERS {
        for write in (5..90).step_by(5) {
            for survival in [Survival::SyncedOnly, Survival::Some(write), Survival::Everything] {
                survives(victim, write, survival);
            }
        }
    }
}
