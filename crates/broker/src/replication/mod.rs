//! Replication between brokers: followers fetch from leaders, leaders tell the controller who is in
//! sync.
//!
//! ```text
//!  image ──▶ Partitions ──moved──▶ Dispatcher ──orders──▶ Fetcher of a leader's broker ──Fetch──▶
//!                │                                          │
//!                │◀───────────── records, watermark ────────┘
//!                └──proposals──▶ keep_in_sync ──AlterPartition──▶ controller
//! ```
//!
//! Fetchers live on threads of their own, where writing to a log may block.

mod dispatcher;
mod fetcher;
mod in_sync;
mod leader_ends;
mod orders;
mod session;
mod settings;
#[cfg(test)]
mod tests;
mod threads;

pub(crate) use in_sync::keep_in_sync;

use crate::node::Node;
use dispatcher::Dispatcher;
use std::io;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use types::TopicId;

/// A partition as fetchers name it.
type Key = (TopicId, i32);

/// The thread on which it is seen to that partitions are followed.
#[derive(Debug)]
pub(crate) struct Fetchers {
    thread: JoinHandle<()>,
}

impl Fetchers {
    /// Follows what the image says, until the server stops.
    pub(crate) fn start(node: &Arc<Node>) -> io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let dispatcher = Dispatcher::new(Arc::clone(node));
        let thread = thread::Builder::new().name("klamm-replicas".into());
        Ok(Self { thread: thread.spawn(move || runtime.block_on(dispatcher.run()))? })
    }

    /// Waits for the end of the thread, which the server's stop brings.
    pub(crate) fn joined(self) {
        if self.thread.join().is_err() {
            tracing::error!("the thread that follows leaders panicked");
        }
    }
}
