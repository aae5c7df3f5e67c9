//! Threads for calls that block, a few for each log directory: a disk that is slow or stuck holds
//! up what needs it and nothing else.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;
use tokio::sync::oneshot;

/// Enough to keep a disk's queue filled.
const THREADS_MAX: usize = 4;

/// A thread without work for so long ends.
const IDLE_MAX: Duration = Duration::from_secs(10);

type Job = Box<dyn FnOnce() + Send>;

/// Runs jobs in the order of their coming. Waiting requests bound the queue: each waits for one.
#[derive(Clone, Default)]
pub(crate) struct BlockingPool {
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    queue: Mutex<Queue>,
    filled: Condvar,
}

#[derive(Default)]
struct Queue {
    jobs: VecDeque<Job>,
    threads: usize,
    idle: usize,
}

impl std::fmt::Debug for BlockingPool {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("BlockingPool").finish_non_exhaustive()
    }
}

impl BlockingPool {
    /// Runs `work` on a thread of the pool; `None` if it panicked.
    pub(crate) fn run<T, F>(&self, work: F) -> impl Future<Output = Option<T>> + use<T, F>
    where
        T: Send + 'static,
        F: FnOnce() -> T + Send + 'static,
    {
        let (done, result) = oneshot::channel();
        self.submit(Box::new(move || {
            // Whoever asked may have gone away.
            let _ = done.send(work());
        }));
        async { result.await.ok() }
    }

    fn submit(&self, job: Job) {
        let mut queue = self.shared.queue();
        queue.jobs.push_back(job);
        if queue.idle >= queue.jobs.len() || queue.threads >= THREADS_MAX {
            drop(queue);
            self.shared.filled.notify_one();
            return;
        }
        queue.threads += 1;
        drop(queue);
        let shared = Arc::clone(&self.shared);
        let started = thread::Builder::new().name("klamm-disk".into()).spawn(move || shared.work());
        if let Err(error) = started {
            tracing::error!(%error, "cannot start a thread for the disk");
            self.shared.queue().threads -= 1;
        }
    }
}

impl Shared {
    fn work(&self) {
        while let Some(job) = self.next() {
            let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(job));
            if outcome.is_err() {
                tracing::error!("a job of the disk panicked");
            }
        }
    }

    fn next(&self) -> Option<Job> {
        let mut queue = self.queue();
        loop {
            if let Some(job) = queue.jobs.pop_front() {
                return Some(job);
            }
            queue.idle += 1;
            let (woken, timeout) =
                self.filled.wait_timeout(queue, IDLE_MAX).unwrap_or_else(PoisonError::into_inner);
            queue = woken;
            queue.idle -= 1;
            if timeout.timed_out() && queue.jobs.is_empty() {
                queue.threads -= 1;
                return None;
            }
        }
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn jobs_run_and_a_panic_takes_none_with_it() {
        let pool = BlockingPool::default();
        assert_eq!(pool.run(|| 7).await, Some(7));
        assert_eq!(pool.run(|| -> i32 { panic!("a job fails on purpose") }).await, None);
        let many: Vec<_> = (0..100).map(|number| pool.run(move || number)).collect();
        for (expected, job) in many.into_iter().enumerate() {
            assert_eq!(job.await, Some(expected));
        }
    }
}
