//! Prints batches as `tests/java/Batches.java` does, and runs the programs of `tests/java`.

#![allow(dead_code, reason = "each test file uses a part of it")]

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::{env, fs};

use record::{Batch, Record, Scratch, TimestampType, batches, crc32c};

/// Batches with more records than this print one sum over their lines.
const RECORDS_PRINTED_MAX: usize = 20;

/// Every batch and record of `bytes`, one a line.
pub fn print(bytes: &[u8]) -> String {
    let mut out = String::new();
    let mut scratch = Scratch::new();
    let mut framed = batches(bytes);
    for batch in &mut framed {
        let batch = batch.expect("a batch");
        print_header(&mut out, &batch);
        let records = batch.records(&mut scratch).expect("the records inflate");
        let lines: Vec<_> = records.map(|record| line(&record.expect("a record"))).collect();
        if lines.len() <= RECORDS_PRINTED_MAX {
            for line in lines {
                writeln!(out, "{line}").expect("in memory");
            }
        } else {
            let sum = lines.iter().fold(0_i32, |sum, line| {
                sum.wrapping_mul(31).wrapping_add(types::java_hash::string_hash_code(line))
            });
            writeln!(out, "  {} records of sum {sum}", lines.len()).expect("in memory");
        }
    }
    assert!(framed.tail().is_empty(), "the file ends with a whole batch");
    out
}

fn print_header(out: &mut String, batch: &Batch<'_>) {
    let header = batch.header();
    let attributes = header.attributes;
    let word = |set: bool, word: &'static str| if set { word } else { "" };
    writeln!(
        out,
        "batch {}..{} count {} epoch {} {} {}{}{} max {} producer {}/{}/{}..{}{}{}",
        header.base_offset,
        header.last_offset(),
        header.record_count,
        header.leader_epoch,
        attributes.compression(),
        match attributes.timestamp_type() {
            TimestampType::CreateTime => "CreateTime",
            TimestampType::LogAppendTime => "LogAppendTime",
        },
        word(attributes.is_transactional(), " transactional"),
        word(attributes.is_control(), " control"),
        header.max_timestamp,
        header.producer_id,
        header.producer_epoch,
        header.base_sequence,
        header.last_sequence(),
        header.delete_horizon().map_or(String::new(), |horizon| format!(" horizon {horizon}")),
        word(!batch.is_crc_valid(), " CORRUPT"),
    )
    .expect("in memory");
}

fn line(record: &Record<'_>) -> String {
    let mut out = format!(
        "  {} at {} {}={}",
        record.offset,
        record.timestamp,
        hex(record.key),
        hex(record.value)
    );
    for header in record.headers {
        write!(out, " {}:{}", hex(Some(header.key)), hex(header.value)).expect("in memory");
    }
    out
}

fn hex(bytes: Option<&[u8]>) -> String {
    bytes
        .map_or("null".to_owned(), |bytes| bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// A forged batch with the length and the checksum that it should have.
pub fn sealed(mut bytes: Vec<u8>) -> Vec<u8> {
    let length = i32::try_from(bytes.len() - 12).expect("small");
    bytes[8..12].copy_from_slice(&length.to_be_bytes());
    let crc = crc32c(&bytes[21..]);
    bytes[17..21].copy_from_slice(&crc.to_be_bytes());
    bytes
}

/// A file of this crate.
pub fn source(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// What a program of `tests/java` prints; `None` where there is no Maven and no CI.
pub fn java(program: &str, arguments: &[&str]) -> Option<String> {
    let jars = format!("{}/*", jars()?.display());
    let classes = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("classes-{program}"));
    let compiled = Command::new("javac")
        .args(["-cp", &jars, "-d"])
        .arg(&classes)
        .arg(source(&format!("tests/java/{program}.java")))
        .status();
    assert!(compiled.is_ok_and(|status| status.success()), "{program}.java does not compile");
    let output = Command::new("java")
        .args(["-Xmx256M", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC"])
        .args(["-cp", &format!("{}:{jars}", classes.display()), program])
        .args(arguments)
        .output()
        .expect("java runs where javac does");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Some(String::from_utf8(output.stdout).expect("text"))
}

/// Tests of one process wait for each other's download.
static FETCHING: Mutex<()> = Mutex::new(());

/// The folder with Kafka's jars, fetched once.
fn jars() -> Option<PathBuf> {
    let _guard = FETCHING.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("kafka-storage-4.4.0");
    if folder.exists() {
        return Some(folder);
    }
    // Another test process may fetch at the same time: fetch aside, then rename.
    let aside = folder.with_extension(std::process::id().to_string());
    let fetched = Command::new("mvn")
        .args(["-q", "-B", "-f"])
        .arg(source("tests/java/pom.xml"))
        .arg("dependency:copy-dependencies")
        .arg(format!("-DoutputDirectory={}", aside.display()))
        .status();
    if !fetched.as_ref().is_ok_and(std::process::ExitStatus::success) {
        assert!(env::var_os("CI").is_none(), "Maven does not fetch the jars: {fetched:?}");
        eprintln!("skipped: Maven does not fetch Kafka's jars ({fetched:?})");
        return None;
    }
    if fs::rename(&aside, &folder).is_err() {
        assert!(folder.exists(), "the jars cannot be moved to {}", folder.display());
        fs::remove_dir_all(&aside).expect("the copy that came second goes");
    }
    Some(folder)
}
