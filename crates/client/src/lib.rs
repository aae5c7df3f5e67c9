//! Our own Kafka client (a crate because broker and client must not know each other).

pub mod admin;
mod cluster;
pub mod config;
mod consumer;
mod error;
mod net;
mod producer;
mod random;

pub use admin::Admin;
pub use cluster::{Metadata, Node, PartitionMetadata, TopicMetadata};
pub use config::{ClientConfig, ConfigError, ConsumerConfig, ProducerConfig, Properties};
pub use consumer::{
    Consumer, ConsumerRecord, ConsumerRecords, EARLIEST_TIMESTAMP, LATEST_TIMESTAMP, ListedOffset,
    OffsetAndMetadata, RebalanceListener, TimestampType, TopicMatcher, Waker,
};
pub use error::{Error, Result};
pub use net::{Answer, VersionRange, VersionTable};
pub use producer::{
    Delivery, Partitioner, PartitionerKind, Producer, ProducerRecord, RecordAck, murmur2,
};

use std::fmt;
use std::sync::Arc;

/// A partition by its topic's name, the way Kafka's tools print it: `topic-0`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct TopicPartition {
    pub topic: Arc<str>,
    pub partition: i32,
}

impl TopicPartition {
    /// The partition `partition` of `topic`.
    pub fn new(topic: impl Into<Arc<str>>, partition: i32) -> Self {
        Self { topic: topic.into(), partition }
    }
}

impl fmt::Display for TopicPartition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.topic, self.partition)
    }
}
