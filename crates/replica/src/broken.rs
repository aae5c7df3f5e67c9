//! Rules that a test can switch off, to show that the simulators notice when they do not hold.
//! The feature `broken` is for the crate `sim` alone.

/// A rule that a core breaks on purpose, to show that the checks below would notice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BrokenRule {
    /// A follower joins the ISR although it lacks committed records.
    JoinsBelowHighWatermark,
    /// A follower joins for what an earlier incarnation of it had fetched (KIP-903).
    ForgetsBrokerEpochs,
    /// Who is proposed to leave the ISR is not waited for, although it is still a member.
    CountsProposedShrink,
    /// Records are committed with fewer in sync than `min.insync.replicas` (KIP-966).
    AdvancesBelowMinimum,
    /// A follower does not cut off what its leader does not have.
    KeepsWhatDiverges,
    /// A leader does not note its epoch before its first record: a follower that has records of an
    /// epoch in between finds no end.
    NotesNoEpoch,
    /// Records are acknowledged before every replica in sync has them.
    AcknowledgesAlone,
    /// The high watermark follows whoever is slowest, down as well as up.
    WatermarkFalls,
    /// Who has caught up is not proposed for the ISR.
    NeverExpands,
}
