//! What a group shard promises: scenarios, chance, and Kafka's own log.

mod bench;
mod classic;
mod golden_log;
mod offsets;
mod simulation;
mod static_members;
