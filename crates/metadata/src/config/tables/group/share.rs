//! Group keys: share groups.

use crate::config::allowed::Allowed;
use crate::config::key::{ConfigKey, boolean, int, same, string};

pub(in crate::config) const KEYS: &[ConfigKey] = &[
    int("share.assignment.interval.ms")
        .or("1000")
        .at_least(0)
        .from(&[same("group.share.assignment.interval.ms")])
        .unsupported()
        .doc(
            "Shortest time in milliseconds between two computations of this share group's \
             assignment.",
        ),
    boolean("share.assignor.offload.enable")
        .or("true")
        .internal()
        .from(&[same("group.share.assignor.offload.enable")])
        .unsupported()
        .doc("Whether this share group's assignment is computed off the coordinator's own thread."),
    string("share.auto.offset.reset").or("latest").allow(Allowed::OffsetReset).unsupported().doc(
        "Where a share group begins without stored state: `latest`, `earliest`, or \
         `by_duration:` and an ISO 8601 duration back from the present.",
    ),
    int("share.delivery.count.limit")
        .or("5")
        .at_least(2)
        .from(&[same("group.share.delivery.count.limit")])
        .unsupported()
        .doc("Number of times that one record is handed out before it is given up."),
    int("share.heartbeat.interval.ms")
        .or("5000")
        .at_least(1)
        .from(&[same("group.share.heartbeat.interval.ms")])
        .unsupported()
        .doc("Time in milliseconds between two heartbeats of a member of this share group."),
    string("share.isolation.level")
        .or("read_uncommitted")
        .allow(Allowed::OneOf(&["read_committed", "read_uncommitted"]))
        .unsupported()
        .doc(
            "Which records the group sees: `read_uncommitted` all of them, `read_committed` \
             without those of open and aborted transactions.",
        ),
    int("share.partition.max.record.locks")
        .or("2000")
        .at_least(100)
        .from(&[same("group.share.partition.max.record.locks")])
        .unsupported()
        .doc("Number of records of one partition that the group may hold at a time."),
    int("share.record.lock.duration.ms")
        .or("30000")
        .at_least(1000)
        .from(&[same("group.share.record.lock.duration.ms")])
        .unsupported()
        .doc("Time in milliseconds that a record handed out stays reserved for its consumer."),
    boolean("share.renew.acknowledge.enable")
        .or("true")
        .unsupported()
        .doc("Whether members may prolong their hold on a record."),
    int("share.session.timeout.ms")
        .or("45000")
        .at_least(1)
        .from(&[same("group.share.session.timeout.ms")])
        .unsupported()
        .doc(
            "Time in milliseconds without a heartbeat after which a member of this share group \
             counts as gone.",
        ),
];
