//! Rules between the keys of one topic.

use super::topic::{Remote, TopicConfig};
use super::value::ConfigError;

/// Stands in local retention for "as much as the total".
const SAME_AS_TOTAL: i64 = -2;
const UNBOUNDED: i64 = -1;

/// Refuses values that contradict each other.
pub(super) fn check_together(config: &TopicConfig) -> Result<(), ConfigError> {
    let cleanup = &config.cleanup;
    if cleanup.min_compaction_lag_ms > cleanup.max_compaction_lag_ms {
        return Err(ConfigError::new(
            "min.compaction.lag.ms",
            cleanup.min_compaction_lag_ms.to_string(),
            format!("expected at most max.compaction.lag.ms, {}", cleanup.max_compaction_lag_ms),
        ));
    }
    if config.remote.enabled { check_remote(config) } else { Ok(()) }
}

fn check_remote(config: &TopicConfig) -> Result<(), ConfigError> {
    let TopicConfig { cleanup, remote, .. } = config;
    if cleanup.compact {
        let expected = "expected delete or nothing where remote.storage.enable is true";
        return Err(ConfigError::new("cleanup.policy", "compact", expected));
    }
    let time = Bounds {
        total: ("retention.ms", cleanup.retention_ms),
        local: ("local.retention.ms", remote.local_retention_ms),
        lag: ("remote.copy.lag.ms", remote.copy_lag_ms),
    };
    let size = Bounds {
        total: ("retention.bytes", cleanup.retention_bytes),
        local: ("local.retention.bytes", remote.local_retention_bytes),
        lag: ("remote.copy.lag.bytes", remote.copy_lag_bytes),
    };
    for bounds in [size, time] {
        bounds.check(remote)?;
    }
    Ok(())
}

/// The three bounds on one measure: what is kept at all, what is kept here, and when it is copied.
struct Bounds {
    total: (&'static str, i64),
    local: (&'static str, i64),
    lag: (&'static str, i64),
}

impl Bounds {
    fn check(&self, remote: &Remote) -> Result<(), ConfigError> {
        let (total_name, total) = self.total;
        let (local_name, local) = self.local;
        let (lag_name, lag) = self.lag;
        let refuse = |name: &str, value: i64, expected: String| {
            Err(ConfigError::new(name, value.to_string(), expected))
        };
        if total > UNBOUNDED && local != SAME_AS_TOTAL && (local == UNBOUNDED || local > total) {
            let expected = format!("expected at most {total_name}, {total}, or -2 for the same");
            return refuse(local_name, local, expected);
        }
        let kept = if local == SAME_AS_TOTAL { total } else { local };
        if lag > 0 && kept >= 0 && lag > kept {
            let expected = format!("expected at most {local_name}, which comes to {kept}");
            return refuse(lag_name, lag, expected);
        }
        if remote.copy_disabled && local != SAME_AS_TOTAL && local != total {
            let expected = format!(
                "expected {total_name}, {total}, or -2 where remote.log.copy.disable is true"
            );
            return refuse(local_name, local, expected);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Assignments, BrokerLayers, TopicConfig};

    #[test]
    fn contradictions_are_refused_where_kafka_refuses_them() {
        const TIERED: &str = "remote.storage.enable=true";
        for (pairs, refused) in [
            (&["min.compaction.lag.ms=5", "max.compaction.lag.ms=4"][..], Some("min.compaction")),
            (&["min.compaction.lag.ms=4", "max.compaction.lag.ms=4"], None),
            (&["local.retention.ms=5", "retention.ms=4"], None),
            (&[TIERED, "local.retention.ms=5", "retention.ms=4"], Some("local.retention.ms")),
            (&[TIERED, "local.retention.ms=-1", "retention.ms=4"], Some("local.retention.ms")),
            (&[TIERED, "local.retention.ms=-2", "retention.ms=4"], None),
            (&[TIERED, "local.retention.bytes=9", "retention.bytes=-1"], None),
            (&[TIERED, "local.retention.bytes=9", "retention.bytes=8"], Some("local.retention.b")),
            (&[TIERED, "cleanup.policy=compact"], Some("cleanup.policy")),
            (&[TIERED, "cleanup.policy="], None),
            (&[TIERED, "remote.copy.lag.ms=9", "local.retention.ms=8"], Some("remote.copy.lag.ms")),
            (&[TIERED, "remote.log.copy.disable=true", "local.retention.ms=8"], Some("local.ret")),
        ] {
            let own: Assignments = pairs
                .iter()
                .filter_map(|pair| pair.split_once('='))
                .map(|(key, value)| (key.into(), value.into()))
                .collect();
            let none = Assignments::new();
            let result = TopicConfig::resolve(&own, BrokerLayers::of_file(&none));
            match (result, refused) {
                (Ok(_), None) => {}
                (Err(error), Some(key)) => assert!(error.key.starts_with(key), "{error}"),
                (result, _) => panic!("{pairs:?}: {result:?}"),
            }
        }
    }
}
