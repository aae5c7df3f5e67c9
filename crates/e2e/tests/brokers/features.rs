//! A cluster that was formatted for an older release is raised while it runs, and lowered where that
//! loses nothing: what the tool is told, and what the controller and brokers of both products do then.

use e2e::klamm;
use e2e::nodes::CLUSTER;
use e2e::process::{free_port, loopback, output, succeed};
use e2e::{Node, Product, wait};

use super::topics_of;

/// No directories of replicas, no registered controllers, no eligible leaders.
const OLD: &str = "3.5";

/// A controller and two brokers, one of either product.
struct Mixed {
    controller: Node,
    brokers: [Node; 2],
}

impl Mixed {
    /// `None` where Java is missing.
    fn start() -> Option<Self> {
        let port = free_port();
        // voters are in the log of younger releases only
        let voters = format!("controller.quorum.voters=1@127.0.0.1:{port}\n");
        let listener = format!("listeners=CONTROLLER://127.0.0.1:{port}\n");
        let text = format!("process.roles=controller\n{listener}{voters}");
        let product = Product::under_test();
        let controller = Node::unformatted(product, 1, loopback(port), &text)?;
        let mut controller = controller.formatted(CLUSTER, &["--release-version", OLD])?;
        controller.restart();
        let broker = |product, id| Node::broker(product, id, port, &voters);
        let brokers = [broker(product, 2)?, broker(Product::Kafka, 3)?];
        Some(Self { controller, brokers })
    }

    /// The tool at one of the brokers: how it ended, and what it said.
    fn features(&self, broker: usize, words: &str) -> (bool, String) {
        let mut tool = klamm::tool("kafka-features");
        tool.args(["--bootstrap-server", &self.brokers[broker].address()]);
        let ended = output(tool.args(words.split(' ')), b"");
        let told = [ended.stdout, ended.stderr].concat();
        (ended.status.success(), String::from_utf8_lossy(&told).into_owned())
    }

    /// Waits until each broker says that a feature has a level.
    fn await_level(&self, feature: &str, level: &str) {
        for broker in 0..self.brokers.len() {
            wait::until(&format!("{feature} is {level} to broker {broker}"), || {
                let (_, told) = self.features(broker, "describe");
                let row = told.lines().find(|line| line.contains(&format!(" {feature} ")))?;
                let (_, found) = row.split_once("FinalizedVersionLevel: ")?;
                (found.split_whitespace().next() == Some(level)).then_some(())
            });
        }
    }

    fn topics(&self, broker: usize, words: &str) -> String {
        let words: Vec<&str> = words.split(' ').collect();
        topics_of(&self.brokers[broker].address(), &words)
    }

    /// The records of a type that the controller has written, in JSON.
    fn records(&self, kind: &str) -> Vec<String> {
        let log = self.controller.metadata().join("00000000000000000000.log");
        let mut dump = klamm::tool("kafka-dump-log");
        let dumped = succeed(dump.args(["--cluster-metadata-decoder", "--files"]).arg(log), b"");
        let kind = format!("\"type\":\"{kind}\"");
        let of_kind = dumped.lines().filter(|line| line.contains(&kind));
        of_kind.filter_map(|line| Some(line.split_once("payload: ")?.1.to_owned())).collect()
    }

    /// Waits until a broker shows one partition of a topic like this.
    fn await_row(&self, broker: usize, topic: &str, expected: &str) {
        let mut shown = String::new();
        let row = wait::within(wait::PATIENCE, || {
            shown = self.topics(broker, &format!("--describe --topic {topic}"));
            shown.contains(expected).then_some(())
        });
        assert!(row.is_some(), "{expected} is not in\n{shown}");
    }
}

#[test]
fn a_cluster_of_an_older_release_is_raised_and_lowered_while_it_runs() {
    let Some(mut cluster) = Mixed::start() else { return };
    cluster.await_level("metadata.version", "3.5-IV2");
    let create = "--create --replica-assignment 2:3 --config min.insync.replicas=2 --topic";
    wait::until("a topic of the older release is there", || {
        cluster.topics(0, &format!("{create} old"));
        cluster.topics(0, "--list").lines().any(|line| line == "old").then_some(())
    });
    assert!(cluster.records("REGISTER_CONTROLLER_RECORD").is_empty());
    let placed = cluster.records("PARTITION_RECORD");
    assert!(placed.len() == 1 && !placed[0].contains("directories"), "{placed:?}");

    for (words, succeeds, expected) in [
        (
            "upgrade --feature eligible.leader.replicas.version=1",
            false,
            "depends on metadata.version level 23",
        ),
        ("upgrade --metadata 4.2-IV1", true, "metadata.version was upgraded to 29."),
        (
            "upgrade --feature eligible.leader.replicas.version=1",
            true,
            "eligible.leader.replicas.version was upgraded to 1.",
        ),
        ("upgrade --feature group.version=1", true, "group.version was upgraded to 1."),
    ] {
        let (succeeded, told) = cluster.features(0, words);
        assert!(succeeded == succeeds && told.contains(expected), "{words}: {told}");
    }
    for (feature, level) in [
        ("metadata.version", "4.2-IV1"),
        ("eligible.leader.replicas.version", "1"),
        ("group.version", "1"),
    ] {
        cluster.await_level(feature, level);
    }
    wait::until("the controller has registered itself", || {
        (!cluster.records("REGISTER_CONTROLLER_RECORD").is_empty()).then_some(())
    });
    // brokers register anew, with their directories
    wait::until("both brokers have said where their replicas are", || {
        let told = cluster.records("REGISTER_BROKER_RECORD");
        let has_told = |id| {
            let of_it = format!("\"brokerId\":{id},");
            told.iter().any(|record| record.contains(&of_it) && names_directories(record, 1))
        };
        (has_told(2) && has_told(3)).then_some(())
    });
    cluster.topics(0, &format!("{create} new"));
    cluster.await_row(1, "new", "Isr: 2,3\tElr: \t");
    let placed = cluster.records("PARTITION_RECORD");
    assert!(placed.last().is_some_and(|record| names_directories(record, 2)), "{placed:?}");
    cluster.brokers[0].kill();
    cluster.await_row(1, "new", "Isr: 3\tElr: 2\t");
    cluster.brokers[0].restart();
    cluster.await_row(0, "new", "Elr: \t");

    for (words, succeeds, expected) in [
        ("downgrade --metadata 4.1-IV1", true, "metadata.version was downgraded to 27."),
        ("downgrade --metadata 3.5-IV2", false, "it might delete metadata information"),
        ("downgrade --feature group.version=0", true, "group.version was downgraded to 0."),
    ] {
        let (succeeded, told) = cluster.features(0, words);
        assert!(succeeded == succeeds && told.contains(expected), "{words}: {told}");
    }
    for (feature, level) in [("metadata.version", "4.1-IV1"), ("group.version", "0")] {
        cluster.await_level(feature, level);
    }
}

/// Whether a record names so many directories, and each is one.
fn names_directories(record: &str, count: usize) -> bool {
    const UNASSIGNED: &str = "AAAAAAAAAAAAAAAAAAAAAA";
    let list = |key: &str| record.split_once(&format!("\"{key}\":["))?.1.split_once(']');
    let Some((ids, _)) = list("directories").or_else(|| list("logDirs")) else { return false };
    ids.split(',').filter(|id| !id.is_empty() && !id.contains(UNASSIGNED)).count() == count
}
