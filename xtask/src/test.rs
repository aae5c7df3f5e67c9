//! `test`: builds the binary, then runs every test and closes with one line that counts them.

use std::io::{BufRead, BufReader};
use std::process::Stdio;

use crate::prerequisites;
use crate::run::{cargo, describe, root, run};
use crate::tidy::tidy;

#[derive(Default)]
struct Tally {
    passed: u64,
    failed: u64,
    failures: Vec<String>,
}

/// Runs all tests, or those whose names contain a filter in `args` (passed on to `cargo test`).
///
/// # Errors
/// A missing runtime in CI, a build that fails, or the list of failed tests.
pub fn test(args: &[String]) -> Result<(), String> {
    prerequisites::ensure()?;
    let tidy = tidy(&root());
    run(&mut cargo(&["build", "--release", "--locked", "--quiet", "--package", "klamm-cli"]))?;
    run(&mut cargo(&["test", "--workspace", "--locked", "--quiet", "--no-run"]))?;
    let mut tally = Tally::default();
    match tidy {
        Ok(()) => tally.passed += 1,
        Err(reason) => {
            eprintln!("{reason}");
            tally.failed += 1;
            tally.failures.push("tidy".to_owned());
        }
    }
    let ended_well = run_tests(args, &mut tally)?;
    for failure in &tally.failures {
        println!("failed: {failure}");
    }
    println!("{} passed, {} failed", tally.passed, tally.failed);
    if ended_well && tally.failed == 0 { Ok(()) } else { Err("tests failed".to_owned()) }
}

/// Streams cargo's output and counts each harness's summary line.
fn run_tests(args: &[String], tally: &mut Tally) -> Result<bool, String> {
    let mut command = cargo(&["test", "--workspace", "--locked", "--no-fail-fast"]);
    command.args(args).stdout(Stdio::piped());
    command.env("KLAMM_BIN", root().join("target/release/klamm"));
    let line = describe(&command);
    eprintln!("$ {line}");
    let mut child = command.spawn().map_err(|error| format!("{line}: cannot start: {error}"))?;
    let output = child.stdout.take().ok_or("cargo test has no output")?;
    for text in BufReader::new(output).lines() {
        let text = text.map_err(|error| format!("reading the output of {line}: {error}"))?;
        println!("{text}");
        count(&text, tally);
    }
    let status = child.wait().map_err(|error| format!("{line}: {error}"))?;
    Ok(status.success())
}

/// Reads `test NAME ... FAILED` and `test result: ok. 3 passed; 0 failed; …`.
fn count(text: &str, tally: &mut Tally) {
    if let Some(name) = text.strip_prefix("test ").and_then(|t| t.strip_suffix(" ... FAILED")) {
        tally.failures.push(name.to_owned());
    }
    let Some(summary) = text.strip_prefix("test result: ") else { return };
    let number = |word: &str| {
        let before = summary.split(word).next().unwrap_or_default().trim_end();
        before.rsplit([' ', ';']).next().and_then(|n| n.parse::<u64>().ok()).unwrap_or(0)
    };
    tally.passed += number(" passed");
    tally.failed += number(" failed");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn summary_lines_are_added_up() {
        let mut tally = Tally::default();
        for line in [
            "test net::order_is_kept ... ok",
            "test net::garbage ... FAILED",
            "test result: FAILED. 12 passed; 1 failed; 0 ignored; 0 measured; 3 filtered out",
            "test result: ok. 3 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out",
        ] {
            count(line, &mut tally);
        }
        assert_eq!((tally.passed, tally.failed), (15, 1));
        assert_eq!(tally.failures, ["net::garbage"]);
    }
}
