//! The throttles of a reassignment: set before it begins, cleared when it is over.

use std::collections::BTreeSet;

use client::Admin;
use client::admin::{AlterOp, ConfigChange, ConfigResource, ResourceKind};

use super::super::support::{Done, java_order};
use super::file::{Targets, join};
use super::plan::Moves;

const LEADER_RATE: &str = "leader.replication.throttled.rate";
const FOLLOWER_RATE: &str = "follower.replication.throttled.rate";
const DIRECTORY_RATE: &str = "replica.alter.log.dirs.io.max.bytes.per.second";
const LEADER_REPLICAS: &str = "leader.replication.throttled.replicas";
const FOLLOWER_REPLICAS: &str = "follower.replication.throttled.replicas";

/// Throttles what goes between brokers to so many bytes a second on each of them.
pub async fn limit_moves(admin: &Admin, moves: &Moves, rate: i64) -> Done {
    let followers = moves.throttled_followers();
    for (topic, leaders) in moves.throttled_leaders() {
        let followers = followers.get(topic).cloned().unwrap_or_default();
        let changes = [set(LEADER_REPLICAS, leaders), set(FOLLOWER_REPLICAS, followers)];
        let topic = ConfigResource::new(ResourceKind::Topic, topic);
        admin.alter_configs(&topic, &changes).await?;
    }
    let changes = [LEADER_RATE, FOLLOWER_RATE].map(|key| set(key, rate.to_string()));
    for broker in moves.brokers() {
        admin.alter_configs(&of_broker(broker), &changes).await?;
    }
    println!("The inter-broker throttle limit was set to {rate} B/s");
    Ok(())
}

/// Throttles what goes between directories of these brokers.
pub async fn limit_directories(admin: &Admin, brokers: &BTreeSet<i32>, rate: i64) -> Done {
    for broker in brokers {
        let changes = [set(DIRECTORY_RATE, rate.to_string())];
        admin.alter_configs(&of_broker(*broker), &changes).await?;
    }
    println!("The replica-alter-dir throttle limit was set to {rate} B/s");
    Ok(())
}

/// Clears every throttle of a reassignment. Where replicas came from is not known any more: all
/// brokers are cleared.
pub async fn clear(admin: &Admin, targets: &Targets) -> Done {
    let cluster = admin.describe_cluster(false).await?;
    let known = cluster.brokers.iter().map(|broker| broker.node.id);
    let brokers: BTreeSet<i32> = known.chain(targets.brokers()).collect();
    let mut brokers: Vec<i32> = brokers.into_iter().collect();
    java_order::sort_numbers(&mut brokers);
    println!(
        "Clearing broker-level throttles on broker{} {}",
        s(brokers.len()),
        join(&brokers, ",")
    );
    let changes = [LEADER_RATE, FOLLOWER_RATE, DIRECTORY_RATE].map(delete);
    for broker in brokers {
        admin.alter_configs(&of_broker(broker), &changes).await?;
    }
    let mut topics: Vec<String> = targets.topics().into_iter().collect();
    java_order::sort(&mut topics, String::as_str);
    println!("Clearing topic-level throttles on topic{} {}", s(topics.len()), topics.join(","));
    let changes = [LEADER_REPLICAS, FOLLOWER_REPLICAS].map(delete);
    for topic in topics {
        let topic = ConfigResource::new(ResourceKind::Topic, topic);
        admin.alter_configs(&topic, &changes).await?;
    }
    Ok(())
}

/// The ending of a plural.
pub fn s(count: usize) -> &'static str {
    if count == 1 { "" } else { "s" }
}

fn of_broker(id: i32) -> ConfigResource {
    ConfigResource::new(ResourceKind::Broker, id.to_string())
}

fn set(key: &str, value: String) -> ConfigChange {
    ConfigChange { name: key.to_owned(), op: AlterOp::Set, value: Some(value) }
}

fn delete(key: &str) -> ConfigChange {
    ConfigChange { name: key.to_owned(), op: AlterOp::Delete, value: None }
}
