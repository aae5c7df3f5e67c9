//! Keys that exist only as dynamic broker configs: limits on replication traffic.

use crate::config::key::{ConfigKey, long};

pub(in crate::config) const KEYS: &[ConfigKey] = &[
    long("follower.replication.throttled.rate")
        .or("9223372036854775807")
        .at_least(0)
        .cluster_wide()
        .doc(
            "Bytes per second at which this broker's followers of throttled replicas may fetch \
             together.",
        ),
    long("leader.replication.throttled.rate")
        .or("9223372036854775807")
        .at_least(0)
        .cluster_wide()
        .doc(
            "Bytes per second at which this broker's leaders may serve throttled replicas \
             together.",
        ),
    long("replica.alter.log.dirs.io.max.bytes.per.second")
        .or("9223372036854775807")
        .at_least(0)
        .cluster_wide()
        .doc("Bytes per second at which replicas may move between this broker's log directories."),
];
