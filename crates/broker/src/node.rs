//! What every request handler shares: this node's rooms, built once at the start.

use crate::controller::Authority;
use crate::fetch::Sessions;
use crate::groups::Groups;
use crate::partition::Partitions;
use crate::producer_ids::ProducerIds;
use crate::settings::Settings;
use crate::telemetry::Metrics;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use tokio::sync::watch;

#[derive(Debug)]
pub(crate) struct Node {
    pub settings: Arc<Settings>,
    pub cluster_id: String,
    pub controller: Authority,
    pub partitions: Arc<Partitions>,
    pub producer_ids: ProducerIds,
    pub groups: Arc<Groups>,
    pub fetch_sessions: Sessions,
    pub metrics: Metrics,
    /// Turns true when the server begins to stop: whoever waits for long ends its wait.
    pub stopping: watch::Receiver<bool>,
    /// Whether requests are served.
    pub ready: AtomicBool,
}
