//! Partitions of several replicas: what was acknowledged outlives its leader, and replicas are equal.

#[path = "replication/cluster.rs"]
mod cluster;

use cluster::{Cluster, on_runtime, produce_numbers};
use e2e::Product::Klamm;

const RECORDS: usize = 3000;

#[test]
fn nothing_acknowledged_is_lost_with_its_leader() {
    let mut cluster = Cluster::start(Klamm, &[Klamm; 3], "").expect("nothing else is needed");
    on_runtime(async {
        cluster.create("t", &[("min.insync.replicas", "2")]).await;
        let leader = cluster.await_in_sync("t", 3).await;
        let producer = cluster.producer(&[("acks", "all"), ("batch.size", "200")]);
        produce_numbers(&producer, "t", 0..RECORDS, |number| {
            if number == RECORDS / 2 {
                cluster.brokers[leader].kill();
            }
        })
        .await;
        let next = cluster.await_in_sync("t", 2).await;
        assert_ne!(next, leader, "another one leads");
        cluster.brokers[leader].restart();
        cluster.await_in_sync("t", 3).await;
        cluster.await_equal_logs("t", RECORDS);
        let numbers = cluster::values(&cluster.segment(leader, "t"));
        assert!(numbers.into_iter().eq(0..RECORDS), "each once, in order");
    });
}
