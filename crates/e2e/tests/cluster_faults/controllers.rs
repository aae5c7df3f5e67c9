//! The same for the quorum: voters without their log, and controllers that do not belong.

use client::admin::{ControllerEndpoint, NewTopic, Quorum, QuorumReplica};
use e2e::cluster::{self, Plan, Role};
use e2e::nodes::CLUSTER;
use e2e::process::{free_port, loopback};
use e2e::{Cluster, Node, Product};

use super::{SOON, files};

const BROKER: u8 = 4;
const JOINING: &[&str] = &["--no-initial-controllers"];

/// Nodes 1 to 3 are the quorum, node 4 is a broker.
fn quorum() -> Option<Cluster> {
    let product = Product::under_test();
    let mut members = vec![(product, Role::Controller); 3];
    members.push((product, Role::Broker));
    let properties = format!(
        "{SOON}default.replication.factor=1\nmin.insync.replicas=1\n\
         initial.broker.registration.timeout.ms=180000\n"
    );
    Cluster::start(&Plan { members, quorum: cluster::Quorum::Dynamic, properties })
}

/// Creates a topic, however often that must be tried while the quorum elects.
fn create(cluster: &Cluster, name: &str) {
    cluster.await_state(&format!("the topic {name} is created"), || {
        let topic = NewTopic { name: name.to_owned(), partitions: Some(3), ..NewTopic::default() };
        let created = cluster.ask(async |admin| admin.create_topics(&[topic], false).await);
        // an attempt whose answer was lost may have been carried out
        let _ = created;
        cluster.topic(name).is_some()
    });
}

fn describe(cluster: &Cluster) -> Option<Quorum> {
    cluster.ask(async |admin| admin.describe_quorum().await.ok())
}

/// A node among voters or observers.
fn find(replicas: &[QuorumReplica], id: u8) -> Option<&QuorumReplica> {
    replicas.iter().find(|replica| replica.id == i32::from(id))
}

#[test]
fn a_voter_whose_log_is_cut_short_gets_it_again() {
    let Some(mut cluster) = quorum() else { return };
    create(&cluster, "first");
    for voter in [1, 2, 3] {
        cluster.node_mut(voter).kill();
        create(&cluster, &format!("without-{voter}"));
        files::cut_metadata_short(cluster.node(voter));
        cluster.node_mut(voter).restart();
        create(&cluster, &format!("with-{voter}"));
        cluster.await_state("the controllers' logs are equal", || {
            let logs = [1, 2, 3].map(|id| files::metadata_of(cluster.node(id)));
            !logs[0].is_empty() && logs[0] == logs[1] && logs[1] == logs[2]
        });
    }
}

/// With another disk a node is another voter (KIP-853): it copies the log, and votes once it is added.
#[test]
fn a_voter_whose_directory_is_empty_votes_again_when_it_is_added() {
    const EMPTIED: u8 = 3;
    let Some(mut cluster) = quorum() else { return };
    create(&cluster, "first");
    let before = describe(&cluster).expect("the quorum is whole");
    let old = find(&before.voters, EMPTIED).expect("it votes").directory;
    let endpoints: Vec<ControllerEndpoint> = before.endpoints[&i32::from(EMPTIED)].clone();
    cluster.node_mut(EMPTIED).kill();
    files::empty(cluster.node(EMPTIED));
    cluster.node(EMPTIED).format(CLUSTER, JOINING).expect("it was formatted before");
    cluster.node_mut(EMPTIED).restart();
    create(&cluster, "second");
    let mut observer = old;
    cluster.await_state("it observes, and does not vote", || {
        let Some(now) = describe(&cluster) else { return false };
        let votes = find(&now.voters, EMPTIED).is_some_and(|voter| voter.directory == old);
        let observes = find(&now.observers, EMPTIED).filter(|_| votes);
        observes.is_some_and(|found| {
            observer = found.directory;
            found.log_end_offset >= before.high_watermark
        })
    });
    assert_ne!(observer, old);
    let id = i32::from(EMPTIED);
    cluster.await_state("its former self is removed", || {
        let removed = cluster.ask(async |admin| admin.remove_voter(id, old).await);
        // an attempt whose answer was lost may have been carried out
        let _ = removed;
        describe(&cluster).is_some_and(|now| find(&now.voters, EMPTIED).is_none())
    });
    cluster.await_state("it votes", || {
        let added = cluster.ask(async |admin| admin.add_voter(id, observer, &endpoints).await);
        let _ = added;
        let now = describe(&cluster);
        now.is_some_and(|now| {
            find(&now.voters, EMPTIED).is_some_and(|voter| voter.directory == observer)
        })
    });
    cluster.node_mut(1).kill();
    create(&cluster, "by-the-two-others");
}

/// A controller that is not among the cluster's nodes.
fn stranger(cluster: &Cluster, id: u8, of: &str) -> Option<Node> {
    let port = free_port();
    let text = format!(
        "process.roles=controller\nlisteners=CONTROLLER://127.0.0.1:{port}\n\
         controller.quorum.bootstrap.servers={}\n",
        cluster.controllers()
    );
    let node = Node::unformatted(Product::under_test(), id.into(), loopback(port), &text)?;
    node.formatted(of, JOINING)
}

#[test]
fn controllers_that_do_not_belong_disturb_nobody() {
    const ELSEWHERE: &str = "MkU3OEVBNTcwNTJENDM2Qg";
    let Some(cluster) = quorum() else { return };
    create(&cluster, "first");
    let before = describe(&cluster).expect("the quorum is whole");
    let leader = u8::try_from(before.leader).expect("one of three");
    let follower = 1 + leader % 3;
    let Some(mut foreign) = stranger(&cluster, 9, ELSEWHERE) else { return };
    let doubles = [leader, follower].map(|id| stranger(&cluster, id, CLUSTER));
    let mut doubles = doubles.map(|double| double.expect("there is what the others need"));
    foreign.launch();
    doubles.iter_mut().for_each(|double| double.launch());
    if Product::under_test() == Product::Klamm {
        assert!(!foreign.server().await_end().success());
        assert!(foreign.log().contains("INCONSISTENT_CLUSTER_ID"), "{}", foreign.log());
    }
    // a leader serves nobody who has its own id, and who leads may change meanwhile
    cluster.await_state("the follower's double looks on", || {
        let is_known = |now: Quorum| {
            now.leader == i32::from(follower) || find(&now.observers, follower).is_some()
        };
        describe(&cluster).is_some_and(is_known)
    });
    if Product::under_test() == Product::Klamm {
        cluster.await_state("the leader's double says why it is not served", || {
            let looks_on = |now: Quorum| find(&now.observers, leader).is_some();
            let is_told = doubles[0].log().contains("another process with this node's id leads");
            is_told || describe(&cluster).is_some_and(looks_on)
        });
    }
    create(&cluster, "second");
    let after = describe(&cluster).expect("the quorum is whole");
    let key = |voter: &QuorumReplica| (voter.id, voter.directory);
    assert!(after.voters.iter().map(key).eq(before.voters.iter().map(key)));
    doubles.iter_mut().for_each(|double| double.kill());
    let asked = cluster.node(BROKER).address();
    assert!(cluster::ask(&asked, async |admin| admin.metadata().await.is_ok()));
}
