//! What is measured: each scenario gives one number per peer and round, of which the least counts.

use std::io;
use std::time::Instant;

use record::Compression;

use crate::cold::p99_beside_cold_reads;
use crate::load::{batch, fetch_run, produce_run, steady_run};
use crate::peers::{Kind, Peer};
use crate::protocol::produce;
use crate::readings::cpu_seconds;

const TOPIC: &str = "bench";
const ROUND_BYTES: u64 = 300_000_000;
const BATCH_BYTES: usize = 64 * 1024;
const PARTITIONS: usize = 6;
const CONNECTIONS: usize = 4;
const IN_FLIGHT: usize = 5;

/// One number a scenario gives, with what the issue of the house asks of it.
#[derive(Debug)]
pub struct Figure {
    pub name: &'static str,
    /// At most this many times the floor.
    pub floor_ratio_max: Option<f64>,
    /// Apache Kafka's number is at least this many times ours.
    pub kafka_ratio_min: Option<f64>,
}

/// A scenario: its figures in the order in which `run` returns their numbers.
pub struct Scenario {
    pub figures: &'static [Figure],
    /// A last row: the first figure as a multiple of the second, the median of the rounds; its target.
    pub ratio: Option<(&'static str, &'static str)>,
    pub run: fn(&mut Peer) -> io::Result<Vec<f64>>,
}

const fn figure(name: &'static str, floor: Option<f64>, kafka: Option<f64>) -> Figure {
    Figure { name, floor_ratio_max: floor, kafka_ratio_min: kafka }
}

/// All of them, in the order of the table.
pub const SCENARIOS: &[Scenario] = &[
    Scenario {
        figures: &[figure("produce, 100 B records: CPU s/GB", Some(1.3), Some(2.5))],
        ratio: None,
        run: |peer| produce_cpu(peer, 100, Compression::None),
    },
    Scenario {
        figures: &[figure("produce, 1 KiB records: CPU s/GB", Some(1.3), None)],
        ratio: None,
        run: |peer| produce_cpu(peer, 1024, Compression::None),
    },
    Scenario {
        figures: &[figure("produce, lz4 batches: CPU s/GB sent", None, Some(2.5))],
        ratio: None,
        run: |peer| produce_cpu(peer, 100, Compression::Lz4),
    },
    Scenario {
        figures: &[figure("produce, zstd batches: CPU s/GB sent", None, Some(2.5))],
        ratio: None,
        run: |peer| produce_cpu(peer, 100, Compression::Zstd),
    },
    Scenario {
        figures: &[
            figure("one 1 KB record a request: CPU us", Some(1.5), None),
            figure("one 1 KB record a request: p50 us", Some(1.4), None),
        ],
        ratio: None,
        run: small_requests,
    },
    Scenario {
        figures: &[
            figure("2,000 requests/s: p99 us", Some(2.0), None),
            figure("2,000 requests/s: p99.9 us", Some(4.0), None),
        ],
        ratio: None,
        run: steady_requests,
    },
    Scenario {
        figures: &[figure("fetch from the page cache: CPU s/GB", Some(1.15), None)],
        ratio: None,
        run: fetch_cpu,
    },
    Scenario {
        figures: &[
            figure("2,000 requests/s beside cold reads: p99 us", None, None),
            figure("2,000 requests/s alone, one partition: p99 us", None, None),
            figure("2,000 requests/s beside reads from memory: p99 us", None, None),
        ],
        ratio: Some(("p99 beside cold reads / alone, median of the rounds", "≤ 2")),
        run: p99_beside_cold_reads,
    },
];

fn produce_cpu(
    peer: &mut Peer,
    record_bytes: usize,
    compression: Compression,
) -> io::Result<Vec<f64>> {
    // an inflated batch of the same size for all: what is sent differs by codec
    let batch = batch(record_bytes, BATCH_BYTES, compression);
    peer.create(TOPIC, PARTITIONS);
    let before = cpu_seconds(peer.pid());
    let run =
        produce_run(peer.port(), TOPIC, PARTITIONS, CONNECTIONS, IN_FLIGHT, &batch, ROUND_BYTES);
    let cpu = cpu_seconds(peer.pid()) - before;
    peer.delete(TOPIC);
    Ok(vec![cpu / (run.bytes as f64 / 1e9)])
}

fn small_requests(peer: &mut Peer) -> io::Result<Vec<f64>> {
    const REQUESTS: u64 = 30_000;
    let batch = batch(1000, 0, Compression::None);
    peer.create(TOPIC, 1);
    let before = cpu_seconds(peer.pid());
    let bytes = REQUESTS * batch.len() as u64;
    let mut run = produce_run(peer.port(), TOPIC, 1, 1, 1, &batch, bytes);
    let cpu = cpu_seconds(peer.pid()) - before;
    peer.delete(TOPIC);
    Ok(vec![cpu * 1e6 / run.requests as f64, run.latencies.quantile_us(0.5)])
}

fn steady_requests(peer: &mut Peer) -> io::Result<Vec<f64>> {
    const RATE: u32 = 2_000;
    const SECONDS: u32 = 5;
    let batch = batch(1000, 0, Compression::None);
    peer.create(TOPIC, PARTITIONS);
    let partitions = 0..i32::try_from(PARTITIONS).map_err(io::Error::other)?;
    let frames: Vec<_> = partitions.map(|p| produce(TOPIC, p, &batch)).collect();
    let mut times = steady_run(peer.port(), &frames, RATE, SECONDS)?;
    peer.delete(TOPIC);
    Ok(vec![times.quantile_us(0.99), times.quantile_us(0.999)])
}

fn fetch_cpu(peer: &mut Peer) -> io::Result<Vec<f64>> {
    // several passes: one is over in a moment, and CPU is counted in hundredths of a second
    const PASSES: usize = 5;
    let batch = batch(100, BATCH_BYTES, Compression::None);
    peer.create(TOPIC, PARTITIONS);
    produce_run(peer.port(), TOPIC, PARTITIONS, CONNECTIONS, IN_FLIGHT, &batch, ROUND_BYTES);
    fetch_run(peer.port(), TOPIC, PARTITIONS)?;
    let before = cpu_seconds(peer.pid());
    let start = Instant::now();
    let mut bytes = 0;
    for _ in 0..PASSES {
        bytes += fetch_run(peer.port(), TOPIC, PARTITIONS)?;
    }
    let cpu = cpu_seconds(peer.pid()) - before;
    eprintln!(
        "    {:?}: {:.0} MB/s",
        peer.kind(),
        bytes as f64 / 1e6 / start.elapsed().as_secs_f64()
    );
    peer.delete(TOPIC);
    Ok(vec![cpu / (bytes as f64 / 1e9)])
}

/// Whether a peer can take part: the floor keeps no offsets, so nothing else is asked of it.
pub fn takes_part(kind: Kind, scenario: &Scenario) -> bool {
    kind != Kind::Floor || scenario.figures.iter().any(|f| f.floor_ratio_max.is_some())
}
