//! The compatibility table: one numbered file for each API that this server answers.

#[path = "18_api_versions.rs"]
pub(crate) mod api_versions;

use crate::dispatch;
use wire::{ApiKey, VersionRange};

/// The versions of an API that this server answers; `None` if it does not answer it.
pub(crate) fn versions(api: ApiKey) -> Option<VersionRange> {
    api.stable_versions().filter(|_| dispatch::ROUTED.contains(&api))
}
