//! The house's own commands: `cargo xtask check | test | sim | tidy | bench`.

mod check;
mod prerequisites;
mod run;
mod sim;
mod suites;
mod tally;
mod test;
mod tidy;

use std::process::ExitCode;

const USAGE: &str = "usage: cargo xtask <command>

  check   formatting, lints and tidy: what every commit passes
  test    everything: builds the binary, then runs all tests (the README's second command)
  sim     [seed] [minutes]: replays a history of the simulated cluster, or looks for one that fails
  bench   measures Klamm beside a floor server and Apache Kafka, and prints a table (minutes)
  tidy    the rules of the house that a machine can check";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let outcome = match args.first().map(String::as_str) {
        Some("check") => check::check(),
        Some("test") => test::test(&args[1..]),
        Some("bench") => {
            run::run(run::cargo(&["run", "--release", "-q", "-p", "bench", "--"]).args(&args[1..]))
        }
        Some("sim") => sim::sim(&args[1..]),
        Some("tidy") => tidy::tidy(&run::root()),
        _ => Err(USAGE.to_owned()),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            eprintln!("{reason}");
            ExitCode::FAILURE
        }
    }
}
