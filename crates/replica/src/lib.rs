//! One partition's replica, as leader and as follower (a crate because it must stay pure: the
//! simulator runs it as brokers do).
//!
//! A shell owns the log, the network and the clock. It steps the machine with what has happened and
//! performs the effects in their order:
//!
//! ```text
//!                  Assignment of the cluster's metadata
//!                     │ leader == me            │ leader == other
//!                     ▼                         ▼
//!   Appended ─────▶ Leader ──▶ NoteEpoch       Follower ──▶ plan(): Fetch ──▶ the leader
//!   fetched()  ───▶        ──▶ HighWatermark            ◀── Fetched, LeaderEnds
//!   IsrAnswered ──▶        ──▶ ProposeIsr               ──▶ TruncateTo, Append, RestartAt,
//!   Tick     ─────▶                                         HighWatermark, StartsAt, AskEnds
//! ```
//!
//! Leaders follow Kafka's rules of in-sync replicas (KIP-497, KIP-704, KIP-841, KIP-903), and the
//! high watermark stands still while fewer than `min.insync.replicas` are in sync (KIP-966).
//! Followers find where they part from their leader by the epochs in fetch answers (KIP-595).

mod assignment;
#[cfg(any(test, feature = "broken"))]
mod broken;
mod closest;
mod divergence;
mod follower;
mod in_sync;
mod leader;
mod progress;
#[cfg(test)]
mod simulation;

pub use assignment::{Assignment, Cluster, LogPosition, Rules};
#[cfg(any(test, feature = "broken"))]
pub use broken::BrokenRule;
pub use closest::{Candidate, closest};
pub use divergence::{EpochEnd, EpochStart, Epochs, PositionError, divergence};
pub use follower::{Fetch, Fetched, Follower, FollowerEffect, FollowerInput};
pub use in_sync::{InSyncReplica, IsrAnswer, IsrProposal};
pub use leader::{Acknowledgement, Leader, LeaderEffect, LeaderInput, StaleBroker};
