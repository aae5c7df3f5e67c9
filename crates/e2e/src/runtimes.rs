//! The languages of the third-party clients: what is there, and their packages.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Mutex, PoisonError};

use crate::folders;
use crate::process::succeed;

/// Whether `program` is there. A missing one fails in CI; elsewhere the test passes by, saying so.
///
/// # Panics
/// In CI, if it is missing.
#[must_use]
pub fn present(program: &str, argument: &str) -> bool {
    // asking costs a process, and of Maven's a second
    static ANSWERS: Mutex<BTreeMap<String, bool>> = Mutex::new(BTreeMap::new());
    let mut answers = ANSWERS.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(there) = answers.get(program) {
        return *there;
    }
    let mut command = Command::new(program);
    command.arg(argument).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let there = command.status().is_ok_and(|status| status.success());
    let ci = std::env::var_os("CI").is_some_and(|value| !value.is_empty() && value != "false");
    assert!(there || !ci, "{program} is missing, and CI must have it");
    if !there {
        eprintln!("skipped: {program} is not installed");
    }
    answers.insert(program.to_owned(), there);
    there
}

/// A Node.js program of `crates/e2e/js`, with kafkajs beside it. `None` where Node.js is missing.
#[must_use]
pub fn node(script: &str) -> Option<Command> {
    if !present("node", "--version") || !present("npm", "--version") {
        return None;
    }
    let sources = folders::root().join("crates/e2e/js");
    let key = read(&sources.join("package.json"));
    let folder = folders::filled("js", &key, |folder| {
        let package = folder.join("package.json");
        std::fs::write(package, &key).expect("write package.json");
        let mut npm = Command::new("npm");
        npm.args(["install", "--no-audit", "--no-fund", "--silent"]).current_dir(folder);
        succeed(&mut npm, b"");
    });
    let mut command = Command::new("node");
    command.arg(sources.join(script)).env("NODE_PATH", folder.join("node_modules"));
    Some(command)
}

/// A Python program of `crates/e2e/python`, in an environment with confluent-kafka. `None` where
/// Python is missing.
#[must_use]
pub fn python(script: &str) -> Option<Command> {
    let sources = folders::root().join("crates/e2e/python");
    let mut command = Command::new(python_environment(&sources)?.join("bin/python"));
    command.arg(sources.join(script));
    Some(command)
}

fn python_environment(sources: &Path) -> Option<PathBuf> {
    if !present("python3", "--version") {
        return None;
    }
    let requirements = sources.join("requirements.txt");
    Some(folders::filled("python", &read(&requirements), |folder| {
        succeed(Command::new("python3").args(["-m", "venv"]).arg(folder), b"");
        let mut pip = Command::new(folder.join("bin/pip"));
        pip.args(["install", "--quiet", "--disable-pip-version-check", "-r"]).arg(&requirements);
        succeed(&mut pip, b"");
    }))
}

/// A Go program of `crates/e2e/go/NAME`, built. `None` where Go is missing.
#[must_use]
pub fn go(name: &str) -> Option<Command> {
    if !present("go", "version") {
        return None;
    }
    let sources = folders::root().join("crates/e2e/go");
    // its own files, and what the programs have in common
    let folders = [name, "facts"].map(|folder| std::fs::read_dir(sources.join(folder)));
    let entries = folders.into_iter().flat_map(|folder| folder.expect("list the program's files"));
    let mut files: Vec<_> = entries.map(|entry| entry.expect("a file's name").path()).collect();
    files.sort();
    files.push(sources.join("go.mod"));
    let key: String = files.iter().map(|file| read(file)).collect();
    let folder = folders::filled(&format!("go-{name}"), &key, |folder| {
        let mut build = Command::new("go");
        build.args(["build", "-o"]).arg(folder.join(name)).arg(format!("./{name}"));
        succeed(build.current_dir(&sources), b"");
    });
    Some(Command::new(folder.join(name)))
}

/// kcat, ready for its arguments. `None` where it is missing.
#[must_use]
pub fn kcat() -> Option<Command> {
    present("kcat", "-V").then(|| Command::new("kcat"))
}

/// A shell script of `crates/e2e/kcat`. `None` where kcat is missing.
#[must_use]
pub fn kcat_script(script: &str) -> Option<Command> {
    let path = folders::root().join("crates/e2e/kcat").join(script);
    present("kcat", "-V").then(|| Command::new(path))
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}
