//! Broker keys: share groups (KIP-932) and dead-letter queues.

use crate::config::allowed::Allowed;
use crate::config::key::{ConfigKey, boolean, int, list, short, string};

pub(in crate::config) const KEYS: &[ConfigKey] = &[
    boolean("errors.deadletterqueue.auto.create.topics.enable")
        .or("false")
        .cluster_wide()
        .unsupported()
        .doc("Whether a missing dead-letter topic of a share group is created."),
    string("errors.deadletterqueue.topic.name.prefix")
        .or("dlq.")
        .cluster_wide()
        .unsupported()
        .doc("Beginning that the name of a dead-letter topic must have."),
    int("group.share.assignment.interval.ms")
        .or("1000")
        .at_least(0)
        .cluster_wide()
        .unsupported()
        .doc(
            "Shortest time in milliseconds between two computations of a share group's \
             assignment.",
        ),
    boolean("group.share.assignor.offload.enable")
        .or("true")
        .cluster_wide()
        .internal()
        .unsupported()
        .doc("Whether share groups' assignments are computed off the coordinator's own thread."),
    list("group.share.assignors")
        .or("simple")
        .allow(Allowed::Items { words: &[], empty: false, null: false })
        .unsupported()
        .doc("Assignors of share groups, by name or Java class; exactly one."),
    int("group.share.delivery.count.limit")
        .or("5")
        .between(2, 10)
        .unsupported()
        .doc("Number of times that one record is handed out before it is given up."),
    string("group.share.dlq.manager.class.name")
        .or("org.apache.kafka.server.share.dlq.DefaultShareGroupDLQManager")
        .internal()
        .unsupported()
        .doc("Java class that writes into dead-letter topics."),
    int("group.share.heartbeat.interval.ms")
        .or("5000")
        .at_least(1)
        .unsupported()
        .doc("Time in milliseconds between two heartbeats of a member of a share group."),
    int("group.share.initialize.retry.interval.ms")
        .or("30000")
        .at_least(1)
        .low()
        .internal()
        .unsupported()
        .doc("Time in milliseconds between two attempts to set up a share group's state."),
    int("group.share.max.assignment.interval.ms")
        .or("15000")
        .at_least(0)
        .unsupported()
        .doc("Upper bound in milliseconds for a group's `share.assignment.interval.ms`."),
    int("group.share.max.delivery.count.limit")
        .or("10")
        .between(5, 25)
        .unsupported()
        .doc("Upper bound for a group's `share.delivery.count.limit`."),
    int("group.share.max.heartbeat.interval.ms")
        .or("15000")
        .at_least(1)
        .unsupported()
        .doc("Upper bound in milliseconds for a group's `share.heartbeat.interval.ms`."),
    int("group.share.max.partition.max.record.locks")
        .or("4000")
        .between(2000, 10000)
        .unsupported()
        .doc("Upper bound for a group's `share.partition.max.record.locks`."),
    int("group.share.max.record.lock.duration.ms")
        .or("60000")
        .between(30000, 3600000)
        .unsupported()
        .doc("Upper bound in milliseconds for a group's `share.record.lock.duration.ms`."),
    int("group.share.max.session.timeout.ms")
        .or("60000")
        .at_least(1)
        .unsupported()
        .doc("Upper bound in milliseconds for a group's `share.session.timeout.ms`."),
    int("group.share.max.share.sessions")
        .or("2000")
        .at_least(1)
        .unsupported()
        .doc("Number of share sessions that the broker remembers."),
    int("group.share.max.size")
        .or("200")
        .between(1, 1000)
        .unsupported()
        .doc("Number of members that a share group may have."),
    int("group.share.min.assignment.interval.ms")
        .or("0")
        .at_least(0)
        .unsupported()
        .doc("Lower bound in milliseconds for a group's `share.assignment.interval.ms`."),
    int("group.share.min.delivery.count.limit")
        .or("2")
        .between(2, 5)
        .unsupported()
        .doc("Lower bound for a group's `share.delivery.count.limit`."),
    int("group.share.min.heartbeat.interval.ms")
        .or("5000")
        .at_least(1)
        .unsupported()
        .doc("Lower bound in milliseconds for a group's `share.heartbeat.interval.ms`."),
    int("group.share.min.partition.max.record.locks")
        .or("100")
        .between(100, 2000)
        .unsupported()
        .doc("Lower bound for a group's `share.partition.max.record.locks`."),
    int("group.share.min.record.lock.duration.ms")
        .or("15000")
        .between(1000, 30000)
        .unsupported()
        .doc("Lower bound in milliseconds for a group's `share.record.lock.duration.ms`."),
    int("group.share.min.session.timeout.ms")
        .or("45000")
        .at_least(1)
        .unsupported()
        .doc("Lower bound in milliseconds for a group's `share.session.timeout.ms`."),
    int("group.share.partition.max.record.locks")
        .or("2000")
        .between(100, 10000)
        .unsupported()
        .doc("Number of records of one partition that a share group may hold at a time."),
    string("group.share.persister.class.name")
        .or("org.apache.kafka.server.share.persister.DefaultStatePersister")
        .internal()
        .unsupported()
        .doc("Java class that stores the state of share groups."),
    int("group.share.record.lock.duration.ms")
        .or("30000")
        .between(1000, 3600000)
        .unsupported()
        .doc("Time in milliseconds that a record handed out stays reserved for its consumer."),
    int("group.share.session.timeout.ms").or("45000").at_least(1).unsupported().doc(
        "Time in milliseconds without a heartbeat after which a member of a share group \
         counts as gone.",
    ),
    int("share.coordinator.append.linger.ms").or("-1").at_least(-1).unsupported().doc(
        "Time in milliseconds that the share coordinator gathers writes; -1 adapts to the \
         load.",
    ),
    int("share.coordinator.cached.buffer.max.bytes")
        .or("1048588")
        .at_least(524288)
        .cluster_wide()
        .no_effect()
        .doc("Bytes of a write buffer that the Java share coordinator keeps for reuse."),
    int("share.coordinator.cold.partition.snapshot.interval.ms")
        .or("300000")
        .at_least(1)
        .low()
        .internal()
        .unsupported()
        .doc(
            "Time in milliseconds after which a partition's share state without changes gets a \
             snapshot.",
        ),
    int("share.coordinator.load.buffer.size")
        .or("5242880")
        .at_least(1)
        .high()
        .no_effect()
        .doc("Bytes that the Java share coordinator reads at a time when it loads state."),
    int("share.coordinator.snapshot.update.records.per.snapshot")
        .or("500")
        .between(0, 500)
        .unsupported()
        .doc("Number of changes of share state between two snapshots."),
    int("share.coordinator.state.topic.compression.codec")
        .or("0")
        .high()
        .unsupported()
        .doc("Codec of the share state topic by number: 0 none, 1 gzip, 2 snappy, 3 lz4, 4 zstd."),
    short("share.coordinator.state.topic.min.isr")
        .or("2")
        .at_least(1)
        .high()
        .unsupported()
        .doc("`min.insync.replicas` of the share state topic."),
    int("share.coordinator.state.topic.num.partitions")
        .or("50")
        .at_least(1)
        .high()
        .unsupported()
        .doc("Number of partitions of the share state topic, fixed once it exists."),
    int("share.coordinator.state.topic.prune.interval.ms")
        .or("300000")
        .at_least(1)
        .low()
        .internal()
        .unsupported()
        .doc("Time in milliseconds between two deletions of superseded share state."),
    short("share.coordinator.state.topic.replication.factor")
        .or("3")
        .at_least(1)
        .high()
        .unsupported()
        .doc("Number of replicas of the share state topic."),
    int("share.coordinator.state.topic.segment.bytes")
        .or("104857600")
        .at_least(1)
        .high()
        .unsupported()
        .doc("Segment size in bytes of the share state topic."),
    int("share.coordinator.threads")
        .or("1")
        .at_least(1)
        .no_effect()
        .doc("Number of threads of the Java share coordinator."),
    int("share.coordinator.write.timeout.ms")
        .or("5000")
        .at_least(1)
        .high()
        .unsupported()
        .doc("Time in milliseconds that a write of share state waits for its replicas."),
    int("share.fetch.purgatory.purge.interval.requests")
        .or("1000")
        .no_effect()
        .doc("Finished delayed share fetches after which the Java broker tidies its waiting list."),
];
