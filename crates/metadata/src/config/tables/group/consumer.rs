//! Group keys: consumer groups and their dead-letter queues.

use crate::config::key::{ConfigKey, boolean, int, same, string};

pub(in crate::config) const KEYS: &[ConfigKey] = &[
    int("consumer.assignment.interval.ms")
        .or("1000")
        .at_least(0)
        .from(&[same("group.consumer.assignment.interval.ms")])
        .unsupported()
        .doc(
            "Shortest time in milliseconds between two computations of this consumer group's \
             assignment.",
        ),
    boolean("consumer.assignor.offload.enable")
        .or("true")
        .internal()
        .from(&[same("group.consumer.assignor.offload.enable")])
        .unsupported()
        .doc(
            "Whether this consumer group's assignment is computed off the coordinator's own \
             thread.",
        ),
    int("consumer.heartbeat.interval.ms")
        .or("5000")
        .at_least(1)
        .from(&[same("group.consumer.heartbeat.interval.ms")])
        .unsupported()
        .doc("Time in milliseconds between two heartbeats of a member of this consumer group."),
    int("consumer.session.timeout.ms")
        .or("45000")
        .at_least(1)
        .from(&[same("group.consumer.session.timeout.ms")])
        .unsupported()
        .doc(
            "Time in milliseconds without a heartbeat after which a member of this consumer group \
             counts as gone.",
        ),
    boolean("errors.deadletterqueue.copy.record.enable").or("false").unsupported().doc(
        "Whether the dead-letter topic receives the record itself or only headers that tell \
         what failed.",
    ),
    string("errors.deadletterqueue.topic.name").or("").unsupported().doc(
        "Topic that takes records which this share group could not deliver; empty means none.",
    ),
];
