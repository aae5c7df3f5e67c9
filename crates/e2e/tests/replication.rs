//! Partitions of several replicas: what was acknowledged outlives its leader, and replicas are equal.

#[path = "replication/cluster.rs"]
mod cluster;

use client::TopicPartition;
use cluster::{Cluster, on_runtime, produce_numbers, raw_fetch, raw_produce};
use e2e::Product::Klamm;
use e2e::java::{Release, class};
use e2e::process::succeed;
use e2e::wait::{self, PATIENCE};
use types::ErrorCode;

const RECORDS: usize = 3000;
const FEW: usize = 100;

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
        wait::eventually("another one leads", async || {
            cluster.state("t").await.filter(|(next, isr)| *next != leader && isr.len() == 2)
        })
        .await;
        cluster.brokers[leader].restart();
        cluster.await_in_sync("t", 3).await;
        cluster.await_equal_logs("t", RECORDS);
        let numbers = cluster::values(&cluster.segment(leader, "t"));
        assert!(numbers.into_iter().eq(0..RECORDS), "each once, in order");
    });
}

#[test]
fn what_too_few_have_is_neither_acknowledged_nor_read() {
    let mut cluster = Cluster::start(Klamm, &[Klamm; 3], "").expect("nothing else is needed");
    on_runtime(async {
        cluster.create("t", &[("min.insync.replicas", "2")]).await;
        let leader = cluster.await_in_sync("t", 3).await;
        let port = cluster.brokers[leader].port();
        assert_eq!(raw_produce(port, "t", "0", -1), ErrorCode::None);
        let followers = (0..3).filter(|index| *index != leader);
        followers.clone().for_each(|index| cluster.brokers[index].kill());
        cluster.await_in_sync("t", 1).await;
        // the controller knows first, the leader soon
        wait::eventually("too few are refused", async || {
            let refused = raw_produce(port, "t", "unwanted", -1) == ErrorCode::NotEnoughReplicas;
            refused.then_some(())
        })
        .await;
        let end = raw_fetch(port, "t", 0).1;
        assert_eq!(raw_produce(port, "t", "1", 1), ErrorCode::None, "acks=1 asks nobody else");
        assert_eq!(raw_fetch(port, "t", 0).1, end, "it is not committed and not shown");
        followers.for_each(|index| cluster.brokers[index].restart());
        cluster.await_in_sync("t", 3).await;
        wait::eventually("it is committed", async || {
            (raw_fetch(port, "t", 0).1.last().map(String::as_str) == Some("1")).then_some(())
        })
        .await;
    });
}

#[test]
fn a_leader_that_lost_an_unclean_election_cuts_what_it_alone_had() {
    let mut cluster = Cluster::start(Klamm, &[Klamm; 3], "").expect("nothing else is needed");
    on_runtime(async {
        cluster.create("t", &[("unclean.leader.election.enable", "true")]).await;
        let first = cluster.await_in_sync("t", 3).await;
        let producer = cluster.producer(&[("acks", "all")]);
        produce_numbers(&producer, "t", 0..FEW, |_| {}).await;
        let followers = (0..3).filter(|index| *index != first);
        followers.clone().for_each(|index| cluster.brokers[index].kill());
        cluster.await_in_sync("t", 1).await;
        produce_numbers(&producer, "t", 5000..5000 + FEW, |_| {}).await;
        cluster.brokers[first].kill();
        followers.for_each(|index| cluster.brokers[index].restart());
        wait::eventually("another one leads", async || {
            cluster.state("t").await.filter(|(leader, _)| *leader != first)
        })
        .await;
        let producer = cluster.producer(&[("acks", "all")]);
        produce_numbers(&producer, "t", FEW..2 * FEW, |_| {}).await;
        cluster.brokers[first].restart();
        cluster.await_in_sync("t", 3).await;
        cluster.await_equal_logs("t", 2 * FEW);
        let numbers = cluster::values(&cluster.segment(first, "t"));
        assert!(numbers.into_iter().eq(0..2 * FEW), "what only it had is gone");
    });
}

#[test]
fn a_group_goes_on_when_its_coordinator_dies() {
    const OFFSETS: &str = "__consumer_offsets";
    let more = "offsets.topic.replication.factor=3\noffsets.topic.num.partitions=1\n";
    let mut cluster = Cluster::start(Klamm, &[Klamm; 3], more).expect("nothing else is needed");
    on_runtime(async {
        cluster.create("t", &[]).await;
        produce_numbers(&cluster.producer(&[]), "t", 0..FEW, |_| {}).await;
        let mut consumer = cluster.consumer("g");
        consumer.subscribe(["t"]).expect("a topic");
        assert_eq!(cluster::consume(&mut consumer, FEW).await, FEW);
        consumer.commit().await.expect("committed");
        let coordinator = cluster.await_in_sync(OFFSETS, 3).await;
        cluster.brokers[coordinator].kill();
        let committed =
            wait::eventually("the next coordinator knows what was committed", async || {
                let offsets = cluster.admin().group_offsets("g").await.ok()?;
                offsets.get(&TopicPartition::new("t", 0)).map(|committed| committed.offset)
            })
            .await;
        assert_eq!(usize::try_from(committed), Ok(FEW));
        produce_numbers(&cluster.producer(&[]), "t", FEW..2 * FEW, |_| {}).await;
        assert_eq!(cluster::consume(&mut consumer, FEW).await, FEW);
        consumer.commit().await.expect("committed by the next coordinator");
        let next = cluster.await_in_sync(OFFSETS, 2).await;
        cluster.brokers[next].kill();
        // it is the third one whom the consumer tells that it leaves
        consumer.close(PATIENCE).await.expect("left");
    });
}

/// Runs one of Java's console clients.
fn java(main: &str, bootstrap: &str, words: &str, input: &str) -> Option<String> {
    let mut command = class(Release::Tools, &format!("org.apache.kafka.tools.{main}"))?;
    command.args(["--bootstrap-server", bootstrap]).args(words.split(' '));
    Some(succeed(&mut command, input.as_bytes()))
}

#[test]
fn consumers_are_sent_to_the_replica_in_their_rack() {
    let more = "replica.selector.class=org.apache.kafka.common.replica.RackAwareReplicaSelector\n";
    let cluster = Cluster::start(Klamm, &[Klamm; 2], more).expect("nothing else is needed");
    on_runtime(async {
        cluster.create("t", &[]).await;
        assert_eq!(cluster.await_in_sync("t", 2).await, 0);
        produce_numbers(&cluster.producer(&[("acks", "all")]), "t", 0..FEW, |_| {}).await;
        let leader = cluster.brokers[0].port();
        let preferred = |rack: &str| cluster::preferred_replica(leader, "t", rack);
        assert_eq!(preferred(""), -1);
        assert_eq!(preferred(&cluster::rack(0)), -1, "the leader itself");
        assert_eq!(preferred(&cluster::rack(1)), Cluster::id(1));
        assert_eq!(preferred("elsewhere"), -1);
        wait::eventually("the follower shows what is committed", async || {
            (raw_fetch(cluster.brokers[1].port(), "t", 0).1.len() == FEW).then_some(())
        })
        .await;
        let words = format!(
            "--topic t --from-beginning --max-messages {FEW} --timeout-ms 60000 \
             --consumer-property client.rack={}",
            cluster::rack(1)
        );
        let main = "consumer.ConsoleConsumer";
        let Some(consumed) = java(main, &cluster.bootstrap(), &words, "") else { return };
        let numbers = consumed.lines().filter_map(|line| line.parse::<usize>().ok());
        assert!(numbers.eq(0..FEW), "{consumed}");
    });
}
