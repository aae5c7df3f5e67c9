//! Histories: thousands that must hold, and rules whose breach must be seen.

use std::collections::BTreeMap;

use super::world::World;
use crate::broken::Broken;

const SEEDS: u64 = 2_000;
/// Within how many seeds the simulator must notice a broken rule.
const SEEDS_TO_NOTICE: u64 = 500;

/// Histories that found something once: a quorum without a leader, because an observer that had become a
/// voter refused pre-votes for the leader that it had lost.
const KEPT: [u64; 1] = [16_461];

/// `SEED=n` replays one history, `SEEDS=n` runs the first n.
fn seeds() -> Vec<u64> {
    let number = |name| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    match (number("SEED"), number("SEEDS")) {
        (Some(seed), _) => vec![seed],
        (None, count) => KEPT.into_iter().chain(1..=count.unwrap_or(SEEDS)).collect(),
    }
}

#[test]
fn seeds_hold() {
    let is_replay = std::env::var("SEED").is_ok();
    for seed in seeds() {
        let mut world = World::new(seed, None);
        world.narrates = is_replay;
        if let Err(violation) = world.run() {
            panic!("SEED={seed}: {violation}");
        }
    }
}

/// The simulator is worth what it visits.
#[test]
fn histories_visit_what_the_machine_can_do() {
    let mut visits = BTreeMap::new();
    for seed in 1..400 {
        let mut world = World::new(seed, None);
        world.run().unwrap_or_else(|violation| panic!("SEED={seed}: {violation}"));
        for (what, count) in world.checks.visits {
            *visits.entry(what).or_insert(0) += count;
        }
    }
    for what in [
        "leads",
        "resigns",
        "stands",
        "asks in advance",
        "cuts",
        "loads a snapshot",
        "is sent to a snapshot",
        "is told that it diverges",
        "adds a voter",
        "removes a voter",
        "updates a voter",
        "becomes dynamic",
        "refuses a vote",
        "serves a piece of a snapshot",
        "loses its disk",
    ] {
        let count = visits.get(what).copied().unwrap_or(0);
        assert!(count >= 20, "{what}: {count} times, of {visits:?}");
    }
}

#[test]
fn a_seed_gives_the_same_history_twice() {
    let history = |seed| {
        let mut world = World::new(seed, None);
        world.run().expect("it holds");
        (world.trace, world.checks.committed.len())
    };
    let all: Vec<_> = (1..20).map(history).collect();
    assert_eq!(all, (1..20).map(history).collect::<Vec<_>>());
    assert!(all.windows(2).all(|pair| pair[0] != pair[1]), "seeds differ");
}

/// From the end of a leader's process to the next leader, over links of up to 20 ms.
#[test]
fn a_leader_that_dies_is_replaced_in_half_a_second() {
    const REPLACED_MS_MAX: i64 = 500;
    for (voters, seeds) in [(3, 1..150), (5, 1..150)] {
        let gap = |seed: u64| {
            let mut world = World::calm(seed, voters, 1);
            world.start_all()?;
            let (leader, _) = world.run_to_leader()?;
            world.run_until(world.now + 3_000 + i64::try_from(seed).unwrap_or(0))?;
            let end = world.now;
            world.crash(leader);
            world.run_to_leader().map(|(_, next)| next - end)
        };
        let gaps: Result<Vec<i64>, _> = seeds.map(gap).collect();
        let mut gaps = gaps.expect("every history holds");
        gaps.sort_unstable();
        let (middle, worst) = (gaps[gaps.len() / 2], gaps[gaps.len() - 1]);
        println!("{voters} voters: {middle} ms, at most {worst} ms");
        assert!(worst <= REPLACED_MS_MAX, "{voters} voters: {gaps:?}");
    }
}

#[test]
fn every_broken_rule_is_noticed() {
    // the rule, and the seed from which on it is looked for: some need a rare history
    for (rule, from) in [
        (Broken::CheckQuorum, 1),
        (Broken::FlushBeforeFetch, 1),
        (Broken::OneVote, 1),
        (Broken::PersistVote, 1),
        (Broken::LogUpToDate, 1),
        (Broken::OwnEpochFirst, 1),
        (Broken::Majority, 1),
        (Broken::Diverging, 1),
        (Broken::OneChange, 1),
        (Broken::FreshWatermark, 1),
        (Broken::PrefixWatermark, 1_800),
        (Broken::RemovedStands, 1),
    ] {
        let mut seeds = from..from + SEEDS_TO_NOTICE;
        let noticed = |seed| Some((seed, World::new(seed, Some(rule)).run().err()?));
        let (seed, violation) =
            seeds.find_map(noticed).unwrap_or_else(|| panic!("{rule:?} was not noticed"));
        println!("{rule:?}: SEED={seed}: {violation}");
    }
}
