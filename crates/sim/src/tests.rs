//! What every run of the tests tries: the kept histories, fresh ones, and rules broken on purpose.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use replica::BrokenRule;

use crate::env::{Mutation, ShellRule};
use crate::plan::Plan;
use crate::shrink::{fails, shrink};
use crate::world::World;

/// Histories of one test run.
const SEEDS: u64 = 300;
/// Within so many histories every broken rule is noticed.
const SEEDS_TO_NOTICE: u64 = 100;

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

/// `SEED=n`, or `PLAN=file` for one that was kept.
fn replayed() -> Option<Plan> {
    let kept = std::env::var("PLAN").ok();
    let kept = kept.map(|path| std::fs::read_to_string(path).expect("a file"));
    let kept = kept.map(|text| Plan::parse(&text).expect("a kept history"));
    kept.or_else(|| number("SEED").map(Plan::of))
}

/// Looks for a seed that fails: `FROM` the first, `SEEDS` of them, or for so many `MINUTES`.
#[test]
fn seeds_hold() {
    if let Some(plan) = replayed() {
        let seed = plan.seed;
        let mut world = World::new(plan, None);
        world.env.narrates = true;
        let outcome = world.run();
        assert!(outcome.is_ok(), "SEED={seed}: {}", outcome.err().unwrap_or_default());
        return;
    }
    let first = number("FROM").unwrap_or(1);
    let mut count = number("SEEDS").unwrap_or(SEEDS);
    let clock = Clock::start();
    let minutes = number("MINUTES").map(|minutes| Duration::from_secs(60 * minutes));
    if minutes.is_some() {
        count = u64::MAX - first;
    }
    let mut tried = 0;
    for seed in first..first + count {
        let plan = Plan::of(seed);
        if let Some(violation) = fails(&plan, None) {
            let small = shrink(&plan, None);
            let again = fails(&small, None).unwrap_or_default();
            panic!("SEED={seed}: {violation}\nkeep in crates/sim/seeds:\n{small}# {again}");
        }
        tried += 1;
        if minutes.is_some_and(|minutes| clock.elapsed() >= minutes) {
            break;
        }
    }
    println!("{tried} histories held in {:?}", clock.elapsed());
}

/// The clock of the person who waits, not of a history.
struct Clock(std::time::Instant);

impl Clock {
    #[expect(
        clippy::disallowed_methods,
        reason = "how long a search takes is no part of a history"
    )]
    fn start() -> Self {
        Self(std::time::Instant::now())
    }

    fn elapsed(&self) -> Duration {
        self.0.elapsed()
    }
}

/// Every history that ever failed, made small, holds.
#[test]
fn kept_histories_hold() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("seeds");
    let mut kept = 0;
    for entry in std::fs::read_dir(folder).expect("the folder of kept histories") {
        let path = entry.expect("an entry").path();
        let text = std::fs::read_to_string(&path).expect("a text");
        let plan = Plan::parse(&text).unwrap_or_else(|| panic!("{path:?} is no history"));
        assert_eq!(
            Plan::parse(&plan.to_string()).map(|plan| plan.to_string()),
            Some(plan.to_string())
        );
        if let Some(violation) = fails(&plan, None) {
            panic!("{path:?}: {violation}");
        }
        kept += 1;
    }
    assert!(kept > 0, "nothing is kept");
}

#[test]
fn a_seed_gives_the_same_trace_twice() {
    let trace = |seed| World::new(Plan::of(seed), None).run().expect("it holds").trace;
    let all: Vec<u64> = (1..16).map(trace).collect();
    assert_eq!(all, (1..16).map(trace).collect::<Vec<_>>());
    assert!(all.windows(2).all(|pair| pair[0] != pair[1]), "seeds differ");
}

/// The simulator is worth what it visits.
#[test]
fn histories_visit_what_can_happen() {
    let mut visits = BTreeMap::new();
    for seed in 1..120 {
        let history = World::new(Plan::of(seed), None).run().expect("it holds");
        for (what, count) in history.visits {
            *visits.entry(what).or_insert(0) += count;
        }
    }
    println!("{visits:#?}");
    for what in [
        "crashes",
        "crashes between effects",
        "loses power",
        "stops",
        "pauses",
        "cuts a link",
        "isolates a node",
        "splits the network",
        "fills a disk",
        "slows a disk",
        "loses a directory",
        "takes a snapshot",
        "leads a partition",
        "cuts a partition",
        "acknowledges",
        "consumes",
        "owns a partition",
        "commits an offset",
        "an admin's command has an outcome",
    ] {
        let count = visits.get(what).copied().unwrap_or(0);
        assert!(count >= 10, "{what}: {count} times");
    }
}

/// For each invariant rules whose breach it notices, with a part of what it says then. Rules that only a
/// rare history needs are left to the simulations of `raft` and of `replica`.
#[test]
fn every_broken_rule_is_noticed() {
    let rules = [
        (Mutation::Raft(raft::Broken::OneVote), ""),
        (Mutation::Raft(raft::Broken::PersistVote), ""),
        (Mutation::Raft(raft::Broken::LogUpToDate), ""),
        (Mutation::Raft(raft::Broken::Majority), ""),
        (Mutation::Raft(raft::Broken::Diverging), ""),
        (Mutation::Replica(BrokenRule::JoinsBelowHighWatermark), ""),
        (Mutation::Replica(BrokenRule::CountsProposedShrink), ""),
        (Mutation::Replica(BrokenRule::KeepsWhatDiverges), ""),
        (Mutation::Replica(BrokenRule::WatermarkFalls), "falls from"),
        (Mutation::Replica(BrokenRule::NeverExpands), "no recovery"),
        (Mutation::Shell(ShellRule::ForgetsProducers), "twice"),
        (Mutation::Shell(ShellRule::AcknowledgesAlone), "is acknowledged"),
        (Mutation::Shell(ShellRule::SpeaksEarly), ""),
        (Mutation::Shell(ShellRule::GroupsSpeakEarly), ""),
        (Mutation::Shell(ShellRule::KeepsUncommitted), "image"),
    ];
    let mut unnoticed = Vec::new();
    for (rule, text) in rules {
        let mut seeds = 1..=SEEDS_TO_NOTICE;
        let noticed = seeds.find_map(|seed| Some((seed, fails(&Plan::of(seed), Some(rule))?)));
        match noticed {
            Some((seed, violation)) if violation.contains(text) => {
                println!("{rule:?}: SEED={seed}: {violation}");
            }
            other => unnoticed.push((rule, other)),
        }
    }
    assert!(unnoticed.is_empty(), "{unnoticed:#?}");
}
