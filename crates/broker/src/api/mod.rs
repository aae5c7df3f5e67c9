//! The compatibility table: one numbered file for each API that this server answers.

#[path = "18_api_versions.rs"]
pub(crate) mod api_versions;
#[path = "21_delete_records.rs"]
pub(crate) mod delete_records;
#[path = "35_describe_log_dirs.rs"]
pub(crate) mod describe_log_dirs;
#[path = "61_describe_producers.rs"]
pub(crate) mod describe_producers;
#[path = "01_fetch.rs"]
pub(crate) mod fetch;
#[path = "02_list_offsets.rs"]
pub(crate) mod list_offsets;
#[path = "03_metadata.rs"]
pub(crate) mod metadata;
#[path = "23_offset_for_leader_epoch.rs"]
pub(crate) mod offset_for_leader_epoch;
#[path = "00_produce.rs"]
pub(crate) mod produce;

use crate::dispatch;
use wire::{ApiKey, VersionRange};

/// The versions of an API that this server answers; `None` if it does not answer it.
pub(crate) fn versions(api: ApiKey) -> Option<VersionRange> {
    api.stable_versions().filter(|_| dispatch::ADVERTISED.contains(&api))
}
