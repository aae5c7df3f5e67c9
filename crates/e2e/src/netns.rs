//! Nodes in network namespaces of their own, on links that can be cut, each direction by itself.
//!
//! ```text
//!   test thread, clients        node 1            node 2            node 3
//!   10.0.0.254 (hub) ─┐      10.0.0.1 ─┐      10.0.0.2 ─┐      10.0.0.3 ─┐
//!                     └────────────────┴── a bridge ────┴────────────────┘
//! ```
//! Hardware addresses are fixed and known to all (`02:…:NODE`), so that nobody asks for them. To cut
//! a link, its sender is given a hardware address that nobody has: what it sends is lost without a
//! word, also on connections that are open, and the other direction is untouched.

use std::fs::File;
use std::net::Ipv4Addr;
use std::os::fd::AsFd;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use crate::process::succeed;
use crate::runtimes::present;

const FOLDER: &str = "/run/netns";
const PREFIX: &str = "klamm";
/// The number of the test's own place, where no node is.
const HUB: u8 = 254;
/// A hardware address that nobody has.
const NOBODY: u8 = 255;

/// A network with a place for each of its nodes. The thread that lays it is in it, with all that it
/// starts from then on, until the network is dropped; nothing beyond it can be reached from there.
#[derive(Debug)]
pub struct Network {
    /// What all its namespaces' names begin with.
    name: Arc<str>,
    nodes: u8,
    outside: File,
}

/// One node's place in a network.
#[derive(Clone, Debug)]
pub struct Space {
    network: Arc<str>,
    node: u8,
}

impl Network {
    /// A network for nodes 1 to `nodes`. `None` where namespaces cannot be made.
    ///
    /// # Panics
    /// In CI, if they cannot be made; anywhere, if making them fails half way.
    #[must_use]
    pub fn lay(nodes: u8) -> Option<Self> {
        static LAID: AtomicU32 = AtomicU32::new(0);
        if !present("ip", "-V") || !rustix::process::geteuid().is_root() {
            assert!(std::env::var_os("CI").is_none(), "CI must be root, for network namespaces");
            eprintln!("skipped: network namespaces need root");
            return None;
        }
        sweep();
        let serial = LAID.fetch_add(1, Ordering::Relaxed);
        let name = format!("{PREFIX}-{}-{serial}", std::process::id());
        let outside = File::open("/proc/thread-self/ns/net").expect("open the own namespace");
        let network = Self { name: name.into(), nodes, outside };
        network.make_hub();
        (1..=nodes).for_each(|node| network.make_place(node));
        network.introduce_all();
        let hub = format!("{FOLDER}/{}", network.space(HUB).name());
        enter(&File::open(hub).expect("open the hub's namespace"));
        Some(network)
    }

    /// The place of a node.
    #[must_use]
    pub fn space(&self, node: u8) -> Space {
        Space { network: Arc::clone(&self.name), node }
    }

    /// From here on, nothing that `from` sends reaches `to`.
    pub fn cut(&self, from: u8, to: u8) {
        self.introduce(from, to, NOBODY);
    }

    /// What `from` sends reaches `to` again.
    pub fn heal(&self, from: u8, to: u8) {
        self.introduce(from, to, to);
    }

    /// All links between nodes are whole.
    pub fn heal_all(&self) {
        self.introduce_all();
    }

    fn make_hub(&self) {
        let hub = self.space(HUB);
        ip(&format!("netns add {}", hub.name()));
        hub.ip("link set lo up");
        hub.ip(&format!("link add hub address {} type bridge", hardware(HUB)));
        hub.ip("link set hub up");
        hub.ip(&format!("addr add {}/24 dev hub", address(HUB)));
    }

    fn make_place(&self, node: u8) {
        let (hub, space) = (self.space(HUB), self.space(node));
        ip(&format!("netns add {}", space.name()));
        space.ip("link set lo up");
        let peer = format!("peer name eth0 address {} netns {}", hardware(node), space.name());
        hub.ip(&format!("link add node{node} type veth {peer}"));
        hub.ip(&format!("link set node{node} master hub up"));
        space.ip(&format!("addr add {}/24 dev eth0", address(node)));
        space.ip("link set eth0 up");
    }

    fn introduce_all(&self) {
        let all = || (1..=self.nodes).chain([HUB]);
        for from in all() {
            all().filter(|to| *to != from).for_each(|to| self.introduce(from, to, to));
        }
    }

    /// Lets `from` believe that `to` has the hardware address of `answering`.
    fn introduce(&self, from: u8, to: u8, answering: u8) {
        let device = if from == HUB { "hub" } else { "eth0" };
        let (to, hardware) = (address(to), hardware(answering));
        let entry = format!("neigh replace {to} lladdr {hardware} dev {device} nud permanent");
        self.space(from).ip(&entry);
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        enter(&self.outside);
        (1..=self.nodes).chain([HUB]).for_each(|node| remove(&self.space(node).name()));
    }
}

impl Space {
    /// The node's address.
    #[must_use]
    pub fn address(&self) -> Ipv4Addr {
        address(self.node)
    }

    /// `command`, to be run in this place.
    #[must_use]
    pub fn command(&self, command: &Command) -> Command {
        let mut inside = Command::new("ip");
        inside.args(["netns", "exec", &self.name()]);
        inside.arg(command.get_program()).args(command.get_args());
        for (key, value) in command.get_envs() {
            match value {
                Some(value) => inside.env(key, value),
                None => inside.env_remove(key),
            };
        }
        inside
    }

    fn name(&self) -> String {
        format!("{}-{}", self.network, self.node)
    }

    fn ip(&self, words: &str) {
        ip(&format!("-n {} {words}", self.name()));
    }
}

fn address(node: u8) -> Ipv4Addr {
    Ipv4Addr::new(10, 0, 0, node)
}

fn hardware(node: u8) -> String {
    format!("02:00:00:00:00:{node:02x}")
}

fn ip(words: &str) {
    succeed(Command::new("ip").args(words.split(' ')), b"");
}

fn enter(namespace: &File) {
    move_into_link_name_space(namespace.as_fd(), Some(LinkNameSpaceType::Network))
        .expect("enter a network namespace");
}

/// Removing is tidying: what is gone already is no error.
fn remove(name: &str) {
    let _ = Command::new("ip").args(["netns", "del", name]).output();
}

/// Removes what test processes left behind that were killed.
fn sweep() {
    let entries = std::fs::read_dir(FOLDER).into_iter().flatten().flatten();
    for name in entries.filter_map(|entry| entry.file_name().into_string().ok()) {
        let mut parts = name.split('-');
        let (prefix, pid) = (parts.next(), parts.next());
        let Some(pid) = pid.filter(|_| prefix == Some(PREFIX)) else { continue };
        let dead = pid
            .parse::<u32>()
            .is_ok_and(|_| !std::fs::exists(format!("/proc/{pid}")).unwrap_or(true));
        if dead {
            remove(&name);
        }
    }
}
