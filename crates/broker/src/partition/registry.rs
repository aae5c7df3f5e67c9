//! Every partition that this broker holds, by topic name and by topic id.
//!
//! ```text
//!   shard = hash(name) or topic id
//!   ArcSwap<HashMap<name, Topic>> x SHARDS        Topic ─▶ [Partition, Partition, …]
//!   ArcSwap<HashMap<id,   Topic>> x SHARDS
//! ```
//!
//! A lookup takes no lock and hashes once. A change copies one shard of each map, so that ten
//! thousand topics cost little more to create than ten.

use super::directories::Directories;
use super::{LogDirectory, Neighbours, Partition, Relocations, Topic, TopicFacts, TopicRules};
use arc_swap::{ArcSwap, Guard};
use metadata::image::{self, Changes, TopicChange};
use std::collections::HashMap;
use std::hash::{BuildHasher, Hash, RandomState};
use std::sync::{Arc, Mutex};
use types::{NodeId, TopicId};

const SHARDS: usize = 64;

type Shard<K> = ArcSwap<HashMap<K, Arc<Topic>>>;

/// A map whose readers take no lock.
#[derive(Debug)]
struct Index<K> {
    seed: RandomState,
    shards: Box<[Shard<K>]>,
}

#[derive(Debug)]
pub(crate) struct Partitions {
    neighbours: Arc<Neighbours>,
    directories: Directories,
    relocations: Arc<Relocations>,
    by_name: Index<Arc<str>>,
    by_id: Index<TopicId>,
    /// Held while the maps change; readers do not need it.
    changing: Mutex<()>,
}

impl<K: Eq + Hash + Clone> Index<K> {
    fn new() -> Self {
        Self { seed: RandomState::new(), shards: (0..SHARDS).map(|_| Shard::default()).collect() }
    }

    fn shard<Q: Hash + ?Sized>(&self, key: &Q) -> &Shard<K> {
        let hash = usize::try_from(self.seed.hash_one(key) % SHARDS as u64);
        &self.shards[hash.expect("a shard's number is small")]
    }

    fn get<Q>(&self, key: &Q) -> Option<Arc<Topic>>
    where
        K: std::borrow::Borrow<Q>,
        Q: Eq + Hash + ?Sized,
    {
        let shard: Guard<Arc<HashMap<K, Arc<Topic>>>> = self.shard(key).load();
        shard.get(key).cloned()
    }

    fn change(&self, key: &K, topic: Option<Arc<Topic>>) {
        let shard = self.shard(key);
        let mut map = HashMap::clone(&shard.load());
        match topic {
            Some(topic) => map.insert(key.clone(), topic),
            None => map.remove(key),
        };
        shard.store(Arc::new(map));
    }

    fn all(&self) -> Vec<Arc<Topic>> {
        self.shards
            .iter()
            .flat_map(|shard| shard.load().values().cloned().collect::<Vec<_>>())
            .collect()
    }
}

impl Partitions {
    /// # Panics
    /// Without a directory.
    pub(crate) fn new(neighbours: Arc<Neighbours>, directories: Vec<Arc<LogDirectory>>) -> Self {
        Self {
            neighbours,
            directories: Directories::new(directories),
            relocations: Arc::default(),
            by_name: Index::new(),
            by_id: Index::new(),
            changing: Mutex::new(()),
        }
    }

    pub(crate) fn node(&self) -> NodeId {
        self.neighbours.node
    }

    pub(crate) fn neighbours(&self) -> &Arc<Neighbours> {
        &self.neighbours
    }

    pub(crate) fn directories(&self) -> &Directories {
        &self.directories
    }

    pub(crate) fn relocations(&self) -> &Arc<Relocations> {
        &self.relocations
    }

    /// Takes what is in directories that have failed out of service. It may block.
    pub(crate) fn lose_offline(&self) {
        for partition in self.all() {
            if partition.directory().is_offline() {
                partition.cancel_move();
                partition.lose();
            } else if partition.future().is_some_and(|future| future.directory.is_offline()) {
                partition.cancel_move();
                self.check_told(&partition);
            }
        }
    }

    pub(crate) fn named(&self, name: &str) -> Option<Arc<Topic>> {
        self.by_name.get(name)
    }

    pub(crate) fn with_id(&self, id: TopicId) -> Option<Arc<Topic>> {
        self.by_id.get(&id)
    }

    /// Every topic, in no order.
    pub(crate) fn topics(&self) -> Vec<Arc<Topic>> {
        self.by_id.all()
    }

    /// Every partition that this broker holds, in no order.
    pub(crate) fn all(&self) -> Vec<Arc<Partition>> {
        let of = |topic: Arc<Topic>| topic.partitions.iter().flatten().cloned().collect::<Vec<_>>();
        self.topics().into_iter().flat_map(of).collect()
    }

    /// Does what the difference between two images asks for. `rules` resolves a topic's configs.
    /// Returns the partitions that were deleted; their files are still there.
    pub(crate) fn apply(
        &self,
        changes: &Changes,
        rules: impl Fn(&str) -> TopicRules,
    ) -> Vec<Arc<Partition>> {
        let _changing = self.changing.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let mut deleted = Vec::new();
        for change in changes.topics.values() {
            if let TopicChange::Deleted(topic) = change {
                deleted.extend(self.delete(topic));
            }
        }
        for change in changes.topics.values() {
            match change {
                TopicChange::Created(topic) => self.create(topic, rules(&topic.name)),
                TopicChange::Changed { topic, partitions } => {
                    self.give_up(topic, partitions);
                    self.update(topic, partitions);
                }
                TopicChange::Deleted(_) => {}
            }
        }
        deleted
    }

    /// Puts a topic's configs in force.
    pub(crate) fn set_rules(&self, name: &str, rules: TopicRules) {
        let Some(topic) = self.named(name) else { return };
        topic.facts.rules.store(Arc::new(rules));
        for partition in topic.partitions.iter().flatten() {
            partition.refresh_config();
        }
    }

    fn create(&self, described: &image::Topic, rules: TopicRules) {
        let facts = TopicFacts {
            id: described.id,
            name: Arc::clone(&described.name),
            rules: ArcSwap::from_pointee(rules),
        };
        let topic = Topic { facts: Arc::new(facts), partitions: Box::default() };
        self.put(self.with_partitions(&topic, described));
    }

    fn update(&self, described: &image::Topic, changed: &[i32]) {
        let Some(topic) = self.with_id(described.id) else { return };
        for index in changed {
            let state = described.partitions.get(index);
            if let (Some(partition), Some(state)) = (topic.partition(*index), state) {
                let before = (partition.leader(), partition.is_replicated());
                partition.set_state(state);
                // who is in sync is nothing to whoever fetches
                if (partition.leader(), partition.is_replicated()) != before {
                    self.neighbours.moved(partition);
                }
                self.place(partition, state);
            }
        }
        let comes = |index: &i32| {
            let state = described.partitions.get(index);
            let is_ours = state.is_some_and(|state| state.directory_of(self.node()).is_some());
            is_ours && topic.partition(*index).is_none()
        };
        if topic.partitions.len() < described.partitions.len() || changed.iter().any(comes) {
            self.put(self.with_partitions(&topic, described));
        }
    }

    /// Replicas that were moved to other brokers go with their files, at once: one may come back.
    fn give_up(&self, described: &image::Topic, changed: &[i32]) {
        let Some(topic) = self.with_id(described.id) else { return };
        let is_elsewhere = |partition: &Arc<Partition>| {
            let state = described.partitions.get(&partition.index);
            state.is_some_and(|state| state.directory_of(self.node()).is_none())
        };
        let held = changed.iter().filter_map(|index| topic.partition(*index));
        let gone: Vec<_> = held.filter(|partition| is_elsewhere(partition)).collect();
        if gone.is_empty() {
            return;
        }
        let mut kept = Topic::clone(&topic);
        for partition in gone {
            partition.retire();
            self.neighbours.moved(partition);
            let slot =
                usize::try_from(partition.index).ok().and_then(|i| kept.partitions.get_mut(i));
            slot.map(Option::take);
            let facts = &partition.topic;
            let delay_ms = facts.rules.load().log.file_delete_delay_ms;
            let directory = partition.directory();
            if let Err(error) = directory.retire(&facts.name, facts.id, partition.index, delay_ms) {
                tracing::error!(?partition, %error, "cannot put a replica's files aside");
            }
        }
        self.put(kept);
    }

    /// The topic with a slot for each partition of the image; those that exist stay.
    fn with_partitions(&self, topic: &Topic, described: &image::Topic) -> Topic {
        let slot = |(index, state): (&i32, &Arc<image::PartitionState>)| {
            if let Some(partition) = topic.partition(*index) {
                return Some(Arc::clone(partition));
            }
            let assigned = state.directory_of(self.node())?;
            let directory = self.directories.choose(&topic.facts, *index, assigned);
            let (facts, neighbours) = (Arc::clone(&topic.facts), Arc::clone(&self.neighbours));
            let partition = Partition::new(facts, *index, state, directory, neighbours);
            let partition = Arc::new(partition);
            if partition.is_replicated() {
                self.neighbours.moved(&partition);
            }
            self.place(&partition, state);
            self.resume_move(&partition);
            Some(partition)
        };
        let partitions = described.partitions.iter().map(slot).collect();
        Topic { facts: Arc::clone(&topic.facts), partitions }
    }

    /// Notes where the image says that a replica is.
    fn place(&self, partition: &Arc<Partition>, state: &image::PartitionState) {
        if let Some(assigned) = state.directory_of(self.node()) {
            partition.set_assigned(assigned);
            self.check_told(partition);
        }
    }

    /// Has the controller told where a replica is, if it does not know.
    pub(crate) fn check_told(&self, partition: &Arc<Partition>) {
        if partition.untold_directory().is_some() {
            self.relocations.tell_of(Arc::clone(partition));
        }
    }

    /// Takes up a move between directories that an earlier run has begun.
    fn resume_move(&self, partition: &Arc<Partition>) {
        let here = partition.directory();
        for directory in self.directories.online() {
            let folder = directory.take_future(&partition.topic.name, partition.index);
            let Some(folder) = folder.filter(|_| !Arc::ptr_eq(directory, &here)) else { continue };
            partition.resume_move(directory, folder);
            self.relocations.begun(Arc::clone(partition));
        }
    }

    fn put(&self, topic: Topic) {
        let topic = Arc::new(topic);
        self.by_id.change(&topic.facts.id, Some(Arc::clone(&topic)));
        self.by_name.change(&topic.facts.name, Some(Arc::clone(&topic)));
    }

    fn delete(&self, described: &image::Topic) -> Vec<Arc<Partition>> {
        let Some(topic) = self.with_id(described.id) else { return Vec::new() };
        self.by_id.change(&described.id, None);
        self.by_name.change(&described.name, None);
        let deleted: Vec<_> = topic.partitions.iter().flatten().cloned().collect();
        for partition in &deleted {
            partition.retire();
            if partition.is_replicated() {
                self.neighbours.moved(partition);
            }
        }
        deleted
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::partition::ReplicaTerms;
    use image::{Image, Replay};
    use log::{FileCache, LogDir, WatchedDisk};
    use types::{DirectoryId, LeaderEpoch, Offset};
    use wire::partition_change_record::PartitionChangeRecord;
    use wire::partition_record::PartitionRecord;
    use wire::record_frame::MetadataRecord;
    use wire::topic_record::TopicRecord;

    const ID: TopicId = TopicId::from_random([7; 16]);

    fn image_behind(replay: &mut Replay, offset: i64, record: &MetadataRecord<'_>) -> Image {
        replay.apply(Offset(offset), LeaderEpoch(0), record);
        replay.publish()
    }

    #[test]
    fn a_partition_that_moves_here_is_served_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().to_owned();
        let files = LogDir::open(WatchedDisk::new(path.clone()), FileCache::new(4), path).unwrap();
        let directory = LogDirectory::new(DirectoryId::ZERO, files).unwrap();
        let here = NodeId(1);
        let neighbours = Neighbours::new(here, ReplicaTerms { lag_ms_max: 1, backoff_ms: 1 });
        let partitions = Partitions::new(Arc::new(neighbours), vec![Arc::new(directory)]);
        let topic = TopicRecord { name: "t".into(), topic_id: ID };
        let elsewhere = PartitionRecord {
            topic_id: ID,
            replicas: vec![2],
            isr: vec![2],
            leader: 2,
            ..PartitionRecord::default()
        };
        let moved = PartitionChangeRecord {
            topic_id: ID,
            replicas: Some(vec![1]),
            isr: Some(vec![1]),
            leader: 1,
            ..PartitionChangeRecord::default()
        };
        let mut replay = Replay::from_image(Image::default());
        image_behind(&mut replay, 0, &MetadataRecord::Topic(topic));
        let before = image_behind(&mut replay, 1, &MetadataRecord::Partition(elsewhere));
        let after = image_behind(&mut replay, 2, &MetadataRecord::PartitionChange(moved));
        partitions.apply(&Changes::between(&Image::default(), &before), |_| TopicRules::default());
        assert!(partitions.named("t").unwrap().partition(0).is_none(), "it is another broker's");
        partitions.apply(&Changes::between(&before, &after), |_| TopicRules::default());
        let topic = partitions.named("t").unwrap();
        assert!(topic.partition(0).unwrap().led_by(here).is_ok());
    }
}
