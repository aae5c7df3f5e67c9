//! What operators see: counters that cost the hot path nanoseconds, and the HTTP port that shows them.

mod cluster;
mod connections;
mod exposition;
mod groups;
mod http;
mod requests;
mod shards;

pub(crate) use connections::ConnectionMetrics;
pub(crate) use http::{HttpServer, serve};
pub(crate) use requests::RequestMetrics;

use crate::node::Node;
use exposition::Exposition;
use groups::GroupMetrics;
use std::sync::Arc;

/// Everything that is counted.
#[derive(Debug, Default)]
pub(crate) struct Metrics {
    pub requests: RequestMetrics,
    pub connections: ConnectionMetrics,
    pub groups: GroupMetrics,
}

/// All metrics in Prometheus' text format, version 0.0.4.
pub(crate) async fn render(node: Arc<Node>) -> String {
    let by_state = node.groups.by_state().await;
    let mut page = Exposition::default();
    page.family("klamm_build_info", "gauge", "Always 1, with the version.");
    page.sample("klamm_build_info", &[("version", env!("CARGO_PKG_VERSION"))], 1);
    node.metrics.requests.render(&mut page);
    node.metrics.connections.render(&mut page);
    node.metrics.groups.render(&mut page, &by_state);
    cluster::render_partitions(&mut page, &node.controller.image(), node.settings.node_id);
    // a volume that hangs must not hold up the accepting of connections
    let volumes = tokio::task::spawn_blocking(move || {
        let mut page = Exposition::default();
        cluster::render_directories(&mut page, &node);
        page.finish()
    });
    let mut text = page.finish();
    text.push_str(&volumes.await.unwrap_or_default());
    text
}
