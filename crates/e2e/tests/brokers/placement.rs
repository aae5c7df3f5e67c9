//! Where replicas are put and who leads them: a rack each, and back to who is preferred.

use std::collections::{BTreeMap, BTreeSet};

use client::Admin;
use client::admin::NewTopic;
use e2e::cluster::ask;
use e2e::{Node, Product, wait};

use super::{Cluster, LONG_SESSIONS, await_rows, topics_of};

/// Two brokers each.
const RACKS: [&str; 3] = ["east", "north", "west"];
const PARTITIONS: i32 = 12;

/// The rack of each broker, once all are in service.
async fn racks(admin: &Admin) -> Option<BTreeMap<i32, String>> {
    let told = admin.describe_cluster(false).await.ok()?;
    let racks: BTreeMap<_, _> = told
        .brokers
        .into_iter()
        .filter_map(|broker| Some((broker.node.id, broker.node.rack?)))
        .collect();
    (racks.len() == 2 * RACKS.len()).then_some(racks)
}

/// The replicas of each partition of a topic, once they are all known.
async fn replicas(admin: &Admin, topic: &str) -> Option<Vec<Vec<i32>>> {
    let metadata = admin.metadata().await.ok()?;
    let partitions = &metadata.topic(topic)?.partitions;
    let whole = i32::try_from(partitions.len()) == Ok(PARTITIONS);
    whole.then(|| partitions.iter().map(|partition| partition.replicas.clone()).collect())
}

#[test]
fn no_two_replicas_of_a_partition_share_a_rack() {
    let product = Product::under_test();
    let Some(controller) = Node::controller(product, 1, LONG_SESSIONS) else { return };
    let start = |(id, rack)| {
        let rack = format!("broker.rack={rack}\n");
        Node::broker(product, id, controller.port(), &rack).expect("as the controller")
    };
    // in pairs: brokers that follow each other by id are no two racks
    let brokers: Vec<_> = (2..).zip(RACKS.iter().flat_map(|rack| [rack; 2])).map(start).collect();
    let seed = brokers[0].address();
    let known = "every broker is in service with its rack";
    let racks =
        ask(&seed, async |admin| wait::eventually(known, async || racks(&admin).await).await);
    for (topic, factor) in [("three", 3), ("two", 2)] {
        let new = NewTopic {
            name: topic.to_owned(),
            partitions: Some(PARTITIONS),
            replication_factor: Some(factor),
            ..NewTopic::default()
        };
        let placed = ask(&seed, async |admin| {
            let created = admin.create_topics(&[new], false).await.expect("an answer");
            assert!(created[topic].is_ok(), "{:?}", created[topic]);
            wait::eventually("its partitions are known", async || replicas(&admin, topic).await)
                .await
        });
        for replicas in &placed {
            let apart: BTreeSet<&str> = replicas.iter().map(|id| racks[id].as_str()).collect();
            assert_eq!(i16::try_from(apart.len()), Ok(factor), "{topic}: {placed:?} in {racks:?}");
        }
        let used: BTreeSet<&i32> = placed.iter().flatten().collect();
        assert_eq!(used.len(), racks.len(), "{topic}: {placed:?}");
    }
}

#[test]
fn a_broker_that_comes_back_leads_again_without_being_asked_to() {
    const EAGER: &str = "leader.imbalance.check.interval.seconds=1\n";
    let product = Product::under_test();
    let cluster = Cluster::start((product, EAGER), [product; 3], "");
    let Some(mut cluster) = cluster else { return };
    let seed = cluster.brokers[0].address();
    topics_of(&seed, &["--create", "--topic", "t", "--replica-assignment", "3:2,4:2"]);
    let describe = |topic: &str| topics_of(&seed, &["--describe", "--topic", topic]);
    await_rows(describe, "t", &["0 3 3,2 2,3", "1 4 4,2 2,4"]);
    cluster.brokers[1].kill();
    await_rows(describe, "t", &["0 2 3,2 2", "1 4 4,2 2,4"]);
    cluster.brokers[1].restart();
    await_rows(describe, "t", &["0 3 3,2 2,3", "1 4 4,2 2,4"]);
}
