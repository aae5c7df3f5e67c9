//! Time for deadlines: pure machines are told it and never read a clock.

/// Milliseconds on a clock that never goes back; the shell picks its origin.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Instant(pub u64);

impl Instant {
    /// The instant `ms` later; a negative duration counts as none.
    #[must_use]
    pub fn plus_ms(self, ms: i32) -> Self {
        Self(self.0.saturating_add(u64::try_from(ms).unwrap_or(0)))
    }

    /// Milliseconds from `earlier` until this instant; none where that one is later.
    #[must_use]
    pub fn ms_since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}
