//! Keys of topics, by what they are about.

use crate::config::key::ConfigKey;

mod log;
mod replication;
mod retention;

pub(in crate::config) const KEYS: &[&[ConfigKey]] =
    &[log::KEYS, replication::KEYS, retention::KEYS];
