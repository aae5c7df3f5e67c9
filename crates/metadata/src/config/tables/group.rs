//! Keys of groups, by what they are about.

use crate::config::key::ConfigKey;

mod consumer;
mod share;
mod streams;

pub(in crate::config) const KEYS: &[&[ConfigKey]] = &[consumer::KEYS, share::KEYS, streams::KEYS];
