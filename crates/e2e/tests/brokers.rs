//! Brokers of one cluster come and go: killed, paused, stopped in order, started again.

#[path = "brokers/features.rs"]
mod features;
#[path = "brokers/placement.rs"]
mod placement;

use e2e::java::{Release, class};
use e2e::process::{output, succeed};
use e2e::{Node, Product, klamm, wait};
use rustix::process::Signal;

/// Sessions that outlive the test: who is fenced is so for another reason.
const LONG_SESSIONS: &str = "broker.session.timeout.ms=600000\n";

/// One controller, node 1, and the brokers 2, 3 and 4.
struct Cluster {
    controller: Node,
    brokers: Vec<Node>,
}

impl Cluster {
    /// The controllers' and the brokers' properties. `None` where a product of it is missing.
    fn start(controller: (Product, &str), brokers: [Product; 3], more: &str) -> Option<Self> {
        let controller = Node::controller(controller.0, 1, controller.1)?;
        let port = controller.port();
        let start = |(id, product)| Node::broker(product, id, port, more);
        let brokers = (2..).zip(brokers).map(start).collect::<Option<Vec<_>>>()?;
        let cluster = Self { controller, brokers };
        wait::until("all brokers are in service", || {
            (cluster.fenced(0) == ["2:false", "3:false", "4:false"]).then_some(())
        });
        Some(cluster)
    }

    /// Of our own processes alone.
    fn klamm(controller: &str, more: &str) -> Self {
        let brokers = [Product::Klamm; 3];
        Self::start((Product::Klamm, controller), brokers, more).expect("it is Klamm")
    }

    /// Every broker and whether it is fenced, as the broker at `index` tells.
    fn fenced(&self, index: usize) -> Vec<String> {
        let mut command = klamm::tool("kafka-cluster");
        let address = self.brokers[index].address();
        command.args([
            "list-endpoints",
            "--bootstrap-server",
            &address,
            "--include-fenced-brokers",
        ]);
        let listed = output(&mut command, b"");
        let listed = String::from_utf8_lossy(&listed.stdout).into_owned();
        let mut rows: Vec<String> = listed.lines().filter_map(row).collect();
        rows.sort_unstable();
        rows
    }

    fn await_fenced(&self, index: usize, expected: [&str; 3]) {
        wait::until("brokers are fenced and let in", || {
            (self.fenced(index) == expected).then_some(())
        });
    }
}

/// One of Java's tools, of the release before, against the cluster. `None` where there is no Java.
fn java(main: &str, bootstrap: &str, words: &[&str]) -> Option<String> {
    let mut command = class(Release::Tools, &format!("org.apache.kafka.tools.{main}"))?;
    command.args(["--bootstrap-server", bootstrap]).args(words);
    Some(succeed(&mut command, b""))
}

/// Our own tool, which is there sooner.
fn topics_of(bootstrap: &str, words: &[&str]) -> String {
    let mut command = klamm::tool("kafka-topics");
    let result = output(command.args(["--bootstrap-server", bootstrap]).args(words), b"");
    String::from_utf8_lossy(&result.stdout).into_owned()
}

/// `2 127.0.0.1 9092 null unfenced broker` becomes `2:false`.
fn row(line: &str) -> Option<String> {
    let words: Vec<_> = line.split_whitespace().collect();
    let id = words.first().filter(|id| id.parse::<i32>().is_ok())?;
    Some(format!("{id}:{}", words.contains(&"fenced")))
}

#[test]
fn a_killed_broker_is_fenced_at_once_whatever_its_session() {
    let mut cluster = Cluster::klamm(LONG_SESSIONS, "");
    cluster.brokers[1].kill();
    cluster.await_fenced(0, ["2:false", "3:true", "4:false"]);
    assert!(cluster.controller.log().contains("its process is gone"));
    cluster.brokers[1].restart();
    cluster.await_fenced(0, ["2:false", "3:false", "4:false"]);
}

#[test]
fn a_broker_that_is_started_again_need_not_wait_for_its_former_session() {
    let mut cluster = Cluster::klamm(LONG_SESSIONS, "");
    for _ in 0..3 {
        cluster.brokers[1].kill();
        cluster.brokers[1].restart();
        // its port is open before it is in service; when it answers, it is
        assert_eq!(cluster.fenced(1), ["2:false", "3:false", "4:false"]);
    }
}

#[test]
fn a_paused_broker_is_fenced_by_its_session_and_let_in_when_it_goes_on() {
    let mut cluster = Cluster::klamm("", "");
    cluster.brokers[1].server().signal(Signal::STOP);
    cluster.await_fenced(0, ["2:false", "3:true", "4:false"]);
    assert!(cluster.controller.log().contains("it was not heard of"));
    cluster.brokers[1].server().signal(Signal::CONT);
    cluster.await_fenced(0, ["2:false", "3:false", "4:false"]);
}

/// What the controller was told about the epoch before, at the last registration of a broker.
fn previous_epoch(controller: &Node, broker: i32) -> i64 {
    let log = controller.log();
    let id = format!("broker={broker} ");
    let registered = |line: &&str| line.contains("a broker has registered") && line.contains(&id);
    let line = log.lines().rfind(registered).expect("it has registered");
    let (_, rest) = line.split_once("previous=").expect("it says so");
    rest.split_whitespace().next().expect("a number").parse().expect("a number")
}

#[test]
fn a_broker_that_stopped_in_order_says_so_when_it_comes_back() {
    let mut cluster = Cluster::klamm(LONG_SESSIONS, "");
    assert_eq!(previous_epoch(&cluster.controller, 3), -1);
    let mark = cluster.brokers[1].metadata().with_file_name(".kafka_cleanshutdown");
    assert!(cluster.brokers[1].terminate().success());
    let left = std::fs::read_to_string(&mark).expect("it has left its mark");
    cluster.brokers[1].restart();
    // others may not have heard that it was away
    cluster.await_fenced(1, ["2:false", "3:false", "4:false"]);
    let previous = previous_epoch(&cluster.controller, 3);
    assert!(previous > 0);
    assert_eq!(left, format!("{{\"version\":0,\"brokerEpoch\":{previous}}}"));
    assert!(!mark.exists(), "a crash must not look like a stop");
    cluster.brokers[1].kill();
    cluster.brokers[1].restart();
    cluster.await_fenced(1, ["2:false", "3:false", "4:false"]);
    assert_eq!(previous_epoch(&cluster.controller, 3), -1);
}

#[test]
fn a_broker_that_is_told_to_stop_ends_when_all_others_know_who_leads() {
    let mut cluster = Cluster::klamm(LONG_SESSIONS, "");
    let other = cluster.brokers[1].address();
    let words = ["--create", "--topic", "t", "--replica-assignment", "2:3,3:2"];
    topics_of(&other, &words);
    let describe = |topic: &str| topics_of(&other, &["--describe", "--topic", topic]);
    await_rows(describe, "t", &["0 2 2,3 2,3", "1 3 3,2 2,3"]);
    assert!(cluster.brokers[0].terminate().success());
    assert_eq!(rows(&describe("t"), "t"), ["0 3 2,3 3", "1 3 3,2 3"], "without a wait");
    cluster.await_fenced(2, ["2:true", "3:false", "4:false"]);
}

/// What is left to do where brokers are lost for good, by our own tools.
#[test]
fn a_lost_broker_is_unregistered_and_what_it_alone_had_is_led_uncleanly() {
    let mut cluster = Cluster::klamm(LONG_SESSIONS, "");
    let seed = cluster.brokers[0].address();
    topics_of(&seed, &["--create", "--topic", "t", "--replica-assignment", "3:4"]);
    let describe = |topic: &str| topics_of(&seed, &["--describe", "--topic", topic]);
    await_rows(describe, "t", &["0 3 3,4 3,4"]);
    cluster.brokers[2].kill();
    await_rows(describe, "t", &["0 3 3,4 3"]);
    cluster.brokers[1].kill();
    cluster.await_fenced(0, ["2:false", "3:true", "4:true"]);
    cluster.brokers[2].restart();
    cluster.await_fenced(0, ["2:false", "3:true", "4:false"]);
    let ours = |name: &str, words: &[&str]| {
        let mut tool = klamm::tool(name);
        succeed(tool.args(words).args(["--bootstrap-server", &seed]), b"")
    };
    wait::until("nobody leads", || describe("t").contains("Leader: none").then_some(()));
    let words = ["--election-type", "unclean", "--topic", "t", "--partition", "0"];
    let elected = ours("kafka-leader-election", &words);
    let done = "Successfully completed leader election (UNCLEAN) for partitions t-0";
    assert!(elected.contains(done), "{elected}");
    await_rows(describe, "t", &["0 4 3,4 4"]);
    let told = ours("kafka-cluster", &["unregister", "--id", "3"]);
    assert_eq!(told.trim(), "Broker 3 is no longer registered.");
    wait::until("nobody knows it any more", || {
        (cluster.fenced(0) == ["2:false", "4:false"]).then_some(())
    });
}

/// Apache's brokers copy partitions from each other, and a Klamm controller says who leads, who is
/// in sync and what moves, to tools of another release.
#[test]
fn apache_brokers_replicate_and_javas_tools_move_and_elect_under_a_klamm_controller() {
    let brokers = [Product::Kafka, Product::Kafka, Product::Klamm];
    let quiet = format!("{LONG_SESSIONS}auto.leader.rebalance.enable=false\n");
    let Some(mut cluster) = Cluster::start((Product::Klamm, &quiet), brokers, "") else { return };
    let seed = cluster.brokers[2].address();
    let topics = |words: &[&str]| java("TopicCommand", &seed, words).expect("Java is here");
    topics(&["--create", "--topic", "both", "--replica-assignment", "2:3,3:2"]);
    topics(&["--create", "--topic", "moves", "--replica-assignment", "2"]);
    let partitions = |topic: &str| topics_of(&seed, &["--describe", "--topic", topic]);
    await_rows(partitions, "both", &["0 2 2,3 2,3", "1 3 3,2 2,3"]);
    cluster.brokers[1].kill();
    await_rows(partitions, "both", &["0 2 2,3 2", "1 2 3,2 2"]);
    let under = topics(&["--describe", "--under-replicated-partitions"]);
    assert_eq!(rows(&under, "both").len(), 2, "{under}");
    assert_eq!(topics(&["--describe", "--unavailable-partitions"]).trim(), "");
    cluster.brokers[1].restart();
    await_rows(partitions, "both", &["0 2 2,3 2,3", "1 2 3,2 2,3"]);
    let words = ["--election-type", "preferred", "--all-topic-partitions"];
    let elected = java("LeaderElectionCommand", &seed, &words).expect("Java is here");
    assert!(elected.contains("Successfully completed leader election (PREFERRED)"), "{elected}");
    await_rows(partitions, "both", &["0 2 2,3 2,3", "1 3 3,2 2,3"]);
    let plan = cluster.controller.metadata().with_file_name("plan.json");
    let moved = r#"{"version":1,"partitions":[{"topic":"moves","partition":0,"replicas":[3]}]}"#;
    std::fs::write(&plan, moved).expect("write the plan");
    let plan = plan.to_str().expect("a path");
    let reassign = |words: &[&str]| {
        let words = [&["--reassignment-json-file", plan], words].concat();
        java("reassign.ReassignPartitionsCommand", &seed, &words).expect("Java is here")
    };
    let begun = reassign(&["--execute", "--throttle", "100000000"]);
    assert!(begun.contains("Successfully started partition reassignment"), "{begun}");
    await_rows(partitions, "moves", &["0 3 3 3"]);
    wait::until("the tool sees that it is done", || {
        reassign(&["--verify"])
            .contains("Reassignment of partition moves-0 is completed")
            .then_some(())
    });
    let listed = java("reassign.ReassignPartitionsCommand", &seed, &["--list"]);
    assert!(listed.expect("Java is here").contains("No partition reassignments found."));
}

/// A topic whose records fill several batches is created as a whole or not at all, in records that
/// Apache Kafka's broker follows and its tool prints.
#[test]
fn a_decision_of_several_batches_is_a_transaction_to_apache_kafka_too() {
    const TOPIC: &str = "wide";
    let brokers = [Product::Kafka, Product::Klamm, Product::Klamm];
    let small = format!("{LONG_SESSIONS}internal.metadata.max.batch.size.in.bytes=2000\n");
    let Some(cluster) = Cluster::start((Product::Klamm, &small), brokers, "") else { return };
    let words = ["--create", "--topic", TOPIC, "--partitions", "100", "--replication-factor", "3"];
    topics_of(&cluster.brokers[1].address(), &words);
    for broker in &cluster.brokers {
        wait::until("the broker shows the topic", || {
            let described = topics_of(&broker.address(), &["--describe", "--topic", TOPIC]);
            let shown = rows(&described, TOPIC).len();
            assert!(shown == 0 || shown == 100, "{shown} of 100 partitions are shown");
            (shown == 100).then_some(())
        });
    }
    let log = cluster.controller.metadata().join("00000000000000000000.log");
    let mut dump = class(Release::Tools, "org.apache.kafka.tools.DumpLogSegments").expect("Java");
    dump.args(["--cluster-metadata-decoder", "--files"]).arg(log);
    let dumped = succeed(&mut dump, b"");
    let begin = dumped.find("Decision of several batches").expect("a transaction begins");
    let (_, transaction) = dumped.split_at(begin);
    let end = transaction.find("END_TRANSACTION_RECORD").expect("and ends");
    let (transaction, _) = transaction.split_at(end);
    let batches = transaction.matches("baseOffset: ").count();
    assert!(batches > 3, "{batches} batches begin within it:\n{transaction}");
    assert_eq!(transaction.matches("\"PARTITION_RECORD\"").count(), 100, "{transaction}");
}

/// Partition, leader, replicas and who is in sync, in order of their ids.
fn rows(described: &str, topic: &str) -> Vec<String> {
    let value = |line: &str, key: &str| {
        let (_, rest) = line.split_once(key)?;
        rest.split_whitespace().next().map(str::to_owned)
    };
    let row = |line: &str| {
        let [partition, leader, replicas, isr] =
            ["Partition: ", "Leader: ", "Replicas: ", "Isr: "].map(|key| value(line, key));
        let isr = isr?;
        let mut isr: Vec<_> = isr.split(',').collect();
        isr.sort_unstable();
        Some(format!("{} {} {} {}", partition?, leader?, replicas?, isr.join(",")))
    };
    let of_topic = |line: &&str| line.contains(&format!("Topic: {topic}\t"));
    described.lines().filter(of_topic).filter_map(row).collect()
}

fn await_rows(describe: impl Fn(&str) -> String, topic: &str, expected: &[&str]) {
    wait::until("partitions are led and in sync as they shall be", || {
        (rows(&describe(topic), topic) == expected).then_some(())
    });
}
