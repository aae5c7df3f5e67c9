//! Who votes changes while the quorum runs: a controller with an empty directory comes back by itself,
//! static voters become dynamic ones, and one that is gone for good is forgotten.

use std::time::Duration;

use client::admin::{FeatureUpdate, FeatureUpgrade, Quorum as Description};
use e2e::cluster::{Cluster, Quorum};
use e2e::nodes::CLUSTER;
use e2e::process::{free_port, output, succeed};
use e2e::raw::Connection;
use e2e::{Product, klamm};
use types::DirectoryId;
use wire::UnregisterControllerRequest;

use super::{BROKER, create, directory_of, leader, plan};

const ALL_KLAMM: [Product; 3] = [Product::Klamm; 3];

fn start(quorum: Quorum, more: &str) -> Cluster {
    let plan = plan(ALL_KLAMM, Product::Klamm, quorum, more);
    Cluster::start(&plan).expect("nothing but Klamm is needed")
}

fn described(cluster: &Cluster) -> Option<Description> {
    cluster.ask(async |admin| admin.describe_quorum().await).ok()
}

/// The directory by which the quorum knows a voter; `None` where it is none.
fn voter(cluster: &Cluster, id: u8) -> Option<DirectoryId> {
    let quorum = described(cluster)?;
    quorum.voters.iter().find(|voter| voter.id == i32::from(id)).map(|voter| voter.directory)
}

fn await_voters(cluster: &Cluster, ids: &[i32]) {
    cluster.await_state(&format!("the voters are {ids:?}"), || {
        described(cluster).is_some_and(|quorum| {
            let mut voters: Vec<i32> = quorum.voters.iter().map(|voter| voter.id).collect();
            voters.sort_unstable();
            voters == ids
        })
    });
}

/// One that does not lead.
fn follower(cluster: &Cluster) -> u8 {
    1 + leader(cluster) % 3
}

fn remove(cluster: &Cluster, id: u8) {
    cluster.await_state(&format!("{id} votes no more"), || match voter(cluster, id) {
        Some(directory) => {
            let id = i32::from(id);
            let removed = cluster.ask(async |admin| admin.remove_voter(id, directory).await);
            // an attempt whose answer was lost may have been carried out
            let _ = removed;
            false
        }
        None => described(cluster).is_some(),
    });
}

#[test]
fn a_controller_with_an_empty_directory_takes_its_own_place_by_itself() {
    let mut cluster = start(Quorum::Dynamic, "");
    create(&cluster, "first");
    let lost = follower(&cluster);
    let before = directory_of(&cluster, lost);
    cluster.node_mut(lost).kill();
    std::fs::remove_dir_all(cluster.node(lost).data()).expect("it was formatted");
    let properties = cluster.node(lost).properties();
    let mut text = std::fs::read_to_string(&properties).expect("its own file");
    text.push_str("controller.quorum.auto.join.enable=true\n");
    std::fs::write(&properties, text).expect("its own file");
    let mut format = klamm::tool("storage");
    format.args(["format", "-t", CLUSTER, "--no-initial-controllers", "-c"]);
    succeed(format.arg(&properties), b"");
    cluster.node_mut(lost).restart();
    let after = directory_of(&cluster, lost);
    assert_ne!(before, after);
    cluster.await_state("it votes again, from its other directory", || {
        voter(&cluster, lost).is_some_and(|directory| directory.to_string() == after)
    });
    await_voters(&cluster, &[1, 2, 3]);
    let killed = leader(&cluster);
    cluster.node_mut(killed).kill();
    create(&cluster, "by-its-vote");
}

/// UpdateRaftVoter: the voters in the log are told where one of them is found.
#[test]
fn a_voter_that_comes_back_at_another_port_is_found_there() {
    let mut cluster = start(Quorum::Dynamic, "");
    create(&cluster, "first");
    let moved = follower(&cluster);
    let [before, after] = [cluster.node(moved).port(), free_port()].map(|port| format!(":{port}"));
    cluster.node_mut(moved).kill();
    let properties = cluster.node(moved).properties();
    let text = std::fs::read_to_string(&properties).expect("its own file");
    std::fs::write(&properties, text.replace(&before, &after)).expect("its own file");
    cluster.node_mut(moved).launch();
    let endpoint = format!("CONTROLLER://127.0.0.1{after}\"");
    let former = format!("{before}\"");
    let bootstrap = cluster.node(BROKER).address();
    cluster.await_state("the tool shows its other endpoint", || {
        let mut describe = klamm::tool("kafka-metadata-quorum");
        let words = ["--bootstrap-server", &bootstrap, "describe", "--status"];
        let told = output(describe.args(words), b"");
        let told = String::from_utf8_lossy(&told.stdout);
        let voters = told.lines().find(|line| line.starts_with("CurrentVoters:"));
        voters.is_some_and(|voters| voters.contains(&endpoint) && !voters.contains(&former))
    });
    await_voters(&cluster, &[1, 2, 3]);
    // the two that are left elect over the other port
    let killed = leader(&cluster);
    cluster.node_mut(killed).kill();
    create(&cluster, "by-its-vote");
}

#[test]
fn static_voters_become_dynamic_ones_that_can_be_removed() {
    let mut cluster = start(Quorum::Static, "");
    create(&cluster, "first");
    cluster.await_state("kraft.version is 1", || {
        let update = FeatureUpdate {
            name: "kraft.version".to_owned(),
            level: 1,
            upgrade: FeatureUpgrade::Upgrade,
        };
        cluster.ask(async |admin| admin.update_features(&[update], false).await).is_ok()
    });
    let removed = follower(&cluster);
    cluster.await_state("the log knows the voters' directories", || {
        (1..=3).all(|id| voter(&cluster, id).is_some_and(|directory| !directory.is_zero()))
    });
    remove(&cluster, removed);
    let left: Vec<i32> = (1..=3).filter(|id| *id != i32::from(removed)).collect();
    await_voters(&cluster, &left);
    create(&cluster, "by-two");
    // every file still names three static voters: the log counts
    for id in 1..=3 {
        cluster.node_mut(id).kill();
        cluster.node_mut(id).restart();
    }
    create(&cluster, "after");
    await_voters(&cluster, &left);
}

#[test]
fn a_controller_that_is_gone_for_good_is_unregistered() {
    let mut cluster = start(Quorum::Dynamic, "");
    create(&cluster, "first");
    let gone = follower(&cluster);
    remove(&cluster, gone);
    cluster.node_mut(gone).kill();
    let address = cluster.node(BROKER).address().parse().expect("an address");
    let mut codes = Vec::new();
    cluster.await_state("it is unregistered", || {
        let Ok(mut connection) = Connection::to(address, Duration::from_secs(30)) else {
            return false;
        };
        let request = UnregisterControllerRequest { controller_id: i32::from(gone) };
        if connection.send(&request, 0).is_err() {
            return false;
        }
        let answer =
            connection.receive::<UnregisterControllerRequest, _>(0, |response| response.error_code);
        codes.extend(answer);
        codes.last() == Some(&0)
    });
    let log = cluster.node(leader(&cluster)).metadata().join("00000000000000000000.log");
    let mut dump = klamm::tool("kafka-dump-log");
    let dumped = output(dump.args(["--cluster-metadata-decoder", "--files"]).arg(log), b"");
    let dumped = String::from_utf8_lossy(&dumped.stdout);
    let of_it = format!("\"controllerId\":{gone}");
    let is_said =
        |line: &str| line.contains("UNREGISTER_CONTROLLER_RECORD") && line.contains(&of_it);
    assert!(dumped.lines().any(is_said), "{codes:?}\n{dumped}");
}
