//! Whether the simulator notices: for each promise, rules broken on purpose that break it.
//!
//! Two rules of `replica` need an order of messages too rare for so few whole histories, and are left to
//! that crate's own simulation: that an ISR names the runs of its brokers (KIP-903), and that a leader
//! notes its epoch before its first record. Ambushes come by the faults that they are about.

use coordinator::Broken as Group;
use log::Broken as Log;
use raft::Broken as Raft;
use replica::BrokenRule as Replica;

use crate::env::Mutation;
use crate::env::ShellRule as Shell;
use crate::search::Search;

/// Within so many histories every broken rule is noticed.
const SEEDS_TO_NOTICE: u64 = 200;

/// A promise that holds at every step, or comes true after healing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Promise {
    OneQuorumLeader,
    OnePartitionLeader,
    /// Committed metadata is never lost or changed.
    Metadata,
    LogsMatch,
    WatermarkRises,
    AcknowledgedStays,
    NoDuplicates,
    OneOwner,
    /// What a group committed is found again.
    OffsetsStay,
    Liveness,
}

impl Promise {
    const ALL: [Self; 10] = [
        Self::OneQuorumLeader,
        Self::OnePartitionLeader,
        Self::Metadata,
        Self::LogsMatch,
        Self::WatermarkRises,
        Self::AcknowledgedStays,
        Self::NoDuplicates,
        Self::OneOwner,
        Self::OffsetsStay,
        Self::Liveness,
    ];

    /// What the shadow says of its breach, in one of these ways.
    fn breaches(self) -> &'static [&'static str] {
        match self {
            Self::OneQuorumLeader => {
                &["both lead the quorum", " grants ", "not written", "leads unheard"]
            }
            Self::OnePartitionLeader => &["both lead a partition"],
            Self::Metadata => &[
                "than were committed",
                "than what is committed says",
                "without the committed record",
                "which is committed",
                "tells of",
                "was created and is not",
                "was deleted and is there",
                "was answered and is not so",
                "lacks partitions",
                "synced",
            ],
            Self::LogsMatch => &["is committed", "lacks Entry"],
            Self::WatermarkRises => &["falls from"],
            Self::AcknowledgedStays => {
                &["is acknowledged at", "was acknowledged at", "lacks Entry", "which is committed"]
            }
            Self::NoDuplicates => &["is twice in"],
            Self::OneOwner => &["both own"],
            Self::OffsetsStay => &["was committed"],
            Self::Liveness => &["no recovery"],
        }
    }

    fn is_broken_by(self, violation: &str) -> bool {
        self.breaches().iter().any(|breach| violation.contains(breach))
    }
}

const MUTATIONS: &[(Promise, Mutation)] = &[
    (Promise::OneQuorumLeader, Mutation::Raft(Raft::OneVote)),
    (Promise::OneQuorumLeader, Mutation::Raft(Raft::PersistVote)),
    (Promise::OneQuorumLeader, Mutation::Raft(Raft::CheckQuorum)),
    (Promise::OnePartitionLeader, Mutation::Shell(Shell::LeadsUnregistered)),
    (Promise::Metadata, Mutation::Raft(Raft::FlushBeforeFetch)),
    (Promise::Metadata, Mutation::Raft(Raft::LogUpToDate)),
    (Promise::Metadata, Mutation::Raft(Raft::Majority)),
    (Promise::Metadata, Mutation::Raft(Raft::Diverging)),
    (Promise::Metadata, Mutation::Shell(Shell::KeepsUncommitted)),
    (Promise::Metadata, Mutation::Shell(Shell::KeepsImage)),
    (Promise::Metadata, Mutation::Shell(Shell::SpeaksEarly)),
    (Promise::LogsMatch, Mutation::Shell(Shell::TrustsPositions)),
    (Promise::WatermarkRises, Mutation::Replica(Replica::WatermarkFalls)),
    (Promise::AcknowledgedStays, Mutation::Replica(Replica::AcknowledgesAlone)),
    (Promise::AcknowledgedStays, Mutation::Replica(Replica::CountsProposedShrink)),
    (Promise::AcknowledgedStays, Mutation::Replica(Replica::AdvancesBelowMinimum)),
    (Promise::AcknowledgedStays, Mutation::Replica(Replica::JoinsBelowHighWatermark)),
    (Promise::NoDuplicates, Mutation::Log(Log::KnowsProducers)),
    (Promise::OneOwner, Mutation::Group(Group::NextGeneration)),
    (Promise::OffsetsStay, Mutation::Shell(Shell::GroupsSpeakEarly)),
    (Promise::Liveness, Mutation::Replica(Replica::NeverExpands)),
    (Promise::Liveness, Mutation::Replica(Replica::KeepsWhatDiverges)),
];

#[test]
fn every_broken_rule_is_noticed() {
    let mut unnoticed = Vec::new();
    for (promise, mutation) in MUTATIONS {
        let search = Search {
            seeds: 1..SEEDS_TO_NOTICE + 1,
            mutation: Some(*mutation),
            goes_on: || true,
            is_wanted: |violation: &String| promise.is_broken_by(violation),
        };
        let findings = search.run();
        match findings.failed {
            Some((seed, violation)) => {
                println!("{promise:?}, {mutation:?}: SEED={seed}: {violation}");
            }
            None => unnoticed.push((promise, mutation, findings.otherwise)),
        }
    }
    assert!(unnoticed.is_empty(), "{unnoticed:#?}");
}

#[test]
fn every_promise_has_a_rule_that_breaks_it() {
    for promise in Promise::ALL {
        assert!(MUTATIONS.iter().any(|(broken, _)| *broken == promise), "{promise:?}");
    }
}
