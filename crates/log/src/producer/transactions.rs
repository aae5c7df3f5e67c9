//! Which transactions are open, and so up to where consumers may read committed records.

use std::collections::BTreeMap;

use types::{Offset, ProducerId};

use super::CompletedTxn;

/// Transactions by their first offset.
#[derive(Debug, Default)]
pub(crate) struct Transactions {
    open: BTreeMap<Offset, ProducerId>,
    /// Ended by a marker that the high watermark has not passed: last offset by first.
    unreplicated: BTreeMap<Offset, Offset>,
}

impl Transactions {
    pub(crate) fn begin(&mut self, first_offset: Offset, producer_id: ProducerId) {
        self.open.insert(first_offset, producer_id);
    }

    pub(crate) fn end(&mut self, completed: &CompletedTxn) {
        self.open.remove(&completed.first_offset);
        self.unreplicated.insert(completed.first_offset, completed.last_offset);
    }

    /// Forgets the ended transactions whose marker is below the high watermark.
    pub(crate) fn high_watermark_is(&mut self, high_watermark: Offset) {
        while let Some(first) = self.unreplicated.first_entry()
            && *first.get() < high_watermark
        {
            first.remove();
        }
    }

    /// The first offset that is not decided, or decided only above the high watermark.
    pub(crate) fn first_unstable_offset(&self) -> Option<Offset> {
        let open = self.open.first_key_value().map(|(first, _)| *first);
        let unreplicated = self.unreplicated.first_key_value().map(|(first, _)| *first);
        [open, unreplicated].into_iter().flatten().min()
    }

    /// The last stable offset once this transaction has ended and everything is replicated.
    pub(crate) fn last_stable_offset(&self, completed: &CompletedTxn) -> Offset {
        let mut others = self.open.iter().filter(|(_, id)| **id != completed.producer_id);
        others.next().map_or(completed.last_offset.plus(1), |(first, _)| *first)
    }
}
