//! What operators see: counters that cost the hot path nanoseconds, and the HTTP port that shows them.

mod connections;
mod exposition;
mod http;
mod requests;
mod shards;

pub(crate) use connections::ConnectionMetrics;
pub(crate) use http::{HttpServer, serve};
pub(crate) use requests::RequestMetrics;

use exposition::Exposition;

/// Everything that is counted.
#[derive(Debug, Default)]
pub(crate) struct Metrics {
    pub requests: RequestMetrics,
    pub connections: ConnectionMetrics,
}

impl Metrics {
    /// All metrics in Prometheus' text format, version 0.0.4.
    pub(crate) fn render(&self) -> String {
        let mut page = Exposition::default();
        self.requests.render(&mut page);
        self.connections.render(&mut page);
        page.finish()
    }
}
