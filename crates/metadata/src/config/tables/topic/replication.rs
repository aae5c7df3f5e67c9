//! Topic keys: replicas, their throttles and the remote tier.

use crate::config::allowed::Allowed;
use crate::config::key::{ConfigKey, boolean, int, list, long, same};

pub(in crate::config) const KEYS: &[ConfigKey] = &[
    list("follower.replication.throttled.replicas").or("").allow(Allowed::ThrottledReplicas).doc(
        "Replicas whose catching up is throttled, as `partition:broker` pairs, or `*` for \
             all.",
    ),
    list("leader.replication.throttled.replicas").or("").allow(Allowed::ThrottledReplicas).doc(
        "Replicas that leaders serve under a throttle, as `partition:broker` pairs, or `*` \
             for all.",
    ),
    long("local.retention.bytes")
        .or("-2")
        .at_least(-2)
        .from(&[same("log.local.retention.bytes")])
        .unsupported()
        .doc("Bytes of a tiered partition that stay on local disk; -2 takes `retention.bytes`."),
    long("local.retention.ms")
        .or("-2")
        .at_least(-2)
        .from(&[same("log.local.retention.ms")])
        .unsupported()
        .doc(
            "Time in milliseconds that records of a tiered partition stay on local disk; -2 takes \
             `retention.ms`.",
        ),
    int("min.insync.replicas")
        .or("1")
        .at_least(1)
        .from(&[same("min.insync.replicas")])
        .doc("Replicas that must have a batch before a write with `acks=all` succeeds."),
    long("remote.copy.lag.bytes")
        .or("-1")
        .at_least(-1)
        .from(&[same("log.remote.copy.lag.bytes")])
        .unsupported()
        .doc(
            "Bytes of later data after which a closed segment is copied to the remote tier; 0 \
             copies at once, -1 derives it from `local.retention.bytes`.",
        ),
    long("remote.copy.lag.ms")
        .or("0")
        .at_least(-1)
        .from(&[same("log.remote.copy.lag.ms")])
        .unsupported()
        .doc(
            "Age in milliseconds at which a closed segment is copied to the remote tier; 0 copies \
             at once, -1 derives it from `local.retention.ms`.",
        ),
    boolean("remote.log.copy.disable").or("false").unsupported().doc(
        "Whether a tiered topic stops copying to the remote tier, so that local retention \
         alone bounds its data.",
    ),
    boolean("remote.log.delete.on.disable").or("false").unsupported().doc(
        "Whether data in the remote tier is deleted when tiering is switched off for the \
         topic.",
    ),
    boolean("remote.storage.enable")
        .or("false")
        .unsupported()
        .doc("Whether closed segments of the topic are copied to the remote tier."),
    boolean("unclean.leader.election.enable")
        .or("false")
        .from(&[same("unclean.leader.election.enable")])
        .doc(
            "Whether a replica that may lack acknowledged records can become leader when no other \
             is left.",
        ),
];
