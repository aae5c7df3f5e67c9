//! What every request handler shares: this node's rooms, built once at the start.

use crate::settings::Settings;
use crate::telemetry::Metrics;
use std::sync::atomic::AtomicBool;
use tokio::sync::watch;

#[derive(Debug)]
pub(crate) struct Node {
    pub settings: Settings,
    pub metrics: Metrics,
    /// Turns true when the server begins to stop: whoever waits for long ends its wait.
    pub stopping: watch::Receiver<bool>,
    /// Whether requests are served.
    pub ready: AtomicBool,
}
