//! Klamm as a process: started from a `server.properties`, killed, restarted.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};

use crate::folders;
use crate::process::{Server, free_port};

/// A single node on free ports of the loopback address, its data in a scratch folder.
#[derive(Debug)]
pub struct Klamm {
    server: Option<Server>,
    folder: tempfile::TempDir,
    data: PathBuf,
    port: u16,
    controller_port: u16,
}

impl Klamm {
    /// Starts a node with the defaults.
    #[must_use]
    pub fn start() -> Self {
        Self::with("")
    }

    /// Starts a node with more lines for its `server.properties`.
    ///
    /// # Panics
    /// If it does not come up.
    #[must_use]
    pub fn with(properties: &str) -> Self {
        Self::prepared(None, properties)
    }

    /// Starts a node on a data directory that something else has written.
    ///
    /// # Panics
    /// If it does not come up.
    #[must_use]
    pub fn on(data: &Path, properties: &str) -> Self {
        Self::prepared(Some(data), properties)
    }

    fn prepared(data: Option<&Path>, properties: &str) -> Self {
        let folder = folders::scratch();
        let port = free_port();
        let controller_port = free_port();
        let data = data.map_or_else(|| folder.path().join("data"), Path::to_owned);
        let text = format!(
            "process.roles=broker,controller\nnode.id=1\n\
             controller.quorum.bootstrap.servers=127.0.0.1:{controller_port}\n\
             listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller_port}\n\
             controller.listener.names=CONTROLLER\nlog.dirs={}\n\
             offsets.topic.replication.factor=1\ntransaction.state.log.replication.factor=1\n\
             transaction.state.log.min.isr=1\nshare.coordinator.state.topic.replication.factor=1\n\
             share.coordinator.state.topic.min.isr=1\ngroup.initial.rebalance.delay.ms=0\n\
             {properties}\n",
            data.display()
        );
        std::fs::write(folder.path().join("server.properties"), text).expect("write properties");
        let mut klamm = Self { server: None, folder, data, port, controller_port };
        klamm.restart();
        klamm
    }

    /// Starts it again after an end, on the same ports and directory.
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
    /// If the binary is missing.
    pub fn launch(&mut self) {
        let mut command = Command::new(folders::klamm_binary());
        command.arg("server").arg(self.properties());
        let log = self.folder.path().join("server.log");
        self.server = Some(Server::start(&mut command, &log));
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

    /// What clients take as `bootstrap.servers`.
    #[must_use]
    pub fn bootstrap(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// The port of the client listener.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The port of the controller's listener.
    #[must_use]
    pub fn controller_port(&self) -> u16 {
        self.controller_port
    }

    /// Its `log.dirs`.
    #[must_use]
    pub fn data(&self) -> PathBuf {
        self.data.clone()
    }

    /// Its `server.properties`.
    #[must_use]
    pub fn properties(&self) -> PathBuf {
        self.folder.path().join("server.properties")
    }

    /// Everything that it logged since its first start.
    #[must_use]
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("server.log")).unwrap_or_default()
    }
}

/// One of Klamm's own tools under Kafka's name, ready for its arguments.
#[must_use]
pub fn tool(name: &str) -> Command {
    let mut command = Command::new(folders::klamm_binary());
    command.arg(name);
    command
}
