//! Processes of one role each: controllers and brokers, of Klamm or of Apache Kafka, in one cluster.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};

use crate::folders;
use crate::java::{Release, class, class_path};
use crate::klamm::tool;
use crate::process::{Server, free_port, succeed};

/// The cluster that every node belongs to that is not told otherwise.
pub const CLUSTER: &str = "4L6g3nShT-eMCtK--X86sw";

/// Starts soon and stays small.
const SMALL_JVM: &[&str] = &["-Xmx384M", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"];

/// Whose server it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Product {
    Klamm,
    /// Apache Kafka 4.4.0.
    Kafka,
}

/// A process with its directory and its ports.
#[derive(Debug)]
pub struct Node {
    product: Product,
    server: Option<Server>,
    folder: tempfile::TempDir,
    port: u16,
}

impl Node {
    /// A controller alone, the only voter. `None` where Java or Maven is missing and needed.
    ///
    /// # Panics
    /// If it does not come up.
    #[must_use]
    pub fn controller(product: Product, id: i32, more: &str) -> Option<Self> {
        let port = free_port();
        let text = format!(
            "process.roles=controller\nlisteners=CONTROLLER://127.0.0.1:{port}\n\
             controller.quorum.bootstrap.servers=127.0.0.1:{port}\n"
        );
        let node = Self::prepared(product, id, port, &format!("{text}{more}"))?;
        Some(node.formatted(CLUSTER, &["--standalone"])?.started())
    }

    /// A broker alone.
    ///
    /// # Panics
    /// If it does not come up.
    #[must_use]
    pub fn broker(product: Product, id: i32, controller: u16, more: &str) -> Option<Self> {
        let node = Self::unformatted_broker(product, id, controller, more)?;
        Some(node.formatted(CLUSTER, &[])?.started())
    }

    /// A broker that is not started and whose directory is empty.
    ///
    /// # Panics
    /// If its files cannot be written.
    #[must_use]
    pub fn unformatted_broker(
        product: Product,
        id: i32,
        controller: u16,
        more: &str,
    ) -> Option<Self> {
        let port = free_port();
        let text = format!(
            "process.roles=broker\nlisteners=PLAINTEXT://127.0.0.1:{port}\n\
             controller.quorum.bootstrap.servers=127.0.0.1:{controller}\n\
             offsets.topic.replication.factor=1\noffsets.topic.num.partitions=5\n\
             group.initial.rebalance.delay.ms=0\n"
        );
        Self::prepared(product, id, port, &format!("{text}{more}"))
    }

    fn prepared(product: Product, id: i32, port: u16, text: &str) -> Option<Self> {
        if product == Product::Kafka {
            class_path(Release::Broker)?;
        }
        let folder = folders::scratch();
        let data = folder.path().join("data");
        let text = format!(
            "node.id={id}\ncontroller.listener.names=CONTROLLER\nlog.dirs={}\n{text}\n",
            data.display()
        );
        std::fs::write(folder.path().join("server.properties"), text).expect("write properties");
        Some(Self { product, server: None, folder, port })
    }

    /// Formats its directory with its own product's tool.
    ///
    /// # Panics
    /// If the tool fails.
    #[must_use]
    pub fn formatted(self, cluster: &str, flags: &[&str]) -> Option<Self> {
        let mut command = match self.product {
            Product::Klamm => {
                let mut command = tool("storage");
                command.arg("format");
                command
            }
            Product::Kafka => {
                let mut command = class(Release::Broker, "kafka.tools.StorageTool")?;
                command.arg("format");
                command
            }
        };
        command.args(["-t", cluster]).args(flags).arg("-c").arg(self.properties());
        succeed(&mut command, b"");
        Some(self)
    }

    fn started(mut self) -> Self {
        self.restart();
        self
    }

    /// Starts it (again) on its port and directory, and waits for the port.
    ///
    /// # Panics
    /// If it does not come up.
    pub fn restart(&mut self) {
        self.launch();
        let port = self.port;
        self.server().await_port(port);
    }

    /// Starts the process and does not wait for its port.
    ///
    /// # Panics
    /// If the program is missing.
    pub fn launch(&mut self) {
        let mut command = match self.product {
            Product::Klamm => {
                let mut command = Command::new(folders::klamm_binary());
                command.arg("server");
                command
            }
            Product::Kafka => {
                let jars = class_path(Release::Broker).expect("it was there before");
                let mut command = Command::new("java");
                command.args(SMALL_JVM).args(["-cp", &jars, "kafka.Kafka"]);
                command
            }
        };
        command.arg(self.properties());
        self.server = Some(Server::start(&mut command, &self.folder.path().join("server.log")));
    }

    /// `kill -9`.
    pub fn kill(&mut self) {
        if let Some(mut server) = self.server.take() {
            server.kill();
        }
    }

    /// SIGTERM, and how it ended.
    ///
    /// # Panics
    /// If it does not end, or does not run.
    pub fn terminate(&mut self) -> ExitStatus {
        self.server.take().expect("it runs").terminate()
    }

    /// The running process.
    ///
    /// # Panics
    /// If it does not run.
    pub fn server(&mut self) -> &mut Server {
        self.server.as_mut().expect("it runs")
    }

    /// The port of its only listener.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Its address, as clients and tools take it.
    #[must_use]
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Its copy of the metadata log.
    #[must_use]
    pub fn metadata(&self) -> PathBuf {
        self.folder.path().join("data/__cluster_metadata-0")
    }

    fn properties(&self) -> PathBuf {
        self.folder.path().join("server.properties")
    }

    /// Everything that it logged since its first start.
    #[must_use]
    pub fn log(&self) -> String {
        let log: &Path = &self.folder.path().join("server.log");
        String::from_utf8_lossy(&std::fs::read(log).unwrap_or_default()).into_owned()
    }
}
