//! What every run of the tests tries: the kept histories and thousands of others, and what they visit.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use crate::env::Violation;
use crate::mutations;
use crate::plan::Plan;
use crate::search::Search;
use crate::shrink::{fails, shrink};
use crate::world::World;

/// Histories of one test run.
const SEEDS: u64 = 3_000;

/// What histories must come by, each so often in a run: every operation, every fault, and what clients
/// and machines do because of them.
const VISITED_MIN: u64 = 10;
const VISITED: &[&str] = &[
    // the administrator
    "creates a topic",
    "deletes a topic",
    "moves a partition",
    "elects leaders",
    "changes a feature",
    "adds a voter",
    "removes a voter",
    "removes a broker",
    "adds a broker",
    "refuses an admin",
    "takes a snapshot",
    "splits a decision",
    "aborts a transaction",
    "forgets a broker that runs",
    // the network
    "delays a message",
    "loses a message",
    "brings a message twice",
    "brings a message behind a later one",
    "stops a message at a cut",
    "cuts a link one way",
    "cuts a link both ways",
    "isolates a node",
    "splits the network",
    "splits but for one",
    // processes and disks
    "crashes",
    "crashes between effects",
    "stops",
    "restarts",
    "pauses",
    "loses power",
    "comes back without what was not synced",
    "cuts off a torn write",
    "fills a disk",
    "has no room for a record",
    "slows a disk",
    "waits for a slow disk",
    "loses a directory",
    "strikes who is to join an ISR",
    "strikes when an ISR grows",
    "strikes who has told one follower",
    "strikes who has written alone",
    "strikes in the middle of a transaction",
    // the machines
    "leads the quorum",
    "resigns",
    "cuts the metadata log",
    "loads a snapshot",
    "leads a partition",
    "cuts a partition",
    "proposes an ISR",
    "refuses a member of an ISR",
    // clients
    "acknowledges",
    "acknowledges with acks=1",
    "recognises a duplicate",
    "waits for a batch that it refused",
    "consumes",
    "owns a partition",
    "commits an offset",
];

pub fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

/// `SEED=n`, or `PLAN=file` for one that was kept; with `RULE=name` under a rule that is broken.
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
        let broken = std::env::var("RULE").ok().and_then(|rule| mutations::named(&rule).next());
        let mut world = World::new(plan, broken.map(|(_, mutation)| mutation));
        world.env.narrates = true;
        let outcome = world.run();
        assert!(outcome.is_ok(), "SEED={seed}: {}", outcome.err().unwrap_or_default());
        return;
    }
    let first = number("FROM").unwrap_or(1);
    let clock = Clock::start();
    let minutes = number("MINUTES").map(|minutes| Duration::from_secs(60 * minutes));
    let count = if minutes.is_some() { u64::MAX - first } else { number("SEEDS").unwrap_or(SEEDS) };
    let search = Search {
        seeds: first..first + count,
        mutation: None,
        goes_on: || minutes.is_none_or(|minutes| clock.elapsed() < minutes),
        is_wanted: |_: &Violation| true,
    };
    let findings = search.run();
    if let Some((seed, violation)) = findings.failed {
        let small = shrink(&Plan::of(seed), None);
        let again = fails(&small, None).unwrap_or_default();
        panic!("SEED={seed}: {violation}\nkeep in crates/sim/seeds:\n{small}# {again}");
    }
    println!("{} histories held in {:?}; they came by", findings.tried, clock.elapsed());
    for (what, count) in &findings.visits {
        println!("{count:>9} {what}");
    }
    if findings.tried >= SEEDS {
        assert_visited(&findings.visits);
    }
}

/// The simulator is worth what it visits.
fn assert_visited(visits: &BTreeMap<&'static str, u64>) {
    for what in VISITED {
        let count = visits.get(what).copied().unwrap_or(0);
        assert!(count >= VISITED_MIN, "{what}: {count} times");
    }
    for what in visits.keys() {
        assert!(VISITED.contains(what), "{what}: counted, and not asked for");
    }
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

/// What is printed of a history that fails is small, and fails as the whole of it did.
#[test]
fn a_failing_history_is_made_small() {
    let broken = Some(crate::env::Mutation::Log(log::Broken::KnowsProducers));
    let is_twice = |plan: &Plan| fails(plan, broken).is_some_and(|text| text.contains("twice"));
    let whole = (1..).map(Plan::of).find(is_twice).expect("a seed that fails");
    let small = shrink(&whole, broken);
    assert!(fails(&small, broken).is_some(), "it still fails:\n{small}");
    assert!(small.steps.len() < whole.steps.len() / 2, "of {whole}\nis left\n{small}");
    assert!(fails(&small, None).is_none(), "the rule is what it fails for");
}
