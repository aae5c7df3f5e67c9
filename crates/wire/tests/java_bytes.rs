//! Kafka's own classes serialise every message in every version with random fields; ours decodes
//! them, encodes them to the same bytes and prints persisted ones as the same JSON.

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use wire::Reader;
use wire::catalogue::{CATALOGUE, Entry, Kind};

const SEED: u64 = 7;
const SAMPLES_PER_VERSION: usize = 12;

struct Sample<'a> {
    name: &'a str,
    version: i16,
    bytes: &'a [u8],
    json: Option<&'a str>,
}

#[test]
fn kafka_and_we_write_the_same_bytes() {
    let Some(jars) = support::jars() else { return };
    let file = samples_of_kafka(&jars);
    let entries: BTreeMap<&str, &Entry> = CATALOGUE.iter().map(|e| (e.name, e)).collect();
    let mut pairs = BTreeSet::new();
    let mut failures = Vec::new();
    let mut reader = Reader::new(&file);
    while !reader.rest().is_empty() {
        let sample = next_sample(&mut reader);
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

fn samples_of_kafka(jars: &Path) -> Vec<u8> {
    let class_path = support::compile(jars, "Samples");
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join("samples.bin");
    let mut java = Command::new("java")
        .args(["-XX:TieredStopAtLevel=1", "-cp", &class_path, "Samples"])
        .arg(&file)
        .args([SEED.to_string(), SAMPLES_PER_VERSION.to_string()])
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    let mut names = java.stdin.take().unwrap();
    for Entry { name, versions, .. } in CATALOGUE {
        writeln!(names, "{name} {} {}", versions.min, versions.max).unwrap();
    }
    drop(names);
    assert!(java.wait().unwrap().success(), "Samples.java fails");
    std::fs::read(file).unwrap()
}

fn next_sample<'a>(reader: &mut Reader<'a>) -> Sample<'a> {
    let name = {
        let length = usize::try_from(reader.i16().unwrap()).unwrap();
        std::str::from_utf8(reader.take(length).unwrap()).unwrap()
    };
    let version = reader.i16().unwrap();
    let bytes = sized(reader).unwrap();
    let json = sized(reader).map(|json| std::str::from_utf8(json).unwrap());
    Sample { name, version, bytes, json }
}

fn sized<'a>(reader: &mut Reader<'a>) -> Option<&'a [u8]> {
    let length = usize::try_from(reader.i32().unwrap()).ok()?;
    Some(reader.take(length).unwrap())
}
