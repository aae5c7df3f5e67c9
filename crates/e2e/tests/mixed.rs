//! Nodes of Klamm and of Apache Kafka in one cluster, for minutes: brokers replicate each other's
//! partitions, whoever the controllers are, and nothing acknowledged is lost or doubled when either
//! kind is killed; controllers take each other's snapshots.

#[path = "quorum/steps.rs"]
mod steps;

use std::path::PathBuf;

use client::admin::{ConfigEntry, ConfigResource, NewTopic, ResourceKind};
use e2e::cluster::{Plan, Quorum, Role};
use e2e::workload::Load;
use e2e::{Cluster, Product};
use steps::{EAGER_SNAPSHOTS, create, make_lead, plan, snapshots};

/// The log begins at the newest snapshot but one.
const FEW_SNAPSHOTS: &str = "metadata.max.retention.bytes=1\n";
const FIRST: &str = "first";
const CONFIG: (&str, &str) = ("retention.ms", "7654321");
/// Controllers are 1 to 3.
const BROKER: u8 = 4;

/// Each node is killed in turn, brokers once they lead: among them three controllers, and with them
/// whoever leads the quorum.
fn replicate_side_by_side(members: Vec<(Product, Role)>) {
    if !Load::is_possible() {
        return;
    }
    let plan = Plan { members, ..Plan::combined(Product::Klamm, 0) };
    assert_eq!(plan.quorum, Quorum::Dynamic);
    let Some(mut cluster) = Cluster::start(&plan) else { return };
    let load = Load::start(&cluster);
    load.await_progress();
    for id in cluster.ids() {
        if cluster.brokers().contains(&id) {
            await_leadership(&cluster, id);
        }
        cluster.node_mut(id).kill();
        load.await_progress();
        cluster.node_mut(id).restart();
        cluster.await_brokers();
        cluster.await_in_sync();
    }
    load.reckon(&mut cluster, "");
}

/// Waits until a broker leads something: it is asked to where it is preferred.
fn await_leadership(cluster: &Cluster, id: u8) {
    cluster.await_state(&format!("node {id} leads a partition"), || {
        // preferred leaders; nothing to do is no error here
        let _ = cluster.ask(async |admin| admin.elect_leaders(false, None).await);
        cluster.leaders("load").contains(&Some(i32::from(id)))
    });
}

#[test]
fn a_klamm_broker_leads_and_follows_among_apache_brokers_and_controllers() {
    replicate_side_by_side(vec![
        (Product::Kafka, Role::Controller),
        (Product::Kafka, Role::Both),
        (Product::Kafka, Role::Both),
        (Product::Klamm, Role::Broker),
    ]);
}

#[test]
fn an_apache_broker_leads_and_follows_among_klamm_brokers_and_controllers() {
    replicate_side_by_side(vec![
        (Product::Klamm, Role::Controller),
        (Product::Klamm, Role::Both),
        (Product::Klamm, Role::Both),
        (Product::Kafka, Role::Broker),
    ]);
}

/// A leader whose log begins behind a snapshot gives its newest one, written by itself, to a controller
/// that has lost its directory, and that then counts for a majority, and knows what was there before.
#[test]
fn klamm_and_apache_kafka_take_each_others_snapshots() {
    let (controllers, broker) = ([Product::Klamm, Product::Klamm, Product::Kafka], Product::Klamm);
    let settings = format!("{EAGER_SNAPSHOTS}{FEW_SNAPSHOTS}");
    let plan = plan(controllers, broker, Quorum::Static, &settings);
    let Some(mut cluster) = Cluster::start(&plan) else { return };
    create_first(&cluster);
    // Apache Kafka's log begins anew with the snapshot that it takes first
    for (teacher, emptied) in [(1, 3), (3, 1)] {
        await_snapshot_and_no_beginning(&cluster, teacher);
        make_lead(&mut cluster, teacher);
        cluster.node_mut(emptied).kill();
        cluster.node_mut(emptied).empty();
        cluster.node_mut(emptied).restart();
        cluster.await_state(&format!("{emptied} has taken a snapshot"), || {
            log_start(&cluster, emptied) > 0
        });
        cluster.node_mut(2).kill();
        create(&cluster, &format!("by-{teacher}-and-{emptied}"));
        cluster.node_mut(2).restart();
        make_lead(&mut cluster, emptied);
        await_first_from_snapshot(&mut cluster);
    }
}

/// A topic with a config, which is in every snapshot.
fn create_first(cluster: &Cluster) {
    let topic = [NewTopic {
        name: FIRST.to_owned(),
        partitions: Some(1),
        configs: [(CONFIG.0.to_owned(), CONFIG.1.to_owned())].into(),
        ..NewTopic::default()
    }];
    cluster.await_state("the first topic is created", || {
        // an attempt whose answer was lost may have been carried out
        let _ = cluster.ask(async |admin| admin.create_topics(&topic, false).await);
        cluster.topic(FIRST).is_some()
    });
}

/// A broker that has lost its directory learns all that it knows from the leader's snapshot.
fn await_first_from_snapshot(cluster: &mut Cluster) {
    cluster.node_mut(BROKER).kill();
    cluster.node_mut(BROKER).empty();
    cluster.node_mut(BROKER).restart();
    cluster.await_state("the broker knows what is in the snapshot", || {
        let topic = ConfigResource::new(ResourceKind::Topic, FIRST);
        let configs = cluster.ask(async |admin| admin.describe_configs(&topic, false).await);
        let is_told = |entry: &ConfigEntry| {
            (entry.name.as_str(), entry.value.as_deref()) == (CONFIG.0, Some(CONFIG.1))
        };
        configs.is_ok_and(|configs| configs.iter().any(is_told)) && cluster.topic(FIRST).is_some()
    });
}

/// Creates topics until a controller has written a snapshot and its log begins behind an older one,
/// which it has deleted, or begins with the one that it took.
fn await_snapshot_and_no_beginning(cluster: &Cluster, id: u8) {
    let kept = || snapshots(&cluster.node(id).metadata());
    let (before, mut oldest, mut topics) = (kept(), None, 0);
    cluster.await_state(&format!("{id} has written a snapshot"), || {
        topics += 1;
        create(cluster, &format!("before-{id}-{topics}"));
        let kept = kept();
        let oldest: &PathBuf = match (&mut oldest, kept.first()) {
            (Some(oldest), _) => oldest,
            (None, None) => return false,
            (none, Some(first)) => none.insert(first.clone()),
        };
        let has_no_beginning = log_start(cluster, id) > 0 || !kept.contains(oldest);
        has_no_beginning && kept.last() != before.last()
    });
}

/// The first offset that a controller's segments hold.
fn log_start(cluster: &Cluster, id: u8) -> i64 {
    let files = std::fs::read_dir(cluster.node(id).metadata()).into_iter().flatten().flatten();
    let name = |file: std::fs::DirEntry| file.file_name().into_string().ok();
    let base = |name: String| name.strip_suffix(".log")?.parse().ok();
    files.filter_map(name).filter_map(base).min().unwrap_or_default()
}
