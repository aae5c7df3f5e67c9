//! Questions about leader epochs.

use types::{LeaderEpoch, Offset};

use super::Log;
use crate::disk::Disk;
use crate::epochs::{EpochEnd, EpochStart};

impl<D: Disk> Log<D> {
    /// A leader begins its epoch at the log's end.
    pub fn begin_epoch(&mut self, epoch: LeaderEpoch) {
        self.epochs.assign(epoch, self.end);
    }

    /// The largest known epoch not larger than `requested`, and where it ends; `None` when
    /// `requested` is unknown: negative, or larger than every one here.
    pub fn epoch_end_offset(&self, requested: LeaderEpoch) -> Option<EpochEnd> {
        self.epochs.end_of(requested, self.end)
    }

    /// The epoch that wrote `offset`.
    pub fn epoch_at(&self, offset: Offset) -> Option<LeaderEpoch> {
        self.epochs.at(offset)
    }

    /// All epochs, rising.
    pub fn epochs(&self) -> &[EpochStart] {
        self.epochs.entries()
    }
}
