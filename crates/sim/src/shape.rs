//! The cluster of a history: who it is made of, and how rough its world is.

use metadata::Seeded;
use metadata::decide::BATCH_BYTES_MAX;

use crate::env::Place;
use crate::network::Weather;

/// What a node does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Roles {
    pub controller: bool,
    pub broker: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shape {
    pub nodes: Vec<Roles>,
    /// How many controllers vote from the beginning; others stand by.
    pub voters: usize,
    pub producers: usize,
    pub members: usize,
    pub directories: usize,
    pub replication: usize,
    pub in_sync_min: usize,
    /// Whether machines lose power and disks: where two copies are promised, and who had all of them is
    /// remembered (KIP-966). With one copy, or without that memory, Kafka's protocol cannot save it.
    pub loses_power: bool,
    pub weather: Weather,
    /// Whether nodes and controllers notice that a process is gone.
    pub tells_gone: bool,
    /// Whether the metadata log is synced with every write, or a little later.
    pub syncs_at_once: bool,
    /// A crash between two effects of the quorum, in one of so many; 0 for never.
    pub crash_one_in: usize,
    pub faults_ms: i64,
    pub operations: usize,
    /// A broker that joins later.
    pub late: Option<Place>,
    /// What one batch of the metadata log holds at most: a little, so that decisions take several.
    pub metadata_batch_bytes: usize,
}

/// A topic of two partitions needs more.
pub const SMALL_BATCH_BYTES: usize = 400;

impl Shape {
    pub fn of(seed: u64) -> Self {
        let mut chance = Seeded::new(seed ^ 0x7368_6170_6500);
        let mut pick = |options: &[usize]| options[chance.index_below(options.len())];
        let combined = Roles { controller: true, broker: true };
        let controller = Roles { controller: true, broker: false };
        let broker = Roles { controller: false, broker: true };
        let nodes = match pick(&[0, 1, 2]) {
            0 => vec![combined; pick(&[3, 3, 4])],
            1 => [vec![controller; 3], vec![broker; pick(&[3, 4])]].concat(),
            _ => [vec![combined; 2], vec![controller; 1], vec![broker; 2]].concat(),
        };
        let replication = pick(&[2, 3, 3]);
        let in_sync_min = pick(&[1, 2, 2]);
        let weather =
            Weather { lost: pick(&[0, 0, 10, 50]), twice: pick(&[0, 20]), slow: pick(&[0, 5, 30]) };
        Self {
            voters: nodes.iter().filter(|roles| roles.controller).count().min(3),
            nodes,
            producers: pick(&[1, 2, 3]),
            members: pick(&[0, 2, 3]),
            directories: pick(&[1, 1, 2]),
            replication,
            in_sync_min,
            loses_power: in_sync_min > 1 && pick(&[0, 1, 1]) == 1,
            weather,
            tells_gone: pick(&[0, 1]) == 1,
            syncs_at_once: pick(&[0, 1]) == 1,
            crash_one_in: pick(&[0, 0, 3_000, 800]),
            faults_ms: 12_000,
            operations: pick(&[12, 25, 40]),
            late: None,
            metadata_batch_bytes: pick(&[BATCH_BYTES_MAX, SMALL_BATCH_BYTES]),
        }
        .with_latecomer(pick(&[0, 1]) == 1)
    }

    /// One broker that controls nothing comes later, where the others are enough for every replica.
    fn with_latecomer(mut self, wants: bool) -> Self {
        let is_spare = self.brokers().count() > 3 && wants;
        let last = self.nodes.len() - 1;
        self.late = (is_spare && !self.nodes[last].controller).then_some(last);
        self
    }

    pub fn controllers(&self) -> impl Iterator<Item = Place> {
        (0..self.nodes.len()).filter(|place| self.nodes[*place].controller)
    }

    pub fn brokers(&self) -> impl Iterator<Item = Place> {
        (0..self.nodes.len()).filter(|place| self.nodes[*place].broker)
    }
}
