//! Rules that a test can switch off, to show that the simulators notice when they do not hold.
//! The feature `broken` is for the crate `sim` alone.

/// A rule of the groups.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Broken {
    /// Every rebalance makes a generation of its own.
    NextGeneration,
}
