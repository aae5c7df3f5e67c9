//! Writing to three replicas and waiting for all of them: what it costs, and how soon it is done.

use std::io;
use std::time::Instant;

use e2e::Cluster;
use record::Compression;

use crate::load::{Target, await_taken, batch, produce_each, steady_each};
use crate::protocol::produce;
use crate::readings::cpu_seconds;

const PARTITIONS: usize = 6;
const ROUND_BYTES: u64 = 200_000_000;
const BATCH_BYTES: usize = 64 * 1024;
const IN_FLIGHT: usize = 5;

/// CPU seconds of all brokers for a GB of records that is on all of them.
pub fn cpu_of_all(cluster: &mut Cluster, topic: &str) -> io::Result<f64> {
    let batch = batch(100, BATCH_BYTES, Compression::None);
    let targets = targets(cluster, topic, &batch)?;
    let requests = ROUND_BYTES / batch.len() as u64 / PARTITIONS as u64;
    let before = cpu_of(cluster);
    let start = Instant::now();
    produce_each(&targets, IN_FLIGHT, requests)?;
    let took = start.elapsed();
    let cpu = cpu_of(cluster) - before;
    let bytes = (requests * PARTITIONS as u64 * batch.len() as u64) as f64;
    eprintln!("    {:.0} MB/s", bytes / 1e6 / took.as_secs_f64());
    forget(cluster, topic)?;
    Ok(cpu / (bytes / 1e9))
}

/// p50 and p99 in microseconds of acknowledgements at a steady rate of records of 1 KB.
pub fn times_of_acknowledgements(cluster: &mut Cluster, topic: &str) -> io::Result<[f64; 2]> {
    const RECORDS_PER_SECOND: u32 = 2_000;
    const SECONDS: u32 = 5;
    /// Each waits for its answer before it sends again, as a broker works on one request of a
    /// connection at a time: so many have room for slow answers.
    const CONNECTIONS_PER_PARTITION: usize = 4;
    let batch = batch(1000, 0, Compression::None);
    let targets = targets(cluster, topic, &batch)?;
    let targets = vec![targets; CONNECTIONS_PER_PARTITION].concat();
    let mut times = steady_each(&targets, RECORDS_PER_SECOND, SECONDS)?;
    forget(cluster, topic)?;
    Ok([times.quantile_us(0.5), times.quantile_us(0.99)])
}

/// A Produce request for each partition of a topic that is made for it, and its leader's port.
fn targets(cluster: &Cluster, topic: &str, batch: &[u8]) -> io::Result<Vec<Target>> {
    cluster.create_topic(topic, i32::try_from(PARTITIONS).map_err(io::Error::other)?);
    let target = |(partition, leader): (i32, Option<i32>)| {
        let leader = leader.and_then(|id| u8::try_from(id).ok()).ok_or(io::ErrorKind::NotFound)?;
        let port = cluster.node(leader).port();
        let target = Target { port, frame: produce(topic, partition, batch) };
        await_taken(&target);
        Ok(target)
    };
    let mut leaders = Vec::new();
    cluster.await_state("every partition is led", || {
        leaders = cluster.leaders(topic);
        leaders.len() == PARTITIONS && leaders.iter().all(Option::is_some)
    });
    (0..).zip(leaders).map(target).collect()
}

fn cpu_of(cluster: &mut Cluster) -> f64 {
    cluster.brokers().into_iter().map(|id| cpu_seconds(cluster.node_mut(id).server().pid())).sum()
}

fn forget(cluster: &Cluster, topic: &str) -> io::Result<()> {
    let names = [topic.to_owned()];
    let deleted = cluster.ask(async |admin| admin.delete_topics(&names).await);
    deleted.map(drop).map_err(io::Error::other)
}
