//! A server process with its folder: started, ended in every way, started again on what it left.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::time::Duration;

use rustix::process::Signal;

use crate::folders;
use crate::java::{Jvm, Release, class_path};
use crate::netns::Space;
use crate::process::Server;
use crate::wait;

/// Which server, and how it is run.
#[derive(Clone, Copy, Debug)]
pub enum Program {
    Klamm,
    Kafka { release: Release, jvm: Jvm },
}

impl Program {
    /// Whether it can run here; Apache Kafka needs Java and Maven.
    #[must_use]
    pub fn present(self) -> bool {
        match self {
            Self::Klamm => true,
            Self::Kafka { release, .. } => class_path(release).is_some(),
        }
    }

    fn command(self, properties: &Path) -> Command {
        let mut command = match self {
            Self::Klamm => {
                let mut command = Command::new(folders::klamm_binary());
                command.arg("server");
                command
            }
            Self::Kafka { release, jvm } => {
                let jars = class_path(release).expect("it was there before");
                let mut command = Command::new("java");
                command.args(jvm.flags(release)).args(["-cp", &jars, "kafka.Kafka"]);
                command
            }
        };
        command.arg(properties);
        command
    }
}

/// The one owner of a server under test: its process, if it runs, and all that it wrote.
#[derive(Debug)]
pub struct Instance {
    program: Program,
    server: Option<Server>,
    folder: tempfile::TempDir,
    data: PathBuf,
    address: SocketAddr,
    space: Option<Space>,
    environment: Vec<(&'static str, OsString)>,
}

impl Instance {
    /// One that is not started: with `properties` as its file (`log.dirs` is added), reached at
    /// `address`.
    ///
    /// # Panics
    /// If its file cannot be written.
    #[must_use]
    pub fn new(
        program: Program,
        address: SocketAddr,
        data: Option<&Path>,
        properties: &str,
    ) -> Self {
        let folder = folders::scratch();
        let data = data.map_or_else(|| folder.path().join("data"), Path::to_owned);
        let text = format!("log.dirs={}\n{properties}\n", data.display());
        std::fs::write(folder.path().join("server.properties"), text).expect("write properties");
        let environment = Vec::new();
        Self { program, server: None, folder, data, address, space: None, environment }
    }

    /// The same in a network namespace.
    #[must_use]
    pub fn inside(mut self, space: Space) -> Self {
        self.space = Some(space);
        self
    }

    /// Starts it (again), and waits until it listens.
    ///
    /// # Panics
    /// If it does not come up.
    pub fn restart(&mut self) {
        self.launch();
        self.await_listener();
    }

    /// Waits until it listens.
    ///
    /// # Panics
    /// If it does not come up, with its log.
    pub fn await_listener(&mut self) {
        let address = self.address;
        self.server().await_listener(address);
    }

    /// Starts the process and does not wait for anything.
    ///
    /// # Panics
    /// If the program is missing.
    pub fn launch(&mut self) {
        let mut command = self.program.command(&self.properties());
        command.envs(self.environment.iter().map(|(key, value)| (key, value)));
        let mut command = match &self.space {
            Some(space) => space.command(&command),
            None => command,
        };
        self.server = Some(Server::start(&mut command, &self.log_file()));
    }

    /// From the next start on it has these variables in its environment too.
    pub fn set_environment(
        &mut self,
        environment: impl IntoIterator<Item = (&'static str, OsString)>,
    ) {
        self.environment.extend(environment);
    }

    /// From the next start on it is another program's turn on the same folder and properties.
    pub fn hand_over(&mut self, program: Program) {
        self.program = program;
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

    /// Waits for its end, and kills it if that does not come.
    ///
    /// # Panics
    /// If it does not run.
    pub fn end_within(&mut self, patience: Duration) {
        let mut server = self.server.take().expect("it runs");
        // dropping it kills it
        let _ = wait::within(patience, || server.ended());
    }

    /// SIGSTOP: alive, and silent.
    pub fn pause(&mut self) {
        self.server().signal(Signal::STOP);
    }

    /// SIGCONT.
    pub fn resume(&mut self) {
        self.server().signal(Signal::CONT);
    }

    /// Whether a process was started and not ended by us.
    #[must_use]
    pub fn runs(&self) -> bool {
        self.server.is_some()
    }

    /// The running process.
    ///
    /// # Panics
    /// If it does not run.
    pub fn server(&mut self) -> &mut Server {
        self.server.as_mut().expect("it runs")
    }

    /// The port of its first listener.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// The address of its first listener: for a broker, what clients take as `bootstrap.servers`.
    #[must_use]
    pub fn bootstrap(&self) -> String {
        self.address.to_string()
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
        String::from_utf8_lossy(&std::fs::read(self.log_file()).unwrap_or_default()).into_owned()
    }

    fn log_file(&self) -> PathBuf {
        self.folder.path().join("server.log")
    }
}
