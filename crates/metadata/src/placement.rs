//! Where the replicas of new partitions go: striped over racks and brokers, as Kafka's placer does.
//!
//! The first replica of each partition is an unfenced broker of the next rack in turn; the others
//! follow rack by rack, and within a rack broker by broker, fenced brokers last. After as many
//! partitions as there are unfenced brokers everything is shuffled, so that patterns do not repeat.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use types::NodeId;

use crate::random::Seeded;

/// A broker that may carry replicas.
#[derive(Clone, Debug)]
pub struct UsableBroker {
    /// Its `node.id`.
    pub id: NodeId,
    /// Its `broker.rack`; brokers without one share a rack of their own.
    pub rack: Option<Arc<str>>,
    /// Whether it is out of service: such a broker never gets the first replica.
    pub fenced: bool,
}

/// Why replicas cannot be placed. Kafka answers each with `INVALID_REPLICATION_FACTOR`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PlacementError {
    /// A replication factor below 1.
    NotPositive(i16),
    /// Fewer brokers than replicas.
    TooFewBrokers { wanted: i16, brokers: usize },
    /// No broker is in service.
    AllFenced,
}

/// Deals out replica lists; lists of one placer are balanced among each other.
#[derive(Debug)]
pub struct StripedPlacer {
    racks: Vec<Rack>,
    brokers: usize,
    unfenced: usize,
    random: Seeded,
    epoch: usize,
    offset: usize,
}

#[derive(Debug, Default)]
struct Rack {
    unfenced: Ring,
    fenced: Ring,
}

/// Brokers of one rack, dealt out once per epoch from a start that moves on with each epoch.
#[derive(Debug, Default)]
struct Ring {
    brokers: Vec<NodeId>,
    epoch: usize,
    dealt: usize,
    offset: usize,
}

impl StripedPlacer {
    /// A placer over `brokers`; `seed` decides the order in which they are taken.
    #[must_use]
    pub fn new(brokers: impl IntoIterator<Item = UsableBroker>, seed: u64) -> Self {
        let mut random = Seeded::new(seed);
        let mut by_rack: BTreeMap<Option<Arc<str>>, Rack> = BTreeMap::new();
        let (mut total, mut unfenced) = (0, 0);
        for broker in brokers {
            let rack = by_rack.entry(broker.rack).or_default();
            total += 1;
            if broker.fenced {
                rack.fenced.brokers.push(broker.id);
            } else {
                unfenced += 1;
                rack.unfenced.brokers.push(broker.id);
            }
        }
        let mut racks: Vec<Rack> = by_rack.into_values().collect();
        racks.iter_mut().for_each(|rack| rack.restart(&mut random));
        let offset = if racks.is_empty() { 0 } else { random.index_below(racks.len()) };
        Self { racks, brokers: total, unfenced, random, epoch: 0, offset }
    }

    /// Replica lists for `partitions` partitions.
    ///
    /// # Errors
    /// Where the factor is not positive, above the number of brokers, or all brokers are fenced.
    pub fn place(
        &mut self,
        partitions: usize,
        replication_factor: i16,
    ) -> Result<Vec<Vec<NodeId>>, PlacementError> {
        let replicas = usize::try_from(replication_factor)
            .ok()
            .filter(|replicas| *replicas > 0)
            .ok_or(PlacementError::NotPositive(replication_factor))?;
        if replicas > self.brokers {
            return Err(PlacementError::TooFewBrokers {
                wanted: replication_factor,
                brokers: self.brokers,
            });
        }
        if self.unfenced == 0 {
            return Err(PlacementError::AllFenced);
        }
        Ok((0..partitions).map(|_| self.place_one(replicas)).collect())
    }

    fn place_one(&mut self, replicas: usize) -> Vec<NodeId> {
        if self.epoch == self.unfenced && self.unfenced > 1 {
            self.shuffle();
            self.epoch = 0;
        }
        if self.offset == self.racks.len() {
            self.offset = 0;
        }
        let mut placed = Vec::with_capacity(replicas);
        let (first_rack, leader) = self.first_replica();
        placed.push(leader);
        self.other_replicas(first_rack, replicas, &mut placed);
        self.epoch += 1;
        self.offset += 1;
        placed
    }

    /// The first unfenced broker that the racks offer, from the current one on.
    fn first_replica(&mut self) -> (usize, NodeId) {
        let count = self.racks.len();
        let epoch = self.epoch;
        (self.offset..self.offset + count)
            .map(|rack| rack % count)
            .find_map(|rack| self.racks[rack].unfenced.deal(epoch).map(|id| (rack, id)))
            .expect("an unfenced broker was counted and each epoch deals it anew")
    }

    fn other_replicas(&mut self, first_rack: usize, replicas: usize, placed: &mut Vec<NodeId>) {
        let mut skip_once = Some(first_rack);
        let mut rack = self.offset;
        while placed.len() < replicas {
            if skip_once == Some(rack) {
                skip_once = None;
            } else if let Some(id) = self.racks[rack].deal(self.epoch) {
                placed.push(id);
            }
            rack = (rack + 1) % self.racks.len();
        }
    }

    fn shuffle(&mut self) {
        self.random.shuffle(&mut self.racks);
        for rack in &mut self.racks {
            rack.restart(&mut self.random);
        }
    }
}

impl Rack {
    fn deal(&mut self, epoch: usize) -> Option<NodeId> {
        self.unfenced.deal(epoch).or_else(|| self.fenced.deal(epoch))
    }

    fn restart(&mut self, random: &mut Seeded) {
        self.unfenced.restart(random);
        self.fenced.restart(random);
    }
}

impl Ring {
    fn deal(&mut self, epoch: usize) -> Option<NodeId> {
        let count = self.brokers.len();
        if count == 0 {
            return None;
        }
        if self.epoch != epoch {
            self.epoch = epoch;
            self.dealt = 0;
            self.offset = (self.offset + 1) % count;
        }
        if self.dealt == count {
            return None;
        }
        self.dealt += 1;
        Some(self.brokers[(self.offset + self.dealt - 1) % count])
    }

    fn restart(&mut self, random: &mut Seeded) {
        if self.brokers.is_empty() {
            return;
        }
        self.brokers.sort_unstable();
        random.shuffle(&mut self.brokers);
        self.epoch = 0;
        self.dealt = 0;
        self.offset = random.index_below(self.brokers.len());
    }
}

impl fmt::Display for PlacementError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotPositive(factor) => write!(
                f,
                "Invalid replication factor {factor}: the replication factor must be positive."
            ),
            Self::TooFewBrokers { wanted, brokers } => write!(
                f,
                "The target replication factor of {wanted} cannot be reached because only \
                 {brokers} broker(s) are registered or some brokers have all their log \
                 directories cordoned."
            ),
            Self::AllFenced => f.write_str("All brokers are currently fenced."),
        }
    }
}

impl std::error::Error for PlacementError {}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn brokers(racks: &[(&str, &[(i32, bool)])]) -> Vec<UsableBroker> {
        racks
            .iter()
            .flat_map(|(rack, brokers)| {
                brokers.iter().map(|&(id, fenced)| UsableBroker {
                    id: NodeId(id),
                    rack: (!rack.is_empty()).then(|| Arc::from(*rack)),
                    fenced,
                })
            })
            .collect()
    }

    #[test]
    fn one_broker_gets_everything() {
        let mut placer = StripedPlacer::new(brokers(&[("", &[(7, false)])]), 1);
        assert_eq!(placer.place(3, 1), Ok(vec![vec![NodeId(7)]; 3]));
    }

    #[test]
    fn impossible_factors_are_refused() {
        let place = |racks: &[(&str, &[(i32, bool)])], factor| {
            StripedPlacer::new(brokers(racks), 1).place(1, factor)
        };
        assert_eq!(place(&[("", &[(1, false)])], 0), Err(PlacementError::NotPositive(0)));
        assert_eq!(place(&[("", &[(1, false)])], -2), Err(PlacementError::NotPositive(-2)));
        assert_eq!(
            place(&[("", &[(1, false), (2, true)])], 3),
            Err(PlacementError::TooFewBrokers { wanted: 3, brokers: 2 })
        );
        assert_eq!(place(&[("", &[(1, true)])], 1), Err(PlacementError::AllFenced));
    }

    #[test]
    fn replicas_of_a_partition_spread_over_racks() {
        let cluster = brokers(&[
            ("a", &[(1, false), (2, false)]),
            ("b", &[(3, false), (4, false)]),
            ("c", &[(5, false), (6, false)]),
        ]);
        for seed in 0..50 {
            for replicas in StripedPlacer::new(cluster.clone(), seed).place(20, 3).unwrap() {
                let racks: BTreeSet<i32> = replicas.iter().map(|id| (id.0 - 1) / 2).collect();
                assert_eq!(racks.len(), 3, "{replicas:?} of seed {seed}");
            }
        }
    }

    #[test]
    fn fenced_brokers_never_lead_and_fill_up_the_rest() {
        let cluster = brokers(&[("", &[(1, false), (2, true), (3, true)])]);
        for replicas in StripedPlacer::new(cluster, 9).place(10, 3).unwrap() {
            assert_eq!(replicas[0], NodeId(1));
            assert_eq!(replicas.len(), 3);
        }
    }

    #[test]
    fn leaders_are_balanced_over_equal_brokers() {
        let cluster =
            brokers(&[("a", &[(1, false), (2, false)]), ("b", &[(3, false), (4, false)])]);
        for (factor, tolerance) in [(1, 0), (2, 30)] {
            let mut leads = BTreeMap::new();
            for replicas in StripedPlacer::new(cluster.clone(), 4).place(400, factor).unwrap() {
                *leads.entry(replicas[0]).or_insert(0i32) += 1;
            }
            assert_eq!(leads.len(), 4);
            assert!(leads.values().all(|n| (n - 100).abs() <= tolerance), "{factor}: {leads:?}");
        }
    }

    proptest! {
        #[test]
        fn no_broker_twice_in_a_partition(
            cluster in prop::collection::btree_map(0..20i32, (0..4u8, any::<bool>()), 1..12),
            factor in 1..12i16,
            seed in any::<u64>(),
        ) {
            let brokers = cluster.iter().map(|(&id, &(rack, fenced))| UsableBroker {
                id: NodeId(id),
                rack: (rack > 0).then(|| Arc::from(format!("r{rack}"))),
                fenced,
            });
            if let Ok(lists) = StripedPlacer::new(brokers, seed).place(30, factor) {
                for replicas in lists {
                    let distinct: BTreeSet<_> = replicas.iter().collect();
                    prop_assert_eq!(distinct.len(), replicas.len());
                    prop_assert_eq!(replicas.len(), usize::try_from(factor).unwrap());
                    prop_assert!(!cluster[&replicas[0].0].1, "a fenced leader");
                }
            }
        }
    }
}
