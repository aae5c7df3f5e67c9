//! Rules that a test can switch off, to show that the simulators notice when they do not hold.
//! The feature `broken` is for the crate `sim` alone.

/// A safety or liveness rule of the machine.
#[cfg(any(test, feature = "broken"))]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Broken {
    /// A leader that hears from no majority resigns.
    CheckQuorum,
    /// A replica reports only what survives a crash.
    FlushBeforeFetch,
    /// One vote an epoch.
    OneVote,
    /// A vote is written down before it is spoken.
    PersistVote,
    /// Only who has every committed record is elected.
    LogUpToDate,
    /// A leader commits nothing before a record of its own epoch.
    OwnEpochFirst,
    /// Commit needs a majority.
    Majority,
    /// A follower whose log diverges is told so.
    Diverging,
    /// One voter change at a time.
    OneChange,
    /// A leader starts without the watermark of its former life.
    FreshWatermark,
    /// A leader's watermark says nothing of a log that is no prefix of the leader's.
    PrefixWatermark,
    /// A voter stands for election until its removal is committed.
    RemovedStands,
}

/// Whether the named rule is switched off: never outside tests.
macro_rules! is_broken {
    ($raft:expr, $rule:ident) => {{
        #[cfg(any(test, feature = "broken"))]
        let broken = $raft.broken == Some($crate::broken::Broken::$rule);
        #[cfg(not(any(test, feature = "broken")))]
        let broken = false;
        broken
    }};
}

pub(crate) use is_broken;
