//! Rules of single broker keys, and of a few together, that the table cannot say.

use super::Values;
use crate::config::address::is_host;
use crate::config::value::ConfigError;

/// Refuses what Kafka refuses at its start.
pub(super) fn check(values: &Values) -> Result<(), ConfigError> {
    log_times(values)?;
    cleaner(values)?;
    connections(values)?;
    groups(values)
}

fn refuse(values: &Values, key: &str, expected: &str) -> Result<(), ConfigError> {
    Err(ConfigError::new(key, values.get(key)?.to_string(), expected))
}

fn log_times(values: &Values) -> Result<(), ConfigError> {
    for (key, min) in [("log.roll.ms", 1), ("log.roll.jitter.ms", 0)] {
        if values.is_set(key) && values.number(key)? < min {
            return refuse(values, key, &format!("expected at least {min}"));
        }
    }
    for key in ["log.retention.ms", "log.retention.minutes", "log.retention.hours"] {
        // the nearest of them that is set is the one that counts
        if values.is_set(key) {
            if values.number(key)? == 0 {
                return refuse(values, key, "expected at least 1, or -1 for no bound");
            }
            break;
        }
    }
    Ok(())
}

fn cleaner(values: &Values) -> Result<(), ConfigError> {
    const BUFFER: &str = "log.cleaner.dedupe.buffer.size";
    const THREADS: &str = "log.cleaner.threads";
    const MIB: i64 = 1 << 20;
    let threads = values.number(THREADS)?;
    if threads == 0 {
        return refuse(values, THREADS, "expected at least 1");
    }
    if values.number(BUFFER)? / threads <= MIB {
        return refuse(values, BUFFER, "expected more than 1 MiB for each of log.cleaner.threads");
    }
    Ok(())
}

fn connections(values: &Values) -> Result<(), ConfigError> {
    const QUEUED: &str = "queued.max.request.bytes";
    const PER_ADDRESS: &str = "max.connections.per.ip";
    const OVERRIDES: &str = "max.connections.per.ip.overrides";
    const DELAY: &str = "connection.failed.authentication.delay.ms";
    let queued = values.number(QUEUED)?;
    if queued > 0 && queued < values.number("socket.request.max.bytes")? {
        return refuse(values, QUEUED, "expected at least socket.request.max.bytes, or -1");
    }
    let overrides = values.text(OVERRIDES)?.unwrap_or_default();
    let overrides: Vec<&str> =
        overrides.split(',').map(str::trim).filter(|item| !item.is_empty()).collect();
    let pair = |item: &&str| {
        item.rsplit_once(':').is_some_and(|(host, count)| {
            is_host(host.trim()) && count.trim().parse::<i32>().is_ok()
        })
    };
    if !overrides.iter().all(pair) {
        return refuse(values, OVERRIDES, "expected host:count pairs");
    }
    if values.number(PER_ADDRESS)? == 0 && overrides.is_empty() {
        let expected = "expected at least 1, or 0 if max.connections.per.ip.overrides is set";
        return refuse(values, PER_ADDRESS, expected);
    }
    let idle = values.number("connections.max.idle.ms")?;
    if idle >= 0 && values.number(DELAY)? >= idle {
        return refuse(values, DELAY, "expected less than connections.max.idle.ms");
    }
    Ok(())
}

fn groups(values: &Values) -> Result<(), ConfigError> {
    if values.list("group.share.assignors")?.len() != 1 {
        return refuse(values, "group.share.assignors", "expected exactly one assignor");
    }
    for key in
        ["offsets.topic.compression.codec", "share.coordinator.state.topic.compression.codec"]
    {
        if !(0..=4).contains(&values.number(key)?) {
            return refuse(values, key, "expected 0 none, 1 gzip, 2 snappy, 3 lz4 or 4 zstd");
        }
    }
    Ok(())
}
