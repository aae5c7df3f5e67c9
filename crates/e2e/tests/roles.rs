//! Brokers and controllers in processes of their own, of Klamm and of Apache Kafka, are one cluster.

use std::path::Path;
use std::process::Command;

use e2e::java::{Release, class};
use e2e::process::{output, succeed};
use e2e::{Klamm, Node, Product, klamm, wait};

const RECORDS: usize = 200;

/// Sessions that end soon, so that a test need not wait for long.
const SHORT_SESSION: &str = "broker.session.timeout.ms=3000\nbroker.heartbeat.interval.ms=300\n";

fn with_words(mut command: Command, flag: &str, address: &str, words: &str) -> Command {
    command.args([flag, address]).args(words.split(' '));
    command
}

/// Runs one of our tools against a broker.
fn tool(name: &str, bootstrap: &str, words: &str, input: &str) -> String {
    let mut command = with_words(klamm::tool(name), "--bootstrap-server", bootstrap, words);
    succeed(&mut command, input.as_bytes())
}

/// Runs one of Java's tools. `None` where there is no Java.
fn java(main: &str, flag: &str, address: &str, words: &str) -> Option<String> {
    let command = class(Release::Tools, &format!("org.apache.kafka.tools.{main}"))?;
    Some(succeed(&mut with_words(command, flag, address, words), b""))
}

fn topics(bootstrap: &str, words: &str) -> String {
    tool("kafka-topics", bootstrap, words, "")
}

/// Keyed lines, which spread over all partitions.
fn lines(from: usize) -> String {
    (from..from + RECORDS).map(|i| format!("key-{i}:value-{i}\n")).collect()
}

fn produce(bootstrap: &str, topic: &str, from: usize) {
    let words = format!(
        "--topic {topic} --reader-property parse.key=true \
                         --reader-property key.separator=:"
    );
    tool("kafka-console-producer", bootstrap, &words, &lines(from));
}

/// Every record is there once, in whatever order the partitions come.
fn check_records(consumed: &str, records: usize) {
    let mut values: Vec<_> = consumed.lines().collect();
    values.sort_unstable();
    let mut expected: Vec<_> = (0..records).map(|i| format!("value-{i}")).collect();
    expected.sort_unstable();
    assert_eq!(values, expected);
}

fn consume(bootstrap: &str, topic: &str, records: usize) {
    let words = format!("--topic {topic} --from-beginning --max-messages {records}");
    check_records(&tool("kafka-console-consumer", bootstrap, &words, ""), records);
}

/// The same with Java's consumer, in a group.
fn consume_with_java(bootstrap: &str, topic: &str, records: usize) {
    let main = "consumer.ConsoleConsumer";
    let words = format!(
        "--topic {topic} --group g-{topic} --from-beginning --max-messages {records} \
         --timeout-ms 60000"
    );
    let Some(consumed) = java(main, "--bootstrap-server", bootstrap, &words) else { return };
    check_records(&consumed, records);
}

/// Leaders of a topic's partitions in order, as a broker tells them; `none` where nobody leads.
/// Nothing while a broker that is asked does not know the topic.
fn leaders(bootstrap: &str, topic: &str) -> Vec<String> {
    let words = format!("--describe --topic {topic}");
    let mut command =
        with_words(klamm::tool("kafka-topics"), "--bootstrap-server", bootstrap, &words);
    let described = String::from_utf8_lossy(&output(&mut command, b"").stdout).into_owned();
    let leader = |line: &str| {
        let (_, rest) = line.split_once("Leader: ")?;
        rest.split_whitespace().next().map(str::to_owned)
    };
    described.lines().filter_map(leader).collect()
}

/// Waits until a broker tells that a topic's leaders are all among `expected`, and all of those.
fn await_leaders(bootstrap: &str, topic: &str, expected: &[&str]) {
    wait::until("partitions are led by those who shall", || {
        let mut leaders = leaders(bootstrap, topic);
        leaders.sort_unstable();
        leaders.dedup();
        (leaders == expected).then_some(())
    });
}

/// Waits until a broker knows a topic: it hears of it after the controller has answered.
fn await_topic(bootstrap: &str, topic: &str) {
    wait::until("a broker knows the topic", || {
        topics(bootstrap, "--list").lines().any(|line| line == topic).then_some(())
    });
}

fn cluster(controller: &str, broker: &str) -> Option<(Node, Node, Node)> {
    let controller = Node::controller(Product::Klamm, 1, controller)?;
    let start = |id| Node::broker(Product::Klamm, id, controller.port(), broker);
    let (left, right) = (start(2)?, start(3)?);
    for broker in [&left, &right] {
        // answered once the broker is in service: topics are placed on those that are
        topics(&broker.address(), "--list");
    }
    Some((controller, left, right))
}

#[test]
fn a_controller_and_two_brokers_serve_javas_clients_and_ours() {
    let (controller, left, right) = cluster("", "").expect("nothing but Klamm is needed");
    topics(&left.address(), "--create --topic t --partitions 4");
    await_leaders(&right.address(), "t", &["2", "3"]);
    produce(&left.address(), "t", 0);
    consume(&right.address(), "t", RECORDS);
    consume_with_java(&right.address(), "t", RECORDS);
    let words = "describe --status";
    for (flag, address) in
        [("--bootstrap-server", left.address()), ("--bootstrap-controller", controller.address())]
    {
        let Some(told) = java("MetadataQuorumCommand", flag, &address, words) else { return };
        assert!(told.contains("LeaderId:               1"), "{told}");
        assert!(told.contains("{\"id\": 2,") && told.contains("{\"id\": 3,"), "{told}");
    }
    let words = "--create --topic java --partitions 2";
    java("TopicCommand", "--bootstrap-server", &right.address(), words);
    await_topic(&left.address(), "java");
    let words = "--delete --topic java";
    java("TopicCommand", "--bootstrap-server", &left.address(), words);
    wait::until("the topic is gone", || {
        (!topics(&right.address(), "--list").contains("java")).then_some(())
    });
}

#[test]
fn more_replicas_than_brokers_are_refused_in_words() {
    let (_controller, left, _right) = cluster("", "").expect("nothing but Klamm is needed");
    let words = "--create --topic t --partitions 1 --replication-factor 3";
    let create = klamm::tool("kafka-topics");
    let result = output(&mut with_words(create, "--bootstrap-server", &left.address(), words), b"");
    let told = String::from_utf8_lossy(&result.stdout).into_owned()
        + &String::from_utf8_lossy(&result.stderr);
    assert!(!result.status.success() && told.contains("only 2 broker(s)"), "{told}");
}

#[test]
fn clients_are_served_while_the_controller_is_away_and_brokers_find_it_again() {
    let (mut controller, left, right) = cluster("", "").expect("nothing but Klamm is needed");
    topics(&left.address(), "--create --topic t --partitions 4");
    await_topic(&right.address(), "t");
    produce(&left.address(), "t", 0);
    // the topic of the groups' offsets is made by the first that needs it
    consume(&left.address(), "t", RECORDS);
    controller.kill();
    // an idempotent producer needs an id, and a broker that has none left needs the controller
    let words = "--topic t --producer-property enable.idempotence=false \
                 --reader-property parse.key=true --reader-property key.separator=:";
    tool("kafka-console-producer", &right.address(), words, &lines(RECORDS));
    consume(&left.address(), "t", 2 * RECORDS);
    controller.restart();
    topics(&right.address(), "--create --topic later --partitions 2");
    await_topic(&left.address(), "later");
    await_leaders(&left.address(), "t", &["2", "3"]);
    assert!(controller.terminate().success());
    controller.restart();
    topics(&left.address(), "--delete --topic later");
    consume(&right.address(), "t", 2 * RECORDS);
}

#[test]
fn a_killed_broker_is_fenced_and_comes_back_with_its_records() {
    let (_controller, left, mut right) =
        cluster(SHORT_SESSION, SHORT_SESSION).expect("nothing but Klamm is needed");
    topics(&left.address(), "--create --topic t --partitions 4");
    await_topic(&right.address(), "t");
    produce(&left.address(), "t", 0);
    right.kill();
    await_leaders(&left.address(), "t", &["2", "none"]);
    right.restart();
    await_leaders(&left.address(), "t", &["2", "3"]);
    consume(&right.address(), "t", RECORDS);
    assert!(right.terminate().success());
    await_leaders(&left.address(), "t", &["2", "none"]);
    right.restart();
    await_leaders(&right.address(), "t", &["2", "3"]);
    consume(&left.address(), "t", RECORDS);
}

/// A silent process is fenced as a dead one is, and let in again without a restart.
#[test]
fn a_paused_broker_is_fenced_and_let_in_when_it_goes_on() {
    let (_controller, left, mut right) =
        cluster(SHORT_SESSION, SHORT_SESSION).expect("nothing but Klamm is needed");
    topics(&left.address(), "--create --topic t --partitions 4");
    right.server().signal(rustix::process::Signal::STOP);
    await_leaders(&left.address(), "t", &["2", "none"]);
    right.server().signal(rustix::process::Signal::CONT);
    await_leaders(&left.address(), "t", &["2", "3"]);
}

fn has_snapshot(folder: &Path) -> bool {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
    let mut snapshots = names.filter(|name| name.ends_with(".checkpoint"));
    snapshots.any(|name| !name.starts_with("00000000000000000000-"))
}

#[test]
fn brokers_start_from_snapshots_their_own_and_the_controllers() {
    let often = "metadata.log.max.record.bytes.between.snapshots=4000\n";
    let (controller, left, mut right) = cluster(often, often).expect("nothing but Klamm is needed");
    for topic in ["a", "b", "c", "d"] {
        topics(&left.address(), &format!("--create --topic {topic} --partitions 40"));
    }
    let folders = [controller.metadata(), right.metadata()];
    wait::until("controller and broker have snapshots", || {
        folders.iter().all(|folder| has_snapshot(folder)).then_some(())
    });
    right.kill();
    right.restart();
    await_leaders(&right.address(), "d", &["2", "3"]);
    let late = Node::broker(Product::Klamm, 4, controller.port(), "").expect("it is Klamm");
    await_leaders(&late.address(), "a", &["2", "3"]);
    assert!(has_snapshot(&late.metadata()), "it took the controller's snapshot");
    topics(&late.address(), "--create --topic e --partitions 9");
    await_leaders(&left.address(), "e", &["2", "3", "4"]);
}

#[test]
fn who_does_not_belong_to_the_cluster_is_turned_away() {
    let controller = Node::controller(Product::Klamm, 1, "").expect("it is Klamm");
    let broker = |id, more| {
        Node::unformatted_broker(Product::Klamm, id, controller.port(), more).expect("it is Klamm")
    };
    let mut unformatted = broker(2, "");
    unformatted.launch();
    assert!(!unformatted.server().await_end().success());
    assert!(unformatted.log().contains("is not formatted"), "{}", unformatted.log());

    let mut stranger = broker(2, "").formatted("MkU3OEVBNTcwNTJENDM2Qg", &[]).expect("formatted");
    stranger.launch();
    assert!(!stranger.server().await_end().success());
    assert!(stranger.log().contains("INCONSISTENT_CLUSTER_ID"), "{}", stranger.log());

    let first = Node::broker(Product::Klamm, 2, controller.port(), "").expect("it is Klamm");
    topics(&first.address(), "--list");
    let patience = "initial.broker.registration.timeout.ms=1500";
    let mut second = broker(2, patience).formatted(e2e::nodes::CLUSTER, &[]).expect("formatted");
    second.launch();
    assert!(!second.server().await_end().success());
    assert!(second.log().contains("DUPLICATE_BROKER_REGISTRATION"), "{}", second.log());
    topics(&first.address(), "--create --topic t --partitions 1");
    await_leaders(&first.address(), "t", &["2"]);
}

/// A broker beside a node of both roles that is the quorum's only voter.
fn cluster_of_both() -> (Klamm, Node) {
    let both = Klamm::start();
    topics(&both.bootstrap(), "--list");
    let cluster = std::fs::read_to_string(both.data().join("meta.properties")).expect("formatted");
    let cluster = cluster.lines().find_map(|line| line.strip_prefix("cluster.id="));
    let cluster = cluster.expect("it has an id").to_owned();
    let broker = Node::unformatted_broker(Product::Klamm, 2, both.controller_port(), "");
    let mut broker = broker.and_then(|node| node.formatted(&cluster, &[])).expect("it is Klamm");
    broker.restart();
    topics(&broker.address(), "--list");
    (both, broker)
}

#[test]
fn a_broker_joins_a_node_of_both_roles() {
    let (mut both, broker) = cluster_of_both();
    topics(&both.bootstrap(), "--create --topic t --partitions 4");
    await_topic(&broker.address(), "t");
    await_leaders(&broker.address(), "t", &["1", "2"]);
    produce(&both.bootstrap(), "t", 0);
    consume(&broker.address(), "t", RECORDS);
    consume_with_java(&both.bootstrap(), "t", RECORDS);
    both.kill();
    both.restart();
    await_leaders(&broker.address(), "t", &["1", "2"]);
    consume(&broker.address(), "t", RECORDS);
}

/// Nobody else can decide while it is away: what it leads, others must lead before it stops.
#[test]
fn the_only_voter_stops_when_others_lead_what_it_led() {
    let (mut both, broker) = cluster_of_both();
    topics(&both.bootstrap(), "--create --topic t --replica-assignment 1:2,1:2");
    await_topic(&broker.address(), "t");
    await_leaders(&broker.address(), "t", &["1"]);
    produce(&both.bootstrap(), "t", 0);
    assert!(both.terminate().success());
    assert_eq!(leaders(&broker.address(), "t"), ["2", "2"]);
    let words = "--topic t --producer-property enable.idempotence=false \
                 --reader-property parse.key=true --reader-property key.separator=:";
    tool("kafka-console-producer", &broker.address(), words, &lines(RECORDS));
    both.restart();
    topics(&both.bootstrap(), "--list");
    consume(&both.bootstrap(), "t", 2 * RECORDS);
}

#[test]
fn an_apache_broker_joins_a_klamm_controller() {
    let controller = Node::controller(Product::Klamm, 1, "").expect("it is Klamm");
    let Some(mut apache) = Node::broker(Product::Kafka, 2, controller.port(), "") else { return };
    let ours = Node::broker(Product::Klamm, 3, controller.port(), "").expect("it is Klamm");
    serve_side_by_side(&ours, &apache);
    // a JVM that is told to end says 143
    apache.terminate();
    await_leaders(&ours.address(), "t", &["3", "none"]);
    apache.restart();
    await_leaders(&ours.address(), "t", &["2", "3"]);
    consume(&ours.address(), "t", 2 * RECORDS);
}

#[test]
fn a_klamm_broker_joins_an_apache_controller() {
    let Some(mut controller) = Node::controller(Product::Kafka, 1, "") else { return };
    let mut ours = Node::broker(Product::Klamm, 3, controller.port(), "").expect("it is Klamm");
    let apache = Node::broker(Product::Kafka, 2, controller.port(), "").expect("there is Java");
    serve_side_by_side(&ours, &apache);
    assert!(ours.terminate().success());
    await_leaders(&apache.address(), "t", &["2", "none"]);
    ours.restart();
    await_leaders(&apache.address(), "t", &["2", "3"]);
    controller.kill();
    controller.restart();
    topics(&ours.address(), "--create --topic later --partitions 2");
    await_topic(&apache.address(), "later");
    consume(&apache.address(), "t", 2 * RECORDS);
}

/// A topic on both brokers, whose records go in and out through either, and groups on both.
fn serve_side_by_side(ours: &Node, apache: &Node) {
    topics(&apache.address(), "--list");
    topics(&ours.address(), "--create --topic t --partitions 4");
    await_topic(&apache.address(), "t");
    await_leaders(&apache.address(), "t", &["2", "3"]);
    produce(&ours.address(), "t", 0);
    produce(&apache.address(), "t", RECORDS);
    consume(&apache.address(), "t", 2 * RECORDS);
    consume_with_java(&ours.address(), "t", 2 * RECORDS);
    topics(&apache.address(), "--alter --topic t --partitions 6");
    wait::until("both brokers see the topic grow", || {
        let counts = [ours, apache].map(|node| leaders(&node.address(), "t").len());
        (counts == [6, 6]).then_some(())
    });
    consume(&ours.address(), "t", 2 * RECORDS);
}
