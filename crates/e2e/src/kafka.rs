//! Apache Kafka itself as a process: the oracle, and the other side for our own client.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::folders;
use crate::java::{Release, class, class_path};
use crate::process::{Server, free_port, succeed};

/// A single node of Apache Kafka 4.4.0 on free ports of the loopback address.
#[derive(Debug)]
pub struct Kafka {
    server: Option<Server>,
    folder: tempfile::TempDir,
    port: u16,
    release: Release,
    jvm: &'static [&'static str],
}

/// Starts soon and stays small: for tests.
const SMALL_JVM: &[&str] = &["-Xmx768M", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"];
/// As Apache Kafka's own start script has it: for measurements.
const SERVER_JVM: &[&str] =
    &["-Xmx1G", "-Xms1G", "-server", "-XX:+UseG1GC", "-XX:MaxGCPauseMillis=20"];

impl Kafka {
    /// Formats a directory and starts on it. `None` where Java or Maven is missing.
    #[must_use]
    pub fn start() -> Option<Self> {
        Self::with("")
    }

    /// The same with more lines for its `server.properties`.
    ///
    /// # Panics
    /// If it does not come up.
    #[must_use]
    pub fn with(properties: &str) -> Option<Self> {
        Self::formatted(Release::Broker, SMALL_JVM, properties)
    }

    /// The peer of a measurement: 4.3.1 with the memory and collector of its own start script.
    ///
    /// # Panics
    /// If it does not come up.
    #[must_use]
    pub fn to_measure(properties: &str) -> Option<Self> {
        Self::formatted(Release::Tools, SERVER_JVM, properties)
    }

    /// A second broker of this one's cluster, which the first one's controller leads.
    ///
    /// # Panics
    /// If it does not come up.
    #[must_use]
    pub fn beside(&self, properties: &str) -> Option<Self> {
        let folder = folders::scratch();
        let port = free_port();
        let path = folder.path().join("server.properties");
        let own = std::fs::read_to_string(self.folder.path().join("server.properties"));
        let quorum = "controller.quorum.bootstrap.servers=";
        let own = own.expect("read properties");
        let quorum = own.lines().find(|line| line.starts_with(quorum)).expect("its controller");
        let text = format!(
            "process.roles=broker\nnode.id=2\n{quorum}\ncontroller.listener.names=CONTROLLER\n\
             listeners=PLAINTEXT://127.0.0.1:{port}\nlog.dirs={}\n{properties}\n",
            folder.path().join("data").display()
        );
        std::fs::write(&path, text).expect("write properties");
        format(self.release, &path, &[])?;
        let mut kafka = Self { server: None, folder, port, release: self.release, jvm: self.jvm };
        kafka.restart();
        Some(kafka)
    }

    fn formatted(release: Release, jvm: &'static [&'static str], properties: &str) -> Option<Self> {
        let folder = folders::scratch();
        let port = free_port();
        let path = folder.path().join("server.properties");
        let text = server_properties(port, &folder.path().join("data"), properties);
        std::fs::write(&path, text).expect("write properties");
        format(release, &path, &["--standalone"])?;
        let mut kafka = Self { server: None, folder, port, release, jvm };
        kafka.restart();
        Some(kafka)
    }

    /// Starts on a formatted data directory that something else has written, with its properties.
    ///
    /// # Panics
    /// If it does not come up.
    #[must_use]
    pub fn on(data: &Path, properties: &str) -> Option<Self> {
        class_path(Release::Broker)?;
        let folder = folders::scratch();
        let port = free_port();
        let text = server_properties(port, data, properties);
        std::fs::write(folder.path().join("server.properties"), text).expect("write properties");
        let (release, jvm) = (Release::Broker, SMALL_JVM);
        let mut kafka = Self { server: None, folder, port, release, jvm };
        kafka.restart();
        Some(kafka)
    }

    /// Starts it (again) on its ports and directory.
    ///
    /// # Panics
    /// If it does not come up.
    pub fn restart(&mut self) {
        let jars = class_path(self.release).expect("it was there before");
        let mut command = Command::new("java");
        command.args(self.jvm).args(["-cp", &jars]);
        command.arg("kafka.Kafka").arg(self.folder.path().join("server.properties"));
        let mut server = Server::start(&mut command, &self.folder.path().join("server.log"));
        server.await_port(self.port);
        self.server = Some(server);
    }

    /// SIGTERM, and waits for the end.
    ///
    /// # Panics
    /// If it does not end.
    pub fn terminate(&mut self) {
        self.server.take().expect("it runs").terminate();
    }

    /// The running process.
    ///
    /// # Panics
    /// If it does not run.
    pub fn server(&mut self) -> &mut Server {
        self.server.as_mut().expect("it runs")
    }

    /// The port of the client listener.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// What clients take as `bootstrap.servers`.
    #[must_use]
    pub fn bootstrap(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Its `log.dirs`.
    #[must_use]
    pub fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// Its `server.properties`.
    #[must_use]
    pub fn properties(&self) -> PathBuf {
        self.folder.path().join("server.properties")
    }

    /// Everything that it logged.
    #[must_use]
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("server.log")).unwrap_or_default()
    }
}

fn server_properties(port: u16, data: &Path, more: &str) -> String {
    let controller = free_port();
    format!(
        "process.roles=broker,controller\nnode.id=1\n\
         controller.quorum.bootstrap.servers=127.0.0.1:{controller}\n\
         listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}\n\
         advertised.listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}\n\
         controller.listener.names=CONTROLLER\nlog.dirs={}\n\
         offsets.topic.replication.factor=1\ntransaction.state.log.replication.factor=1\n\
         transaction.state.log.min.isr=1\nshare.coordinator.state.topic.replication.factor=1\n\
         share.coordinator.state.topic.min.isr=1\ngroup.initial.rebalance.delay.ms=0\n{more}\n",
        data.display()
    )
}

/// `kafka-storage format` with Apache Kafka's own tool; `more` says what the quorum is.
///
/// # Panics
/// If the tool fails.
pub fn format(release: Release, properties: &Path, more: &[&str]) -> Option<()> {
    let mut tool = class(release, "kafka.tools.StorageTool")?;
    tool.args(["format", "-t", "4L6g3nShT-eMCtK--X86sw", "-c"]).arg(properties).args(more);
    succeed(&mut tool, b"");
    Some(())
}
