//! Every config key of Kafka 4.4 as a typed table: what a key takes, its default, where it may be
//! set, whether it has an effect here, and what a broken rule says to the person who reads it.

mod address;
mod allowed;
mod describe;
mod group_bounds;
mod key;
mod layers;
mod nearest;
mod properties;
mod server;
mod table;
mod tables;
mod topic;
mod topic_rules;
mod value;

pub use allowed::Allowed;
pub use describe::{
    Entry, describe_broker, describe_broker_default, describe_client_metrics, describe_group,
    describe_topic,
};
pub use group_bounds::GroupBounds;
pub use key::{ConfigKey, Default, Effect, Importance, Scale, Scope, Synonym};
pub use layers::{Assignments, BrokerLayers, Setting, Source, UNSET};
pub use properties::{PropertiesError, parse_properties};
pub use server::{
    Endpoint, Listeners, Notice, NoticeKind, Quorum, Roles, SecurityProtocol, ServerConfig, Voter,
};
pub use table::{BROKER, CLIENT_METRICS, GROUP, THROTTLE, TOPIC, Table};
pub use topic::{
    Cleanup, Records, Remote, Replication, Segment, TimestampType, TopicCompression, TopicConfig,
    topic_value,
};
pub use value::{ConfigError, ConfigValue, Kind};
