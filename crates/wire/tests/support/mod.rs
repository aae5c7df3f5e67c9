//! Apache Kafka's jars as oracle: fetched by Maven once, kept under `target/`.

#![allow(dead_code, reason = "each test file uses a part of it")]

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::{env, fs};

/// Tests of one process wait for each other's download.
static FETCHING: Mutex<()> = Mutex::new(());

/// The folder with Kafka's jars; `None` where neither Maven nor CI is there.
pub fn jars() -> Option<PathBuf> {
    let guard = FETCHING.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("kafka-4.4.0");
    if !folder.exists() {
        let pom = source("tests/java/pom.xml");
        // another test process may fetch at the same time: fetch aside, then rename
        let aside = folder.with_extension(std::process::id().to_string());
        let fetched = Command::new("mvn")
            .args(["-q", "-B", "-f"])
            .arg(pom)
            .arg("dependency:copy-dependencies")
            .arg(format!("-DoutputDirectory={}", aside.display()))
            .status();
        match fetched {
            Ok(status) if status.success() => {
                if fs::rename(&aside, &folder).is_err() {
                    assert!(folder.exists(), "the jars cannot be moved to {}", folder.display());
                    fs::remove_dir_all(&aside).unwrap();
                }
            }
            failure => {
                assert!(env::var_os("CI").is_none(), "Maven does not fetch the jars: {failure:?}");
                eprintln!("skipped: Maven does not fetch Kafka's jars ({failure:?})");
                return None;
            }
        }
    }
    drop(guard);
    Some(folder)
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
