//! Broker keys: who the broker is, topics by default, and limits of requests.

use crate::config::allowed::Allowed;
use crate::config::key::{ConfigKey, boolean, class, int, list, long, string};

pub(in crate::config) const KEYS: &[ConfigKey] = &[
    string("authorizer.class.name")
        .or("")
        .allow(Allowed::NonNull)
        .low()
        .unsupported()
        .doc("Class that decides who may do what; empty lets everybody do everything."),
    boolean("auto.create.topics.enable")
        .or("true")
        .high()
        .doc("Whether asking for the metadata of a missing topic creates it."),
    int("broker.id")
        .or("-1")
        .high()
        .doc("Older name of `node.id`; both must agree if both are set."),
    string("broker.rack").or_null().doc("Name of the rack or zone that the broker stands in."),
    boolean("controlled.shutdown.enable")
        .or("true")
        .doc("Whether leaders move to other brokers before this one stops."),
    int("default.replication.factor")
        .or("1")
        .doc("Number of replicas of topics that are created without saying how many."),
    boolean("delete.topic.enable").or("true").high().doc("Whether topics can be deleted."),
    list("early.start.listeners")
        .or_null()
        .allow(Allowed::Items { words: &[], empty: true, null: true })
        .high()
        .doc("Listeners that open before the authorizer is ready; unset means the controller's."),
    int("fetch.max.bytes")
        .or("57671680")
        .at_least(1024)
        .doc("Largest size in bytes of a fetch response, except that one batch always fits."),
    int("max.decompressed.message.bytes")
        .or("2147483639")
        .between(1, 2147483639)
        .cluster_wide()
        .doc(
            "Largest size in bytes of one record after decompression, where a topic does not say.",
        ),
    int("max.incremental.fetch.session.cache.slots")
        .or("1000")
        .at_least(0)
        .doc("Number of incremental fetch sessions that the broker remembers."),
    int("max.request.partition.size.limit")
        .or("2000")
        .at_least(1)
        .doc("Number of partitions that one request for topic descriptions may ask for."),
    int("message.max.bytes")
        .or("1048588")
        .at_least(0)
        .high()
        .cluster_wide()
        .doc("Largest size in bytes of a record batch as it is sent, where a topic does not say."),
    int("min.insync.replicas").or("1").at_least(1).high().cluster_wide().doc(
        "Replicas that must have a batch before a write with `acks=all` succeeds, where a \
         topic does not say.",
    ),
    int("node.id").at_least(0).high().doc("Number that identifies this process in the cluster."),
    int("num.partitions")
        .or("1")
        .at_least(1)
        .doc("Number of partitions of topics that are created without saying how many."),
    list("process.roles")
        .allow(Allowed::Items { words: &["broker", "controller"], empty: false, null: false })
        .high()
        .doc("What this process does: `broker`, `controller`, or both."),
    int("background.threads")
        .or("10")
        .at_least(1)
        .high()
        .cluster_wide()
        .no_effect()
        .doc("Number of threads for background work in the Java broker."),
    list("config.providers")
        .or("")
        .allow(Allowed::Items { words: &[], empty: true, null: false })
        .low()
        .cluster_wide()
        .no_effect()
        .doc("Names of Java classes that fill in `${…}` references in values."),
    class("alter.config.policy.class.name")
        .or_null()
        .low()
        .no_effect()
        .doc("Java class that may refuse changes of configs."),
    class("create.topic.policy.class.name")
        .or_null()
        .low()
        .no_effect()
        .doc("Java class that may refuse topics."),
    int("delete.records.purgatory.purge.interval.requests")
        .or("1")
        .no_effect()
        .doc("Finished delayed deletions after which the Java broker tidies its waiting list."),
    int("fetch.purgatory.purge.interval.requests")
        .or("1000")
        .no_effect()
        .doc("Finished delayed fetches after which the Java broker tidies its waiting list."),
    int("producer.purgatory.purge.interval.requests")
        .or("1000")
        .no_effect()
        .doc("Finished delayed writes after which the Java broker tidies its waiting list."),
    int("kafka.metrics.polling.interval.secs")
        .or("10")
        .at_least(1)
        .low()
        .no_effect()
        .doc("Seconds between two polls by the Java metrics reporters."),
    list("kafka.metrics.reporters")
        .or("")
        .allow(Allowed::Items { words: &[], empty: true, null: false })
        .low()
        .no_effect()
        .doc("Java classes that report Yammer metrics."),
    list("metric.reporters")
        .or("org.apache.kafka.common.metrics.JmxReporter")
        .allow(Allowed::Items { words: &[], empty: true, null: false })
        .low()
        .cluster_wide()
        .no_effect()
        .doc("Java classes that report metrics."),
    int("metrics.num.samples")
        .or("2")
        .at_least(1)
        .low()
        .no_effect()
        .doc("Number of windows that Java metrics are computed over."),
    string("metrics.recording.level")
        .or("INFO")
        .low()
        .no_effect()
        .doc("Level from which on Java metrics are recorded: INFO, DEBUG or TRACE."),
    long("metrics.sample.window.ms")
        .or("30000")
        .at_least(1)
        .low()
        .no_effect()
        .doc("Length in milliseconds of one window of Java metrics."),
    int("telemetry.max.bytes")
        .or("1048576")
        .at_least(1)
        .low()
        .unsupported()
        .doc("Largest size in bytes of one push of client metrics, after compression."),
    boolean("unstable.api.versions.enable")
        .or("false")
        .high()
        .internal()
        .unsupported()
        .doc("Whether versions of requests that may still change are offered."),
    boolean("unstable.feature.versions.enable")
        .or("false")
        .high()
        .internal()
        .unsupported()
        .doc("Whether levels of features that may still change are allowed."),
    long("server.max.startup.time.ms")
        .or("9223372036854775807")
        .at_least(0)
        .internal()
        .doc("Time in milliseconds within which the server must be up, else it stops."),
];
