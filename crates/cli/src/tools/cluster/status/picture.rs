//! A cluster at one moment: what is well, what is not, and how that looks on a screen.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use client::admin::{ClusterDescription, Quorum, QuorumReplica};
use client::{Metadata, PartitionMetadata, TopicPartition};

use super::super::super::support::table::Table;

/// The end of a partition's log on a broker.
pub type LogEnds = BTreeMap<(TopicPartition, i32), i64>;

/// Partitions that are shown one by one; beyond that, they are counted.
const SHOWN_MAX: usize = 20;
/// A controller that has not fetched for longer than this is silent. Fetches wait half a second.
const SILENCE_MS: i64 = 5_000;

/// How well a cluster is. The order is that of badness.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Health {
    Well,
    /// Something lags, is missing, or out of service.
    Degraded,
    /// A partition or the quorum has no leader.
    Broken,
}

/// What is shown.
#[derive(Debug)]
pub struct Picture {
    cluster_id: String,
    /// What is known of the quorum, in a line.
    quorum: String,
    quorum_health: Health,
    nodes: Vec<Node>,
    topics: usize,
    partitions: usize,
    under_replicated: Vec<String>,
    offline: Vec<String>,
}

/// A broker, a controller, or both.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Node {
    id: i32,
    is_broker: bool,
    voting: Voting,
    address: String,
    rack: String,
    state: State,
    leads: usize,
    replicas: usize,
    out_of_sync: usize,
    /// Records that its furthest follower replica lacks; `None` where nothing is known.
    lag: Option<i64>,
    /// Records of the metadata log that it lacks.
    metadata_lag: Option<i64>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Voting {
    #[default]
    No,
    Voter,
    Leader,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Up,
    /// Registered and out of service.
    Fenced,
    /// A controller that does not fetch.
    Silent,
}

impl Picture {
    pub fn new(
        cluster: &ClusterDescription,
        quorum: Result<Quorum, String>,
        metadata: &Metadata,
        ends: &LogEnds,
    ) -> Self {
        let mut nodes: BTreeMap<i32, Node> = BTreeMap::new();
        for broker in &cluster.brokers {
            let node = node(&mut nodes, broker.node.id);
            node.is_broker = true;
            node.address = broker.node.address();
            node.rack = broker.node.rack.clone().unwrap_or_default();
            node.state = if broker.is_fenced { State::Fenced } else { State::Up };
        }
        let (quorum, quorum_health) = match quorum {
            Ok(quorum) => add_quorum(&mut nodes, &quorum),
            Err(why) => (format!("no quorum: {why}"), Health::Broken),
        };
        let mut picture = Self {
            cluster_id: cluster.cluster_id.clone(),
            quorum,
            quorum_health,
            nodes: Vec::new(),
            topics: 0,
            partitions: 0,
            under_replicated: Vec::new(),
            offline: Vec::new(),
        };
        let mut topics: Vec<_> = metadata.topics().collect();
        topics.sort_by(|a, b| a.name.cmp(&b.name));
        for topic in topics {
            picture.topics += 1;
            for partition in &topic.partitions {
                let key = TopicPartition::new(topic.name.clone(), partition.partition);
                picture.add_partition(&mut nodes, &key, partition, ends);
            }
        }
        picture.nodes = nodes.into_values().collect();
        picture
    }

    fn add_partition(
        &mut self,
        nodes: &mut BTreeMap<i32, Node>,
        key: &TopicPartition,
        partition: &PartitionMetadata,
        ends: &LogEnds,
    ) {
        self.partitions += 1;
        let end = |broker: i32| ends.get(&(key.clone(), broker)).copied();
        let led_to = partition.leader.and_then(end);
        let lag = |broker: i32| Some((led_to? - end(broker)?).max(0));
        for broker in &partition.replicas {
            let node = node(nodes, *broker);
            node.replicas += 1;
            if partition.leader == Some(*broker) {
                node.leads += 1;
                continue;
            }
            node.out_of_sync += usize::from(!partition.isr.contains(broker));
            node.lag = node.lag.max(lag(*broker));
        }
        let replicas = join(&partition.replicas);
        if partition.leader.is_none() {
            self.offline.push(format!("{key}  replicas {replicas}"));
            return;
        }
        let missing: Vec<i32> =
            partition.replicas.iter().copied().filter(|b| !partition.isr.contains(b)).collect();
        if missing.is_empty() {
            return;
        }
        let leader = partition.leader.map(|id| id.to_string()).unwrap_or_default();
        let lags = missing.iter().map(|broker| match lag(*broker) {
            Some(lag) => format!("{broker} lags {lag}"),
            None => format!("{broker} is away"),
        });
        let lags: Vec<String> = lags.collect();
        self.under_replicated.push(format!(
            "{key}  leader {leader}  replicas {replicas}  in sync {}  {}",
            join(&partition.isr),
            lags.join(", ")
        ));
    }

    pub fn health(&self) -> Health {
        let of_partitions = match (self.offline.is_empty(), self.under_replicated.is_empty()) {
            (false, _) => Health::Broken,
            (true, false) => Health::Degraded,
            (true, true) => Health::Well,
        };
        let all_up = self.nodes.iter().all(|node| node.state == State::Up);
        let of_nodes = if all_up { Health::Well } else { Health::Degraded };
        self.quorum_health.max(of_partitions).max(of_nodes)
    }

    fn table(&self) -> Table {
        let mut table = Table::new([
            "NODE",
            "ROLES",
            "ADDRESS",
            "RACK",
            "STATE",
            "LEADS",
            "REPLICAS",
            "OUT-OF-SYNC",
            "LAG",
            "METADATA-LAG",
        ]);
        for node in &self.nodes {
            table.push(node.cells());
        }
        table
    }
}

impl Node {
    fn cells(&self) -> [String; 10] {
        let known = |number: Option<i64>| number.map_or("-".to_owned(), |n| n.to_string());
        let of_broker = |count: usize| match self.is_broker {
            true => count.to_string(),
            false => "-".to_owned(),
        };
        let or_dash = |text: &str| if text.is_empty() { "-" } else { text }.to_owned();
        let state = match self.state {
            State::Up => "up",
            State::Fenced => "fenced",
            State::Silent => "silent",
        };
        [
            self.id.to_string(),
            self.roles().to_owned(),
            or_dash(&self.address),
            or_dash(&self.rack),
            state.to_owned(),
            of_broker(self.leads),
            of_broker(self.replicas),
            of_broker(self.out_of_sync),
            known(self.lag),
            known(self.metadata_lag),
        ]
    }

    fn roles(&self) -> &'static str {
        match (self.is_broker, self.voting) {
            (true, Voting::Leader) => "broker,CONTROLLER",
            (true, Voting::Voter) => "broker,controller",
            (true, Voting::No) => "broker",
            (false, Voting::Leader) => "CONTROLLER",
            (false, Voting::Voter) => "controller",
            (false, Voting::No) => "observer",
        }
    }
}

fn node(nodes: &mut BTreeMap<i32, Node>, id: i32) -> &mut Node {
    nodes.entry(id).or_insert_with(|| Node { id, ..Node::default() })
}

/// Adds what the quorum knows of its nodes; the line on it, and how well it is.
fn add_quorum(nodes: &mut BTreeMap<i32, Node>, quorum: &Quorum) -> (String, Health) {
    let leader = quorum.leader_replica();
    let now_ms = leader.and_then(|leader| leader.last_fetch_ms);
    let is_silent = |replica: &QuorumReplica| match (now_ms, replica.last_fetch_ms) {
        (Some(now_ms), Some(fetched_ms)) => now_ms - fetched_ms > SILENCE_MS,
        _ => false,
    };
    let mut silent = BTreeSet::new();
    let voters = quorum.voters.iter().map(|voter| (voter, true));
    let observers = quorum.observers.iter().map(|observer| (observer, false));
    for (replica, votes) in voters.chain(observers) {
        let node = node(nodes, replica.id);
        if votes {
            let leads = replica.id == quorum.leader;
            node.voting = if leads { Voting::Leader } else { Voting::Voter };
        }
        let end = leader.map(|leader| leader.log_end_offset);
        let known = Some(replica.log_end_offset).filter(|end| *end >= 0);
        node.metadata_lag = end.zip(known).map(|(end, known)| (end - known).max(0));
        if is_silent(replica) && votes {
            silent.insert(replica.id);
            if node.state == State::Up {
                node.state = State::Silent;
            }
        }
        if let Some(endpoint) = quorum.endpoints.get(&replica.id).and_then(|all| all.first())
            && node.address.is_empty()
        {
            node.address = format!("{}:{}", endpoint.host, endpoint.port);
        }
    }
    let health = match (leader, silent.is_empty()) {
        (None, _) => Health::Broken,
        (Some(_), false) => Health::Degraded,
        (Some(_), true) => Health::Well,
    };
    let line = format!(
        "controller {}, epoch {}, {} voter{}, high watermark {}",
        quorum.leader,
        quorum.leader_epoch,
        quorum.voters.len(),
        s(quorum.voters.len()),
        quorum.high_watermark
    );
    (line, health)
}

impl fmt::Display for Picture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let health = match self.health() {
            Health::Well => "well",
            Health::Degraded => "DEGRADED",
            Health::Broken => "BROKEN",
        };
        let Self { cluster_id, quorum, nodes, topics, partitions, .. } = self;
        writeln!(f, "cluster {cluster_id}: {health}")?;
        writeln!(f, "{quorum}")?;
        writeln!(
            f,
            "{} node{}, {topics} topic{}, {partitions} partition{}\n",
            nodes.len(),
            s(nodes.len()),
            s(*topics),
            s(*partitions)
        )?;
        for line in self.table().lines(&[], false) {
            writeln!(f, "{}", line.trim_end())?;
        }
        for (title, partitions) in
            [("under-replicated", &self.under_replicated), ("offline", &self.offline)]
        {
            writeln!(f, "\n{title} partitions: {}", partitions.len())?;
            partitions.iter().take(SHOWN_MAX).try_for_each(|line| writeln!(f, "  {line}"))?;
            if partitions.len() > SHOWN_MAX {
                writeln!(f, "  and {} more", partitions.len() - SHOWN_MAX)?;
            }
        }
        Ok(())
    }
}

/// The ending of a plural.
fn s(count: usize) -> &'static str {
    if count == 1 { "" } else { "s" }
}

fn join(ids: &[i32]) -> String {
    ids.iter().map(i32::to_string).collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;
    use client::admin::{Broker, ControllerEndpoint};
    use types::{ErrorCode, Uuid};

    fn broker(id: i32, is_fenced: bool) -> Broker {
        let port = 9090 + id;
        Broker { node: client::Node { id, host: "h".into(), port, rack: None }, is_fenced }
    }

    fn cluster(fenced: &[i32]) -> ClusterDescription {
        let brokers = (1..=3).map(|id| broker(id, fenced.contains(&id))).collect();
        ClusterDescription { cluster_id: "c".to_owned(), controller: Some(1), brokers }
    }

    fn voter(id: i32, log_end_offset: i64, last_fetch_ms: i64) -> QuorumReplica {
        let (fetch, caught_up) = (Some(last_fetch_ms), Some(last_fetch_ms));
        QuorumReplica {
            id,
            directory: Uuid::ZERO,
            log_end_offset,
            last_fetch_ms: fetch,
            last_caught_up_ms: caught_up,
        }
    }

    fn quorum(voters: Vec<QuorumReplica>) -> Quorum {
        let endpoint = ControllerEndpoint { listener: "C".into(), host: "h".into(), port: 9093 };
        Quorum {
            leader: 1,
            leader_epoch: 4,
            high_watermark: 90,
            voters,
            observers: vec![],
            endpoints: [(9, vec![endpoint])].into(),
        }
    }

    fn partition(partition: i32, leader: Option<i32>, isr: &[i32]) -> PartitionMetadata {
        PartitionMetadata {
            partition,
            error: ErrorCode::None,
            leader,
            leader_epoch: 0,
            replicas: vec![1, 2, 3],
            isr: isr.to_vec(),
            offline: vec![],
        }
    }

    fn picture(
        fenced: &[i32],
        quorum: Result<Quorum, String>,
        partitions: &[PartitionMetadata],
        ends: &LogEnds,
    ) -> Picture {
        let metadata = Metadata::default();
        let mut picture = Picture::new(&cluster(fenced), quorum, &metadata, ends);
        let mut nodes: BTreeMap<i32, Node> =
            std::mem::take(&mut picture.nodes).into_iter().map(|node| (node.id, node)).collect();
        for p in partitions {
            let key = TopicPartition::new("t", p.partition);
            picture.add_partition(&mut nodes, &key, p, ends);
        }
        picture.nodes = nodes.into_values().collect();
        picture
    }

    fn all_well() -> Quorum {
        quorum(vec![voter(1, 90, 50_000), voter(2, 88, 49_900), voter(9, 90, 49_800)])
    }

    #[test]
    fn health_is_that_of_the_worst_part() {
        let whole = partition(0, Some(1), &[1, 2, 3]);
        let behind = partition(1, Some(1), &[1, 2]);
        let gone = partition(2, None, &[1]);
        let silent = quorum(vec![voter(1, 90, 50_000), voter(2, 10, 44_999)]);
        let headless = quorum(vec![voter(2, 90, 50_000)]);
        for (fenced, quorum, partitions, health) in [
            (&[][..], Ok(all_well()), vec![&whole], Health::Well),
            (&[], Ok(all_well()), vec![], Health::Well),
            (&[3], Ok(all_well()), vec![&whole], Health::Degraded),
            (&[], Ok(all_well()), vec![&whole, &behind], Health::Degraded),
            (&[], Ok(silent), vec![&whole], Health::Degraded),
            (&[], Ok(all_well()), vec![&behind, &gone], Health::Broken),
            (&[], Ok(headless), vec![&whole], Health::Broken),
            (&[], Err("none".to_owned()), vec![&whole], Health::Broken),
        ] {
            let partitions: Vec<_> = partitions.into_iter().cloned().collect();
            let picture = picture(fenced, quorum, &partitions, &LogEnds::new());
            assert_eq!(picture.health(), health, "{picture}");
        }
    }

    #[test]
    fn everything_that_matters_is_on_the_screen() {
        let key = TopicPartition::new("t", 0);
        let ends = [((key.clone(), 1), 500), ((key, 3), 380)].into();
        let partitions = [partition(0, Some(1), &[1, 2]), partition(1, None, &[])];
        let text = picture(&[3], Ok(all_well()), &partitions, &ends).to_string();
        for line in [
            "cluster c: BROKEN",
            "controller 1, epoch 4, 3 voters, high watermark 90",
            "1    broker,CONTROLLER h:9091  -    up     1     2        1           -   0",
            "2    broker,controller h:9092  -    up     0     2        1           -   2",
            "3    broker            h:9093  -    fenced 0     2        2           120 -",
            "9    controller        h:9093  -    up     -     -        -           -   0",
            "under-replicated partitions: 1",
            "  t-0  leader 1  replicas 1,2,3  in sync 1,2  3 lags 120",
            "offline partitions: 1",
            "  t-1  replicas 1,2,3",
        ] {
            assert!(text.lines().any(|own| own == line), "{line}\n{text}");
        }
    }
}
