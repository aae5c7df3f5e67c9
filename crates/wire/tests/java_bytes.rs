//! Kafka's own classes serialise every message in every version with random fields; ours decodes
//! them, encodes them to the same bytes and prints persisted ones as the same JSON.

#![allow(clippy::unwrap_used, reason = "a test helper that fails ends the test")]

#[path = "support/samples.rs"]
mod samples;
mod support;

use std::collections::{BTreeMap, BTreeSet};

use samples::Sample;
use wire::catalogue::{CATALOGUE, Entry, Kind};

const SAMPLES_PER_VERSION: usize = 12;

#[test]
fn kafka_and_we_write_the_same_bytes() {
    let Some(jars) = support::jars() else { return };
    let file = samples::of_kafka(&jars, "java_bytes", SAMPLES_PER_VERSION);
    let entries: BTreeMap<&str, &Entry> = CATALOGUE.iter().map(|e| (e.name, e)).collect();
    let mut pairs = BTreeSet::new();
    let mut failures = Vec::new();
    for sample in samples::each(&file) {
        let entry = entries[sample.name];
        pairs.insert((entry.kind as u8, entry.id, sample.name, sample.version));
        if let Err(why) = same(entry, &sample) {
            failures.push(format!("{} v{}: {why}", sample.name, sample.version));
        }
    }
    assert!(failures.is_empty(), "{} differ:\n{}", failures.len(), failures.join("\n"));
    let requests = pairs.iter().filter(|pair| pair.0 == Kind::Request as u8).count();
    assert_eq!(requests, 309, "live (key, version) pairs of Kafka 4.4");
    let all: usize = CATALOGUE.iter().map(|entry| entry.versions.iter().count()).sum();
    assert_eq!(pairs.len(), all, "every message in every version");
}

fn same(entry: &Entry, sample: &Sample<'_>) -> Result<(), String> {
    let ours = (entry.reencode)(sample.bytes, sample.version).map_err(|why| format!("{why:?}"))?;
    if ours != sample.bytes {
        return Err(format!("Kafka {:02x?}\n   ours {ours:02x?}", sample.bytes));
    }
    let Some(print) = entry.json else { return Ok(()) };
    let ours = print(sample.bytes, sample.version).map_err(|why| why.to_string())?;
    match sample.json {
        Some(theirs) if theirs == ours => Ok(()),
        theirs => Err(format!("Kafka {theirs:?}\n   ours {ours}")),
    }
}
