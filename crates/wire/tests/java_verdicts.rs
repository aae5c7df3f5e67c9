//! Kafka's own classes read what ours reads, and the other way round, on damaged messages.

#![allow(clippy::unwrap_used, reason = "a test helper that fails ends the test")]

#[path = "support/golden_file.rs"]
mod golden_file;
mod support;

use std::path::Path;
use std::process::Command;

use wire::catalogue::{CATALOGUE, Entry, Failure};
use wire::{Malformed, Reader};

struct Case<'e> {
    entry: &'e Entry,
    version: i16,
    bytes: Vec<u8>,
}

#[test]
fn kafka_and_we_read_the_same_damaged_messages() {
    let Some(jars) = support::jars() else { return };
    let cases = damaged();
    let verdicts = verdicts_of_kafka(&jars, &cases);
    let mut reader = Reader::new(&verdicts);
    let mut differences = Vec::new();
    let mut read_by_both = 0;
    for case in &cases {
        let length = usize::try_from(reader.i32().unwrap()).ok();
        let theirs = length.map(|length| reader.take(length).unwrap());
        match (theirs, (case.entry.reencode)(&case.bytes, case.version)) {
            (None, Err(_)) => {}
            (Some(theirs), Ok(ours)) => {
                read_by_both += 1;
                // Kafka keeps unknown tags, ours drops them
                if (case.entry.reencode)(theirs, case.version).as_ref() != Ok(&ours) {
                    differences.push(format!("{}: another meaning", shown(case)));
                }
            }
            (Some(_), Err(Failure::Decode(why))) if stricter(&why.reason) => {}
            (Some(_), Err(why)) => differences.push(format!("{}: {why:?}", shown(case))),
            (None, Ok(_)) => differences.push(format!("{}: only we read it", shown(case))),
        }
    }
    let shown: Vec<&str> = differences.iter().take(SHOWN_MAX).map(String::as_str).collect();
    let (count, all) = (differences.len(), cases.len());
    assert!(differences.is_empty(), "{count} of {all} differ:\n{}", shown.join("\n"));
    assert!(read_by_both > cases.len() / 10, "{read_by_both} of {} are read", cases.len());
}

/// Where ours refuses what Kafka lets pass, on purpose.
fn stricter(reason: &Malformed) -> bool {
    matches!(reason, Malformed::Utf8 | Malformed::TagSize { .. })
}

fn shown(case: &Case<'_>) -> String {
    format!("{} v{} {:02x?}", case.entry.name, case.version, case.bytes)
}

/// Golden messages in all their versions, each with one byte changed.
fn damaged() -> Vec<Case<'static>> {
    let goldens = golden_file::all();
    let mut cases = Vec::new();
    for entry in CATALOGUE {
        let golden = &goldens[entry.name].bytes;
        for version in entry.versions.iter() {
            for at in 0..golden.len().min(POSITIONS) {
                for byte in [0x00, 0x01, 0x7f, 0x80, 0xff, golden[at] ^ 1] {
                    let mut bytes = golden.clone();
                    bytes[at] = byte;
                    cases.push(Case { entry, version, bytes });
                }
            }
        }
    }
    cases
}

const POSITIONS: usize = 48;
const SHOWN_MAX: usize = 20;

fn verdicts_of_kafka(jars: &Path, cases: &[Case<'_>]) -> Vec<u8> {
    let class_path = support::compile(jars, "Judge");
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let (input, output) = (folder.join("judge.in"), folder.join("judge.out"));
    let mut bytes = Vec::new();
    for Case { entry, version, bytes: case } in cases {
        bytes.extend(u16::try_from(entry.name.len()).unwrap().to_be_bytes());
        bytes.extend(entry.name.bytes());
        bytes.extend(version.to_be_bytes());
        bytes.extend(u32::try_from(case.len()).unwrap().to_be_bytes());
        bytes.extend(case);
    }
    std::fs::write(&input, bytes).unwrap();
    let judged = Command::new("java")
        .args(["-XX:TieredStopAtLevel=1", "-cp", &class_path, "Judge"])
        .args([&input, &output])
        .status();
    assert!(judged.unwrap().success(), "Judge.java fails");
    std::fs::read(output).unwrap()
}
