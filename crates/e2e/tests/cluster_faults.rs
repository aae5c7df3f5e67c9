//! Nodes that come back as another one, without their data, with too little of it, or in another time:
//! they are turned away or mended, and what was acknowledged stays. `E2E_PRODUCT=kafka` asks the same
//! of Apache Kafka.

#[path = "cluster_faults/controllers.rs"]
mod controllers;
#[path = "cluster_faults/epochs.rs"]
mod epochs;
#[path = "cluster_faults/files.rs"]
mod files;

use std::net::SocketAddr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use client::admin::NewTopic;
use e2e::checker::History;
use e2e::cluster::{Plan, Role, ask};
use e2e::nodes::CLUSTER;
use e2e::raw::{Connection, PRODUCE_VERSION, batch, produce_request};
use e2e::workload::{Ours, Work, await_groups, collect};
use e2e::{Cluster, Node, Product, clock};
use types::ErrorCode;
use wire::ProduceRequest;
use wire::allocate_producer_ids_request::AllocateProducerIdsRequest;
use wire::alter_partition_request::{AlterPartitionRequest, TopicData};
use wire::broker_heartbeat_request::BrokerHeartbeatRequest;

const TOPIC: &str = "t";
const PARTITIONS: i32 = 3;
/// Who is silent is missed soon, so that a test need not wait for long.
const SOON: &str = "broker.session.timeout.ms=3000\nbroker.heartbeat.interval.ms=300\n\
     replica.lag.time.max.ms=4000\n";
const PATIENCE: Duration = Duration::from_secs(60);

/// Node 1 is the controller, nodes 2 to 4 are brokers.
fn brokers_apart() -> Plan {
    let product = Product::under_test();
    let mut plan = Plan::combined(product, 4).with(SOON);
    let roles = [Role::Controller, Role::Broker, Role::Broker, Role::Broker];
    plan.members = roles.map(|role| (product, role)).to_vec();
    plan
}

/// A producer and a group that are at work all the time.
fn start_work(cluster: &Cluster) -> Ours {
    cluster.create_topic(TOPIC, PARTITIONS);
    let settings = ["producer.delivery.timeout.ms=600000", "request.timeout.ms=5000"];
    let (topic, partitions, name) = (TOPIC, PARTITIONS, "ours");
    let work = Work { topic, partitions, rate: 100, members: 1, name, settings: &settings };
    Ours::start(&cluster.bootstrap(), &work)
}

/// Ends the work and the cluster, and holds what was told against what is on disk.
fn approve(mut cluster: Cluster, mut ours: Ours) {
    cluster.await_in_sync();
    let mut history = History { producing: vec![ours.stop_producing()], ..History::default() };
    await_groups(&cluster, TOPIC, &["ours"], &mut history);
    history.reading = vec![ours.stop_reading()];
    collect(&mut cluster, TOPIC, &mut history);
    history.approve(|| cluster.story());
}

/// The replicas of the topic that `node` is missed in.
fn is_missed(cluster: &Cluster, node: u8) -> bool {
    let Some(topic) = cluster.topic(TOPIC) else { return false };
    topic.partitions.iter().all(|partition| !partition.isr.contains(&i32::from(node)))
}

fn kill(cluster: &mut Cluster, node: u8) {
    cluster.node_mut(node).kill();
    cluster.await_state("the killed node is missed", || is_missed(cluster, node));
}

#[test]
fn a_broker_whose_directory_is_empty_or_cut_short_gets_everything_again() {
    let Some(mut cluster) = Cluster::start(&brokers_apart()) else { return };
    let ours = start_work(&cluster);
    cluster.await_state("records come in", || files::log_bytes(cluster.node(2), TOPIC) > 20_000);
    kill(&mut cluster, 2);
    cluster.node_mut(2).empty();
    cluster.node_mut(2).restart();
    cluster.await_in_sync();
    kill(&mut cluster, 3);
    files::cut_short(cluster.node(3), TOPIC);
    cluster.node_mut(3).restart();
    approve(cluster, ours);
}

#[test]
fn clocks_that_differ_by_an_hour_and_by_two_do_no_harm() {
    const HOUR: i64 = 3_600;
    let plan = Plan::combined(Product::under_test(), 3).with(SOON);
    let Some(mut cluster) = Cluster::start(&plan) else { return };
    let wrong = [(1, HOUR), (2, -HOUR)];
    for (node, seconds) in wrong {
        let Some(clock) = clock::ahead_by(seconds) else { return };
        cluster.node_mut(node).kill();
        cluster.node_mut(node).set_environment(clock);
        cluster.node_mut(node).restart();
        cluster.await_brokers();
    }
    for (node, seconds) in wrong {
        let stamped = stamp_of(&cluster, node);
        let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock behind 1970");
        let off = i128::from(stamped) - i128::try_from(now.as_millis()).expect("not so late");
        assert!((off - i128::from(seconds) * 1_000).abs() < 600_000, "{node} is {off} ms ahead");
    }
    let ours = start_work(&cluster);
    for node in cluster.ids() {
        kill(&mut cluster, node);
        cluster.node_mut(node).restart();
        cluster.await_in_sync();
    }
    approve(cluster, ours);
}

/// The time that a broker writes into a record.
fn stamp_of(cluster: &Cluster, node: u8) -> i64 {
    let name = format!("stamped-by-{node}");
    let topic = NewTopic {
        name: name.clone(),
        assignments: [(0, vec![i32::from(node)])].into(),
        configs: [
            ("message.timestamp.type".to_owned(), "LogAppendTime".to_owned()),
            ("min.insync.replicas".to_owned(), "1".to_owned()),
        ]
        .into(),
        ..NewTopic::default()
    };
    let created = cluster.ask(async |admin| admin.create_topics(&[topic], false).await);
    assert!(created.is_ok_and(|verdicts| verdicts[&name].is_ok()), "{}", cluster.story());
    let mut stamp = -1;
    cluster.await_state("a record is stamped", || {
        let batch = batch(["x"]);
        let address = cluster.node(node).address().parse().expect("an address");
        let mut connection = Connection::to(address, PATIENCE).expect("it listens");
        connection.send(&produce_request(&name, 0, &batch), PRODUCE_VERSION).expect("sent");
        let answer = connection.receive::<ProduceRequest<'_>, _>(PRODUCE_VERSION, |response| {
            let partition = &response.responses[0].partition_responses[0];
            (partition.error_code, partition.log_append_time_ms)
        });
        let (code, stamped) = answer.expect("an answer");
        stamp = stamped;
        code == 0
    });
    stamp
}

#[test]
fn a_node_on_the_directory_of_another_is_turned_away_and_harms_nothing() {
    let Some(mut cluster) = Cluster::start(&brokers_apart()) else { return };
    let ours = start_work(&cluster);
    kill(&mut cluster, 3);
    let Some(mut intruder) = broker(&cluster, 5) else { return };
    let data = cluster.node(3).data();
    files::point_to(&intruder, &data);
    intruder.launch();
    assert!(!intruder.server().await_end().success());
    // Apache Kafka has no logging backend here, and says nothing
    if Product::under_test() == Product::Klamm {
        let log = intruder.log();
        assert!(log.contains(&data.display().to_string()), "{log}");
        assert!(!log.contains("panicked"), "{log}");
    }
    cluster.node_mut(3).restart();
    approve(cluster, ours);
}

/// A broker of the cluster's that is not started, on an empty directory.
fn broker(cluster: &Cluster, id: i32) -> Option<Node> {
    Node::unformatted_broker(Product::under_test(), id, controller(cluster).port(), SOON)
}

fn controller(cluster: &Cluster) -> SocketAddr {
    cluster.controllers().parse().expect("one address")
}

/// What the controller answers to requests that a run of a broker sends itself.
fn asked_by(cluster: &Cluster, broker: u8, broker_epoch: i64) -> [ErrorCode; 3] {
    let broker_id = broker.into();
    let heartbeat =
        BrokerHeartbeatRequest { broker_id, broker_epoch, ..BrokerHeartbeatRequest::default() };
    // Apache Kafka looks at nothing where nothing is asked for
    let topics = vec![TopicData::default()];
    let proposal = AlterPartitionRequest { broker_id, broker_epoch, topics };
    let allocation = AllocateProducerIdsRequest { broker_id, broker_epoch };
    let mut connection = Connection::to(controller(cluster), PATIENCE).expect("it listens");
    connection.send(&heartbeat, 1).expect("sent");
    connection.send(&proposal, 3).expect("sent");
    connection.send(&allocation, 0).expect("sent");
    let codes = [
        connection.receive::<BrokerHeartbeatRequest, _>(1, |response| response.error_code),
        connection.receive::<AlterPartitionRequest, _>(3, |response| response.error_code),
        connection.receive::<AllocateProducerIdsRequest, _>(0, |response| response.error_code),
    ];
    codes.map(|code| ErrorCode::from_wire(code.expect("an answer")))
}

#[test]
fn an_older_run_of_a_broker_has_no_say() {
    let Some(mut cluster) = Cluster::start(&brokers_apart()) else { return };
    let ours = start_work(&cluster);
    let older = epochs::of(&cluster, 4);
    cluster.node_mut(4).pause();
    cluster.await_state("the paused node is missed", || is_missed(&cluster, 4));
    // its successor has another machine, and other ports
    let successor = broker(&cluster, 4).and_then(|node| node.formatted(CLUSTER, &[]));
    let mut successor = successor.expect("there is what the cluster needs");
    successor.restart();
    // a paused broker tells nothing
    cluster.await_state("its successor is in sync", || {
        let Some(topic) = cluster.topic(TOPIC) else { return false };
        topic.partitions.iter().all(|partition| partition.isr.len() == partition.replicas.len())
    });
    let newer = epochs::of(&cluster, 4);
    assert!(older > 0 && older < newer, "{older} {newer}");
    assert_eq!(asked_by(&cluster, 4, older), [ErrorCode::StaleBrokerEpoch; 3]);
    // whoever leads has its metadata after the controller
    cluster.await_state("a leader has heard of the newer run", || {
        epochs::fetched(&cluster, TOPIC, 4, older) == Some(ErrorCode::NotLeaderOrFollower)
    });
    // who is in sync may change between the questions
    cluster.await_state("the older run is not let in", || {
        let code = epochs::let_in(&cluster, TOPIC, 4, older);
        assert_ne!(code, Some(ErrorCode::None), "{}", cluster.story());
        code == Some(ErrorCode::IneligibleReplica)
    });
    cluster.node_mut(4).resume();
    match Product::under_test() {
        // it ends, so that it does not take for its own what its successor leads
        Product::Klamm => {
            assert!(!cluster.node_mut(4).server().await_end().success());
            let log = cluster.node(4).log();
            assert!(log.contains("another process has registered with this node's id"), "{log}");
        }
        // it lives on, and says what it is told in a log that the suites do without
        Product::Kafka | Product::KafkaToMeasure => {}
    }
    let asked = successor.address();
    cluster.await_state("its successor is in service", || {
        let told = ask(&asked, async |admin| admin.describe_cluster(false).await);
        told.is_ok_and(|told| told.brokers.len() == 3)
    });
    // the first run goes on where the second leaves
    cluster.node_mut(4).kill();
    assert!(successor.terminate().success() || Product::under_test() != Product::Klamm);
    cluster.node_mut(4).restart();
    approve(cluster, ours);
}
