//! Keys of brokers, by what they are about.

use crate::config::key::ConfigKey;

mod general;
mod group;
mod group_consumer;
mod group_share;
mod group_streams;
mod kraft;
mod log;
mod network;
mod oauth;
mod quota;
mod replication;
mod sasl;
mod segment;
mod tiered;
mod tls;
mod transaction;

pub(in crate::config) const KEYS: &[&[ConfigKey]] = &[
    general::KEYS,
    group::KEYS,
    group_consumer::KEYS,
    group_share::KEYS,
    group_streams::KEYS,
    kraft::KEYS,
    log::KEYS,
    network::KEYS,
    oauth::KEYS,
    quota::KEYS,
    replication::KEYS,
    sasl::KEYS,
    segment::KEYS,
    tiered::KEYS,
    tls::KEYS,
    transaction::KEYS,
];
