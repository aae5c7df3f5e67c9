//! Apache Kafka itself as a process: the oracle, and the other side for our own client.

use std::ops::{Deref, DerefMut};
use std::path::Path;

use crate::instance::{Instance, Program};
use crate::java::{Jvm, Release, class};
use crate::process::{free_port, loopback, succeed};

/// 4.4.0, as tests run it.
const TO_TEST: Program =
    Program::Kafka { release: Release::Broker, jvm: Jvm::Small { heap_mib_max: 768 } };

/// A single node of Apache Kafka 4.4.0 on free ports of the loopback address.
#[derive(Debug)]
pub struct Kafka {
    instance: Instance,
    program: Program,
}

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
        Self::formatted(TO_TEST, Release::Broker, properties)
    }

    /// The peer of a measurement: 4.3.1 with the memory and collector of its own start script.
    ///
    /// # Panics
    /// If it does not come up.
    #[must_use]
    pub fn to_measure(properties: &str) -> Option<Self> {
        let program = Program::Kafka { release: Release::Tools, jvm: Jvm::AsShipped };
        Self::formatted(program, Release::Tools, properties)
    }

    /// A second broker of this one's cluster, which the first one's controller leads.
    ///
    /// # Panics
    /// If it does not come up.
    #[must_use]
    pub fn beside(&self, properties: &str) -> Option<Self> {
        let port = free_port();
        let quorum = "controller.quorum.bootstrap.servers=";
        let own = std::fs::read_to_string(self.properties()).expect("read properties");
        let quorum = own.lines().find(|line| line.starts_with(quorum)).expect("its controller");
        let text = format!(
            "process.roles=broker\nnode.id=2\n{quorum}\ncontroller.listener.names=CONTROLLER\n\
             listeners=PLAINTEXT://127.0.0.1:{port}\n{properties}"
        );
        let instance = Instance::new(self.program, loopback(port), None, &text);
        let Program::Kafka { release, .. } = self.program else { return None };
        format(release, &instance.properties(), &[])?;
        Some(Self::started(instance, self.program))
    }

    fn formatted(program: Program, release: Release, properties: &str) -> Option<Self> {
        if !program.present() {
            return None;
        }
        let port = free_port();
        let text = server_properties(port, properties);
        let instance = Instance::new(program, loopback(port), None, &text);
        format(release, &instance.properties(), &["--standalone"])?;
        Some(Self::started(instance, program))
    }

    /// Starts on a formatted data directory that something else has written, with its properties.
    ///
    /// # Panics
    /// If it does not come up.
    #[must_use]
    pub fn on(data: &Path, properties: &str) -> Option<Self> {
        if !TO_TEST.present() {
            return None;
        }
        let port = free_port();
        let text = server_properties(port, properties);
        let instance = Instance::new(TO_TEST, loopback(port), Some(data), &text);
        Some(Self::started(instance, TO_TEST))
    }

    fn started(mut instance: Instance, program: Program) -> Self {
        instance.restart();
        Self { instance, program }
    }
}

impl Deref for Kafka {
    type Target = Instance;

    fn deref(&self) -> &Instance {
        &self.instance
    }
}

impl DerefMut for Kafka {
    fn deref_mut(&mut self) -> &mut Instance {
        &mut self.instance
    }
}

fn server_properties(port: u16, more: &str) -> String {
    let controller = free_port();
    format!(
        "process.roles=broker,controller\nnode.id=1\n\
         controller.quorum.bootstrap.servers=127.0.0.1:{controller}\n\
         listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}\n\
         advertised.listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}\n\
         controller.listener.names=CONTROLLER\n\
         offsets.topic.replication.factor=1\ntransaction.state.log.replication.factor=1\n\
         transaction.state.log.min.isr=1\nshare.coordinator.state.topic.replication.factor=1\n\
         share.coordinator.state.topic.min.isr=1\ngroup.initial.rebalance.delay.ms=0\n{more}"
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
