//! Three nodes of each product side by side: what replication costs, and what the loss of a node does.

mod failover;
mod producer;
mod replicated;

use std::io;

use e2e::cluster::Plan;
use e2e::{Cluster, Product};

use crate::pages;
use crate::peers::Kind;
use crate::table::Row;
use failover::{LOSSES, Loss};
use producer::Seen;

const NODES: usize = 3;
/// The worst of so many losses counts.
const LOSS_ROUNDS: usize = 10;
/// Apache Kafka takes ten seconds and more for some, each time about as many.
const KAFKA_LOSS_ROUNDS: usize = 3;
const ROUNDS: usize = 5;
/// Rounds that nobody counts, after which JVMs have compiled what the others are.
const WARM_UP_ROUNDS: usize = 5;
/// Deleted topics give their pages back soon, so that a round does not pay for the one before.
const PROPERTIES: &str = "log.segment.delete.delay.ms=100\n";

const COST: &str = "three replicas, acks=all: CPU s/GB of all three";
const TIMES: [&str; 2] = [
    "three replicas, acks=all, 2,000 records/s: p50 us, median of the rounds",
    "three replicas, acks=all, 2,000 records/s: p99 us, median of the rounds",
];

/// The clusters that run beside each other.
struct Clusters {
    all: Vec<(Kind, Cluster)>,
    topics: usize,
}

/// All rows of clusters whose names are chosen.
pub fn measure(chosen: impl Fn(&str) -> bool) -> io::Result<Vec<Row>> {
    let losses: Vec<&Loss> = LOSSES.iter().filter(|loss| chosen(loss.name)).collect();
    let (costs, times) = (chosen(COST), chosen(TIMES[0]));
    let mut rows = Vec::new();
    if losses.is_empty() && !costs && !times {
        return Ok(rows);
    }
    let mut clusters = Clusters::start();
    if costs || times {
        clusters.warm_up()?;
    }
    if costs {
        rows.push(clusters.cost()?);
    }
    if times {
        rows.append(&mut clusters.times()?);
    }
    // what was written so far shall not be in the way of a metadata log that waits for its disk
    rustix::fs::sync();
    for loss in losses {
        rows.append(&mut clusters.lose(loss)?);
    }
    Ok(rows)
}

impl Clusters {
    /// Those that can run here: Apache Kafka needs Java and Maven.
    fn start() -> Self {
        let products = [(Kind::Klamm, Product::Klamm), (Kind::Kafka, Product::KafkaToMeasure)];
        let start = |(kind, product): (Kind, Product)| {
            if !kind.is_wanted() {
                return None;
            }
            let plan = Plan::combined(product, NODES).with(PROPERTIES);
            Some((kind, Cluster::start(&plan)?))
        };
        Self { all: products.into_iter().filter_map(start).collect(), topics: 0 }
    }

    /// Runs something on each cluster by turns, each time with the name of another topic.
    fn each<T>(
        &mut self,
        what: &str,
        run: impl Fn(&mut Cluster, &str) -> io::Result<T>,
    ) -> io::Result<Vec<(Kind, T)>>
    where
        T: std::fmt::Debug,
    {
        let mut results = Vec::new();
        for (kind, cluster) in &mut self.all {
            self.topics += 1;
            pages::warm()?;
            let result = run(cluster, &format!("bench-{}", self.topics))?;
            eprintln!("  {what}, {kind:?}: {result:.2?}");
            results.push((*kind, result));
        }
        Ok(results)
    }

    fn warm_up(&mut self) -> io::Result<()> {
        for _ in 0..WARM_UP_ROUNDS {
            self.each("warming up", replicated::cpu_of_all)?;
        }
        Ok(())
    }

    fn cost(&mut self) -> io::Result<Row> {
        let target = "Kafka ≥ 3x".to_owned();
        let mut row = Row::of_peers(COST.to_owned(), &[], target);
        for _ in 0..ROUNDS {
            for (kind, cost) in self.each(COST, replicated::cpu_of_all)? {
                row.note(kind, cost);
            }
        }
        Ok(row)
    }

    fn times(&mut self) -> io::Result<Vec<Row>> {
        let mut rounds = Vec::new();
        for _ in 0..ROUNDS {
            rounds.append(&mut self.each(TIMES[0], replicated::times_of_acknowledgements)?);
        }
        let row = |(at, name): (usize, &str)| {
            let median = |(kind, _): &(Kind, Cluster)| {
                let of_kind = rounds.iter().filter(|(of, _)| of == kind);
                (*kind, middle(of_kind.map(|(_, times)| times[at]).collect()))
            };
            let medians: Vec<_> = self.all.iter().map(median).collect();
            Row::of_peers(name.to_owned(), &medians, "Kafka ≥ 3x".to_owned())
        };
        Ok(TIMES.into_iter().enumerate().map(row).collect())
    }

    fn lose(&mut self, loss: &Loss) -> io::Result<Vec<Row>> {
        let mut seen: Vec<(Kind, Vec<Seen>)> = Vec::new();
        for (kind, cluster) in &mut self.all {
            let rounds = if *kind == Kind::Kafka { KAFKA_LOSS_ROUNDS } else { LOSS_ROUNDS };
            let mut of_kind = Vec::with_capacity(rounds);
            for _ in 0..rounds {
                self.topics += 1;
                let round = loss.happen(cluster, &format!("bench-{}", self.topics))?;
                eprintln!("  {}, {kind:?}: {round:.2?}", loss.name);
                of_kind.push(round);
            }
            seen.push((*kind, of_kind));
        }
        Ok(rows_of(loss, &seen))
    }
}

/// The median and the worst of the gaps, and what the application was told of.
fn rows_of(loss: &Loss, seen: &[(Kind, Vec<Seen>)]) -> Vec<Row> {
    let of_each = |of: fn(&[Seen]) -> f64| -> Vec<(Kind, f64)> {
        seen.iter().map(|(kind, rounds)| (*kind, of(rounds))).collect()
    };
    let gap = "longest gap between acknowledgements";
    let row = |what: &str, of, target| {
        Row::of_peers(format!("{}: {what}", loss.name), &of_each(of), target)
    };
    let [median, worst] = loss.under_ms;
    vec![
        row(&format!("{gap}, p50 ms"), |rounds| middle(gaps(rounds)), format!("< {median}")),
        row(
            &format!("{gap}, worst ms"),
            |rounds| gaps(rounds).into_iter().fold(0.0, f64::max),
            format!("< {worst}"),
        ),
        row(
            "records that failed",
            |rounds| rounds.iter().map(|r| r.failed as f64).sum(),
            "0".to_owned(),
        ),
    ]
}

fn middle(mut times: Vec<f64>) -> f64 {
    times.sort_unstable_by(f64::total_cmp);
    times[times.len() / 2]
}

fn gaps(rounds: &[Seen]) -> Vec<f64> {
    rounds.iter().map(|round| round.longest_gap_ms).collect()
}
