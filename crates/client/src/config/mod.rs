//! Settings by Kafka's names, typed: what a client may be told, its defaults and its bounds.

mod common;
mod consumer;
mod producer;
mod properties;
mod settings;

pub use common::ClientConfig;
pub use consumer::{AssignorKind, ConsumerConfig, IsolationLevel, OffsetReset, parse_iso_duration};
pub use producer::{Acks, ProducerConfig};
pub use properties::{Properties, PropertiesError};
pub use settings::ConfigError;
