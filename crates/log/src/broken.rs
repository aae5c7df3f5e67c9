//! Rules that a test can switch off, to show that the simulators notice when they do not hold.
//! The feature `broken` is for the crate `sim` alone.

use crate::disk::Disk;
use crate::log::Log;

/// A rule of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Broken {
    /// A producer's batch that is in the log already is not appended again.
    KnowsProducers,
}

impl<D: Disk> Log<D> {
    /// Switches a rule off, or none: what a simulator must notice.
    pub fn set_broken(&mut self, broken: Option<Broken>) {
        self.broken = broken;
    }
}
