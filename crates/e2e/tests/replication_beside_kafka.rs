//! Partitions with a replica on Klamm and one on Apache Kafka: each leads, and each follows.

#[path = "replication/cluster.rs"]
#[allow(dead_code, reason = "each suite uses a part")]
mod cluster;

use client::TopicPartition;
use cluster::{Cluster, on_runtime, produce_numbers};
use e2e::Product::{self, Kafka, Klamm};
use e2e::wait;

const FEW: usize = 100;

/// A broker whom nobody misses too soon, however busy the machine is.
const PATIENT: &str = "replica.lag.time.max.ms=20000\n";

/// Waits until the first replica leads, and the other one has all that it has.
async fn make_first_lead(cluster: &Cluster) {
    wait::eventually("the first replica leads two", async || {
        let partition = [TopicPartition::new("t", 0)];
        let elected = cluster.admin().elect_leaders(false, Some(&partition)).await;
        // an attempt whose answer was lost may have been carried out
        let _ = elected;
        cluster.state("t").await.filter(|(leader, isr)| *leader == 0 && isr.len() == 2)
    })
    .await;
}

/// Leadership goes from Klamm to Kafka and back, and each follows the other.
fn klamm_and_kafka_replicate_to_each_other(controller: Product) {
    let Some(mut cluster) = Cluster::start(controller, &[Klamm, Kafka], PATIENT) else { return };
    let (klamm, kafka) = (0, 1);
    on_runtime(async {
        cluster.create("t", &[("min.insync.replicas", "1")]).await;
        make_first_lead(&cluster).await;
        produce_numbers(&cluster.producer(&[("acks", "all")]), "t", 0..FEW, |_| {}).await;
        cluster.await_equal_logs("t", FEW);
        make_first_lead(&cluster).await;
        cluster.brokers[klamm].kill();
        wait::eventually("Kafka leads", async || {
            cluster.state("t").await.filter(|(leader, isr)| *leader == kafka && isr.len() == 1)
        })
        .await;
        produce_numbers(&cluster.producer(&[("acks", "all")]), "t", FEW..2 * FEW, |_| {}).await;
        cluster.brokers[klamm].restart();
        cluster.await_in_sync("t", 2).await;
        cluster.await_equal_logs("t", 2 * FEW);
        make_first_lead(&cluster).await;
        let producer = cluster.producer(&[("acks", "all")]);
        produce_numbers(&producer, "t", 2 * FEW..3 * FEW, |_| {}).await;
        cluster.await_equal_logs("t", 3 * FEW);
        let numbers = cluster::values(&cluster.segment(kafka, "t"));
        assert!(numbers.into_iter().eq(0..3 * FEW), "each once, in order");
    });
}

#[test]
fn klamm_leads_and_follows_beside_kafka_under_kafkas_controller() {
    klamm_and_kafka_replicate_to_each_other(Kafka);
}

#[test]
fn kafka_leads_and_follows_beside_klamm_under_klamms_controller() {
    klamm_and_kafka_replicate_to_each_other(Klamm);
}
