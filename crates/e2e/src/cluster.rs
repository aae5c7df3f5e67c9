//! Clusters of several nodes, of either product or both, on the loopback address or on links that
//! can be cut.

use std::fmt::Write as _;
use std::future::Future;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use client::admin::NewTopic;
use client::{Admin, ClientConfig, Properties, TopicMetadata};
use rustix::process::Signal;
use types::DirectoryId;
use wire::DescribeQuorumRequest;

use crate::clock::TimeOfDay;
use crate::netns::Network;
use crate::nodes::{CLUSTER, Node, Product};
use crate::process::free_port;
use crate::raw::{Connection, QUORUM_VERSION, Told, ToldPartition, quorum_request};
use crate::wait;

/// How long a cluster may take for what it ought to do, on a busy machine with servers in JVMs.
pub const PATIENCE: Duration = Duration::from_secs(180);

/// How long a broker may think about an answer before it is asked again.
const ANSWER_PATIENCE: Duration = Duration::from_secs(10);

/// How long nodes that all end at once may take.
const END_PATIENCE: Duration = Duration::from_secs(20);

/// What a node does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    Broker,
    Controller,
    Both,
}

impl Role {
    fn votes(self) -> bool {
        matches!(self, Self::Controller | Self::Both)
    }

    fn serves(self) -> bool {
        matches!(self, Self::Broker | Self::Both)
    }

    fn name(self) -> &'static str {
        match self {
            Self::Broker => "broker",
            Self::Controller => "controller",
            Self::Both => "broker,controller",
        }
    }
}

/// How nodes learn who votes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quorum {
    /// `controller.quorum.voters` in every file.
    Static,
    /// `controller.quorum.bootstrap.servers`, and the voters in the log.
    Dynamic,
}

/// Which nodes a cluster shall have.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Node ids count from 1 in this order.
    pub members: Vec<(Product, Role)>,
    pub quorum: Quorum,
    /// More lines for every `server.properties`.
    pub properties: String,
}

impl Plan {
    /// That many nodes of both roles, of one product.
    #[must_use]
    pub fn combined(product: Product, nodes: usize) -> Self {
        let members = vec![(product, Role::Both); nodes];
        Self { members, quorum: Quorum::Dynamic, properties: REPLICATED.to_owned() }
    }

    /// With these lines too.
    #[must_use]
    pub fn with(mut self, properties: &str) -> Self {
        self.properties.push_str(properties);
        self
    }
}

/// Three replicas of everything, two of which an acknowledged record is on.
const REPLICATED: &str = "default.replication.factor=3\nmin.insync.replicas=2\n\
     offsets.topic.replication.factor=3\noffsets.topic.num.partitions=4\n\
     transaction.state.log.replication.factor=3\ntransaction.state.log.min.isr=2\n\
     share.coordinator.state.topic.replication.factor=3\nshare.coordinator.state.topic.min.isr=2\n\
     group.initial.rebalance.delay.ms=0\nauto.create.topics.enable=false\n";

/// A running cluster. Nodes have the numbers of their ids, from 1 on.
#[derive(Debug)]
pub struct Cluster {
    nodes: Vec<Member>,
    network: Option<Network>,
}

#[derive(Debug)]
struct Member {
    node: Node,
    role: Role,
    controller: Option<SocketAddr>,
}

/// Where a node listens.
#[derive(Clone, Copy)]
struct Listeners {
    broker: Option<SocketAddr>,
    controller: Option<SocketAddr>,
}

impl Cluster {
    /// A cluster on the loopback address. `None` where Java or Maven is missing and needed.
    ///
    /// # Panics
    /// If it does not come up.
    #[must_use]
    pub fn start(plan: &Plan) -> Option<Self> {
        Self::formed(plan, None)
    }

    /// A cluster whose nodes have network namespaces of their own; the calling thread is in that
    /// network from then on. `None` where namespaces cannot be made or Java is missing.
    ///
    /// # Panics
    /// If it does not come up.
    #[must_use]
    pub fn start_apart(plan: &Plan) -> Option<Self> {
        let nodes = u8::try_from(plan.members.len()).expect("a small cluster");
        // fetched before the world is out of reach
        if !Node::present(plan.members.iter().map(|(product, _)| *product)) {
            return None;
        }
        Self::formed(plan, Some(Network::lay(nodes)?))
    }

    fn formed(plan: &Plan, network: Option<Network>) -> Option<Self> {
        let listeners: Vec<Listeners> = (1..)
            .zip(&plan.members)
            .map(|(id, (_, role))| Listeners::of(*role, id, network.as_ref()))
            .collect();
        let voters = Voters::among(&listeners);
        let mut nodes = Vec::new();
        for ((id, (product, role)), listeners) in (1..).zip(&plan.members).zip(&listeners) {
            let text = format!(
                "process.roles={}\n{}{}{}",
                role.name(),
                listeners.properties(),
                voters.properties(plan.quorum),
                plan.properties
            );
            let mut node = Node::unformatted(*product, id, listeners.first(), &text)?;
            if let Some(network) = &network {
                node = node.inside(network.space(u8::try_from(id).expect("a small cluster")));
            }
            let flags = voters.flags(plan.quorum, *role);
            let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
            let node = node.formatted(CLUSTER, &flags)?;
            nodes.push(Member { node, role: *role, controller: listeners.controller });
        }
        let mut cluster = Self { nodes, network };
        cluster.nodes.iter_mut().for_each(|member| member.node.launch());
        cluster.nodes.iter_mut().for_each(|member| member.node.await_listener());
        cluster.await_brokers();
        Some(cluster)
    }

    /// The ids of all nodes.
    pub fn ids(&self) -> impl Iterator<Item = u8> + use<> {
        1..=u8::try_from(self.nodes.len()).expect("a small cluster")
    }

    /// The ids of those that serve clients.
    #[must_use]
    pub fn brokers(&self) -> Vec<u8> {
        self.ids().filter(|id| self.member(*id).role.serves()).collect()
    }

    /// A node by its id.
    #[must_use]
    pub fn node(&self, id: u8) -> &Node {
        &self.member(id).node
    }

    /// The same, to start and stop it.
    pub fn node_mut(&mut self, id: u8) -> &mut Node {
        &mut self.nodes[usize::from(id) - 1].node
    }

    /// Its links.
    ///
    /// # Panics
    /// If its nodes are not in namespaces.
    #[must_use]
    pub fn network(&self) -> &Network {
        self.network.as_ref().expect("a cluster that was started apart")
    }

    /// Whether its links can be cut.
    #[must_use]
    pub fn is_apart(&self) -> bool {
        self.network.is_some()
    }

    /// All brokers, as clients take them.
    #[must_use]
    pub fn bootstrap(&self) -> String {
        let addresses: Vec<_> =
            self.brokers().into_iter().map(|id| self.node(id).address()).collect();
        addresses.join(",")
    }

    /// All controllers, as tools take them.
    #[must_use]
    pub fn controllers(&self) -> String {
        let addresses = self.nodes.iter().filter_map(|member| member.controller);
        addresses.map(|address| address.to_string()).collect::<Vec<_>>().join(",")
    }

    /// A question to the cluster through our own admin client.
    pub fn ask<T, F: Future<Output = T>>(&self, question: impl FnOnce(Admin) -> F) -> T {
        ask(&self.bootstrap(), question)
    }

    /// Creates a topic with three replicas a partition.
    ///
    /// # Panics
    /// If it does not come to be, with all logs.
    pub fn create_topic(&self, name: &str, partitions: i32) {
        let partitions = Some(partitions);
        let topic = [NewTopic { name: name.to_owned(), partitions, ..NewTopic::default() }];
        self.await_state(&format!("the topic {name} is created"), || {
            // an attempt whose answer was lost may have been carried out
            let _ = self.ask(async |admin| admin.create_topics(&topic, false).await);
            self.topic(name).is_some()
        });
        self.await_state(&format!("every broker knows {name}"), || {
            self.all_tell(|told| told.has(name))
        });
        self.await_in_sync();
    }

    /// A topic as any broker tells it.
    #[must_use]
    pub fn topic(&self, name: &str) -> Option<TopicMetadata> {
        let metadata = self.ask(async |admin| admin.metadata().await.ok())?;
        metadata.topic(name).map(|topic| (**topic).clone())
    }

    /// The leaders of a topic's partitions, in order.
    #[must_use]
    pub fn leaders(&self, name: &str) -> Vec<Option<i32>> {
        let topic = self.topic(name);
        topic.into_iter().flat_map(|t| t.partitions).map(|p| p.leader).collect()
    }

    /// The active controller, as a node that answers tells it.
    #[must_use]
    pub fn controller(&self) -> Option<u8> {
        let asked = self.nodes.iter().filter(|member| member.node.runs());
        let mut told = asked.filter_map(|member| member.controller).filter_map(quorum_leader);
        told.next()
    }

    /// Waits until every broker is in service, and every broker says so.
    ///
    /// # Panics
    /// If that does not come to pass, with all logs.
    pub fn await_brokers(&self) {
        let brokers = self.brokers().len();
        self.await_state("all brokers are in service, each says", || {
            self.all_tell(|told| told.brokers.len() == brokers)
        });
    }

    /// Waits until every partition of every topic has a leader and all replicas are in sync, and
    /// every broker that runs says so.
    ///
    /// # Panics
    /// If that does not come to pass, with all logs.
    pub fn await_in_sync(&self) {
        let whole = |p: &ToldPartition| p.leader.is_some() && p.in_sync.len() == p.replicas.len();
        self.await_state("all replicas are in sync, each broker says", || {
            self.all_tell(|told| told.partitions.iter().all(whole))
        });
    }

    /// Whether what every broker that runs tells is as it should be.
    fn all_tell(&self, expected: impl Fn(&Told) -> bool) -> bool {
        let running = self.nodes.iter().filter(|member| member.role.serves() && member.node.runs());
        let mut addresses = running.map(|member| member.node.address());
        addresses.all(|address| {
            let address = address.parse().expect("an address that we gave");
            Told::by(address, ANSWER_PATIENCE).is_ok_and(|told| expected(&told))
        })
    }

    /// Waits for a state of the cluster, and says how long that took: shown if the test fails.
    ///
    /// # Panics
    /// If it does not come, with all logs.
    pub fn await_state(&self, what: &str, mut reached: impl FnMut() -> bool) {
        let start = Instant::now();
        let reached = wait::unhurried(PATIENCE, || reached().then_some(()));
        assert!(reached.is_some(), "waited {PATIENCE:?} in vain: {what}\n{}", self.story());
        eprintln!("{} {what}, after {:.1?}", TimeOfDay::now(), start.elapsed());
    }

    /// SIGTERM to all that run, and waits for their ends.
    pub fn end(&mut self) {
        let mut running: Vec<_> =
            self.nodes.iter_mut().filter(|member| member.node.runs()).collect();
        running.iter_mut().for_each(|member| member.node.server().signal(Signal::TERM));
        // the last ones have no quorum to leave in order, and no need of one
        running.iter_mut().for_each(|member| member.node.end_within(END_PATIENCE));
    }

    /// What the nodes logged last: for the message of a test that failed.
    #[must_use]
    pub fn story(&self) -> String {
        const LINES: usize = 60;
        let mut story = String::new();
        for (id, member) in (1..).zip(&self.nodes) {
            let log = member.node.log();
            let lines: Vec<&str> = log.lines().collect();
            let last = lines[lines.len().saturating_sub(LINES)..].join("\n");
            let product = member.node.product();
            // a string takes whatever is written to it
            let _ = writeln!(story, "--- node {id}, {product:?}, {}\n{last}", member.role.name());
        }
        story
    }

    fn member(&self, id: u8) -> &Member {
        &self.nodes[usize::from(id) - 1]
    }
}

impl Listeners {
    fn of(role: Role, id: u8, network: Option<&Network>) -> Self {
        let address = |port| match network {
            Some(network) => SocketAddr::from((network.space(id).address(), port)),
            None => SocketAddr::from((Ipv4Addr::LOCALHOST, free_port())),
        };
        Self {
            broker: role.serves().then(|| address(9092)),
            controller: role.votes().then(|| address(9093)),
        }
    }

    /// That of clients, if it has one.
    fn first(&self) -> SocketAddr {
        self.broker.or(self.controller).expect("a node has a role")
    }

    fn properties(&self) -> String {
        let broker = self.broker.map(|address| format!("PLAINTEXT://{address}"));
        let controller = self.controller.map(|address| format!("CONTROLLER://{address}"));
        let listeners: Vec<_> = broker.into_iter().chain(controller).collect();
        let listeners = listeners.join(",");
        format!("listeners={listeners}\nadvertised.listeners={listeners}\n")
    }
}

/// Controllers by id, with the directory ids that a dynamic quorum knows them by.
struct Voters(Vec<(u8, SocketAddr)>);

impl Voters {
    fn among(listeners: &[Listeners]) -> Self {
        let voters = (1..).zip(listeners);
        Self(voters.filter_map(|(id, listeners)| Some((id, listeners.controller?))).collect())
    }

    fn properties(&self, quorum: Quorum) -> String {
        match quorum {
            Quorum::Static => {
                let voters = self.listed(|id, address| format!("{id}@{address}"));
                format!("controller.quorum.voters={voters}\n")
            }
            Quorum::Dynamic => {
                let servers = self.listed(|_, address| address.to_string());
                format!("controller.quorum.bootstrap.servers={servers}\n")
            }
        }
    }

    fn flags(&self, quorum: Quorum, role: Role) -> Vec<String> {
        if quorum == Quorum::Static || !role.votes() {
            return Vec::new();
        }
        let voters = self.listed(|id, address| format!("{id}@{address}:{}", directory_id(id)));
        vec!["--initial-controllers".to_owned(), voters]
    }

    fn listed(&self, voter: impl Fn(u8, SocketAddr) -> String) -> String {
        let voters: Vec<_> = self.0.iter().map(|(id, address)| voter(*id, *address)).collect();
        voters.join(",")
    }
}

/// Another id for each node.
fn directory_id(node: u8) -> DirectoryId {
    DirectoryId::from_random([node; 16])
}

/// A question to a cluster through our own admin client.
///
/// # Panics
/// If there is no runtime for it.
pub fn ask<T, F: Future<Output = T>>(bootstrap: &str, question: impl FnOnce(Admin) -> F) -> T {
    let mut properties = Properties::new();
    properties.set("bootstrap.servers", bootstrap);
    properties.set("request.timeout.ms", "3000");
    properties.set("default.api.timeout.ms", "15000");
    let (config, _) = ClientConfig::from_properties(&properties).expect("valid properties");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime").block_on(async { question(Admin::new(config)).await })
}

/// Whom a controller takes for the leader of its quorum. Only that one answers without an error.
fn quorum_leader(controller: SocketAddr) -> Option<u8> {
    let mut connection = Connection::to(controller, Duration::from_secs(2)).ok()?;
    connection.send(&quorum_request(), QUORUM_VERSION).ok()?;
    let leader = connection.receive::<DescribeQuorumRequest<'_>, _>(QUORUM_VERSION, |response| {
        let mut partitions = response.topics.iter().flat_map(|topic| &topic.partitions);
        partitions.find(|partition| partition.error_code == 0).map(|p| p.leader_id)
    });
    u8::try_from(leader.ok()??).ok()
}
