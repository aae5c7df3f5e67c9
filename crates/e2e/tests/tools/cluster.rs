//! One cluster of three nodes, on which Java's tools and ours run the same tables in turn.

use std::path::PathBuf;
use std::process::Command;

use e2e::cluster::{Cluster, Plan};
use e2e::java::{Release, class};
use e2e::process::Server;
use e2e::{Product, folders, klamm, wait};

use super::java_tools::JavaTools;
use super::normal::normal;
use super::report::Report;
use super::script::{Kind, cases};
use super::sides::{Place, Side};

pub const QUORUM: &str = r"
    shape: kafka-metadata-quorum --bootstrap-server {} describe --status
    shape: kafka-metadata-quorum --bootstrap-server {} describe --replication
    shape: kafka-metadata-quorum --bootstrap-server {} describe --replication --human-readable
    shape: kafka-metadata-quorum --bootstrap-controller {controllers} describe --status
    shape: kafka-metadata-quorum --bootstrap-controller {controllers} describe --replication
    kafka-metadata-quorum --bootstrap-server {} --bootstrap-controller {controllers} describe --status
    kafka-metadata-quorum --bootstrap-server {} describe
    kafka-metadata-quorum --bootstrap-server {} describe --status --replication
    kafka-metadata-quorum --bootstrap-server {} describe --status --human-readable
    kafka-metadata-quorum --bootstrap-server {} --command-config {files}/absent.properties describe --status
    kafka-metadata-quorum --bootstrap-server {} add-controller
    kafka-metadata-quorum --bootstrap-server {} --command-config {files}/controller.properties add-controller --dry-run
    kafka-metadata-quorum --bootstrap-server {} --command-config {files}/elect.json add-controller --dry-run
    kafka-metadata-quorum --bootstrap-server {} remove-controller
    kafka-metadata-quorum --bootstrap-server {} remove-controller --controller-id 9
    kafka-metadata-quorum --bootstrap-server {} remove-controller --controller-id 9 --controller-directory-id 4L6g3nShT-eMCtK--X86sw --dry-run
    kafka-metadata-quorum --bootstrap-server {} remove-controller -i 9 -d 4L6g3nShT-eMCtK--X86sw
    kafka-metadata-quorum --bootstrap-controller {controllers} remove-controller -i 9 -d 4L6g3nShT-eMCtK--X86sw
    kafka-metadata-quorum --bootstrap-server {} remove-controller -i -9 -d 4L6g3nShT-eMCtK--X86sw
    kafka-metadata-quorum --bootstrap-server {} remove-controller -i 9 -d nonsense
    kafka-metadata-quorum --bootstrap-server {} nonsense
    bare: kafka-metadata-quorum describe --status
    bare: kafka-metadata-quorum
    bare where: kafka-metadata-quorum --help
";

pub const NODES: &str = r"
    kafka-cluster cluster-id --bootstrap-server {}
    kafka-cluster cluster-id -b {}
    kafka-cluster cluster-id --bootstrap-controller {controllers}
    kafka-cluster list-endpoints --bootstrap-server {}
    kafka-cluster list-endpoints --bootstrap-server {} --include-fenced-brokers
    kafka-cluster list-endpoints --bootstrap-controller {controllers}
    kafka-cluster list-endpoints --bootstrap-controller {controllers} --include-fenced-brokers
    kafka-cluster unregister --bootstrap-server {} -i 9
    kafka-cluster unregister --bootstrap-controller {controllers} --id 9
    kafka-features --bootstrap-controller {controllers} describe
    kafka-features --bootstrap-controller {controllers} upgrade --feature share.version=1 --dry-run
    kafka-features --bootstrap-controller {controllers} upgrade --feature nonsense=1
    kafka-log-dirs --describe --broker-list 1,2
    kafka-log-dirs --describe --broker-list 3,9
";

/// The cluster, the JVM of Java's tools, and what differed so far.
pub struct Bench {
    sides: [Side; 2],
    java: JavaTools,
    cluster: Cluster,
    files: tempfile::TempDir,
    report: Report,
}

impl Bench {
    /// `None` where Java or Maven is missing.
    pub fn start(product: Product) -> Option<Self> {
        let java = JavaTools::start(Release::Tools)?;
        // leaders stay where the tables put them
        let plan = Plan::combined(product, 3).with("auto.leader.rebalance.enable=false\n");
        let cluster = Cluster::start(&plan)?;
        let sides = match product {
            Product::Kafka | Product::KafkaToMeasure => [Side::JavasOnKafka, Side::OursOnKafka],
            Product::Klamm => [Side::JavasOnKlamm, Side::OursOnKlamm],
        };
        Some(Self { sides, java, cluster, files: folders::scratch(), report: Report::default() })
    }

    /// A file that cases name `{files}/NAME`.
    pub fn file(&self, name: &str, content: &str) {
        let content = content.replace("{data3}", &self.data(3).display().to_string());
        std::fs::write(self.files.path().join(name), content).expect("write a file");
    }

    /// The configuration of a controller that could join, with its directory.
    pub fn controller_file(&self, name: &str) {
        let folder = self.files.path().display();
        self.file(
            name,
            &format!(
                "node.id=9\nprocess.roles=controller\nlog.dirs={folder}\n\
                 listeners=CONTROLLER://127.0.0.1:19093\ncontroller.listener.names=CONTROLLER\n"
            ),
        );
        let meta = "version=1\ncluster.id=x\nnode.id=9\ndirectory.id=4L6g3nShT-eMCtK--X86sw\n";
        self.file("meta.properties", meta);
    }

    fn data(&self, node: u8) -> PathBuf {
        self.cluster.node(node).data()
    }

    /// Runs a table with Java's tools, then with ours. It must leave the cluster as it was.
    pub fn compare(&mut self, table: &str) {
        let place = Place {
            address: self.cluster.bootstrap(),
            data: self.data(1),
            files: self.files.path(),
            named: vec![
                ("{controllers}", self.cluster.controllers()),
                ("{data3}", self.data(3).display().to_string()),
            ],
            java: &mut self.java,
        };
        let (javas, ours) = place.both(table);
        for (case, (theirs, its)) in cases(table).zip(javas.iter().zip(&ours)) {
            let [javas, ours] = self.sides;
            self.report.compare(&case, (javas, theirs), (ours, its));
        }
    }

    /// The one tool that does not end by itself: compared until its first report.
    pub fn compare_replica_verification(&mut self) {
        const MAIN: &str = "org.apache.kafka.tools.ReplicaVerificationTool";
        self.cluster.create_topic("verified", 2);
        self.cluster.await_in_sync();
        let javas = class(Release::Tools, MAIN).expect("it was there before");
        let ours = klamm::tool("kafka-replica-verification");
        let [javas, ours] = [javas, ours].map(|command| self.first_report(command));
        assert!(ours.contains("max lag is N for partition verifiedN"), "{ours}");
        assert_eq!(javas, ours);
    }

    fn first_report(&self, mut command: Command) -> String {
        let words = "--topics-include verified --time -2 --max-wait-ms 100 --report-interval-ms 1";
        command.args(words.split(' ')).args(["--broker-list", &self.cluster.bootstrap()]);
        let folder = folders::scratch();
        let mut server = Server::start(&mut command, &folder.path().join("log"));
        let lines = wait::until("the first report", || {
            let log = server.log();
            let mut lines = log.lines().skip_while(|line| !line.contains("verification process"));
            let both = [lines.next()?, lines.next()?].join("\n");
            log.ends_with('\n').then_some(both)
        });
        server.terminate();
        normal(Kind::Shape, &lines, &[])
    }

    /// Fails if anything differed that no reason is given for.
    pub fn finish(self) {
        self.report.finish();
    }
}
