//! A whole cluster in one thread (a crate because it stands above every core and below no product):
//! the real cores on a simulated clock, network and disks that fail.
//!
//! ```text
//!   seed ──▶ Plan: shape of the cluster, weather, operations with their times
//!                │
//!                ▼
//!   World { Env { clock, network, shadow }, nodes, clients }
//!     one event at a time: a message arrives, a deadline comes, an operation begins
//!                │
//!                ▼
//!   Shadow: what must hold, looked at with every effect; and, after healing, what must come
//! ```
//!
//! A node runs `raft`, `metadata`, `replica`, `log` and `coordinator` as they are; only the shell around
//! them is the simulator's own. A seed decides everything, and the same seed gives the same trace.
//!
//! `SEED=n cargo test -p sim seeds_hold -- --nocapture` replays one and tells it; `cargo xtask sim`
//! looks for seeds that fail, shrinks them and prints what to keep in `seeds/`.
#![cfg(test)]

mod active;
mod ambush;
mod broker;
mod client;
mod crash;
mod env;
mod fetcher;
mod groups;
mod leading;
mod lifecycle;
mod message;
mod metadata_log;
mod model;
mod mutations;
mod network;
mod node;
mod operations;
mod partition;
mod peace;
mod plan;
mod process;
mod quorum;
mod records;
mod search;
mod shadow;
mod shape;
mod shrink;
mod tests;
mod world;
