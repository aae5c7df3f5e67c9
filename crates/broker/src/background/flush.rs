//! Syncs what `flush.ms` or a closed segment asks for, without holding a log meanwhile.

use crate::partition::{Partition, now};
use log::LogError;
use std::sync::Arc;

pub(super) fn flush_due(partitions: &[Arc<Partition>]) {
    for partition in partitions {
        if let Err(error) = flush_if_due(partition) {
            tracing::error!(?partition, %error, "cannot flush a log");
        }
    }
}

fn flush_if_due(partition: &Partition) -> Result<(), LogError> {
    let job = match partition.log_if_open() {
        Some(mut log) if log.is_flush_due(now()) => log.begin_flush(now())?,
        Some(_) | None => return Ok(()),
    };
    let flushed = job.run();
    match (flushed, partition.log_if_open()) {
        (Ok(flushed), Some(mut log)) => log.end_flush(flushed),
        (Err(failed), Some(mut log)) => {
            if log.flush_failed(&failed) {
                return Err(failed.error.into());
            }
        }
        (Ok(_) | Err(_), None) => {}
    }
    Ok(())
}
