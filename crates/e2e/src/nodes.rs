//! Processes of one role each: controllers and brokers, of Klamm or of Apache Kafka, in one cluster.

use std::net::SocketAddr;
use std::ops::{Deref, DerefMut};
use std::path::PathBuf;

use crate::instance::{Instance, Program};
use crate::java::{Jvm, Release, class};
use crate::klamm::tool;
use crate::netns::Space;
use crate::process::{free_port, loopback, succeed};

/// The cluster that every node belongs to that is not told otherwise.
pub const CLUSTER: &str = "4L6g3nShT-eMCtK--X86sw";

/// Several of them run beside each other.
const SMALL_JVM: Jvm = Jvm::Small { heap_mib_max: 384 };

/// Whose server it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Product {
    Klamm,
    /// Apache Kafka 4.4.0.
    Kafka,
    /// Apache Kafka 4.3.1 with the memory and collector of its own start script.
    KafkaToMeasure,
}

impl Product {
    /// Whose clusters the suites try: Klamm's, or Apache Kafka's with `E2E_PRODUCT=kafka`, which
    /// tells what the suites ask too much from what Klamm does too little.
    #[must_use]
    pub fn under_test() -> Self {
        match std::env::var("E2E_PRODUCT").as_deref() {
            Ok("kafka") => Self::Kafka,
            _ => Self::Klamm,
        }
    }

    fn program(self) -> Program {
        match self {
            Self::Klamm => Program::Klamm,
            Self::Kafka => Program::Kafka { release: Release::Broker, jvm: SMALL_JVM },
            Self::KafkaToMeasure => Program::Kafka { release: Release::Tools, jvm: Jvm::AsShipped },
        }
    }
}

/// A process with its directory and its ports.
#[derive(Debug)]
pub struct Node {
    product: Product,
    instance: Instance,
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
        Self::unformatted(product, id, loopback(port), text)
    }

    /// Any node, not started, its directory empty. `None` where Java or Maven is missing and needed.
    ///
    /// # Panics
    /// If its files cannot be written.
    #[must_use]
    pub fn unformatted(product: Product, id: i32, address: SocketAddr, text: &str) -> Option<Self> {
        if !product.program().present() {
            return None;
        }
        let text = format!("node.id={id}\ncontroller.listener.names=CONTROLLER\n{text}");
        let instance = Instance::new(product.program(), address, None, &text);
        Some(Self { product, instance })
    }

    /// Whether all these products can run here, with what they need fetched.
    #[must_use]
    pub fn present(products: impl IntoIterator<Item = Product>) -> bool {
        products.into_iter().all(|product| product.program().present())
    }

    /// The same in a network namespace.
    #[must_use]
    pub fn inside(mut self, space: Space) -> Self {
        self.instance = self.instance.inside(space);
        self
    }

    /// From the next start on it is another product's on the same directory.
    pub fn hand_over(&mut self, product: Product) {
        self.product = product;
        self.instance.hand_over(product.program());
    }

    /// Whose server it is.
    #[must_use]
    pub fn product(&self) -> Product {
        self.product
    }

    /// Formats its directory with its own product's tool.
    ///
    /// # Panics
    /// If the tool fails.
    #[must_use]
    pub fn formatted(self, cluster: &str, flags: &[&str]) -> Option<Self> {
        self.format(cluster, flags)?;
        Some(self)
    }

    /// Loses all that it has on disk, and is formatted anew.
    ///
    /// # Panics
    /// If it runs, or cannot be formatted.
    pub fn empty(&mut self) {
        assert!(!self.runs(), "a directory is not emptied below a process");
        std::fs::remove_dir_all(self.data()).expect("remove the directory");
        self.format(CLUSTER, &[]).expect("it was formatted before");
    }

    /// The same in place. `None` where Java or Maven is missing and needed.
    ///
    /// # Panics
    /// If the tool fails.
    pub fn format(&self, cluster: &str, flags: &[&str]) -> Option<()> {
        let mut command = match self.product.program() {
            Program::Klamm => tool("storage"),
            Program::Kafka { release, .. } => class(release, "kafka.tools.StorageTool")?,
        };
        command.args(["format", "-t", cluster]).args(flags).arg("-c").arg(self.properties());
        succeed(&mut command, b"");
        Some(())
    }

    fn started(mut self) -> Self {
        self.restart();
        self
    }

    /// Its address, as clients and tools take it.
    #[must_use]
    pub fn address(&self) -> String {
        self.bootstrap()
    }

    /// Its copy of the metadata log.
    #[must_use]
    pub fn metadata(&self) -> PathBuf {
        self.data().join("__cluster_metadata-0")
    }
}

impl Deref for Node {
    type Target = Instance;

    fn deref(&self) -> &Instance {
        &self.instance
    }
}

impl DerefMut for Node {
    fn deref_mut(&mut self) -> &mut Instance {
        &mut self.instance
    }
}
