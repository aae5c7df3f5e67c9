//! What a client knows of the cluster: brokers, topics, leaders. Each refresh makes another.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use types::{ErrorCode, TopicId};
use wire::metadata_response::{MetadataResponse, MetadataResponsePartition, MetadataResponseTopic};

/// A broker as clients reach it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    pub id: i32,
    pub host: String,
    pub port: i32,
    pub rack: Option<String>,
}

impl Node {
    /// `host:port`, an IPv6 host in brackets.
    #[must_use]
    pub fn address(&self) -> String {
        let Self { host, port, .. } = self;
        if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
    }
}

/// One partition as the metadata has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartitionMetadata {
    pub partition: i32,
    pub error: ErrorCode,
    /// `None` while there is none.
    pub leader: Option<i32>,
    /// -1 where unknown.
    pub leader_epoch: i32,
    pub replicas: Vec<i32>,
    pub isr: Vec<i32>,
    pub offline: Vec<i32>,
}

/// One topic as the metadata has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicMetadata {
    pub name: Arc<str>,
    /// Zero where the broker knows no topic ids.
    pub id: TopicId,
    pub is_internal: bool,
    pub error: ErrorCode,
    /// Sorted by number.
    pub partitions: Vec<PartitionMetadata>,
}

impl TopicMetadata {
    /// The partition of that number.
    #[must_use]
    pub fn partition(&self, partition: i32) -> Option<&PartitionMetadata> {
        let at = self.partitions.binary_search_by_key(&partition, |p| p.partition).ok()?;
        Some(&self.partitions[at])
    }

    /// The partitions that records can go to now: those with leaders, or all where none has one.
    pub(crate) fn open_partitions(&self) -> impl Iterator<Item = i32> + Clone + '_ {
        let led = self.partitions.iter().any(|p| p.leader.is_some());
        self.partitions.iter().filter(move |p| p.leader.is_some() || !led).map(|p| p.partition)
    }

    /// How many partitions there are; 0 if the topic cannot be used.
    #[must_use]
    pub fn partition_count(&self) -> i32 {
        i32::try_from(self.partitions.len()).unwrap_or(i32::MAX)
    }
}

#[cfg(test)]
impl TopicMetadata {
    /// A topic named `t` with a partition for each of these leaders.
    pub(crate) fn led_by(leaders: &[Option<i32>]) -> Self {
        let partition = |(partition, leader): (i32, &Option<i32>)| PartitionMetadata {
            partition,
            error: ErrorCode::None,
            leader: *leader,
            leader_epoch: 0,
            replicas: vec![],
            isr: vec![],
            offline: vec![],
        };
        Self {
            name: "t".into(),
            id: TopicId::ZERO,
            is_internal: false,
            error: ErrorCode::None,
            partitions: (0..).zip(leaders).map(partition).collect(),
        }
    }
}

/// The cluster at one moment.
#[derive(Clone, Debug, Default)]
pub struct Metadata {
    pub cluster_id: Option<String>,
    pub controller: Option<i32>,
    pub nodes: BTreeMap<i32, Node>,
    topics: HashMap<Arc<str>, Arc<TopicMetadata>>,
    names: HashMap<TopicId, Arc<str>>,
    /// Counts changes: refreshes, and leaders that brokers named.
    pub(crate) generation: u64,
}

impl Metadata {
    /// The topic of that name, if it was asked for. It may carry an error.
    #[must_use]
    pub fn topic(&self, name: &str) -> Option<&Arc<TopicMetadata>> {
        self.topics.get(name)
    }

    /// The name of a topic by its id.
    #[must_use]
    pub fn topic_name(&self, id: TopicId) -> Option<&Arc<str>> {
        self.names.get(&id)
    }

    /// Every topic that was asked for, in no order.
    pub fn topics(&self) -> impl Iterator<Item = &Arc<TopicMetadata>> {
        self.topics.values()
    }

    /// The partition's leader and its epoch.
    #[must_use]
    pub fn leader(&self, topic: &str, partition: i32) -> Option<(&Node, i32)> {
        let partition = self.topics.get(topic)?.partition(partition)?;
        Some((self.nodes.get(&partition.leader?)?, partition.leader_epoch))
    }

    /// This metadata with the answer of a broker worked in. `keep` says which topics stay that
    /// the answer does not have.
    pub(super) fn updated(
        &self,
        response: &MetadataResponse<'_>,
        keep: impl Fn(&str) -> bool,
    ) -> Self {
        let nodes = response.brokers.iter().map(|broker| {
            let node = Node {
                id: broker.node_id,
                host: broker.host.to_string(),
                port: broker.port,
                rack: broker.rack.as_deref().map(str::to_owned),
            };
            (node.id, node)
        });
        let mut topics = self.topics.clone();
        topics.retain(|name, _| keep(name));
        for topic in &response.topics {
            let Some(name) = topic.name.as_deref() else { continue };
            let known = self.topics.get(name).map(Arc::as_ref);
            let topic = read_topic(topic, name, known);
            topics.insert(Arc::clone(&topic.name), Arc::new(topic));
        }
        Self {
            cluster_id: response.cluster_id.as_deref().map(str::to_owned),
            controller: Some(response.controller_id).filter(|id| *id >= 0),
            nodes: nodes.collect(),
            names: index_names(&topics),
            topics,
            generation: self.generation + 1,
        }
    }

    /// This metadata with a partition's leader as a broker hinted at it (KIP-951); `None` if the
    /// hint is no news.
    pub(super) fn with_leader(&self, topic: &str, hint: &LeaderHint) -> Option<Self> {
        let known = self.topics.get(topic)?;
        let at = known.partitions.binary_search_by_key(&hint.partition, |p| p.partition).ok()?;
        if known.partitions[at].leader_epoch >= hint.leader_epoch {
            return None;
        }
        if hint.node.is_none() && !self.nodes.contains_key(&hint.leader) {
            return None;
        }
        let mut next = self.clone();
        next.nodes.extend(hint.node.clone().map(|node| (node.id, node)));
        let mut changed = TopicMetadata::clone(known);
        changed.partitions[at].leader = Some(hint.leader);
        changed.partitions[at].leader_epoch = hint.leader_epoch;
        next.topics.insert(Arc::clone(&known.name), Arc::new(changed));
        next.generation += 1;
        Some(next)
    }
}

/// A leader that a broker named along with the refusal of a request (KIP-951).
#[derive(Clone, Debug)]
pub(crate) struct LeaderHint {
    pub partition: i32,
    pub leader: i32,
    pub leader_epoch: i32,
    pub node: Option<Node>,
}

impl LeaderHint {
    /// The hint, if the broker gave one: both numbers are -1 where it did not.
    pub(crate) fn given(
        partition: i32,
        leader: i32,
        leader_epoch: i32,
        nodes: impl Iterator<Item = Node>,
    ) -> Option<Self> {
        let given = leader >= 0 && leader_epoch >= 0;
        let mut nodes = nodes;
        given.then(|| Self {
            partition,
            leader,
            leader_epoch,
            node: nodes.find(|n| n.id == leader),
        })
    }
}

fn index_names(topics: &HashMap<Arc<str>, Arc<TopicMetadata>>) -> HashMap<TopicId, Arc<str>> {
    let with_id = topics.values().filter(|topic| !topic.id.is_zero());
    with_id.map(|topic| (topic.id, Arc::clone(&topic.name))).collect()
}

fn read_topic(
    topic: &MetadataResponseTopic<'_>,
    name: &str,
    known: Option<&TopicMetadata>,
) -> TopicMetadata {
    let same = known.filter(|known| known.id == topic.topic_id);
    let mut partitions: Vec<_> = topic
        .partitions
        .iter()
        .map(|p| {
            let read = read_partition(p);
            let known = same.and_then(|topic| topic.partition(read.partition));
            match known {
                // a broker that lags must not lead us back to a deposed leader
                Some(known) if known.leader_epoch > read.leader_epoch => known.clone(),
                _ => read,
            }
        })
        .collect();
    partitions.sort_unstable_by_key(|p| p.partition);
    partitions.dedup_by_key(|p| p.partition);
    TopicMetadata {
        name: known.map_or_else(|| Arc::from(name), |known| Arc::clone(&known.name)),
        id: topic.topic_id,
        is_internal: topic.is_internal,
        error: ErrorCode::from_wire(topic.error_code),
        partitions,
    }
}

fn read_partition(p: &MetadataResponsePartition) -> PartitionMetadata {
    PartitionMetadata {
        partition: p.partition_index,
        error: ErrorCode::from_wire(p.error_code),
        leader: Some(p.leader_id).filter(|id| *id >= 0),
        leader_epoch: p.leader_epoch,
        replicas: p.replica_nodes.clone(),
        isr: p.isr_nodes.clone(),
        offline: p.offline_replicas.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use types::Uuid;
    use wire::metadata_response::MetadataResponseBroker;

    fn response(id: u8, epoch: i32, leader: i32) -> MetadataResponse<'static> {
        let partition = MetadataResponsePartition {
            leader_id: leader,
            leader_epoch: epoch,
            ..Default::default()
        };
        let topic = MetadataResponseTopic {
            name: Some("t".into()),
            topic_id: Uuid([id; 16]),
            partitions: vec![partition],
            ..Default::default()
        };
        let broker = |id| MetadataResponseBroker {
            node_id: id,
            host: "h".into(),
            port: 9092 + id,
            ..Default::default()
        };
        MetadataResponse {
            brokers: vec![broker(1), broker(2)],
            topics: vec![topic],
            ..Default::default()
        }
    }

    fn leader(metadata: &Metadata) -> Option<(i32, i32)> {
        metadata.leader("t", 0).map(|(node, epoch)| (node.id, epoch))
    }

    #[test]
    fn leaders_never_go_back_to_an_older_epoch_of_the_same_topic() {
        let first = Metadata::default().updated(&response(1, 5, 1), |_| true);
        assert_eq!(leader(&first), Some((1, 5)));
        let lagging = first.updated(&response(1, 4, 2), |_| true);
        assert_eq!(leader(&lagging), Some((1, 5)));
        let recreated = first.updated(&response(2, 0, 2), |_| true);
        assert_eq!(leader(&recreated), Some((2, 0)));
        assert_eq!(recreated.topic_name(Uuid([2; 16])).map(AsRef::as_ref), Some("t"));
        assert_eq!(recreated.topic_name(Uuid([1; 16])), None);
    }

    #[test]
    fn hints_count_only_when_newer_and_reachable() {
        let metadata = Metadata::default().updated(&response(1, 5, 1), |_| true);
        let hint =
            |leader, leader_epoch, node| LeaderHint { partition: 0, leader, leader_epoch, node };
        assert!(metadata.with_leader("t", &hint(2, 5, None)).is_none());
        assert!(metadata.with_leader("t", &hint(3, 6, None)).is_none());
        let node = Node { id: 3, host: "::1".into(), port: 1, rack: None };
        assert_eq!(node.address(), "[::1]:1");
        let moved = metadata.with_leader("t", &hint(3, 6, Some(node))).expect("news");
        assert_eq!(leader(&moved), Some((3, 6)));
        assert_ne!(moved.generation, metadata.generation, "whoever looks for changes sees it");
    }

    #[test]
    fn forgotten_topics_go() {
        let metadata = Metadata::default().updated(&response(1, 5, 1), |_| true);
        let empty = metadata.updated(&MetadataResponse::default(), |_| false);
        assert!(empty.topic("t").is_none());
    }
}
