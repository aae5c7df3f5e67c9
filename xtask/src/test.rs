//! `test`: builds the binary, then runs every test and closes with one line that counts them.

use crate::prerequisites;
use crate::run::{cargo, root, run};
use crate::suites;
use crate::tally::Tally;
use crate::tidy::tidy;

/// Runs all tests, or those whose names contain a filter in `args`.
///
/// # Errors
/// A missing runtime in CI, a build that fails, or that tests failed.
pub fn test(args: &[String]) -> Result<(), String> {
    prerequisites::ensure()?;
    let mut tally = Tally::default();
    match tidy(&root()) {
        Ok(()) => tally.passed += 1,
        Err(reason) => {
            eprintln!("{reason}");
            tally.fail("xtask", "tidy");
        }
    }
    run(&mut cargo(&["build", "--release", "--locked", "--quiet", "--package", "klamm-cli"]))?;
    let suites = suites::build()?;
    suites::run_all(suites, args, &mut tally)?;
    for failure in &tally.failures {
        println!("failed: {failure}");
    }
    println!("{} passed, {} failed", tally.passed, tally.failed);
    if tally.failed == 0 { Ok(()) } else { Err("tests failed".to_owned()) }
}
