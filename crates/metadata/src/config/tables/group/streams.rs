//! Group keys: streams groups.

use crate::config::allowed::Allowed;
use crate::config::key::{ConfigKey, boolean, int, list, long, same, string};

pub(in crate::config) const KEYS: &[ConfigKey] = &[
    long("streams.acceptable.recovery.lag")
        .or("10000")
        .at_least(0)
        .internal()
        .from(&[same("group.streams.acceptable.recovery.lag")])
        .unsupported()
        .doc("Number of offsets that a client may lie behind and still be given an active task."),
    int("streams.assignment.interval.ms")
        .or("1000")
        .at_least(0)
        .from(&[same("group.streams.assignment.interval.ms")])
        .unsupported()
        .doc(
            "Shortest time in milliseconds between two computations of this streams group's \
             assignment.",
        ),
    string("streams.assignor.name")
        .or_null()
        .from(&[same("group.streams.assignors")])
        .unsupported()
        .doc(
            "Short name of the task assignor for this streams group; unset takes the first one of \
             the broker.",
        ),
    boolean("streams.assignor.offload.enable")
        .or("true")
        .internal()
        .from(&[same("group.streams.assignor.offload.enable")])
        .unsupported()
        .doc(
            "Whether this streams group's assignment is computed off the coordinator's own \
             thread.",
        ),
    int("streams.heartbeat.interval.ms")
        .or("5000")
        .at_least(1)
        .from(&[same("group.streams.heartbeat.interval.ms")])
        .unsupported()
        .doc("Time in milliseconds between two heartbeats of a member of this streams group."),
    int("streams.initial.rebalance.delay.ms")
        .or("3000")
        .at_least(0)
        .from(&[same("group.streams.initial.rebalance.delay.ms")])
        .unsupported()
        .doc(
            "Time in milliseconds that an empty streams group waits for more members before its \
             first assignment.",
        ),
    int("streams.num.standby.replicas")
        .or("0")
        .at_least(0)
        .from(&[same("group.streams.num.standby.replicas")])
        .unsupported()
        .doc("Number of standby copies of each stateful task."),
    int("streams.num.warmup.replicas")
        .or("2")
        .at_least(0)
        .internal()
        .from(&[same("group.streams.num.warmup.replicas")])
        .unsupported()
        .doc("Number of tasks that may warm up on other clients at a time."),
    list("streams.rack.aware.assignment.tags")
        .or("")
        .allow(Allowed::Items { words: &[], empty: true, null: false })
        .low()
        .from(&[same("group.streams.rack.aware.assignment.tags")])
        .unsupported()
        .doc("Client tags over whose values standby tasks are spread."),
    int("streams.session.timeout.ms")
        .or("45000")
        .at_least(1)
        .from(&[same("group.streams.session.timeout.ms")])
        .unsupported()
        .doc(
            "Time in milliseconds without a heartbeat after which a member of this streams group \
             counts as gone.",
        ),
    int("streams.task.offset.interval.ms")
        .or("60000")
        .at_least(1)
        .internal()
        .from(&[same("group.streams.task.offset.interval.ms")])
        .unsupported()
        .doc("Time in milliseconds between two reports of warm-up progress by a client."),
];
