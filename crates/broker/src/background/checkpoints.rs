//! The checkpoint files of each directory: how far each log is on disk, where it begins, how far
//! it is replicated.

use crate::partition::{LogDirectory, Partition, Partitions};
use log::{Collected, LogError};
use std::sync::Arc;

pub(super) fn store(partitions: &Partitions) {
    let all = partitions.all();
    for directory in partitions.directories().online() {
        if let Err(error) = store_of(directory, &all) {
            tracing::error!(path = %directory.path.display(), %error, "cannot write checkpoints");
        }
    }
}

/// Writes what the open logs of a directory have to say; the closed ones keep what stands there.
pub(super) fn store_of(
    directory: &Arc<LogDirectory>,
    partitions: &[Arc<Partition>],
) -> Result<(), LogError> {
    directory.store_checkpoints(|| collect(directory, partitions))
}

fn collect(directory: &Arc<LogDirectory>, partitions: &[Arc<Partition>]) -> Collected {
    let mut collected = Collected::default();
    let is_here = |partition: &Partition| Arc::ptr_eq(&partition.directory(), directory);
    for partition in partitions.iter().filter(|partition| is_here(partition)) {
        // looked at again under the lock: it may have moved
        let log = partition.log_if_open().filter(|_| is_here(partition));
        let Some(log) = log else { continue };
        let key = (partition.topic.name.to_string(), types::Partition(partition.index));
        let ends = log.ends();
        collected.recovery_points.insert(key.clone(), log.recovery_point());
        collected.start_offsets.insert(key.clone(), ends.log_start);
        collected.high_watermarks.insert(key, ends.high_watermark);
    }
    collected
}
