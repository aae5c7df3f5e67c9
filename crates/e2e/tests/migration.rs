//! A cluster of Apache Kafka becomes one of Klamm, node by node, on the same directories and with
//! the same properties, while clients produce and read: what docs/migration.md says, done.

use e2e::cluster::{Plan, Quorum};
use e2e::workload::Load;
use e2e::{Cluster, Product};

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

fn migrate(quorum: Quorum) {
    if !Load::is_possible() {
        return;
    }
    let plan = Plan { quorum, ..Plan::combined(Product::Kafka, 3) };
    let Some(mut cluster) = Cluster::start(&plan) else { return };
    let load = Load::start(&cluster);
    load.await_progress();
    hand_over(&mut cluster, &load, 1, Product::Klamm);
    // the way back
    hand_over(&mut cluster, &load, 1, Product::Kafka);
    for id in cluster.ids() {
        hand_over(&mut cluster, &load, id, Product::Klamm);
    }
    cluster.create_topic("afterwards", 3);
    load.reckon(&mut cluster, "");
}

#[test]
fn an_apache_cluster_becomes_klamm_node_by_node() {
    migrate(Quorum::Dynamic);
}

#[test]
fn an_apache_cluster_with_named_voters_becomes_klamm_node_by_node() {
    migrate(Quorum::Static);
}
