//! Broker keys: the controller's quorum and the brokers' membership.

use crate::config::allowed::Allowed;
use crate::config::key::{ConfigKey, boolean, int, list, long};

pub(in crate::config) const KEYS: &[ConfigKey] = &[
    int("broker.heartbeat.interval.ms")
        .or("200")
        .doc("Time in milliseconds between two heartbeats of the broker to the controller."),
    int("broker.session.timeout.ms").or("1500").doc(
        "Time in milliseconds without a heartbeat after which a broker counts as gone. Where it is \
         not set, brokers that beat less often than every 300 ms, as those of Apache Kafka do, \
         have 9000.",
    ),
    list("controller.listener.names")
        .allow(Allowed::Items { words: &[], empty: false, null: false })
        .high()
        .doc("Listeners of the controller; a broker connects to the first."),
    long("controller.performance.always.log.threshold.ms")
        .or("2000")
        .at_least(0)
        .internal()
        .unsupported()
        .doc("Time in milliseconds from which on a slow controller event is always logged."),
    long("controller.performance.sample.period.ms")
        .or("60000")
        .at_least(100)
        .internal()
        .unsupported()
        .doc("Time in milliseconds between two reports of the controller's performance."),
    int("controller.quorum.append.linger.ms")
        .or("25")
        .at_least(0)
        .done_otherwise("what waits together is written together, and nothing waits for more")
        .doc(
            "Time in milliseconds that the quorum's leader gathers records before it writes them.",
        ),
    boolean("controller.quorum.auto.join.enable")
        .or("false")
        .low()
        .doc("Whether a controller adds itself to the voters of a dynamic quorum."),
    list("controller.quorum.bootstrap.servers")
        .or("")
        .allow(Allowed::BootstrapServers)
        .high()
        .doc("Addresses `host:port` at which a node first looks for the quorum."),
    int("controller.quorum.election.backoff.max.ms")
        .or("1000")
        .at_least(0)
        .high()
        .doc("Upper bound in milliseconds of the wait before another election."),
    int("controller.quorum.election.timeout.ms")
        .or("1000")
        .at_least(0)
        .high()
        .doc("Time in milliseconds that a candidate waits for votes before it tries again."),
    int("controller.quorum.fetch.max.bytes")
        .or("1048576")
        .at_least(1)
        .low()
        .doc("Largest size in bytes of one answer with metadata records."),
    int("controller.quorum.fetch.snapshot.max.bytes")
        .or("1048576")
        .at_least(1)
        .low()
        .doc("Largest size in bytes of one piece of a metadata snapshot."),
    int("controller.quorum.fetch.timeout.ms").or("1000").at_least(0).high().doc(
        "Time in milliseconds without contact to the leader after which a voter stands for \
         election.",
    ),
    int("controller.quorum.request.timeout.ms")
        .or("2000")
        .at_least(0)
        .doc("Time in milliseconds that requests within the quorum wait for an answer."),
    int("controller.quorum.retry.backoff.ms")
        .or("20")
        .at_least(0)
        .low()
        .doc("Time in milliseconds between two attempts of a request within the quorum."),
    list("controller.quorum.voters")
        .or("")
        .allow(Allowed::Voters)
        .high()
        .doc("Voters of a static quorum, as `id@host:port`; leave it empty for a dynamic quorum."),
    int("controller.socket.timeout.ms").or("30000").unsupported().doc(
        "Time in milliseconds that a connection from a broker to the controller may be \
         silent.",
    ),
    int("initial.broker.registration.timeout.ms").or("60000").doc(
        "Time in milliseconds in which the broker must register with the controller after it \
         starts.",
    ),
    long("leader.imbalance.check.interval.seconds").or("300").at_least(1).high().doc(
        "Seconds between two checks whether leadership should return to the preferred \
         replicas.",
    ),
    boolean("auto.leader.rebalance.enable")
        .or("true")
        .high()
        .doc("Whether leadership returns to preferred replicas by itself."),
    boolean("unclean.leader.election.enable").or("false").high().cluster_wide().doc(
        "Whether a replica that may lack acknowledged records can lead when no other is left, \
         where a topic does not say.",
    ),
    long("unclean.leader.election.interval.ms").or("300000").at_least(1).internal().doc(
        "Time in milliseconds between two searches for partitions that need an unclean \
             election.",
    ),
];
