//! Broker keys: log directories, segments and flushing.

use crate::config::allowed::Allowed;
use crate::config::key::{ConfigKey, boolean, int, list, long, same, string};

pub(in crate::config) const KEYS: &[ConfigKey] = &[
    list("cordoned.log.dirs")
        .or("")
        .allow(Allowed::Items { words: &[], empty: true, null: true })
        .per_broker()
        .doc("Log directories, or `*` for all, that receive no further replicas."),
    list("log.dir")
        .or("/tmp/kafka-logs")
        .allow(Allowed::Items { words: &[], empty: false, null: false })
        .high()
        .doc("The log directory, where `log.dirs` is not set."),
    long("log.dir.failure.timeout.ms").or("30000").at_least(1).low().doc(
        "Time in milliseconds after which a broker that cannot tell the controller of a \
         failed log directory stops.",
    ),
    list("log.dirs")
        .or_null()
        .allow(Allowed::Items { words: &[], empty: false, null: true })
        .high()
        .doc("Log directories, separated by commas; unset takes `log.dir`."),
    long("log.flush.interval.messages")
        .or("9223372036854775807")
        .at_least(1)
        .high()
        .cluster_wide()
        .doc(
            "Number of records after which a log is forced to stable storage, where a topic does \
             not say.",
        ),
    long("log.flush.interval.ms")
        .or_null()
        .high()
        .cluster_wide()
        .from(&[same("log.flush.interval.ms"), same("log.flush.scheduler.interval.ms")])
        .doc(
            "Longest time in milliseconds that a record waits to be forced to stable storage; \
             unset takes `log.flush.scheduler.interval.ms`.",
        ),
    int("log.flush.offset.checkpoint.interval.ms")
        .or("60000")
        .at_least(0)
        .high()
        .doc("Time in milliseconds between two writes of the recovery checkpoint."),
    long("log.flush.scheduler.interval.ms").or("9223372036854775807").high().doc(
        "Time in milliseconds between two searches for logs that are due to be forced to \
         stable storage.",
    ),
    int("log.flush.start.offset.checkpoint.interval.ms")
        .or("60000")
        .at_least(0)
        .high()
        .doc("Time in milliseconds between two writes of the checkpoint of log start offsets."),
    int("log.index.interval.bytes").or("4096").at_least(0).cluster_wide().doc(
        "Bytes of records between two entries of an offset index, where a topic does not say.",
    ),
    int("log.index.size.max.bytes")
        .or("10485760")
        .at_least(4)
        .cluster_wide()
        .doc("Largest size in bytes of a segment's offset index, where a topic does not say."),
    long("log.initial.task.delay.ms")
        .or("30000")
        .at_least(0)
        .low()
        .internal()
        .doc("Time in milliseconds after start before the log's background tasks run first."),
    long("log.message.timestamp.after.max.ms").or("3600000").at_least(0).cluster_wide().doc(
        "How far in milliseconds a timestamp may lie ahead of the broker's clock, where a \
         topic does not say.",
    ),
    long("log.message.timestamp.before.max.ms")
        .or("9223372036854775807")
        .at_least(0)
        .cluster_wide()
        .doc(
            "How far in milliseconds a timestamp may lie behind the broker's clock, where a topic \
             does not say.",
        ),
    string("log.message.timestamp.type")
        .or("CreateTime")
        .allow(Allowed::OneOf(&["CreateTime", "LogAppendTime"]))
        .cluster_wide()
        .doc(
            "Whose time records carry where a topic does not say: `CreateTime` or \
             `LogAppendTime`.",
        ),
    boolean("log.preallocate")
        .or("false")
        .cluster_wide()
        .doc("Whether segment files are given their full size when they are created."),
    int("log.roll.hours")
        .or("168")
        .at_least(1)
        .high()
        .from(&[same("log.roll.ms"), same("log.roll.hours")])
        .doc("Hours after which a log begins another segment, unless `log.roll.ms` is set."),
    int("log.roll.jitter.hours")
        .or("0")
        .at_least(0)
        .high()
        .from(&[same("log.roll.jitter.ms"), same("log.roll.jitter.hours")])
        .doc(
            "Upper bound in hours of the random amount taken off the rolling time, unless \
             `log.roll.jitter.ms` is set.",
        ),
    long("log.roll.jitter.ms")
        .or_null()
        .high()
        .cluster_wide()
        .from(&[same("log.roll.jitter.ms"), same("log.roll.jitter.hours")])
        .doc(
            "Upper bound in milliseconds of the random amount taken off the rolling time; unset \
             takes hours.",
        ),
    long("log.roll.ms")
        .or_null()
        .high()
        .cluster_wide()
        .from(&[same("log.roll.ms"), same("log.roll.hours")])
        .doc(
            "Milliseconds after which a log begins another segment; unset takes `log.roll.hours`.",
        ),
    int("log.segment.bytes")
        .or("1073741824")
        .at_least(1048576)
        .high()
        .cluster_wide()
        .doc("Size in bytes at which a log begins another segment, where a topic does not say."),
    long("log.segment.delete.delay.ms")
        .or("60000")
        .at_least(0)
        .high()
        .cluster_wide()
        .doc("Time in milliseconds between taking a segment out of a log and removing its files."),
    int("num.recovery.threads.per.data.dir")
        .or("2")
        .at_least(1)
        .high()
        .cluster_wide()
        .doc("Number of logs of one directory that are recovered at a time at start."),
    string("metadata.log.dir")
        .or_null()
        .high()
        .doc("Directory of the metadata log; unset takes the first log directory."),
    long("metadata.log.max.record.bytes.between.snapshots")
        .or("20971520")
        .at_least(1)
        .high()
        .doc("Bytes of metadata records after which a snapshot is written."),
    long("metadata.log.max.snapshot.interval.ms").or("3600000").at_least(0).high().doc(
        "Longest time in milliseconds between two metadata snapshots while there are changes; \
         0 leaves it to the size alone.",
    ),
    int("metadata.log.segment.bytes")
        .or("1073741824")
        .at_least(8388608)
        .high()
        .doc("Size in bytes at which the metadata log begins another segment."),
    long("metadata.log.segment.ms")
        .or("604800000")
        .high()
        .doc("Age in milliseconds at which the metadata log begins another segment."),
    int("metadata.max.idle.interval.ms").or("500").at_least(0).low().unsupported().doc(
        "Time in milliseconds without metadata changes after which an empty record is \
         written; 0 writes none.",
    ),
    long("metadata.max.retention.bytes").or("104857600").high().doc(
        "Size in bytes of metadata log and snapshots together beyond which the oldest are \
         deleted.",
    ),
    long("metadata.max.retention.ms")
        .or("604800000")
        .high()
        .doc("Age in milliseconds beyond which metadata segments and snapshots are deleted."),
    long("internal.metadata.delete.delay.millis")
        .or("60000")
        .low()
        .internal()
        .unsupported()
        .doc("Time in milliseconds between dropping a metadata file and removing it, for tests."),
    int("internal.metadata.log.segment.bytes")
        .or_null()
        .low()
        .internal()
        .doc("Segment size in bytes of the metadata log without lower bound, for tests."),
    int("internal.metadata.max.batch.size.in.bytes")
        .or("8388608")
        .low()
        .internal()
        .doc("Largest size in bytes of one batch in the metadata log, for tests."),
];
