//! Broker keys: consumer groups (KIP-848).

use crate::config::allowed::Allowed;
use crate::config::key::{ConfigKey, boolean, int, list, string};

pub(in crate::config) const KEYS: &[ConfigKey] = &[
    int("group.consumer.assignment.interval.ms")
        .or("1000")
        .at_least(0)
        .cluster_wide()
        .unsupported()
        .doc(
            "Shortest time in milliseconds between two computations of a consumer group's \
             assignment.",
        ),
    boolean("group.consumer.assignor.offload.enable")
        .or("true")
        .cluster_wide()
        .internal()
        .unsupported()
        .doc("Whether consumer groups' assignments are computed off the coordinator's own thread."),
    list("group.consumer.assignors")
        .or("uniform,range")
        .allow(Allowed::Items { words: &[], empty: false, null: false })
        .unsupported()
        .doc("Assignors of consumer groups, by name or Java class; the first is the default."),
    int("group.consumer.heartbeat.interval.ms")
        .or("5000")
        .at_least(1)
        .unsupported()
        .doc("Time in milliseconds between two heartbeats of a member of a consumer group."),
    int("group.consumer.max.assignment.interval.ms")
        .or("15000")
        .at_least(0)
        .unsupported()
        .doc("Upper bound in milliseconds for a group's `consumer.assignment.interval.ms`."),
    int("group.consumer.max.heartbeat.interval.ms")
        .or("15000")
        .at_least(1)
        .unsupported()
        .doc("Upper bound in milliseconds for a group's `consumer.heartbeat.interval.ms`."),
    int("group.consumer.max.session.timeout.ms")
        .or("60000")
        .at_least(1)
        .unsupported()
        .doc("Upper bound in milliseconds for a group's `consumer.session.timeout.ms`."),
    int("group.consumer.max.size")
        .or("2147483647")
        .at_least(1)
        .unsupported()
        .doc("Number of members that a consumer group may have."),
    string("group.consumer.migration.policy")
        .or("bidirectional")
        .allow(Allowed::OneOfIgnoringCase(&["DISABLED", "DOWNGRADE", "UPGRADE", "BIDIRECTIONAL"]))
        .unsupported()
        .doc(
            "Whether groups may turn online from classic to consumer (`upgrade`), back \
             (`downgrade`), both (`bidirectional`) or neither (`disabled`).",
        ),
    int("group.consumer.min.assignment.interval.ms")
        .or("0")
        .at_least(0)
        .unsupported()
        .doc("Lower bound in milliseconds for a group's `consumer.assignment.interval.ms`."),
    int("group.consumer.min.heartbeat.interval.ms")
        .or("5000")
        .at_least(1)
        .unsupported()
        .doc("Lower bound in milliseconds for a group's `consumer.heartbeat.interval.ms`."),
    int("group.consumer.min.session.timeout.ms")
        .or("45000")
        .at_least(1)
        .unsupported()
        .doc("Lower bound in milliseconds for a group's `consumer.session.timeout.ms`."),
    int("group.consumer.regex.refresh.interval.ms")
        .or("600000")
        .at_least(10000)
        .internal()
        .unsupported()
        .doc("Time in milliseconds between two evaluations of a subscribed pattern."),
    int("group.consumer.session.timeout.ms").or("45000").at_least(1).unsupported().doc(
        "Time in milliseconds without a heartbeat after which a member of a consumer group \
         counts as gone.",
    ),
];
