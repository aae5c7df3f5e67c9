//! Broker keys: the remote tier (KIP-405).

use crate::config::allowed::Allowed;
use crate::config::key::{ConfigKey, boolean, double, int, long, string};

pub(in crate::config) const KEYS: &[ConfigKey] = &[
    long("log.local.retention.bytes").or("-2").at_least(-2).cluster_wide().unsupported().doc(
        "Bytes of a tiered partition that stay on local disk, where a topic does not say; -2 \
         takes the total.",
    ),
    long("log.local.retention.ms").or("-2").at_least(-2).cluster_wide().unsupported().doc(
        "Time in milliseconds that records of a tiered partition stay on local disk, where a \
         topic does not say; -2 takes the total.",
    ),
    long("log.remote.copy.lag.bytes").or("-1").at_least(-1).cluster_wide().unsupported().doc(
        "Bytes of later data after which a closed segment is copied, where a topic does not \
         say; 0 at once, -1 by local retention.",
    ),
    long("log.remote.copy.lag.ms").or("0").at_least(-1).cluster_wide().unsupported().doc(
        "Age in milliseconds at which a closed segment is copied, where a topic does not say; \
         0 at once, -1 by local retention.",
    ),
    int("remote.fetch.max.wait.ms")
        .or("500")
        .at_least(1)
        .cluster_wide()
        .unsupported()
        .doc("Longest time in milliseconds that a fetch waits for the remote tier."),
    long("remote.list.offsets.request.timeout.ms")
        .or("30000")
        .at_least(1)
        .cluster_wide()
        .unsupported()
        .doc("Longest time in milliseconds that a search for an offset waits for the remote tier."),
    long("remote.log.index.file.cache.total.size.bytes")
        .or("1073741824")
        .at_least(1)
        .low()
        .cluster_wide()
        .no_effect()
        .doc("Bytes of disk that the Java broker keeps for copies of remote indexes."),
    long("remote.log.index.file.cache.ttl.ms")
        .or("900000")
        .at_least(-1)
        .low()
        .internal()
        .unsupported()
        .doc(
            "Time in milliseconds after which an unused copy of a remote index is dropped; -1 \
             never.",
        ),
    int("remote.log.manager.copier.thread.pool.size")
        .or("10")
        .at_least(1)
        .cluster_wide()
        .no_effect()
        .doc("Number of threads that copy segments in the Java broker."),
    long("remote.log.manager.copy.max.bytes.per.second")
        .or("9223372036854775807")
        .at_least(1)
        .cluster_wide()
        .unsupported()
        .doc("Bytes per second that this broker may copy to the remote tier."),
    int("remote.log.manager.copy.quota.window.num")
        .or("11")
        .at_least(1)
        .unsupported()
        .doc("Number of windows that copying to the remote tier is measured over."),
    int("remote.log.manager.copy.quota.window.size.seconds")
        .or("1")
        .at_least(1)
        .unsupported()
        .doc("Seconds of one window of copying to the remote tier."),
    int("remote.log.manager.expiration.thread.pool.size")
        .or("10")
        .at_least(1)
        .cluster_wide()
        .no_effect()
        .doc("Number of threads that delete remote segments in the Java broker."),
    long("remote.log.manager.fetch.max.bytes.per.second")
        .or("9223372036854775807")
        .at_least(1)
        .cluster_wide()
        .unsupported()
        .doc("Bytes per second that this broker may read from the remote tier."),
    int("remote.log.manager.fetch.quota.window.num")
        .or("11")
        .at_least(1)
        .unsupported()
        .doc("Number of windows that reading from the remote tier is measured over."),
    int("remote.log.manager.fetch.quota.window.size.seconds")
        .or("1")
        .at_least(1)
        .unsupported()
        .doc("Seconds of one window of reading from the remote tier."),
    int("remote.log.manager.follower.thread.pool.size")
        .or("2")
        .at_least(1)
        .cluster_wide()
        .no_effect()
        .doc("Number of threads that follow remote offsets in the Java broker."),
    long("remote.log.manager.task.interval.ms")
        .or("30000")
        .at_least(1)
        .low()
        .unsupported()
        .doc("Time in milliseconds between two passes over a partition for copying and expiry."),
    long("remote.log.manager.task.retry.backoff.max.ms")
        .or("30000")
        .at_least(1)
        .low()
        .internal()
        .unsupported()
        .doc("Upper bound in milliseconds of the growing wait after a failed copy."),
    long("remote.log.manager.task.retry.backoff.ms")
        .or("500")
        .at_least(1)
        .low()
        .internal()
        .unsupported()
        .doc("First wait in milliseconds after a failed copy."),
    double("remote.log.manager.task.retry.jitter")
        .or("0.2")
        .allow(Allowed::Ratio(0.0, 0.5))
        .low()
        .internal()
        .unsupported()
        .doc("Share, 0 to 0.5, by which the wait after a failed copy varies at random."),
    int("remote.log.manager.thread.pool.size")
        .or("2")
        .at_least(1)
        .no_effect()
        .doc("Older name of `remote.log.manager.follower.thread.pool.size`."),
    int("remote.log.metadata.custom.metadata.max.bytes")
        .or("128")
        .at_least(0)
        .low()
        .unsupported()
        .doc("Largest size in bytes of the note that a storage plugin may keep for a segment."),
    string("remote.log.metadata.manager.class.name")
        .or("org.apache.kafka.server.log.remote.metadata.storage.\
         TopicBasedRemoteLogMetadataManager")
        .allow(Allowed::NonEmpty)
        .unsupported()
        .doc("Class that keeps the list of remote segments."),
    string("remote.log.metadata.manager.class.path")
        .or_null()
        .no_effect()
        .doc("Java class path of that class."),
    string("remote.log.metadata.manager.impl.prefix")
        .or("rlmm.config.")
        .allow(Allowed::NonEmpty)
        .no_effect()
        .doc(
            "Prefix of the keys that are handed to the class that keeps the list of remote \
             segments.",
        ),
    string("remote.log.metadata.manager.listener.name")
        .or_null()
        .allow(Allowed::NonEmpty)
        .unsupported()
        .doc("Listener that the keeper of the list of remote segments connects to."),
    int("remote.log.reader.max.pending.tasks")
        .or("100")
        .at_least(1)
        .no_effect()
        .doc("Number of remote reads that may wait in the Java broker."),
    int("remote.log.reader.threads")
        .or("10")
        .at_least(1)
        .cluster_wide()
        .no_effect()
        .doc("Number of threads that read remote segments in the Java broker."),
    string("remote.log.storage.manager.class.name")
        .or_null()
        .allow(Allowed::NonEmpty)
        .unsupported()
        .doc("Class that stores and reads remote segments."),
    string("remote.log.storage.manager.class.path")
        .or_null()
        .no_effect()
        .doc("Java class path of that class."),
    string("remote.log.storage.manager.impl.prefix")
        .or("rsm.config.")
        .allow(Allowed::NonEmpty)
        .no_effect()
        .doc("Prefix of the keys that are handed to the class that stores remote segments."),
    boolean("remote.log.storage.system.enable")
        .or("false")
        .unsupported()
        .doc("Whether this broker takes part in the remote tier at all."),
];
