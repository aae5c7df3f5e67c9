//! Three controllers and one broker: made to lead, looked at, and commanded while they elect.

use std::path::{Path, PathBuf};

use client::admin::NewTopic;
use e2e::Product;
use e2e::cluster::{Cluster, Plan, Quorum, Role};

/// One broker, which waits for controllers in JVMs that start beside it.
const PROPERTIES: &str = "default.replication.factor=1\nmin.insync.replicas=1\n\
     offsets.topic.replication.factor=1\noffsets.topic.num.partitions=1\n\
     group.initial.rebalance.delay.ms=0\nauto.create.topics.enable=false\n\
     initial.broker.registration.timeout.ms=180000\n";

/// A snapshot after every few topics.
pub const EAGER_SNAPSHOTS: &str = "metadata.log.max.record.bytes.between.snapshots=4096\n";

pub fn plan(controllers: [Product; 3], broker: Product, quorum: Quorum, more: &str) -> Plan {
    let mut members: Vec<_> = controllers.map(|product| (product, Role::Controller)).to_vec();
    members.push((broker, Role::Broker));
    Plan { members, quorum, properties: format!("{PROPERTIES}{more}") }
}

/// Creates a topic, however often that must be tried while the quorum elects.
pub fn create(cluster: &Cluster, name: &str) {
    cluster.await_state(&format!("the topic {name} is created"), || {
        let topic = NewTopic { name: name.to_owned(), partitions: Some(3), ..NewTopic::default() };
        let created = cluster.ask(async |admin| admin.create_topics(&[topic], false).await);
        // an attempt whose answer was lost may have been carried out
        let _ = created;
        cluster.topic(name).is_some()
    });
}

pub fn leader(cluster: &Cluster) -> u8 {
    let mut leader = None;
    cluster.await_state("the quorum has a leader", || {
        leader = cluster.controller();
        leader.is_some()
    });
    leader.expect("awaited")
}

/// Leaves a quorum no choice: of the two that are left, one lacks a committed record.
pub fn make_lead(cluster: &mut Cluster, wanted: u8) {
    for attempt in 0..5 {
        let current = leader(cluster);
        if current == wanted {
            return;
        }
        let other = 6 - current - wanted;
        cluster.node_mut(other).kill();
        create(cluster, &format!("for-{wanted}-{attempt}"));
        cluster.node_mut(current).kill();
        cluster.node_mut(other).restart();
        let next = leader(cluster);
        cluster.node_mut(current).restart();
        if next == wanted {
            return;
        }
    }
    panic!("{wanted} was never elected\n{}", cluster.story());
}

/// The snapshots of a running controller, without the one that a directory is formatted with.
pub fn snapshots(folder: &Path) -> Vec<PathBuf> {
    const FORMATTED: &str = "00000000000000000000-0000000000.checkpoint";
    let files = std::fs::read_dir(folder).expect("the metadata log").flatten();
    let is_taken = |path: &PathBuf| {
        path.extension().is_some_and(|end| end == "checkpoint") && !path.ends_with(FORMATTED)
    };
    let mut found: Vec<_> = files.map(|file| file.path()).filter(is_taken).collect();
    found.sort();
    found
}
