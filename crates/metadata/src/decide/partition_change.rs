//! One partition's next state, and the record that leads there: the steps are Kafka's, in its order.
//!
//! ```text
//! targets ─▶ reassignment done? ─▶ who stays eligible ─▶ election ─▶ what differs ─▶ record
//! ```
//! With eligible leader replicas on (KIP-966) a replica that leaves an ISR that is too small stays
//! eligible, and the ISR can become empty; without them the last member never leaves the ISR.

use std::collections::BTreeSet;
use std::sync::Arc;

use types::{DirectoryId, NodeId, TopicId};
use wire::partition_change_record::PartitionChangeRecord;
use wire::record_frame::MetadataRecord;

use super::Controller;
use super::leadership::{Availability, Rules};
use crate::image::{PartitionState, Topic};
use crate::metadata_version::MetadataVersion;

const RECOVERING: i8 = 1;
const RECOVERED: i8 = 0;

/// Which leaders an election takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Election {
    /// The first replica if it can; else the present leader, else another.
    Preferred,
    /// The present leader if it can; else the first replica that has every committed record.
    Clean,
    /// As clean; where nobody can, the first replica that is there at all.
    Unclean,
}

/// A change of one partition in the making: `target` is what it should become.
#[derive(Debug)]
pub(super) struct PartitionChange<'a> {
    controller: Controller<'a>,
    topic: TopicId,
    index: i32,
    state: &'a PartitionState,
    min_isr: usize,
    /// Who comes or goes within the decision at hand.
    pub availability: Availability,
    pub election: Election,
    pub target: PartitionState,
    is_unclean: bool,
}

impl<'a> PartitionChange<'a> {
    /// Nothing is to change but what follows from who is there.
    pub(super) fn new(
        controller: Controller<'a>,
        topic: &Topic,
        index: i32,
        state: &'a PartitionState,
        rules: Rules,
    ) -> Self {
        Self {
            controller,
            topic: topic.id,
            index,
            state,
            min_isr: rules.min_isr,
            availability: Availability::Settled,
            election: if rules.unclean { Election::Unclean } else { Election::Clean },
            target: state.clone(),
            is_unclean: false,
        }
    }

    /// No replica that may lack records can lead, whatever the topic's configs say.
    pub(super) fn forbid_unclean(&mut self) {
        self.election = Election::Clean;
    }

    /// Brings the target to its end and says what differs; nothing where nothing does.
    pub(super) fn build(mut self) -> Option<MetadataRecord<'static>> {
        self.complete_reassignment();
        self.keep_eligible();
        self.elect();
        if self.is_unclean || !self.knows_eligible() {
            self.target.eligible_leaders = Arc::default();
        }
        if self.target.isr.is_empty() && !self.knows_eligible() {
            self.target.isr = self.state.isr.clone();
        }
        self.place_replicas();
        self.record().map(MetadataRecord::from)
    }

    /// The replicas as they will be, once a reassignment that the ISR completes is over.
    fn complete_reassignment(&mut self) {
        let target = &self.target;
        if target.removing.is_empty() && target.adding.is_empty() {
            return;
        }
        let stays = |id: &&NodeId| !target.removing.contains(id);
        let isr: Vec<NodeId> = target.isr.iter().filter(stays).copied().collect();
        let replicas: Vec<NodeId> = target.replicas.iter().filter(stays).copied().collect();
        let has = |ids: &[NodeId]| ids.iter().all(|id| isr.contains(id));
        let is_too_small = !target.removing.is_empty() && (isr.is_empty() || replicas.is_empty());
        // fewer replicas than before: all that stay must be in sync first
        let waits_for_all = target.adding.len() < target.removing.len() && !has(&replicas);
        if is_too_small || !has(&target.adding) || waits_for_all {
            return;
        }
        self.target.isr = isr.into();
        self.target.replicas = replicas.into();
        self.target.removing = Arc::default();
        self.target.adding = Arc::default();
    }

    /// Who leaves an ISR below the least size still has every committed record. A replica that a
    /// reassignment takes away is not eligible: it may come back later, without what was written
    /// in between. (Kafka keeps it in the list.)
    fn keep_eligible(&mut self) {
        if !self.knows_eligible() {
            return;
        }
        let isr = &self.target.isr;
        if isr.len() >= self.min_isr {
            self.target.eligible_leaders = Arc::default();
            return;
        }
        let candidates = self.target.eligible_leaders.iter().chain(&*self.state.isr);
        let stays = |id: &NodeId| self.target.replicas.contains(id);
        let crashed = |id: &NodeId| self.availability == Availability::Crashed(*id);
        let eligible: BTreeSet<NodeId> = candidates
            .filter(|id| stays(id) && !isr.contains(id) && !crashed(id))
            .copied()
            .collect();
        self.target.eligible_leaders = eligible.into_iter().collect();
    }

    fn elect(&mut self) {
        let Some(leader) = self.clean_leader() else {
            let last_resort = self.last_known_leader().or_else(|| self.any_replica());
            self.target.leader = last_resort.unwrap_or(NodeId::NONE);
            if let Some(leader) = last_resort.filter(|leader| *leader != self.state.leader) {
                self.is_unclean = true;
                self.target.isr = [leader].into();
                self.target.recovering = true;
            }
            return;
        };
        self.target.leader = leader;
        if leader != self.state.leader && self.target.eligible_leaders.contains(&leader) {
            self.target.isr = [leader].into();
            let others = self.target.eligible_leaders.iter().filter(|id| **id != leader);
            self.target.eligible_leaders = others.copied().collect();
        }
    }

    /// A replica that has every committed record.
    fn clean_leader(&self) -> Option<NodeId> {
        let preferred = self.target.replicas.first().copied();
        let present = Some(self.state.leader);
        let [first, second] = match self.election {
            Election::Preferred => [preferred, present],
            Election::Clean | Election::Unclean => [present, preferred],
        };
        let clean = |id: &NodeId| self.can_lead_cleanly(*id);
        let of_replicas = || self.target.replicas.iter().copied().find(clean);
        first.filter(clean).or_else(|| second.filter(clean)).or_else(of_replicas)
    }

    fn can_lead_cleanly(&self, id: NodeId) -> bool {
        let target = &self.target;
        let has_all = target.isr.contains(&id) || (target.isr.is_empty() && self.is_eligible(id));
        has_all && self.can_lead(id)
    }

    fn is_eligible(&self, id: NodeId) -> bool {
        self.target.eligible_leaders.contains(&id)
    }

    /// The leader of before everybody was gone: none has more than it had.
    fn last_known_leader(&self) -> Option<NodeId> {
        let target = &self.target;
        let all_gone = target.isr.is_empty() && target.eligible_leaders.is_empty();
        match *self.state.last_known_leaders {
            [last] if self.knows_eligible() && all_gone && self.can_lead(last) => Some(last),
            _ => None,
        }
    }

    fn any_replica(&self) -> Option<NodeId> {
        let allowed = self.election == Election::Unclean;
        self.target.replicas.iter().copied().find(|id| allowed && self.can_lead(*id))
    }

    /// Whether the broker is there, and the directory with its replica too.
    fn can_lead(&self, id: NodeId) -> bool {
        let is_there = match self.availability {
            Availability::Leaving(gone) | Availability::Crashed(gone) if gone == id => false,
            Availability::Coming(coming) if coming == id => true,
            _ => self.controller.image.is_active(id),
        };
        let online = |directory| {
            let broker = self.controller.image.cluster().broker(id);
            broker.is_some_and(|broker| broker.has_online(directory))
        };
        is_there && self.state.directory_of(id).is_none_or(online)
    }

    /// Replicas that stay keep their directories; others get the only one that their broker has.
    fn place_replicas(&mut self) {
        let (controller, target) = (&self.controller, &self.target);
        let directory = |id: &NodeId| {
            let position = self.state.replicas.iter().position(|replica| replica == id);
            let known = position.and_then(|at| target.directories.get(at));
            known.copied().unwrap_or_else(|| controller.default_directory(*id))
        };
        let directories: Vec<DirectoryId> = target.replicas.iter().map(directory).collect();
        self.target.directories = directories.into();
    }

    fn record(&self) -> Option<PartitionChangeRecord> {
        let (state, target) = (self.state, &self.target);
        let unchanged = PartitionChangeRecord {
            partition_id: self.index,
            topic_id: self.topic,
            ..PartitionChangeRecord::default()
        };
        let mut record = unchanged.clone();
        if target.leader != state.leader || self.bumps_leader_epoch() {
            record.leader = target.leader.0;
        }
        if target.recovering != state.recovering {
            record.leader_recovery_state = if target.recovering { RECOVERING } else { RECOVERED };
        }
        let differs = |now: &[NodeId], before: &[NodeId]| (now != before).then(|| ids(now));
        record.isr = differs(&target.isr, &state.isr);
        record.replicas = differs(&target.replicas, &state.replicas);
        record.removing_replicas = differs(&target.removing, &state.removing);
        record.adding_replicas = differs(&target.adding, &state.adding);
        record.eligible_leader_replicas =
            differs(&target.eligible_leaders, &state.eligible_leaders);
        record.last_known_elr = self.last_known_after(record.leader);
        let has_moved = target.directories != state.directories;
        if has_moved && self.release() >= MetadataVersion::DIRECTORIES {
            record.directories = Some(target.directories.to_vec());
        }
        (record != unchanged).then_some(record)
    }

    /// Replicas that are thrown out must notice that they are none any more; and before 3.6 the
    /// same went for the ISR.
    fn bumps_leader_epoch(&self) -> bool {
        let lost = |before: &[NodeId], now: &[NodeId]| before.iter().any(|id| !now.contains(id));
        lost(&self.state.replicas, &self.target.replicas)
            || (self.release() < MetadataVersion::KEEPS_EPOCH_ON_SHRINK
                && lost(&self.state.isr, &self.target.isr))
    }

    /// The last leader is remembered from when nobody leads until somebody does.
    fn last_known_after(&self, leader: i32) -> Option<Vec<i32>> {
        let known = &self.state.last_known_leaders;
        if !self.knows_eligible() {
            None
        } else if leader == NodeId::NONE.0 && known.is_empty() {
            Some(vec![self.state.leader.0])
        } else {
            (leader >= 0 && !known.is_empty()).then(Vec::new)
        }
    }

    fn knows_eligible(&self) -> bool {
        self.controller.image.features().eligible_leaders()
    }

    fn release(&self) -> MetadataVersion {
        self.controller.image.features().metadata_version()
    }
}

fn ids(nodes: &[NodeId]) -> Vec<i32> {
    nodes.iter().map(|node| node.0).collect()
}
