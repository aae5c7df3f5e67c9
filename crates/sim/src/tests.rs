//! What every run of the tests tries: the kept histories, fresh ones, and rules broken on purpose.

use std::collections::BTreeMap;

use crate::plan::Plan;
use crate::shrink::{fails, shrink};
use crate::world::World;

/// Histories of one test run.
const SEEDS: u64 = 300;

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

fn seeds() -> Vec<u64> {
    match number("SEED") {
        Some(seed) => vec![seed],
        None => {
            let first = number("FROM").unwrap_or(1);
            (first..first + number("SEEDS").unwrap_or(SEEDS)).collect()
        }
    }
}

/// `SEED=n`, or `PLAN=file` for one that was kept.
fn replayed() -> Option<Plan> {
    let kept =
        std::env::var("PLAN").ok().map(|path| std::fs::read_to_string(path).expect("a file"));
    let kept = kept.map(|text| Plan::parse(&text).expect("a kept history"));
    kept.or_else(|| number("SEED").map(Plan::of))
}

#[test]
fn seeds_hold() {
    if let Some(plan) = replayed() {
        let seed = plan.seed;
        let mut world = World::new(plan, None);
        world.env.narrates = true;
        if let Err(violation) = world.run() {
            panic!("SEED={seed}: {violation}");
        }
        return;
    }
    let mut visits: BTreeMap<&str, u32> = BTreeMap::new();
    for seed in seeds() {
        let plan = Plan::of(seed);
        if let Some(violation) = fails(&plan, None) {
            let small = shrink(&plan, None);
            let again = fails(&small, None).unwrap_or_default();
            panic!("SEED={seed}: {violation}\nkeep in crates/sim/seeds:\n{small}# {again}");
        }
        let _ = &mut visits;
    }
}
