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

    /// The batch that holds `offset`, or the next one where a gap does; `None` if it is older than
    /// these, and behind the log's end.
    pub(super) fn find(&self, offset: Offset) -> Option<BatchPlace> {
        self.0.front().filter(|oldest| oldest.base_offset <= offset)?;
        let before = self.0.partition_point(|batch| batch.last_offset < offset);
        self.0.get(before).copied()
    }
}
