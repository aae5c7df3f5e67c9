//! Broker keys: followers, and moving replicas.

use crate::config::key::{ConfigKey, boolean, int, long, string};

pub(in crate::config) const KEYS: &[ConfigKey] = &[
    boolean("follower.fetch.last.tiered.offset.enable")
        .or("false")
        .cluster_wide()
        .unsupported()
        .doc("Whether an empty follower begins after the last offset in the remote tier."),
    int("num.replica.alter.log.dirs.threads")
        .or_null()
        .high()
        .done_otherwise("one thread moves all replicas, a piece of each in turn")
        .doc(
            "Number of threads that move replicas between log directories; unset takes one for \
             each.",
        ),
    int("num.replica.fetchers")
        .or("1")
        .at_least(1)
        .high()
        .cluster_wide()
        .doc(
            "Number of connections that followers open to each leader's broker, and of threads \
             that append what comes. Changed while the broker runs, it holds for partitions whose \
             leaders change from then on.",
        ),
    int("replica.fetch.backoff.ms")
        .or("1000")
        .at_least(0)
        .doc("Time in milliseconds that a follower rests after an error."),
    int("replica.fetch.max.bytes")
        .or("1048576")
        .at_least(0)
        .doc("Bytes that a follower asks for from one partition; one batch always fits."),
    int("replica.fetch.min.bytes")
        .or("1")
        .high()
        .doc("Bytes that a leader gathers before it answers a follower."),
    int("replica.fetch.response.max.bytes")
        .or("10485760")
        .at_least(0)
        .doc("Bytes that a follower asks for in one response; one batch always fits."),
    int("replica.fetch.wait.max.ms")
        .or("500")
        .high()
        .doc("Longest time in milliseconds that a leader holds a follower's fetch back."),
    long("replica.high.watermark.checkpoint.interval.ms")
        .or("5000")
        .high()
        .done_otherwise(
            "they are written with the other checkpoints (log.flush.offset.checkpoint.interval.ms): \
             a replica only begins with them, and learns the present ones from its leader or its \
             followers",
        )
        .doc("Time in milliseconds between two writes of the high watermarks to disk."),
    long("replica.lag.time.max.ms").or("30000").high().doc(
        "Time in milliseconds that a follower may lag behind before it leaves the in-sync \
         replicas.",
    ),
    string("replica.selector.class")
        .or_null()
        .doc("Class that picks the replica that a consumer reads from."),
    int("replica.socket.receive.buffer.bytes").or("65536").high().unsupported().doc(
        "Bytes of the receive buffers of followers' sockets; -1 leaves it to the operating \
         system.",
    ),
    int("replica.socket.timeout.ms")
        .or("30000")
        .high()
        .doc("Time in milliseconds that a follower's connection may be silent."),
];
