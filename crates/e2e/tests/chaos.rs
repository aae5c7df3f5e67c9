//! A cluster under fire: nodes are killed, paused, stopped and cut off every few seconds while Java's
//! client and ours produce and read. Afterwards everything acknowledged is on every replica, once, in
//! order, and has been read.
//!
//! `CHAOS_NODES=n` makes the cluster larger, `CHAOS_MINUTES=n` the fire longer, `CHAOS_SEED=n` repeats
//! a plan; `E2E_PRODUCT=kafka` shows what Apache Kafka does under the same plan.

use std::collections::HashSet;
use std::time::{Duration, UNIX_EPOCH};

use e2e::cluster::Plan;
use e2e::faults::{Fire, steps};
use e2e::workload::Load;
use e2e::{Cluster, Product};

const NODES: u8 = 3;
const MINUTES: u64 = 2;
/// What fails in CI fails there again, as far as a plan decides that; elsewhere each run is another.
const SEED_IN_CI: u64 = 4;

fn number<T: std::str::FromStr>(variable: &str) -> Option<T> {
    let text = std::env::var(variable).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{variable}={text} is no such number")))
}

fn seed() -> u64 {
    let clock = || UNIX_EPOCH.elapsed().expect("a clock behind 1970").as_secs();
    let is_ci = std::env::var_os("CI").is_some();
    number("CHAOS_SEED").unwrap_or_else(|| if is_ci { SEED_IN_CI } else { clock() })
}

#[test]
fn acknowledged_records_survive_kills_pauses_and_cuts() {
    if !Load::is_possible() {
        return;
    }
    let (nodes, seed) = (number("CHAOS_NODES").unwrap_or(NODES), seed());
    let duration = Duration::from_secs(60 * number("CHAOS_MINUTES").unwrap_or(MINUTES));
    let plan = Plan::combined(Product::under_test(), usize::from(nodes));
    let Some(mut cluster) = Cluster::start_apart(&plan) else { return };
    eprintln!("CHAOS_SEED={seed}: {nodes} nodes for {duration:?}");
    let load = Load::start(&cluster);
    let mut fire = Fire::new(&mut cluster);
    fire.burn(steps(seed, nodes, true), duration);
    let (faults, report) = (fire.faults().to_vec(), fire.report().join("\n"));
    load.reckon(&mut cluster, &format!("CHAOS_SEED={seed}\n{report}"));
    let kinds: HashSet<_> = faults.iter().map(std::mem::discriminant).collect();
    assert!(faults.len() >= 10 && kinds.len() >= 3, "that was no fire: {faults:?}");
    eprintln!("{} faults in {duration:?}", faults.len());
}
