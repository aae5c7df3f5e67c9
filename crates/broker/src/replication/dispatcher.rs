//! Which fetcher follows which partition, as leaders move.

use super::Key;
use super::fetcher::Fetcher;
use super::orders::{Order, Orders};
use super::settings::{self, FetcherSettings};
use super::threads::Threads;
use crate::cluster::broker_layers;
use crate::node::Node;
use crate::partition::Partition;
use crate::peer::{Address, Peer};
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio::sync::watch;
use tokio::task::JoinSet;
use types::NodeId;

/// As whom leaders see this node.
const CLIENT_ID: &str = "klamm-replica";

/// The leader's broker, and which of the connections to it.
type FetcherKey = (NodeId, u32);

pub(super) struct Dispatcher {
    node: Arc<Node>,
    settings: FetcherSettings,
    /// Connections to each leader's broker, for what begins to be followed.
    connections: u32,
    fetchers: BTreeMap<FetcherKey, Handle>,
    followed: BTreeMap<Key, FetcherKey>,
    tasks: JoinSet<()>,
    threads: Threads,
}

struct Handle {
    orders: Arc<Orders>,
    address: watch::Sender<Option<Address>>,
}

impl Dispatcher {
    pub fn new(node: Arc<Node>) -> Self {
        Self {
            settings: FetcherSettings::new(&node.settings),
            connections: 1,
            fetchers: BTreeMap::new(),
            followed: BTreeMap::new(),
            tasks: JoinSet::new(),
            threads: Threads::new(node.stopping.clone()),
            node,
        }
    }

    /// Runs until the server stops; the fetchers end with it.
    pub async fn run(mut self) {
        let mut stopping = self.node.stopping.clone();
        let partitions = Arc::clone(&self.node.partitions);
        loop {
            tokio::select! {
                moved = partitions.neighbours().news() => {
                    self.readdress();
                    self.recount();
                    moved.into_iter().for_each(|partition| self.sort(partition));
                }
                Some(ended) = self.tasks.join_next() => {
                    if let Err(error) = ended && error.is_panic() {
                        tracing::error!(%error, "a fetcher panicked");
                    }
                }
                _ = stopping.wait_for(|stop| *stop) => break,
            }
        }
        self.tasks.shutdown().await;
        self.threads.joined();
    }

    /// How many connections there shall be by now; what is followed already stays where it is, until
    /// its leader changes.
    fn recount(&mut self) {
        let image = self.node.partitions.neighbours().image();
        self.connections = settings::fetchers(broker_layers(&image, &self.node.settings));
    }

    fn sort(&mut self, partition: Arc<Partition>) {
        let key = (partition.topic.id, partition.index);
        let leader = partition.leader().id;
        let is_led_elsewhere = leader != NodeId::NONE && leader != self.node.settings.node_id;
        let follows = is_led_elsewhere && partition.is_replicated() && !partition.is_gone();
        let next = follows.then(|| (leader, self.turn(key)));
        let before = self.followed.get(&key).copied();
        if let Some(handle) = before.filter(|_| before != next).and_then(|b| self.fetchers.get(&b))
        {
            handle.orders.give(key, Order::Forget);
        }
        match next {
            Some(fetcher) => {
                self.followed.insert(key, fetcher);
                self.fetcher(fetcher).give(key, Order::Follow(partition));
            }
            None => _ = self.followed.remove(&key),
        }
    }

    /// Spreads partitions over the connections to a broker.
    fn turn(&self, (topic, index): Key) -> u32 {
        let [a, b, c, d, ..] = topic.0;
        let topic = u32::from_be_bytes([a, b, c, d]);
        topic.wrapping_add(index.cast_unsigned()) % self.connections
    }

    fn fetcher(&mut self, key: FetcherKey) -> &Orders {
        if !self.fetchers.contains_key(&key) {
            let handle = self.start(key);
            self.fetchers.insert(key, handle);
        }
        &self.fetchers[&key].orders
    }

    fn start(&mut self, (leader, connection): FetcherKey) -> Handle {
        let (orders, address) = (Arc::default(), watch::Sender::new(self.address_of(leader)));
        let (peer, line) = Peer::new(CLIENT_ID, address.subscribe(), self.settings.patience);
        let handle = Handle { orders: Arc::clone(&orders), address: address.clone() };
        let settings = self.settings.clone();
        let fetcher = Fetcher::new(leader, Arc::clone(&self.node), settings, peer, orders, address);
        let task = async move {
            tokio::select! {
                () = line.run() => {}
                () = fetcher.run() => {}
            }
        };
        self.tasks.spawn_on(task, &self.threads.of(connection));
        handle
    }

    /// Tells fetchers where their leaders are by now.
    fn readdress(&self) {
        for ((leader, _), handle) in &self.fetchers {
            let address = self.address_of(*leader);
            handle.address.send_if_modified(|known| {
                let changes = *known != address;
                known.clone_from(&address);
                changes
            });
        }
    }

    fn address_of(&self, leader: NodeId) -> Option<Address> {
        let image = self.node.partitions.neighbours().image();
        let endpoint = image.cluster().broker(leader)?.endpoint(&self.settings.listener)?;
        Some(Address { host: endpoint.host.to_string(), port: endpoint.port })
    }
}
