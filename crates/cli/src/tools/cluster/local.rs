//! What a local cluster consists of on the disk, so that a second start finds the same cluster.
//!
//! ```text
//! DIR/cluster.id
//! DIR/node-1/server.properties    ports are in here
//! DIR/node-1/data/                log.dirs
//! DIR/node-1/server.log
//! DIR/node-2/…
//! ```

use std::fs;
use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};

use metadata::config::ServerConfig;
use types::Uuid;

use crate::configuration;

/// Where ports are looked for by default: the first node gets Kafka's own.
pub const FIRST_PORT: u16 = 9092;
/// From the ports of the nodes to those of their metrics: the first one gets the usual 9404.
const TO_HTTP_PORTS: u16 = 9404 - FIRST_PORT;
/// More processes than that on one machine show nothing.
pub const NODES_MAX: usize = 50;
// each node has a port for clients, and may have one for the quorum
const _: () = assert!(NODES_MAX * 2 < TO_HTTP_PORTS as usize);
/// How many of the nodes vote.
const VOTERS_MAX: usize = 5;
/// How many brokers keep a partition.
const REPLICAS_MAX: usize = 3;

/// A node of the cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    pub id: usize,
    /// For clients.
    pub port: u16,
    /// For the quorum, where it votes.
    pub controller_port: Option<u16>,
    folder: PathBuf,
}

/// The nodes, and the cluster that they are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Local {
    pub cluster_id: String,
    pub nodes: Vec<Node>,
}

impl Node {
    pub fn properties(&self) -> PathBuf {
        self.folder.join("server.properties")
    }

    pub fn log(&self) -> PathBuf {
        self.folder.join("server.log")
    }

    pub fn address(&self) -> String {
        format!("localhost:{}", self.port)
    }

    pub fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    /// The id of its formatted directory.
    pub fn directory_id(&self) -> Option<Uuid> {
        let meta = configuration::read(&self.data().join("meta.properties").display().to_string());
        meta.ok()?.get("directory.id")?.parse().ok()
    }
}

impl Local {
    /// Where clients begin.
    pub fn bootstrap(&self) -> String {
        self.nodes.iter().map(Node::address).collect::<Vec<_>>().join(",")
    }

    /// The cluster that is in a directory; `None` where there is none.
    pub fn find(folder: &Path) -> Result<Option<Self>, String> {
        let path = folder.join("cluster.id");
        let cluster_id = match fs::read_to_string(&path) {
            Ok(text) => text.trim().to_owned(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(format!("cannot read {}: {error}", path.display())),
        };
        let folders = (1..).map(|id| (id, folder.join(format!("node-{id}"))));
        let nodes = folders
            .take_while(|(_, folder)| folder.join("server.properties").exists())
            .map(|(id, folder)| Node::read(id, folder))
            .collect::<Result<Vec<_>, _>>()?;
        Ok(Some(Self { cluster_id, nodes }))
    }

    /// Chooses ports for a cluster of `count` nodes, from `first_port` on, and writes its files.
    ///
    /// `extra` are lines for each `server.properties`.
    pub fn create(
        folder: &Path,
        count: usize,
        first_port: u16,
        extra: &[String],
        cluster_id: Uuid,
    ) -> Result<Self, String> {
        let first_http_port = first_port.saturating_add(TO_HTTP_PORTS);
        let mut ports = (first_port..first_http_port).filter(is_free);
        let mut http_ports = (first_http_port..=u16::MAX).filter(is_free);
        let mut next = || ports.next().ok_or_else(|| "there are no free ports".to_owned());
        let mut nodes = Vec::new();
        for id in 1..=count {
            let (port, votes) = (next()?, id <= voters(count));
            let controller_port = if votes { Some(next()?) } else { None };
            let folder = folder.join(format!("node-{id}"));
            nodes.push(Node { id, port, controller_port, folder });
        }
        let local = Self { cluster_id: cluster_id.to_string(), nodes };
        for node in &local.nodes {
            let http_port =
                http_ports.next().ok_or_else(|| "there are no free ports".to_owned())?;
            let text = local.properties(node, http_port, extra);
            write(&node.properties(), &text)?;
        }
        // last: a directory without it holds no cluster
        write(&folder.join("cluster.id"), &format!("{}\n", local.cluster_id))?;
        Ok(local)
    }

    fn properties(&self, node: &Node, http_port: u16, extra: &[String]) -> String {
        let controllers = self.nodes.iter().filter_map(|node| node.controller_port);
        let controllers: Vec<_> = controllers.map(|port| format!("localhost:{port}")).collect();
        let (roles, listener) = match node.controller_port {
            Some(port) => ("broker,controller", format!(",CONTROLLER://localhost:{port}")),
            None => ("broker", String::new()),
        };
        let replicas = self.nodes.len().min(REPLICAS_MAX);
        let in_sync = replicas.div_ceil(2);
        let Node { id, port, .. } = node;
        format!(
            "process.roles={roles}\nnode.id={id}\n\
             listeners=PLAINTEXT://localhost:{port}{listener}\n\
             controller.listener.names=CONTROLLER\n\
             controller.quorum.bootstrap.servers={}\n\
             log.dirs={}\n\
             klamm.http.address=localhost:{http_port}\n\
             default.replication.factor={replicas}\nmin.insync.replicas={in_sync}\n\
             offsets.topic.replication.factor={replicas}\n\
             transaction.state.log.replication.factor={replicas}\n\
             transaction.state.log.min.isr={in_sync}\n\
             share.coordinator.state.topic.replication.factor={replicas}\n\
             share.coordinator.state.topic.min.isr={in_sync}\n{}\n",
            controllers.join(","),
            node.data().display(),
            extra.join("\n")
        )
    }

    /// The voters, as `kafka-storage format --initial-controllers` takes them; `directory` gives
    /// each an id.
    pub fn initial_controllers(
        &self,
        directory: impl Fn(&Node) -> io::Result<Uuid>,
    ) -> io::Result<String> {
        let voters = self.nodes.iter().filter_map(|node| Some((node, node.controller_port?)));
        let voters = voters
            .map(|(node, port)| Ok(format!("{}@localhost:{port}:{}", node.id, directory(node)?)));
        Ok(voters.collect::<io::Result<Vec<_>>>()?.join(","))
    }
}

impl Node {
    fn read(id: usize, folder: PathBuf) -> Result<Self, String> {
        let path = folder.join("server.properties");
        let config: ServerConfig = configuration::load(&path.display().to_string())?;
        let without = || format!("{} names no listener for clients", path.display());
        let port = config.listeners.advertised.first().ok_or_else(without)?.port;
        let controller = config.listeners.advertised_controllers.first();
        let votes = config.roles.controller;
        let controller_port = controller.filter(|_| votes).map(|endpoint| endpoint.port);
        Ok(Self { id, port, controller_port, folder })
    }
}

/// An odd number, so that none of them is in vain.
fn voters(nodes: usize) -> usize {
    let most = nodes.min(VOTERS_MAX);
    if most.is_multiple_of(2) { most - 1 } else { most }
}

fn is_free(port: &u16) -> bool {
    TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok()
}

fn write(path: &Path, text: &str) -> Result<(), String> {
    let folder = path.parent().unwrap_or(path);
    let written = fs::create_dir_all(folder).and_then(|()| fs::write(path, text));
    written.map_err(|error| format!("cannot write {}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_created_is_found_again() {
        let folder = tempfile::tempdir().expect("a folder");
        assert_eq!(Local::find(folder.path()), Ok(None));
        let extra = ["num.partitions=7".to_owned()];
        let created =
            Local::create(folder.path(), 3, FIRST_PORT, &extra, Uuid::ONE).expect("free ports");
        assert_eq!(Local::find(folder.path()), Ok(Some(created.clone())));
        let mut ports: Vec<u16> = created.nodes.iter().map(|node| node.port).collect();
        ports.extend(created.nodes.iter().filter_map(|node| node.controller_port));
        let count = ports.len();
        ports.sort_unstable();
        ports.dedup();
        assert_eq!(ports.len(), count);
        let text = fs::read_to_string(created.nodes[2].properties()).expect("its file");
        assert!(text.contains("num.partitions=7\n"), "{text}");
        let voters = created.initial_controllers(|_| Ok(Uuid::ONE)).expect("ids");
        assert_eq!(voters.split(',').count(), super::voters(3));
    }

    #[test]
    fn an_odd_number_votes() {
        for nodes in 1..=NODES_MAX {
            let voters = voters(nodes);
            assert!(voters % 2 == 1 && voters <= nodes, "{nodes}: {voters}");
        }
    }
}
