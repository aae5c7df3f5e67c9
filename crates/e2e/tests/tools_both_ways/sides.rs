//! Three sides run every case: Java's tool on Kafka is the reference for Java's on Klamm and ours on
//! Kafka.

use std::fmt::Write;
use std::path::Path;

use e2e::klamm::tool;
use e2e::process::{Server, output};
use e2e::{Kafka, Klamm, wait};

use super::java_tools::{Ended, JavaTools};
use super::normal::normal;
use super::script::{Case, Kind, cases};

/// Kafka's name for each tool and its main class.
const CLASSES: &[(&str, &str)] = &[
    ("kafka-broker-api-versions", "org.apache.kafka.tools.BrokerApiVersionsCommand"),
    ("kafka-cluster", "org.apache.kafka.tools.ClusterTool"),
    ("kafka-configs", "kafka.admin.ConfigCommand"),
    ("kafka-console-consumer", "org.apache.kafka.tools.consumer.ConsoleConsumer"),
    ("kafka-console-producer", "org.apache.kafka.tools.ConsoleProducer"),
    ("kafka-consumer-groups", "org.apache.kafka.tools.consumer.group.ConsumerGroupCommand"),
    ("kafka-consumer-perf-test", "org.apache.kafka.tools.ConsumerPerformance"),
    ("kafka-delete-records", "org.apache.kafka.tools.DeleteRecordsCommand"),
    ("kafka-dump-log", "org.apache.kafka.tools.DumpLogSegments"),
    ("kafka-e2e-latency", "org.apache.kafka.tools.EndToEndLatency"),
    ("kafka-features", "org.apache.kafka.tools.FeatureCommand"),
    ("kafka-get-offsets", "org.apache.kafka.tools.GetOffsetShell"),
    ("kafka-log-dirs", "org.apache.kafka.tools.LogDirsCommand"),
    ("kafka-producer-perf-test", "org.apache.kafka.tools.ProducerPerformance"),
    ("kafka-storage", "kafka.tools.StorageTool"),
    ("kafka-topics", "org.apache.kafka.tools.TopicCommand"),
    ("kafka-verifiable-consumer", "org.apache.kafka.tools.VerifiableConsumer"),
    ("kafka-verifiable-producer", "org.apache.kafka.tools.VerifiableProducer"),
];

/// Whose tool runs.
enum Tools<'a> {
    Java(&'a mut JavaTools),
    Ours,
}

/// A broker that tools are pointed at.
struct Broker<'a> {
    address: &'a str,
    data: &'a Path,
    files: &'a Path,
}

/// The brokers and the JVM, and what differed so far.
pub struct Bench {
    java: JavaTools,
    kafka: Kafka,
    klamm: Klamm,
    files: tempfile::TempDir,
    differences: String,
    compared: usize,
}

impl Bench {
    /// `None` where Java or Maven is missing.
    pub fn start() -> Option<Self> {
        let (java, kafka) = (JavaTools::start()?, Kafka::start()?);
        let files = e2e::folders::scratch();
        let klamm = Klamm::start();
        Some(Self { java, kafka, klamm, files, differences: String::new(), compared: 0 })
    }

    /// A file that cases name `{NAME}`.
    pub fn file(&self, name: &str, content: &str) {
        std::fs::write(self.files.path().join(name), content).expect("write a file");
    }

    /// Runs a table on the three sides. It must leave each broker as it was.
    pub fn compare(&mut self, table: &str) {
        let files = self.files.path();
        let (kafka_at, kafka_data) = (self.kafka.bootstrap(), self.kafka.data());
        let kafka = Broker { address: &kafka_at, data: &kafka_data, files };
        let (klamm_at, klamm_data) = (self.klamm.bootstrap(), self.klamm.data());
        let klamm = Broker { address: &klamm_at, data: &klamm_data, files };
        let reference = run(table, &mut Tools::Java(&mut self.java), &kafka);
        let sides = [
            ("ours on Kafka", run(table, &mut Tools::Ours, &kafka)),
            ("Java's on Klamm", run(table, &mut Tools::Java(&mut self.java), &klamm)),
        ];
        for (side, endings) in sides {
            for (case, (theirs, its)) in cases(table).zip(reference.iter().zip(&endings)) {
                self.compared += 1;
                if (theirs.code, &theirs.stdout) != (its.code, &its.stdout) {
                    // writing to a String cannot fail
                    let _ = writeln!(
                        self.differences,
                        "== {case} [{side}]\n-- Java's on Kafka: {}\n{}\n-- {side}: {}\n{}\n\
                         -- standard error\n{}\n-- and\n{}\n",
                        theirs.code,
                        theirs.stdout,
                        its.code,
                        its.stdout,
                        start_of(&theirs.stderr),
                        start_of(&its.stderr),
                    );
                }
            }
        }
    }

    /// Fails if anything differed.
    pub fn finish(self) {
        assert!(self.compared > 0);
        let count = self.differences.matches("\n-- and\n").count();
        assert!(count == 0, "{count} of {} differ\n{}", self.compared, self.differences);
    }
}

fn start_of(stderr: &str) -> String {
    stderr.lines().take(4).collect::<Vec<_>>().join("\n")
}

fn run(table: &str, tools: &mut Tools<'_>, broker: &Broker<'_>) -> Vec<Ended> {
    let mut behind = Behind(Vec::new());
    cases(table).map(|case| run_case(&case, tools, broker, &mut behind)).collect()
}

fn run_case(
    case: &Case<'_>,
    tools: &mut Tools<'_>,
    broker: &Broker<'_>,
    behind: &mut Behind,
) -> Ended {
    let data = broker.data.display().to_string();
    let files = broker.files.display().to_string();
    let args = case.arguments(broker.address, &[("{data}", &data), ("{files}", &files)]);
    let nothing = Ended { code: 0, stdout: String::new(), stderr: String::new() };
    match (case.kind, tools) {
        (Kind::Behind, _) => {
            behind.start(case.tool, &args, broker.files);
            nothing
        }
        (Kind::Until(word) | Kind::Gone(word), _) => {
            let wanted = matches!(case.kind, Kind::Until(_));
            let printed = || ours(case.tool, &args, "").stdout.contains(word);
            wait::until(word, || (printed() == wanted).then_some(()));
            nothing
        }
        (kind, tools) => {
            if kind == Kind::Alone {
                behind.end();
            }
            let mut ended = match tools {
                Tools::Java(java) => {
                    let class = CLASSES.iter().find(|(name, _)| *name == case.tool);
                    java.run(class.expect("a tool").1, &args, &case.stdin())
                }
                Tools::Ours => ours(case.tool, &args, &case.stdin()),
            };
            let port = broker.address.rsplit(':').next().expect("a port");
            let places = [
                (data.as_str(), "DATA"),
                (files.as_str(), "FILES"),
                (broker.address, "BROKER"),
                (port, "PORT"),
            ];
            ended.stdout = normal(kind, &ended.stdout, &places);
            ended
        }
    }
}

fn ours(name: &str, args: &[String], stdin: &str) -> Ended {
    Ended::from(output(tool(name).args(args), stdin.as_bytes()))
}

/// Tools that run beside the cases of a table, ended with it.
struct Behind(Vec<Server>);

impl Behind {
    fn start(&mut self, name: &str, args: &[String], files: &Path) {
        self.0.push(Server::start(tool(name).args(args), &files.join("behind.log")));
    }

    /// Lets them say goodbye to the broker.
    fn end(&mut self) {
        for mut server in self.0.drain(..) {
            server.terminate();
        }
    }
}
