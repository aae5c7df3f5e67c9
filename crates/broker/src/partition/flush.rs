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

/// The right to sync. Wherever it is given up, ran or not, another may, and who waits looks again.
struct Turn(Arc<Partition>);

impl Turn {
    fn take(partition: &Arc<Partition>) -> Option<Self> {
        let is_taken = partition.flushing.0.swap(true, Ordering::AcqRel);
        (!is_taken).then(|| Self(Arc::clone(partition)))
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.0.flushing.0.store(false, Ordering::Release);
        self.0.moves.of(Move::Committed).wake();
    }
}

impl Partition {
    /// Returns when everything up to and with `offset` is on disk.
    ///
    /// # Errors
    /// `KAFKA_STORAGE_ERROR` when the disk fails, and those of [`Partition::log`].
    pub(crate) async fn flushed(self: &Arc<Self>, offset: Offset) -> Result<(), ErrorCode> {
        let waiter = Arc::new(Waiter::default());
        let result = self.flushed_beside(&waiter, offset).await;
        self.forget(Move::Committed, &waiter);
        result
    }

    async fn flushed_beside(
        self: &Arc<Self>,
        waiter: &Arc<Waiter>,
        offset: Offset,
    ) -> Result<(), ErrorCode> {
        loop {
            self.await_move(Move::Committed, waiter);
            if let Some((job, turn)) = self.next_flush(offset).await? {
                let run = self.directory().pool.run(move || turn.0.run_flush(job, offset));
                return run.await.unwrap_or(Err(ErrorCode::KafkaStorageError));
            }
            if self.log().await?.recovery_point() > offset {
                return Ok(());
            }
            waiter.woken().await;
        }
    }

    /// A sync to run, unless one is running or none is needed.
    async fn next_flush(
        self: &Arc<Self>,
        offset: Offset,
    ) -> Result<Option<(FlushJob<WatchedDisk>, Turn)>, ErrorCode> {
        let mut log = self.log().await?;
        if log.recovery_point() > offset {
            return Ok(None);
        }
        let Some(turn) = Turn::take(self) else { return Ok(None) };
        match log.begin_flush(now()) {
            Ok(job) => Ok(Some((job, turn))),
            Err(error) => {
                tracing::error!(partition = ?self, %error, "cannot flush a log");
                Err(error.code())
            }
        }
    }

    /// Runs to its end even if whoever began it has gone.
    fn run_flush(&self, job: FlushJob<WatchedDisk>, offset: Offset) -> Result<(), ErrorCode> {
        let flushed = job.run();
        match (flushed, self.log_if_open()) {
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
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::partition::{BlockingPool, LogDirectory, Neighbours, ReplicaTerms};
    use crate::partition::{TopicFacts, TopicRules};
    use arc_swap::ArcSwap;
    use log::{FileCache, LogDir};
    use metadata::image::PartitionState;
    use std::time::Duration;
    use tokio::time::timeout;
    use types::{DirectoryId, LeaderEpoch, NodeId, TopicId};

    const HERE: NodeId = NodeId(1);
    /// Far more than anything here takes that is not stuck.
    const PATIENCE: Duration = Duration::from_secs(60);

    /// A partition whose directory can start no thread.
    fn partition(folder: &tempfile::TempDir) -> Arc<Partition> {
        let path = folder.path().to_owned();
        let files = LogDir::open(WatchedDisk::new(path.clone()), FileCache::new(4), path).unwrap();
        let mut directory = LogDirectory::new(DirectoryId::ZERO, files).unwrap();
        directory.pool = BlockingPool::without_threads();
        let facts = TopicFacts {
            id: TopicId::from_random([7; 16]),
            name: "t".into(),
            rules: ArcSwap::from_pointee(TopicRules::default()),
        };
        let state = PartitionState {
            replicas: [HERE].into(),
            directories: [DirectoryId::ZERO].into(),
            isr: [HERE].into(),
            removing: Arc::default(),
            adding: Arc::default(),
            eligible_leaders: Arc::default(),
            last_known_leaders: Arc::default(),
            leader: HERE,
            leader_epoch: LeaderEpoch(0),
            partition_epoch: 0,
            recovering: false,
        };
        let neighbours = Neighbours::new(HERE, ReplicaTerms { lag_ms_max: 1, backoff_ms: 1 });
        let (directory, neighbours) = (Arc::new(directory), Arc::new(neighbours));
        Arc::new(Partition::new(Arc::new(facts), 0, &Arc::new(state), directory, neighbours))
    }

    #[tokio::test]
    async fn a_sync_that_could_not_be_begun_holds_up_none_behind_it() {
        let folder = tempfile::tempdir().unwrap();
        let partition = partition(&folder);
        drop(partition.open().unwrap());
        for _ in 0..2 {
            let flushed = timeout(PATIENCE, partition.flushed(Offset(0))).await;
            assert_eq!(flushed, Ok(Err(ErrorCode::KafkaStorageError)));
        }
    }
}
