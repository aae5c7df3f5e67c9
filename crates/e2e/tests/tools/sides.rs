//! Four sides run every case: Java's tools and ours, each on Apache Kafka and on Klamm.

use std::fmt;
use std::path::{Path, PathBuf};

use e2e::java::Release;
use e2e::process::Server;
use e2e::raw::Told;
use e2e::{Kafka, Klamm, klamm, wait};

use super::differences;
use super::ended::{Ended, ours};
use super::java_tools::JavaTools;
use super::normal::normal;
use super::report::Report;
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
    ("kafka-leader-election", "org.apache.kafka.tools.LeaderElectionCommand"),
    ("kafka-log-dirs", "org.apache.kafka.tools.LogDirsCommand"),
    ("kafka-metadata-quorum", "org.apache.kafka.tools.MetadataQuorumCommand"),
    ("kafka-metadata-shell", "org.apache.kafka.shell.MetadataShell"),
    ("kafka-producer-perf-test", "org.apache.kafka.tools.ProducerPerformance"),
    ("kafka-reassign-partitions", "org.apache.kafka.tools.reassign.ReassignPartitionsCommand"),
    ("kafka-storage", "kafka.tools.StorageTool"),
    ("kafka-topics", "org.apache.kafka.tools.TopicCommand"),
    ("kafka-verifiable-consumer", "org.apache.kafka.tools.VerifiableConsumer"),
    ("kafka-verifiable-producer", "org.apache.kafka.tools.VerifiableProducer"),
];

/// Whose tool, on whose broker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    JavasOnKafka,
    OursOnKafka,
    JavasOnKlamm,
    OursOnKlamm,
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::JavasOnKafka => "Java's on Kafka",
            Self::OursOnKafka => "ours on Kafka",
            Self::JavasOnKlamm => "Java's on Klamm",
            Self::OursOnKlamm => "ours on Klamm",
        })
    }
}

/// A broker that tools are pointed at, and the JVM whose tools are.
pub struct Place<'a> {
    pub address: String,
    pub data: PathBuf,
    pub files: &'a Path,
    /// What else stands in braces, and what is put in its place.
    pub named: Vec<(&'static str, String)>,
    pub java: &'a mut JavaTools,
}

/// How the cases of a table ended.
pub type Endings = Vec<Ended>;

impl Place<'_> {
    /// Java's tools, then ours.
    pub fn both(mut self, table: &str) -> (Endings, Endings) {
        (self.table(table, true), self.table(table, false))
    }

    fn table(&mut self, table: &str, with_java: bool) -> Endings {
        let mut behind = Behind(Vec::new());
        cases(table).map(|case| self.case(&case, with_java, &mut behind)).collect()
    }

    fn case(&mut self, case: &Case<'_>, with_java: bool, behind: &mut Behind) -> Ended {
        let data = self.data.display().to_string();
        let files = self.files.display().to_string();
        let named = self.named.iter().map(|(name, value)| (*name, value.as_str()));
        let named: Vec<_> =
            [("{data}", &*data), ("{files}", &*files)].into_iter().chain(named).collect();
        let args = case.arguments(&self.address, &named);
        let args: Vec<String> = args.into_iter().map(|arg| self.found(arg)).collect();
        match case.kind {
            Kind::Behind => {
                behind.start(case.tool, &args, self.files);
                return Ended::default();
            }
            Kind::Until(word) | Kind::Gone(word) => {
                let wanted = matches!(case.kind, Kind::Until(_));
                let printed = || ours(case.tool, &args, "").stdout.contains(word);
                // one of several brokers answers each time, and each may have heard or not
                let times = if self.address.contains(',') { 6 } else { 1 };
                wait::until(word, || (0..times).all(|_| printed() == wanted).then_some(()));
                self.await_agreement();
                return Ended::default();
            }
            Kind::Alone => behind.end(),
            Kind::Same | Kind::Shape | Kind::Where => {}
        }
        let mut ended = if with_java {
            let class = CLASSES.iter().find(|(name, _)| *name == case.tool);
            self.java.run(class.expect("a tool").1, &args, &case.stdin())
        } else {
            ours(case.tool, &args, &case.stdin())
        };
        let port = self.address.rsplit(':').next().expect("a port");
        let places = [
            (data.as_str(), "DATA"),
            (files.as_str(), "FILES"),
            (self.address.as_str(), "BROKER"),
            (port, "PORT"),
        ];
        ended.stdout = normal(case.kind, &ended.stdout, &places);
        ended
    }
}

impl Place<'_> {
    /// Waits until all brokers tell the same of the topics.
    fn await_agreement(&self) {
        let addresses: Vec<_> = self.address.split(',').collect();
        wait::until("all brokers tell the same", || {
            let ask = |address: &&str| Told::by(address.parse().ok()?, wait::PATIENCE).ok();
            let told = addresses.iter().map(ask).collect::<Option<Vec<_>>>()?;
            told.windows(2).all(|two| two[0] == two[1]).then_some(())
        });
    }

    /// The argument with the files that each of its patterns in the folder of data stands for.
    fn found(&self, arg: String) -> String {
        let data = self.data.display().to_string();
        if !arg.starts_with(&data) || !arg.contains('*') {
            return arg;
        }
        let patterns =
            arg.split(',').map(|pattern| pattern.split_once('*').unwrap_or((pattern, "")));
        let found = patterns.flat_map(|(start, end)| {
            let files = written(&self.data).into_iter();
            files.filter(move |file| file.starts_with(start) && file.ends_with(end))
        });
        found.collect::<Vec<_>>().join(",")
    }
}

/// The files of all partitions that have something in them.
fn written(data: &Path) -> Vec<String> {
    let mut files = Vec::new();
    for folder in std::fs::read_dir(data).expect("the folder of data").flatten() {
        for file in std::fs::read_dir(folder.path()).into_iter().flatten().flatten() {
            if file.metadata().is_ok_and(|metadata| metadata.len() > 0) {
                files.push(file.path().display().to_string());
            }
        }
    }
    files.sort();
    files
}

/// The brokers and the JVMs, and what differed so far.
pub struct Bench {
    java: [JavaTools; 2],
    kafka: Kafka,
    klamm: Klamm,
    files: [tempfile::TempDir; 2],
    report: Report,
}

impl Bench {
    /// `None` where Java or Maven is missing.
    pub fn start() -> Option<Self> {
        let java = [JavaTools::start(Release::Tools)?, JavaTools::start(Release::Tools)?];
        let kafka = Kafka::start()?;
        let files = [e2e::folders::scratch(), e2e::folders::scratch()];
        let klamm = Klamm::start();
        Some(Self { java, kafka, klamm, files, report: Report::default() })
    }

    /// A file that cases name `{files}/NAME`.
    pub fn file(&self, name: &str, content: &str) {
        for folder in &self.files {
            std::fs::write(folder.path().join(name), content).expect("write a file");
        }
    }

    /// Fills Kafka's log of transactions, which Klamm has none of.
    pub fn commit_transaction_on_kafka(&mut self, topic: &str) {
        let load = "--num-records 3 --record-size 1 --throughput -1 --transaction-duration-ms 50";
        let mut args: Vec<String> = load.split(' ').map(str::to_owned).collect();
        let to = ["--topic", topic, "--bootstrap-server", &self.kafka.bootstrap()];
        args.extend(to.map(str::to_owned));
        let ended = self.java[0].run("org.apache.kafka.tools.ProducerPerformance", &args, "");
        assert_eq!(ended.code, 0, "{}", ended.stderr);
    }

    /// Runs a table of ours on both brokers.
    pub fn fill(&mut self, table: &str) {
        for mut place in self.places() {
            let endings = place.table(table, false);
            assert!(endings.iter().all(|ended| ended.code == 0), "{endings:?}");
        }
    }

    /// Runs a table on the four sides. It must leave each broker as it was.
    pub fn compare(&mut self, table: &str) {
        let (kafka, klamm) = self.run(table);
        let endings = kafka.0.iter().zip(&kafka.1).zip(klamm.0.iter().zip(&klamm.1));
        for (case, ((reference, on_kafka), (javas_on_klamm, on_klamm))) in cases(table).zip(endings)
        {
            let javas = (Side::JavasOnKafka, reference);
            self.report.compare(&case, javas, (Side::OursOnKafka, on_kafka));
            let klamms = (Side::JavasOnKlamm, javas_on_klamm);
            self.report.compare(&case, javas, klamms);
            // where Klamm has a reason to be different, both tools show the same difference
            let is_excused = differences::find(Side::JavasOnKlamm, &case.to_string()).is_some();
            let expected = if is_excused { klamms } else { javas };
            self.report.compare(&case, expected, (Side::OursOnKlamm, on_klamm));
        }
    }

    /// Runs a table on Kafka alone, by Java's tools and ours.
    pub fn compare_on_kafka(&mut self, table: &str) {
        let [kafka, _] = self.places();
        let (javas, ours) = kafka.both(table);
        for (case, (theirs, its)) in cases(table).zip(javas.iter().zip(&ours)) {
            self.report.compare(&case, (Side::JavasOnKafka, theirs), (Side::OursOnKafka, its));
        }
    }

    /// Ends both brokers, and compares what Java's tools and ours say of the files of each.
    pub fn compare_on_files(&mut self, table: &str) {
        // indexes are cut to size when a broker ends
        self.kafka.terminate();
        self.klamm.terminate();
        let (kafka, klamm) = self.run(table);
        for (javas, ours, (javas_of, ours_of)) in [
            (Side::JavasOnKafka, Side::OursOnKafka, kafka),
            (Side::JavasOnKlamm, Side::OursOnKlamm, klamm),
        ] {
            for (case, (theirs, its)) in cases(table).zip(javas_of.iter().zip(&ours_of)) {
                self.report.compare(&case, (javas, theirs), (ours, its));
            }
        }
    }

    /// How Java's cases and ours ended on Kafka, and on Klamm.
    fn run(&mut self, table: &str) -> ((Endings, Endings), (Endings, Endings)) {
        let [kafka, klamm] = self.places();
        // most of a tool's time is waiting: the brokers can do it side by side
        std::thread::scope(|scope| {
            let kafka = scope.spawn(move || kafka.both(table));
            let klamm = klamm.both(table);
            (kafka.join().expect("the side of Kafka does not panic"), klamm)
        })
    }

    fn places(&mut self) -> [Place<'_>; 2] {
        let [on_kafka, on_klamm] = &mut self.java;
        let [kafka_files, klamm_files] = &self.files;
        let kafka = Place {
            address: self.kafka.bootstrap(),
            data: self.kafka.data(),
            files: kafka_files.path(),
            named: Vec::new(),
            java: on_kafka,
        };
        let klamm = Place {
            address: self.klamm.bootstrap(),
            data: self.klamm.data(),
            files: klamm_files.path(),
            named: Vec::new(),
            java: on_klamm,
        };
        [kafka, klamm]
    }

    /// Fails if anything differed that no reason is given for, or if a reason is out of date.
    pub fn finish(self) {
        self.report.finish();
    }
}

/// Tools that run beside the cases of a table, ended with it.
struct Behind(Vec<Server>);

impl Behind {
    fn start(&mut self, name: &str, args: &[String], files: &Path) {
        let mut tool = klamm::tool(name);
        self.0.push(Server::start(tool.args(args), &files.join("behind.log")));
    }

    /// Lets them say goodbye to the broker.
    fn end(&mut self) {
        for mut server in self.0.drain(..) {
            server.terminate();
        }
    }
}
