//! Klamm as a process: a single node, started from a `server.properties`.

use std::ops::{Deref, DerefMut};
use std::path::Path;
use std::process::Command;

use crate::folders;
use crate::instance::{Instance, Program};
use crate::process::{free_port, loopback};

/// A single node on free ports of the loopback address, its data in a scratch folder.
#[derive(Debug)]
pub struct Klamm {
    instance: Instance,
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
        let port = free_port();
        let controller_port = free_port();
        let text = format!(
            "process.roles=broker,controller\nnode.id=1\n\
             controller.quorum.bootstrap.servers=127.0.0.1:{controller_port}\n\
             listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller_port}\n\
             controller.listener.names=CONTROLLER\n\
             offsets.topic.replication.factor=1\ntransaction.state.log.replication.factor=1\n\
             transaction.state.log.min.isr=1\nshare.coordinator.state.topic.replication.factor=1\n\
             share.coordinator.state.topic.min.isr=1\ngroup.initial.rebalance.delay.ms=0\n\
             {properties}"
        );
        let mut instance = Instance::new(Program::Klamm, loopback(port), data, &text);
        instance.restart();
        Self { instance, controller_port }
    }

    /// The port of the controller's listener.
    #[must_use]
    pub fn controller_port(&self) -> u16 {
        self.controller_port
    }
}

impl Deref for Klamm {
    type Target = Instance;

    fn deref(&self) -> &Instance {
        &self.instance
    }
}

impl DerefMut for Klamm {
    fn deref_mut(&mut self) -> &mut Instance {
        &mut self.instance
    }
}

/// One of Klamm's own tools under Kafka's name, ready for its arguments.
#[must_use]
pub fn tool(name: &str) -> Command {
    let mut command = Command::new(folders::klamm_binary());
    command.arg(name);
    command
}
