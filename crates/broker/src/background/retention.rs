//! Takes old records out of logs and forgets silent producers.

use super::removal::Removals;
use crate::partition::{Partition, now};
use std::sync::Arc;
use types::ErrorCode;

/// Logs that have files are opened for it: what nobody reads grows old too.
pub(super) fn apply(partitions: &[Arc<Partition>], removals: &mut Removals) {
    for partition in partitions {
        if let Err(code) = apply_to(partition, removals) {
            tracing::warn!(?partition, code = code.name(), "retention has to wait");
        }
    }
}

fn apply_to(partition: &Arc<Partition>, removals: &mut Removals) -> Result<(), ErrorCode> {
    let has_files = || partition.directory().log_bytes(&partition.topic.name, partition.index) > 0;
    if partition.log_if_open().is_none() && !has_files() {
        return Ok(());
    }
    let mut log = partition.open()?;
    let high_watermark = log.ends().high_watermark;
    let retired = log.apply_retention(high_watermark, now()).map_err(|error| {
        tracing::error!(?partition, %error, "cannot apply retention");
        error.code()
    })?;
    log.expire_producers(now());
    log.publish();
    removals.add_files(retired);
    Ok(())
}
