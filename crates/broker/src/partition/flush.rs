//! `flush.messages`: an acknowledgement that waits for stable storage, off the reactor.
//!
//! One sync at a time runs for a partition, on its directory's pool; everyone who appended before
//! it began is served by it, and whoever comes meanwhile shares the next one.

use super::{Move, Partition, Waiter, now};
use log::{FlushJob, WatchedDisk};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use types::{ErrorCode, Offset};

/// Whether a sync of the partition is running.
#[derive(Debug, Default)]
pub(super) struct Flushing(AtomicBool);

impl Partition {
    /// Returns when everything up to and with `offset` is on disk.
    ///
    /// # Errors
    /// `KAFKA_STORAGE_ERROR` when the disk fails, and those of [`Partition::log`].
    pub(crate) async fn flushed(self: &Arc<Self>, offset: Offset) -> Result<(), ErrorCode> {
        let waiter = Arc::new(Waiter::default());
        loop {
            self.await_move(Move::Committed, &waiter);
            if let Some(job) = self.next_flush(offset).await? {
                let partition = Arc::clone(self);
                let run = self.directory().pool.run(move || partition.run_flush(job, offset));
                self.forget(Move::Committed, &waiter);
                return run.await.unwrap_or(Err(ErrorCode::KafkaStorageError));
            }
            if self.log().await?.recovery_point() > offset {
                self.forget(Move::Committed, &waiter);
                return Ok(());
            }
            waiter.woken().await;
        }
    }

    /// A sync to run, unless one is running or none is needed.
    async fn next_flush(
        self: &Arc<Self>,
        offset: Offset,
    ) -> Result<Option<FlushJob<WatchedDisk>>, ErrorCode> {
        let mut log = self.log().await?;
        if log.recovery_point() > offset || self.flushing.0.swap(true, Ordering::AcqRel) {
            return Ok(None);
        }
        match log.begin_flush(now()) {
            Ok(job) => Ok(Some(job)),
            Err(error) => {
                self.flushing.0.store(false, Ordering::Release);
                tracing::error!(partition = ?self, %error, "cannot flush a log");
                Err(error.code())
            }
        }
    }

    /// Runs to its end even if whoever began it has gone.
    fn run_flush(&self, job: FlushJob<WatchedDisk>, offset: Offset) -> Result<(), ErrorCode> {
        let flushed = job.run();
        let result = match (flushed, self.log_if_open()) {
            (Ok(flushed), Some(mut log)) => {
                log.end_flush(flushed);
                Ok(())
            }
            (Err(failed), Some(mut log)) => {
                if log.flush_failed(&failed) {
                    tracing::error!(partition = ?self, error = %failed.error, "cannot flush a log");
                    Err(ErrorCode::KafkaStorageError)
                } else if log.recovery_point() > offset {
                    // it has moved, and was synced on its way
                    Ok(())
                } else {
                    Err(ErrorCode::NotLeaderOrFollower)
                }
            }
            (Ok(_) | Err(_), None) => Err(ErrorCode::NotLeaderOrFollower),
        };
        self.flushing.0.store(false, Ordering::Release);
        self.moves.of(Move::Committed).wake();
        result
    }
}
