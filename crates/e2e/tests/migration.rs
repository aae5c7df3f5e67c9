//! A cluster of Apache Kafka becomes one of Klamm, node by node, on the same directories and with
//! the same properties, while clients produce and read: what docs/migration.md says, done.

use e2e::cluster::{Plan, Quorum};
use e2e::workload::Load;
use e2e::{Cluster, Product};

/// Apache Kafka's controller lets a broker that it has not fenced register again when its session is
/// over: Klamm, which starts at once, waits for that.
const SHORT_SESSIONS: &str = "broker.session.timeout.ms=4000\nbroker.heartbeat.interval.ms=500\n";

/// The step of the guide: stop, start the other product, wait until the cluster is whole.
fn hand_over(cluster: &mut Cluster, load: &Load, id: u8, product: Product) {
    let node = cluster.node_mut(id);
    node.terminate();
    node.hand_over(product);
    node.restart();
    cluster.await_brokers();
    cluster.await_in_sync();
    load.await_progress();
}

/// Goes `steps`, from Apache Kafka on three nodes.
fn migrate(quorum: Quorum, steps: &[(u8, Product)]) {
    if !Load::is_possible() {
        return;
    }
    let plan = Plan { quorum, ..Plan::combined(Product::Kafka, 3) }.with(SHORT_SESSIONS);
    let Some(mut cluster) = Cluster::start(&plan) else { return };
    let load = Load::start(&cluster);
    load.await_progress();
    for (id, product) in steps {
        hand_over(&mut cluster, &load, *id, *product);
    }
    cluster.create_topic("afterwards", 3);
    load.reckon(&mut cluster, "");
}

#[test]
fn an_apache_cluster_becomes_klamm_node_by_node_and_can_go_back() {
    let there = [1, 2, 3].map(|id| (id, Product::Klamm));
    migrate(Quorum::Dynamic, &[&[(1, Product::Klamm), (1, Product::Kafka)], &there[..]].concat());
}

#[test]
fn an_apache_cluster_with_named_voters_becomes_klamm_node_by_node() {
    migrate(Quorum::Static, &[1, 2, 3].map(|id| (id, Product::Klamm)));
}
