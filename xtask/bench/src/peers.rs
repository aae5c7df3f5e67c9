//! The three that are measured in one run: the floor, Klamm and Apache Kafka.

use std::path::PathBuf;
use std::process::Command;

use e2e::process::{Server, free_port, loopback};
use e2e::{Kafka, Klamm, wait};

use crate::load::await_writable;
use crate::protocol::{create_topic, delete_topic, led_partitions};

/// Deleted topics give their pages back soon, so that a round does not pay for the one before.
const PROPERTIES: &str = "log.segment.delete.delay.ms=100\nmax.connections=20000";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Floor,
    Klamm,
    Kafka,
}

impl Kind {
    /// Whether it takes part: `BENCH_PEERS=klamm,kafka` names those that do; all where it is not set.
    pub fn is_wanted(self) -> bool {
        let name = match self {
            Self::Floor => "floor",
            Self::Klamm => "klamm",
            Self::Kafka => "kafka",
        };
        std::env::var("BENCH_PEERS").map_or(true, |peers| peers.split(',').any(|peer| peer == name))
    }
}

/// A running peer.
#[derive(Debug)]
pub enum Peer {
    Floor(Floor),
    Klamm(Box<Klamm>),
    Kafka(Box<Kafka>),
}

/// The floor server, started anew for each topic: it has no other.
#[derive(Debug)]
pub struct Floor {
    server: Option<Server>,
    folder: tempfile::TempDir,
    port: u16,
}

impl Peer {
    /// Starts one; `None` where Apache Kafka cannot be had.
    pub fn start(kind: Kind) -> Option<Self> {
        match kind {
            Kind::Floor => {
                let folder = e2e::folders::scratch();
                Some(Self::Floor(Floor { server: None, folder, port: free_port() }))
            }
            Kind::Klamm => Some(Self::Klamm(Box::new(Klamm::with(PROPERTIES)))),
            Kind::Kafka => Some(Self::Kafka(Box::new(Kafka::to_measure(PROPERTIES)?))),
        }
    }

    pub fn kind(&self) -> Kind {
        match self {
            Self::Floor(_) => Kind::Floor,
            Self::Klamm(_) => Kind::Klamm,
            Self::Kafka(_) => Kind::Kafka,
        }
    }

    pub fn port(&self) -> u16 {
        match self {
            Self::Floor(floor) => floor.port,
            Self::Klamm(klamm) => klamm.port(),
            Self::Kafka(kafka) => kafka.port(),
        }
    }

    pub fn pid(&mut self) -> u32 {
        match self {
            Self::Floor(floor) => floor.server.as_ref().map_or(0, Server::pid),
            Self::Klamm(klamm) => klamm.server().pid(),
            Self::Kafka(kafka) => kafka.server().pid(),
        }
    }

    /// The folder that its partitions are in.
    pub fn data(&self) -> PathBuf {
        match self {
            Self::Floor(floor) => floor.folder.path().to_owned(),
            Self::Klamm(klamm) => klamm.data(),
            Self::Kafka(kafka) => kafka.data(),
        }
    }

    /// Makes `topic` and waits until it leads.
    ///
    /// # Panics
    /// If the peer refuses.
    pub fn create(&mut self, topic: &str, partitions: usize) {
        if let Self::Floor(floor) = self {
            floor.restart(partitions);
            return;
        }
        let count = i32::try_from(partitions).expect("a small count");
        let error = create_topic(self.port(), topic, count).expect("create the topic");
        assert_eq!(error, 0, "{topic} is created");
        let port = self.port();
        wait::until("every partition leads", || {
            (led_partitions(port, topic).ok()? == partitions).then_some(())
        });
        await_writable(port, topic, partitions);
    }

    /// Deletes `topic` and waits until its pages are free again.
    ///
    /// # Panics
    /// If the peer refuses.
    pub fn delete(&mut self, topic: &str) {
        if let Self::Floor(floor) = self {
            floor.server = None;
            std::fs::read_dir(floor.folder.path()).expect("list").flatten().for_each(|file| {
                std::fs::remove_file(file.path()).expect("remove a file of the floor");
            });
            return;
        }
        let data = self.data();
        delete_topic(self.port(), topic).expect("delete the topic");
        wait::until("the topic's folders go", || {
            let mut left = std::fs::read_dir(&data).ok()?.flatten();
            let here = |name: &str| name.starts_with(topic);
            (!left.any(|entry| here(&entry.file_name().to_string_lossy()))).then_some(())
        });
    }
}

impl Floor {
    fn restart(&mut self, partitions: usize) {
        self.server = None;
        let mut command = Command::new(std::env::current_exe().expect("this program"));
        command.arg("floor").arg(self.port.to_string()).arg(partitions.to_string());
        command.arg(self.folder.path());
        let log = self.folder.path().with_extension("log");
        let mut server = Server::start(&mut command, &log);
        server.await_listener(loopback(self.port));
        self.server = Some(server);
    }
}
