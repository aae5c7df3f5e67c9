//! Broker keys: windows over which quotas are measured.

use crate::config::key::{ConfigKey, class, int};

pub(in crate::config) const KEYS: &[ConfigKey] = &[
    int("alter.log.dirs.replication.quota.window.num")
        .or("11")
        .at_least(1)
        .low()
        .unsupported()
        .doc("Number of windows that traffic between log directories is measured over."),
    int("alter.log.dirs.replication.quota.window.size.seconds")
        .or("1")
        .at_least(1)
        .low()
        .unsupported()
        .doc("Seconds of one window of traffic between log directories."),
    class("client.quota.callback.class")
        .or_null()
        .low()
        .no_effect()
        .doc("Java class that decides the quotas of clients."),
    int("controller.quota.window.num")
        .or("11")
        .at_least(1)
        .low()
        .unsupported()
        .doc("Number of windows that changes of metadata are measured over."),
    int("controller.quota.window.size.seconds")
        .or("1")
        .at_least(1)
        .low()
        .unsupported()
        .doc("Seconds of one window of changes of metadata."),
    int("quota.window.num")
        .or("11")
        .at_least(1)
        .low()
        .unsupported()
        .doc("Number of windows that clients' traffic is measured over."),
    int("quota.window.size.seconds")
        .or("1")
        .at_least(1)
        .low()
        .unsupported()
        .doc("Seconds of one window of clients' traffic."),
    int("replication.quota.window.num")
        .or("11")
        .at_least(1)
        .low()
        .unsupported()
        .doc("Number of windows that replication traffic is measured over."),
    int("replication.quota.window.size.seconds")
        .or("1")
        .at_least(1)
        .low()
        .unsupported()
        .doc("Seconds of one window of replication traffic."),
];
