//! Apache Kafka's jars as oracle, and the programs of `tests/java` that ask it.

#![allow(dead_code, reason = "each test file uses a part of it")]

use std::path::{Path, PathBuf};
use std::process::Command;

/// The folder with Kafka's jars; `None` where Java or Maven is missing.
pub fn jars() -> Option<PathBuf> {
    e2e::java::jars(e2e::java::Release::Broker)
}

/// A file of this crate.
pub fn source(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// Compiles a Java program of `tests/java` and gives the class path to run it.
pub fn compile(jars: &Path, program: &str) -> String {
    let classes = Path::new(env!("CARGO_TARGET_TMPDIR")).join("classes").join(program);
    let libraries = format!("{}/*", jars.display());
    let compiled = Command::new("javac")
        .args(["-cp", &libraries, "-sourcepath"])
        .arg(source("tests/java"))
        .arg("-d")
        .arg(&classes)
        .arg(source(&format!("tests/java/{program}.java")))
        .status();
    assert!(compiled.is_ok_and(|status| status.success()), "{program}.java does not compile");
    format!("{}:{libraries}", classes.display())
}
