//! Clusters under fire: nodes are killed, paused and cut off every few seconds while Java's client
//! and ours produce and read. Afterwards everything acknowledged is on every replica, once, in
//! order, and has been read.
//!
//! `SEED=n` repeats a plan; `CHAOS_MINUTES=n` makes it longer; `CHAOS_NODES=n` is one cluster
//! instead of two; `E2E_PRODUCT=kafka` shows what Apache Kafka does under the same plan.

use std::time::{Duration, UNIX_EPOCH};

use e2e::cluster::Plan;
use e2e::faults::{Fire, steps};
use e2e::workload::Load;
use e2e::{Cluster, Product};

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok()?.parse().ok()
}

fn survive(nodes: u8, duration: Duration) {
    if !Load::is_possible() {
        return;
    }
    let plan = Plan::combined(Product::under_test(), usize::from(nodes));
    let Some(mut cluster) = Cluster::start_apart(&plan) else { return };
    let clock = UNIX_EPOCH.elapsed().expect("a clock behind 1970").as_secs();
    let seed = number("SEED").unwrap_or(clock);
    eprintln!("SEED={seed}: {nodes} nodes for {duration:?}");
    let load = Load::start(&cluster);
    let mut fire = Fire::new(&mut cluster);
    fire.burn(steps(seed, nodes, true), duration);
    let report = std::mem::take(&mut fire.report).join("\n");
    load.reckon(&mut cluster, &format!("SEED={seed}\n{report}"));
}

#[test]
fn acknowledged_records_survive_kills_pauses_and_cuts() {
    let minutes = number("CHAOS_MINUTES");
    // two minutes of wall time in all, with what comes before and after
    let short = [(3, Duration::from_secs(45)), (5, Duration::from_secs(30))];
    let asked = |nodes: u8| number("CHAOS_NODES").is_none_or(|asked| asked == u64::from(nodes));
    for (nodes, duration) in short.into_iter().filter(|(nodes, _)| asked(*nodes)) {
        let long = minutes.map(|minutes| Duration::from_secs(minutes * 30));
        survive(nodes, long.unwrap_or(duration));
    }
}
