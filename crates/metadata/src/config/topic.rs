//! A topic's configs, resolved from everything that sets them into one typed value.

use super::key::ConfigKey;
use super::layers::{Assignments, BrokerLayers};
use super::table::TOPIC;
use super::topic_rules::check_together;
use super::value::{ConfigError, ConfigValue};

/// What holds for one topic, whoever said so.
#[derive(Debug, Clone, PartialEq)]
pub struct TopicConfig {
    pub cleanup: Cleanup,
    pub segment: Segment,
    pub records: Records,
    pub replication: Replication,
    pub remote: Remote,
}

/// When records go.
#[derive(Debug, Clone, PartialEq)]
pub struct Cleanup {
    /// `cleanup.policy` contains `delete`.
    pub delete: bool,
    /// `cleanup.policy` contains `compact`.
    pub compact: bool,
    /// `retention.ms`; -1 keeps records for ever.
    pub retention_ms: i64,
    /// `retention.bytes`; -1 sets no bound.
    pub retention_bytes: i64,
    pub delete_retention_ms: i64,
    pub file_delete_delay_ms: i64,
    pub min_compaction_lag_ms: i64,
    pub max_compaction_lag_ms: i64,
    pub min_cleanable_dirty_ratio: f64,
}

/// How the log is cut into files and forced to disk.
#[derive(Debug, Clone, PartialEq)]
pub struct Segment {
    /// `internal.segment.bytes` if it is set, else `segment.bytes`.
    pub bytes: i32,
    pub ms: i64,
    pub jitter_ms: i64,
    pub index_bytes: i32,
    pub index_interval_bytes: i32,
    pub flush_messages: i64,
    pub flush_ms: i64,
    pub preallocate: bool,
}

/// What records look like.
#[derive(Debug, Clone, PartialEq)]
pub struct Records {
    pub compression: TopicCompression,
    pub timestamp_type: TimestampType,
    pub timestamp_before_max_ms: i64,
    pub timestamp_after_max_ms: i64,
    pub max_message_bytes: i32,
    pub max_decompressed_bytes: i32,
}

/// `compression.type`, with the level of that codec.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TopicCompression {
    /// As the producer chose.
    Producer,
    Uncompressed,
    /// -1 is the library's default.
    Gzip(i32),
    Snappy,
    Lz4(i32),
    Zstd(i32),
}

/// `message.timestamp.type`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimestampType {
    CreateTime,
    LogAppendTime,
}

/// Who must have a record.
#[derive(Debug, Clone, PartialEq)]
pub struct Replication {
    pub min_insync_replicas: i32,
    pub unclean_leader_election: bool,
    pub leader_throttled_replicas: Vec<String>,
    pub follower_throttled_replicas: Vec<String>,
    pub dead_letter_queue: bool,
}

/// The remote tier.
#[derive(Debug, Clone, PartialEq)]
pub struct Remote {
    pub enabled: bool,
    pub copy_disabled: bool,
    pub delete_on_disable: bool,
    /// -2 takes `retention.ms`.
    pub local_retention_ms: i64,
    /// -2 takes `retention.bytes`.
    pub local_retention_bytes: i64,
    pub copy_lag_ms: i64,
    pub copy_lag_bytes: i64,
}

impl TopicConfig {
    /// What holds for a topic with these overrides on a broker with these layers.
    ///
    /// # Errors
    /// If one value is not valid, or two contradict each other.
    pub fn resolve(own: &Assignments, layers: BrokerLayers<'_>) -> Result<Self, ConfigError> {
        let found = Found { own, layers };
        let config = Self {
            cleanup: found.cleanup()?,
            segment: found.segment()?,
            records: found.records()?,
            replication: found.replication()?,
            remote: found.remote()?,
        };
        check_together(&config)?;
        Ok(config)
    }
}

/// The value of one topic key, its own or the broker's.
///
/// # Errors
/// If what is set is not valid.
pub fn topic_value(
    key: &ConfigKey,
    own: &Assignments,
    layers: BrokerLayers<'_>,
) -> Result<ConfigValue, ConfigError> {
    match own.get(key.name) {
        Some(text) => key.parse(text),
        None => layers.inherited(key),
    }
}

/// Typed access to the keys of one topic.
struct Found<'a> {
    own: &'a Assignments,
    layers: BrokerLayers<'a>,
}

impl Found<'_> {
    fn cleanup(&self) -> Result<Cleanup, ConfigError> {
        let policy = self.list("cleanup.policy")?;
        Ok(Cleanup {
            delete: policy.iter().any(|word| word == "delete"),
            compact: policy.iter().any(|word| word == "compact"),
            retention_ms: self.long("retention.ms")?.max(-1),
            retention_bytes: self.long("retention.bytes")?,
            delete_retention_ms: self.long("delete.retention.ms")?,
            file_delete_delay_ms: self.long("file.delete.delay.ms")?,
            min_compaction_lag_ms: self.long("min.compaction.lag.ms")?,
            max_compaction_lag_ms: self.long("max.compaction.lag.ms")?,
            min_cleanable_dirty_ratio: self.double("min.cleanable.dirty.ratio")?,
        })
    }

    fn segment(&self) -> Result<Segment, ConfigError> {
        let bytes = match self.value("internal.segment.bytes")? {
            ConfigValue::Int(bytes) => bytes,
            ConfigValue::Null
            | ConfigValue::Boolean(_)
            | ConfigValue::String(_)
            | ConfigValue::Short(_)
            | ConfigValue::Long(_)
            | ConfigValue::Double(_)
            | ConfigValue::List(_)
            | ConfigValue::Class(_)
            | ConfigValue::Password(_) => self.int("segment.bytes")?,
        };
        Ok(Segment {
            bytes,
            ms: self.long("segment.ms")?,
            jitter_ms: self.long("segment.jitter.ms")?,
            index_bytes: self.int("segment.index.bytes")?,
            index_interval_bytes: self.int("index.interval.bytes")?,
            flush_messages: self.long("flush.messages")?,
            flush_ms: self.long("flush.ms")?,
            preallocate: self.boolean("preallocate")?,
        })
    }

    fn records(&self) -> Result<Records, ConfigError> {
        let timestamp_type = self.string("message.timestamp.type")?;
        Ok(Records {
            compression: self.compression()?,
            timestamp_type: match timestamp_type.as_str() {
                "LogAppendTime" => TimestampType::LogAppendTime,
                _ => TimestampType::CreateTime,
            },
            timestamp_before_max_ms: self.long("message.timestamp.before.max.ms")?,
            timestamp_after_max_ms: self.long("message.timestamp.after.max.ms")?,
            max_message_bytes: self.int("max.message.bytes")?,
            max_decompressed_bytes: self.int("max.decompressed.message.bytes")?,
        })
    }

    fn compression(&self) -> Result<TopicCompression, ConfigError> {
        let gzip = self.int("compression.gzip.level")?;
        let lz4 = self.int("compression.lz4.level")?;
        let zstd = self.int("compression.zstd.level")?;
        Ok(match self.string("compression.type")?.as_str() {
            "uncompressed" => TopicCompression::Uncompressed,
            "gzip" => TopicCompression::Gzip(gzip),
            "snappy" => TopicCompression::Snappy,
            "lz4" => TopicCompression::Lz4(lz4),
            "zstd" => TopicCompression::Zstd(zstd),
            _ => TopicCompression::Producer,
        })
    }

    fn replication(&self) -> Result<Replication, ConfigError> {
        Ok(Replication {
            min_insync_replicas: self.int("min.insync.replicas")?,
            unclean_leader_election: self.boolean("unclean.leader.election.enable")?,
            leader_throttled_replicas: self.list("leader.replication.throttled.replicas")?,
            follower_throttled_replicas: self.list("follower.replication.throttled.replicas")?,
            dead_letter_queue: self.boolean("errors.deadletterqueue.group.enable")?,
        })
    }

    fn remote(&self) -> Result<Remote, ConfigError> {
        Ok(Remote {
            enabled: self.boolean("remote.storage.enable")?,
            copy_disabled: self.boolean("remote.log.copy.disable")?,
            delete_on_disable: self.boolean("remote.log.delete.on.disable")?,
            local_retention_ms: self.long("local.retention.ms")?,
            local_retention_bytes: self.long("local.retention.bytes")?,
            copy_lag_ms: self.long("remote.copy.lag.ms")?,
            copy_lag_bytes: self.long("remote.copy.lag.bytes")?,
        })
    }

    fn value(&self, name: &str) -> Result<ConfigValue, ConfigError> {
        match TOPIC.get(name) {
            Some(key) => topic_value(key, self.own, self.layers),
            None => unreachable!("{name} is not in the table of topic keys"),
        }
    }

    fn long(&self, name: &str) -> Result<i64, ConfigError> {
        let value = self.value(name)?;
        value.as_i64().ok_or_else(|| missing(name, &value, "a whole number"))
    }

    fn int(&self, name: &str) -> Result<i32, ConfigError> {
        let value = self.value(name)?;
        let number = value.as_i64().and_then(|number| i32::try_from(number).ok());
        number.ok_or_else(|| missing(name, &value, "a whole number"))
    }

    fn double(&self, name: &str) -> Result<f64, ConfigError> {
        match self.value(name)? {
            ConfigValue::Double(number) => Ok(number),
            value => Err(missing(name, &value, "a number")),
        }
    }

    fn boolean(&self, name: &str) -> Result<bool, ConfigError> {
        match self.value(name)? {
            ConfigValue::Boolean(value) => Ok(value),
            value => Err(missing(name, &value, "true or false")),
        }
    }

    fn string(&self, name: &str) -> Result<String, ConfigError> {
        match self.value(name)? {
            ConfigValue::String(text) => Ok(text),
            value => Err(missing(name, &value, "a text")),
        }
    }

    fn list(&self, name: &str) -> Result<Vec<String>, ConfigError> {
        match self.value(name)? {
            ConfigValue::List(items) => Ok(items),
            value => Err(missing(name, &value, "a list")),
        }
    }
}

fn missing(name: &str, value: &ConfigValue, expected: &str) -> ConfigError {
    ConfigError::new(name, value.to_string(), format!("expected {expected}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(pairs: &[(&str, &str)]) -> Assignments {
        pairs.iter().map(|(key, value)| ((*key).into(), (*value).into())).collect()
    }

    #[test]
    fn the_nearest_layer_and_the_nearest_synonym_count() {
        let hours = set(&[("log.retention.hours", "2"), ("log.roll.hours", "1")]);
        let minutes = set(&[("log.retention.hours", "2"), ("log.retention.minutes", "3")]);
        let dynamic = set(&[("log.retention.ms", "4")]);
        let own = set(&[("retention.ms", "5")]);
        let none = set(&[]);
        for (own, broker, file, retention_ms) in [
            (&none, &none, &none, 604_800_000),
            (&none, &none, &hours, 7_200_000),
            (&none, &none, &minutes, 180_000),
            (&none, &dynamic, &minutes, 4),
            (&own, &dynamic, &minutes, 5),
        ] {
            let layers = BrokerLayers { broker, broker_default: &none, file };
            let config = TopicConfig::resolve(own, layers).expect("valid");
            assert_eq!(config.cleanup.retention_ms, retention_ms);
        }
        let config = TopicConfig::resolve(&none, BrokerLayers::of_file(&hours)).expect("valid");
        assert_eq!(config.segment.ms, 3_600_000);
        assert_eq!(config.segment.flush_ms, i64::MAX);
    }

    #[test]
    fn negative_hours_keep_records_for_ever() {
        let file = set(&[("log.retention.hours", "-1")]);
        let config = TopicConfig::resolve(&set(&[]), BrokerLayers::of_file(&file)).expect("valid");
        assert_eq!(config.cleanup.retention_ms, -1);
    }

    #[test]
    fn what_stands_in_a_topic_is_read_by_type() {
        let own = set(&[
            ("cleanup.policy", "compact, delete"),
            ("compression.type", "gzip"),
            ("compression.gzip.level", "3"),
            ("message.timestamp.type", "LogAppendTime"),
            ("internal.segment.bytes", "100"),
        ]);
        let config = TopicConfig::resolve(&own, BrokerLayers::of_file(&set(&[]))).expect("valid");
        assert!(config.cleanup.compact && config.cleanup.delete);
        assert_eq!(config.records.compression, TopicCompression::Gzip(3));
        assert_eq!(config.records.timestamp_type, TimestampType::LogAppendTime);
        assert_eq!(config.segment.bytes, 100);
    }

    #[test]
    fn a_refusal_names_the_key_the_value_and_what_is_allowed() {
        for (key, value, words) in [
            (
                "retention.ms",
                "soon",
                "Invalid value soon for configuration retention.ms: expected a whole",
            ),
            ("segment.bytes", "5", "expected at least 1048576"),
            (
                "cleanup.policy",
                "compact,shred",
                "expected a list of compact, delete, which shred is not",
            ),
            ("cleanup.policy", "delete,delete", "ok"),
            ("compression.gzip.level", "0", "expected 1 to 9"),
            ("min.cleanable.dirty.ratio", "1.5", "expected 0 to 1"),
            ("leader.replication.throttled.replicas", "0:1,a", "partition:broker"),
            ("min.compaction.lag.ms", "9223372036854775807", "ok"),
        ] {
            let result =
                TopicConfig::resolve(&set(&[(key, value)]), BrokerLayers::of_file(&set(&[])));
            let said = result.map_or_else(|error| error.to_string(), |_| "ok".to_owned());
            assert!(said.contains(words), "{said}");
        }
    }
}
