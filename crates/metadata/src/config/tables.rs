//! The tables themselves: facts of Apache Kafka 4.4.0, sentences of our own.

use super::key::ConfigKey;

mod broker;
mod client_metrics;
mod group;
mod throttle;
mod topic;

pub(super) const TOPIC: &[&[ConfigKey]] = topic::KEYS;
pub(super) const BROKER: &[&[ConfigKey]] = broker::KEYS;
pub(super) const GROUP: &[&[ConfigKey]] = group::KEYS;
pub(super) const CLIENT_METRICS: &[&[ConfigKey]] = &[client_metrics::KEYS];
pub(super) const THROTTLE: &[&[ConfigKey]] = &[throttle::KEYS];
