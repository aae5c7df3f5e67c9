//! The promise on tools: Apache Kafka's (4.3.1) do on Klamm, and ours do on Apache Kafka (4.4.0),
//! what Apache Kafka's do on Apache Kafka: same exit code, same readable output.
//!
//! `TABLES=topics,groups` runs only these tables.

#[path = "tools/cluster.rs"]
mod cluster;
#[path = "tools/differences.rs"]
mod differences;
#[path = "tools/ended.rs"]
mod ended;
#[path = "tools/files.rs"]
mod files;
#[path = "tools/java_tools.rs"]
mod java_tools;
#[path = "tools/load.rs"]
mod load;
#[path = "tools/normal.rs"]
mod normal;
#[path = "tools/quotas.rs"]
mod quotas;
#[path = "tools/reassign.rs"]
mod reassign;
#[path = "tools/report.rs"]
mod report;
#[path = "tools/script.rs"]
mod script;
#[path = "tools/sides.rs"]
mod sides;
#[path = "tools/tables.rs"]
mod tables;

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use e2e::Product;
use sides::Bench;

/// The console consumer leaves groups behind: what lists groups comes before it.
const TABLES: &[(&str, &str)] = &[
    ("topics", tables::TOPICS),
    ("configs", tables::CONFIGS),
    ("groups", tables::GROUPS),
    ("records", tables::RECORDS),
    ("cluster", tables::CLUSTER),
    ("load", load::LOAD),
    ("verifiable", load::VERIFIABLE),
    ("unreachable", load::UNREACHABLE),
];

/// The tests of this file start several JVMs each: one after the other they take no longer.
fn alone() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

#[test]
fn tools_that_ask_a_broker_answer_alike_on_both_sides() {
    let _turn = alone();
    let Some(mut bench) = Bench::start() else { return };
    bench.file("cut.json", &partitions("letters", &[(0, 2)]));
    bench.file("beyond.json", &partitions("letters", &[(0, 1000)]));
    bench.file("twice.json", &partitions("letters", &[(0, 1), (0, 2)]));
    bench.file("nonsense.json", "nonsense");
    bench.file("offsets.csv", "read,0,0\nread,1,1\n");
    bench.file("negative.json", &partitions("letters", &[(0, -1)]));
    bench.file("incomplete.json", r#"{"partitions":[{"topic":"letters","partition":0}]}"#);
    bench.file("empty.json", &partitions("letters", &[]));
    bench.file("version.json", &partitions("letters", &[(0, 2)]).replace(":1}", ":2}"));
    bench.file("version-only.json", r#"{"version":1}"#);
    bench.file("payload.txt", "one\ntwo\nthree\n");
    let storage = "process.roles=broker,controller\nnode.id=1\n\
                   controller.listener.names=CONTROLLER\n\
                   listeners=PLAINTEXT://localhost:9092,CONTROLLER://localhost:9093\n\
                   controller.quorum.bootstrap.servers=localhost:9093\nlog.dirs=/dev/null/data\n";
    bench.file("storage.properties", storage);
    let hasty = "default.api.timeout.ms=1500\nrequest.timeout.ms=1000\nmax.block.ms=1500\n";
    bench.file("hasty.properties", hasty);
    let chosen = std::env::var("TABLES").unwrap_or_default();
    let is_chosen = |name: &str| chosen.is_empty() || chosen.split(',').any(|word| word == name);
    for (name, table) in TABLES.iter().filter(|(name, _)| is_chosen(name)) {
        let started = Instant::now();
        bench.compare(table);
        println!("{name}: {:.1?}", started.elapsed());
    }
    if is_chosen("quotas") {
        let started = Instant::now();
        bench.compare_on_kafka(quotas::QUOTAS);
        println!("quotas: {:.1?}", started.elapsed());
    }
    if is_chosen("files") {
        let started = Instant::now();
        bench.fill(files::WRITTEN);
        bench.commit_transaction_on_kafka("dumped");
        bench.compare_on_files(files::DUMPS);
        println!("files: {:.1?}", started.elapsed());
    }
    bench.finish();
}

/// What only a cluster has, on three nodes that are brokers and controllers.
fn check_tools_of_a_cluster(product: Product) {
    let _turn = alone();
    let Some(mut bench) = cluster::Bench::start(product) else { return };
    bench.file("topics.json", r#"{"version":1,"topics":[{"topic":"moved"}]}"#);
    bench.file("elect.json", r#"{"partitions":[{"topic":"moved","partition":1}]}"#);
    reassign::FILES.iter().for_each(|(name, text)| bench.file(name, text));
    bench.controller_file("controller.properties");
    let tables =
        [cluster::QUORUM, cluster::NODES, reassign::ELECTIONS, reassign::MOVES, reassign::HELD];
    tables.iter().for_each(|table| bench.compare(table));
    bench.compare_replica_verification();
    bench.finish();
}

#[test]
fn tools_of_a_cluster_answer_alike_on_kafka() {
    check_tools_of_a_cluster(Product::Kafka);
}

#[test]
fn tools_of_a_cluster_answer_alike_on_klamm() {
    check_tools_of_a_cluster(Product::Klamm);
}

fn partitions(topic: &str, offsets: &[(i32, i64)]) -> String {
    let entries: Vec<String> = offsets
        .iter()
        .map(|(partition, offset)| {
            format!(r#"{{"topic":"{topic}","partition":{partition},"offset":{offset}}}"#)
        })
        .collect();
    format!(r#"{{"partitions":[{}],"version":1}}"#, entries.join(","))
}
