//! The broker's shell: connections, dispatch, one file an API (a crate because of the runtime that it walls in).

mod api;
mod broker;
mod config;
pub mod controller;
mod dispatch;
mod net;
mod node;
mod settings;
mod telemetry;

pub use broker::{Broker, Running, StartError};
pub use net::{ConnectionLimits, ListenError, ListenerSettings, SocketSettings};
pub use settings::{NetworkSettings, Settings};
