//! How soon it serves and how little it holds: figures that stand for themselves.

use std::io;
use std::time::Instant;

use e2e::{Klamm, wait};
use record::Compression;

use crate::load::{batch, idle_connections, produce_run};
use crate::protocol::{connect, create_topic, led_partitions, produce, produce_error, read_frame};
use crate::readings::{anonymous_mb, resident_mb};
use crate::scale;
use crate::table::Row;

type Footprint = (&'static str, fn() -> io::Result<Vec<Row>>);

const TOPIC: &str = "bench";
const ROUNDS: usize = 5;

/// Each with the name that chooses it.
pub const FOOTPRINTS: &[Footprint] = &[
    ("start empty", start_empty),
    ("memory under load", memory_under_load),
    ("idle connections", memory_of_idle_connections),
    ("many partitions", many_partitions),
    ("5,000 partitions", wide_topic),
    ("200,000 partitions", scale::controller_of_many),
    ("idle partitions", scale::idle_partitions_of_a_broker),
];

/// From starting the process to the first acknowledged record, and memory when idle.
fn start_empty() -> io::Result<Vec<Row>> {
    let mut least_ms = f64::MAX;
    let mut idle_mb: f64 = 0.0;
    for _ in 0..ROUNDS {
        let mut klamm = Klamm::start();
        klamm.terminate();
        std::fs::remove_dir_all(klamm.data())?;
        let start = Instant::now();
        klamm.launch();
        first_record(klamm.port(), true);
        least_ms = least_ms.min(start.elapsed().as_secs_f64() * 1e3);
        idle_mb = idle_mb.max(resident_mb(klamm.server().pid()));
    }
    Ok(vec![
        Row::absolute("start to first record, empty: ms", least_ms, None, "< 50"),
        Row::absolute("resident when idle: MB", idle_mb, None, "< 20"),
    ])
}

/// Produces one record as soon as anybody listens.
fn first_record(port: u16, create: bool) {
    let frame = produce(TOPIC, 0, &batch(1000, 0, Compression::None));
    let mut socket = loop {
        match connect(port) {
            Ok(socket) => break socket,
            Err(_) => std::thread::yield_now(),
        }
    };
    if create {
        wait::until("the topic is made", || {
            (create_topic(port, TOPIC, 1).ok()? == 0).then_some(())
        });
    }
    let mut buffer = Vec::new();
    loop {
        io::Write::write_all(&mut socket, &frame).expect("send the record");
        let body = read_frame(&mut socket, &mut buffer).expect("read the answer");
        if produce_error(body) == 0 {
            return;
        }
        std::thread::yield_now();
    }
}

fn memory_under_load() -> io::Result<Vec<Row>> {
    const BYTES: u64 = 4_000_000_000;
    // half of the disk's share of a small machine: what was written is deleted as it goes
    let properties = "log.retention.bytes=100000000\nlog.segment.bytes=50000000\n\
        log.retention.check.interval.ms=1000\nlog.segment.delete.delay.ms=100";
    let mut klamm = Klamm::with(properties);
    create(klamm.port(), TOPIC, 6);
    let batch = batch(100, 64 * 1024, Compression::None);
    produce_run(klamm.port(), TOPIC, 6, 4, 5, &batch, BYTES);
    let mb = anonymous_mb(klamm.server().pid());
    Ok(vec![Row::absolute("anonymous memory after 4 GB: MB", mb, None, "< 16")])
}

fn memory_of_idle_connections() -> io::Result<Vec<Row>> {
    const CONNECTIONS: usize = 5_000;
    let mut klamm = Klamm::start();
    let before = anonymous_mb(klamm.server().pid());
    let held = idle_connections(klamm.port(), CONNECTIONS)?;
    let grown = anonymous_mb(klamm.server().pid()) - before;
    let kb = grown * 1024.0 / held.len() as f64;
    Ok(vec![Row::absolute("anonymous memory an idle connection: KB", kb, None, "< 8")])
}

/// 10,000 partitions: memory, and the first record after `kill -9`.
fn many_partitions() -> io::Result<Vec<Row>> {
    const PARTITIONS: usize = 10_000;
    let mut klamm = Klamm::start();
    create(klamm.port(), TOPIC, PARTITIONS);
    let batch = batch(1000, 0, Compression::None);
    produce_run(klamm.port(), TOPIC, PARTITIONS, 1, 2, &batch, 10_000 * batch.len() as u64);
    let mb = anonymous_mb(klamm.server().pid());
    let mut least_ms = f64::MAX;
    for _ in 0..ROUNDS {
        klamm.kill();
        let start = Instant::now();
        klamm.launch();
        first_record(klamm.port(), false);
        least_ms = least_ms.min(start.elapsed().as_secs_f64() * 1e3);
    }
    Ok(vec![
        Row::absolute("anonymous memory, 10,000 partitions: MB", mb, None, "< 48"),
        Row::absolute("first record after kill -9, 10,000 partitions: ms", least_ms, None, "< 300"),
    ])
}

fn wide_topic() -> io::Result<Vec<Row>> {
    const PARTITIONS: usize = 5_000;
    let klamm = Klamm::start();
    let start = Instant::now();
    create(klamm.port(), TOPIC, PARTITIONS);
    let seconds = start.elapsed().as_secs_f64();
    Ok(vec![Row::absolute("5,000 partitions lead after: s", seconds, None, "< 0.3")])
}

/// Makes a topic and waits until it leads.
pub fn create(port: u16, topic: &str, partitions: usize) {
    let count = i32::try_from(partitions).expect("a small count");
    assert_eq!(create_topic(port, topic, count).expect("create the topic"), 0, "it is created");
    wait::until("every partition leads", || {
        (led_partitions(port, topic).ok()? == partitions).then_some(())
    });
}
