//! Topic keys: how long data stays, and how it is compacted.

use crate::config::allowed::Allowed;
use crate::config::key::{ConfigKey, double, hours, list, long, minutes, same};

pub(in crate::config) const KEYS: &[ConfigKey] = &[
    list("cleanup.policy")
        .or("delete")
        .allow(Allowed::Items { words: &["compact", "delete"], empty: true, null: false })
        .from(&[same("log.cleanup.policy")])
        .doc(
            "What happens to old segments: `delete` drops them by age and size, `compact` keeps \
             the latest record of each key, both may be given, and an empty list keeps \
             everything.",
        ),
    long("delete.retention.ms")
        .or("86400000")
        .at_least(0)
        .from(&[same("log.cleaner.delete.retention.ms")])
        .doc(
            "Time in milliseconds that a tombstone stays readable after the compaction pass that \
             first met it.",
        ),
    long("file.delete.delay.ms")
        .or("60000")
        .at_least(0)
        .from(&[same("log.segment.delete.delay.ms")])
        .doc(
            "Time in milliseconds between taking a segment out of the log and removing its files.",
        ),
    long("max.compaction.lag.ms")
        .or("9223372036854775807")
        .at_least(1)
        .from(&[same("log.cleaner.max.compaction.lag.ms")])
        .doc(
            "Longest time in milliseconds that a record may wait for compaction, however clean \
             the log is; the largest value means no bound.",
        ),
    double("min.cleanable.dirty.ratio")
        .or("0.5")
        .allow(Allowed::Ratio(0.0, 1.0))
        .from(&[same("log.cleaner.min.cleanable.ratio")])
        .doc("Share of a log, 0 to 1, that must be uncompacted before the log is compacted."),
    long("min.compaction.lag.ms")
        .or("0")
        .at_least(0)
        .from(&[same("log.cleaner.min.compaction.lag.ms")])
        .doc("Shortest time in milliseconds that a record stays uncompacted."),
    long("retention.bytes").or("-1").from(&[same("log.retention.bytes")]).doc(
        "Largest size in bytes of a partition before its oldest segments are deleted; -1 sets \
         no bound.",
    ),
    long("retention.ms")
        .or("604800000")
        .at_least(-1)
        .from(&[
            same("log.retention.ms"),
            minutes("log.retention.minutes"),
            hours("log.retention.hours"),
        ])
        .doc(
            "Time in milliseconds that records are kept under the `delete` policy; -1 keeps them \
             for ever.",
        ),
];
