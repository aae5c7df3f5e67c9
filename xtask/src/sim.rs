//! `sim`: replays one history of the simulated cluster, or looks for one that fails.

use std::process::Command;
use std::time::SystemTime;

use crate::run::{cargo, run};

/// How long a search goes on that was given no time.
const MINUTES: u64 = 1;

/// `sim SEED` replays and tells one history; `sim SEED MINUTES` searches from that seed on; `sim` alone
/// searches where nobody has.
///
/// # Errors
/// Words that are no numbers, or the history that failed: it is printed as small as it can be made.
pub fn sim(args: &[String]) -> Result<(), String> {
    let number = |word: &String| {
        word.parse::<u64>().map_err(|error| format!("sim: {word} is no number: {error}"))
    };
    match args {
        [] => search(fresh(), MINUTES),
        [seed] => run(histories().env("SEED", number(seed)?.to_string())),
        [seed, minutes] => search(number(seed)?, number(minutes)?),
        _ => Err("usage: cargo xtask sim [seed] [minutes]".to_owned()),
    }
}

fn search(from: u64, minutes: u64) -> Result<(), String> {
    println!("from seed {from}, for {minutes} min");
    run(histories().env("FROM", from.to_string()).env("MINUTES", minutes.to_string()))
}

/// The test that runs histories, as its environment says.
fn histories() -> Command {
    cargo(&["test", "--quiet", "--locked", "-p", "sim", "seeds_hold", "--", "--nocapture"])
}

/// A seed far from those that every run of the tests tries.
fn fresh() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    since.map_or(1_000_000, |since| since.as_secs().saturating_mul(10_000))
}
