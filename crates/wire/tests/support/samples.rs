//! Messages with random fields that Kafka's own classes have serialised.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use wire::Reader;
use wire::catalogue::{CATALOGUE, Entry};

use crate::support;

const SEED: u64 = 7;

pub struct Sample<'a> {
    pub name: &'a str,
    pub version: i16,
    pub bytes: &'a [u8],
    /// What Kafka prints; persisted records only.
    #[allow(dead_code, reason = "golden files keep the bytes")]
    pub json: Option<&'a str>,
}

/// Runs `Samples.java` over the whole catalogue.
pub fn of_kafka(jars: &Path, purpose: &str, per_version: usize) -> Vec<u8> {
    let class_path = support::compile(jars, "Samples");
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{purpose}.bin"));
    let mut java = Command::new("java")
        .args(["-XX:TieredStopAtLevel=1", "-cp", &class_path, "Samples"])
        .arg(&file)
        .args([SEED.to_string(), per_version.to_string()])
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

/// The samples in the file that [`of_kafka`] read.
pub fn each(file: &[u8]) -> impl Iterator<Item = Sample<'_>> {
    let mut reader = Reader::new(file);
    std::iter::from_fn(move || {
        if reader.rest().is_empty() {
            return None;
        }
        let length = usize::try_from(reader.i16().unwrap()).unwrap();
        let name = std::str::from_utf8(reader.take(length).unwrap()).unwrap();
        let version = reader.i16().unwrap();
        let bytes = sized(&mut reader).unwrap();
        let json = sized(&mut reader).map(|json| std::str::from_utf8(json).unwrap());
        Some(Sample { name, version, bytes, json })
    })
}

fn sized<'a>(reader: &mut Reader<'a>) -> Option<&'a [u8]> {
    let length = usize::try_from(reader.i32().unwrap()).ok()?;
    Some(reader.take(length).unwrap())
}
