//! Keys of client-metrics subscriptions (KIP-714).

use crate::config::allowed::Allowed;
use crate::config::key::{ConfigKey, int, list};

pub(in crate::config) const KEYS: &[ConfigKey] = &[
    int("interval.ms")
        .or("300000")
        .unsupported()
        .doc("Time in milliseconds between two pushes of metrics by a matching client."),
    list("match")
        .or("")
        .allow(Allowed::Items { words: &[], empty: true, null: false })
        .unsupported()
        .doc(
            "Patterns `selector=regular expression` that a client must all match; an empty list \
             matches every client.",
        ),
    list("metrics")
        .or("")
        .allow(Allowed::Items { words: &[], empty: true, null: false })
        .unsupported()
        .doc(
            "Prefixes of the metric names that clients push; `*` asks for all, an empty list for \
             none.",
        ),
];
