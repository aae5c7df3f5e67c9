//! Nodes of both roles: the process that decides and leads is lost, while clients are at work.

use e2e::Product;
use e2e::checker::History;
use e2e::cluster::{Cluster, Plan};
use e2e::workload::{Ours, Work, await_groups, collect};

use super::leader;

const TOPIC: &str = "load";
const PARTITIONS: i32 = 4;

/// How often an active controller is lost.
const LOSSES: usize = 3;

/// A client that gives nothing up while nodes come and go.
const PATIENT: &[&str] = &[
    "producer.acks=all",
    "producer.enable.idempotence=true",
    "producer.delivery.timeout.ms=600000",
    "producer.max.block.ms=600000",
    "request.timeout.ms=4000",
];

#[test]
fn nothing_is_lost_with_the_active_controller_and_all_that_it_led() {
    let plan = Plan::combined(Product::Klamm, 3);
    let mut cluster = Cluster::start(&plan).expect("nothing but Klamm is needed");
    cluster.create_topic(TOPIC, PARTITIONS);
    let work = Work {
        topic: TOPIC,
        partitions: PARTITIONS,
        rate: 100,
        members: 1,
        name: "ours",
        settings: PATIENT,
    };
    let mut ours = Ours::start(&cluster.bootstrap(), &work);
    await_more(&cluster);
    for _ in 0..LOSSES {
        let lost = leader(&cluster);
        cluster.node_mut(lost).kill();
        cluster.await_state("another decides, and others lead", || {
            let leaders = cluster.leaders(TOPIC);
            let leads = |leader: &Option<i32>| leader.is_some_and(|id| id != i32::from(lost));
            leaders.iter().all(leads) && cluster.controller().is_some_and(|id| id != lost)
        });
        await_more(&cluster);
        cluster.node_mut(lost).restart();
        cluster.await_brokers();
        cluster.await_in_sync();
    }
    let mut history = History { producing: vec![ours.stop_producing()], ..History::default() };
    cluster.await_in_sync();
    await_groups(&cluster, TOPIC, &["ours"], &mut history);
    history.reading = vec![ours.stop_reading()];
    collect(&mut cluster, TOPIC, &mut history);
    history.approve(|| cluster.story());
    assert!(!history.producing[0].acknowledged.is_empty());
}

/// Waits until more records are there than now.
fn await_more(cluster: &Cluster) {
    let records = || {
        let keys = (0..PARTITIONS).map(|p| client::TopicPartition::new(TOPIC, p));
        let asked = keys.map(|key| (key, client::LATEST_TIMESTAMP)).collect();
        let isolation = client::config::IsolationLevel::ReadUncommitted;
        let listed = cluster.ask(async |admin| admin.list_offsets(&asked, isolation).await);
        let ends = listed.into_iter().flatten().filter_map(|(_, end)| end.ok());
        ends.map(|end| end.offset).sum::<i64>()
    };
    let before = records();
    cluster.await_state("records are acknowledged", || records() > before + 20);
}
