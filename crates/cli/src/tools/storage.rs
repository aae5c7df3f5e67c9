//! `klamm storage`, `kafka-storage`: formats log directories and looks at them.

mod directories;
mod features;
mod format;
mod info;
mod options;

use std::fs::File;
use std::io::{self, Read};
use std::process::ExitCode;

use clap::ArgMatches;
use types::Uuid;

use super::support::feature_levels;

/// Runs the tool on the arguments after its name.
pub fn run(args: &[String]) -> ExitCode {
    let words = std::iter::once("kafka-storage").chain(args.iter().map(String::as_str));
    let matches = match options::command().try_get_matches_from(words) {
        Ok(matches) => matches,
        Err(error) => {
            let code = if error.use_stderr() { ExitCode::FAILURE } else { ExitCode::SUCCESS };
            // nothing is left to do for a terminal that is gone
            let _ = error.print();
            return code;
        }
    };
    match execute(&matches) {
        Ok(code) => code,
        Err(refusal) => {
            eprintln!("{refusal}");
            ExitCode::FAILURE
        }
    }
}

fn execute(matches: &ArgMatches) -> Result<ExitCode, String> {
    let done = |()| ExitCode::SUCCESS;
    match matches.subcommand() {
        Some(("info", args)) => info::run(args),
        Some(("format", args)) => format::run(args).map(done),
        Some(("version-mapping", args)) => {
            let release = args.get_one::<String>("release-version").map(String::as_str);
            feature_levels::version_mapping(release).map(done)
        }
        Some(("feature-dependencies", args)) => {
            let features = args.get_many::<String>("feature").into_iter().flatten();
            feature_levels::dependencies(features.map(String::as_str)).map(done)
        }
        Some(_) | None => {
            println!("{}", random_id().map_err(|error| error.to_string())?);
            Ok(ExitCode::SUCCESS)
        }
    }
}

/// A random id that tools accept as an argument: none begins with a dash.
fn random_id() -> io::Result<Uuid> {
    loop {
        let id = Uuid::from_random(random_bytes()?);
        if !id.to_string().starts_with('-') {
            return Ok(id);
        }
    }
}

fn random_bytes() -> io::Result<[u8; 16]> {
    let mut bytes = [0; 16];
    File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(bytes)
}
