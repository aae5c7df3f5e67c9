//! Topics and their partitions in the image: who holds a replica, who leads, who is in sync.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::sync::Arc;

use types::{DirectoryId, LeaderEpoch, NodeId, TopicId, Uuid};
use wire::partition_change_record::PartitionChangeRecord;
use wire::partition_record::PartitionRecord;
use wire::record_frame::MetadataRecord;

use super::placements::Placements;
use crate::topic_name::collision_form;

/// Directory of a replica that was placed before directories were recorded (KIP-858).
pub const DIRECTORY_MIGRATING: DirectoryId = Uuid::ZERO;
/// Directory of a replica before its broker has chosen one.
pub const DIRECTORY_UNASSIGNED: DirectoryId = Uuid::ONE;
/// Directory of a replica whose log is gone with its directory.
pub const DIRECTORY_LOST: DirectoryId = {
    let mut bytes = [0; 16];
    bytes[15] = 2;
    Uuid(bytes)
};

const LEADER_UNCHANGED: i32 = -2;

/// All topics. Cloning shares everything; changing one topic copies the maps and that topic.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Topics {
    by_id: Arc<BTreeMap<TopicId, Arc<Topic>>>,
    ids: Arc<BTreeMap<Arc<str>, TopicId>>,
    /// Names with a `.` or `_` by the form in which they collide.
    collisions: Arc<BTreeMap<Box<str>, BTreeSet<Arc<str>>>>,
    placements: Placements,
}

/// One topic.
#[derive(Clone, Debug, PartialEq)]
pub struct Topic {
    /// Its identity.
    pub id: TopicId,
    /// Its name.
    pub name: Arc<str>,
    /// Its partitions by index; from 0, without gaps once a create is applied.
    pub partitions: BTreeMap<i32, Arc<PartitionState>>,
}

/// Replicas and leadership of one partition. The lists `replicas` and `directories` run in parallel.
#[derive(Clone, Debug, PartialEq)]
pub struct PartitionState {
    /// Brokers with a replica, preferred leader first.
    pub replicas: Arc<[NodeId]>,
    /// Log directory of each replica.
    pub directories: Arc<[DirectoryId]>,
    /// Replicas in sync with the leader.
    pub isr: Arc<[NodeId]>,
    /// Replicas that a reassignment removes.
    pub removing: Arc<[NodeId]>,
    /// Replicas that a reassignment adds.
    pub adding: Arc<[NodeId]>,
    /// Replicas outside the ISR that have every committed record (KIP-966).
    pub eligible_leaders: Arc<[NodeId]>,
    /// The last leader, kept while ISR and eligible leaders are empty (KIP-966).
    pub last_known_leaders: Arc<[NodeId]>,
    /// The leader, or [`NodeId::NONE`].
    pub leader: NodeId,
    /// Bumped with each change of the leader.
    pub leader_epoch: LeaderEpoch,
    /// Bumped with each change of anything here.
    pub partition_epoch: i32,
    /// Whether an unclean election is still being recovered from.
    pub recovering: bool,
}

impl Topics {
    /// The topic of that name.
    #[must_use]
    pub fn named(&self, name: &str) -> Option<&Arc<Topic>> {
        self.by_id.get(self.ids.get(name)?)
    }

    /// The topic with that id.
    #[must_use]
    pub fn get(&self, id: TopicId) -> Option<&Arc<Topic>> {
        self.by_id.get(&id)
    }

    /// All topics in the order of their names.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Topic>> {
        self.ids.values().filter_map(|id| self.by_id.get(id))
    }

    /// All topics whose names sort at or behind `name`, in the order of their names.
    pub fn iter_from<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a Arc<Topic>> {
        let from = (Bound::Included(name), Bound::Unbounded);
        self.ids.range::<str, _>(from).filter_map(|(_, id)| self.by_id.get(id))
    }

    /// How many topics there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.by_id.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.by_id.is_empty()
    }

    /// Another topic whose metrics would bear the same name: it differs in `.` and `_` only.
    #[must_use]
    pub fn colliding_with(&self, name: &str) -> Option<&Arc<str>> {
        self.collisions.get(&*collision_form(name))?.iter().find(|other| &***other != name)
    }

    /// The partitions with a replica on `broker`, topic by topic.
    pub fn replicas_on(
        &self,
        broker: NodeId,
    ) -> impl Iterator<Item = (&Arc<Topic>, impl Iterator<Item = (i32, &Arc<PartitionState>)>)>
    {
        self.placements.on(broker).filter_map(|(id, indexes)| {
            let topic = self.by_id.get(&id)?;
            let state = |index: &i32| Some((*index, topic.partitions.get(index)?));
            Some((topic, indexes.iter().filter_map(state)))
        })
    }

    /// Whether both share the same maps, so that nothing can differ.
    pub(super) fn shares_with(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.by_id, &other.by_id)
    }

    pub(super) fn insert(&mut self, name: &str, id: TopicId) {
        let name: Arc<str> = Arc::from(name);
        if has_collision_chars(&name) {
            let form = collision_form(&name).into_owned().into_boxed_str();
            Arc::make_mut(&mut self.collisions).entry(form).or_default().insert(name.clone());
        }
        Arc::make_mut(&mut self.ids).insert(name.clone(), id);
        let topic = Topic { id, name, partitions: BTreeMap::new() };
        Arc::make_mut(&mut self.by_id).insert(id, Arc::new(topic));
    }

    pub(super) fn remove(&mut self, id: TopicId) -> Option<Arc<Topic>> {
        let topic = Arc::make_mut(&mut self.by_id).remove(&id)?;
        Arc::make_mut(&mut self.ids).remove(&topic.name);
        let replicas = topic.partitions.values().flat_map(|state| state.replicas.iter().copied());
        self.placements.forget(id, replicas);
        if has_collision_chars(&topic.name) {
            let collisions = Arc::make_mut(&mut self.collisions);
            let form = collision_form(&topic.name);
            if let Some(names) = collisions.get_mut(&*form) {
                names.remove(&topic.name);
                if names.is_empty() {
                    collisions.remove(&*form);
                }
            }
        }
        Some(topic)
    }

    /// A partition comes into being, or is written anew.
    pub(super) fn set_partition(&mut self, record: &PartitionRecord) {
        let (id, index) = (record.topic_id, record.partition_id);
        let state = Arc::new(PartitionState::from_record(record));
        let Some(topic) = self.by_id_mut(id) else { return };
        let replicas = state.replicas.clone();
        let before = topic.partitions.insert(index, state);
        let before = before.as_ref().map_or(&[][..], |state| &state.replicas);
        self.placements.shift(id, index, before, &replicas);
    }

    /// A partition changes where it is there.
    pub(super) fn change_partition(&mut self, record: &PartitionChangeRecord) {
        let (id, index) = (record.topic_id, record.partition_id);
        let Some(topic) = self.by_id_mut(id) else { return };
        let Some(state) = topic.partitions.get_mut(&index).map(Arc::make_mut) else { return };
        let before = state.replicas.clone();
        state.change(record);
        if record.replicas.is_some() {
            let after = state.replicas.clone();
            self.placements.shift(id, index, &before, &after);
        }
    }

    fn by_id_mut(&mut self, id: TopicId) -> Option<&mut Topic> {
        Arc::make_mut(&mut self.by_id).get_mut(&id).map(Arc::make_mut)
    }

    /// Forgets eligible leaders of the topic of that name, or of all topics where it is empty.
    pub(super) fn clear_eligible_leaders(&mut self, name: &str) {
        let ids: Vec<TopicId> = if name.is_empty() {
            self.by_id.keys().copied().collect()
        } else {
            self.ids.get(name).copied().into_iter().collect()
        };
        for id in ids {
            let Some(topic) = self.by_id.get(&id) else { continue };
            let with_leaders = |p: &PartitionState| {
                !p.eligible_leaders.is_empty() || !p.last_known_leaders.is_empty()
            };
            if !topic.partitions.values().any(|p| with_leaders(p)) {
                continue;
            }
            let Some(topic) = self.by_id_mut(id) else { continue };
            for partition in topic.partitions.values_mut().filter(|p| with_leaders(p)) {
                let partition = Arc::make_mut(partition);
                partition.eligible_leaders = Arc::default();
                partition.last_known_leaders = Arc::default();
                partition.partition_epoch += 1;
            }
        }
    }
}

fn has_collision_chars(name: &str) -> bool {
    name.contains(['.', '_'])
}

fn nodes(ids: &[i32]) -> Arc<[NodeId]> {
    ids.iter().copied().map(NodeId).collect()
}

/// The list, sharing memory with `like` where both are equal: most partitions are fully in sync.
fn nodes_like(ids: &[i32], like: &Arc<[NodeId]>) -> Arc<[NodeId]> {
    if ids.iter().copied().eq(like.iter().map(|id| id.0)) { like.clone() } else { nodes(ids) }
}

impl PartitionState {
    pub(super) fn from_record(record: &PartitionRecord) -> Self {
        let replicas = nodes(&record.replicas);
        let isr = nodes_like(&record.isr, &replicas);
        let optional = |list: &Option<Vec<i32>>| list.as_deref().map(nodes).unwrap_or_default();
        let directories = if record.directories.len() == replicas.len() {
            Arc::from(record.directories.as_slice())
        } else {
            vec![DIRECTORY_MIGRATING; replicas.len()].into()
        };
        Self {
            directories,
            isr,
            removing: nodes(&record.removing_replicas),
            adding: nodes(&record.adding_replicas),
            eligible_leaders: optional(&record.eligible_leader_replicas),
            last_known_leaders: optional(&record.last_known_elr),
            leader: NodeId(record.leader),
            leader_epoch: LeaderEpoch(record.leader_epoch),
            partition_epoch: record.partition_epoch,
            recovering: record.leader_recovery_state != 0,
            replicas,
        }
    }

    pub(super) fn change(&mut self, record: &PartitionChangeRecord) {
        if let Some(replicas) = &record.replicas {
            self.replicas = nodes(replicas);
            if self.directories.len() != self.replicas.len() {
                self.directories = vec![DIRECTORY_MIGRATING; self.replicas.len()].into();
            }
        }
        if let Some(directories) = &record.directories {
            self.directories = Arc::from(directories.as_slice());
        }
        if let Some(isr) = &record.isr {
            self.isr = nodes_like(isr, &self.replicas);
        }
        let assign = |to: &mut Arc<[NodeId]>, list: &Option<Vec<i32>>| {
            if let Some(list) = list {
                *to = nodes(list);
            }
        };
        assign(&mut self.removing, &record.removing_replicas);
        assign(&mut self.adding, &record.adding_replicas);
        assign(&mut self.eligible_leaders, &record.eligible_leader_replicas);
        assign(&mut self.last_known_leaders, &record.last_known_elr);
        if record.leader != LEADER_UNCHANGED {
            self.leader = NodeId(record.leader);
            self.leader_epoch = LeaderEpoch(self.leader_epoch.0 + 1);
        }
        if record.leader_recovery_state >= 0 {
            self.recovering = record.leader_recovery_state != 0;
        }
        self.partition_epoch += 1;
    }

    /// The state behind a record of a decision.
    pub(crate) fn after(&self, record: &MetadataRecord<'_>) -> Self {
        let mut state = self.clone();
        if let MetadataRecord::PartitionChange(change) = record {
            state.change(change);
        }
        state
    }

    /// Whether replicas are on their way to other brokers.
    #[must_use]
    pub fn is_reassigning(&self) -> bool {
        !self.adding.is_empty() || !self.removing.is_empty()
    }

    /// The replica that should lead when all are in sync.
    #[must_use]
    pub fn preferred_leader(&self) -> NodeId {
        self.replicas.first().copied().unwrap_or(NodeId::NONE)
    }

    /// The log directory of the replica on `node`.
    #[must_use]
    pub fn directory_of(&self, node: NodeId) -> Option<DirectoryId> {
        let index = self.replicas.iter().position(|replica| *replica == node)?;
        self.directories.get(index).copied()
    }
}
