//! Commands by chance, thousands of histories: what is decided can be written, read and applied.
//!
//! What must hold whatever happens:
//! - every record decodes to itself, and every record of a decision changes the image;
//! - the log alone, a snapshot, and a controller that takes over from one make the same image;
//! - the changes between two images are exactly what differs;
//! - a partition is led by an active broker of its ISR, and without `recovering` by one that has
//!   every committed record ([`shadow`]);
//! - the same seed decides the same records.
//!
//! `SEED=n` replays one history; a failure prints the seed it happened under.

#![allow(clippy::disallowed_methods, reason = "SEED replays one history")]

#[path = "../cluster/mod.rs"]
mod cluster;
mod commands;
mod shadow;

use std::collections::BTreeMap;

use cluster::{Cluster, assert_snapshot_is_equal};
use metadata::decide::record_version;
use metadata::image::{Changes, Image, Replay, TopicChange};
use metadata::{MetadataVersion, Seeded};
use shadow::Shadow;
use types::{LeaderEpoch, NodeId, Offset};
use wire::config_record::ConfigRecord;
use wire::record_frame::MetadataRecord;

const SEEDS: u64 = 1_000;
const STEPS: usize = 40;
const BROKERS: i32 = 4;
/// A release without eligible leader replicas.
const WITHOUT_ELIGIBLE: i16 = 21;
/// Resource type of brokers' configs.
const BROKER: i8 = 4;

struct World {
    cluster: Cluster,
    shadow: Shadow,
    dice: Seeded,
    /// The random id of the next process.
    incarnation: u8,
}

/// Names the seed when a run panics.
struct Seed(u64);

impl Drop for Seed {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("replay with SEED={}", self.0);
        }
    }
}

#[test]
fn whatever_is_asked_the_promises_hold() {
    let only = std::env::var("SEED").ok().map(|seed| seed.parse().expect("SEED is a number"));
    for seed in only.map_or(0..SEEDS, |seed: u64| seed..seed + 1) {
        let _seed = Seed(seed);
        let world = history(seed);
        assert_eq!(&from_log(&world.cluster.log), world.cluster.image());
        assert_snapshot_is_equal(world.cluster.image());
        if seed % 50 == 0 {
            assert_eq!(history(seed).cluster.log, world.cluster.log, "the same seed again");
        }
    }
}

fn history(seed: u64) -> World {
    let mut world = World::new(seed);
    for _ in 0..STEPS {
        world.step();
    }
    world
}

impl World {
    fn new(seed: u64) -> Self {
        let mut dice = Seeded::new(seed);
        let mut cluster = match dice.index_below(3) {
            0 => Cluster::at(WITHOUT_ELIGIBLE),
            _ => Cluster::of(0),
        };
        (1..=BROKERS).for_each(|id| cluster.join(id));
        Self { cluster, shadow: Shadow::default(), dice, incarnation: 2 }
    }

    fn step(&mut self) {
        let before = self.cluster.image().clone();
        if self.chance(5) {
            self.take_over();
            return;
        }
        let records = self.command();
        self.follow(&before, &records);
        self.cluster.write(records);
        let after = self.cluster.image().clone();
        self.shadow.check(&after);
        if self.chance(50) {
            self.shadow.produce(&after);
        }
        check_partitions(&after);
        check_changes(&before, &after);
    }

    /// Applying cannot refuse: whatever is decided has its effect, record by record.
    fn follow(&mut self, before: &Image, records: &[MetadataRecord<'static>]) {
        let mut replay = Replay::from_image(before.clone());
        let (offset, epoch) = (before.provenance.offset, before.provenance.epoch);
        for record in records {
            let image = replay.latest().clone();
            replay.apply(offset, epoch, record);
            let may_repeat = matches!(
                record,
                // what a broker is told again, an amended registration, a level that is finalized already, nobody eligible to forget
                MetadataRecord::RegisterBroker(_)
                    | MetadataRecord::RegisterController(_)
                    | MetadataRecord::FeatureLevel(_)
                    | MetadataRecord::ClearElr(_)
                    | MetadataRecord::Config(ConfigRecord { resource_type: BROKER, .. })
            );
            assert!(may_repeat || replay.latest() != &image, "without effect: {record:?}");
            self.shadow.follow(&image, replay.latest());
        }
    }

    /// Another controller leads, which knows a snapshot and nothing else.
    fn take_over(&mut self) {
        let image = from_snapshot(self.cluster.image());
        assert_eq!(&image, self.cluster.image());
        self.cluster.replay = Replay::from_image(image);
    }

    fn below(&mut self, bound: usize) -> usize {
        self.dice.index_below(bound)
    }

    fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    fn pick<T: Clone>(&mut self, items: &[T]) -> T {
        let index = self.below(items.len());
        items[index].clone()
    }

    fn broker(&mut self) -> i32 {
        i32::try_from(self.below(4)).expect("a small number") + 1
    }
}

fn check_partitions(image: &Image) {
    for topic in image.topics().iter() {
        assert!(topic.partitions.keys().copied().eq((0..).take(topic.partitions.len())));
        for (index, state) in &topic.partitions {
            assert_eq!(state.directories.len(), state.replicas.len());
            let are_replicas = |ids: &[NodeId]| ids.iter().all(|id| state.replicas.contains(id));
            let lists = [&state.isr, &state.eligible_leaders, &state.adding, &state.removing];
            assert!(lists.iter().all(|ids| are_replicas(ids)), "{state:?}");
            assert!(state.eligible_leaders.iter().all(|id| !state.isr.contains(id)), "{state:?}");
            if state.leader != NodeId::NONE {
                assert!(image.is_active(state.leader), "led by no active broker: {state:?}");
                assert!(state.isr.contains(&state.leader), "led by one out of sync: {state:?}");
            }
            let placed = state.replicas.iter().all(|broker| {
                let mut topics = image.topics().replicas_on(*broker);
                topics.any(|(t, mut indexes)| t.id == topic.id && indexes.any(|(i, _)| i == *index))
            });
            assert!(placed, "not listed with its brokers: {}-{index}", topic.name);
        }
    }
}

/// The changes between two images are exactly what turns one's topics into the other's.
fn check_changes(old: &Image, new: &Image) {
    let mut topics: BTreeMap<_, _> =
        old.topics().iter().map(|topic| (topic.id, topic.clone())).collect();
    for (id, change) in Changes::between(old, new).topics {
        match change {
            TopicChange::Created(topic) | TopicChange::Changed { topic, .. } => {
                topics.insert(id, topic);
            }
            TopicChange::Deleted(_) => {
                topics.remove(&id);
            }
        }
    }
    let expected = new.topics().iter().map(|topic| (topic.id, topic.clone())).collect();
    assert_eq!(topics, expected);
}

fn from_log(log: &[Vec<u8>]) -> Image {
    let mut replay = Replay::from_image(Image::default());
    for (offset, bytes) in (0..).zip(log) {
        let (record, _) = MetadataRecord::decode(bytes).expect("our own bytes");
        replay.apply(Offset(offset), LeaderEpoch(1), &record);
    }
    replay.publish()
}

/// An image written out at its own release and read again.
fn from_snapshot(image: &Image) -> Image {
    let release: MetadataVersion = image.features().metadata_version();
    let mut replay = Replay::from_image(Image::default());
    for record in image.to_records() {
        let bytes = record.encode(record_version(&record, release)).expect("it fits its version");
        let (decoded, _) = MetadataRecord::decode(&bytes).expect("our own bytes");
        replay.apply(image.provenance.offset, image.provenance.epoch, &decoded);
    }
    replay.publish()
}
