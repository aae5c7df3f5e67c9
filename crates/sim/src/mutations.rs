//! Whether the simulator notices: for each promise, rules broken on purpose that break it.

use coordinator::Broken as Group;
use log::Broken as Log;
use raft::Broken as Raft;
use replica::BrokenRule as Replica;

use crate::env::Mutation;
use crate::env::ShellRule as Shell;
use crate::search::Search;
use crate::tests::number;

/// Within so many histories every broken rule is noticed.
const SEEDS_TO_NOTICE: u64 = 200;

/// A promise that holds at every step, or comes true after healing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Promise {
    OneQuorumLeader,
    OnePartitionLeader,
    /// Committed metadata is never lost or changed.
    Metadata,
    /// An election that was asked for is held.
    Elections,
    LogsMatch,
    /// Whoever follows is told where its log parts from the leader's.
    LogsMeet,
    WatermarkRises,
    AcknowledgedStays,
    NoDuplicates,
    OneOwner,
    /// What a group committed is found again.
    OffsetsStay,
    Liveness,
}

impl Promise {
    const ALL: [Self; 12] = [
        Self::OneQuorumLeader,
        Self::OnePartitionLeader,
        Self::Metadata,
        Self::Elections,
        Self::LogsMatch,
        Self::LogsMeet,
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
                "was removed and is still",
                "lacks partitions",
                "synced",
            ],
            Self::Elections => &["had an election and is"],
            Self::LogsMatch => &["is committed", "lacks Entry"],
            Self::LogsMeet => &["cannot tell where"],
            Self::WatermarkRises => &["falls from"],
            Self::AcknowledgedStays => &[
                "is acknowledged at",
                "was acknowledged at",
                "lacks Entry",
                "which is committed",
                "still counts as one that has all",
            ],
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
    (Promise::Metadata, Mutation::Shell(Shell::KeepsTransactionOpen)),
    (Promise::Elections, Mutation::Shell(Shell::HoldsNoElection)),
    (Promise::LogsMatch, Mutation::Shell(Shell::TrustsPositions)),
    (Promise::LogsMeet, Mutation::Replica(Replica::NotesNoEpoch)),
    (Promise::WatermarkRises, Mutation::Replica(Replica::WatermarkFalls)),
    (Promise::AcknowledgedStays, Mutation::Replica(Replica::AcknowledgesAlone)),
    (Promise::AcknowledgedStays, Mutation::Replica(Replica::CountsProposedShrink)),
    (Promise::AcknowledgedStays, Mutation::Replica(Replica::AdvancesBelowMinimum)),
    (Promise::AcknowledgedStays, Mutation::Replica(Replica::JoinsBelowHighWatermark)),
    (Promise::AcknowledgedStays, Mutation::Replica(Replica::ForgetsBrokerEpochs)),
    (Promise::AcknowledgedStays, Mutation::Shell(Shell::ClaimsOrder)),
    (Promise::NoDuplicates, Mutation::Log(Log::KnowsProducers)),
    (Promise::OneOwner, Mutation::Group(Group::NextGeneration)),
    (Promise::OffsetsStay, Mutation::Shell(Shell::GroupsSpeakEarly)),
    (Promise::Liveness, Mutation::Replica(Replica::NeverExpands)),
    (Promise::Liveness, Mutation::Replica(Replica::KeepsWhatDiverges)),
];

/// The rules whose names contain that.
pub fn named(rule: &str) -> impl Iterator<Item = (Promise, Mutation)> {
    MUTATIONS.iter().copied().filter(move |(_, mutation)| format!("{mutation:?}").contains(rule))
}

/// `RULE=name` tries one of them alone, `SEEDS=n` in so many histories.
#[test]
fn every_broken_rule_is_noticed() {
    let rule = std::env::var("RULE").unwrap_or_default();
    let seeds = number("SEEDS").unwrap_or(SEEDS_TO_NOTICE);
    let mut unnoticed = Vec::new();
    for (promise, mutation) in named(&rule) {
        let search = Search {
            seeds: 1..seeds + 1,
            mutation: Some(mutation),
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
