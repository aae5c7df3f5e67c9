//! Broker keys: the group coordinator, classic groups and committed offsets.

use crate::config::allowed::Allowed;
use crate::config::key::{ConfigKey, int, list, long, short};

pub(in crate::config) const KEYS: &[ConfigKey] = &[
    int("group.coordinator.append.linger.ms")
        .or("-1")
        .at_least(-1)
        .doc("Time in milliseconds that the coordinator gathers writes; -1 adapts to the load."),
    int("group.coordinator.background.threads")
        .or("2")
        .at_least(1)
        .high()
        .no_effect()
        .doc("Number of threads for the Java coordinator's longer computations."),
    int("group.coordinator.cached.buffer.max.bytes")
        .or("1048588")
        .at_least(524288)
        .cluster_wide()
        .no_effect()
        .doc("Bytes of a write buffer that the Java coordinator keeps for reuse."),
    list("group.coordinator.rebalance.protocols")
        .or("classic,consumer,streams")
        .allow(Allowed::Items {
            words: &["consumer", "classic", "share", "streams"],
            empty: false,
            null: false,
        })
        .doc(
            "Group protocols that the coordinator offers: `classic`, `consumer`, `share`, \
             `streams`.",
        ),
    int("group.coordinator.threads")
        .or("4")
        .at_least(1)
        .high()
        .no_effect()
        .doc("Number of threads of the Java coordinator."),
    int("group.initial.rebalance.delay.ms").or("3000").doc(
        "Time in milliseconds that an empty classic group waits for more members before its \
         first rebalance.",
    ),
    int("group.max.session.timeout.ms").or("1800000").doc(
        "Longest session timeout in milliseconds that a member of a classic group may ask \
         for.",
    ),
    int("group.max.size")
        .or("2147483647")
        .at_least(1)
        .doc("Number of members that a classic group may have."),
    int("group.min.session.timeout.ms").or("6000").doc(
        "Shortest session timeout in milliseconds that a member of a classic group may ask \
         for.",
    ),
    int("offset.metadata.max.bytes")
        .or("4096")
        .high()
        .doc("Largest size in bytes of the note that a client stores with an offset."),
    int("offsets.commit.timeout.ms")
        .or("5000")
        .at_least(1)
        .high()
        .doc("Time in milliseconds that a commit of offsets waits for its replicas."),
    int("offsets.load.buffer.size")
        .or("5242880")
        .at_least(1)
        .high()
        .no_effect()
        .doc("Bytes that the Java coordinator reads at a time when it loads offsets."),
    long("offsets.retention.check.interval.ms")
        .or("600000")
        .at_least(1)
        .high()
        .doc("Time in milliseconds between two searches for expired offsets."),
    int("offsets.retention.minutes").or("10080").at_least(1).high().doc(
        "Minutes that offsets stay after their group became empty, or after the commit for a \
         group that never had members.",
    ),
    int("offsets.topic.compression.codec")
        .or("0")
        .high()
        .doc("Codec of the offsets topic by number: 0 none, 1 gzip, 2 snappy, 3 lz4, 4 zstd."),
    int("offsets.topic.num.partitions")
        .or("50")
        .at_least(1)
        .high()
        .doc("Number of partitions of the offsets topic, fixed once it exists."),
    short("offsets.topic.replication.factor").or("3").at_least(1).high().doc(
        "Number of replicas of the offsets topic; it is not created before there are as many \
         brokers.",
    ),
    int("offsets.topic.segment.bytes").or("104857600").at_least(1).high().doc(
        "Segment size in bytes of the offsets topic, small so that it loads and compacts \
         fast.",
    ),
];
