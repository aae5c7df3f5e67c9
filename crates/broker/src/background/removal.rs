//! Files and folders that are no part of any log, until their time to go has come.

use crate::partition::{Partition, Partitions};
use log::{RealDisk, Retired};
use std::sync::Arc;
use types::TimestampMs;

/// Files that retention has taken out of logs.
#[derive(Debug, Default)]
pub(super) struct Removals {
    files: Vec<Retired>,
}

impl Removals {
    pub(super) fn add_files(&mut self, retired: Retired) {
        if !retired.paths.is_empty() {
            self.files.push(retired);
        }
    }

    /// Removes what is due; what cannot be removed is tried again.
    pub(super) fn remove_due(&mut self, partitions: &Partitions, now: TimestampMs) {
        self.files.retain(|retired| {
            retired.due > now || !is_done("remove files", retired.remove(&RealDisk))
        });
        for directory in partitions.directories().online() {
            for aside in directory.take_due(now) {
                if !is_done("remove a folder", directory.remove(&aside.path)) {
                    directory.bring_back(aside);
                }
            }
        }
    }
}

/// Renames the folders of deleted partitions, so that topics of the same name can follow.
pub(super) fn put_aside(deleted: Vec<Arc<Partition>>) {
    for partition in deleted {
        partition.cancel_move();
        let topic = &partition.topic;
        let delay_ms = topic.rules.load().log.file_delete_delay_ms;
        let retired =
            partition.directory().retire(&topic.name, topic.id, partition.index, delay_ms);
        if let Err(error) = retired {
            tracing::error!(?partition, %error, "cannot put a log aside");
        }
    }
}

fn is_done<E: std::fmt::Display>(what: &str, result: Result<(), E>) -> bool {
    if let Err(error) = &result {
        tracing::warn!(%error, "cannot {what}");
    }
    result.is_ok()
}
