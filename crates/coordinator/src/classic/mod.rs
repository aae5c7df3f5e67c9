//! The classic group protocol: members join, their leader shares out the work, the coordinator hands it out.
//!
//! ```text
//!            first join                     all joined, or time is up
//!   Empty ──────────────▶ PreparingRebalance ─────────────▶ CompletingRebalance
//!     ▲                      ▲    │                           │          │
//!     │    nobody is left    │    │                           │          │ leader's sync
//!     └──────────────────────┼────┘         a join, a leave,  │          ▼
//!                            └────────────────────────────────┴─────── Stable
//!                                           an expiry
//! ```
//! A group that is deleted is gone; "Dead" is only what a description says of one that is not there.

mod describe;
mod expiry;
mod group;
mod join;
mod leave;
mod member;
mod rebalance;
mod replay;
mod static_member;
mod sync;
mod transition;

pub use group::{ClassicGroup, State};
pub use member::Member;
pub(crate) use transition::Transition;
