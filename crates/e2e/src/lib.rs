//! Real processes against real third-party clients (a crate because its tests need everything).
//!
//! The tests are in `tests/`; this library starts the processes: Klamm, Apache Kafka, and programs
//! in Java, JavaScript, Python and Go. Every process is a child that ends with its handle.

pub mod checker;
mod classes;
pub mod clock;
pub mod cluster;
pub mod faults;
pub mod flights;
pub mod folders;
pub mod instance;
pub mod java;
pub mod kafka;
pub mod klamm;
pub mod netns;
pub mod nodes;
pub mod ports;
pub mod process;
pub mod raw;
pub mod runtimes;
pub mod tutorial;
pub mod wait;
pub mod workload;

pub use cluster::Cluster;
pub use kafka::Kafka;
pub use klamm::Klamm;
pub use nodes::{Node, Product};
