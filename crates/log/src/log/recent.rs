//! Where the last batches lie: readers at the log's end, which are most, need neither index nor
//! scan.

use std::collections::VecDeque;

use types::Offset;

use crate::segment::BatchPlace;

/// A reader that is no further behind finds its batch here.
const BATCHES_MAX: usize = 32;

/// The last batches of the active segment, one behind the other.
#[derive(Debug, Default)]
pub(super) struct RecentBatches(VecDeque<BatchPlace>);

impl RecentBatches {
    pub(super) fn push(&mut self, batch: BatchPlace) {
        if self.0.len() == BATCHES_MAX {
            self.0.pop_front();
        }
        self.0.push_back(batch);
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    /// The batch that holds `offset`, which is before the log's end; `None` if it is older than
    /// these.
    pub(super) fn find(&self, offset: Offset) -> Option<BatchPlace> {
        let behind = self.0.partition_point(|batch| batch.base_offset <= offset);
        Some(self.0[behind.checked_sub(1)?])
    }
}
