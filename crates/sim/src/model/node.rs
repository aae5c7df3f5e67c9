//! One controller of a model: the real machine, and what its disk holds. Every write is synced at once:
//! what a crash takes is the machine's memory.

use std::fmt::Write;
use std::hash::{Hash, Hasher};

use raft::message::FetchedRecords;
use raft::{
    BOOTSTRAP_SNAPSHOT, Broken, Config, ControlRecord, Effects, EpochStart, LogState,
    PlacedControl, QuorumState, Raft, SnapshotControl, Stored, Timeouts, VoterSet,
};
use types::{LeaderEpoch, Offset, TimestampMs};

use crate::env::Place;
use crate::node::{LISTENER, endpoint, endpoints, metadata_directory, voter};
use crate::process::node_id;

/// A record of the model's log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    pub epoch: LeaderEpoch,
    pub body: Body,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Body {
    /// A client's: no two are the same.
    Data(usize),
    Control(ControlRecord),
}

#[derive(Debug, Clone, Default)]
pub struct Disk {
    pub log: Vec<Record>,
    pub election: Option<QuorumState>,
}

#[derive(Debug, Clone)]
pub struct Node {
    pub place: Place,
    pub life: u32,
    pub raft: Raft,
    pub disk: Disk,
    /// Its own clock, so that any timer may come next.
    pub now: TimestampMs,
}

/// Who was formatted as a voter, and which rule is broken.
#[derive(Debug, Clone, Copy)]
pub struct Formatted {
    pub voters: usize,
    pub broken: Option<Broken>,
}

const BEGINNING: TimestampMs = TimestampMs(1_000);

impl Node {
    /// Starts on what the disk holds.
    pub fn open(formatted: Formatted, place: Place, life: u32, disk: Disk) -> (Self, Effects) {
        let Formatted { voters, broken } = formatted;
        let is_voter = place < voters;
        let set: VoterSet = (0..voters).map(voter).collect();
        let control = SnapshotControl { kraft_version: 1, voters: Some(set) };
        let end = end_of(&disk.log);
        let stored = Stored {
            quorum_state: disk.election.clone(),
            log: LogState {
                start: Offset::ZERO,
                end,
                durable_end: end,
                epochs: epochs(&disk.log, 0),
                snapshots: if is_voter { vec![BOOTSTRAP_SNAPSHOT] } else { Vec::new() },
            },
            snapshot: is_voter.then_some((BOOTSTRAP_SNAPSHOT, control)),
            controls: controls(&disk.log, 0),
        };
        let mut effects = Effects::new();
        let mut raft = Raft::open(config(place, is_voter), stored, BEGINNING, &mut effects);
        raft.set_broken(broken);
        (Self { place, life, raft, disk, now: BEGINNING }, effects)
    }

    /// The records that a fetch brings, and what the quorum's shell reads of them.
    pub fn read(&self, from: Offset) -> (FetchedRecords, Vec<Record>) {
        let first = index(from);
        let fetched = FetchedRecords {
            base: from,
            end: end_of(&self.disk.log),
            epochs: epochs(&self.disk.log, first),
            controls: controls(&self.disk.log, first),
        };
        (fetched, self.disk.log[first..].to_vec())
    }

    /// What makes it another than a node whose clock and numbers differ.
    pub fn digest(&self) -> u64 {
        let mut digest = Digest::default();
        self.raft.hash_sameness(self.now, &mut digest);
        (self.life, &self.disk.log).hash(&mut digest);
        digest.finish()
    }
}

impl Hash for Record {
    fn hash<H: Hasher>(&self, to: &mut H) {
        self.epoch.hash(to);
        match &self.body {
            Body::Data(number) => number.hash(to),
            Body::Control(ControlRecord::LeaderChange { leader, .. }) => leader.hash(to),
            Body::Control(ControlRecord::KraftVersion(version)) => version.hash(to),
            Body::Control(ControlRecord::Voters(voters)) => {
                voters.iter().for_each(|voter| voter.key.hash(to));
            }
        }
    }
}

/// A hash of words: nobody chooses what goes into it, so it can be fast.
#[derive(Default)]
pub struct Digest(u64);

impl Hasher for Digest {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        let (words, rest) = bytes.as_chunks();
        words.iter().for_each(|word| self.write_u64(u64::from_le_bytes(*word)));
        rest.iter().for_each(|byte| self.write_u64(u64::from(*byte)));
    }

    fn write_u64(&mut self, word: u64) {
        self.0 = (self.0.rotate_left(23) ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        self.0 ^= self.0 >> 29;
    }

    fn write_u8(&mut self, number: u8) {
        self.write_u64(u64::from(number));
    }

    fn write_i32(&mut self, number: i32) {
        self.write_u64(u64::from(number.cast_unsigned()));
    }

    fn write_i64(&mut self, number: i64) {
        self.write_u64(number.cast_unsigned());
    }

    fn write_usize(&mut self, number: usize) {
        self.write_u64(number as u64);
    }
}

impl Write for Digest {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        Hasher::write(self, text.as_bytes());
        Ok(())
    }
}

fn config(place: Place, is_voter: bool) -> Config {
    Config {
        node: node_id(place),
        directory: metadata_directory(place),
        listener: LISTENER.to_owned(),
        endpoints: endpoints(place),
        can_become_voter: true,
        auto_join: false,
        // a voter that looks for a leader by itself would fill every state with requests
        bootstrap: if is_voter { Vec::new() } else { vec![endpoint(0)] },
        static_voters: VoterSet::default(),
        // who waits for an answer gives up on its leader before it gives up on the answer
        timeouts: Timeouts { request_ms: 10_000, ..Timeouts::default() },
        seed: 1,
    }
}

pub fn index(offset: Offset) -> usize {
    usize::try_from(offset.0).expect("an offset")
}

fn end_of(log: &[Record]) -> Offset {
    offset(log.len())
}

fn offset(index: usize) -> Offset {
    Offset(i64::try_from(index).expect("a short log"))
}

fn epochs(log: &[Record], from: usize) -> Vec<EpochStart> {
    let mut starts: Vec<EpochStart> = Vec::new();
    for (index, record) in log.iter().enumerate().skip(from) {
        if starts.last().is_none_or(|last| last.epoch < record.epoch) {
            starts.push(EpochStart { epoch: record.epoch, start: offset(index) });
        }
    }
    starts
}

fn controls(log: &[Record], from: usize) -> Vec<PlacedControl> {
    let placed = |(index, record): (usize, &Record)| match &record.body {
        Body::Control(control) => {
            Some(PlacedControl { offset: offset(index), record: control.clone() })
        }
        Body::Data(_) => None,
    };
    log.iter().enumerate().skip(from).filter_map(placed).collect()
}
