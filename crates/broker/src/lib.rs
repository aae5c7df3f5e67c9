//! The broker's shell: connections, dispatch, one file an API (a crate because of the runtime that it walls in).

mod api;
mod background;
mod broker;
mod cluster;
mod config;
mod configs;
mod connection_limits;
pub mod controller;
mod directories;
mod dispatch;
mod effects;
mod fetch;
mod groups;
mod net;
mod node;
mod partition;
mod peer;
mod producer_ids;
mod replication;
mod settings;
mod storage;
mod telemetry;

pub use broker::{Broker, Running, StartError};
pub use configs::Loggers;
pub use net::{ListenError, ListenerSettings, SocketSettings};
pub use settings::{FetchSettings, HttpSettings, NetworkSettings, Settings};
pub use storage::StorageStartError;
