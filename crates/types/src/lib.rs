//! The vocabulary: ids, limits and Kafka's error codes (a crate because every other one needs it and nothing else).

mod error_code;
mod id;
mod instant;
pub mod java_hash;
mod uuid;

pub use error_code::ErrorCode;
pub use id::{
    BrokerEpoch, LeaderEpoch, NodeId, Offset, Partition, PartitionEpoch, ProducerEpoch, ProducerId,
    Sequence, TimestampMs,
};
pub use instant::Instant;
pub use uuid::{DirectoryId, ParseUuidError, TopicId, Uuid};
