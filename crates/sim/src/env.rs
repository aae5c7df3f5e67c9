//! What every part of the world shares: the clock, the network, chance, and what is checked.

use std::collections::BTreeMap;

use metadata::Seeded;
use metadata::image::Image;
use raft::{ControlRecord, SnapshotControl, SnapshotId};
use types::{Instant, TimestampMs};

use crate::ambush::Ambush;
use crate::message::{Content, Envelope, Reply, Request};
use crate::network::Network;
use crate::shadow::Shadow;
use crate::shape::Shape;

/// A node's or a client's number: nodes first, from 0.
pub type Place = usize;

/// What the breach of an invariant looks like, for people.
pub type Violation = String;

pub type Checked = Result<(), Violation>;

/// When every history begins: far from zero, so that no duration passes for a time.
pub const BEGINNING_MS: i64 = 1_000_000;

/// A rule that is broken on purpose, in every node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mutation {
    Raft(raft::Broken),
    Replica(replica::BrokenRule),
    Log(log::Broken),
    Group(coordinator::Broken),
    Shell(ShellRule),
}

/// A rule of the shells that the simulator stands in for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ShellRule {
    /// A controller answers before its records are committed.
    SpeaksEarly,
    /// A coordinator answers before its records are committed.
    GroupsSpeakEarly,
    /// A controller that lost its leadership goes on with what it had decided.
    KeepsUncommitted,
    /// A snapshot takes the place of the log, but not of what was made of it.
    KeepsImage,
    /// A leader takes a follower's position for one in its own log, whatever epoch it names.
    TrustsPositions,
    /// A controller answers that leaders are elected, and elects none.
    HoldsNoElection,
    /// A controller that takes over goes on in the transaction that it finds open.
    KeepsTransactionOpen,
    /// A broker that comes back after a crash says that it has stopped in order.
    ClaimsOrder,
    /// A broker that comes back leads what its former life led, before it is registered.
    LeadsUnregistered,
}

/// A snapshot of the metadata log, the same on every node that has it.
#[derive(Debug, Clone, PartialEq)]
pub struct Snapshot {
    pub control: SnapshotControl,
    pub image: Image,
}

#[derive(Debug)]
pub struct Env {
    pub now: i64,
    pub network: Network,
    pub chance: Seeded,
    pub shape: Shape,
    pub shadow: Shadow,
    /// Control records of the metadata log, which holds their index here.
    pub controls: Vec<ControlRecord>,
    pub snapshots: BTreeMap<(i64, i32), Snapshot>,
    pub mutation: Option<Mutation>,
    pub ambush: Ambush,
    /// Until when a node's syncs take their time.
    pub slow_until: BTreeMap<Place, i64>,
    /// Whether faults happen: not any more after healing.
    pub is_rough: bool,
    pub narrates: bool,
    /// A digest of everything that happened.
    pub trace: u64,
    next_number: u64,
}

impl Env {
    pub fn new(shape: Shape, seed: u64, mutation: Option<Mutation>) -> Self {
        Self {
            now: BEGINNING_MS,
            network: Network::new(shape.weather, seed ^ 0x6e65_7477_6f72_6b00),
            chance: Seeded::new(seed ^ 0x776f_726c_6400),
            shadow: Shadow::default(),
            shape,
            controls: Vec::new(),
            snapshots: BTreeMap::new(),
            mutation,
            ambush: Ambush::default(),
            slow_until: BTreeMap::new(),
            is_rough: true,
            narrates: false,
            trace: 0,
            next_number: 0,
        }
    }

    pub fn timestamp(&self) -> TimestampMs {
        TimestampMs(self.now)
    }

    pub fn instant(&self) -> Instant {
        Instant(self.now.cast_unsigned())
    }

    /// A number that nobody else has.
    pub fn number(&mut self) -> u64 {
        self.next_number += 1;
        self.next_number
    }

    /// A number below `bound`, which is not 0.
    pub fn below(&mut self, bound: usize) -> usize {
        self.chance.index_below(bound)
    }

    /// Up to so many milliseconds from here.
    pub fn soon(&mut self, ms_max: usize) -> i64 {
        self.now + 1 + i64::try_from(self.below(ms_max)).expect("a short while")
    }

    pub fn is_broken(&self, rule: ShellRule) -> bool {
        self.mutation == Some(Mutation::Shell(rule))
    }

    pub fn raft_rule(&self) -> Option<raft::Broken> {
        let Some(Mutation::Raft(rule)) = self.mutation else { return None };
        Some(rule)
    }

    pub fn replica_rule(&self) -> Option<replica::BrokenRule> {
        let Some(Mutation::Replica(rule)) = self.mutation else { return None };
        Some(rule)
    }

    pub fn log_rule(&self) -> Option<log::Broken> {
        let Some(Mutation::Log(rule)) = self.mutation else { return None };
        Some(rule)
    }

    pub fn group_rule(&self) -> Option<coordinator::Broken> {
        let Some(Mutation::Group(rule)) = self.mutation else { return None };
        Some(rule)
    }

    /// Sends a request; its number comes back with the reply.
    pub fn ask(&mut self, from: Place, to: Place, life: u32, request: Request) -> u64 {
        let number = self.number();
        let content = Content::Request(Box::new(request));
        self.network.send(self.now, Envelope { from, to, life, number, content });
        number
    }

    /// Answers a request.
    pub fn answer(&mut self, to: Return, reply: Reply) {
        let content = Content::Reply(Some(Box::new(reply)));
        let Return { from, to, life, number } = to;
        self.network.send(self.now, Envelope { from, to, life, number, content });
    }

    pub fn snapshot(&self, id: SnapshotId) -> &Snapshot {
        self.snapshots.get(&(id.offset.0, id.epoch.0)).expect("snapshots are never lost")
    }

    /// Mixes a number into the trace.
    pub fn mark(&mut self, number: u64) {
        self.trace = (self.trace ^ number).wrapping_mul(0x0000_0100_0000_01b3);
        self.trace ^= self.trace >> 29;
    }

    /// Tells a replayed history as it goes.
    pub fn narrate(&self, text: impl FnOnce() -> String) {
        if self.narrates {
            println!("{:>6} ms: {}", self.now - BEGINNING_MS, text());
        }
    }
}

/// Where an answer goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Return {
    /// Who answers.
    pub from: Place,
    pub to: Place,
    pub life: u32,
    pub number: u64,
}

/// Turns what does not hold into a violation.
pub fn must(holds: bool, text: impl FnOnce() -> String) -> Checked {
    if holds { Ok(()) } else { Err(text()) }
}
