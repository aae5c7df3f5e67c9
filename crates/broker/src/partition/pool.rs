//! Threads for calls that block, a few for each log directory: a disk that is slow or stuck holds
//! up what needs it and nothing else.

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;
use tokio::sync::oneshot;

/// Enough to keep a disk's queue filled.
const THREADS_MAX: usize = 4;

/// A thread without work for so long ends.
const IDLE_MAX: Duration = Duration::from_secs(10);

type Job = Box<dyn FnOnce() + Send>;

/// Starts a thread that serves the queue.
type Start = fn(Arc<Shared>) -> io::Result<()>;

/// Runs jobs in the order of their coming. Waiting requests bound the queue: each waits for one.
#[derive(Clone)]
pub(crate) struct BlockingPool {
    shared: Arc<Shared>,
    start: Start,
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

impl Default for BlockingPool {
    fn default() -> Self {
        Self { shared: Arc::default(), start }
    }
}

impl BlockingPool {
    /// Runs `work` on a thread of the pool; `None` if it panicked, or if there is no thread and none
    /// can be started.
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

    /// One on a machine that has no threads left.
    #[cfg(test)]
    pub(super) fn without_threads() -> Self {
        Self { shared: Arc::default(), start: |_| Err(io::ErrorKind::OutOfMemory.into()) }
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
        if let Err(error) = (self.start)(Arc::clone(&self.shared)) {
            tracing::error!(%error, "cannot start a thread for the disk");
            self.shared.lose_thread();
        }
    }
}

fn start(shared: Arc<Shared>) -> io::Result<()> {
    thread::Builder::new().name("klamm-disk".into()).spawn(move || shared.work()).map(drop)
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

    /// A thread could not be started. Where there is no other, nobody would ever take the jobs that
    /// wait: they are dropped, and with them goes the wait for their results.
    fn lose_thread(&self) {
        let mut queue = self.queue();
        queue.threads -= 1;
        let refused = match queue.threads {
            0 => std::mem::take(&mut queue.jobs),
            _ => VecDeque::new(),
        };
        drop(queue);
        // what a job holds may want the queue when it goes
        drop(refused);
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;
    use tokio::time::timeout;

    /// Far more than anything here takes that is not stuck.
    const PATIENCE: Duration = Duration::from_secs(60);

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

    #[tokio::test]
    async fn a_job_for_which_no_thread_can_be_started_is_refused() {
        let pool = BlockingPool::without_threads();
        for _ in 0..=THREADS_MAX {
            let refused = timeout(PATIENCE, pool.run(|| 7)).await.expect("nobody will run it");
            assert_eq!(refused, None);
        }
        let pool = BlockingPool { start, ..pool };
        assert_eq!(pool.run(|| 7).await, Some(7), "there are threads again");
    }

    #[tokio::test]
    async fn a_job_for_which_no_further_thread_can_be_started_waits_for_the_ones_there_are() {
        let pool = BlockingPool::default();
        let (let_go, held) = mpsc::channel::<()>();
        let first = pool.run(move || held.recv().is_ok());
        let alone = BlockingPool { shared: pool.shared, ..BlockingPool::without_threads() };
        let second = alone.run(|| 7);
        let_go.send(()).unwrap();
        assert_eq!(timeout(PATIENCE, first).await, Ok(Some(true)));
        assert_eq!(timeout(PATIENCE, second).await, Ok(Some(7)));
    }
}
