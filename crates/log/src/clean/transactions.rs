//! Whose records compaction may drop because their transaction was aborted, and which end markers
//! have nothing left that they end.

use std::collections::{BTreeMap, BTreeSet};

use record::{BatchHeader, ControlType};
use types::{Offset, ProducerId};

use crate::index::AbortedTxn;

/// The transactions that a walk over the log is amid.
#[derive(Debug)]
pub(super) struct Transactions {
    /// The last one first.
    ahead: Vec<AbortedTxn>,
    aborted: BTreeMap<ProducerId, Aborted>,
    /// With records that were seen.
    others: BTreeSet<ProducerId>,
}

#[derive(Clone, Copy, Debug)]
struct Aborted {
    txn: AbortedTxn,
    has_batches: bool,
}

/// What becomes of an end marker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Marker {
    /// It ends nothing that is left: it may go when readers have had their time.
    Spent,
    Needed,
    /// Batches of its aborted transaction were still there.
    Aborts(AbortedTxn),
}

impl Transactions {
    pub(super) fn new(mut aborted: Vec<AbortedTxn>) -> Self {
        aborted.sort_unstable_by_key(|txn| std::cmp::Reverse(txn.first_offset));
        Self { ahead: aborted, aborted: BTreeMap::new(), others: BTreeSet::new() }
    }

    /// A data batch; tells whether its transaction was aborted.
    pub(super) fn pass_batch(&mut self, batch: &BatchHeader) -> bool {
        self.come_to(batch.last_offset());
        if !batch.attributes.is_transactional() {
            return false;
        }
        match self.aborted.get_mut(&batch.producer_id) {
            Some(aborted) => {
                aborted.has_batches = true;
                true
            }
            None => {
                self.others.insert(batch.producer_id);
                false
            }
        }
    }

    /// A control batch, with the type of its record unless that is gone or unknown.
    pub(super) fn pass_control(
        &mut self,
        batch: &BatchHeader,
        control_type: Option<ControlType>,
    ) -> Marker {
        self.come_to(batch.last_offset());
        match control_type {
            Some(ControlType::Abort) => match self.aborted.remove(&batch.producer_id) {
                Some(aborted) if aborted.has_batches => Marker::Aborts(aborted.txn),
                Some(_) | None => Marker::Spent,
            },
            Some(ControlType::Commit) if self.others.remove(&batch.producer_id) => Marker::Needed,
            Some(ControlType::Commit) => Marker::Spent,
            None if batch.record_count == 0 => Marker::Spent,
            None
            | Some(
                ControlType::LeaderChange
                | ControlType::SnapshotHeader
                | ControlType::SnapshotFooter
                | ControlType::KraftVersion
                | ControlType::KraftVoters,
            ) => Marker::Needed,
        }
    }

    fn come_to(&mut self, offset: Offset) {
        while let Some(txn) = self.ahead.pop_if(|txn| txn.first_offset <= offset) {
            self.aborted.insert(txn.producer_id, Aborted { txn, has_batches: false });
        }
    }
}
