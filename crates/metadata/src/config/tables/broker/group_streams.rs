//! Broker keys: streams groups (KIP-1071).

use crate::config::allowed::Allowed;
use crate::config::key::{ConfigKey, boolean, class, int, list, long};

pub(in crate::config) const KEYS: &[ConfigKey] = &[
    long("group.streams.acceptable.recovery.lag")
        .or("10000")
        .at_least(0)
        .internal()
        .unsupported()
        .doc("Number of offsets that a client may lie behind and still be given an active task."),
    int("group.streams.assignment.interval.ms")
        .or("1000")
        .at_least(0)
        .cluster_wide()
        .unsupported()
        .doc(
            "Shortest time in milliseconds between two computations of a streams group's \
             assignment.",
        ),
    boolean("group.streams.assignor.offload.enable")
        .or("true")
        .cluster_wide()
        .internal()
        .unsupported()
        .doc("Whether streams groups' assignments are computed off the coordinator's own thread."),
    list("group.streams.assignors")
        .or("sticky")
        .allow(Allowed::Items { words: &[], empty: false, null: false })
        .unsupported()
        .doc("Task assignors of streams groups; the first is the default."),
    int("group.streams.heartbeat.interval.ms")
        .or("5000")
        .at_least(1)
        .unsupported()
        .doc("Time in milliseconds between two heartbeats of a member of a streams group."),
    int("group.streams.initial.rebalance.delay.ms").or("3000").at_least(0).unsupported().doc(
        "Time in milliseconds that an empty streams group waits for more members before its \
         first assignment.",
    ),
    int("group.streams.max.assignment.interval.ms")
        .or("15000")
        .at_least(0)
        .unsupported()
        .doc("Upper bound in milliseconds for a group's `streams.assignment.interval.ms`."),
    int("group.streams.max.heartbeat.interval.ms")
        .or("15000")
        .at_least(1)
        .unsupported()
        .doc("Upper bound in milliseconds for a group's `streams.heartbeat.interval.ms`."),
    int("group.streams.max.session.timeout.ms")
        .or("60000")
        .at_least(1)
        .unsupported()
        .doc("Upper bound in milliseconds for a group's `streams.session.timeout.ms`."),
    int("group.streams.max.size")
        .or("2147483647")
        .at_least(1)
        .unsupported()
        .doc("Number of members that a streams group may have."),
    int("group.streams.max.standby.replicas")
        .or("2")
        .at_least(0)
        .unsupported()
        .doc("Upper bound for a group's `streams.num.standby.replicas`."),
    int("group.streams.max.warmup.replicas")
        .or("20")
        .at_least(0)
        .internal()
        .unsupported()
        .doc("Upper bound for a group's `streams.num.warmup.replicas`."),
    int("group.streams.min.assignment.interval.ms")
        .or("0")
        .at_least(0)
        .unsupported()
        .doc("Lower bound in milliseconds for a group's `streams.assignment.interval.ms`."),
    int("group.streams.min.heartbeat.interval.ms")
        .or("5000")
        .at_least(1)
        .unsupported()
        .doc("Lower bound in milliseconds for a group's `streams.heartbeat.interval.ms`."),
    int("group.streams.min.session.timeout.ms")
        .or("45000")
        .at_least(1)
        .unsupported()
        .doc("Lower bound in milliseconds for a group's `streams.session.timeout.ms`."),
    int("group.streams.min.task.offset.interval.ms")
        .or("15000")
        .at_least(1)
        .internal()
        .unsupported()
        .doc("Lower bound in milliseconds for a group's `streams.task.offset.interval.ms`."),
    int("group.streams.num.standby.replicas")
        .or("0")
        .at_least(0)
        .unsupported()
        .doc("Number of standby copies of each stateful task."),
    int("group.streams.num.warmup.replicas")
        .or("2")
        .at_least(0)
        .internal()
        .unsupported()
        .doc("Number of tasks that may warm up on other clients at a time."),
    list("group.streams.rack.aware.assignment.tags")
        .or("")
        .allow(Allowed::Items { words: &[], empty: true, null: false })
        .low()
        .unsupported()
        .doc("Client tags over whose values standby tasks are spread."),
    int("group.streams.session.timeout.ms").or("45000").at_least(1).unsupported().doc(
        "Time in milliseconds without a heartbeat after which a member of a streams group \
         counts as gone.",
    ),
    int("group.streams.task.offset.interval.ms")
        .or("60000")
        .at_least(1)
        .internal()
        .unsupported()
        .doc("Time in milliseconds between two reports of warm-up progress by a client."),
    class("group.streams.topology.description.plugin.class")
        .or_null()
        .no_effect()
        .doc("Java class that keeps descriptions of topologies; unset keeps none."),
];
