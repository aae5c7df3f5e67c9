//! What a reassignment means: which brokers send and which receive, and a proposal where there is none.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use client::TopicPartition;
use client::admin::{Broker, Reassignment};
use metadata::placement::{StripedPlacer, UsableBroker};
use types::NodeId;

use super::file::join;

/// Who holds a partition, and who is to fetch it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Move {
    pub sources: BTreeSet<i32>,
    pub destinations: BTreeSet<i32>,
}

/// The moves of all partitions, those under way too.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Moves(BTreeMap<TopicPartition, Move>);

impl Moves {
    /// Adds what is proposed to what is under way. A partition that moves already keeps its sources.
    pub fn new(
        under_way: &BTreeMap<TopicPartition, Reassignment>,
        proposed: &BTreeMap<TopicPartition, Vec<i32>>,
        current: &BTreeMap<TopicPartition, Vec<i32>>,
    ) -> Self {
        let mut moves: BTreeMap<TopicPartition, Move> = under_way
            .iter()
            .map(|(partition, reassignment)| {
                let destinations: BTreeSet<i32> = reassignment.adding.iter().copied().collect();
                let stays = |broker: &i32| !destinations.contains(broker);
                let sources = reassignment.replicas.iter().copied().filter(stays).collect();
                (partition.clone(), Move { sources, destinations })
            })
            .collect();
        for (partition, replicas) in proposed {
            let sources = match moves.remove(partition) {
                Some(under_way) => under_way.sources,
                None => current.get(partition).into_iter().flatten().copied().collect(),
            };
            let new = replicas.iter().copied().filter(|broker| !sources.contains(broker));
            let destinations = new.collect();
            moves.insert(partition.clone(), Move { sources, destinations });
        }
        Self(moves)
    }

    /// Every broker that sends or receives.
    pub fn brokers(&self) -> BTreeSet<i32> {
        let all = self.0.values().flat_map(|m| m.sources.iter().chain(&m.destinations));
        all.copied().collect()
    }

    /// `leader.replication.throttled.replicas` of each topic.
    pub fn throttled_leaders(&self) -> BTreeMap<&str, String> {
        self.throttled(|one| &one.sources)
    }

    /// `follower.replication.throttled.replicas` of each topic.
    pub fn throttled_followers(&self) -> BTreeMap<&str, String> {
        self.throttled(|one| &one.destinations)
    }

    /// `partition:broker` each, in the order of the text, as Kafka's tool has it.
    fn throttled(&self, side: impl Fn(&Move) -> &BTreeSet<i32>) -> BTreeMap<&str, String> {
        let mut topics: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
        for (partition, one) in &self.0 {
            let entries =
                side(one).iter().map(|broker| format!("{}:{broker}", partition.partition));
            topics.entry(&partition.topic).or_default().extend(entries);
        }
        topics.into_iter().map(|(topic, entries)| (topic, join(entries, ","))).collect()
    }
}

/// The brokers that `--generate` may use. Racks count for all or for none.
pub fn usable(
    brokers: &[Broker],
    wanted: &[i32],
    by_rack: bool,
) -> Result<Vec<UsableBroker>, String> {
    let usable: Vec<UsableBroker> = brokers
        .iter()
        .filter(|broker| wanted.contains(&broker.node.id))
        .map(|broker| UsableBroker {
            id: NodeId(broker.node.id),
            rack: broker.node.rack.as_deref().filter(|_| by_rack).map(Arc::from),
            fenced: false,
        })
        .collect();
    let without = usable.iter().filter(|broker| broker.rack.is_none()).count();
    if by_rack && without > 0 && without < usable.len() {
        return Err("Not all brokers have rack information. Add --disable-rack-aware in command \
                    line to make replica assignment without rack information."
            .to_owned());
    }
    Ok(usable)
}

/// Deals the partitions of each topic out anew, as many replicas each as the first one has now.
pub fn propose(
    current: &BTreeMap<TopicPartition, Vec<i32>>,
    brokers: &[UsableBroker],
    seed: u64,
) -> Result<BTreeMap<TopicPartition, Vec<i32>>, String> {
    let mut topics: BTreeMap<&str, Vec<&Vec<i32>>> = BTreeMap::new();
    for (partition, replicas) in current {
        topics.entry(&partition.topic).or_default().push(replicas);
    }
    let mut proposed = BTreeMap::new();
    for (seed, (topic, partitions)) in (seed..).zip(topics) {
        let factor = partitions.first().map_or(0, |replicas| replicas.len());
        let factor = i16::try_from(factor).unwrap_or(i16::MAX);
        let mut placer = StripedPlacer::new(brokers.iter().cloned(), seed);
        let placed = placer.place(partitions.len(), factor).map_err(|error| error.to_string())?;
        proposed.extend((0..).zip(placed).map(|(index, replicas)| {
            let replicas = replicas.into_iter().map(|broker| broker.0).collect();
            (TopicPartition::new(topic, index), replicas)
        }));
    }
    Ok(proposed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use client::Node;

    fn partition(index: i32) -> TopicPartition {
        TopicPartition::new("t", index)
    }

    fn broker(id: i32, rack: Option<&str>) -> Broker {
        let node = Node { id, host: "h".into(), port: 1, rack: rack.map(str::to_owned) };
        Broker { node, is_fenced: false }
    }

    #[test]
    fn throttles_name_who_sends_and_who_receives() {
        let current = BTreeMap::from([(partition(0), vec![1, 2]), (partition(10), vec![1, 2])]);
        let proposed = BTreeMap::from([(partition(0), vec![2, 3]), (partition(10), vec![4, 5])]);
        let moves = Moves::new(&BTreeMap::new(), &proposed, &current);
        assert_eq!(moves.throttled_leaders()["t"], "0:1,0:2,10:1,10:2");
        assert_eq!(moves.throttled_followers()["t"], "0:3,10:4,10:5");
        assert_eq!(moves.brokers(), BTreeSet::from([1, 2, 3, 4, 5]));
    }

    #[test]
    fn a_partition_that_moves_already_is_fetched_from_where_it_was() {
        let reassignment =
            Reassignment { replicas: vec![3, 1, 2], adding: vec![3], removing: vec![2] };
        let under_way = BTreeMap::from([(partition(0), reassignment)]);
        let proposed = BTreeMap::from([(partition(0), vec![1, 4])]);
        let current = BTreeMap::from([(partition(0), vec![3, 1, 2])]);
        let moves = Moves::new(&under_way, &proposed, &current);
        assert_eq!(moves.throttled_leaders()["t"], "0:1,0:2");
        assert_eq!(moves.throttled_followers()["t"], "0:4");
        let others = Moves::new(&under_way, &BTreeMap::new(), &BTreeMap::new());
        assert_eq!(others.throttled_followers()["t"], "0:3");
    }

    #[test]
    fn proposals_spread_over_the_given_brokers_and_their_racks() {
        let known = [broker(1, Some("a")), broker(2, Some("a")), broker(3, Some("b"))];
        let current: BTreeMap<_, _> = (0..6).map(|index| (partition(index), vec![1, 2])).collect();
        for seed in 0..20 {
            let usable = usable(&known, &[1, 2, 3, 9], true).expect("racks for all");
            let proposed = propose(&current, &usable, seed).expect("enough brokers");
            assert_eq!(proposed.len(), 6);
            for replicas in proposed.values() {
                assert_eq!(replicas.len(), 2);
                assert!(replicas.contains(&3), "both racks: {replicas:?}");
            }
        }
        let two = usable(&known, &[1, 3], true).expect("racks for all");
        let three: BTreeMap<_, _> = [(partition(0), vec![1, 2, 3])].into();
        let refusal = propose(&three, &two, 0).expect_err("two for three");
        assert!(refusal.contains("only 2 broker(s)"), "{refusal}");
    }

    #[test]
    fn racks_of_some_brokers_alone_are_refused_unless_they_do_not_count() {
        let known = [broker(1, Some("a")), broker(2, None)];
        assert!(usable(&known, &[1, 2], true).is_err());
        assert!(usable(&known, &[1, 2], false).is_ok());
        assert!(usable(&known, &[1], true).is_ok());
    }
}
