//! The bytes of every message in its latest version, and what they mean, kept as files: a change
//! of format without a change of its file fails.
//!
//! `KLAMM_GOLDEN=write cargo test -p wire --test golden` writes the files that are missing or
//! whose version is no longer the latest, with bytes from Kafka's own classes.

#![allow(clippy::unwrap_used, reason = "a test helper that fails ends the test")]

#[path = "support/golden_file.rs"]
mod golden_file;
#[path = "support/samples.rs"]
mod samples;
mod support;

use std::collections::BTreeSet;
use std::env;

use golden_file::Golden;
use samples::Sample;
use wire::catalogue::{CATALOGUE, Entry};

/// Samples are small enough to be read, where there is a choice.
const BYTES_WANTED: usize = 300;
const SAMPLES_PER_VERSION: usize = 12;

#[test]
fn the_latest_version_of_every_message_keeps_its_bytes_and_its_meaning() {
    if env::var_os("KLAMM_GOLDEN").is_some_and(|mode| mode == "write") {
        write_outdated();
    }
    let goldens = golden_file::all();
    for entry in CATALOGUE {
        let golden = goldens.get(entry.name);
        let golden = golden.unwrap_or_else(|| panic!("{} has no golden file", entry.name));
        assert_eq!(golden.version, entry.versions.max, "latest version of {}", entry.name);
        let meaning = (entry.debug)(&golden.bytes, golden.version).unwrap();
        assert_eq!(meaning, golden.meaning, "fields of {}", entry.name);
        let bytes = (entry.reencode)(&golden.bytes, golden.version).unwrap();
        assert_eq!(bytes, golden.bytes, "bytes of {}", entry.name);
    }
    let known: BTreeSet<&str> = CATALOGUE.iter().map(|entry| entry.name).collect();
    let files: BTreeSet<&str> = goldens.keys().map(String::as_str).collect();
    assert_eq!(files, known, "golden files and messages");
}

fn write_outdated() {
    let jars = support::jars().expect("golden bytes come from Kafka's classes");
    let file = samples::of_kafka(&jars, "golden", SAMPLES_PER_VERSION);
    let samples: Vec<Sample<'_>> = samples::each(&file).collect();
    let goldens = golden_file::all();
    for entry in CATALOGUE {
        if goldens.get(entry.name).is_none_or(|golden| golden.version != entry.versions.max) {
            golden_file::write(entry.name, &golden_of(entry, &samples));
        }
    }
}

/// The largest readable sample of the latest version, else the smallest.
fn golden_of(entry: &Entry, samples: &[Sample<'_>]) -> Golden {
    let latest = |s: &&Sample<'_>| s.name == entry.name && s.version == entry.versions.max;
    let mut latest: Vec<&Sample<'_>> = samples.iter().filter(latest).collect();
    latest.sort_by_key(|sample| sample.bytes.len());
    let readable = latest.iter().rev().find(|sample| sample.bytes.len() <= BYTES_WANTED);
    let sample = readable.unwrap_or(&latest[0]);
    Golden {
        version: sample.version,
        bytes: sample.bytes.to_vec(),
        meaning: (entry.debug)(sample.bytes, sample.version).unwrap(),
    }
}
