//! What must come when the faults are over, and what must hold of everything at the end.

use std::collections::BTreeSet;

use raft::RoleKind;
use types::NodeId;

use crate::env::{Checked, must};
use crate::message::Key;
use crate::partition::Partition;
use crate::process::{Process, node_id};
use crate::records::{entries, read_all};
use crate::world::World;

impl World {
    /// Everything is elected, in sync and done; or what is lacking.
    pub fn recovered(&self) -> Checked {
        let processes: Vec<&Process> = self.nodes.iter().filter_map(|node| node.up()).collect();
        must(processes.len() == self.nodes.len(), || "not every node runs".to_owned())?;
        self.quorum_recovered(&processes)?;
        let image = self.env.shadow.image();
        for process in processes.iter().filter(|process| process.roles.broker) {
            let broker = image.cluster().broker(process.id());
            let epoch = process.broker.as_ref().and_then(|broker| broker.epoch);
            let is_in = broker.is_some_and(|b| b.is_active() && Some(b.epoch) == epoch);
            must(is_in, || format!("broker {} is not in service: {broker:?}", process.place))?;
        }
        for topic in image.topics().iter() {
            for (index, state) in &topic.partitions {
                let isr: BTreeSet<NodeId> = state.isr.iter().copied().collect();
                let replicas: BTreeSet<NodeId> = state.replicas.iter().copied().collect();
                let is_well = state.leader != NodeId::NONE && isr == replicas;
                let is_settled = !state.is_reassigning() && !state.recovering;
                must(is_well && is_settled, || format!("{}-{index} is {state:?}", topic.name))?;
                self.replicas_level((topic.id, *index), &replicas)?;
            }
        }
        match self.clients.iter().find_map(|client| client.lack(&self.env)) {
            Some(lack) => Err(lack),
            None => Ok(()),
        }
    }

    fn quorum_recovered(&self, processes: &[&Process]) -> Checked {
        let states = || {
            let state = |p: &&Process| (p.raft.role(), p.raft.epoch(), p.log.end(), p.applied);
            format!("the quorum is {:?}", processes.iter().map(state).collect::<Vec<_>>())
        };
        let mut leaders = processes.iter().filter(|p| p.raft.role() == RoleKind::Leader);
        let (Some(leader), None) = (leaders.next(), leaders.next()) else { return Err(states()) };
        must(leader.active.as_ref().is_some_and(|active| active.is_claimed), states)?;
        let end = self.env.shadow.quorum.end();
        let is_there = |p: &&Process| p.raft.epoch() == leader.raft.epoch() && p.applied == end;
        must(processes.iter().all(is_there), states)
    }

    /// Who has joined an ISR has whatever is committed, unless it has left again, or that run of it is over.
    pub fn joins_with_all(&mut self, key: Key, id: NodeId) -> Checked {
        let image = self.env.shadow.image();
        let topic = image.topics().get(key.0);
        let state = topic.and_then(|topic| topic.partitions.get(&key.1));
        if state.is_none_or(|state| !state.isr.contains(&id)) {
            return Ok(());
        }
        let known = image.cluster().broker(id).map(|broker| broker.epoch);
        let Some(node) = self.nodes.iter_mut().find(|node| node_id(node.place) == id) else {
            return Ok(());
        };
        let process = node.process().filter(|process| !process.is_doomed);
        let broker = process.and_then(|process| process.broker.as_mut());
        let Some(broker) = broker.filter(|broker| broker.epoch.is_some() && broker.epoch == known)
        else {
            return Ok(());
        };
        let Some(partition) = broker.partitions.get_mut(&key).filter(|p| !p.has_failed) else {
            return Ok(());
        };
        let (start, end) = (partition.log.start_offset(), partition.log.end_offset());
        let bytes = read_all(&mut partition.log, start, end).unwrap_or_default();
        self.env.shadow.joins(key, id, &entries(&bytes))
    }

    fn replica(&self, key: Key, id: NodeId) -> Option<&Partition> {
        let place = usize::try_from(id.0).ok()?;
        self.nodes.get(place)?.up()?.broker.as_ref()?.partitions.get(&key)
    }

    /// Every replica has all that is committed, which is all that there is.
    fn replicas_level(&self, key: Key, replicas: &BTreeSet<NodeId>) -> Checked {
        let committed =
            self.env.shadow.partitions.get(&key).map_or(0, |shadow| shadow.committed.len());
        for id in replicas {
            let ends = self.replica(key, *id).map(|p| (p.log.end_offset().0, p.high_watermark().0));
            let end = i64::try_from(committed).expect("a short log");
            must(ends == Some((end, end)), || {
                format!("{id} has {key:?} up to {ends:?}, where {end} are committed")
            })?;
        }
        Ok(())
    }

    /// Every acknowledged record is on every replica, once, where it was acknowledged.
    pub fn complete(&mut self) -> Checked {
        let image = self.env.shadow.image().clone();
        for topic in image.topics().iter() {
            for (index, state) in &topic.partitions {
                for id in state.replicas.iter() {
                    self.replica_complete((topic.id, *index), *id)?;
                }
            }
        }
        Ok(())
    }

    fn replica_complete(&mut self, key: Key, id: NodeId) -> Checked {
        let Some(place) = self.nodes.iter().position(|node| node_id(node.place) == id) else {
            return Ok(());
        };
        let process = self.nodes[place].process();
        let broker = process.and_then(|process| process.broker.as_mut());
        let Some(partition) = broker.and_then(|broker| broker.partitions.get_mut(&key)) else {
            return Err(format!("{id} does not host {key:?}"));
        };
        let (start, end) = (partition.log.start_offset(), partition.log.end_offset());
        let bytes = read_all(&mut partition.log, start, end).unwrap_or_default();
        let held = entries(&bytes);
        let Some(shadow) = self.env.shadow.partitions.get(&key) else { return Ok(()) };
        must(held.iter().eq(shadow.committed.iter().map(|(entry, _)| entry)), || {
            format!("{id} holds other records of {key:?} than are committed")
        })?;
        for (number, offset) in &shadow.acknowledged {
            let at = usize::try_from(offset.0).expect("an offset");
            let found = held.get(at).and_then(crate::records::Entry::number);
            must(found == Some(*number), || {
                format!("{number} was acknowledged at {offset} of {key:?} and is not on {id}")
            })?;
        }
        Ok(())
    }
}
