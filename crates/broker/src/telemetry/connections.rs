//! Connections opened and closed.

use super::exposition::Exposition;
use std::sync::atomic::{AtomicU64, Ordering};

#[derive(Debug, Default)]
pub(crate) struct ConnectionMetrics {
    opened: AtomicU64,
    closed: AtomicU64,
}

impl ConnectionMetrics {
    pub(crate) fn opened(&self) {
        self.opened.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn closed(&self) {
        self.closed.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn render(&self, page: &mut Exposition) {
        let closed = self.closed.load(Ordering::Relaxed);
        let opened = self.opened.load(Ordering::Relaxed);
        page.family("klamm_connections_opened_total", "counter", "Connections accepted.");
        page.sample("klamm_connections_opened_total", &[], opened);
        page.family("klamm_connections_open", "gauge", "Connections that are open.");
        page.sample("klamm_connections_open", &[], opened.saturating_sub(closed));
    }
}
