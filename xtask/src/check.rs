//! `check`: formatting, lints and tidy, the quick gate of every commit.

use crate::run::{answers, cargo, root, run};
use crate::tidy::tidy;

/// Runs every check and stops at the first that fails.
pub fn check() -> Result<(), String> {
    tidy(&root())?;
    run(&mut cargo(&["fmt", "--all", "--check"]))?;
    run(&mut cargo(&[
        "clippy",
        "--workspace",
        "--all-targets",
        "--locked",
        "--quiet",
        "--",
        "-D",
        "warnings",
    ]))?;
    if answers("cargo-deny", "--version") {
        run(&mut cargo(&["deny", "--log-level", "error", "check"]))?;
    } else {
        eprintln!("skipped: cargo-deny is not installed (cargo install cargo-deny)");
    }
    Ok(())
}
