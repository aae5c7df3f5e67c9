//! Broker keys: defaults of topics for retention, compaction and compression.

use crate::config::allowed::Allowed;
use crate::config::key::{ConfigKey, boolean, double, int, list, long, same, string};

pub(in crate::config) const KEYS: &[ConfigKey] = &[
    long("log.cleaner.backoff.ms")
        .or("15000")
        .at_least(0)
        .cluster_wide()
        .doc("Time in milliseconds that the cleaner rests when no log needs compaction."),
    long("log.cleaner.dedupe.buffer.size")
        .or("134217728")
        .cluster_wide()
        .doc("Bytes that the cleaner may use for its map of keys."),
    long("log.cleaner.delete.retention.ms").or("86400000").at_least(0).cluster_wide().doc(
        "Time in milliseconds that a tombstone stays readable after the compaction pass that \
         first met it, where a topic does not say.",
    ),
    boolean("log.cleaner.enable")
        .or("true")
        .doc("Whether logs with the `compact` policy are compacted at all."),
    double("log.cleaner.io.buffer.load.factor")
        .or("0.9")
        .cluster_wide()
        .no_effect()
        .doc("Share of the key map that the Java broker's cleaner fills before it starts a pass."),
    int("log.cleaner.io.buffer.size")
        .or("524288")
        .at_least(0)
        .cluster_wide()
        .no_effect()
        .doc("Bytes of read and write buffers of the Java broker's cleaner threads together."),
    double("log.cleaner.io.max.bytes.per.second")
        .or("1.7976931348623157E308")
        .cluster_wide()
        .doc("Bytes per second that compaction may read and write together."),
    long("log.cleaner.max.compaction.lag.ms")
        .or("9223372036854775807")
        .at_least(1)
        .cluster_wide()
        .doc(
            "Longest time in milliseconds that a record may wait for compaction, where a topic \
             does not say.",
        ),
    double("log.cleaner.min.cleanable.ratio")
        .or("0.5")
        .allow(Allowed::Ratio(0.0, 1.0))
        .cluster_wide()
        .doc(
            "Share of a log, 0 to 1, that must be uncompacted before it is compacted, where a \
             topic does not say.",
        ),
    long("log.cleaner.min.compaction.lag.ms").or("0").at_least(0).cluster_wide().doc(
        "Shortest time in milliseconds that a record stays uncompacted, where a topic does \
         not say.",
    ),
    int("log.cleaner.threads")
        .or("1")
        .at_least(0)
        .cluster_wide()
        .done_otherwise("one thread compacts, always the log that needs it most")
        .doc("Number of logs that may be compacted at a time."),
    list("log.cleanup.policy")
        .or("delete")
        .allow(Allowed::Items { words: &["compact", "delete"], empty: true, null: false })
        .cluster_wide()
        .doc(
            "What happens to old segments where a topic does not say: `delete`, `compact`, both, \
             or nothing if empty.",
        ),
    long("log.retention.bytes").or("-1").high().cluster_wide().doc(
        "Largest size in bytes of a partition where its topic does not say; -1 sets no bound.",
    ),
    long("log.retention.check.interval.ms")
        .or("300000")
        .at_least(1)
        .doc("Time in milliseconds between two searches for segments that may be deleted."),
    int("log.retention.hours")
        .or("168")
        .high()
        .from(&[
            same("log.retention.ms"),
            same("log.retention.minutes"),
            same("log.retention.hours"),
        ])
        .doc(
            "Hours that records are kept, unless `log.retention.minutes` or `log.retention.ms` is \
             set.",
        ),
    int("log.retention.minutes")
        .or_null()
        .high()
        .from(&[
            same("log.retention.ms"),
            same("log.retention.minutes"),
            same("log.retention.hours"),
        ])
        .doc("Minutes that records are kept, unless `log.retention.ms` is set."),
    long("log.retention.ms")
        .or_null()
        .high()
        .cluster_wide()
        .from(&[
            same("log.retention.ms"),
            same("log.retention.minutes"),
            same("log.retention.hours"),
        ])
        .doc(
            "Milliseconds that records are kept where a topic does not say; -1 keeps them for \
             ever, unset takes minutes or hours.",
        ),
    int("compression.gzip.level").or("-1").allow(Allowed::GzipLevel).cluster_wide().doc(
        "Level at which the broker compresses with gzip where a topic does not say, 1 to 9, \
         or -1 for the library's default.",
    ),
    int("compression.lz4.level")
        .or("9")
        .between(1, 17)
        .cluster_wide()
        .doc("Level at which the broker compresses with lz4 where a topic does not say, 1 to 17."),
    string("compression.type")
        .or("producer")
        .allow(Allowed::OneOf(&["uncompressed", "zstd", "lz4", "snappy", "gzip", "producer"]))
        .high()
        .cluster_wide()
        .doc(
            "Codec that batches are stored in where a topic does not say; `producer` keeps the \
             producer's choice.",
        ),
    int("compression.zstd.level").or("3").between(-131072, 22).cluster_wide().doc(
        "Level at which the broker compresses with zstd where a topic does not say, -131072 \
         to 22.",
    ),
];
