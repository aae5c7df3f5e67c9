//! Three nodes in network namespaces: each link is cut one way and both ways, a leader is cut off,
//! and then everybody from everybody.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use e2e::checker::History;
use e2e::cluster::Plan;
use e2e::raw::{
    CREATE_VERSION, Connection, FETCH_VERSION, PRODUCE_VERSION, batch, create_request,
    fetch_request, produce_request, records,
};
use e2e::workload::{Ours, Work, await_groups, collect};
use e2e::{Cluster, Product};
use types::ErrorCode;
use wire::{CreateTopicsRequest, FetchRequest, ProduceRequest};

const TOPIC: &str = "t";
const PARTITIONS: i32 = 3;
/// Followers that are cut off are out of sync soon, so that a test need not wait for long.
const SOON: &str = "replica.lag.time.max.ms=3000\nbroker.session.timeout.ms=3000\n\
     broker.heartbeat.interval.ms=300\n";
/// What a client is told to wait that will wait in vain.
const TIMEOUT_MS: i32 = 3_000;
const TIMEOUT: Duration = Duration::from_secs(3);

fn cluster() -> Option<Cluster> {
    let cluster = Cluster::start_apart(&Plan::combined(Product::under_test(), 3).with(SOON))?;
    cluster.create_topic(TOPIC, PARTITIONS);
    Some(cluster)
}

/// Apache Kafka looks for a controller for a minute before it gives up.
const PATIENCE: Duration = Duration::from_secs(90);

fn connect(address: &str) -> Connection {
    let address = address.parse().expect("an address");
    Connection::to(address, PATIENCE).expect("nobody is cut off from clients")
}

/// Produces to one node alone: the error.
fn produce(cluster: &Cluster, node: u8, partition: i32, value: &str) -> i16 {
    let batch = batch([value]);
    let mut request = produce_request(TOPIC, partition, &batch);
    request.timeout_ms = TIMEOUT_MS;
    let mut connection = connect(&cluster.node(node).address());
    connection.send(&request, PRODUCE_VERSION).expect("sent");
    let answer = connection.receive::<ProduceRequest<'_>, _>(PRODUCE_VERSION, |response| {
        response.responses[0].partition_responses[0].error_code
    });
    answer.expect("an answer")
}

/// The values that one node alone hands out from the start of a partition.
fn read(cluster: &Cluster, node: u8, partition: i32) -> Vec<String> {
    let mut connection = connect(&cluster.node(node).address());
    connection.send(&fetch_request(TOPIC, partition, 0), FETCH_VERSION).expect("sent");
    let answer = connection.receive::<FetchRequest<'_>, _>(FETCH_VERSION, records);
    let (error, bytes) = answer.expect("an answer");
    assert_eq!(error, 0, "node {node} shows partition {partition}");
    let mut values = Vec::new();
    for batch in record::batches(&bytes) {
        record::with_scratch(|scratch| {
            for record in batch.expect("a batch").records(scratch).expect("readable records") {
                let value = record.expect("a readable record").value.unwrap_or_default();
                values.push(String::from_utf8_lossy(value).into_owned());
            }
        });
    }
    values
}

/// Creates a topic through one node alone: the error.
fn create(address: &str) -> i16 {
    let mut connection = connect(address);
    let mut request = create_request("in-vain", 1);
    request.timeout_ms = TIMEOUT_MS;
    connection.send(&request, CREATE_VERSION).expect("sent");
    let answer = connection
        .receive::<CreateTopicsRequest<'_>, _>(CREATE_VERSION, |r| r.topics[0].error_code);
    answer.expect("an answer")
}

/// Who leads a partition, as `node` has it.
fn leader(cluster: &Cluster, node: u8, partition: i32) -> Option<u8> {
    let asked = cluster.node(node).address();
    let metadata = e2e::cluster::ask(&asked, async |admin| admin.metadata().await.ok())?;
    let (leader, _) = metadata.leader(TOPIC, partition)?;
    u8::try_from(leader.id).ok()
}

/// Waits until somebody leads a partition, has taken `value`, and nothing else; tells who it is.
fn await_leader(cluster: &Cluster, partition: i32, value: &str) -> u8 {
    let mut found = None;
    cluster.await_state("a leader takes a record", || {
        found = leader(cluster, 1, partition);
        found.is_some_and(|leader| produce(cluster, leader, partition, value) == 0)
    });
    found.expect("it was awaited")
}

/// Where each partition ends. A node that is cut off still names itself as a leader: whose end is
/// behind has no say.
fn ends(cluster: &Cluster) -> BTreeMap<i32, i64> {
    let keys = (0..PARTITIONS).map(|p| client::TopicPartition::new(TOPIC, p));
    let asked = keys.map(|key| (key, client::LATEST_TIMESTAMP)).collect();
    let isolation = client::config::IsolationLevel::ReadUncommitted;
    let mut ends = BTreeMap::new();
    for node in cluster.ids() {
        let address = cluster.node(node).address();
        let list = async |admin: client::Admin| admin.list_offsets(&asked, isolation).await;
        for (key, end) in e2e::cluster::ask(&address, list).into_iter().flatten() {
            let Ok(end) = end else { continue };
            let known = ends.entry(key.partition).or_insert(end.offset);
            *known = end.offset.max(*known);
        }
    }
    ends
}

/// Waits until every partition has taken records since.
fn await_progress(cluster: &Cluster, what: &str) {
    let mut before = BTreeMap::new();
    cluster.await_state(&format!("every partition takes records {what}"), || {
        let now = ends(cluster);
        for (partition, end) in &now {
            before.entry(*partition).or_insert(*end);
        }
        let moves = |partition: i32| Some(before.get(&partition)? < now.get(&partition)?);
        (0..PARTITIONS).all(|partition| moves(partition) == Some(true))
    });
}

#[test]
fn each_link_may_be_cut_one_way_and_both_ways() {
    let Some(mut cluster) = cluster() else { return };
    let settings = ["producer.delivery.timeout.ms=600000", "request.timeout.ms=4000"];
    let (topic, partitions, name) = (TOPIC, PARTITIONS, "ours");
    let work = Work { topic, partitions, rate: 100, members: 1, name, settings: &settings };
    let mut ours = Ours::start(&cluster.bootstrap(), &work);
    for (one, other) in [(1, 2), (1, 3), (2, 3)] {
        for cuts in [&[(one, other)][..], &[(other, one)], &[(one, other), (other, one)]] {
            cuts.iter().for_each(|(from, to)| cluster.network().cut(*from, *to));
            await_progress(&cluster, &format!("without {cuts:?}"));
            cluster.network().heal_all();
        }
    }
    cluster.await_in_sync();
    let mut history = History { producing: vec![ours.stop_producing()], ..History::default() };
    await_groups(&cluster, TOPIC, &[name], &mut history);
    history.reading = vec![ours.stop_reading()];
    collect(&mut cluster, TOPIC, &mut history);
    history.approve(|| cluster.story());
}

#[test]
fn a_leader_that_is_cut_off_acknowledges_nothing_and_gives_way() {
    let Some(cluster) = cluster() else { return };
    let others = |node: u8| cluster.ids().filter(move |other| *other != node);
    for partition in 0..PARTITIONS {
        let old = await_leader(&cluster, partition, "before");
        for other in others(old) {
            cluster.network().cut(old, other);
            cluster.network().cut(other, old);
        }
        let error = produce(&cluster, old, partition, "in vain");
        assert_eq!(error, ErrorCode::RequestTimedOut.code());
        let witness = others(old).next().expect("three nodes");
        let mut elected = old;
        cluster.await_state("the others have another leader", || {
            elected = leader(&cluster, witness, partition).unwrap_or(old);
            elected != old
        });
        cluster.await_state("it takes records", || {
            produce(&cluster, elected, partition, "after") == 0
        });
        // the one that is cut off has no news, and still shows what is committed
        assert_eq!(read(&cluster, old, partition), ["before"]);
        cluster.network().heal_all();
        cluster.await_in_sync();
        let kept = read(&cluster, elected, partition);
        assert!(kept.starts_with(&["before".to_owned(), "after".to_owned()]), "{kept:?}");
        cluster.await_state("the former leader sends away who comes to it", || {
            let error = produce(&cluster, old, partition, "to a follower");
            error == ErrorCode::NotLeaderOrFollower.code()
        });
    }
}

#[test]
fn without_a_majority_reads_go_on_and_writes_time_out() {
    let Some(cluster) = cluster() else { return };
    let leaders: Vec<u8> =
        (0..PARTITIONS).map(|partition| await_leader(&cluster, partition, "before")).collect();
    let nodes: Vec<String> = cluster.ids().map(|node| cluster.node(node).address()).collect();
    for from in cluster.ids() {
        cluster.ids().filter(|to| *to != from).for_each(|to| cluster.network().cut(from, to));
    }
    // at once: one of them is the active controller until it misses the others
    let errors = std::thread::scope(|scope| {
        let asked: Vec<_> = nodes.iter().map(|node| scope.spawn(|| create(node))).collect();
        asked.into_iter().map(|answer| answer.join().expect("an answer")).collect::<Vec<_>>()
    });
    assert_eq!(errors, [ErrorCode::RequestTimedOut.code(); 3]);
    for (partition, leader) in (0..).zip(&leaders) {
        let asked = Instant::now();
        let error = produce(&cluster, *leader, partition, "in vain");
        assert_eq!(error, ErrorCode::RequestTimedOut.code(), "partition {partition}");
        assert!(asked.elapsed() > TIMEOUT / 2, "it waits for others before it gives up");
        assert_eq!(read(&cluster, *leader, partition), ["before"], "partition {partition}");
    }
    cluster.network().heal_all();
    cluster.await_brokers();
    cluster.await_in_sync();
    // a request that outlived the cut may have been carried out without an answer
    cluster.await_state("topics are created again", || {
        let error = create(&nodes[0]);
        error == 0 || error == ErrorCode::TopicAlreadyExists.code()
    });
    for partition in 0..PARTITIONS {
        cluster.await_state("partitions take records again", || {
            let leader = leader(&cluster, 1, partition);
            leader.is_some_and(|leader| produce(&cluster, leader, partition, "after") == 0)
        });
    }
}
