//! Topic keys: segments, records and durability of one partition's log.

use crate::config::allowed::Allowed;
use crate::config::key::{ConfigKey, boolean, hours, int, long, same, string};

pub(in crate::config) const KEYS: &[ConfigKey] = &[
    int("compression.gzip.level")
        .or("-1")
        .allow(Allowed::GzipLevel)
        .from(&[same("compression.gzip.level")])
        .doc(
            "Level at which the broker compresses with gzip, 1 (fast) to 9 (small), or -1 for the \
             library's default.",
        ),
    int("compression.lz4.level")
        .or("9")
        .between(1, 17)
        .from(&[same("compression.lz4.level")])
        .doc("Level at which the broker compresses with lz4, 1 (fast) to 17 (small)."),
    string("compression.type")
        .or("producer")
        .allow(Allowed::OneOf(&["uncompressed", "zstd", "lz4", "snappy", "gzip", "producer"]))
        .from(&[same("compression.type")])
        .doc(
            "Codec that batches are stored in; `producer` keeps what the producer chose and \
             `uncompressed` stores plain records.",
        ),
    int("compression.zstd.level")
        .or("3")
        .between(-131072, 22)
        .from(&[same("compression.zstd.level")])
        .doc("Level at which the broker compresses with zstd, -131072 (fast) to 22 (small)."),
    boolean("errors.deadletterqueue.group.enable")
        .or("false")
        .unsupported()
        .doc("Whether share groups may write records that they could not deliver into this topic."),
    long("flush.messages")
        .or("9223372036854775807")
        .at_least(1)
        .from(&[same("log.flush.interval.messages")])
        .doc(
            "Number of records after which the log is forced to stable storage; 1 forces every \
             append, and the largest value leaves it to the operating system.",
        ),
    long("flush.ms")
        .or("9223372036854775807")
        .at_least(0)
        .from(&[same("log.flush.interval.ms"), same("log.flush.scheduler.interval.ms")])
        .doc(
            "Longest time in milliseconds that an appended record waits to be forced to stable \
             storage; the largest value leaves it to the operating system.",
        ),
    int("index.interval.bytes")
        .or("4096")
        .at_least(0)
        .from(&[same("log.index.interval.bytes")])
        .doc("Bytes of records between two entries of the offset index."),
    int("internal.segment.bytes")
        .or_null()
        .internal()
        .doc("Segment size in bytes without the lower bound of `segment.bytes`, for tests."),
    int("max.decompressed.message.bytes")
        .or("2147483639")
        .between(1, 2147483639)
        .from(&[same("max.decompressed.message.bytes")])
        .doc("Largest size in bytes of one record after decompression; a larger one is refused."),
    int("max.message.bytes").or("1048588").at_least(0).from(&[same("message.max.bytes")]).doc(
        "Largest size in bytes of a record batch as it is sent, compressed if the producer \
         compresses.",
    ),
    long("message.timestamp.after.max.ms")
        .or("3600000")
        .at_least(0)
        .from(&[same("log.message.timestamp.after.max.ms")])
        .doc(
            "How far in milliseconds a record's timestamp may lie ahead of the broker's clock \
             under `CreateTime`.",
        ),
    long("message.timestamp.before.max.ms")
        .or("9223372036854775807")
        .at_least(0)
        .from(&[same("log.message.timestamp.before.max.ms")])
        .doc(
            "How far in milliseconds a record's timestamp may lie behind the broker's clock under \
             `CreateTime`.",
        ),
    string("message.timestamp.type")
        .or("CreateTime")
        .allow(Allowed::OneOf(&["CreateTime", "LogAppendTime"]))
        .from(&[same("log.message.timestamp.type")])
        .doc(
            "Whose time a record carries: `CreateTime` is the producer's, `LogAppendTime` is the \
             broker's at append.",
        ),
    boolean("preallocate")
        .or("false")
        .from(&[same("log.preallocate")])
        .doc("Whether a segment's file is given its full size when it is created."),
    int("segment.bytes")
        .or("1073741824")
        .at_least(1048576)
        .from(&[same("log.segment.bytes")])
        .doc("Size in bytes at which the log begins another segment."),
    int("segment.index.bytes")
        .or("10485760")
        .at_least(4)
        .from(&[same("log.index.size.max.bytes")])
        .doc(
            "Largest size in bytes of a segment's offset index; a full index begins another \
             segment.",
        ),
    long("segment.jitter.ms")
        .or("0")
        .at_least(0)
        .from(&[same("log.roll.jitter.ms"), hours("log.roll.jitter.hours")])
        .doc(
            "Upper bound in milliseconds of the random amount that is taken off `segment.ms`, so \
             that partitions do not roll all at once.",
        ),
    long("segment.ms")
        .or("604800000")
        .at_least(1)
        .from(&[same("log.roll.ms"), hours("log.roll.hours")])
        .doc(
            "Age in milliseconds at which the log begins another segment even if the current one \
             is not full.",
        ),
];
