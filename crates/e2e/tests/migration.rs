//! A cluster of Apache Kafka becomes one of Klamm, node by node, on the same directories and with
//! the same properties, while clients produce and read: what docs/migration.md says, done.

use e2e::cluster::{Plan, Quorum};
use e2e::process::{output, succeed};
use e2e::workload::Load;
use e2e::{Cluster, Product, klamm};

/// Apache Kafka's controller lets a broker that it has not fenced register again when its session is
/// over: Klamm, which starts at once, waits for that.
const SHORT_SESSIONS: &str = "broker.session.timeout.ms=4000\nbroker.heartbeat.interval.ms=500\n";

/// A topic of which each node has one partition alone: nobody else could give it back what its
/// directory loses.
const ALONE: &str = "alone";
const RECORDS: usize = 300;

fn fill_alone(cluster: &Cluster) {
    let words = ["--create", "--topic", ALONE, "--replica-assignment", "1,2,3"];
    printed(cluster, "kafka-topics", &words).expect("created");
    let lines: String = (0..RECORDS).map(|i| format!("{i}:{i:03}\n")).collect();
    let mut producer = klamm::tool("kafka-console-producer");
    producer.args(["--bootstrap-server", &cluster.bootstrap(), "--topic", ALONE]);
    let keyed = ["parse.key=true", "key.separator=:"];
    producer.args(keyed.iter().flat_map(|property| ["--reader-property", property]));
    succeed(&mut producer, lines.as_bytes());
}

fn check_alone(cluster: &Cluster) {
    let max = RECORDS.to_string();
    let words = ["--topic", ALONE, "--from-beginning", "--max-messages", &max];
    let words = [&words[..], &["--timeout-ms", "60000"]].concat();
    let told = printed(cluster, "kafka-console-consumer", &words).expect("consumed");
    let mut values: Vec<&str> = told.lines().collect();
    values.sort_unstable();
    let expected: Vec<String> = (0..RECORDS).map(|i| format!("{i:03}")).collect();
    assert_eq!(values, expected, "what was on one node alone");
}

/// What one of the guide's commands prints, if it succeeds.
fn printed(cluster: &Cluster, tool: &str, words: &[&str]) -> Option<String> {
    let mut command = klamm::tool(tool);
    command.args(["--bootstrap-server", &cluster.bootstrap()]).args(words);
    let ended = output(&mut command, b"");
    let text = String::from_utf8_lossy(&ended.stdout).into_owned();
    ended.status.success().then_some(text)
}

/// Who leads the quorum, as the guide has people find out.
fn quorum_leader(cluster: &Cluster) -> u8 {
    let mut leader = None;
    cluster.await_state("the quorum has a leader", || {
        let told = printed(cluster, "kafka-metadata-quorum", &["describe", "--status"]);
        let told = told.unwrap_or_default();
        let line = told.lines().find_map(|line| line.strip_prefix("LeaderId:"));
        leader = line.and_then(|id| id.trim().parse().ok());
        leader.is_some()
    });
    leader.expect("awaited")
}

/// Whether no node lags in the quorum. A row begins with the node, its directory, its end and its lag.
fn is_level(cluster: &Cluster) -> bool {
    let told = printed(cluster, "kafka-metadata-quorum", &["describe", "--replication"]);
    let told = told.unwrap_or_default();
    let lags: Vec<&str> =
        told.lines().skip(1).filter_map(|row| row.split_whitespace().nth(3)).collect();
    lags.len() == cluster.ids().count() && lags.iter().all(|lag| *lag == "0")
}

fn is_replicated(cluster: &Cluster) -> bool {
    let words = ["--describe", "--under-replicated-partitions"];
    printed(cluster, "kafka-topics", &words).is_some_and(|told| told.trim().is_empty())
}

/// The step of the guide: stop, start the other product, wait until the cluster is whole.
fn hand_over(cluster: &mut Cluster, load: &Load, id: u8, product: Product) {
    let node = cluster.node_mut(id);
    node.terminate();
    node.hand_over(product);
    node.restart();
    cluster.await_brokers();
    cluster.await_state("no partition is under-replicated", || is_replicated(cluster));
    cluster.await_state("no node lags in the quorum", || is_level(cluster));
    load.await_progress();
}

/// All nodes become the other product's: first those that do not lead the quorum, which may find
/// another leader meanwhile.
fn hand_all_over(cluster: &mut Cluster, load: &Load, product: Product) {
    loop {
        let remains = |id: &u8| cluster.node(*id).product() != product;
        let remaining: Vec<u8> = cluster.ids().filter(remains).collect();
        let Some(last) = remaining.last() else { return };
        let leader = quorum_leader(cluster);
        let next = *remaining.iter().find(|id| **id != leader).unwrap_or(last);
        hand_over(cluster, load, next, product);
    }
}

/// From Apache Kafka on three nodes of both roles to each of `products` in turn.
fn migrate(quorum: Quorum, products: &[Product]) {
    if !Load::is_possible() {
        return;
    }
    let plan = Plan { quorum, ..Plan::combined(Product::Kafka, 3) }.with(SHORT_SESSIONS);
    let Some(mut cluster) = Cluster::start(&plan) else { return };
    let load = Load::start(&cluster);
    load.await_progress();
    fill_alone(&cluster);
    for product in products {
        hand_all_over(&mut cluster, &load, *product);
        check_alone(&cluster);
    }
    cluster.create_topic("afterwards", 3);
    load.reckon(&mut cluster, "");
}

#[test]
fn an_apache_cluster_becomes_klamm_node_by_node_and_goes_all_the_way_back() {
    migrate(Quorum::Dynamic, &[Product::Klamm, Product::Kafka]);
}

#[test]
fn an_apache_cluster_with_named_voters_becomes_klamm_node_by_node() {
    migrate(Quorum::Static, &[Product::Klamm]);
}
