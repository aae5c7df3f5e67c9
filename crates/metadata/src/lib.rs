//! The cluster's state as a pure machine: commands decide records, records make the image (a crate for its stricter law: no clock, no I/O, no lock).

pub mod config;
pub mod decide;
pub mod features;
pub mod format;
pub mod image;
mod metadata_version;
pub mod placement;
mod random;
mod sessions;
mod topic_name;

pub use metadata_version::{MetadataVersion, UnknownRelease};
pub use random::Seeded;
pub use sessions::{BrokerRun, SessionTimeouts, Sessions};
pub use topic_name::{
    CLUSTER_METADATA_TOPIC, INTERNAL_TOPICS, InvalidTopicName, TOPIC_NAME_CHARS_MAX,
    check_topic_name, collision_form, is_internal_topic,
};
