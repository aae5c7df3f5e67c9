//! A whole quorum in one thread: real machines on a simulated clock, network and disk that fail.
//!
//! A seed decides the cluster, the faults and every delay; the same seed gives the same history.
//! `SEED=n cargo test -p raft seeds_hold -- --nocapture` replays and tells one;
//! `SEEDS=n` runs so many.

mod check;
mod disk;
mod network;
mod shell;
mod story;
mod tests;
mod world;
