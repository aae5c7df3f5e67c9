//! The threads on which fetchers run, where writing to a log may block.
//!
//! Which of the connections to its leader a fetcher has says on which thread it runs: what is slow
//! on one (a directory, many records) does not keep those on the others waiting. All leaders share
//! them, so that a large cluster costs no more threads than a small one.

use std::collections::BTreeMap;
use std::io;
use std::thread::{self, JoinHandle};
use tokio::runtime::{Builder, Handle};
use tokio::sync::watch;

/// The connection whose fetchers run where the dispatcher does.
const FIRST: u32 = 0;

#[derive(Debug)]
pub(super) struct Threads {
    stopping: watch::Receiver<bool>,
    others: BTreeMap<u32, (Handle, JoinHandle<()>)>,
}

impl Threads {
    pub fn new(stopping: watch::Receiver<bool>) -> Self {
        Self { stopping, others: BTreeMap::new() }
    }

    /// The runtime of a connection's thread, which is started for the first that needs it. Where the
    /// system has no thread left, the caller's does the work.
    pub fn of(&mut self, connection: u32) -> Handle {
        if connection == FIRST {
            return Handle::current();
        }
        if let Some((runtime, _)) = self.others.get(&connection) {
            return runtime.clone();
        }
        match start(connection, self.stopping.clone()) {
            Ok((runtime, thread)) => {
                self.others.insert(connection, (runtime.clone(), thread));
                runtime
            }
            Err(error) => {
                tracing::warn!(%error, "no thread to follow leaders on; the first has to do");
                Handle::current()
            }
        }
    }

    /// Waits for the end of all, which the server's stop brings.
    pub fn joined(self) {
        for (_, thread) in self.others.into_values() {
            if thread.join().is_err() {
                tracing::error!("a thread that follows leaders panicked");
            }
        }
    }
}

fn start(
    connection: u32,
    mut stopping: watch::Receiver<bool>,
) -> io::Result<(Handle, JoinHandle<()>)> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let handle = runtime.handle().clone();
    let until_stopped = async move {
        // whoever would say so may have gone without a word
        let _ = stopping.wait_for(|stop| *stop).await;
    };
    let thread = thread::Builder::new().name(format!("klamm-replicas-{connection}"));
    Ok((handle, thread.spawn(move || runtime.block_on(until_stopped))?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;
    use tokio::sync::oneshot;

    #[test]
    fn a_connection_that_blocks_does_not_hold_up_those_of_other_threads() {
        let here = Builder::new_current_thread().build().expect("a runtime");
        let (stop, stopping) = watch::channel(false);
        let mut threads = Threads::new(stopping);
        here.block_on(async {
            let (unblock, blocked) = mpsc::channel::<()>();
            let slow = threads.of(1).spawn(async move { blocked.recv() });
            let (done, is_done) = oneshot::channel();
            threads.of(2).spawn(async move { done.send(()) });
            is_done.await.expect("the other thread goes on");
            drop(unblock);
            assert!(slow.await.expect("it has not panicked").is_err(), "nothing was sent");
        });
        stop.send_replace(true);
        threads.joined();
    }
}
