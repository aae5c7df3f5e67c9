//! The cluster's metadata as a model: one partition, its brokers, and every state they went through.

use types::{BrokerEpoch, ErrorCode, LeaderEpoch, NodeId, PartitionEpoch};

use crate::assignment::{Assignment, Cluster};
use crate::in_sync::{IsrAnswer, IsrProposal};

/// What brokers see of one moment.
#[derive(Debug, Clone)]
pub(super) struct Metadata {
    pub assignment: Assignment,
    /// By node: its epoch, and whether it is neither fenced nor leaving.
    pub brokers: Vec<(BrokerEpoch, bool)>,
}

/// Decides as KIP-966 says: who leaves an ISR that becomes too small stays eligible.
#[derive(Debug)]
pub(super) struct Controller {
    pub history: Vec<Metadata>,
    eligible: Vec<NodeId>,
    in_sync_min: usize,
    next_broker_epoch: i64,
}

impl Cluster for Metadata {
    fn broker_epoch(&self, node: NodeId) -> Option<BrokerEpoch> {
        Some(self.brokers[at(node)].0)
    }

    fn is_active(&self, node: NodeId) -> bool {
        self.brokers[at(node)].1
    }
}

pub(super) fn at(node: NodeId) -> usize {
    usize::try_from(node.0).expect("a node's index")
}

impl Controller {
    pub(super) fn new(nodes: usize, in_sync_min: usize) -> Self {
        let replicas: Vec<NodeId> =
            (0..i32::try_from(nodes).expect("few nodes")).map(NodeId).collect();
        let assignment = Assignment {
            leader: NodeId(0),
            leader_epoch: LeaderEpoch(0),
            partition_epoch: PartitionEpoch(0),
            isr: replicas.clone(),
            replicas,
        };
        let brokers = vec![(BrokerEpoch(0), true); nodes];
        let first = Metadata { assignment, brokers };
        Self { history: vec![first], eligible: Vec::new(), in_sync_min, next_broker_epoch: 1 }
    }

    pub(super) fn latest(&self) -> &Metadata {
        self.history.last().expect("it began with one")
    }

    /// In sync, or with all that is committed although it is not.
    pub(super) fn may_lead(&self) -> Vec<NodeId> {
        let isr = self.latest().assignment.isr.iter();
        isr.chain(&self.eligible).copied().collect()
    }

    /// A broker is gone. What it had not synced may be gone with it.
    pub(super) fn fence(&mut self, node: NodeId, loses_records: bool, lot: usize) {
        let mut next = self.latest().clone();
        next.brokers[at(node)].1 = false;
        let isr = &next.assignment.isr;
        if isr.contains(&node) && (isr.len() > 1 || loses_records) {
            let left = isr.iter().copied().filter(|member| *member != node).collect();
            self.change_isr(&mut next, left);
        }
        if loses_records {
            self.eligible.retain(|eligible| *eligible != node);
        }
        self.elect(&mut next, lot);
        self.history.push(next);
    }

    /// A broker comes back as a new incarnation.
    pub(super) fn register(&mut self, node: NodeId, lot: usize) {
        let mut next = self.latest().clone();
        next.brokers[at(node)] = (BrokerEpoch(self.next_broker_epoch), true);
        self.next_broker_epoch += 1;
        self.elect(&mut next, lot);
        self.history.push(next);
    }

    pub(super) fn alter(&mut self, from: NodeId, proposal: &IsrProposal) -> IsrAnswer {
        let latest = self.latest();
        let assignment = &latest.assignment;
        if assignment.leader != from || proposal.leader_epoch < assignment.leader_epoch {
            return IsrAnswer::Refused(ErrorCode::FencedLeaderEpoch);
        }
        if proposal.partition_epoch < assignment.partition_epoch {
            return IsrAnswer::Refused(ErrorCode::InvalidUpdateVersion);
        }
        let is_ineligible = |member: &crate::InSyncReplica| {
            let known = latest.broker_epoch(member.node);
            let is_other = member.broker_epoch.0 != -1 && known != Some(member.broker_epoch);
            is_other || !latest.is_active(member.node)
        };
        if proposal.isr.iter().any(is_ineligible) {
            return IsrAnswer::Refused(ErrorCode::IneligibleReplica);
        }
        let mut next = latest.clone();
        let isr = proposal.isr.iter().map(|member| member.node).collect();
        self.change_isr(&mut next, isr);
        let Assignment { leader_epoch, partition_epoch, isr, .. } = next.assignment.clone();
        self.history.push(next);
        IsrAnswer::Holds { leader_epoch, partition_epoch, isr }
    }

    fn change_isr(&mut self, next: &mut Metadata, isr: Vec<NodeId>) {
        let before = std::mem::replace(&mut next.assignment.isr, isr);
        next.assignment.partition_epoch.0 += 1;
        let isr = &next.assignment.isr;
        self.eligible.retain(|node| !isr.contains(node));
        if isr.len() >= self.in_sync_min {
            self.eligible.clear();
        } else {
            self.eligible.extend(before.into_iter().filter(|node| !isr.contains(node)));
        }
    }

    /// Any of those who may lead: which one is drawn by lot.
    fn elect(&mut self, next: &mut Metadata, lot: usize) {
        let leader = next.assignment.leader;
        if leader != NodeId::NONE && next.is_active(leader) && next.assignment.isr.contains(&leader)
        {
            return;
        }
        let active = |nodes: &[NodeId]| -> Vec<NodeId> {
            nodes.iter().copied().filter(|node| next.is_active(*node)).collect()
        };
        let in_sync = active(&next.assignment.isr);
        let candidates = if in_sync.is_empty() { active(&self.eligible) } else { in_sync };
        let elected = candidates.get(lot % candidates.len().max(1)).copied();
        if elected.is_none() && leader == NodeId::NONE {
            return;
        }
        next.assignment.leader = elected.unwrap_or(NodeId::NONE);
        next.assignment.leader_epoch.0 += 1;
        next.assignment.partition_epoch.0 += 1;
        if let Some(elected) = elected
            && !next.assignment.isr.contains(&elected)
        {
            let isr = vec![elected];
            self.eligible.retain(|node| *node != elected);
            next.assignment.isr = isr;
        }
    }
}
