//! Settings of a consumer.

use std::time::Duration;

use super::settings::{ConfigError, Settings};
use super::{ClientConfig, Properties};

/// Where to start where nothing is committed, or where the position no longer exists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OffsetReset {
    Earliest,
    Latest,
    /// Fail instead.
    None,
    /// That long before now (KIP-1106).
    ByDuration(Duration),
}

/// Whether records of transactions that are open or aborted are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IsolationLevel {
    ReadUncommitted,
    ReadCommitted,
}

impl IsolationLevel {
    /// As requests have it.
    #[must_use]
    pub fn code(self) -> i8 {
        match self {
            Self::ReadUncommitted => 0,
            Self::ReadCommitted => 1,
        }
    }
}

/// How a group's leader shares out the partitions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AssignorKind {
    Range,
    RoundRobin,
    Sticky,
    CooperativeSticky,
}

impl AssignorKind {
    /// The name in the group protocol.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Range => "range",
            Self::RoundRobin => "roundrobin",
            Self::Sticky => "sticky",
            Self::CooperativeSticky => "cooperative-sticky",
        }
    }

    /// By that name, or by the name of Java's class.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let simple = text.rsplit('.').next().unwrap_or(text);
        match simple {
            "range" | "RangeAssignor" => Some(Self::Range),
            "roundrobin" | "RoundRobinAssignor" => Some(Self::RoundRobin),
            "sticky" | "StickyAssignor" => Some(Self::Sticky),
            "cooperative-sticky" | "CooperativeStickyAssignor" => Some(Self::CooperativeSticky),
            _ => None,
        }
    }
}

/// Settings of a consumer, with Kafka's defaults.
#[derive(Clone, Debug)]
pub struct ConsumerConfig {
    pub client: ClientConfig,
    pub group_id: Option<String>,
    pub group_instance_id: Option<String>,
    /// Where this consumer runs: brokers point it to a replica there (KIP-392).
    pub client_rack: Option<String>,
    pub auto_offset_reset: OffsetReset,
    pub enable_auto_commit: bool,
    pub auto_commit_interval: Duration,
    pub session_timeout: Duration,
    pub heartbeat_interval: Duration,
    pub max_poll_interval: Duration,
    pub max_poll_records: usize,
    pub fetch_min_bytes: i32,
    pub fetch_max_bytes: i32,
    pub fetch_max_wait: Duration,
    pub max_partition_fetch_bytes: i32,
    pub isolation_level: IsolationLevel,
    pub check_crcs: bool,
    /// In order of preference. Members keep reading during a rebalance only if all cooperate.
    pub assignors: Vec<AssignorKind>,
    /// Whether closing leaves the group (`internal.leave.group.on.close`).
    pub leave_group_on_close: bool,
}

impl Default for ConsumerConfig {
    fn default() -> Self {
        Self {
            client: ClientConfig {
                client_id: "klamm-consumer".to_owned(),
                allow_auto_create_topics: true,
                ..ClientConfig::default()
            },
            group_id: None,
            group_instance_id: None,
            client_rack: None,
            auto_offset_reset: OffsetReset::Latest,
            enable_auto_commit: true,
            auto_commit_interval: Duration::from_secs(5),
            session_timeout: Duration::from_secs(45),
            heartbeat_interval: Duration::from_secs(3),
            max_poll_interval: Duration::from_secs(300),
            max_poll_records: 500,
            fetch_min_bytes: 1,
            fetch_max_bytes: 50 << 20,
            fetch_max_wait: Duration::from_millis(500),
            max_partition_fetch_bytes: 1 << 20,
            isolation_level: IsolationLevel::ReadUncommitted,
            check_crcs: true,
            assignors: vec![AssignorKind::Range, AssignorKind::CooperativeSticky],
            leave_group_on_close: true,
        }
    }
}

impl ConsumerConfig {
    /// The settings by Kafka's names, and the keys that a consumer does not know.
    pub fn from_properties(properties: &Properties) -> Result<(Self, Vec<String>), ConfigError> {
        let mut settings = Settings::new(properties);
        let base = Self::default();
        let s = &mut settings;
        let client = ClientConfig::read(s)?;
        let config = Self {
            client: ClientConfig {
                client_id: s.text("client.id").unwrap_or(&base.client.client_id).to_owned(),
                allow_auto_create_topics: s.bool("allow.auto.create.topics", true)?,
                ..client
            },
            group_id: s.text("group.id").filter(|id| !id.is_empty()).map(str::to_owned),
            group_instance_id: s.text("group.instance.id").map(str::to_owned),
            client_rack: s.text("client.rack").filter(|rack| !rack.is_empty()).map(str::to_owned),
            auto_offset_reset: s.parsed(
                "auto.offset.reset",
                base.auto_offset_reset,
                "latest, earliest, none or by_duration:PnDTnHnMn.nS",
                parse_reset,
            )?,
            enable_auto_commit: s.bool("enable.auto.commit", true)?,
            auto_commit_interval: s.millis("auto.commit.interval.ms", base.auto_commit_interval)?,
            session_timeout: s.millis("session.timeout.ms", base.session_timeout)?,
            heartbeat_interval: s.millis("heartbeat.interval.ms", base.heartbeat_interval)?,
            max_poll_interval: s.millis("max.poll.interval.ms", base.max_poll_interval)?,
            max_poll_records: s.count("max.poll.records", base.max_poll_records, 1..=1 << 30)?,
            fetch_min_bytes: s.i32("fetch.min.bytes", base.fetch_min_bytes, 0)?,
            fetch_max_bytes: s.i32("fetch.max.bytes", base.fetch_max_bytes, 0)?,
            fetch_max_wait: s.millis("fetch.max.wait.ms", base.fetch_max_wait)?,
            max_partition_fetch_bytes: s.i32(
                "max.partition.fetch.bytes",
                base.max_partition_fetch_bytes,
                0,
            )?,
            isolation_level: s.parsed(
                "isolation.level",
                base.isolation_level,
                "read_uncommitted or read_committed",
                parse_isolation,
            )?,
            check_crcs: s.bool("check.crcs", base.check_crcs)?,
            assignors: s.parsed(
                "partition.assignment.strategy",
                base.assignors,
                "a list of range, roundrobin, sticky, cooperative-sticky",
                parse_assignors,
            )?,
            leave_group_on_close: s.bool("internal.leave.group.on.close", true)?,
        };
        Ok((config, settings.unknown()))
    }
}

fn parse_isolation(text: &str) -> Option<IsolationLevel> {
    match text.to_ascii_lowercase().as_str() {
        "read_uncommitted" => Some(IsolationLevel::ReadUncommitted),
        "read_committed" => Some(IsolationLevel::ReadCommitted),
        _ => None,
    }
}

fn parse_assignors(text: &str) -> Option<Vec<AssignorKind>> {
    let kinds: Vec<_> =
        text.split(',').map(|name| AssignorKind::parse(name.trim())).collect::<Option<_>>()?;
    (!kinds.is_empty()).then_some(kinds)
}

fn parse_reset(text: &str) -> Option<OffsetReset> {
    let lower = text.to_ascii_lowercase();
    match lower.as_str() {
        "earliest" => Some(OffsetReset::Earliest),
        "latest" => Some(OffsetReset::Latest),
        "none" => Some(OffsetReset::None),
        other => other
            .strip_prefix("by_duration:")
            .and_then(parse_iso_duration)
            .map(OffsetReset::ByDuration),
    }
}

/// ISO 8601 durations as `java.time.Duration` takes them: days, hours, minutes, seconds; any case.
#[must_use]
pub fn parse_iso_duration(text: &str) -> Option<Duration> {
    let text = text.to_ascii_uppercase();
    let (days, time) = match text.strip_prefix('P')?.split_once('T') {
        Some((_, "")) => return None,
        Some((days, time)) => (days, time),
        None => (text.strip_prefix('P')?, ""),
    };
    if days.is_empty() && time.is_empty() {
        return None;
    }
    let mut seconds = 0.0;
    for (mut rest, units) in [(days, &[('D', 86_400.0)][..]), (time, &TIME_UNITS[..])] {
        for (unit, length) in units {
            let Some((number, behind)) = rest.split_once(*unit) else { continue };
            seconds += number.parse::<f64>().ok()? * length;
            rest = behind;
        }
        if !rest.is_empty() {
            return None;
        }
    }
    Duration::try_from_secs_f64(seconds).ok()
}

const TIME_UNITS: [(char, f64); 3] = [('H', 3600.0), ('M', 60.0), ('S', 1.0)];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resets_are_those_of_kafka() {
        let by = |s| Some(OffsetReset::ByDuration(Duration::from_secs(s)));
        for (text, reset) in [
            ("earliest", Some(OffsetReset::Earliest)),
            ("LATEST", Some(OffsetReset::Latest)),
            ("none", Some(OffsetReset::None)),
            ("by_duration:P1DT2H3M4S", by(93_784)),
            ("by_duration:PT90S", by(90)),
            ("by_duration:P3D", by(259_200)),
            ("by_duration:P", None),
            ("by_duration:PT", None),
            ("by_duration:-PT1S", None),
            ("by_duration:PT1X", None),
            ("smallest", None),
        ] {
            assert_eq!(parse_reset(text), reset, "{text}");
        }
    }

    #[test]
    fn assignors_go_by_name_and_by_class() {
        let java = "org.apache.kafka.clients.consumer.RangeAssignor, cooperative-sticky";
        let kinds = Some(vec![AssignorKind::Range, AssignorKind::CooperativeSticky]);
        assert_eq!(parse_assignors(java), kinds);
        assert_eq!(parse_assignors("com.example.Mine"), None);
        assert_eq!(parse_assignors(""), None);
    }
}
