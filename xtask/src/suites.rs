//! The workspace's test programs, run side by side: most of them wait for servers most of the time.

use std::collections::VecDeque;
use std::io::{self, BufRead, BufReader, PipeReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Instant;

use serde_json::Value;

use crate::run::{cargo, describe, root};
use crate::tally::Tally;

/// So many run at once. More would only wait for the processors of a small machine.
const STREAMS: usize = 2;

/// Those that take minutes: begun first, so that none is left to run alone at the end.
const LONGEST: [&str; 4] =
    ["tests/tools.rs", "tests/chaos.rs", "tests/flights.rs", "tests/migration.rs"];

/// A program that runs tests and prints what libtest prints.
#[derive(Debug)]
pub struct Suite {
    /// As a person would look for it, such as `e2e tests/tools.rs`.
    name: String,
    program: PathBuf,
    /// The folder of its package, which it runs in.
    package: PathBuf,
}

/// Builds every test program, in the order in which they are run.
///
/// # Errors
/// What does not build, or cargo's own failure.
pub fn build() -> Result<Vec<Suite>, String> {
    let mut command = cargo(&["test", "--workspace", "--locked", "--no-run"]);
    command.arg("--message-format=json-render-diagnostics").stdout(Stdio::piped());
    let line = describe(&command);
    eprintln!("$ {line}");
    let failed = |error: io::Error| format!("{line}: {error}");
    let output = command.output().map_err(failed)?;
    if !output.status.success() {
        return Err(format!("{line}: {}", output.status));
    }
    let messages = String::from_utf8_lossy(&output.stdout);
    let mut suites: Vec<Suite> = messages.lines().filter_map(suite).collect();
    suites.sort_by_key(Suite::turn);
    Ok(suites)
}

/// The test program that a message of cargo's tells of.
fn suite(message: &str) -> Option<Suite> {
    let message: Value = serde_json::from_str(message).ok()?;
    if !message.get("profile")?.get("test")?.as_bool()? {
        return None;
    }
    let program = PathBuf::from(message.get("executable")?.as_str()?);
    let package = Path::new(message.get("manifest_path")?.as_str()?).parent()?.to_owned();
    let source = Path::new(message.get("target")?.get("src_path")?.as_str()?);
    let source = source.strip_prefix(&package).unwrap_or(source);
    let name = format!("{} {}", package.file_name()?.display(), source.display());
    Some(Suite { name, program, package })
}

/// Runs all suites, and the examples in the documentation; `filters` go to each.
///
/// # Errors
/// A program that cannot be started. Tests that fail are in the tally.
pub fn run_all(suites: Vec<Suite>, filters: &[String], tally: &mut Tally) -> Result<(), String> {
    let mut queue: VecDeque<(String, Command)> = suites.into_iter().map(Suite::command).collect();
    queue.push_back(("examples".to_owned(), cargo(&["test", "--workspace", "--locked", "--doc"])));
    let queue = Mutex::new(queue);
    let tallies = thread::scope(|scope| {
        let stream = || -> Result<Tally, String> {
            let mut tally = Tally::default();
            loop {
                let next = queue.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
                let Some((name, mut command)) = next else { return Ok(tally) };
                command.args(filters).env("KLAMM_BIN", root().join("target/release/klamm"));
                run_one(&name, command, &mut tally).map_err(|error| format!("{name}: {error}"))?;
            }
        };
        let streams: Vec<_> = (0..STREAMS).map(|_| scope.spawn(stream)).collect();
        let ended = streams.into_iter().map(|stream| stream.join().expect("it does not panic"));
        ended.collect::<Result<Vec<_>, _>>()
    })?;
    tallies.into_iter().for_each(|part| tally.add(part));
    Ok(())
}

impl Suite {
    /// Suites that run servers come first, the longest of them before the others.
    fn turn(&self) -> (bool, bool) {
        let (crate_name, source) = self.name.split_once(' ').unwrap_or_default();
        (crate_name != "e2e", !LONGEST.contains(&source))
    }

    fn command(self) -> (String, Command) {
        let mut command = Command::new(&self.program);
        command.current_dir(&self.package).env("CARGO_MANIFEST_DIR", &self.package);
        (self.name, command)
    }
}

/// Prints what a suite said as one piece when it has ended, so that two do not get mixed up.
fn run_one(name: &str, mut command: Command, tally: &mut Tally) -> io::Result<()> {
    let started = Instant::now();
    let (output, mut child) = spawn(command.stdin(Stdio::null()))?;
    // it holds the other end of the pipe
    drop(command);
    let mut said = format!("\nrunning {name}\n");
    let known = tally.failed;
    for line in BufReader::new(output).lines() {
        let line = line?;
        tally.count(name, &line);
        said.push_str(&line);
        said.push('\n');
    }
    let status = child.wait()?;
    if !status.success() && tally.failed == known {
        tally.fail(name, &status.to_string());
    }
    println!("{said}{name}: {:.1} s", started.elapsed().as_secs_f64());
    Ok(())
}

fn spawn(command: &mut Command) -> io::Result<(PipeReader, Child)> {
    let (output, input) = io::pipe()?;
    command.stdout(input.try_clone()?).stderr(input);
    Ok((output, command.spawn()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cargo_tells_of_test_programs_and_of_more() {
        let told = r#"{"reason":"compiler-artifact","manifest_path":"/k/crates/e2e/Cargo.toml",
            "target":{"src_path":"/k/crates/e2e/tests/tools.rs"},"profile":{"test":true},
            "executable":"/k/target/debug/deps/tools-1"}"#;
        let found = suite(told).expect("it is one");
        assert_eq!(found.name, "e2e tests/tools.rs");
        assert_eq!(found.package, Path::new("/k/crates/e2e"));
        assert!(suite(&told.replace("true", "false")).is_none());
        assert!(suite(&told.replace("\"/k/target/debug/deps/tools-1\"", "null")).is_none());
        assert!(suite(r#"{"reason":"build-finished","success":true}"#).is_none());
    }

    #[test]
    fn a_program_that_dies_without_a_word_has_failed() {
        let mut tally = Tally::default();
        run_one("dies", Command::new("false"), &mut tally).expect("it starts");
        assert_eq!((tally.passed, tally.failed), (0, 1));
        assert!(tally.failures[0].starts_with("dies: "), "{:?}", tally.failures);
    }
}
